//! The tasks of a release, their statuses, and the words around them: flow, job, build.

mod facts;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::nearest::hint;
use super::spelled::spelled;

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

spelled! {
    /// One thing that has to be done for a release, in workflow order. The command-line name is the name everywhere.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    Task,
    /// Name on the command line, in the state file and in file names.
    name: &'static str {
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
    as_str: &'static str {
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
    as_str: &'static str {
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

impl JobRef {
    /// Has Jenkins only queued it?
    pub const fn is_queued(&self) -> bool {
        matches!(self.system, JobSystem::Jenkins) && self.id.is_empty()
    }
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
    name: &'static str {
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

    /// The record that `task` judges; nothing for a task that judges none.
    pub fn of_task(task: Task) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.task() == task)
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
