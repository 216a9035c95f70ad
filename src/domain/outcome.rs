//! How a run of a task ends: passed, waiting, held back by a gate, failed for a reason.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::closed_gate::ClosedGate;
use super::task::{JobRef, Which};
use super::verdict::FailReason;

/// What a run of a task found out. Every ending has a name; nobody reads text to learn one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done and good.
    Passed {
        /// One sentence for people.
        summary: String,
    },
    /// Started; the world is not ready. Stored as In Progress, never as a failure.
    Waiting {
        /// What the task waits for.
        on: WaitingOn,
        /// The job to ask, when one is running.
        job: Option<JobRef>,
        /// When looking again makes sense.
        recheck: SignedDuration,
    },
    /// Not allowed to go on yet; the stored status stays (or returns to Not Started).
    Blocked {
        /// The gate that is closed.
        by: ClosedGate,
    },
    /// A verdict against the release, not an error of ours.
    Failed {
        /// The verdict.
        reason: FailReason,
    },
    /// Nothing was to be done: stored status and result stay untouched.
    Unchanged {
        /// Why nothing was to be done.
        why: String,
    },
}

/// What a started task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingOn {
    /// Push jobs of the Errata Tool; each with advisory, target and state.
    PushJobs {
        /// `169293 cdn_stage RUNNING` and the like.
        states: Vec<String>,
    },
    /// The Prow job that compares payload and shipment.
    ConsistencyJob {
        /// Its state as Prow spells it.
        state: String,
    },
    /// The consistency job is good; image health is not known yet.
    ImageHealth {
        /// Why not.
        why: String,
    },
    /// Payload and shipment could not be compared to the end.
    ImageFacts {
        /// Why not.
        why: String,
    },
    /// The stage pipeline.
    StagePipeline {
        /// `queued`, `building`.
        state: String,
    },
    /// The release controller does not tell the payload's digest yet.
    PayloadDigest,
    /// The mirror has no signature yet.
    Signature,
    /// The Errata Tool has not fetched the alerts yet.
    SecurityAlerts,
    /// The advisory page for customers is not public yet.
    AdvisoryPage {
        /// The page.
        url: Option<String>,
        /// Until when we wait before a person has to look.
        deadline: Timestamp,
    },
    /// The page is public, but the advisories cannot be moved yet.
    AdvisoryMove {
        /// What the Errata Tool says.
        why: String,
        /// Until when we retry.
        deadline: Timestamp,
    },
    /// Test jobs that still run, or a record that does not exist yet.
    TestRecord {
        /// Which record.
        which: Which,
        /// Its state.
        state: String,
    },
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PushJobs { states } => write!(f, "push jobs ({})", states.join(", ")),
            Self::ConsistencyJob { state } => write!(f, "the image-consistency job ({state})"),
            Self::ImageHealth { why } => write!(f, "image health: {why}"),
            Self::ImageFacts { why } => write!(f, "facts about images: {why}"),
            Self::StagePipeline { state } => write!(f, "the stage pipeline ({state})"),
            Self::PayloadDigest => f.write_str("the payload digest"),
            Self::Signature => f.write_str("the signature"),
            Self::SecurityAlerts => f.write_str("the Errata Tool to fetch the security alerts"),
            Self::AdvisoryPage { url: Some(url), deadline } => write!(f, "the advisory page {url} (until {deadline})"),
            Self::AdvisoryPage { url: None, deadline } => write!(f, "the advisory page (until {deadline})"),
            Self::AdvisoryMove { why, deadline } => write!(f, "the advisories to be movable: {why} (until {deadline})"),
            Self::TestRecord { which, state } => write!(f, "the test record of the {which} build ({state})"),
        }
    }
}
