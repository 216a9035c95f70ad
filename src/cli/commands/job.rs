//! `oar job …`: single test jobs.

use crate::cli::confirm::confirm_starts;
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::context::{Context, StateAccess};
use crate::core::error::ErrorClass;
use crate::domain::ids::{ProwJobId, RunName};
use crate::domain::job_images::Images;
use crate::domain::job_order::{JobOrder, required_jobs};
use crate::grammar::job::{EarlierStart, JobCommand, OnceArgs, RequiredArgs, RunArgs};
use crate::operators::error::TaskError;
use crate::operators::jobs::job_writer::Powers;
use crate::operators::jobs::prow_run::RunEnding;
use crate::operators::jobs::run_job::{self, Earlier, JobToRun};
use crate::operators::jobs::{ci_tests, known_jobs, prow_run};
use crate::operators::preview;
use crate::render;
use crate::render::documents::job::{DefinedDocument, JobRunDocument, RequiredDocument, StartedDocument};

/// Runs one command.
pub(crate) async fn run(call: &Invocation, command: JobCommand) -> Result<Exit, ErrorReport> {
    match command {
        JobCommand::Run(args) => run_one(call, args).await,
        JobCommand::GetResults { id, poll, no_poll: _ } => results(call, &id, poll).await,
        JobCommand::List { component, branch } => list(call, &component, &branch).await,
        JobCommand::RunRequired(args) => required(call, args).await,
        JobCommand::GetPayloads { given: _ } => Err(ErrorReport::usage(
            "get_payloads is gone, and so are the files it wrote",
            "jobctl start-controller -r X.Y --no-nightly --no-trigger-prow-job shows the newest accepted build of X.Y",
        )),
        JobCommand::RunImageConsistencyCheck { payload_url, mr_id, once } => {
            let ctx = context(call).await?;
            let order = JobOrder::consistency(&payload_url, mr_id, &ctx.settings.payload_repository);
            start(call, &ctx, start_of(order.map_err(|bad| senseless(call, &bad))?, once)).await
        }
        JobCommand::RunStageTesting { payload_url, once } => {
            let ctx = context(call).await?;
            let order = JobOrder::stage_testing(&payload_url, &ctx.settings.payload_repository);
            start(call, &ctx, start_of(order.map_err(|bad| senseless(call, &bad))?, once)).await
        }
    }
}

/// Single jobs need no state.
async fn context(call: &Invocation) -> Result<Context, ErrorReport> {
    call.context_until(call.cancel.clone(), StateAccess::OnDemand).await
}

/// What was given can be the order of no job.
fn senseless(call: &Invocation, bad: &dyn std::error::Error) -> ErrorReport {
    let next = "correct the images, or give their architecture with --arch".to_owned();
    call.task_error("nothing was started", TaskError::Refused { why: bad.to_string(), next })
}

fn start_of(order: JobOrder, once: OnceArgs) -> JobToRun {
    let earlier = once.answer.map(|answer| match answer {
        EarlierStart::Happened => Earlier::Happened,
        EarlierStart::DidNotHappen => Earlier::DidNotHappen,
    });
    JobToRun { order, run: once.run_id, earlier }
}

async fn run_one(call: &Invocation, args: RunArgs) -> Result<Exit, ErrorReport> {
    let ctx = context(call).await?;
    let text = |spec: &Option<_>| spec.as_ref().map(ToString::to_string);
    let [payload, from, to] = [text(&args.payload), text(&args.upgrade_from), text(&args.upgrade_to)];
    let images = Images::asked(payload.as_deref(), from.as_deref(), to.as_deref());
    let images = images.map_err(|bad| senseless(call, &bad))?;
    let job =
        known_jobs::exact(&ctx, &args.job).await.map_err(|error| call.task_error("nothing was started", error))?;
    let order = JobOrder::with_images(job, images.as_ref(), args.arch).map_err(|bad| senseless(call, &bad))?;
    start(call, &ctx, start_of(order, args.once)).await
}

/// What would be in vain is said before anybody is asked.
fn ready(call: &Invocation, ctx: &Context) -> Result<(), ErrorReport> {
    Powers::default().ready(ctx).map_err(|error| call.task_error("nothing was started", error))
}

/// Starts one job, once somebody said yes.
async fn start(call: &Invocation, ctx: &Context, start: JobToRun) -> Result<Exit, ErrorReport> {
    ready(call, ctx)?;
    let failed = |error| call.task_error(&format!("{} could not be started", start.order.job), error);
    let previewed = preview::of_jobs(ctx, std::slice::from_ref(&start)).map_err(failed)?;
    if ctx.options.dry_run {
        call.show(render::job::previewed(&previewed), &StartedDocument::previewed(&start));
        return Ok(Exit::Done);
    }
    confirm_starts(call, &previewed, &format!("the start of {}", start.order.job)).await?;
    let started = run_job::run(ctx, &start).await.map_err(failed)?;
    call.show(render::job::started(&started), &StartedDocument::from(&started));
    Ok(Exit::Done)
}

async fn required(call: &Invocation, args: RequiredArgs) -> Result<Exit, ErrorReport> {
    let ctx = context(call).await?;
    let place = args.file.display();
    let text = std::fs::read_to_string(&args.file).map_err(|cause| {
        let next = "check the path and its permissions".to_owned();
        ErrorReport::new(format!("{place} cannot be read"), &cause, next, ErrorClass::InvalidInput)
    })?;
    let jobs = required_jobs(&text, &args.channel).map_err(|bad| {
        let next = format!("correct {place} or --channel; nothing was started");
        ErrorReport::new(format!("{place} cannot be used"), &bad, next, ErrorClass::InvalidInput)
    })?;
    // The same line starts what is missing: every job has one run for the release.
    let run = args.run_id.or_else(|| Some(RunName::of_required(&args.of.to_string())));
    let repository = &ctx.settings.payload_repository;
    let orders: Result<Vec<_>, _> = jobs.into_iter().map(|job| JobOrder::required(job, &args.of, repository)).collect();
    let orders = orders.map_err(|bad| senseless(call, &bad))?;
    let starts: Vec<_> = orders.into_iter().map(|order| JobToRun { order, run: run.clone(), earlier: None }).collect();
    ready(call, &ctx)?;
    let failed = |error| call.task_error("the required jobs could not be started", error);
    let previewed = preview::of_jobs(&ctx, &starts).map_err(failed)?;
    if ctx.options.dry_run {
        call.show(render::job::previewed(&previewed), &RequiredDocument::previewed(&args.of, &starts));
        return Ok(Exit::Done);
    }
    confirm_starts(call, &previewed, &format!("the start of the required jobs of {}", args.of)).await?;
    let done = run_job::run_all(&ctx, &starts).await;
    call.show(render::job::required(&done), &RequiredDocument::of(&args.of, &done));
    let failed = done.iter().filter_map(|one| one.result.as_ref()?.as_ref().err());
    Ok(Exit::worst(failed.map(|error| Exit::of_error(error.class()))))
}

async fn results(call: &Invocation, id: &ProwJobId, waits: bool) -> Result<Exit, ErrorReport> {
    let ctx = context(call).await?;
    let run = prow_run::look(&ctx, id, waits).await;
    let run = run.map_err(|error| call.task_error("the run could not be looked at", error))?;
    call.show(render::job::run(&run), &JobRunDocument::from(&run));
    Ok(match run.ending {
        RunEnding::Passed => Exit::Done,
        RunEnding::Failed => Exit::Failed,
        RunEnding::Open => Exit::Waiting,
    })
}

async fn list(call: &Invocation, component: &str, branch: &str) -> Result<Exit, ErrorReport> {
    let ctx = context(call).await?;
    let failed = |error| call.task_error("the tests could not be listed", error);
    let files = ci_tests::list(&ctx, component, branch).await.map_err(failed)?;
    call.show(render::job::defined(&files), &DefinedDocument::of(component, branch, &files));
    Ok(if files.iter().all(|file| file.tests.is_ok()) { Exit::Done } else { Exit::Failed })
}
