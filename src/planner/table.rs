//! What the planner knows of each task: one exhaustive match per fact.

use jiff::SignedDuration;

use super::limits::StallLimits;
use super::messages::Kind;
use crate::domain::task::{JobRef, Task};

/// How long after now it makes sense to look again at a running task; a queue item soon becomes a build and is forgotten.
pub fn recheck_after(task: Task, job: Option<&JobRef>) -> SignedDuration {
    SignedDuration::from_mins(match task {
        Task::StageTesting if job.is_some_and(JobRef::is_queued) => 2,
        Task::CheckRhcosSecurityAlerts => 10,
        Task::PushToCdnStaging => 10,
        Task::ImageConsistencyCheck | Task::StageTesting => 15,
        Task::ImageSignedCheck | Task::ChangeAdvisoryStatus => 30,
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::CheckGreenwaveCvpTests
        | Task::CheckCveTrackerBug
        | Task::DropBugs
        | Task::AddQeApproval => 5,
    })
}

/// Must the task pass before the signature check and the approval have their turn? These are the threads that the
/// approval brings together.
const fn is_approval_thread(task: Task) -> bool {
    match task {
        Task::PushToCdnStaging | Task::ImageConsistencyCheck | Task::StageTesting => true,
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::CheckGreenwaveCvpTests
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => false,
    }
}

/// The threads of the approval, in workflow order.
pub(super) fn approval_threads() -> impl Iterator<Item = Task> {
    Task::ALL.into_iter().filter(|task| is_approval_thread(*task))
}

/// Does the task test what the stage release of the shipment has brought to the staging environment?
const fn tests_stage_release(task: Task) -> bool {
    match task {
        Task::ImageConsistencyCheck | Task::StageTesting => true,
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::CheckGreenwaveCvpTests
        | Task::PushToCdnStaging
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => false,
    }
}

/// The tasks that test the stage release, in workflow order.
pub(super) fn tests_of_stage_release() -> impl Iterator<Item = Task> {
    Task::ALL.into_iter().filter(|task| tests_stage_release(*task))
}

/// The tasks that have to be done before a task of the preparation has its turn; what the others wait for is said by
/// their rows.
pub(super) const fn comes_after(task: Task) -> &'static [Task] {
    match task {
        Task::CheckCveTrackerBug => &[Task::TakeOwnership],
        Task::CheckRhcosSecurityAlerts => &[Task::CheckCveTrackerBug],
        Task::PushToCdnStaging => &[Task::CheckCveTrackerBug, Task::CheckRhcosSecurityAlerts],
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::CheckGreenwaveCvpTests
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::ImageConsistencyCheck
        | Task::StageTesting
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => &[],
    }
}

/// How a task that is In Progress goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    /// A job of its own runs elsewhere.
    Job,
    /// Its next run looks at what it started.
    LooksItself,
    /// It is run again.
    RunsAgain,
}

pub(super) const fn running(task: Task) -> Running {
    match task {
        Task::StageTesting | Task::ImageConsistencyCheck => Running::Job,
        Task::PushToCdnStaging => Running::LooksItself,
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::CheckGreenwaveCvpTests
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => Running::RunsAgain,
    }
}

/// What a running task is a wait for.
pub(super) const fn wait_kind(task: Task) -> Kind {
    match task {
        Task::ImageSignedCheck => Kind::SignatureWaiting,
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::CheckGreenwaveCvpTests
        | Task::PushToCdnStaging
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::ImageConsistencyCheck
        | Task::StageTesting
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => Kind::AsyncRunning,
    }
}

/// After how long the job of a running task is worth a person's look; nothing when it has its own end.
fn running_limit(limits: &StallLimits, task: Task) -> Option<SignedDuration> {
    match task {
        Task::PushToCdnStaging => Some(limits.push),
        Task::StageTesting => Some(limits.stage_testing),
        Task::ImageConsistencyCheck => Some(limits.image_consistency),
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::CheckGreenwaveCvpTests
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => None,
    }
}

/// After how long a wait of this kind is worth a person's look; nothing when it has its own end.
#[expect(clippy::wildcard_enum_match_arm, reason = "few of the kinds are waits that can stall")]
pub(super) fn stall_limit(limits: &StallLimits, kind: Kind, task: Option<Task>) -> Option<SignedDuration> {
    match kind {
        Kind::WaitPromotion => Some(limits.promotion),
        Kind::WaitTestFile => Some(limits.test_file),
        Kind::WaitAggregation => Some(limits.aggregation),
        Kind::AnalysisStarted => Some(limits.analysis),
        Kind::StageReleaseWaiting => Some(limits.stage_release),
        Kind::AsyncRunning => task.and_then(|task| running_limit(limits, task)),
        _ => None,
    }
}
