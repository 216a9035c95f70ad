//! Final approvals that wait for their advisory page.

use super::pass::{PassReport, pass};
use crate::core::context::Context;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::lease::LeaseKey;
use crate::domain::task::{Task, TaskStatus};
use crate::drive::lease::{self, SeenLeases};
use crate::drive::options::DriveOptions;
use crate::drive::rounds;
use crate::operators::error::{TaskError, TaskFailure};
use crate::operators::execute::run_task;
use crate::operators::report::TaskReport;
use crate::operators::request::TaskRequest;

/// Releases that are looked at side by side.
const AT_ONCE: usize = 4;

/// The task.
const APPROVAL: Task = Task::ChangeAdvisoryStatus;

/// What came of one approval.
pub type ApprovalResult = Result<TaskReport, Box<TaskFailure>>;

/// Does nothing go on with this approval unless a person does something? A failed one that is left alone needs a person,
/// at each look.
pub fn needs_person(report: &TaskReport) -> bool {
    matches!(report.outcome, Outcome::Unchanged { .. }) && report.after == TaskStatus::Fail
}

/// A failed approval is tried again only where a drive would: when something changed since.
async fn rests(ctx: &Context, release: &ZStream) -> Result<Option<TaskReport>, TaskError> {
    let Some(loaded) = ctx.statebox.load(release).await? else { return Ok(None) };
    if loaded.state.status(APPROVAL) != TaskStatus::Fail {
        return Ok(None);
    }
    let plan = rounds::look(ctx, release, &DriveOptions::default()).await?;
    if plan.actions.iter().any(|action| action.task() == Some(APPROVAL)) {
        return Ok(None);
    }
    let why = format!(
        "the approval failed, and nothing has changed since; to try again: oar -r {release} drive --retry {APPROVAL}"
    );
    Ok(Some(TaskReport::unchanged(release, APPROVAL, TaskStatus::Fail, why, ctx.clock.now())))
}

/// Looks for each release whether its page is public and, when it is, moves the advisories; repeat every 30 min.
pub async fn run(ctx: &Context, releases: &[ZStream]) -> PassReport<ApprovalResult> {
    let request = TaskRequest::ChangeAdvisoryStatus { ignore_release_date: false, reason: None };
    let failure = |release: &ZStream, error| {
        Box::new(TaskFailure { release: release.clone(), task: APPROVAL, done: Vec::new(), error })
    };
    let check = async |release: &ZStream| match rests(ctx, release).await {
        // Nothing is changed, so no lease is needed.
        Ok(None) if ctx.options.dry_run => run_task(ctx, release, request.clone()).await.map_err(Box::new),
        Ok(None) => {
            let lease = lease::with_first_change(ctx, release, LeaseKey::Checker, SeenLeases::default())
                .map_err(|error| failure(release, error))?;
            let under = lease.context(ctx);
            let done = run_task(&under, release, request.clone()).await.map_err(Box::new);
            // Whoever was stopped for hours says so, whatever it had come to before.
            let lost = under.statebox.lost_lease(release).await;
            lease.give_back(ctx).await;
            match (done, lost) {
                (Ok(report), Some(error)) => {
                    Err(Box::new(TaskFailure { done: report.effects, ..*failure(release, error.into()) }))
                }
                (done, _) => done,
            }
        }
        Ok(Some(report)) => Ok(report),
        Err(error) => Err(failure(release, error)),
    };
    let panicked = |release: &ZStream| {
        let error = TaskError::Internal { assumed: "the approval checker does not panic".to_owned() };
        Err(failure(release, error))
    };
    pass(releases, AT_ONCE, check, panicked).await
}
