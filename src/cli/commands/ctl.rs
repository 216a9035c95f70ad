//! `oar ctl …`: commands for cron and controllers.

use crate::agents::approval_checker;
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::domain::consistency::{Consistency, overall};
use crate::domain::ids::MrIid;
use crate::domain::pull_spec::PullSpec;
use crate::grammar::command::CtlCommand;
use crate::operators::views::compare_images;
use crate::render::documents::comparison::Comparison;
use crate::render::documents::task::TaskDocument;
use crate::render::{comparison, report};

/// Runs one command.
pub(crate) async fn run(call: &Invocation, command: CtlCommand) -> Result<Exit, ErrorReport> {
    match command {
        CtlCommand::ApprovalChecker => approval_checker(call).await,
        CtlCommand::ImageConsistencyCheck { payload_url, mr_id, arch } => {
            compare(call, &payload_url, mr_id, &arch).await
        }
    }
}

/// One pass of the approval checker, over one release.
async fn approval_checker(call: &Invocation) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.context().await?);
    let mut exit = Exit::Done;
    for unit in approval_checker::run(&ctx, &[release]).await.units {
        let report = unit.result.map_err(|failure| ErrorReport::failure(&failure))?;
        call.show(report::text(&report), &TaskDocument::new(&report, report::next(&report)));
        exit = match approval_checker::needs_person(&report) {
            true => Exit::NeedsPerson,
            false => Exit::of_outcome(&report.outcome),
        };
    }
    Ok(exit)
}

/// Compares a payload with a merge request; one document, or a list when there are several architectures.
async fn compare(
    call: &Invocation,
    payload: &PullSpec,
    merge_request: MrIid,
    arches: &[String],
) -> Result<Exit, ErrorReport> {
    let reports = compare_images::run(&call.context().await?, payload, merge_request, arches).await;
    let reports = reports.map_err(|error| call.task_error("the images could not be compared", error))?;
    let text = comparison::text(&reports);
    match reports.as_slice() {
        [one] => call.show(text, &Comparison::from(one)),
        several => call.show(text, &several.iter().map(Comparison::from).collect::<Vec<_>>()),
    }
    Ok(match overall(&reports) {
        Consistency::Consistent => Exit::Done,
        Consistency::Inconsistent => Exit::Failed,
        Consistency::Unknown => Exit::Unavailable,
    })
}
