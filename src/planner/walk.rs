//! The walk through the rows that finds what is next.

use super::draft::{Draft, Next};
use super::input::{Input, StateSource};
use super::plan::Plan;
use super::{
    approval, candidate, conditions, consistency, gate, other_driver, owed, preparation, promotion, stage_testing,
    stall, start, tasks,
};

/// Says what is next. Pure: the same input gives the same plan.
pub fn plan(input: &Input) -> Plan {
    let mut draft = Draft::new(input);
    walk(&mut draft);
    if matches!(input.source, StateSource::StateBox) && !draft.done {
        tasks::check_running(&mut draft);
        approval::ahead(&mut draft);
        stall::rows(&mut draft);
    }
    owed::rows(&mut draft);
    other_driver::rows(&mut draft);
    conditions::rows(&mut draft);
    let conditions = conditions::of(&draft);
    draft.finish(conditions)
}

/// The rows in order; a `Next::Halt` ends the walk.
fn walk(draft: &mut Draft<'_>) {
    let families: [fn(&mut Draft<'_>) -> Next; 8] = [
        start::rows,
        preparation::rows,
        candidate::rows,
        promotion::rows,
        gate::rows,
        consistency::rows,
        stage_testing::rows,
        approval::rows,
    ];
    for rows in families {
        if rows(draft) == Next::Halt {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::Shipped;
    use crate::domain::shipment::StageRelease;
    use crate::domain::state::overall::Overall;
    use crate::domain::task::{Task, TaskStatus};
    use crate::planner::facts::{PromotionFact, RecordState, ReleaseFact};
    use crate::planner::given::{fresh, move_to, set};
    use crate::planner::plan::{Action, ReleasePhase, Verdict};

    /// Carries a plan out in a world where everything goes well.
    fn all_goes_well(input: &mut Input, actions: &[Action]) -> Vec<Task> {
        let mut ran = Vec::new();
        for action in actions {
            match action {
                Action::Run(task) => {
                    set(input, *task, TaskStatus::Pass);
                    ran.push(*task);
                }
                Action::Conclude { which, .. } => drop(set(input, which.task(), TaskStatus::Pass).waiting_on.take()),
                Action::Notify { key, .. } => drop(input.notified.insert(key.clone())),
                Action::Check(..)
                | Action::MarkFail { .. }
                | Action::ResetTask { .. }
                | Action::ResolveIssue { .. }
                | Action::AddBlocker { .. }
                | Action::SendDue
                | Action::Analyze(_) => panic!("not on the smooth path: {action:?}"),
            }
        }
        ran
    }

    fn until_only_waits_remain(input: &mut Input) -> (Vec<Task>, Plan) {
        let mut ran = Vec::new();
        loop {
            let found = plan(input);
            if found.actions.is_empty() {
                return (ran, found);
            }
            ran.extend(all_goes_well(input, &found.actions));
        }
    }

    #[test]
    fn a_smooth_release_goes_from_nothing_to_shipped_in_the_order_of_the_workflow() {
        use Task::{
            ChangeAdvisoryStatus, CheckCveTrackerBug, CheckRhcosSecurityAlerts, ImageConsistencyCheck,
            ImageSignedCheck, PushToCdnStaging, StageTesting, TakeOwnership,
        };
        let mut input = fresh();
        let (ran, found) = until_only_waits_remain(&mut input);
        assert_eq!(ran, [TakeOwnership, CheckCveTrackerBug, CheckRhcosSecurityAlerts, PushToCdnStaging]);
        assert_eq!(found.phase, ReleasePhase::WaitingForPromotion);

        input.promotion = PromotionFact::Accepted;
        input.stage_release = ReleaseFact::Known(StageRelease::Success);
        let (ran, found) = until_only_waits_remain(&mut input);
        assert_eq!((ran, found.phase), (vec![ImageConsistencyCheck], ReleasePhase::AsyncAndEvaluation));

        input.promoted_file = RecordState::Accepted;
        let (ran, found) = until_only_waits_remain(&mut input);
        assert_eq!((ran, found.phase), (vec![StageTesting, ImageSignedCheck], ReleasePhase::FinalApproval));
        assert!(matches!(found.verdict, Verdict::Waiting { .. }));

        move_to(&mut input, "2026-03-24T00:00:00Z");
        let (ran, _) = until_only_waits_remain(&mut input);
        assert_eq!(ran, [ChangeAdvisoryStatus]);

        input.shipped = Some(Shipped { shipped: true, open: vec![] });
        let (ran, found) = until_only_waits_remain(&mut input);
        assert!(ran.is_empty());
        assert_eq!((found.verdict, found.phase, found.overall), (Verdict::Done, ReleasePhase::Done, Overall::Green));
        assert_eq!(found.passed.len(), 10);
    }
}
