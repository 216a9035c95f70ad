//! Recognising the jobs of a release: in the log texts of old state files, and by the payload they test.
//!
//! Earlier tools kept the reference of a running job only in the text of `result`. New runs store it as
//! data; this is the only place that reads it out of text.

use std::sync::LazyLock;

use regex::Regex;

use super::ids::{BuildNumber, ProwJobId};
use super::release::ZStream;
use super::state::entries::TaskEntry;
use super::task::{JobRef, JobSystem, Task};

/// Outcome of an attempt whose job was replaced by another one without a verdict.
pub const SUPERSEDED: &str = "superseded";

/// Architectures as payload tags spell them.
const PAYLOAD_ARCHES: [&str; 5] = ["x86_64", "aarch64", "ppc64le", "s390x", "multi"];

static STAGE_BUILD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)Stage-Pipeline/(\d+)|stage job status according to job id: (\d+)|\bjob #(\d+)").ok()
});
static CONSISTENCY_JOB: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    Regex::new(&format!(r"(?i)\bjob(?: id)?:?\s+({uuid})")).ok()
});
static CONSISTENCY_BUILD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"image-consistency-check/(\d{1,9})\b|job status with job id: (\d+)").ok());

/// The stage pipeline build that a log speaks of last.
pub fn stage_build(result: &str) -> Option<BuildNumber> {
    last(&STAGE_BUILD, result)?.parse().ok()
}

/// The consistency job that a log speaks of last, with the system that ran it.
pub fn consistency_job(result: &str) -> Option<(JobSystem, String)> {
    if let Some(id) = last(&CONSISTENCY_JOB, result) {
        return Some((JobSystem::Prow, id.to_owned()));
    }
    last(&CONSISTENCY_BUILD, result).map(|number| (JobSystem::Jenkins, number.to_owned()))
}

/// Does a log say that the consistency job `id` ended well? Its object is gone after a day or two.
pub fn says_success(result: &str, id: &ProwJobId) -> bool {
    result.contains(id.as_str()) && (result.contains("Job state: success") || result.contains("Status: success"))
}

/// The job of a task: as stored, else as an old log names it.
///
/// Once attempts are stored, a job that is not is none: the text may speak of an attempt that ended.
pub fn current(entry: &TaskEntry, in_text: impl Fn(&str) -> Option<(JobSystem, String)>) -> Option<JobRef> {
    let old = || entry.attempts.is_empty().then(|| named(entry, in_text)).flatten();
    entry.job_ref.clone().or_else(old)
}

/// The job of any task: tasks that start jobs are also read from old logs.
pub fn job_of(task: Task, entry: &TaskEntry) -> Option<JobRef> {
    match task {
        Task::StageTesting => {
            current(entry, |text| stage_build(text).map(|number| (JobSystem::Jenkins, number.to_string())))
        }
        Task::ImageConsistencyCheck => current(entry, consistency_job),
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::CheckGreenwaveCvpTests
        | Task::PushToCdnStaging
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => entry.job_ref.clone(),
    }
}

/// Ids of every job that this task is known to have had, oldest first.
///
/// Nothing that happens between the start of a job and the storing of its reference changes the answer.
pub fn known(entry: &TaskEntry, in_text: impl Fn(&str) -> Option<(JobSystem, String)>) -> Vec<String> {
    let attempts = entry.attempts.iter().filter_map(|attempt| attempt.job_ref.clone());
    let last = entry.job_ref.clone().or_else(|| named(entry, in_text));
    let mut ids: Vec<String> = Vec::new();
    for JobRef { id, .. } in attempts.chain(last) {
        if !id.is_empty() && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Names the next start of a job for ever: a crash repeats the name, a start after another job gets a new one.
pub fn start_key(task: Task, known: &[String]) -> String {
    format!("{task}/start/after-{}", known.last().map_or("nothing", String::as_str))
}

fn named(entry: &TaskEntry, in_text: impl Fn(&str) -> Option<(JobSystem, String)>) -> Option<JobRef> {
    let (system, id) = entry.result.as_deref().and_then(in_text)?;
    Some(JobRef { system, id, url: None, triggered_at: entry.started() })
}

/// Was the job of the running attempt already replaced once since the last verdict?
pub fn was_replaced(entry: &TaskEntry) -> bool {
    let ended = entry.attempts.iter().rev().filter_map(|attempt| attempt.outcome.as_deref());
    ended.take_while(|outcome| *outcome != "Fail").any(|outcome| outcome == SUPERSEDED)
}

/// Is `pull_spec` a payload of `release`, or the nightly `candidate` that was chosen for it?
pub fn is_payload_of(pull_spec: &str, release: &ZStream, candidate: Option<&str>) -> bool {
    let Some((_, tag)) = pull_spec.rsplit_once(':') else { return false };
    if candidate == Some(tag) {
        return true;
    }
    let of_release = tag.strip_prefix(&release.to_string());
    of_release.is_some_and(|rest| rest.strip_prefix('-').is_some_and(|arch| PAYLOAD_ARCHES.contains(&arch)))
}

fn last<'a>(pattern: &LazyLock<Option<Regex>>, text: &'a str) -> Option<&'a str> {
    let found = pattern.as_ref()?.captures_iter(text).last()?;
    found.iter().skip(1).flatten().next().map(|group| group.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::state::entries::{Attempt, StoredStatus};
    use crate::domain::task::TaskStatus;

    #[test]
    fn a_stage_build_is_found_in_every_wording_of_old_logs() {
        for (text, number) in [
            (
                "INFO: triggered stage pipeline job: <https://ci.example.com/job/zstreams/job/Stage-Pipeline/1674/>",
                1674,
            ),
            ("INFO: check stage job status according to job id: 1605", 1605),
            ("INFO: build status of zstreams/Stage-Pipeline/1605 is In Progress", 1605),
            ("Stage testing job #1455 - Storage test failure waived", 1455),
            ("Stage testing Jenkins job #1592 completed successfully", 1592),
            ("job: <https://ci.example.com/job/zstreams/job/Stage-Pipeline/7/>\nanother: Stage-Pipeline/8/", 8),
        ] {
            assert_eq!(stage_build(text), Some(BuildNumber::new(number)), "{text}");
        }
        assert_eq!(stage_build("INFO: stage testing already In Progress, skipping"), None);
    }

    #[test]
    fn a_consistency_job_is_found_in_every_wording_of_old_logs() {
        const ID: &str = "0b1d7a5e-1111-4222-8333-abcdefabcdef";
        for text in [
            format!("INFO: Triggered image consistency check Prow job: {ID}"),
            format!("INFO: Checking image consistency check Prow job status for job ID: {ID}"),
            format!("completed successfully. Job ID: {ID}, Status: success, Completed"),
            format!("Image consistency check Prow job {ID} is fine"),
        ] {
            assert_eq!(consistency_job(&text), Some((JobSystem::Prow, ID.to_owned())), "{text}");
        }
        let legacy = "INFO: build status of image-consistency-check/3467 is SUCCESS";
        assert_eq!(consistency_job(legacy), Some((JobSystem::Jenkins, "3467".to_owned())));
        let page = "Job URL: https://ci.example.com/logs/periodic-image-consistency-check/2041020023543173120";
        assert_eq!(consistency_job(page), None, "the number of a Prow page is no Jenkins build");
    }

    #[test]
    fn a_payload_belongs_to_its_release_alone() {
        let release = "4.20.1".parse().unwrap();
        let nightly = "4.20.0-0.nightly-2026-01-01-000000";
        let of = |spec: &str| is_payload_of(spec, &release, Some(nightly));
        assert!(of("registry.example.com/openshift-release-dev/ocp-release:4.20.1-x86_64"));
        assert!(of("registry.example.com/openshift-release-dev/ocp-release:4.20.1-multi"));
        assert!(of(&format!("registry.example.com/ocp/release:{nightly}")));
        for stranger in [
            "registry.example.com/x:4.20.17-x86_64",
            "registry.example.com/x:4.20.1-rc.1-x86_64",
            "registry.example.com/x:14.20.1-x86_64",
            "",
            "n/a",
        ] {
            assert!(!of(stranger), "{stranger}");
        }
        assert!(!is_payload_of("registry.example.com/x:n/a", &release, None));
    }

    fn entry(attempts: &[(&str, &str)], job: Option<&str>, result: &str) -> TaskEntry {
        let job_ref = |id: &str| JobRef { system: JobSystem::Prow, id: id.to_owned(), url: None, triggered_at: None };
        let attempt = |(id, outcome): &(&str, &str)| Attempt {
            n: 1,
            started_at: None,
            ended_at: None,
            outcome: (!outcome.is_empty()).then(|| (*outcome).to_owned()),
            class: None,
            note: None,
            job_ref: Some(job_ref(id)),
        };
        TaskEntry {
            name: "image-consistency-check".into(),
            status: StoredStatus::Known(TaskStatus::InProgress),
            started_at: None,
            completed_at: None,
            result: Some(result.to_owned()),
            job_ref: job.map(job_ref),
            attempts: attempts.iter().map(attempt).collect(),
            intent: None,
            question: None,
            notified: Vec::new(),
            due: Vec::new(),
            reason: None,
            stopped: None,
        }
    }

    #[test]
    fn a_stored_job_wins_over_one_in_the_text_and_each_is_known_once() {
        let old = "Triggered image consistency check Prow job: 0b1d7a5e-1111-4222-8333-abcdefabcdef";
        let stored = entry(&[("a", "Fail"), ("b", "")], Some("b"), old);
        assert_eq!(current(&stored, consistency_job).map(|job| job.id), Some("b".to_owned()));
        assert_eq!(known(&stored, consistency_job), ["a", "b"]);
        let text_only = entry(&[], None, old);
        assert_eq!(known(&text_only, consistency_job).len(), 1);
    }

    #[test]
    fn the_log_of_an_ended_attempt_does_not_make_its_job_run_again() {
        let old = "Triggered image consistency check Prow job: 0b1d7a5e-1111-4222-8333-abcdefabcdef";
        let failed = entry(&[], None, old);
        let retried = entry(&[("", "")], None, old);
        assert!(current(&failed, consistency_job).is_some());
        assert_eq!(current(&retried, consistency_job), None);
        let key = |entry| start_key(Task::ImageConsistencyCheck, &known(entry, consistency_job));
        assert_eq!(key(&failed), key(&retried), "a crash after the start must find the started job");
        assert_ne!(key(&failed), key(&entry(&[], Some("b"), old)));
    }

    #[test]
    fn a_replaced_job_counts_until_the_next_verdict() {
        assert!(!was_replaced(&entry(&[("a", "")], Some("a"), "")));
        assert!(was_replaced(&entry(&[("a", SUPERSEDED), ("b", "")], Some("b"), "")));
        assert!(!was_replaced(&entry(&[("a", SUPERSEDED), ("b", "Fail"), ("c", "")], Some("c"), "")));
    }
}
