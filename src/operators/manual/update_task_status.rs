//! Sets a task's status by hand, within the rules.

use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::domain::state::operation::{Change, Operation, Override, SetTask};
use crate::domain::task::{Task, TaskStatus, marker};
use crate::operators::error::TaskError;
use crate::operators::foreseen::{Depth, Foreseen, Preview};
use crate::operators::request::StatusByHand;
use crate::operators::run_log::{Level, RunLog};

/// What cannot be taken for granted about the change.
///
/// The stored depth asks only where a Pass goes, and without an answer of the store the change itself says what is
/// wrong. The looked one also asks about a Pass that no run has `proven`.
pub(in crate::operators) async fn preview(
    ctx: &Context,
    release: &ZStream,
    by_hand: &StatusByHand,
    proven: bool,
    depth: Depth,
) -> Result<Preview, TaskError> {
    let StatusByHand { task, status: after, reason, may_change_pass } = by_hand.clone();
    let (before, stored_reason) = match depth {
        Depth::Stored if !may_change_pass || after == TaskStatus::Pass => return Ok(Preview::Nothing),
        Depth::Stored => {
            let state = match ctx.statebox.load(release).await {
                Ok(loaded) => loaded.map(|loaded| loaded.state),
                Err(_) => ctx.statebox.last_seen(release),
            };
            (state.map_or(TaskStatus::NotStarted, |state| state.status(task)), None)
        }
        Depth::Looked => stored(ctx, release, task).await?,
    };
    let harmless = before == after
        || match (before, after) {
            (TaskStatus::Pass, _) | (TaskStatus::Fail, TaskStatus::Pass) => false,
            (_, TaskStatus::Pass) => proven,
            (_, TaskStatus::Fail | TaskStatus::InProgress | TaskStatus::NotStarted) => true,
        };
    if harmless {
        return Ok(Preview::Nothing);
    }
    Ok(Preview::Changes(Foreseen::StatusByHand { task, before, after, stored_reason, reason }))
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
    },
}

/// Sets the status.
///
/// # Errors
///
/// A Pass would change without override, a Fail would become Pass without reason, no state file.
pub async fn run(ctx: &Context, release: &ZStream, by_hand: StatusByHand) -> Result<StatusChange, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let StatusByHand { task, status, reason, may_change_pass } = by_hand;
    let (state, is_current) = match ctx.statebox.load(release).await {
        Ok(loaded) => (loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state, true),
        // Good enough to refuse what makes no sense; the change itself is judged again when it is sent.
        Err(error) => match ctx.statebox.last_seen(release).filter(|_| error.is_outage()) {
            Some(state) => (state, false),
            None => return Err(error.into()),
        },
    };
    let before = state.status(task);
    // A word that nobody knows counts as In Progress, and is replaced all the same.
    let is_known = state.task(task).is_none_or(|entry| entry.status.known().is_some());
    if before == status && is_current && is_known {
        return Ok(StatusChange::IsSo);
    }
    if before == TaskStatus::Fail && status == TaskStatus::Pass && reason.is_none() {
        return Err(TaskError::Refused {
            why: format!("{task} is Fail; a Pass by hand needs a reason"),
            next: "add --reason TEXT: it is stored with the task".to_owned(),
        });
    }
    let override_ =
        may_change_pass.then(|| Override { reason: reason.clone().unwrap_or_default(), actor: ctx.actor.clone() });
    let given = reason.as_deref().unwrap_or("no reason given");
    let now = ctx.clock.now();
    let log = RunLog::masked_by(ctx.masker());
    log.add(now, Level::Info, &format!("set by hand by {}: {given}", ctx.actor));
    log.add(now, Level::Info, &marker(task, status));
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
        None => StatusChange::Stored { before },
    })
}

/// The stored status of `task`, and what is said about it.
///
/// # Errors
///
/// No state file, or it cannot be read.
pub async fn stored(ctx: &Context, release: &ZStream, task: Task) -> Result<(TaskStatus, Option<String>), TaskError> {
    let loaded = ctx.statebox.load(release).await?;
    let state = loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state;
    Ok((state.status(task), state.task(task).and_then(|entry| entry.reason)))
}
