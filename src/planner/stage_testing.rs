//! When stage testing is started and looked at.

use super::draft::{Draft, GateVerdict, Next};
use super::facts::{PromotionFact, ReleaseFact};
use super::messages::{Kind, Message};
use super::tasks::{Needs, eval};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::stage_testing::{StageTestingFacts, closed};
use crate::domain::task::{Task, TaskStatus};

/// Walks the rows of stage testing.
pub(super) fn rows(draft: &mut Draft<'_>) -> Next {
    let task = Task::StageTesting;
    if draft.passed(Task::ChangeAdvisoryStatus) {
        return Next::Go;
    }
    let input = draft.input;
    let stage_release = match &input.stage_release {
        ReleaseFact::Known(state) => state,
        ReleaseFact::Unknown(_) => {
            eval(draft, task, Needs::Unmet);
            return Next::Go;
        }
    };
    let facts = StageTestingFacts {
        promotion: (input.promotion == PromotionFact::Accepted).then_some("Accepted"),
        stage_release: Some(stage_release),
        mr: input.mr_url.as_deref().unwrap_or_default(),
        push: draft.status(Task::PushToCdnStaging),
        gate: match draft.gate {
            GateVerdict::Pass => TaskStatus::Pass,
            GateVerdict::Fail => TaskStatus::Fail,
            GateVerdict::Pending => TaskStatus::NotStarted,
        },
        policy: input.policy,
    };
    let gate = closed(&facts);
    if let (true, Some(ClosedGate::Prerequisite { task: needed, .. })) = (input.may_start(task), &gate) {
        let (kind, text) = if *needed == Task::PushToCdnStaging {
            (Kind::StageWaitsForPush, "stage-testing waits for push-to-cdn-staging: it tests what was pushed")
        } else {
            (Kind::StageWaitsForGate, "stage-testing waits for the verdict on the promoted build")
        };
        draft.say(Message::new(kind, text).task(task));
    }
    eval(draft, task, Needs::met_if(gate.is_none()));
    Next::Go
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stage_testing::StageTestingPolicy;
    use crate::planner::facts::RecordState;
    use crate::planner::given::{actions, kinds, promoted, set};
    use crate::planner::plan::Action;

    const RUN: Action = Action::Run(Task::StageTesting);

    #[test]
    fn stage_testing_waits_until_the_push_has_passed() {
        let mut input = promoted();
        assert!(actions(&input).contains(&RUN));
        set(&mut input, Task::PushToCdnStaging, TaskStatus::InProgress);
        assert!(!actions(&input).contains(&RUN));
        assert!(kinds(&input).contains(&Kind::StageWaitsForPush));
    }

    #[test]
    fn stage_testing_waits_for_the_gate_unless_the_policy_lets_it_overlap() {
        let mut input = promoted();
        input.promoted_file = RecordState::NotStarted;
        assert!(!actions(&input).contains(&RUN));
        assert!(kinds(&input).contains(&Kind::StageWaitsForGate));
        input.policy = StageTestingPolicy::Overlap;
        assert!(actions(&input).contains(&RUN));
    }
}
