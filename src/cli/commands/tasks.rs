//! Every task that can be run alone: the question before it, the run, what comes next.

use crate::cli::confirm::{self, confirm};
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::drive::options::DriveOptions;
use crate::drive::rounds;
use crate::operators::execute;
use crate::operators::report::TaskReport;
use crate::operators::request::{ChangeRequest, TaskRequest};
use crate::render;
use crate::render::documents::task::TaskDocument;
use crate::render::report;

/// Runs the task of `request`.
pub(crate) async fn run(call: &Invocation, request: TaskRequest) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.context().await?);
    let agreed = ask(call, &ctx, &release, &request).await?;
    let request = if agreed { request.confirmed() } else { request };
    let report = execute::run_task(&ctx, &release, request).await.map_err(|failure| ErrorReport::failure(&failure))?;
    let next = match &report.would {
        // Only the front end knows the options that were given.
        Some(_) => confirm::for_real(&call.outside.args),
        None => after(call, &release, &report).await,
    };
    call.show(report::text_with(&report, &next), &TaskDocument::new(&report, next));
    Ok(Exit::of_report(&report))
}

/// Asks before what cannot be taken back; did somebody agree?
async fn ask(call: &Invocation, ctx: &Context, release: &ZStream, request: &TaskRequest) -> Result<bool, ErrorReport> {
    let what = match request {
        // Nobody is asked, so the merge request is not looked at.
        TaskRequest::TakeOwnership { .. } if call.yes => return Ok(true),
        TaskRequest::TakeOwnership { .. } => format!("taking over {release}"),
        TaskRequest::ChangeAdvisoryStatus { .. } => format!("the final approval of {release}"),
        TaskRequest::AddQeApproval { .. } => format!("the approval of the shipment of {release}"),
        TaskRequest::CreateTestReport
        | TaskRequest::CheckCveTrackerBug
        | TaskRequest::CheckRhcosSecurityAlerts
        | TaskRequest::PushToCdnStaging { .. }
        | TaskRequest::ImageConsistencyCheck { .. }
        | TaskRequest::CompareImages { .. }
        | TaskRequest::StageTesting { .. }
        | TaskRequest::ImageSignedCheck
        | TaskRequest::AnalyzeBuild { .. } => format!("{} of {release}", request.task()),
    };
    confirm(call, ctx, release, &ChangeRequest::Task(request.clone()), &what).await
}

/// What comes after a run: the plan knows, as far as the services tell soon; else what the run itself knows.
async fn after(call: &Invocation, release: &ZStream, report: &TaskReport) -> String {
    if report::is_for_the_plan(report)
        && let Ok(ctx) = call.hasty_context().await
        && let Ok(plan) = rounds::look(&ctx, release, &DriveOptions::default()).await
    {
        return render::plan::after(report, &plan);
    }
    report::next(report)
}
