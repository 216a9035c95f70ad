//! The tasks of a release, their statuses, and the words around them: flow, job, build.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::nearest::hint;

/// How a release reaches its customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// Images are shipped through advisories of the Errata Tool alone.
    Errata,
    /// Images are shipped through a shipment merge request; advisories hold rpm and rhcos only.
    Konflux,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Errata => "Errata",
            Self::Konflux => "Konflux",
        })
    }
}

/// An enum with its spelling, and the list of its variants that no new one can be missing from.
macro_rules! spelled {
    (
        $(#[$meta:meta])*
        $name:ident, $(#[$spelling_doc:meta])* $spelling:ident {
            $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$meta])*
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// All of them, in the order of their definition.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            $(#[$spelling_doc])*
            pub const fn $spelling(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

spelled! {
    /// One thing that has to be done for a release, in workflow order. The command-line name is the name everywhere.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    Task,
    /// Name on the command line, in the state file and in file names.
    name {
        /// Creates the state file.
        CreateTestReport = "create-test-report",
        /// Makes one engineer the owner of advisories, merge request and sub-tasks.
        TakeOwnership = "take-ownership",
        /// Errata flow: keeps the bug table current.
        UpdateBugList = "update-bug-list",
        /// Looks for CVE trackers that are attached nowhere.
        CheckCveTrackerBug = "check-cve-tracker-bug",
        /// Konflux flow: looks for security alerts on the RHCOS advisory.
        CheckRhcosSecurityAlerts = "check-rhcos-security-alerts",
        /// Errata flow: container verification tests.
        CheckGreenwaveCvpTests = "check-greenwave-cvp-tests",
        /// Pushes the advisories to the staging CDN.
        PushToCdnStaging = "push-to-cdn-staging",
        /// Judges the tests of the nightly that was chosen for the release.
        AnalyzeCandidateBuild = "analyze-candidate-build",
        /// Judges the tests of the promoted payload: the gate.
        AnalyzePromotedBuild = "analyze-promoted-build",
        /// Compares the payload with the shipment and looks at image health.
        ImageConsistencyCheck = "image-consistency-check",
        /// Runs the stage pipeline.
        StageTesting = "stage-testing",
        /// Checks that the payload is signed on the public mirror.
        ImageSignedCheck = "image-signed-check",
        /// Errata flow: drops unverified bugs.
        DropBugs = "drop-bugs",
        /// Final approval: approves the merge request and moves the advisories.
        ChangeAdvisoryStatus = "change-advisory-status",
        /// Approves the merge request only.
        AddQeApproval = "add-qe-approval",
    }
}

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
            | Self::DropBugs
            | Self::AddQeApproval
            | Self::UpdateBugList => true,
            Self::CreateTestReport
            | Self::AnalyzeCandidateBuild
            | Self::AnalyzePromotedBuild
            | Self::CheckGreenwaveCvpTests
            | Self::CheckCveTrackerBug
            | Self::CheckRhcosSecurityAlerts
            | Self::ImageSignedCheck => false,
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
    /// settled.
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

    /// May a later run of the task replace its Pass by a Fail? Running a pure check again is a person's wish to know
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

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Task {
    type Err = UnknownTask;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|task| task.name() == text).ok_or_else(|| UnknownTask { text: text.to_owned() })
    }
}

impl serde::Serialize for Task {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A text that names no task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a task{}; tasks are: {}", hint(text, Task::ALL.map(Task::name)), Task::ALL.map(Task::name).join(", "))]
pub struct UnknownTask {
    /// What was given.
    pub text: String,
}

spelled! {
    /// Where a task stands, as stored. Waiting and blocked are outcomes, never statuses.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    TaskStatus,
    /// The spelling in the state file.
    as_str {
        /// Nothing is running and nothing was decided.
        NotStarted = "Not Started",
        /// Started; the verdict is not known yet.
        InProgress = "In Progress",
        /// Done and good.
        Pass = "Pass",
        /// Done and bad.
        Fail = "Fail",
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TaskStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus { text: text.to_owned() })
    }
}

impl serde::Serialize for TaskStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A text that names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a status{}; statuses are: \"Not Started\", \"In Progress\", Pass, Fail",
    hint(text, TaskStatus::ALL.map(TaskStatus::as_str))
)]
pub struct UnknownStatus {
    /// What was given.
    pub text: String,
}

/// The sentence that dashboards and chat bots look for, without time stamp and level.
pub fn marker(task: Task, status: TaskStatus) -> String {
    format!("task [{}] status is changed to [{status}]", task.display_name())
}

spelled! {
    /// Where a job that we started runs.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    JobSystem,
    /// The spelling in the state file.
    as_str {
        /// A build of the stage pipeline.
        Jenkins = "jenkins",
        /// A Prow job run.
        Prow = "prow",
    }
}

impl FromStr for JobSystem {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|system| system.as_str() == text).ok_or(())
    }
}

/// A job of ours elsewhere; stored as data so that it can never get lost in a log text.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobRef {
    /// Who runs it.
    pub system: JobSystem,
    /// Build number or job id. Empty while Jenkins has only queued it (then `url` is the queue item).
    pub id: String,
    /// Page for people.
    pub url: Option<String>,
    /// When we started it (virtual time in a rehearsal).
    pub triggered_at: Option<Timestamp>,
}

impl fmt::Display for JobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.system.as_str(), if self.id.is_empty() { "queue item" } else { &self.id })?;
        if let Some(url) = &self.url { write!(f, " <{url}>") } else { Ok(()) }
    }
}

spelled! {
    /// Which of the two test records of a release is meant.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    Which,
    /// Name on the command line.
    name {
        /// The nightly chosen for the release.
        Candidate = "candidate",
        /// The promoted payload.
        Promoted = "promoted",
    }
}

impl Which {
    /// The task that judges this record.
    pub const fn task(self) -> Task {
        match self {
            Self::Candidate => Task::AnalyzeCandidateBuild,
            Self::Promoted => Task::AnalyzePromotedBuild,
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
