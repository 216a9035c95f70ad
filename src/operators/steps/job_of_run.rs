//! The job that a run looked at, kept as data.

use jiff::Timestamp;

use crate::domain::absence::SETTLES;
use crate::domain::state::operation::{Change, Operation, SetTask};
use crate::domain::task::{JobRef, Task, TaskStatus};
use crate::operators::run::Run;

/// Stores `job` with a verdict: a wait carries its job by itself, a verdict does not.
///
/// A queue item becomes its build, and a job that a person named is found again.
pub fn remember(run: &Run<'_>, job: JobRef) {
    run.with_the_end(with_job(run.task, job, run.started_at, run.ctx.clock.now()));
}

/// Was a job started so shortly ago that an old answer may hide it?
pub fn may_still_show(run: &Run<'_>, started: Option<Timestamp>) -> bool {
    started.is_some_and(|at| run.ctx.clock.now().duration_since(at).abs() < SETTLES)
}

fn with_job(task: Task, job: JobRef, began: Timestamp, now: Timestamp) -> Operation {
    Operation::SetTask(SetTask {
        began: Some(began),
        job_ref: Change::Set(job),
        ..SetTask::new(task, TaskStatus::InProgress, now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job_trace;
    use crate::domain::state::entries::{Metadata, TaskEntry};
    use crate::domain::state::operation::Applied;
    use crate::domain::state::view::State;
    use crate::domain::task::JobSystem;

    const TASK: Task = Task::StageTesting;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + 60 * minutes).unwrap()
    }

    fn job(id: &str) -> JobRef {
        let url = Some("https://ci.example.com/".to_owned());
        JobRef { system: JobSystem::Jenkins, id: id.to_owned(), url, triggered_at: Some(at(0)) }
    }

    fn after(operations: &[Operation]) -> TaskEntry {
        let release = "4.20.1".parse().unwrap();
        let mut state = State::create(&release, at(0), &Metadata::default());
        for operation in operations {
            match operation.apply(&state, at(9)) {
                Applied::Changed(next) => state = next,
                Applied::Unchanged => {}
                Applied::Rejected(why) => panic!("{why}"),
            }
        }
        state.task(TASK).unwrap()
    }

    fn verdict(to: TaskStatus, minutes: i64) -> Operation {
        Operation::SetTask(SetTask { began: Some(at(minutes)), ..SetTask::new(TASK, to, at(minutes)) })
    }

    #[test]
    fn a_verdict_keeps_the_build_that_a_queue_item_became() {
        let entry = after(&[
            with_job(TASK, job(""), at(1), at(1)),
            with_job(TASK, job("7"), at(2), at(3)),
            verdict(TaskStatus::Fail, 3),
        ]);
        assert_eq!(entry.job_ref, Some(job("7")));
        assert_eq!(entry.attempts.len(), 1, "one job, one attempt: {:?}", entry.attempts);
        assert_eq!(entry.attempts[0].job_ref, Some(job("7")));
    }

    #[test]
    fn a_retry_leaves_the_failed_job_known_but_not_current() {
        let entry = after(&[
            with_job(TASK, job("7"), at(1), at(1)),
            verdict(TaskStatus::Fail, 2),
            verdict(TaskStatus::InProgress, 3),
        ]);
        assert_eq!(job_trace::current(&entry, |_| None), None);
        assert_eq!(job_trace::known(&entry, |_| None), ["7"]);
    }

    #[test]
    fn a_job_that_ended_without_verdict_is_replaced_once() {
        let entry = after(&[with_job(TASK, job("7"), at(1), at(1)), with_job(TASK, job("8"), at(2), at(2))]);
        assert!(job_trace::was_replaced(&entry));
        assert_eq!(job_trace::known(&entry, |_| None), ["7", "8"]);
    }
}
