//! What stopped a task until a person acts: kept with the task, so that whoever only wants to know says what the last
//! run found. A run does not ask for it: it looks anew.

use jiff::Timestamp;

use super::closed_gate::ClosedGate;
use super::ids::AdvisoryId;
use super::state::entries::{Stopped, StoppedBy};
use super::task::{JobRef, Task, Which};

/// What to keep of a closed gate that nothing but a run of the task finds; the plan sees every other one itself.
///
/// `machine` is kept with what is true of this machine alone.
pub fn by_gate(gate: &ClosedGate, machine: Option<&str>) -> Option<Stopped> {
    let kept = |by, what: &str| Some(Stopped { by, what: what.to_owned(), on: None });
    match gate {
        ClosedGate::Decision { summary, .. } => kept(StoppedBy::Decision, summary),
        ClosedGate::JobGone { why, .. } => kept(StoppedBy::JobGone, why),
        ClosedGate::ResultUnknown { result, .. } => kept(StoppedBy::ResultUnknown, result),
        ClosedGate::AdvisoryDropped { advisories } => {
            let ids: Vec<_> = advisories.iter().map(ToString::to_string).collect();
            kept(StoppedBy::AdvisoryDropped, &ids.join(" "))
        }
        ClosedGate::AdvisoryState { advisories } => {
            let each: Vec<_> = advisories.iter().map(|(id, state)| format!("{id} {state}")).collect();
            kept(StoppedBy::AdvisoryState, &each.join(NEXT_ONE))
        }
        ClosedGate::UnknownOutcome { what } => kept(StoppedBy::UnknownOutcome, what),
        ClosedGate::Missing { what } => on_machine(StoppedBy::Missing, what, machine),
        ClosedGate::Promotion { .. }
        | ClosedGate::StageRelease { .. }
        | ClosedGate::Prerequisite { .. }
        | ClosedGate::Queue { .. }
        | ClosedGate::Shipped
        | ClosedGate::TooEarly { .. }
        | ClosedGate::NoReleaseDate
        | ClosedGate::NotReady { .. }
        | ClosedGate::Blocker { .. }
        | ClosedGate::MergeRequestClosed { .. }
        | ClosedGate::Unproven { .. }
        | ClosedGate::RunElsewhere { .. }
        | ClosedGate::Asked { .. }
        | ClosedGate::Replaced { .. }
        | ClosedGate::TestRecord { .. }
        | ClosedGate::KernelUnknown { .. }
        | ClosedGate::BadRecord { .. } => None,
    }
}

/// What to keep of something that this machine lacks.
pub fn on_machine(by: StoppedBy, what: &str, machine: Option<&str>) -> Option<Stopped> {
    machine.map(|machine| Stopped { by, what: what.to_owned(), on: Some(machine.to_owned()) })
}

/// The closed gate again; nothing for what is none. `soon` is when another look makes sense.
pub fn gate(stopped: &Stopped, task: Task, job: Option<&JobRef>, soon: Timestamp) -> Option<ClosedGate> {
    let what = stopped.what.clone();
    match stopped.by {
        StoppedBy::Decision => Some(ClosedGate::Decision { which: Which::of_task(task)?, summary: what }),
        StoppedBy::JobGone => Some(ClosedGate::JobGone { task, job: job?.clone(), why: what }),
        StoppedBy::ResultUnknown => {
            Some(ClosedGate::ResultUnknown { task, job: job?.clone(), result: what, look_again: soon })
        }
        StoppedBy::AdvisoryDropped => {
            let ids = what.split(' ').filter_map(|id| id.parse().ok().map(AdvisoryId::new));
            Some(ClosedGate::AdvisoryDropped { advisories: ids.collect() })
        }
        StoppedBy::AdvisoryState => Some(ClosedGate::AdvisoryState { advisories: with_states(&what) }),
        StoppedBy::UnknownOutcome => Some(ClosedGate::UnknownOutcome { what }),
        StoppedBy::Missing => Some(ClosedGate::Missing { what }),
        StoppedBy::Lacks | StoppedBy::StepLeft => None,
    }
}

/// Between two advisories with their states.
const NEXT_ONE: &str = "; ";

/// Advisories with their states, as they were kept. A state may hold what a service said, and with it anything.
fn with_states(kept: &str) -> Vec<(AdvisoryId, String)> {
    let mut found: Vec<(AdvisoryId, String)> = Vec::new();
    for part in kept.split(NEXT_ONE) {
        let one = part.split_once(' ').and_then(|(id, state)| Some((AdvisoryId::new(id.parse().ok()?), state)));
        match (one, found.last_mut()) {
            (Some((id, state)), _) => found.push((id, state.to_owned())),
            (None, Some((_, state))) => {
                state.push_str(NEXT_ONE);
                state.push_str(part);
            }
            (None, None) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::entries::Metadata;
    use crate::domain::state::operation::{Applied, Change, Operation, SetTask};
    use crate::domain::state::view::State;
    use crate::domain::task::{JobSystem, TaskStatus};

    #[test]
    fn what_stops_a_task_is_stored_with_it_and_goes_with_its_next_move() {
        let (task, at): (_, Timestamp) = (Task::StageTesting, "2026-03-20T12:00:00Z".parse().unwrap());
        let applied = |state: &State, set: SetTask| match Operation::SetTask(set).apply(state, at) {
            Applied::Changed(state) => State::parse(&state.to_yaml(), None).unwrap(),
            other @ (Applied::Unchanged | Applied::Rejected(_)) => panic!("{other:?}"),
        };
        let stop = Stopped { by: StoppedBy::JobGone, what: "nobody: knows it".into(), on: Some("bastion 1".into()) };
        let base = |to| SetTask { reason: Change::Set("it is gone".into()), ..SetTask::new(task, to, at) };
        let found = SetTask { stopped: Change::Set(stop.clone()), ..base(TaskStatus::InProgress) };
        let state = State::create(&"4.20.17".parse().unwrap(), at, &Metadata::default());
        let state = applied(&state, found);
        assert_eq!(state.task(task).unwrap().present_stop(), Some(&stop));
        let state = applied(&state, base(TaskStatus::NotStarted));
        assert_eq!(state.task(task).unwrap().stopped, None);
    }

    #[test]
    fn a_gate_is_the_same_after_it_was_kept() {
        let job = JobRef { system: JobSystem::Jenkins, id: "7".into(), url: None, triggered_at: None };
        let soon: Timestamp = "2026-03-20T12:00:00Z".parse().unwrap();
        let (task, text) = (Task::StageTesting, || "it says so".to_owned());
        for (of, gate_before) in [
            (task, ClosedGate::JobGone { task, job: job.clone(), why: text() }),
            (task, ClosedGate::ResultUnknown { task, job: job.clone(), result: text(), look_again: soon }),
            (
                Task::PushToCdnStaging,
                ClosedGate::AdvisoryDropped { advisories: vec![AdvisoryId::new(1), AdvisoryId::new(22)] },
            ),
            (
                Task::PushToCdnStaging,
                ClosedGate::AdvisoryState {
                    advisories: vec![
                        (AdvisoryId::new(1), "NEW_FILES".into()),
                        (AdvisoryId::new(22), "QE (push refused: no; not now)".into()),
                    ],
                },
            ),
            (Task::ChangeAdvisoryStatus, ClosedGate::UnknownOutcome { what: text() }),
            (Task::CheckCveTrackerBug, ClosedGate::Missing { what: text() }),
            (Which::Promoted.task(), ClosedGate::Decision { which: Which::Promoted, summary: text() }),
        ] {
            let kept = by_gate(&gate_before, Some("bastion")).expect("it is kept");
            assert_eq!(gate(&kept, of, Some(&job), soon), Some(gate_before));
        }
        assert_eq!(by_gate(&ClosedGate::Missing { what: text() }, None), None, "of which machine, nobody knows");
    }
}
