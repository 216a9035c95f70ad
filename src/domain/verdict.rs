//! Verdicts against a release, and their kinds as they are stored.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::foreign::{Statement, term};
use super::ids::{AdvisoryId, JiraKey};
use super::spelled::spelled;
use super::task::{JobRef, Which};

/// A verdict against the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailReason {
    /// A job of ours ended badly.
    Job {
        /// The job.
        job: JobRef,
        /// Its result as the system spells it.
        result: String,
    },
    /// Images with a bad health grade.
    UnhealthyImages {
        /// How many of how many.
        unhealthy: usize,
        /// How many were looked at.
        scanned: usize,
    },
    /// Payload images that are neither in the shipment nor released earlier.
    InconsistentImages {
        /// Their names in the payload.
        missing: Vec<String>,
        /// How many were compared.
        checked: usize,
    },
    /// Nobody signed the payload by its release date.
    UnsignedOnReleaseDate,
    /// The tests reject the build.
    BuildRejected {
        /// Which build.
        which: Which,
        /// Why, with numbers.
        summary: String,
    },
    /// Push jobs that failed more often than we retry.
    Push {
        /// Each advisory with target and state.
        states: Vec<String>,
    },
    /// CVE trackers that are attached nowhere, while the check is configured to block.
    MissedCveTrackers {
        /// The trackers.
        keys: Vec<JiraKey>,
    },
    /// The kernel of an advisory carries the stop-ship tag.
    KernelStopShip {
        /// The kernel build.
        kernel: String,
    },
    /// Security alerts that block shipping.
    BlockingAlerts {
        /// The advisory.
        advisory: AdvisoryId,
        /// Names of the alerts.
        alerts: Vec<String>,
    },
    /// Advisories that did not reach the wanted state.
    AdvisoriesNotMoved {
        /// Each advisory with its state.
        advisories: Vec<(AdvisoryId, String)>,
    },
    /// The advisory page did not become public in time.
    PageDeadline {
        /// When we stopped waiting.
        deadline: Timestamp,
        /// Had the production release succeeded by then? Its success later would be a reason to wait once more.
        released: bool,
    },
}

impl FailReason {
    /// The kind of verdict, as kept with the attempt: whoever reads it later must not read the text.
    pub const fn class(&self) -> VerdictClass {
        match self {
            Self::Job { .. } => VerdictClass::Job,
            Self::PageDeadline { released: false, .. } => VerdictClass::Deadline,
            Self::PageDeadline { released: true, .. } => VerdictClass::DeadlineReleased,
            Self::UnhealthyImages { .. }
            | Self::InconsistentImages { .. }
            | Self::UnsignedOnReleaseDate
            | Self::BuildRejected { .. }
            | Self::Push { .. }
            | Self::MissedCveTrackers { .. }
            | Self::KernelStopShip { .. }
            | Self::BlockingAlerts { .. }
            | Self::AdvisoriesNotMoved { .. } => VerdictClass::Verdict,
        }
    }
}

spelled! {
    /// The kind of a stored verdict.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    VerdictClass,
    /// The spelling in the state file.
    as_str: &'static str {
        /// Something was looked at and is bad.
        Verdict = "verdict",
        /// A job of ours ended badly.
        Job = "verdict-job",
        /// Something did not come in time; it may come later.
        Deadline = "verdict-deadline",
        /// The same, although what brings it had succeeded.
        DeadlineReleased = "verdict-deadline-released",
    }
}

impl FromStr for VerdictClass {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or(())
    }
}

impl FailReason {
    /// The verdict, and what others say about it.
    pub fn statement(&self) -> Statement {
        let list = |ours: String, each: &[String]| Statement::with(ours, format!(": {}", each.join(", ")));
        match self {
            Self::Job { job, result } => Statement::ours(format!("{job} ended with {}", term(result))),
            Self::UnhealthyImages { unhealthy, scanned } => {
                Statement::ours(format!("{unhealthy} of {scanned} images are unhealthy"))
            }
            Self::InconsistentImages { missing, checked } => {
                let count = missing.len();
                let ours =
                    format!("{count} of {checked} payload images are neither in the shipment nor released earlier");
                list(ours, missing)
            }
            Self::UnsignedOnReleaseDate => Statement::ours("the payload is still unsigned on the release date"),
            Self::BuildRejected { which, summary } => {
                Statement::with(format!("the {which} build is rejected"), format!(": {summary}"))
            }
            Self::Push { states } => list("push jobs failed".to_owned(), states),
            Self::MissedCveTrackers { keys } => {
                let each: Vec<_> = keys.iter().map(ToString::to_string).collect();
                list(format!("{} CVE trackers are attached nowhere", keys.len()), &each)
            }
            Self::KernelStopShip { kernel } => Statement::ours(format!("{kernel} carries the stop-ship tag")),
            Self::BlockingAlerts { advisory, alerts } => {
                list(format!("advisory {advisory} has blocking security alerts"), alerts)
            }
            Self::AdvisoriesNotMoved { advisories } => {
                let each: Vec<_> = advisories.iter().map(|(id, state)| format!("{id} {state}")).collect();
                list("advisories were not moved".to_owned(), &each)
            }
            Self::PageDeadline { deadline, .. } => {
                Statement::ours(format!("the advisory page was not public by {deadline}"))
            }
        }
    }
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statement().fmt(f)
    }
}
