//! Push jobs of an advisory: which count, and what follows from them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

use super::closed_gate::ClosedGate;
use super::task::{Task, TaskStatus};

/// Push jobs take 30 to 60 minutes, some a night.
pub const RECHECK: SignedDuration = SignedDuration::from_mins(10);

/// A target is pushed once and at most three times again; then a person has to look.
pub const TRIES: usize = 4;

/// What keeps a push from starting: trackers have to be checked, alerts have to be looked at.
///
/// `alerts` is nothing in the Errata flow, which has no such check. Bad alerts hold back the approval, not the
/// push, so a Fail counts as looked at.
pub fn closed(trackers: TaskStatus, alerts: Option<TaskStatus>) -> Option<ClosedGate> {
    if trackers != TaskStatus::Pass {
        return Some(ClosedGate::Prerequisite { task: Task::CheckCveTrackerBug, status: trackers });
    }
    let open = |status: &TaskStatus| matches!(status, TaskStatus::NotStarted | TaskStatus::InProgress);
    let status = alerts.filter(open)?;
    Some(ClosedGate::Prerequisite { task: Task::CheckRhcosSecurityAlerts, status })
}

/// State of one push job as the Errata Tool spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushState {
    /// Pushed.
    Complete,
    /// Ended badly.
    Failed,
    /// The content arrived, the work after it ended badly; it never becomes COMPLETE by itself.
    PostPushFailed,
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
            "POST_PUSH_FAILED" => Self::PostPushFailed,
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
            Self::PostPushFailed => "POST_PUSH_FAILED",
            Self::Queued => "QUEUED",
            Self::Ready => "READY",
            Self::Running => "RUNNING",
            Self::WaitingOnPub => "WAITING_ON_PUB",
            Self::Other(text) => text,
        })
    }
}

impl PushState {
    /// Did it end badly?
    pub const fn is_failed(&self) -> bool {
        matches!(self, Self::Failed | Self::PostPushFailed)
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

impl PushJob {
    /// Does it push to staging? The same list holds the pushes to customers.
    pub fn is_staging(&self) -> bool {
        self.target.ends_with("_stage")
    }
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

/// How often a target failed without a success since: the evidence that tells when to give up.
pub fn failures_in_a_row(jobs: &[PushJob], target: &str) -> usize {
    let mut of_target: Vec<_> = jobs.iter().filter(|job| job.target == target).collect();
    of_target.sort_by_key(|job| std::cmp::Reverse(job.id));
    of_target.iter().take_while(|job| job.state != PushState::Complete).filter(|job| job.state.is_failed()).count()
}

/// Did a target whose newest job failed use up all its tries?
pub fn is_exhausted(jobs: &[PushJob]) -> bool {
    let failed = latest_per_target(jobs).into_values().filter(|job| job.state.is_failed());
    failed.into_iter().any(|job| failures_in_a_row(jobs, &job.target) >= TRIES)
}

/// Judges the push jobs of one advisory by the newest job of each target.
pub fn judge(jobs: &[PushJob]) -> PushVerdict {
    let latest = latest_per_target(jobs);
    if latest.is_empty() {
        PushVerdict::NothingPushed
    } else if latest.values().any(|job| job.state.is_failed()) {
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
            (vec![job(1, "cdn_stage", "POST_PUSH_FAILED")], PushVerdict::Failed),
            (vec![job(1, "cdn_stage", "COMPLETE"), job(2, "cdn_docker_stage", "COMPLETE")], PushVerdict::Complete),
        ];
        for (jobs, expected) in table {
            assert_eq!(judge(&jobs), expected, "{jobs:?}");
        }
    }

    #[test]
    fn a_target_is_given_up_after_four_failures_without_a_success_between() {
        let failed =
            |ids: std::ops::RangeInclusive<u64>| ids.map(|id| job(id, "cdn_stage", "FAILED")).collect::<Vec<_>>();
        assert!(!is_exhausted(&failed(1..=3)));
        assert!(is_exhausted(&failed(1..=4)));
        let mut jobs = failed(1..=3);
        jobs.push(job(4, "cdn_stage", "COMPLETE"));
        jobs.extend(failed(5..=6));
        assert_eq!(failures_in_a_row(&jobs, "cdn_stage"), 2);
        assert!(!is_exhausted(&jobs));
        let mut jobs = failed(1..=4);
        jobs.push(job(5, "cdn_stage", "RUNNING"));
        assert!(!is_exhausted(&jobs), "one more try is on its way");
    }

    #[test]
    fn pushes_to_customers_are_distinguished_from_pushes_to_staging() {
        for (target, staging) in
            [("cdn_stage", true), ("cdn_docker_stage", true), ("cdn", false), ("cdn_docker", false)]
        {
            assert_eq!(job(1, target, "COMPLETE").is_staging(), staging, "{target}");
        }
    }
}
