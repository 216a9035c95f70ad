//! Sets a task's status by hand, within the rules.

use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::domain::state::operation::{Change, Operation, Override, SetTask};
use crate::domain::task::{Task, TaskStatus, marker};
use crate::operators::error::TaskError;
use crate::operators::run_log::{Level, RunLog};

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// The task.
    pub task: Task,
    /// Its new status.
    pub status: TaskStatus,
    /// Why; stored.
    pub reason: Option<String>,
    /// May a Pass change?
    pub may_change_pass: bool,
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

/// What cannot be taken for granted about the change: a Pass that goes.
///
/// # Errors
///
/// The state cannot be read.
pub async fn will(ctx: &Context, release: &ZStream, by_hand: &ByHand) -> Result<Vec<String>, TaskError> {
    let ByHand { task, status, may_change_pass, .. } = by_hand;
    if !may_change_pass || *status == TaskStatus::Pass {
        return Ok(Vec::new());
    }
    // Without an answer of the store the change itself says what is wrong.
    let state = match ctx.statebox.load(release).await {
        Ok(loaded) => loaded.map(|loaded| loaded.state),
        Err(_) => ctx.statebox.last_seen(release),
    };
    let is_pass = state.is_some_and(|state| state.status(*task) == TaskStatus::Pass);
    Ok(is_pass.then(|| format!("change {task} of {release} from Pass to {status}")).into_iter().collect())
}

/// Sets the status.
///
/// # Errors
///
/// A Pass would change without override, a Fail would become Pass without reason, no state file.
pub async fn run(ctx: &Context, release: &ZStream, by_hand: ByHand) -> Result<StatusChange, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let ByHand { task, status, reason, may_change_pass } = by_hand;
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
    let said = reason.as_deref().unwrap_or("no reason given");
    let now = ctx.clock.now();
    let log = RunLog::default();
    log.add(now, Level::Info, &format!("set by hand by {}: {said}", ctx.actor));
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
