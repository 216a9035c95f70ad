//! Which build of the stage pipeline is that of this release: none is started beside one that is there.

use jiff::{SignedDuration, Timestamp};

use super::JOB;
use crate::core::clients::error::ClientError;
use crate::core::clients::jenkins::{Build, BuildState, Jenkins, QueueItem, RECENT_BUILDS, RecentBuilds};
use crate::domain::absence::Shown;
use crate::domain::job_trace;
use crate::domain::task::{JobRef, JobSystem, TaskStatus};
use crate::operators::run::Run;

/// Parameter that names the payload.
pub(super) const PAYLOAD: &str = "PULL_SPEC";
/// How far the clocks of Jenkins and ours may differ.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);
/// Old files store the local time of an engineer as UTC.
const LOCAL_TIME_SLACK: SignedDuration = SignedDuration::from_hours(14);

/// What marks a job of this release.
pub(super) struct BuildSearch {
    pub(super) payload: String,
    /// A finished build counts only when it began after this.
    since: Timestamp,
    /// Builds whose verdict was already taken.
    pub(super) known: Vec<String>,
    now: Timestamp,
}

/// What Jenkins shows of our job.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueueLook {
    Ours(JobRef),
    /// Somebody else's request waits; the text says which.
    Busy(String),
    Free,
}

impl BuildSearch {
    pub(super) fn of(run: &Run<'_>) -> Self {
        let entry = run.state.task(run.task);
        let crashed = entry.as_ref().filter(|_| run.state.status(run.task) == TaskStatus::InProgress);
        let before = |at: Timestamp, slack: SignedDuration| at.checked_sub(slack).unwrap_or(at);
        Self {
            payload: run.release.payload(&run.ctx.settings.payload_repository, "x86_64"),
            since: crashed
                .and_then(|entry| entry.started())
                .map_or_else(|| before(run.started_at, CLOCK_SLACK), |at| before(at, LOCAL_TIME_SLACK)),
            known: entry.as_ref().map(|entry| job_trace::known(entry, in_text)).unwrap_or_default(),
            now: run.ctx.clock.now(),
        }
    }

    /// The queue is read first: a request that becomes a build in between is then among the builds.
    pub(super) async fn look(&self, jenkins: &Jenkins) -> Result<(QueueLook, Shown), ClientError> {
        let queued = jenkins.queued(JOB).await?;
        let recent = jenkins.recent_builds(JOB).await?;
        Ok((self.pick(&queued, &recent.builds), shown(&recent, self.now)))
    }

    fn pick(&self, queued: &[QueueItem], builds: &[Build]) -> QueueLook {
        let mine = |parameters: &std::collections::BTreeMap<String, String>| {
            parameters.get(PAYLOAD).is_some_and(|spec| *spec == self.payload)
        };
        let waits = queued.iter().find(|item| !item.cancelled && mine(&item.parameters));
        if let Some(item) = waits {
            return QueueLook::Ours(of_queue(item, self.now));
        }
        let fresh = |build: &&Build| match build.state {
            BuildState::Building => true,
            BuildState::Success | BuildState::Ended(_) | BuildState::Unknown(_) => {
                build.started_at.is_some_and(|at| at >= self.since) && !self.known.contains(&build.number.to_string())
            }
        };
        if let Some(build) = builds.iter().filter(|build| mine(&build.parameters)).find(fresh) {
            return QueueLook::Ours(of_build(build));
        }
        match queued.iter().find(|item| !item.cancelled) {
            Some(item) => QueueLook::Busy(format!("queue item {} waits before us", item.id)),
            None => QueueLook::Free,
        }
    }
}

/// What the list of builds tells of its own age, and back to when it shows every build: only the newest are listed, and
/// Jenkins forgets builds, by age or because somebody deletes one.
fn shown(recent: &RecentBuilds, now: Timestamp) -> Shown {
    let mut reaches_back_to = None;
    let mut expected = recent.next.and_then(|next| next.checked_sub(1));
    for build in &recent.builds {
        if expected.is_some_and(|number| number != build.number.get()) {
            return Shown { newest: newest(recent), reaches_back_to: reaches_back_to.or(Some(now)) };
        }
        reaches_back_to = build.started_at.or(reaches_back_to);
        expected = build.number.get().checked_sub(1);
    }
    let is_whole = expected == Some(0) && recent.builds.len() < RECENT_BUILDS;
    let reaches_back_to = if is_whole { None } else { reaches_back_to.or(Some(now)) };
    Shown { newest: newest(recent), reaches_back_to }
}

fn newest(recent: &RecentBuilds) -> Option<Timestamp> {
    recent.builds.iter().filter_map(|build| build.started_at).max()
}

pub(super) fn of_queue(item: &QueueItem, now: Timestamp) -> JobRef {
    JobRef {
        system: JobSystem::Jenkins,
        id: item.build.map(|number| number.to_string()).unwrap_or_default(),
        url: Some(item.url.clone()),
        triggered_at: Some(now),
    }
}

pub(super) fn of_build(build: &Build) -> JobRef {
    JobRef {
        system: JobSystem::Jenkins,
        id: build.number.to_string(),
        url: Some(build.url.clone()).filter(|url| !url.is_empty()),
        triggered_at: build.started_at,
    }
}

pub(super) fn in_text(result: &str) -> Option<(JobSystem, String)> {
    job_trace::stage_build(result).map(|number| (JobSystem::Jenkins, number.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::ids::BuildNumber;

    const OURS: &str = "registry.example.com/x:4.20.1-x86_64";

    fn search() -> BuildSearch {
        let at = |hours: i64| Timestamp::from_second(hours * 3600).unwrap();
        BuildSearch { payload: OURS.into(), since: at(10), known: vec!["7".into()], now: at(12) }
    }

    fn parameters(spec: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(PAYLOAD.to_owned(), spec.to_owned())])
    }

    fn item(id: u64, spec: &str) -> QueueItem {
        let url = format!("https://ci.example.com/queue/item/{id}/");
        QueueItem { id, url, why: None, cancelled: false, build: None, parameters: parameters(spec) }
    }

    fn build(number: u64, spec: &str, state: BuildState, hour: i64) -> Build {
        Build {
            number: BuildNumber::new(number),
            url: String::new(),
            state,
            started_at: Timestamp::from_second(hour * 3600).ok(),
            parameters: parameters(spec),
        }
    }

    fn found(look: QueueLook) -> Option<String> {
        match look {
            QueueLook::Ours(job) => Some(job.id),
            QueueLook::Busy(_) | QueueLook::Free => None,
        }
    }

    #[test]
    fn a_request_of_ours_in_the_queue_is_not_made_again() {
        assert_eq!(found(search().pick(&[item(3, OURS)], &[])), Some(String::new()));
        let cancelled = QueueItem { cancelled: true, ..item(3, OURS) };
        assert_eq!(search().pick(&[cancelled], &[]), QueueLook::Free);
    }

    #[test]
    fn a_running_build_of_the_same_payload_is_taken_over_whoever_started_it() {
        let running = build(5, OURS, BuildState::Building, 1);
        assert_eq!(found(search().pick(&[], &[running])), Some("5".to_owned()));
        let other = build(5, "registry.example.com/x:4.20.17-x86_64", BuildState::Building, 11);
        assert_eq!(search().pick(&[], &[other]), QueueLook::Free);
    }

    #[test]
    fn a_finished_build_counts_only_when_it_began_in_this_attempt_and_was_not_judged_before() {
        let ended = |number, hour| build(number, OURS, BuildState::Ended("FAILURE".into()), hour);
        assert_eq!(found(search().pick(&[], &[ended(8, 11)])), Some("8".to_owned()));
        assert_eq!(search().pick(&[], &[ended(8, 9)]), QueueLook::Free, "before this attempt");
        assert_eq!(search().pick(&[], &[ended(7, 11)]), QueueLook::Free, "judged before");
    }

    #[test]
    fn somebody_elses_request_in_the_queue_goes_first() {
        assert!(matches!(search().pick(&[item(3, "registry.example.com/x:4.19.2-x86_64")], &[]), QueueLook::Busy(_)));
    }
}
