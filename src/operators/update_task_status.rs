//! Sets a task's status by hand, within the rules.

use super::error::TaskError;
use crate::core::context::Context;
use crate::core::journal::{Level, RunLog};
use crate::domain::release::ZStream;
use crate::domain::state::operation::{Change, Operation, Override, SetTask};
use crate::domain::task::{Task, TaskStatus, marker};

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

/// Sets the status; the sentence tells what was stored.
///
/// # Errors
///
/// A Pass would change without override, a Fail would become Pass without reason, no state file.
pub async fn run(ctx: &Context, release: &ZStream, by_hand: ByHand) -> Result<String, TaskError> {
    ctx.clock.refresh().await;
    let ByHand { task, status, reason, may_change_pass } = by_hand;
    let loaded = ctx.statebox.load(release).await?;
    let state = loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state;
    let before = state.status(task);
    if before == status {
        return Ok(format!("{task} is {status} already; nothing to do"));
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
        return Ok(format!("dry run: {task} would go from {before} to {status}"));
    }
    let message = format!("Update task: {task}");
    ctx.statebox.apply(release, &[Operation::SetTask(set)], &message).await?;
    Ok(format!("{}\n{task} went from {before} to {status}", marker(task, status)))
}
