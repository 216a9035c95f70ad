//! The candidate: the verdict on the nightly that was chosen for the release.
//!
//! They never stop the main chain: a bad or unjudged candidate holds back only the approval.

use super::build_record::{Judged, judge_record};
use super::draft::{Draft, Next, Progress};

use super::messages::{Kind, Message};
use crate::domain::task::{Task, TaskStatus, Which};

/// Walks the rows of the candidate.
pub(super) fn rows(draft: &mut Draft<'_>) -> Next {
    let task = Task::AnalyzeCandidateBuild;
    if draft.passed(Task::ChangeAdvisoryStatus) {
        return Next::Go;
    }
    if draft.passed(task) {
        draft.leave(task, Progress::Done);
        return Next::Go;
    }
    if draft.input.candidate_build.is_none() && draft.status(task) != TaskStatus::Fail {
        let text = "build data names no candidate build; there is nothing to analyse";
        draft.conclude(Which::Candidate, text);
        draft.say(Message::new(Kind::CandidateMissing, text).task(task));
        return Next::Go;
    }
    match judge_record(draft, Which::Candidate) {
        Judged::Good(_) => {}
        Judged::Bad(reason) => {
            let release = &draft.input.release;
            let message = Message::new(Kind::CandidateRejected, format!("the candidate build is rejected: {reason}"))
                .task(task)
                .step("the release goes on; only the final approval is held back")
                .step(format!("to waive it: oar -r {release} drive --decide candidate=accept --reason TEXT"));
            draft.say(message);
        }
        Judged::Open => {}
    }
    Next::Go
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::overall::Overall;
    use crate::planner::facts::{BuildVerdict, RecordState};
    use crate::planner::given::{actions, at, fresh, kinds, promoted, set};
    use crate::planner::input::Input;
    use crate::planner::plan::Action;
    use crate::planner::walk::plan;

    const TASK: Task = Task::AnalyzeCandidateBuild;

    fn candidate(record: RecordState, verdict: BuildVerdict) -> Input {
        let mut input = fresh();
        input.candidate_file = record;
        input.candidate_verdict = verdict;
        input
    }

    fn rejected() -> RecordState {
        RecordState::Rejected { summary: "2 of 6 jobs failed".into() }
    }

    fn marks(input: &Input) -> Vec<Action> {
        actions(input).into_iter().filter(|action| action.task() == Some(TASK)).collect()
    }

    #[test]
    fn the_record_decides_and_a_rejected_one_asks() {
        let reject = BuildVerdict::Reject { reason: "product bug".into(), at: None };
        let accept = BuildVerdict::Accept { reason: "known flake".into(), at: None };
        let table = [
            (RecordState::Missing, BuildVerdict::None, Some(Kind::CandidateWaiting)),
            (RecordState::NotStarted, BuildVerdict::None, Some(Kind::CandidateWaiting)),
            (RecordState::Unknown { why: "timed out".into() }, BuildVerdict::None, Some(Kind::RecordUnknown)),
            (RecordState::Invalid { why: "no jobs".into() }, BuildVerdict::None, Some(Kind::AnalysisError)),
            (rejected(), BuildVerdict::None, Some(Kind::AnalysisStarted)),
            (rejected(), BuildVerdict::Pending, Some(Kind::DecisionNeeded)),
            (rejected(), reject, Some(Kind::CandidateRejected)),
            (rejected(), accept, None),
            (RecordState::Accepted, BuildVerdict::None, None),
        ];
        for (record, verdict, kind) in table {
            let input = candidate(record.clone(), verdict.clone());
            match kind {
                Some(kind) => assert!(kinds(&input).contains(&kind), "{record:?} {verdict:?}: {:?}", kinds(&input)),
                None => assert!(matches!(&marks(&input)[..], [Action::Conclude { .. }]), "{record:?} {verdict:?}"),
            }
        }
    }

    #[test]
    fn a_release_without_candidate_build_has_nothing_to_analyse() {
        let mut input = fresh();
        input.candidate_build = None;
        assert!(matches!(&marks(&input)[..], [Action::Conclude { .. }]));
        assert!(kinds(&input).contains(&Kind::CandidateMissing));
    }

    #[test]
    fn a_rejected_candidate_turns_red_and_the_main_chain_goes_on() {
        let mut input = promoted();
        input.tasks.remove(&TASK);
        input.candidate_file = rejected();
        input.candidate_verdict = BuildVerdict::Reject { reason: "product bug".into(), at: None };
        assert!(matches!(&marks(&input)[..], [Action::MarkFail { blocker: Some(_), .. }]));
        assert!(actions(&input).contains(&Action::Run(Task::ImageConsistencyCheck)));
        set(&mut input, TASK, TaskStatus::Fail);
        assert_eq!(plan(&input).overall, Overall::Red, "once the mark is stored");
    }

    #[test]
    fn a_failed_candidate_is_lifted_by_a_later_decision_or_a_good_record_only() {
        let mut input = candidate(rejected(), BuildVerdict::None);
        set(&mut input, TASK, TaskStatus::Fail);
        assert_eq!(marks(&input), []);
        let accept = |time: &str| BuildVerdict::Accept { reason: "known flake".into(), at: Some(at(time)) };
        input.candidate_verdict = accept("2026-03-20T08:59:00Z");
        assert_eq!(marks(&input), [], "the decision is older than the Fail");
        input.candidate_verdict = accept("2026-03-20T09:01:00Z");
        assert!(matches!(&marks(&input)[..], [Action::Conclude { .. }]));
        input.candidate_verdict = BuildVerdict::None;
        input.candidate_file = RecordState::Accepted;
        assert!(matches!(&marks(&input)[..], [Action::Conclude { .. }]));
    }
}
