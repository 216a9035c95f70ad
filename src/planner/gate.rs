//! The gate: the verdict on the promoted build.

use super::build_record::{Judged, judge_record};
use super::draft::{Draft, GateVerdict, Next, Progress};
use super::messages::{Kind, Message};
use super::tasks::occasion;
use crate::domain::task::{Task, TaskStatus, Which};

/// Walks the rows of the gate.
pub(super) fn rows(draft: &mut Draft<'_>) -> Next {
    let task = Task::AnalyzePromotedBuild;
    if draft.passed(task) {
        draft.gate = GateVerdict::Pass;
        draft.leave(task, Progress::Done);
        return Next::Go;
    }
    if draft.passed(Task::ChangeAdvisoryStatus) {
        return Next::Go;
    }
    let was_bad = draft.status(task) == TaskStatus::Fail;
    match judge_record(draft, Which::Promoted) {
        Judged::Good(reason) => {
            let kind = if was_bad { Kind::GateReopened } else { Kind::GatePassed };
            draft.gate = GateVerdict::Pass;
            draft.say(Message::new(kind, format!("the promoted build is good: {reason}")).task(task));
            Next::Go
        }
        Judged::Bad(reason) => {
            draft.gate = GateVerdict::Fail;
            let release = &draft.input.release;
            let occasion = occasion(&draft.facts(task));
            let message = Message::new(Kind::GateFailed, format!("the promoted build is rejected: {reason}"))
                .task(task)
                .step("nothing new is started; running jobs are still watched")
                .step(format!("to waive it: oar -r {release} drive --decide promoted=accept --reason TEXT"))
                .step(format!("to have it analysed again: oar -r {release} drive --retry {task}"))
                .occasion(occasion);
            draft.say(message);
            Next::Halt
        }
        Judged::Open => Next::Go,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::closed_gate::ClosedGate;
    use crate::domain::state::overall::Overall;
    use crate::planner::facts::{BuildVerdict, RecordState};
    use crate::planner::given::{actions, issue, job, kinds, promoted, set};
    use crate::planner::input::Input;
    use crate::planner::plan::{Action, REJECTED_SOURCE};
    use crate::planner::walk::plan;

    const TASK: Task = Task::AnalyzePromotedBuild;

    fn with(record: RecordState, verdict: BuildVerdict) -> Input {
        let mut input = promoted();
        input.promoted_file = record;
        input.promoted_verdict = verdict;
        input
    }

    fn rejected() -> RecordState {
        RecordState::Rejected { summary: "2 of 6 jobs failed".into() }
    }

    #[test]
    fn stage_testing_starts_in_the_same_plan_that_opens_the_gate() {
        let found = actions(&with(RecordState::Accepted, BuildVerdict::None));
        assert!(matches!(&found[0], Action::Conclude { which: Which::Promoted, .. }), "{found:?}");
        assert!(found.contains(&Action::Run(Task::StageTesting)));
    }

    #[test]
    fn an_open_gate_starts_image_consistency_but_not_stage_testing() {
        for (record, kind) in [
            (RecordState::Missing, Kind::WaitTestFile),
            (RecordState::NotStarted, Kind::WaitAggregation),
            (RecordState::Aggregating { missing: vec!["upgrade".into()] }, Kind::WaitAggregation),
            (RecordState::Unknown { why: "timed out".into() }, Kind::RecordUnknown),
            (RecordState::Invalid { why: "1 of 6 jobs".into() }, Kind::AnalysisError),
        ] {
            let input = with(record, BuildVerdict::None);
            assert_eq!(actions(&input), [Action::Run(Task::ImageConsistencyCheck)]);
            assert!(kinds(&input).contains(&kind), "{:?}", kinds(&input));
        }
    }

    #[test]
    fn a_rejected_build_is_analysed_and_then_decided_by_a_person() {
        let mut input = with(rejected(), BuildVerdict::None);
        assert!(actions(&input).contains(&Action::Analyze(Which::Promoted)));
        let asked = ClosedGate::Decision { which: Which::Promoted, summary: "2 of 6 jobs failed".into() };
        set(&mut input, TASK, TaskStatus::NotStarted).blocked_by = Some(asked);
        assert!(!actions(&input).contains(&Action::Analyze(Which::Promoted)));
        assert!(kinds(&input).contains(&Kind::DecisionNeeded));
    }

    #[test]
    fn a_rejected_gate_starts_nothing_and_running_jobs_are_still_watched() {
        let mut input = with(rejected(), BuildVerdict::Reject { reason: "product bug".into(), at: None });
        set(&mut input, Task::ImageConsistencyCheck, TaskStatus::InProgress).job_ref = Some(job());
        let found = actions(&input);
        assert!(matches!(&found[0], Action::MarkFail { task: TASK, blocker: Some(_), .. }), "{found:?}");
        assert_eq!(&found[1..], [Action::Check(Task::ImageConsistencyCheck, job())]);
        set(&mut input, TASK, TaskStatus::Fail);
        assert_eq!(plan(&input).overall, Overall::Red, "once the mark is stored");
    }

    #[test]
    fn a_waived_gate_opens_again_and_resolves_its_blocker() {
        let mut input = with(rejected(), BuildVerdict::Accept { reason: "known flake".into(), at: None });
        set(&mut input, TASK, TaskStatus::Fail);
        input.issues.blockers.insert(TASK, vec![issue("rejected", Some(REJECTED_SOURCE))]);
        let found = actions(&input);
        assert!(found.iter().any(|action| matches!(action, Action::ResolveIssue { .. })), "{found:?}");
        assert!(found.contains(&Action::Run(Task::StageTesting)));
        assert!(kinds(&input).contains(&Kind::GateReopened));
    }

    #[test]
    fn a_persons_blocker_keeps_an_accepted_build_from_passing() {
        let mut input = with(RecordState::Accepted, BuildVerdict::None);
        input.issues.blockers.insert(TASK, vec![issue("upgrade jobs are missing", None)]);
        assert!(!actions(&input).iter().any(|action| action.task() == Some(TASK)));
        assert!(kinds(&input).contains(&Kind::TaskBlocked));
    }
}
