//! What is true of each task wherever it is run: one exhaustive match per fact.

use super::{Flow, JobSystem, Task};

impl Task {
    /// Name inside the marker line that other tools read.
    pub const fn display_name(self) -> &'static str {
        match self {
            Self::CreateTestReport => "Create Test Report",
            Self::TakeOwnership => "Take Ownership",
            Self::UpdateBugList => "Update Bug List",
            Self::ImageConsistencyCheck => "Image Consistency Check",
            Self::AnalyzeCandidateBuild => "Analyze Candidate Build",
            Self::AnalyzePromotedBuild => "Analyze Promoted Build",
            Self::CheckGreenwaveCvpTests => "Check Greenwave CVP Tests",
            Self::CheckCveTrackerBug => "Check CVE Tracker Bug",
            Self::CheckRhcosSecurityAlerts => "Check RHCOS Security Alerts",
            Self::PushToCdnStaging => "Push to CDN Staging",
            Self::StageTesting => "Stage Testing",
            Self::ImageSignedCheck => "Image Signed Check",
            Self::DropBugs => "Drop Bugs",
            Self::ChangeAdvisoryStatus => "Change Advisory Status",
            Self::AddQeApproval => "Add QE Approval",
        }
    }

    /// Is the task recorded by its own runs and counted for the overall status of `flow`?
    pub const fn is_tracked(self, flow: Flow) -> bool {
        match self {
            Self::TakeOwnership
            | Self::ImageConsistencyCheck
            | Self::AnalyzeCandidateBuild
            | Self::AnalyzePromotedBuild
            | Self::CheckCveTrackerBug
            | Self::PushToCdnStaging
            | Self::StageTesting
            | Self::ImageSignedCheck
            | Self::ChangeAdvisoryStatus => true,
            Self::CheckRhcosSecurityAlerts => matches!(flow, Flow::Konflux),
            Self::CheckGreenwaveCvpTests | Self::UpdateBugList | Self::DropBugs => matches!(flow, Flow::Errata),
            Self::CreateTestReport | Self::AddQeApproval => false,
        }
    }

    /// The tracked tasks of `flow` in workflow order.
    pub fn tracked(flow: Flow) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |task| task.is_tracked(flow))
    }

    /// Does a run change something outside (jobs, advisories, comments)?
    ///
    /// Such a task stores In Progress with its intent before the first effect; a pure check stores only its end.
    pub const fn has_effects(self) -> bool {
        match self {
            Self::TakeOwnership
            | Self::PushToCdnStaging
            | Self::ImageConsistencyCheck
            | Self::StageTesting
            | Self::ChangeAdvisoryStatus
            | Self::CheckRhcosSecurityAlerts
            | Self::DropBugs
            | Self::AddQeApproval
            | Self::UpdateBugList => true,
            Self::CreateTestReport
            | Self::AnalyzeCandidateBuild
            | Self::AnalyzePromotedBuild
            | Self::CheckGreenwaveCvpTests
            | Self::CheckCveTrackerBug
            | Self::ImageSignedCheck => false,
        }
    }

    /// The job of its own that the task starts and that only its service knows: where it runs, and its name in a sentence.
    pub const fn job(self) -> Option<(JobSystem, &'static str)> {
        match self {
            Self::StageTesting => Some((JobSystem::Jenkins, "the stage pipeline")),
            Self::ImageConsistencyCheck => Some((JobSystem::Prow, "the image-consistency job")),
            Self::CreateTestReport
            | Self::TakeOwnership
            | Self::UpdateBugList
            | Self::CheckCveTrackerBug
            | Self::CheckRhcosSecurityAlerts
            | Self::CheckGreenwaveCvpTests
            | Self::PushToCdnStaging
            | Self::AnalyzeCandidateBuild
            | Self::AnalyzePromotedBuild
            | Self::ImageSignedCheck
            | Self::DropBugs
            | Self::ChangeAdvisoryStatus
            | Self::AddQeApproval => None,
        }
    }

    /// Does the task start work elsewhere and come back for the result?
    pub const fn comes_back_later(self) -> bool {
        match self {
            Self::PushToCdnStaging | Self::ImageConsistencyCheck | Self::StageTesting | Self::ChangeAdvisoryStatus => {
                true
            }
            Self::CreateTestReport
            | Self::TakeOwnership
            | Self::UpdateBugList
            | Self::CheckCveTrackerBug
            | Self::CheckRhcosSecurityAlerts
            | Self::CheckGreenwaveCvpTests
            | Self::AnalyzeCandidateBuild
            | Self::AnalyzePromotedBuild
            | Self::ImageSignedCheck
            | Self::DropBugs
            | Self::AddQeApproval => false,
        }
    }

    /// Does a task that has begun show that the payload is promoted? These begin only after that.
    pub const fn begins_after_promotion(self) -> bool {
        match self {
            Self::AnalyzePromotedBuild | Self::ImageConsistencyCheck | Self::StageTesting | Self::ImageSignedCheck => {
                true
            }
            Self::CreateTestReport
            | Self::TakeOwnership
            | Self::UpdateBugList
            | Self::CheckCveTrackerBug
            | Self::CheckRhcosSecurityAlerts
            | Self::CheckGreenwaveCvpTests
            | Self::PushToCdnStaging
            | Self::AnalyzeCandidateBuild
            | Self::DropBugs
            | Self::ChangeAdvisoryStatus
            | Self::AddQeApproval => false,
        }
    }

    /// Does the task look again although it has passed?
    ///
    /// What has effects and is done stays done, but for take-ownership, which may find that an earlier finding is
    /// settled, and for the look at alerts, which has them refreshed.
    pub const fn looks_again_after_pass(self) -> bool {
        match self {
            Self::TakeOwnership
            | Self::CreateTestReport
            | Self::CheckCveTrackerBug
            | Self::CheckRhcosSecurityAlerts
            | Self::CheckGreenwaveCvpTests
            | Self::AnalyzeCandidateBuild
            | Self::AnalyzePromotedBuild
            | Self::ImageSignedCheck => true,
            Self::UpdateBugList
            | Self::PushToCdnStaging
            | Self::ImageConsistencyCheck
            | Self::StageTesting
            | Self::DropBugs
            | Self::ChangeAdvisoryStatus
            | Self::AddQeApproval => false,
        }
    }

    /// Is its Pass about the very advisories and images that ship, so that it says nothing once ART replaces them?
    pub const fn is_about_what_ships(self) -> bool {
        match self {
            Self::UpdateBugList
            | Self::CheckCveTrackerBug
            | Self::CheckRhcosSecurityAlerts
            | Self::CheckGreenwaveCvpTests
            | Self::PushToCdnStaging
            | Self::ImageConsistencyCheck
            | Self::StageTesting
            | Self::AnalyzeCandidateBuild
            | Self::AnalyzePromotedBuild
            | Self::ImageSignedCheck
            | Self::DropBugs
            | Self::ChangeAdvisoryStatus
            | Self::AddQeApproval => true,
            Self::CreateTestReport | Self::TakeOwnership => false,
        }
    }

    /// May a later run of the task replace its Pass by a Fail? Whoever runs a pure check again wants to know
    /// better.
    pub const fn may_lose_its_pass(self) -> bool {
        match self {
            Self::CheckCveTrackerBug
            | Self::CheckRhcosSecurityAlerts
            | Self::AnalyzeCandidateBuild
            | Self::AnalyzePromotedBuild
            | Self::ImageSignedCheck => true,
            Self::CreateTestReport
            | Self::TakeOwnership
            | Self::UpdateBugList
            | Self::CheckGreenwaveCvpTests
            | Self::PushToCdnStaging
            | Self::ImageConsistencyCheck
            | Self::StageTesting
            | Self::DropBugs
            | Self::ChangeAdvisoryStatus
            | Self::AddQeApproval => false,
        }
    }
}
