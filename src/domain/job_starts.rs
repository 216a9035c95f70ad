//! Which runs of a build are to be triggered now, and what a new build is planned with.

use super::build::Stream;
use super::evaluation::{JobVerdict, StrictEvaluation};
use super::job_images::StartImage;
use super::job_registry::RegistryJob;
use super::release::Minor;
use super::result_file::additions::{EventKind, PlanEntry, PlanState, StoredPolicy};
use super::result_file::starts::{JobStart, RunSlot};
use super::result_file::{JobItem, ResultFile};

/// After so many refusals a job is left to a person.
pub const MOST_REFUSALS: u32 = 12;

/// In which order further runs of a failed job are triggered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOrder {
    /// The next one when the one before has ended, and only if it can still change the verdict.
    OneAfterTheOther,
    /// All at once: somebody waits for the verdict.
    AllAtOnce,
}

impl RetryOrder {
    /// A release waits for its stable build; nobody waits for a nightly.
    pub const fn usual(stream: Stream) -> Self {
        match stream {
            Stream::Nightly => Self::OneAfterTheOther,
            Stream::Stable => Self::AllAtOnce,
        }
    }
}

/// What a new build is planned with: every enabled job, each with what it starts from. `stable` is the pull spec of the
/// stable build, where a job needs one.
pub fn plan(section: &[RegistryJob], minor: Minor, stream: Stream, stable: Option<&str>) -> Vec<PlanEntry> {
    let enabled = section.iter().filter(|job| !job.disabled);
    enabled
        .map(|job| {
            let from = match StartImage::of(job, minor, stream) {
                StartImage::Stable(_) => stable.map(str::to_owned),
                StartImage::TheBuild | StartImage::ItsOwn => None,
            };
            PlanEntry::new(&job.name, from)
        })
        .collect()
}

/// Does one of these jobs start from the stable build of its minor?
pub fn needs_stable(section: &[RegistryJob], minor: Minor, stream: Stream) -> bool {
    let enabled = section.iter().filter(|job| !job.disabled);
    enabled.map(|job| StartImage::of(job, minor, stream)).any(|image| matches!(image, StartImage::Stable(_)))
}

/// The jobs that a record is judged by: those it was planned with, else those of the registry.
pub fn policy(file: &ResultFile, digest: &str, section: &[RegistryJob]) -> StoredPolicy {
    file.policy().unwrap_or_else(|| StoredPolicy { digest: digest.to_owned(), jobs: section.to_vec() })
}

/// First runs that are planned and have no id, in the order of the plan. Whether one of them happened already is for
/// whoever triggers: an announcement of it may stand.
pub fn first_runs(file: &ResultFile) -> Vec<JobStart> {
    let jobs = file.jobs();
    let has_run = |name: &str| jobs.iter().any(|item| item.name == name && item.first.id.is_some());
    let waits = |entry: &PlanEntry| match entry.state {
        PlanState::Planned | PlanState::Uncertain => true,
        PlanState::Refused => entry.attempts < MOST_REFUSALS,
        // The plan says more than the record: the run was lost, and a person has to say what became of it.
        PlanState::Triggered => false,
    };
    let open = file.plan().into_iter().filter(|entry| waits(entry) && !has_run(&entry.job));
    open.map(|entry| JobStart { job: entry.job, slot: RunSlot::First, upgrade_from: entry.upgrade_from }).collect()
}

/// Further runs that the verdict needs now: of failed jobs, and in the place of runs in `error` or lost ones.
pub fn further_runs(file: &ResultFile, judged: &StrictEvaluation, order: RetryOrder) -> Vec<JobStart> {
    let jobs = file.jobs();
    let plan = file.plan();
    let from = |job: &str| plan.iter().find(|entry| entry.job == job).and_then(|entry| entry.upgrade_from.clone());
    let start = |job: &str, slot| JobStart { job: job.to_owned(), slot, upgrade_from: from(job) };
    let instead = |item: &JobItem<'_>, of: &str, why: &str| {
        let slot = RunSlot::Instead { of: of.to_owned(), replaced: item.history.len(), why: why.to_owned() };
        start(item.name, slot)
    };
    let mut starts = Vec::new();
    for retry in &judged.retry_plan {
        let Some(item) = jobs.iter().find(|item| item.name == retry.job) else { continue };
        if let Some(of) = &retry.replaces {
            starts.push(instead(item, of, "it could not run (error)"));
            continue;
        }
        let runs = match order {
            RetryOrder::OneAfterTheOther => retry.runs.min(1),
            RetryOrder::AllAtOnce => retry.runs,
        };
        let next = item.retried.len() + 1;
        starts.extend((next..next + runs).map(|nth| start(item.name, RunSlot::Retry(nth))));
    }
    let lost = lost_runs(file);
    let waits = |name: &str| {
        let waiting = [JobVerdict::Running, JobVerdict::Retrying];
        judged.jobs.iter().any(|job| job.name == name && job.required && waiting.contains(&job.verdict))
    };
    for item in jobs.iter().filter(|item| waits(item.name)) {
        let gone = item.runs().filter_map(|run| run.id).find(|id| lost.iter().any(|lost| lost == id));
        starts.extend(gone.map(|id| instead(item, id, "it was lost")));
    }
    starts
}

/// Runs that Prow does not know any more, and that never said how they ended. The event names the run first.
pub fn lost_runs(file: &ResultFile) -> Vec<String> {
    let lost = file.events().into_iter().filter(|event| event.kind == EventKind::Lost.name());
    lost.filter_map(|event| event.detail.split_whitespace().next().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::evaluation::evaluate;

    fn job(name: &str) -> RegistryJob {
        RegistryJob { name: name.to_owned(), ..RegistryJob::default() }
    }

    fn file(items: &serde_json::Value, more: &serde_json::Value) -> ResultFile {
        let mut file = json!({ "result": items, "build": { "name": "4.20.1" } });
        for (key, value) in more.as_object().unwrap() {
            file[key] = value.clone();
        }
        ResultFile::read(&file.to_string()).unwrap()
    }

    fn run(id: &str, state: &str) -> serde_json::Value {
        match state {
            "" => json!({ "jobID": id }),
            state => json!({ "jobID": id, "jobState": state, "jobCompletionTime": "2026-06-22T08:00:00Z" }),
        }
    }

    fn keys(starts: &[JobStart]) -> Vec<String> {
        starts.iter().map(JobStart::key).collect()
    }

    fn further(file: &ResultFile, order: RetryOrder) -> Vec<String> {
        keys(&further_runs(file, &evaluate(file, &[job("a"), job("b")]).strict, order))
    }

    #[test]
    fn every_enabled_job_is_planned_with_the_build_that_it_starts_from() {
        let upgrade = |name: &str| RegistryJob { upgrade: true, ..job(name) };
        let section = [
            job("release-4.20-aws"),
            RegistryJob { disabled: true, ..job("release-4.20-azure") },
            RegistryJob { optional: true, ..job("release-4.20-gcp") },
            upgrade("release-4.20-nightly-4.20-upgrade-from-stable-4.20-aws"),
            upgrade("release-4.20-nightly-4.20-upgrade-from-stable-4.19-aws"),
        ];
        let (minor, stable) = (Minor::new(4, 20), Some("quay.example.com/r:4.20.16-x86_64"));
        let planned = plan(&section, minor, Stream::Nightly, stable);
        let from: Vec<_> = planned.iter().map(|entry| entry.upgrade_from.is_some()).collect();
        assert_eq!(from, [false, false, true, false]);
        assert!(planned.iter().all(|entry| entry.state == PlanState::Planned && !entry.job.ends_with("azure")));
        assert!(needs_stable(&section, minor, Stream::Nightly) && !needs_stable(&section, minor, Stream::Stable));
    }

    #[test]
    fn a_first_run_is_triggered_when_it_is_planned_or_was_refused_and_has_no_id() {
        let entry =
            |job: &str, state: &str, attempts: u32| json!({"jobName": job, "state": state, "attempts": attempts});
        let plan = json!({ "plan": [
            entry("a", "planned", 0), entry("b", "refused", 3), entry("c", "uncertain", 1), entry("d", "triggered", 1),
            entry("e", "refused", MOST_REFUSALS), entry("f", "planned", 0),
        ]});
        let file = file(&json!([{ "jobName": "f", "firstJob": run("1", "") }]), &plan);
        assert_eq!(keys(&first_runs(&file)), ["a/first", "b/first", "c/first"]);
    }

    #[test]
    fn a_nightly_is_tried_again_once_and_then_only_if_that_passed() {
        let item = |retried: &[&str]| {
            let runs: Vec<_> = retried.iter().enumerate().map(|(at, state)| run(&format!("r{at}"), state)).collect();
            file(&json!([{ "jobName": "a", "firstJob": run("1", "failure"), "retriedJobs": runs }]), &json!({}))
        };
        for (retried, one, all) in [
            (&[][..], vec!["a/retry-1"], vec!["a/retry-1", "a/retry-2"]),
            (&[""], vec![], vec![]),
            (&["success"], vec!["a/retry-2"], vec!["a/retry-2"]),
            (&["failure"], vec![], vec![]),
            (&["success", "success"], vec![], vec![]),
        ] {
            let file = item(retried);
            assert_eq!(further(&file, RetryOrder::OneAfterTheOther), one, "{retried:?}");
            assert_eq!(further(&file, RetryOrder::AllAtOnce), all, "{retried:?}");
        }
    }

    #[test]
    fn nothing_is_triggered_for_a_build_that_is_rejected_already() {
        let lost = json!([
            { "jobName": "a", "firstJob": run("1", "failure"), "retriedJobs": [run("2", "failure")] },
            { "jobName": "b", "firstJob": run("3", "failure") },
        ]);
        assert_eq!(further(&file(&lost, &json!({})), RetryOrder::AllAtOnce), [""; 0]);
    }

    #[test]
    fn a_run_in_error_and_a_lost_run_are_replaced_and_counted_by_what_was_replaced_before() {
        let event =
            json!({ "events": [{ "at": "x", "actor": "y", "kind": "lost", "detail": "9 is not known any more" }] });
        let items = json!([
            { "jobName": "a", "firstJob": run("1", "error"), "history": [run("0", "error")] },
            { "jobName": "b", "firstJob": run("9", "") },
        ]);
        assert_eq!(further(&file(&items, &event), RetryOrder::AllAtOnce), ["a/again-2", "b/again-1"]);
        let ended =
            json!([{ "jobName": "b", "firstJob": run("9", "success") }, { "jobName": "a", "firstJob": run("1", "") }]);
        assert_eq!(further(&file(&ended, &event), RetryOrder::AllAtOnce), [""; 0], "it turned up again");
    }
}
