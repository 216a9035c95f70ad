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

/// One thing that has to be done for a release. The command-line name is the name everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// Creates the state file.
    CreateTestReport,
    /// Makes one engineer the owner of advisories, merge request and sub-tasks.
    TakeOwnership,
    /// Errata flow: keeps the bug table current.
    UpdateBugList,
    /// Compares the payload with the shipment and looks at image health.
    ImageConsistencyCheck,
    /// Judges the tests of the nightly that was chosen for the release.
    AnalyzeCandidateBuild,
    /// Judges the tests of the promoted payload: the gate.
    AnalyzePromotedBuild,
    /// Errata flow: container verification tests.
    CheckGreenwaveCvpTests,
    /// Looks for CVE trackers that are attached nowhere.
    CheckCveTrackerBug,
    /// Konflux flow: looks for security alerts on the RHCOS advisory.
    CheckRhcosSecurityAlerts,
    /// Pushes the advisories to the staging CDN.
    PushToCdnStaging,
    /// Runs the stage pipeline.
    StageTesting,
    /// Checks that the payload is signed on the public mirror.
    ImageSignedCheck,
    /// Errata flow: drops unverified bugs.
    DropBugs,
    /// Final approval: approves the merge request and moves the advisories.
    ChangeAdvisoryStatus,
    /// Approves the merge request only.
    AddQeApproval,
}

impl Task {
    /// All tasks in workflow order.
    pub const ALL: [Self; 15] = [
        Self::CreateTestReport,
        Self::TakeOwnership,
        Self::UpdateBugList,
        Self::CheckCveTrackerBug,
        Self::CheckRhcosSecurityAlerts,
        Self::CheckGreenwaveCvpTests,
        Self::PushToCdnStaging,
        Self::AnalyzeCandidateBuild,
        Self::AnalyzePromotedBuild,
        Self::ImageConsistencyCheck,
        Self::StageTesting,
        Self::ImageSignedCheck,
        Self::DropBugs,
        Self::ChangeAdvisoryStatus,
        Self::AddQeApproval,
    ];

    /// Name on the command line, in the state file and in file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateTestReport => "create-test-report",
            Self::TakeOwnership => "take-ownership",
            Self::UpdateBugList => "update-bug-list",
            Self::ImageConsistencyCheck => "image-consistency-check",
            Self::AnalyzeCandidateBuild => "analyze-candidate-build",
            Self::AnalyzePromotedBuild => "analyze-promoted-build",
            Self::CheckGreenwaveCvpTests => "check-greenwave-cvp-tests",
            Self::CheckCveTrackerBug => "check-cve-tracker-bug",
            Self::CheckRhcosSecurityAlerts => "check-rhcos-security-alerts",
            Self::PushToCdnStaging => "push-to-cdn-staging",
            Self::StageTesting => "stage-testing",
            Self::ImageSignedCheck => "image-signed-check",
            Self::DropBugs => "drop-bugs",
            Self::ChangeAdvisoryStatus => "change-advisory-status",
            Self::AddQeApproval => "add-qe-approval",
        }
    }

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
    pub const fn is_async(self) -> bool {
        matches!(
            self,
            Self::PushToCdnStaging | Self::ImageConsistencyCheck | Self::StageTesting | Self::ChangeAdvisoryStatus
        )
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

/// Where a task stands, as stored. Waiting and blocked are outcomes, never statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskStatus {
    /// Nothing is running and nothing was decided.
    NotStarted,
    /// Started; the verdict is not known yet.
    InProgress,
    /// Done and good.
    Pass,
    /// Done and bad.
    Fail,
}

impl TaskStatus {
    /// All four, in the order in which help texts list them.
    pub const ALL: [Self; 4] = [Self::NotStarted, Self::InProgress, Self::Pass, Self::Fail];

    /// The spelling in the state file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "Not Started",
            Self::InProgress => "In Progress",
            Self::Pass => "Pass",
            Self::Fail => "Fail",
        }
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

/// Where a job that we started runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobSystem {
    /// A build of the stage pipeline.
    Jenkins,
    /// A Prow job run.
    Prow,
}

impl JobSystem {
    /// The spelling in the state file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jenkins => "jenkins",
            Self::Prow => "prow",
        }
    }
}

impl FromStr for JobSystem {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Jenkins, Self::Prow].into_iter().find(|system| system.as_str() == text).ok_or(())
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

/// Which of the two test records of a release is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The nightly chosen for the release.
    Candidate,
    /// The promoted payload.
    Promoted,
}

impl Which {
    /// The task that judges this record.
    pub const fn task(self) -> Task {
        match self {
            Self::Candidate => Task::AnalyzeCandidateBuild,
            Self::Promoted => Task::AnalyzePromotedBuild,
        }
    }

    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Promoted => "promoted",
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
