//! Operations that waited on one machine and meet a state that went on without them.
//!
//! Each group is what one command wanted: all of it is applied or none. What the state says already is
//! done; what somebody decided later than the group stays as he decided it.

use jiff::Timestamp;

use super::issue_id;
use super::operation::{Applied, Change, Operation, Rejection, SetTask};
use super::text;
use super::view::{State, stamp};
use crate::domain::task::{JobRef, Task, TaskStatus};

/// A state after the groups that waited for it.
#[derive(Debug, Clone, PartialEq)]
pub struct CaughtUp {
    /// The state with every group that may still count.
    pub state: State,
    /// Does it differ from the one that was given?
    pub changed: bool,
    /// The groups that do not count any more, by index, with the reason.
    pub refused: Vec<(usize, TooLate)>,
}

/// Why a group that waited does not count any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLate {
    /// Somebody moved the task after the group was made.
    #[error("{task} was set to {status} at {at}, later than this")]
    Overtaken {
        /// The task.
        task: Task,
        /// Its status now.
        status: TaskStatus,
        /// When it was moved last.
        at: String,
    },
    /// The rules forbid it now.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// Applies `groups` in their order to a copy of `state`.
pub fn catch_up(state: &State, groups: &[&[Operation]], now: Timestamp) -> CaughtUp {
    let arrived = arrived_moves(state, groups, now);
    let mut caught_up = CaughtUp { state: state.clone(), changed: false, refused: Vec::new() };
    for (index, group) in groups.iter().enumerate() {
        match apply_group(&caught_up.state, state, group, &arrived, now) {
            Ok(None) => {}
            Ok(Some(next)) => {
                caught_up.state = next;
                caught_up.changed = true;
            }
            Err(why) => caught_up.refused.push((index, why)),
        }
    }
    caught_up
}

/// Tasks whose last waiting move stands in the state: then the moves before it arrived as well.
fn arrived_moves(state: &State, groups: &[&[Operation]], now: Timestamp) -> Vec<Task> {
    let moves = || groups.iter().flat_map(|group| group.iter()).filter_map(move_of);
    let stands = |set: &SetTask| {
        state.task(set.task).is_some()
            && Operation::SetTask(set.clone()).apply(state, now) == Applied::Unchanged
            && state.status(set.task) == set.to
    };
    let is_last = |set: &SetTask| moves().rfind(|other| other.task == set.task) == Some(set);
    moves().filter(|set| is_last(set) && stands(set)).map(|set| set.task).collect()
}

const fn move_of(operation: &Operation) -> Option<&SetTask> {
    if let Operation::SetTask(set) = operation { Some(set) } else { None }
}

fn apply_group(
    state: &State,
    met: &State,
    group: &[Operation],
    arrived: &[Task],
    now: Timestamp,
) -> Result<Option<State>, TooLate> {
    let (mut next, mut changed) = (state.clone(), false);
    for operation in group {
        if let Some(set) = move_of(operation) {
            if arrived.contains(&set.task) || stands_in_the_attempts(met, set) {
                continue;
            }
            overtaken(met, set)?;
        }
        if is_known_issue(&next, operation) {
            continue;
        }
        match operation.apply(&next, now) {
            Applied::Unchanged => {}
            Applied::Changed(after) => {
                next = after;
                changed = true;
            }
            Applied::Rejected(rejection) => return Err(rejection.into()),
        }
    }
    Ok(changed.then_some(next))
}

/// Is this very move one of the attempts? It arrived, by another process or before a crash, and the task went on.
fn stands_in_the_attempts(met: &State, set: &SetTask) -> bool {
    let Some(entry) = met.task(set.task) else { return false };
    let is_of =
        |moment: Option<Timestamp>, at: Timestamp| moment.is_some_and(|then| then.as_second() == at.as_second());
    let began = set.began.unwrap_or(set.at).min(set.at);
    let has_job = |job: &JobRef| {
        let of_attempts = entry.attempts.iter().filter_map(|attempt| attempt.job_ref.as_ref());
        of_attempts.chain(&entry.job_ref).any(|stored| stored == job)
    };
    let knows_job = if let Change::Set(job) = &set.job_ref { has_job(job) } else { true };
    // A running attempt may lose its intent within the second in which it began.
    let only_begins = set.intent == Change::Keep;
    knows_job
        && entry.attempts.iter().any(|attempt| match set.to {
            TaskStatus::InProgress => only_begins && is_of(attempt.started_at, began),
            TaskStatus::NotStarted => false,
            TaskStatus::Pass | TaskStatus::Fail => {
                is_of(attempt.ended_at, set.at) && attempt.outcome.as_deref() == Some(set.to.as_str())
            }
        })
}

/// Refuses a move that is older than what somebody stored meanwhile.
fn overtaken(met: &State, set: &SetTask) -> Result<(), TooLate> {
    let Some(entry) = met.task(set.task) else { return Ok(()) };
    let attempts = entry.attempts.iter().flat_map(|attempt| [attempt.started_at, attempt.ended_at]);
    let moments = attempts.chain([entry.started(), entry.completed()]).flatten();
    match moments.max() {
        // Files keep whole seconds.
        Some(last) if last.as_second() > set.at.as_second() && met.status(set.task) != set.to => {
            Err(TooLate::Overtaken { task: set.task, status: met.status(set.task), at: stamp(last) })
        }
        Some(_) | None => Ok(()),
    }
}

/// Was this very issue stored already? It may have been resolved since, and must not open again.
fn is_known_issue(state: &State, operation: &Operation) -> bool {
    let Operation::AddIssue(new) = operation else { return false };
    let id = issue_id::of(&state.release, &text::issue(&new.text), &stamp(new.at));
    state.issues().iter().any(|issue| issue.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::entries::Metadata;
    use crate::domain::state::operation::AddIssue;

    const TASK: Task = Task::StageTesting;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    fn fresh() -> State {
        State::create(&"4.99.1".parse().unwrap(), at(0), &Metadata::default())
    }

    fn set(to: TaskStatus, minute: i64) -> Operation {
        Operation::SetTask(SetTask::new(TASK, to, at(minute)))
    }

    fn issue(text: &str, minute: i64) -> Operation {
        let text = text.to_owned();
        Operation::AddIssue(AddIssue { text, blocker: true, related: Vec::new(), source: None, at: at(minute) })
    }

    fn with(state: &State, operation: &Operation) -> State {
        match operation.apply(state, at(99)) {
            Applied::Changed(state) => state,
            other @ (Applied::Unchanged | Applied::Rejected(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_waited_is_applied_in_order_and_a_second_time_changes_nothing() {
        let groups = [vec![set(TaskStatus::InProgress, 1)], vec![set(TaskStatus::Pass, 2), issue("x", 2)]];
        let groups: Vec<&[Operation]> = groups.iter().map(Vec::as_slice).collect();
        let once = catch_up(&fresh(), &groups, at(9));
        assert_eq!((once.state.status(TASK), once.refused.len(), once.changed), (TaskStatus::Pass, 0, true));
        let twice = catch_up(&once.state, &groups, at(10));
        assert_eq!(twice, CaughtUp { changed: false, ..once });
    }

    #[test]
    fn a_later_change_of_somebody_else_stays_and_the_group_is_reported() {
        let met = with(&fresh(), &set(TaskStatus::Fail, 5));
        let late = [set(TaskStatus::Pass, 3), issue("found by the late one", 3)];
        let caught_up = catch_up(&met, &[&late, &[issue("other", 4)]], at(9));
        assert_eq!(caught_up.state.status(TASK), TaskStatus::Fail);
        assert_eq!(caught_up.refused.len(), 1);
        assert!(matches!(caught_up.refused[0], (0, TooLate::Overtaken { status: TaskStatus::Fail, .. })));
        assert_eq!(caught_up.state.issues().len(), 1, "all of a group or nothing");
    }

    #[test]
    fn a_move_that_arrived_is_not_refused_because_the_task_went_on() {
        let groups = [set(TaskStatus::InProgress, 1), set(TaskStatus::Fail, 2)];
        let arrived = groups.iter().fold(fresh(), |state, operation| with(&state, operation));
        let met = with(&with(&arrived, &set(TaskStatus::InProgress, 3)), &set(TaskStatus::Pass, 4));
        let caught_up = catch_up(&met, &groups.each_ref().map(std::slice::from_ref), at(9));
        assert_eq!(caught_up, CaughtUp { state: met, changed: false, refused: Vec::new() });
    }

    #[test]
    fn a_pass_stays() {
        let met = with(&fresh(), &set(TaskStatus::Pass, 1));
        let caught_up = catch_up(&met, &[&[set(TaskStatus::InProgress, 3)]], at(9));
        assert!(matches!(caught_up.refused[..], [(0, TooLate::Rejected(Rejection::PassStays { .. }))]));
        assert_eq!(caught_up.state, met);
    }

    #[test]
    fn an_issue_that_arrived_and_was_resolved_does_not_open_again() {
        let met = with(&fresh(), &issue("x", 1));
        let search = met.issues()[0].id.clone();
        let met = with(&met, &Operation::ResolveIssue { search, resolution: "done".to_owned(), at: at(2) });
        let caught_up = catch_up(&met, &[&[issue("x", 1)]], at(9));
        assert!(!caught_up.changed && caught_up.refused.is_empty());
    }

    #[test]
    fn operations_survive_their_way_through_json() {
        for operation in [set(TaskStatus::Fail, 1), issue("x", 1), Operation::Create { metadata: Metadata::default() }]
        {
            let text = serde_json::to_string(&operation).unwrap();
            assert_eq!(serde_json::from_str::<Operation>(&text).unwrap(), operation, "{text}");
        }
    }
}
