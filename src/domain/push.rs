//! Push jobs of an advisory: which count, and what follows from them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

/// Push jobs take 30 to 60 minutes, some a night.
pub const RECHECK: SignedDuration = SignedDuration::from_mins(10);

/// A push older than this is worth a look by a person.
pub const STALLED_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// State of one push job as the Errata Tool spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushState {
    /// Pushed.
    Complete,
    /// Ended badly.
    Failed,
    /// Waiting for a worker.
    Queued,
    /// Prepared, not queued yet.
    Ready,
    /// At work.
    Running,
    /// Handed to the publishing service; seen to take up to 17 h.
    WaitingOnPub,
    /// A state we do not know; it counts as not finished.
    Other(String),
}

impl FromStr for PushState {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "COMPLETE" => Self::Complete,
            "FAILED" => Self::Failed,
            "QUEUED" => Self::Queued,
            "READY" => Self::Ready,
            "RUNNING" => Self::Running,
            "WAITING_ON_PUB" => Self::WaitingOnPub,
            other => Self::Other(other.to_owned()),
        })
    }
}

impl fmt::Display for PushState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "COMPLETE",
            Self::Failed => "FAILED",
            Self::Queued => "QUEUED",
            Self::Ready => "READY",
            Self::Running => "RUNNING",
            Self::WaitingOnPub => "WAITING_ON_PUB",
            Self::Other(text) => text,
        })
    }
}

/// One push job of an advisory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushJob {
    /// Higher is newer.
    pub id: u64,
    /// Where it pushes to, for example `cdn_stage`.
    pub target: String,
    /// How far it is.
    pub state: PushState,
}

/// What follows from the push jobs of one advisory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushVerdict {
    /// Every target has its content.
    Complete,
    /// Jobs are on their way; look again later.
    Pending,
    /// Nothing was pushed yet.
    NothingPushed,
    /// The newest job of a target failed; pushing again redoes only the failed ones.
    Failed,
}

/// The job that counts for each target: the newest.
pub fn latest_per_target(jobs: &[PushJob]) -> BTreeMap<&str, &PushJob> {
    let mut latest: BTreeMap<&str, &PushJob> = BTreeMap::new();
    for job in jobs {
        let known = latest.entry(job.target.as_str()).or_insert(job);
        if job.id > known.id {
            *known = job;
        }
    }
    latest
}

/// Judges the push jobs of one advisory by the newest job of each target.
pub fn judge(jobs: &[PushJob]) -> PushVerdict {
    let latest = latest_per_target(jobs);
    if latest.is_empty() {
        PushVerdict::NothingPushed
    } else if latest.values().any(|job| job.state == PushState::Failed) {
        PushVerdict::Failed
    } else if latest.values().all(|job| job.state == PushState::Complete) {
        PushVerdict::Complete
    } else {
        PushVerdict::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u64, target: &str, state: &str) -> PushJob {
        let state = state.parse().unwrap_or_else(|never: Infallible| match never {});
        PushJob { id, target: target.into(), state }
    }

    #[test]
    fn only_the_newest_job_of_a_target_counts() {
        let jobs = [job(7, "cdn_stage", "COMPLETE"), job(3, "cdn_stage", "FAILED")];
        assert_eq!(judge(&jobs), PushVerdict::Complete);
        let jobs = [job(3, "cdn_stage", "COMPLETE"), job(7, "cdn_stage", "FAILED")];
        assert_eq!(judge(&jobs), PushVerdict::Failed);
    }

    #[test]
    fn one_failed_target_fails_and_one_open_target_keeps_the_advisory_pending() {
        let table = [
            (vec![], PushVerdict::NothingPushed),
            (vec![job(1, "cdn_stage", "COMPLETE"), job(2, "cdn_docker_stage", "FAILED")], PushVerdict::Failed),
            (vec![job(1, "cdn_stage", "RUNNING"), job(2, "cdn_docker_stage", "FAILED")], PushVerdict::Failed),
            (vec![job(1, "cdn_stage", "COMPLETE"), job(2, "cdn_docker_stage", "WAITING_ON_PUB")], PushVerdict::Pending),
            (vec![job(1, "cdn_stage", "POST_PUSH_PROCESSING")], PushVerdict::Pending),
            (vec![job(1, "cdn_stage", "COMPLETE"), job(2, "cdn_docker_stage", "COMPLETE")], PushVerdict::Complete),
        ];
        for (jobs, expected) in table {
            assert_eq!(judge(&jobs), expected, "{jobs:?}");
        }
    }
}
