//! Which facts a plan can depend on, judged by what is known already: a look asks for nothing else.
//!
//! A fact that is not needed changes no plan, whatever it is; `tests/it/properties` holds that.

use super::facts::PromotionFact;
use super::input::Input;
use super::table::tests_of_stage_release;
use crate::domain::task::{Task, TaskStatus};

impl Input {
    /// Is it of interest whether the payload is promoted? Not once the release is approved.
    pub fn needs_promotion(&self) -> bool {
        !self.has_passed(Task::ChangeAdvisoryStatus)
    }

    /// Is the test record of the nightly of interest? Only until the nightly is judged.
    pub fn needs_candidate_file(&self) -> bool {
        !self.has_passed(Task::ChangeAdvisoryStatus) && !self.has_passed(Task::AnalyzeCandidateBuild)
    }

    /// Is the test record of the payload of interest? From promotion until the payload is judged.
    pub fn needs_promoted_file(&self) -> bool {
        self.is_promoted() && !self.has_passed(Task::AnalyzePromotedBuild)
    }

    /// Is the stage release of interest? From promotion until what tests it has started.
    pub fn needs_stage_release(&self) -> bool {
        self.is_promoted() && tests_of_stage_release().any(|task| self.may_start(task))
    }

    /// May the job of `task` have to be started, once or again?
    pub(super) fn may_start(&self, task: Task) -> bool {
        match self.status(task) {
            TaskStatus::NotStarted | TaskStatus::Fail => true,
            // A job that nobody wrote down may have to be started again.
            TaskStatus::InProgress => self.tasks.get(&task).is_some_and(|facts| facts.job_ref.is_none()),
            TaskStatus::Pass => false,
        }
    }

    /// Is the advisory page of interest? Once its time ran out: it alone says whether the approval can go on.
    pub fn needs_page(&self) -> bool {
        let approval = self.tasks.get(&Task::ChangeAdvisoryStatus);
        approval.is_some_and(|facts| facts.status == TaskStatus::Fail && facts.timed_out())
    }

    /// Promoted and not approved yet: the rows below the promotion are walked.
    fn is_promoted(&self) -> bool {
        self.needs_promotion() && self.promotion == PromotionFact::Accepted
    }

    fn has_passed(&self, task: Task) -> bool {
        self.status(task) == TaskStatus::Pass
    }
}
