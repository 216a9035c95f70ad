//! The job that a run looked at, kept as data.

use crate::domain::state::operation::{Change, Operation, SetTask};
use crate::domain::task::{JobRef, TaskStatus};
use crate::operators::run::Run;

/// Stores `job` with a verdict: a wait carries its job by itself, a verdict does not.
///
/// A queue item becomes its build, and a job that a person named is found again.
pub fn remember(run: &Run<'_>, job: JobRef) {
    run.with_the_end(Operation::SetTask(SetTask {
        began: Some(run.started_at),
        job_ref: Change::Set(job),
        ..SetTask::new(run.task, TaskStatus::InProgress, run.ctx.clock.now())
    }));
}
