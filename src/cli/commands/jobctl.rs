//! `oar jobctl …`: test jobs of builds, their registries and records.

use std::io;
use std::path::Path;

use crate::cli::invocation::{Answer, Invocation};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::error::ErrorClass;
use crate::grammar::jobctl::{EvaluateArgs, EvaluationFormat, JobctlCommand, RegistryCommand};
use crate::operators::views::evaluated_files::{EvaluatedFile, FileOutcome, RegistrySource, evaluate_files};
use crate::operators::views::registries;
use crate::render;
use crate::render::documents::evaluation::EvaluatedFileDocument;
use crate::render::documents::registries::CheckedRegistries;
use crate::render::json;

/// Runs one command.
pub(crate) async fn run(call: &Invocation, command: JobctlCommand) -> Result<Exit, ErrorReport> {
    match command {
        JobctlCommand::Evaluate(args) => evaluate(call, &args),
        JobctlCommand::Registry(RegistryCommand::Check { files }) => {
            let read = if files.is_empty() {
                let stored = registries::stored(&call.context()?).await;
                stored.map_err(|error| call.task_error("the registries cannot be read", error))?
            } else {
                registries::of_files(&files)
            };
            let document = CheckedRegistries::from(read.as_slice());
            call.show(render::registries::text(&read), &document);
            let unreadable = read.iter().any(|one| one.registry.is_err());
            Ok(match document.ok {
                true => Exit::Done,
                false if unreadable && !files.is_empty() => Exit::Usage,
                false => Exit::Failed,
            })
        }
    }
}

/// Judges records in files. Needs no settings, credentials or services.
fn evaluate(call: &Invocation, args: &EvaluateArgs) -> Result<Exit, ErrorReport> {
    let source = match (&args.registry, &args.registry_history) {
        (Some(file), _) => RegistrySource::File(file.clone()),
        (None, Some(folder)) => RegistrySource::history(folder).map_err(|cause| unreadable(folder, &cause))?,
        (None, None) => RegistrySource::OwnOrBeside,
    };
    let files = evaluate_files(&args.files, &source)
        .map_err(|cause| unreadable(args.registry.as_deref().unwrap_or(Path::new("-")), &cause))?;
    let policies = args.policy.policies();
    let format = if call.json { EvaluationFormat::Json } else { args.format };
    match format {
        EvaluationFormat::Text => call.print(Answer::Text(render::evaluation::text(&files, policies))),
        EvaluationFormat::Tsv => {
            call.outside.out.raw(&render::evaluation::tsv(&files));
            // The table has no place for the reason.
            files.iter().filter_map(refusal).for_each(|report| call.outside.err.line(report.text()));
        }
        EvaluationFormat::Json => {
            let mut documents: Vec<_> =
                files.iter().filter_map(|file| EvaluatedFileDocument::of(file, policies)).collect();
            let document = match (documents.len(), args.files.len()) {
                (1, 1) => json::of(&documents.remove(0)),
                _ => json::of(&documents),
            };
            call.print(Answer::Json(format!("{:#}\n", json::clean(document))));
        }
    }
    let has = |is: fn(&FileOutcome) -> bool| files.iter().any(|file| is(&file.outcome));
    Ok(if has(|outcome| matches!(outcome, FileOutcome::Unreadable { .. })) {
        Exit::Usage
    } else if has(|outcome| matches!(outcome, FileOutcome::Damaged { .. })) {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// What keeps a file from being judged.
fn refusal(file: &EvaluatedFile) -> Option<ErrorReport> {
    let (why, next) = match &file.outcome {
        FileOutcome::Record(_) | FileOutcome::Latest => return None,
        FileOutcome::Damaged { why } => (why, "take its last good version from git, or mend what is named"),
        FileOutcome::Unreadable { why } => (why, "check the path and its permissions"),
    };
    let what = format!("{} cannot be judged", file.path.display());
    Some(ErrorReport { what, ..ErrorReport::usage(why.clone(), next) })
}

fn unreadable(path: &Path, cause: &io::Error) -> ErrorReport {
    let what = format!("{} cannot be read", path.display());
    ErrorReport::new(what, cause, "check the path and its permissions".to_owned(), ErrorClass::InvalidInput)
}
