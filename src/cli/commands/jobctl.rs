//! `oar jobctl …`: test jobs of builds, their registries and records.

use std::io;
use std::path::Path;

use crate::agents::aggregator;
use crate::agents::job_controller::{self, Streams};
use crate::cli::invocation::{Invocation, PrintedAnswer};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::job_registry::versions::is_of_registries;
use crate::domain::result_file::name::{RecordName, ResultName};
use crate::grammar::jobctl::{
    AggregatorArgs, ControllerArgs, EvaluateArgs, EvaluationFormat, JobctlCommand, RegistryCommand, TriggerArgs,
};
use crate::operators::jobs::job_files::JobFiles;
use crate::operators::jobs::job_writer::{JobWriter, Powers};
use crate::operators::jobs::manual::{self, RecordRequest, Wanted};
use crate::operators::views::evaluated_files::{EvaluatedFile, FileOutcome, RegistrySource, evaluate_files};
use crate::operators::views::named_files::NamedFiles;
use crate::operators::views::registries;
use crate::render;
use crate::render::documents::evaluation::EvaluatedFileDocument;
use crate::render::documents::jobs::{AggregatorPassDocument, BuildDocument, ControllerPassDocument, RecordChange};
use crate::render::documents::registries::CheckedRegistries;
use crate::render::json;

/// What to do about a file that cannot be read.
const CHECK_PATH: &str = "check the path and its permissions";

/// Runs one command.
pub(crate) async fn run(call: &Invocation, command: JobctlCommand) -> Result<Exit, ErrorReport> {
    match command {
        JobctlCommand::Evaluate(args) => evaluate(call, &args),
        JobctlCommand::StartController(args) => controller(call, &args).await,
        JobctlCommand::StartAggregator(args) => aggregator(call, &args).await,
        JobctlCommand::TriggerJobsForBuild(args) => trigger(call, &args).await,
        JobctlCommand::PromoteTestResults { build, reason } => {
            change(call, &build.record(), &RecordRequest::Promote { reason }).await
        }
        JobctlCommand::RejectPayload { build, take_back, reason } => {
            change(call, &build.record(), &RecordRequest::RejectPayload { takes_back: take_back, reason }).await
        }
        JobctlCommand::UpdateRetriedJobRun { build, job_name: job, current_job_id, new_job_id, reason } => {
            let request = RecordRequest::ReplaceRun { job, current: current_job_id, new: new_job_id, reason };
            change(call, &build.record(), &request).await
        }
        JobctlCommand::Registry(RegistryCommand::Check { files }) => {
            let read = if files.is_empty() {
                let stored = registries::stored(&call.context().await?).await;
                stored.map_err(|error| call.task_error("the registries cannot be read", error))?
            } else {
                let named = NamedFiles::of(&files, is_of_registries);
                registries::of_files(&named.files)
            };
            let document = CheckedRegistries::from(read.as_slice());
            call.show(render::registries::text(&read), &document);
            let unreadable = read.iter().any(|one| one.registry.is_err());
            if unreadable && !files.is_empty() {
                call.outside.err.line(format!("next: {CHECK_PATH}, or correct what the file says"));
            }
            Ok(match document.ok {
                true => Exit::Done,
                false if unreadable && !files.is_empty() => Exit::Usage,
                false => Exit::Failed,
            })
        }
    }
}

/// Changes a record as a person wants it.
async fn change(call: &Invocation, of: &ResultName, request: &RecordRequest) -> Result<Exit, ErrorReport> {
    let ctx = call.context().await?;
    let changed = manual::carry_out(&writer(call, &ctx, Powers::default())?, of, request).await;
    let changed = changed.map_err(|error| call.task_error(request.refusal(), error))?;
    call.show(render::jobs::changed(&changed), &RecordChange::from(&changed));
    Ok(Exit::Done)
}

fn writer<'c>(call: &Invocation, ctx: &'c Context, powers: Powers) -> Result<JobWriter<'c>, ErrorReport> {
    JobWriter::new(ctx, powers).map_err(|error| call.task_error("the test jobs cannot be looked after", error))
}

/// What triggers names what it lacks before it begins.
fn ready(call: &Invocation, ctx: &Context, powers: Powers) -> Result<(), ErrorReport> {
    powers.ready(ctx).map_err(|error| call.task_error("no test job can be triggered", error))
}

/// One pass of the job controller.
async fn controller(call: &Invocation, args: &ControllerArgs) -> Result<Exit, ErrorReport> {
    let ctx = call.context().await?;
    let powers = Powers { shadow: args.only_looks(), take_over: args.pass.take_over };
    ready(call, &ctx, powers)?;
    let streams = args.streams().map_or(Streams::OfAllRegistries(args.arch), Streams::Named);
    let pass = job_controller::run(&ctx, &streams, powers).await;
    let pass = pass.map_err(|error| call.task_error("no stream could be looked at", error))?;
    call.show(render::jobs::controller(&pass.streams), &ControllerPassDocument::from(&pass.streams));
    Ok(Exit::of_pass(pass.streams.ending()))
}

/// One pass of the aggregator.
async fn aggregator(call: &Invocation, args: &AggregatorArgs) -> Result<Exit, ErrorReport> {
    let ctx = call.context().await?;
    let powers = Powers { shadow: args.pass.shadow, take_over: args.pass.take_over };
    ready(call, &ctx, powers)?;
    let pass = aggregator::run(&ctx, args.arch, powers).await;
    let pass = pass.map_err(|error| call.task_error("no record could be judged", error))?;
    call.show(render::jobs::aggregator(&pass), &AggregatorPassDocument::from(&pass));
    Ok(Exit::of_pass(pass.records.ending()))
}

/// Triggers what a build lacks.
async fn trigger(call: &Invocation, args: &TriggerArgs) -> Result<Exit, ErrorReport> {
    let ctx = call.context().await?;
    let powers = Powers { shadow: args.pass.shadow, take_over: args.pass.take_over };
    ready(call, &ctx, powers)?;
    let writer = writer(call, &ctx, powers)?;
    let wanted = Wanted {
        again: args.reason.clone().filter(|_| args.no_skip_existing),
        never_started: args.never_started.clone(),
        reason: args.reason.clone(),
    };
    let failed = |error| call.task_error("the jobs of the build could not be triggered", error);
    let job_files = JobFiles::read(&ctx).await.map_err(failed)?;
    let report = manual::trigger_for_build(&writer, &job_files, &args.build.record(), &wanted).await.map_err(failed)?;
    call.show(render::jobs::of_build(&report), &BuildDocument::from(&report));
    Ok(Exit::of_pass(job_controller::ending_of(&report)))
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
        EvaluationFormat::Text => call.print(PrintedAnswer::Text(render::evaluation::text(&files, policies))),
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
            call.print(PrintedAnswer::Json(format!("{:#}\n", json::clean(document))));
        }
    }
    let has = |is: fn(&FileOutcome) -> bool| files.iter().any(|file| is(&file.outcome));
    let next = |step: &str| call.outside.err.line(format!("next: {step}"));
    Ok(if has(|outcome| matches!(outcome, FileOutcome::Unreadable { .. })) {
        let others = has(|outcome| matches!(outcome, FileOutcome::Record(record) if record.by.is_some()));
        next(if others { "check the path and its permissions; the others are judged" } else { CHECK_PATH });
        Exit::Usage
    } else if has(|outcome| matches!(outcome, FileOutcome::Damaged { .. })) {
        Exit::Failed
    } else if nothing_judges(&files) {
        next("name a registry with --registry FILE, or put ocp-X.Y-test-jobs-ARCH.json beside the record");
        Exit::NeedsPerson
    } else {
        Exit::Done
    })
}

/// Are there records, and none of them has a registry by which it could have been judged?
fn nothing_judges(files: &[EvaluatedFile]) -> bool {
    let by = |file: &EvaluatedFile| match &file.outcome {
        FileOutcome::Record(record) => Some(record.by.is_some()),
        FileOutcome::Latest
        | FileOutcome::NoRecord { .. }
        | FileOutcome::Damaged { .. }
        | FileOutcome::Unreadable { .. } => None,
    };
    let mut judged = files.iter().filter_map(by).peekable();
    judged.peek().is_some() && judged.all(|is_judged| !is_judged)
}

fn unreadable(path: &Path, cause: &io::Error) -> ErrorReport {
    let what = format!("{} cannot be read", path.display());
    ErrorReport::new(what, cause, CHECK_PATH.to_owned(), ErrorClass::InvalidInput)
}
