//! How a run of a task ends: passed, waiting, held back by a gate, failed for a reason.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::closed_gate::ClosedGate;
use super::foreign::Statement;
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

impl WaitingOn {
    /// What it waits for, and what others say about that.
    pub fn statement(&self) -> Statement {
        match self {
            Self::PushJobs { states } => Statement::with("push jobs", format!(" ({})", states.join(", "))),
            Self::ConsistencyJob { state } => Statement::with("the image-consistency job", format!(" ({state})")),
            Self::ImageHealth { why } => Statement::with("image health", format!(": {why}")),
            Self::ImageFacts { why } => Statement::with("facts about images", format!(": {why}")),
            Self::StagePipeline { state } => Statement::with("the stage pipeline", format!(" ({state})")),
            Self::PayloadDigest => Statement::ours("the payload digest"),
            Self::Signature => Statement::ours("the signature"),
            Self::SecurityAlerts => Statement::ours("the Errata Tool to fetch the security alerts"),
            Self::AdvisoryPage { url: Some(url), .. } => Statement::ours(format!("the advisory page {url}")),
            Self::AdvisoryPage { url: None, .. } => Statement::ours("the advisory page"),
            Self::AdvisoryMove { why, .. } => Statement::with("the advisories to be movable", format!(": {why}")),
            Self::TestRecord { which, state } => {
                Statement::with(format!("the test record of the {which} build"), format!(" ({state})"))
            }
        }
    }

    /// Until when it waits at most, where the wait has an end.
    const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::AdvisoryPage { deadline, .. } | Self::AdvisoryMove { deadline, .. } => Some(*deadline),
            Self::PushJobs { .. }
            | Self::ConsistencyJob { .. }
            | Self::ImageHealth { .. }
            | Self::ImageFacts { .. }
            | Self::StagePipeline { .. }
            | Self::PayloadDigest
            | Self::Signature
            | Self::SecurityAlerts
            | Self::TestRecord { .. } => None,
        }
    }
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Wait::from(self).fmt(f)
    }
}

/// A wait as a state file keeps it: in words, with its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What is waited for.
    pub on: String,
    /// Until when at most; nothing when it has no end, or nobody wrote one down.
    pub until: Option<Timestamp>,
}

/// How a stored wait begins.
const WAITING: &str = "waiting for ";

impl Wait {
    /// Reads the stored reason of a running task; one that somebody else wrote is what it waits for.
    pub fn read(reason: &str) -> Self {
        let on = reason.strip_prefix(WAITING).unwrap_or(reason);
        let ended = on.strip_suffix(')').and_then(|on| on.rsplit_once(" (until "));
        match ended.and_then(|(on, until)| Some((on, until.parse().ok()?))) {
            Some((on, until)) => Self { on: on.to_owned(), until: Some(until) },
            None => Self { on: on.to_owned(), until: None },
        }
    }

    /// The reason that is stored for it.
    pub fn reason(&self) -> String {
        format!("{WAITING}{self}")
    }
}

impl From<&WaitingOn> for Wait {
    fn from(on: &WaitingOn) -> Self {
        Self { on: on.statement().to_string(), until: on.until() }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { on, until } = self;
        match until {
            Some(until) => write!(f, "{on} (until {until})"),
            None => f.write_str(on),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_back_as_it_was_stored() {
        let deadline: Timestamp = "2026-03-26T12:30:00Z".parse().unwrap();
        let page = WaitingOn::AdvisoryPage { url: Some("https://example.com/RHBA".to_owned()), deadline };
        let moved = WaitingOn::AdvisoryMove { why: "locked (until tomorrow)".to_owned(), deadline };
        let push = WaitingOn::PushJobs { states: vec!["1 cdn_stage RUNNING".to_owned()] };
        for (on, reason) in [
            (page, "waiting for the advisory page https://example.com/RHBA (until 2026-03-26T12:30:00Z)"),
            (moved, "waiting for the advisories to be movable: locked (until tomorrow) (until 2026-03-26T12:30:00Z)"),
            (push, "waiting for push jobs (1 cdn_stage RUNNING)"),
        ] {
            assert_eq!(Wait::from(&on).reason(), reason);
            assert_eq!(Wait::read(reason), Wait::from(&on));
        }
        let theirs = "the lead looks at it (until noon)";
        let read = Wait { on: theirs.to_owned(), until: None };
        assert_eq!(Wait::read(theirs), read, "somebody else's words stay as they are");
    }
}
