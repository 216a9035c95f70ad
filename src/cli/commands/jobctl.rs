//! `oar jobctl …`: test jobs of builds, their registries and records.

use std::io;
use std::path::Path;

use crate::cli::invocation::{Answer, Invocation};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::error::ErrorClass;
use crate::domain::result_file::name::RecordName;
use crate::grammar::jobctl::{EvaluateArgs, EvaluationFormat, JobctlCommand, RegistryCommand};
use crate::operators::views::evaluated_files::{FileOutcome, RegistrySource, evaluate_files};
use crate::operators::views::named_files::NamedFiles;
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
                let named = NamedFiles::of(&files, |name| name.ends_with(".json") && name.contains("-test-jobs-"));
                registries::of_files(&named.files)
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
    let named = NamedFiles::of(&args.files, |name| RecordName::parse(name) != RecordName::Other);
    let files = evaluate_files(&named.files, &source)
        .map_err(|cause| unreadable(args.registry.as_deref().unwrap_or(Path::new("-")), &cause))?;
    if files.iter().all(|file| matches!(file.outcome, FileOutcome::NoRecord { .. })) {
        let next = "name files such as ocp-test-result-4.20.17-amd64.json, or a folder that has some";
        return Err(ErrorReport::usage("there is no test record among what was named", next));
    }
    named.crowded.iter().for_each(|folder| call.outside.err.line(format!("note: {folder}")));
    let policies = args.policy.policies();
    let format = if call.json { EvaluationFormat::Json } else { args.format };
    match format {
        EvaluationFormat::Text => call.print(Answer::Text(render::evaluation::text(&files, policies))),
        EvaluationFormat::Tsv => {
            call.outside.out.raw(&render::evaluation::tsv(&files));
            // The table has no place for the reason.
            files.iter().filter_map(render::evaluation::refusal).for_each(|line| call.outside.err.line(line));
        }
        EvaluationFormat::Json => {
            let mut documents: Vec<_> =
                files.iter().filter_map(|file| EvaluatedFileDocument::of(file, policies)).collect();
            let is_one = args.files.len() == 1 && !named.has_folder && documents.len() == 1;
            let document = if is_one { json::of(&documents.remove(0)) } else { json::of(&documents) };
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

fn unreadable(path: &Path, cause: &io::Error) -> ErrorReport {
    let what = format!("{} cannot be read", path.display());
    ErrorReport::new(what, cause, "check the path and its permissions".to_owned(), ErrorClass::InvalidInput)
}
