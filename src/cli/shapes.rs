//! The documents that `--json` prints, as types: `docs/reference/json.md` is made from them, and a test reads what
//! a rehearsal prints into them.
//!
//! They are the promise to scripts, so they are written down apart from what prints. A field may be added; one
//! that is here neither goes nor changes its type.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Every error, whatever the command; the exit code of the program is the same as `error.exit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorDocument {
    /// Always false
    pub ok: bool,
    /// What went wrong
    pub error: ErrorPart,
}

/// What went wrong.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorPart {
    /// Kind of trouble: auth, config, conflict, corrupt, internal, invalid-input, not-found, not-ready, rate-limit, transient
    pub class: String,
    /// What failed
    pub what: String,
    /// Why, the nearest cause first
    pub why: Vec<String>,
    /// What had already happened outside
    pub done: Vec<String>,
    /// What to do
    pub next: String,
    /// Exit code of the program
    pub exit: u8,
}

/// One run of one task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskReport {
    /// False for a verdict against the release
    pub ok: bool,
    /// The release
    pub release: String,
    /// The task
    pub task: String,
    /// Its status after the run: Not Started, In Progress, Pass, Fail
    pub status: String,
    /// Did the run change the status?
    pub changed: bool,
    /// passed, waiting, blocked, failed or unchanged
    pub outcome: String,
    /// What the run found out, in one sentence
    pub summary: String,
    /// What it waits for, unless it does not
    pub waiting: Option<Waiting>,
    /// The job elsewhere that it waits for, if there is one
    pub job: Option<Job>,
    /// What changed outside
    pub effects: Vec<String>,
    /// What is odd but held nobody up
    pub warnings: Vec<String>,
    /// What to do next
    pub next: String,
    /// A document of the task's own, such as the comparison of image-consistency-check --local
    pub details: Option<Value>,
    /// When the run began (UTC)
    pub started_at: String,
    /// When it ended (UTC)
    pub ended_at: String,
}

/// What a task waits for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// In words
    pub on: String,
    /// When to look again; absent when a closed gate holds it
    pub recheck_minutes: Option<u64>,
}

/// A job elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// jenkins or prow
    pub system: String,
    /// Build number or job id; empty while it is only queued
    pub id: String,
    /// Page for people
    pub url: Option<String>,
    /// When it was started (UTC)
    pub triggered_at: Option<String>,
}

/// What is next, and why nothing else is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// False when a task failed
    pub ok: bool,
    /// The release
    pub release: String,
    /// Green or Red
    pub overall: String,
    /// Which part of the way the release is on
    pub phase: String,
    /// done, waiting, needs-person, failed or continue
    pub verdict: String,
    /// The earliest time to look again (UTC)
    pub recheck_at: Option<String>,
    /// What would be done now, in words
    pub actions: Vec<String>,
    /// Why nothing else is done, one message per reason
    pub messages: Vec<Message>,
    /// Tasks that passed
    pub passed: Vec<String>,
    /// Tasks that run, with their jobs
    pub running: Vec<Running>,
    /// Tasks that come next
    pub next: Vec<String>,
}

/// One message of a plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// See messages.md
    pub kind: String,
    /// The task it concerns
    pub task: Option<String>,
    /// One line
    pub text: String,
    /// Since when (UTC)
    pub since: Option<String>,
    /// When to look again (UTC)
    pub recheck: Option<String>,
    /// Pages to look at
    pub links: Vec<String>,
    /// What to do, in order
    pub steps: Vec<String>,
}

/// A task that runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// The task
    pub task: String,
    /// Its job, when it is known
    pub job: Option<Job>,
}

/// Where a release stands, as stored.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Always true
    pub ok: bool,
    /// Where the answer comes from: statebox
    pub source: String,
    /// The release
    pub release: String,
    /// Green or Red
    pub overall_status: String,
    /// Status of every task of the flow, by name
    pub task_map: Map<String, Value>,
    /// The state file as it is; a task's reason of an earlier attempt or refusal is called earlier_reason
    pub state: Map<String, Value>,
    /// What comes next and why
    pub plan: Plan,
    /// What is waited for
    pub waits: Vec<StatusWait>,
    /// The next steps, in words
    pub next: Vec<String>,
    /// Facts that could not be asked for anew
    pub old: Vec<String>,
}

/// One thing that is waited for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusWait {
    /// The task, when it is one task that waits
    pub task: Option<String>,
    /// What for
    pub what: String,
    /// Since when
    pub since: Option<String>,
    /// When to look again
    pub recheck_at: Option<String>,
}

/// Whether a release is out of our hands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shipped {
    /// Could everything be asked?
    pub ok: bool,
    /// The release
    pub release: String,
    /// null when not everything could be asked
    pub shipped: Option<bool>,
    /// Errata or Konflux
    pub flow_type: String,
    /// What each thing that was asked said
    pub details: Map<String, Value>,
    /// What is still open
    pub open: Vec<String>,
}

/// What build data says about a release.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Always true
    pub ok: bool,
    /// The release
    pub release: String,
    /// Errata or Konflux
    pub flow_type: String,
    /// The assembly that was read
    pub assembly: String,
    /// As build data spells it
    pub release_date: Option<String>,
    /// The ART ticket
    pub jira_ticket: Option<String>,
    /// Address of the shipment merge request
    pub shipment_mr: Option<String>,
    /// Advisory number by kind
    pub advisories: Map<String, Value>,
    /// Nightly by architecture
    pub candidate_builds: Map<String, Value>,
    /// Entries that are not there yet, and why
    pub not_ready: Vec<NotReady>,
    /// What is odd
    pub warnings: Vec<String>,
    /// The assembly each entry comes from
    pub origins: Map<String, Value>,
    /// Entry, stored, fresh: where the state file differs
    pub differences: Vec<(String, String, String)>,
}

/// An entry of build data that cannot be used yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotReady {
    /// Its dotted name
    pub entry: String,
    /// What is the matter
    pub why: String,
}

/// Releases that need attention.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActiveReleases {
    /// Always true
    pub ok: bool,
    /// One per release
    pub releases: Vec<ActiveRelease>,
    /// State files that cannot be read
    pub errors: Vec<Unreadable>,
}

/// A release that needs attention.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActiveRelease {
    /// The release
    pub release: String,
    /// Why it is listed
    pub why: String,
    /// Year, month, day
    pub release_date: Option<String>,
    /// Days to the release date; negative after it
    pub days_left: Option<i64>,
    /// How many tasks passed
    pub tasks_done: u64,
    /// Of how many
    pub tasks: u64,
    /// Failed tasks
    pub tasks_failed: Vec<String>,
    /// Texts of the open blockers
    pub open_blockers: Vec<String>,
}

/// A state file that cannot be read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unreadable {
    /// Its path in the store
    pub path: String,
    /// What is the matter
    pub why: String,
}

/// The issues of a release.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issues {
    /// Always true
    pub ok: bool,
    /// The release
    pub release: String,
    /// Open ones first
    pub issues: Vec<Issue>,
}

/// An issue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// Eight hex digits
    pub id: String,
    /// The text
    pub issue: String,
    /// Does it hold back the release?
    pub blocker: bool,
    /// Is it settled?
    pub resolved: bool,
    /// How
    pub resolution: Option<String>,
    /// Tasks it concerns; none means the whole release
    pub related_tasks: Vec<String>,
    /// When it was reported (UTC)
    pub reported_at: Option<String>,
    /// When it was resolved (UTC)
    pub resolved_at: Option<String>,
    /// The check that reported it; null for people's issues
    pub source: Option<String>,
}

/// A change by hand.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Always true
    pub ok: bool,
    /// What was done, in words
    pub summary: String,
    /// false: kept on this machine until the store answers; absent: stored
    pub stored: Option<bool>,
}

/// Settings, credentials (never their values) and warnings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Every setting
    pub settings: Vec<Setting>,
    /// Every credential
    pub credentials: Vec<CredentialGiven>,
    /// What is odd
    pub warnings: Vec<String>,
}

/// A setting.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its dotted name
    pub key: String,
    /// Its value
    pub value: String,
    /// Where the value comes from
    pub origin: String,
    /// The variable that sets it
    pub variable: String,
}

/// A credential.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialGiven {
    /// The variable that holds it
    pub variable: String,
    /// Is it there?
    pub given: bool,
    /// What it is for
    pub purpose: String,
}

/// What was found out about state files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateFiles {
    /// Is every file usable, and none to change (fmt --check)?
    pub ok: bool,
    /// One per file
    pub files: Vec<StateFile>,
}

/// One state file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    /// Its path
    pub file: String,
    /// Can it be used?
    pub usable: bool,
    /// check: the release it says
    pub release: Option<String>,
    /// check: what is odd and kept
    pub oddities: Option<Vec<String>>,
    /// fmt --check: would it change?
    pub differs: Option<bool>,
    /// fmt --check: the first line that would change
    pub first_difference: Option<String>,
    /// fmt: was it written anew?
    pub written: Option<bool>,
    /// Not usable: why
    pub why: Option<String>,
    /// Not usable: what to do
    pub next: Option<String>,
}

/// Changes that wait on this machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsentChanges {
    /// Always true
    pub ok: bool,
    /// One per command whose changes wait
    pub unsent: Vec<Unsent>,
}

/// The changes of one command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unsent {
    /// The release
    pub release: String,
    /// When (UTC)
    pub at: String,
    /// What was done, in words
    pub message: String,
    /// Where they belong
    pub store: String,
    /// How many changes
    pub operations: u64,
    /// Why they were refused; null while they wait
    pub refused: Option<String>,
    /// The file that keeps them
    pub file: String,
}

/// How a rehearsal went. Its `plan` is the last one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Always true
    pub rehearsal: bool,
    /// Was the release approved?
    pub ok: bool,
    /// The last plan
    pub plan: Plan,
    /// What happened to each task, by name
    pub tasks: std::collections::BTreeMap<String, RehearsedTask>,
    /// Everything that changed outside, with time and task
    pub effects: Vec<String>,
    /// Requests that no simulated service knew; a rehearsal with one has failed
    pub unmatched: Vec<String>,
    /// How long it took in virtual time
    pub virtual_minutes: i64,
    /// How long it took in real time
    pub wall_ms: i64,
    /// Why no person could finish it (--people-help)
    pub nobody_could_finish: Option<String>,
}

/// One task of a rehearsal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearsedTask {
    /// Its last status
    pub status: String,
    /// First run, virtual time
    pub first_run: Option<String>,
    /// Last run, virtual time
    pub last_run: Option<String>,
    /// How often it ran
    pub runs: u64,
}

/// Scenarios.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenarios {
    /// Always true
    pub ok: bool,
    /// All of them
    pub scenarios: Vec<NamedScenario>,
}

/// A scenario.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedScenario {
    /// For --scenario
    pub name: String,
    /// What happens
    pub meaning: String,
}

/// A simulated world that is served.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// Always true
    pub ok: bool,
    /// The release in it
    pub release: String,
    /// Variables to export, by name; all credentials in it are invented
    pub environment: Map<String, Value>,
}

/// The pages of the manual.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// Always true
    pub ok: bool,
    /// Their paths
    pub pages: Vec<String>,
}

/// A comparison of images.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Are all images consistent?
    pub ok: bool,
    /// The release
    pub release: String,
    /// Pull spec of the payload
    pub payload: Value,
    /// The shipment merge request
    pub shipment: Value,
    /// consistent, inconsistent or unknown
    pub verdict: String,
    /// In one sentence
    pub summary: String,
    /// Components of the shipment
    pub components: Value,
    /// One per image: name, pullspec, tag, verdict, and what speaks for the verdict
    pub images: Vec<Map<String, Value>>,
    /// Images that are not compared
    pub skipped: Value,
    /// What is odd
    pub warnings: Vec<String>,
}

/// What a command prints as JSON.
pub struct Shape {
    /// Name of the document.
    pub name: &'static str,
    /// Commands that print it.
    pub commands: &'static str,
    /// Its schema.
    pub schema: Schema,
    /// Reads a document; the error says what does not fit.
    pub fits: fn(&Value) -> Result<(), serde_json::Error>,
}

fn shape<T: JsonSchema + for<'de> Deserialize<'de>>(name: &'static str, commands: &'static str) -> Shape {
    Shape { name, commands, schema: schema_for!(T), fits: |value| T::deserialize(value).map(drop) }
}

/// Every document.
pub fn all() -> Vec<Shape> {
    vec![
        shape::<ErrorDocument>("error", "every command that could not do what was asked"),
        shape::<TaskReport>("task", "every task, add-qe-approval, ctl approval-checker"),
        shape::<Plan>("plan", "plan, drive"),
        shape::<Status>("status", "status"),
        shape::<Shipped>("shipped", "is-shipped"),
        shape::<Metadata>("metadata", "metadata"),
        shape::<ActiveReleases>("active-releases", "active-releases"),
        shape::<Issues>("issues", "issue list, and issue add or resolve when it is stored"),
        shape::<Done>(
            "done",
            "update-task-status, issue add or resolve when there is nothing to list, config check, encrypt, decrypt",
        ),
        shape::<Settings>("settings", "config show"),
        shape::<StateFiles>("state-files", "state check, state fmt"),
        shape::<UnsentChanges>("unsent", "state unsent"),
        shape::<Rehearsal>("rehearsal", "rehearse"),
        shape::<Scenarios>("scenarios", "sim scenarios"),
        shape::<Served>("served", "sim serve"),
        shape::<Comparison>(
            "comparison",
            "ctl image-consistency-check (one per architecture: a list when there are several)",
        ),
        shape::<Pages>("pages", "man --dir"),
    ]
}

/// What prints something else, and what that is.
pub const EXCEPTIONS: [(&str, &str); 6] = [
    (
        "state show",
        "each state file as one line of JSON, key by key as it is stored; for one that cannot be used a line like those of state check",
    ),
    (
        "-r R config show",
        "values of build data with assembly and entry, what is not ready, and differences to older readers",
    ),
    ("sim status, event, pause, resume, advance, limits", "`ok` and what the simulated world answered"),
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
    for Shape { name, commands, schema, .. } in all() {
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
        "array" if schema["prefixItems"].is_array() => "list of three".to_owned(),
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
