//! What the planner says is next, and the walk through the rows that finds it.

use jiff::Timestamp;

use super::draft::{Draft, Next};
use super::input::{Input, StateSource};
use super::messages::Message;
use super::{approval, candidate, consistency, gate, preparation, promotion, stage_testing, stall, start, tasks};
use crate::domain::state::view::Overall;
use crate::domain::task::{JobRef, Task, Which};

/// What follows from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// How far the release is.
    pub phase: Phase,
    /// What to do now; at most one per task. Empty: nothing but waiting, a person, or the end.
    pub actions: Vec<Action>,
    /// Why the rest does not happen.
    pub messages: Vec<Message>,
    /// Green unless a tracked task is Fail.
    pub overall: Overall,
    /// What the whole amounts to.
    pub verdict: Verdict,
    /// Tasks that are done.
    pub passed: Vec<Task>,
    /// Tasks that run, with their jobs.
    pub running: Vec<(Task, Option<JobRef>)>,
    /// Tasks that come next once the waits are over.
    pub next: Vec<Task>,
}

impl Plan {
    /// When something may have changed by itself; nothing when only a person can change anything.
    ///
    /// A driver that watches goes on as long as this is some, whatever the verdict: a person may be needed
    /// for one chain while another still moves.
    pub fn recheck_at(&self) -> Option<Timestamp> {
        self.messages.iter().filter(|message| message.comes_by_itself()).filter_map(|message| message.recheck).min()
    }
}

/// How far a release is; derived, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Report, ownership, first checks.
    Initialisation,
    /// Waiting for the payload in the stable stream.
    WaitingForPromotion,
    /// Jobs run and the promoted build is judged.
    AsyncAndEvaluation,
    /// The build is good; jobs still run.
    FinalSync,
    /// Only the approval is left.
    FinalApproval,
    /// Nothing goes on without a person.
    Stopped,
    /// Approved, and the images are out.
    Done,
}

/// A blocker that comes with a verdict.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Blocker {
    /// Its text.
    pub text: String,
    /// Which rule reports it; the same rule resolves it.
    pub source: &'static str,
}

/// Marks the blocker of a rejected build; a later good verdict resolves it.
pub const REJECTED_SOURCE: &str = "build-rejected";

/// Marks the blocker of a task whose automatic retries are used up; `--retry` resolves it.
pub const RETRIES_SOURCE: &str = "retries-exhausted";

/// One step for the executor.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Run the task; it triggers what is missing, or looks again at what it started.
    Run(Task),
    /// Ask for the result of a running job.
    Check(Task, JobRef),
    /// Record a verdict against the release.
    MarkFail {
        /// The task.
        task: Task,
        /// Why, for its result.
        note: String,
        /// A blocker to record in the same write.
        blocker: Option<Blocker>,
    },
    /// Put a task back to Not Started.
    ResetTask {
        /// The task.
        task: Task,
        /// Why, for its result.
        note: String,
    },
    /// Resolve an issue that a rule of ours reported and that no longer holds.
    ResolveIssue {
        /// Id or text of the issue.
        issue: String,
        /// The resolution.
        resolution: String,
    },
    /// Record a blocker; one without a task holds back the whole release.
    AddBlocker {
        /// The task it holds back.
        task: Option<Task>,
        /// Its text.
        text: String,
        /// Which rule reports it.
        source: String,
    },
    /// Have a rejected build analysed.
    Analyze(Which),
    /// Have a build judged whose verdict is known to be good; the run stores the evidence with the Pass.
    Conclude {
        /// Which build.
        which: Which,
        /// Why it is good.
        note: String,
    },
    /// Tell people what a message says, once per key.
    Notify {
        /// The message.
        message: Message,
        /// What makes two notifications the same.
        key: String,
    },
}

impl Action {
    /// The task this action works on; notifications and issues work on none.
    pub fn task(&self) -> Option<Task> {
        match self {
            Self::Run(task) | Self::Check(task, _) | Self::MarkFail { task, .. } | Self::ResetTask { task, .. } => {
                Some(*task)
            }
            Self::Analyze(which) | Self::Conclude { which, .. } => Some(which.task()),
            Self::ResolveIssue { .. } | Self::AddBlocker { .. } | Self::Notify { .. } => None,
        }
    }
}

/// What a plan amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The release is approved and its images are out: nothing is left for us.
    Done,
    /// Everything open comes by itself.
    Waiting {
        /// When to look again.
        recheck_at: Timestamp,
    },
    /// A person has to do or decide something.
    NeedsPerson,
    /// A task failed in this run.
    Failed,
    /// There is something to do now.
    Continue,
}

/// Says what is next. Pure: the same input gives the same plan.
pub fn plan(input: &Input) -> Plan {
    let mut draft = Draft::new(input);
    walk(&mut draft);
    if matches!(input.source, StateSource::StateBox) && !draft.done {
        tasks::check_running(&mut draft);
        approval::ahead(&mut draft);
        stall::rows(&mut draft);
    }
    draft.finish()
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
    use crate::domain::task::TaskStatus;
    use crate::planner::given::{fresh, move_to, set};
    use crate::planner::input::{Promotion, RecordState, ReleaseFact};

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
        assert_eq!(found.phase, Phase::WaitingForPromotion);

        input.promotion = Promotion::Accepted;
        input.stage_release = ReleaseFact::Known(StageRelease::Success);
        let (ran, found) = until_only_waits_remain(&mut input);
        assert_eq!((ran, found.phase), (vec![ImageConsistencyCheck], Phase::AsyncAndEvaluation));

        input.promoted_file = RecordState::Accepted;
        let (ran, found) = until_only_waits_remain(&mut input);
        assert_eq!((ran, found.phase), (vec![StageTesting, ImageSignedCheck], Phase::FinalApproval));
        assert!(matches!(found.verdict, Verdict::Waiting { .. }));

        move_to(&mut input, "2026-03-24T00:00:00Z");
        let (ran, _) = until_only_waits_remain(&mut input);
        assert_eq!(ran, [ChangeAdvisoryStatus]);

        input.shipped = Some(Shipped { shipped: true, open: vec![] });
        let (ran, found) = until_only_waits_remain(&mut input);
        assert!(ran.is_empty());
        assert_eq!((found.verdict, found.phase, found.overall), (Verdict::Done, Phase::Done, Overall::Green));
        assert_eq!(found.passed.len(), 10);
    }
}
