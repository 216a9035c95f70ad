//! Every task that can be run alone: the question before it, the run, what comes next.

use crate::cli::confirm::{self, confirm};
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::domain::release::ZStream;
use crate::drive::options::DriveOptions;
use crate::drive::rounds;
use crate::operators::execute;
use crate::operators::report::TaskReport;
use crate::operators::request::TaskRequest;
use crate::operators::tasks::{change_advisory_status, take_ownership};
use crate::render::plan as plans;
use crate::render::report;

/// Runs the task of `request`.
pub(crate) async fn run(call: &Invocation, request: TaskRequest) -> Result<Exit, ErrorReport> {
    let release = call.release()?;
    ask(call, &release, &request).await?;
    let ctx = call.context()?;
    let report = execute::run_task(&ctx, &release, request).await.map_err(|failure| ErrorReport::failure(&failure))?;
    let next = match &report.would {
        // Only the front end knows the options that were given.
        Some(_) => format!("to do it: {}", confirm::without(&call.outside.args, "--dry-run")),
        None => after(call, &release, &report).await,
    };
    call.show(&report::text_with(&report, &next), &report::json_with(&report, &next));
    Ok(Exit::of_outcome(&report.outcome))
}

/// Asks before what cannot be taken back.
async fn ask(call: &Invocation, release: &ZStream, request: &TaskRequest) -> Result<(), ErrorReport> {
    let (what, will) = match request {
        TaskRequest::TakeOwnership { email, .. } if !call.yes => {
            let ctx = call.context()?;
            // Without credentials the task itself says what is missing.
            let will = match ctx.require(request.needs()) {
                Ok(()) => take_ownership::will(&ctx, release, email.as_deref()).await,
                Err(_) => Ok(Vec::new()),
            };
            (format!("taking over {release}"), will)
        }
        TaskRequest::ChangeAdvisoryStatus { ignore_release_date, .. } => {
            let will = change_advisory_status::will(&call.context()?, release, *ignore_release_date).await;
            (format!("the final approval of {release}"), will)
        }
        TaskRequest::TakeOwnership { .. }
        | TaskRequest::CreateTestReport
        | TaskRequest::CheckCveTrackerBug
        | TaskRequest::CheckRhcosSecurityAlerts
        | TaskRequest::PushToCdnStaging { .. }
        | TaskRequest::ImageConsistencyCheck { .. }
        | TaskRequest::CompareImages { .. }
        | TaskRequest::StageTesting { .. }
        | TaskRequest::ImageSignedCheck
        | TaskRequest::AnalyzeBuild { .. }
        | TaskRequest::AddQeApproval => return Ok(()),
    };
    confirm(call, &what, &will.map_err(|error| call.task_error(&what, error))?).await
}

/// What comes after a run: the plan knows, as far as the services tell soon; else what the run itself knows.
async fn after(call: &Invocation, release: &ZStream, report: &TaskReport) -> String {
    if report::is_for_the_plan(report)
        && let Ok(ctx) = call.hasty_context()
        && let Ok(plan) = rounds::look(&ctx, release, &DriveOptions::default()).await
    {
        return plans::after(report, &plan);
    }
    report::next(report)
}
