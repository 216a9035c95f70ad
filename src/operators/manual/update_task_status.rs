//! Sets a task's status by hand, within the rules.

use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::domain::state::operation::{Change, Operation, Override, SetTask};
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus};
use crate::operators::error::TaskError;
use crate::operators::previewed::{Depth, Preview, PreviewedChange};
use crate::operators::request::StatusByHand;
use crate::operators::run_log::{Level, RunLog};
use crate::operators::steps::state_file;

/// What cannot be taken for granted about the change.
///
/// Without an answer of the store the stored depth takes what was seen last, and what is refused anyway asks nobody:
/// the change itself says what is wrong.
pub(in crate::operators) async fn preview(
    ctx: &Context,
    release: &ZStream,
    by_hand: &StatusByHand,
    depth: Depth,
) -> Result<Preview, TaskError> {
    let state = match (ctx.statebox.load(release).await, depth) {
        (Ok(loaded), Depth::Stored) => loaded.map(|loaded| loaded.state),
        (Err(_), Depth::Stored) => ctx.statebox.last_seen(release),
        (loaded, Depth::Looked) => Some(loaded?.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state),
    };
    let Some(state) = state else { return Ok(Preview::Nothing) };
    let (task, after, before) = (by_hand.task, by_hand.status, state.status(by_hand.task));
    let refused = (before == TaskStatus::Pass && !by_hand.may_change_pass) || lacks_reason(by_hand);
    let overrides = overrides(&state, by_hand);
    if before == after || refused || overrides.is_empty() {
        return Ok(Preview::Nothing);
    }
    let stored_reason = state.task(task).and_then(|entry| entry.reason);
    let reason = by_hand.reason.clone();
    Ok(Preview::Changes(PreviewedChange::StatusByHand { task, before, after, stored_reason, overrides, reason }))
}

/// What the change passes over, one line each; nothing when it only says what is known.
fn overrides(state: &State, by_hand: &StatusByHand) -> Vec<String> {
    let StatusByHand { task, status: after, proven, .. } = *by_hand;
    let mut passed_over = Vec::new();
    if state.status(task) == TaskStatus::Pass && after != TaskStatus::Pass {
        passed_over.push("this takes back a Pass".to_owned());
    }
    if after != TaskStatus::Pass || state.status(task) == TaskStatus::Pass {
        return passed_over;
    }
    if state.status(task) == TaskStatus::Fail {
        passed_over.push("its last verdict is a Fail".to_owned());
    }
    if !proven {
        passed_over.push("no run of ours that is known here ended with a Pass of it".to_owned());
    }
    let open = state
        .issues()
        .into_iter()
        .filter(|issue| issue.is_open_blocker() && (issue.related_tasks.is_empty() || issue.concerns(task)));
    passed_over.extend(open.map(|issue| format!("blocker {} is open: {}", issue.id, issue.issue)));
    if task == Task::AnalyzePromotedBuild {
        passed_over.push("it is the gate: no person decided about the build".to_owned());
    }
    if task == Task::ChangeAdvisoryStatus {
        passed_over.push("it is the final approval: nothing is approved or moved by this".to_owned());
    }
    passed_over
}

/// A verdict by hand says why.
fn lacks_reason(by_hand: &StatusByHand) -> bool {
    matches!(by_hand.status, TaskStatus::Pass | TaskStatus::Fail)
        && by_hand.reason.as_deref().is_none_or(|reason| reason.trim().is_empty())
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusChange {
    /// Nothing: the task has that status.
    IsSo,
    /// Nothing was stored, as asked.
    DryRun {
        /// The stored status.
        before: TaskStatus,
    },
    /// It waits on this machine for the store.
    Kept {
        /// The status that was seen last.
        before: TaskStatus,
        /// What is said about that.
        notice: String,
    },
    /// It is stored.
    Stored {
        /// The status before.
        before: TaskStatus,
        /// What it passed over, one line each.
        overridden: Vec<String>,
    },
}

/// Sets the status.
///
/// # Errors
///
/// A Pass would change without override, a Pass or Fail without reason, no state file.
pub async fn run(ctx: &Context, release: &ZStream, by_hand: StatusByHand) -> Result<StatusChange, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let (state, is_current) = match ctx.statebox.load(release).await {
        Ok(loaded) => (loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state, true),
        // Good enough to refuse what makes no sense; the change itself is judged again when it is sent.
        Err(error) => match ctx.statebox.last_seen(release).filter(|_| error.is_outage()) {
            Some(state) => (state, false),
            None => return Err(error.into()),
        },
    };
    let (refused, overridden) = (lacks_reason(&by_hand), overrides(&state, &by_hand));
    let StatusByHand { task, status, reason, may_change_pass, .. } = by_hand;
    let before = state.status(task);
    // A word that nobody knows counts as In Progress, and is replaced all the same.
    let is_known = state.task(task).is_none_or(|entry| entry.status.known().is_some());
    if before == status && is_current && is_known {
        return Ok(StatusChange::IsSo);
    }
    if refused {
        return Err(TaskError::Refused {
            why: format!("a {status} by hand needs a reason; {task} is {before}"),
            next: format!("oar -r {release} update-task-status {task} {status} --reason TEXT"),
        });
    }
    let override_ =
        may_change_pass.then(|| Override { reason: reason.clone().unwrap_or_default(), actor: ctx.actor.clone() });
    let given = reason.as_deref().unwrap_or("no reason given");
    let now = ctx.clock.now();
    let log = RunLog::masked_by(ctx.masker());
    log.add(now, Level::Info, &format!("set by hand by {}: {given}", ctx.actor));
    log.mark(now, task, status);
    let set = SetTask {
        result: Some(log.text()),
        reason: reason.clone().map_or(Change::Keep, Change::Set),
        intent: Change::Clear,
        override_,
        ..SetTask::new(task, status, now)
    };
    if ctx.options.dry_run {
        return Ok(StatusChange::DryRun { before });
    }
    let message = format!("Update task: {task}");
    let stored = ctx.statebox.apply_or_keep(release, &[Operation::SetTask(set)], &message).await?;
    Ok(match stored.notice() {
        Some(notice) => StatusChange::Kept { before, notice },
        None => StatusChange::Stored { before, overridden },
    })
}

/// The stored status of `task`, and what is said about it.
///
/// # Errors
///
/// No state file, or it cannot be read.
pub async fn stored(ctx: &Context, release: &ZStream, task: Task) -> Result<(TaskStatus, Option<String>), TaskError> {
    let state = state_file::of(ctx, release).await?;
    Ok((state.status(task), state.task(task).and_then(|entry| entry.reason)))
}
