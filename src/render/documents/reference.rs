//! The table of all documents, and the page of the reference that is made from their schemas.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::active_releases::ActiveReleases;
use super::comparison::Comparison;
use super::error::ErrorDocument;
use super::evaluation::EvaluatedFileDocument;
use super::issues::IssuesDocument;
use super::job::{DefinedDocument, JobRunDocument, RequiredDocument, StartedDocument};
use super::jobs::{AggregatorPassDocument, BuildDocument, ControllerPassDocument, RecordChange};
use super::metadata::MetadataDocument;
use super::plan::PlanDocument;
use super::program::{Done, Pages};
use super::registries::CheckedRegistries;
use super::rehearsal::{RehearsalDocument, Scenarios, Served};
use super::settings::SettingsDocument;
use super::shipped::ShippedDocument;
use super::state_files::{StateFiles, UnsentChanges};
use super::status::Status;
use super::task::TaskDocument;

/// What a command prints as JSON.
pub struct PrintedDocument {
    /// Name of the document.
    pub name: &'static str,
    /// Commands that print it.
    pub commands: &'static str,
    /// Its schema.
    pub schema: Schema,
}

fn printed<T: JsonSchema>(name: &'static str, commands: &'static str) -> PrintedDocument {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    PrintedDocument { name, commands, schema: generator.into_root_schema_for::<T>() }
}

/// Every document.
pub fn all() -> Vec<PrintedDocument> {
    vec![
        printed::<ErrorDocument>("error", "every command that could not do what was asked"),
        printed::<TaskDocument>("task", "every task, add-qe-approval, ctl approval-checker"),
        printed::<PlanDocument>("plan", "plan, drive"),
        printed::<Status>("status", "status"),
        printed::<ShippedDocument>("shipped", "is-shipped"),
        printed::<MetadataDocument>("metadata", "metadata"),
        printed::<ActiveReleases>("active-releases", "active-releases"),
        printed::<IssuesDocument>("issues", "issue list; issue add and issue resolve when it is stored"),
        printed::<Done>(
            "done",
            "update-task-status, answer, issue add and issue resolve when there is nothing to list, config check, config encrypt, config decrypt",
        ),
        printed::<SettingsDocument>("settings", "config show"),
        printed::<StateFiles>("state-files", "state check, state fmt"),
        printed::<UnsentChanges>("unsent", "state unsent"),
        printed::<EvaluatedFileDocument>(
            "evaluation",
            "jobctl evaluate (one per record: a list unless it is exactly one); --format json prints the same",
        ),
        printed::<StartedDocument>("started-job", "job run, job run-image-consistency-check, job run-stage-testing"),
        printed::<RequiredDocument>("required-jobs", "job run-required"),
        printed::<JobRunDocument>("job-run", "job get-results"),
        printed::<DefinedDocument>("defined-tests", "job list"),
        printed::<CheckedRegistries>("registries", "jobctl registry check"),
        printed::<ControllerPassDocument>("controller-pass", "jobctl start-controller"),
        printed::<BuildDocument>("build-jobs", "jobctl trigger-jobs-for-build"),
        printed::<AggregatorPassDocument>("aggregator-pass", "jobctl start-aggregator"),
        printed::<RecordChange>(
            "record-change",
            "jobctl promote-test-results, jobctl reject-payload, jobctl update-retried-job-run",
        ),
        printed::<RehearsalDocument>("rehearsal", "rehearse"),
        printed::<Scenarios>("scenarios", "sim scenarios"),
        printed::<Served>("served", "sim serve"),
        printed::<Comparison>(
            "comparison",
            "ctl image-consistency-check (one per architecture: a list when there are several)",
        ),
        printed::<Pages>("pages", "man --dir"),
    ]
}

/// What prints something else, and what that is.
pub const EXCEPTIONS: [(&str, &str); 8] = [
    (
        "state show",
        "each state file as one line of JSON, key by key as it is stored; for one that cannot be used a line like those of state check",
    ),
    (
        "-r R config show",
        "values of build data with assembly and entry, what is not ready, and differences to older readers",
    ),
    (
        "sim status, sim event, sim pause, sim resume, sim advance, sim limits",
        "`ok` and what the simulated world answered",
    ),
    (
        "mcp tools, mcp token add, mcp token list, mcp token revoke, mcp audit verify, mcp install",
        "`ok` and what was asked for",
    ),
    ("mcp serve", "nothing: it speaks its protocol"),
    ("config encrypt, config decrypt with `-`", "the file itself"),
    ("completions, man", "a script, a page in roff"),
    ("--help, --version", "text"),
];

/// The page of the reference.
pub fn page() -> String {
    let mut text = String::from(
        "With `--json` every command prints exactly one document on standard output; log, progress and the text of \
         errors go to standard error. Times are UTC as `2026-06-10T06:00:00Z`. A field may be added in a later \
         version; one that is listed here stays and keeps its type.\n",
    );
    for PrintedDocument { name, commands, schema } in all() {
        let schema = schema.to_value();
        text.push_str(&format!("\n## {name}\n\nPrinted by: {commands}.\n"));
        section(&mut text, &schema, None);
        for (part, schema) in schema["$defs"].as_object().into_iter().flatten() {
            section(&mut text, schema, Some(part));
        }
    }
    text.push_str("\n## Something else\n\n| Command | Prints with `--json` |\n|---|---|\n");
    for (command, prints) in EXCEPTIONS {
        text.push_str(&format!("| {command} | {prints} |\n"));
    }
    text
}

fn section(text: &mut String, schema: &Value, part: Option<&str>) {
    let about = schema["description"].as_str().unwrap_or_default();
    match part {
        Some(part) => text.push_str(&format!("\n**{part}**: {about}\n\n")),
        None => text.push_str(&format!("\n{about}\n\n")),
    }
    text.push_str("| Field | Type | Meaning |\n|---|---|---|\n");
    for (field, of) in schema["properties"].as_object().into_iter().flatten() {
        let meaning = of["description"].as_str().unwrap_or_default();
        text.push_str(&format!("| `{field}` | {} | {meaning} |\n", type_of(of)));
    }
}

fn type_of(schema: &Value) -> String {
    let referred = |path: &Value| path.as_str().and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    if let Some(name) = referred(&schema["$ref"]) {
        return name;
    }
    if let Some(either) = schema["anyOf"].as_array() {
        return either.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    let one = |name: &str| match name {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "object" if schema["additionalProperties"]["$ref"].is_string() => {
            format!("object of {}", type_of(&schema["additionalProperties"]))
        }
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "any".to_owned(),
    }
}
