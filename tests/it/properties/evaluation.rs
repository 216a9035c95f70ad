//! What must hold for every verdict, whatever the record and the registry.

use jiff::{SignedDuration, Timestamp};
use oar::domain::evaluation::{Decision, JobVerdict, evaluate};
use oar::domain::job_registry::RegistryJob;
use oar::domain::result_file::ResultFile;
use oar::domain::result_file::additions::{Event, EventKind};
use oar::domain::result_file::change::{ResultChange, SeenRun};
use serde_json::{Value, json};

const STATES: [&str; 8] = ["success", "success", "failure", "error", "aborted", "pending", "limbo", ""];

fn at(minutes: i64) -> Timestamp {
    "2026-07-01T00:00:00Z".parse::<Timestamp>().expect("a time") + SignedDuration::from_mins(minutes)
}

/// A run; of a good build most passed.
fn any_run(random: &mut fastrand::Rng, id: &str, is_good: bool) -> Value {
    let passed = is_good && random.u8(..5) > 0;
    let state = if passed { "success" } else { STATES[random.usize(..STATES.len())] };
    let mut run = json!({ "jobID": id, "jobState": state });
    if passed || random.u8(..4) > 0 {
        run["jobCompletionTime"] = at(random.i64(0..1_000)).to_string().into();
    }
    if !passed && random.u8(..12) == 0 { json!({}) } else { run }
}

fn any_record(random: &mut fastrand::Rng) -> Vec<Value> {
    let is_good = random.bool();
    let item = |(random, n): (&mut fastrand::Rng, u8)| {
        let name = format!("job-{}", if random.u8(..6) > 0 { n } else { random.u8(..7) });
        let (has_run, retried, history) = (usize::from(random.u8(..6) > 0), random.usize(..=5), random.usize(..=2));
        let mut runs = |count: usize, kind: &str| -> Vec<Value> {
            (0..count).map(|n| any_run(random, &format!("{name}-{kind}-{n}"), is_good)).collect()
        };
        let mut first = runs(has_run, "first");
        json!({ "jobName": name, "firstJob": first.pop(), "retriedJobs": runs(retried, "retried"),
                "history": runs(history, "history") })
    };
    (0..random.u8(..6)).map(|n| item((random, n))).collect()
}

fn any_registry(random: &mut fastrand::Rng) -> Vec<RegistryJob> {
    let job = |(random, n): (&mut fastrand::Rng, usize)| RegistryJob {
        name: format!("job-{n}"),
        disabled: random.u8(..8) == 0,
        optional: random.u8(..5) == 0,
        upgrade: random.bool(),
        retries: [None, Some(0), Some(1), Some(2), Some(3), Some(4)][random.usize(..6)],
    };
    (0..random.usize(..6)).map(|n| job((random, n))).collect()
}

fn record(items: &[Value]) -> ResultFile {
    ResultFile::read(&json!({ "result": items, "build": { "name": "4.99.1" } }).to_string()).expect("a record")
}

#[test]
fn whatever_is_accepted_has_a_passed_run_of_every_enabled_required_job() {
    let random = &mut fastrand::Rng::with_seed(1);
    let mut accepted = 0;
    for _ in 0..5_000 {
        let (items, registry) = (any_record(random), any_registry(random));
        let file = record(&items);
        if evaluate(&file, &registry).strict.decision != Decision::Accepted {
            continue;
        }
        accepted += 1;
        for job in registry.iter().filter(|job| job.is_required()) {
            let jobs = file.jobs();
            let runs = jobs.iter().filter(|item| item.name == job.name).flat_map(|item| item.runs());
            assert!(runs.into_iter().any(|run| run.passed()), "{job:?}\n{}", file.to_text());
        }
    }
    assert!(accepted > 300, "only {accepted} were accepted");
}

#[test]
fn a_verdict_does_not_depend_on_the_order_of_the_jobs_in_the_record() {
    let random = &mut fastrand::Rng::with_seed(2);
    for _ in 0..5_000 {
        let (mut items, registry) = (any_record(random), any_registry(random));
        let before = evaluate(&record(&items), &registry);
        random.shuffle(&mut items);
        let after = evaluate(&record(&items), &registry);
        assert_eq!(before, after, "{items:#?}");
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
    }
}

#[test]
fn optional_disabled_and_unknown_jobs_never_cause_retries_or_rejections() {
    let random = &mut fastrand::Rng::with_seed(3);
    for _ in 0..4_000 {
        let (items, registry) = (any_record(random), any_registry(random));
        let counts = |name: &str| registry.iter().any(|job| job.name == name && job.is_required());
        let all = evaluate(&record(&items), &registry).strict;
        assert!(all.retry_plan.iter().all(|retry| counts(&retry.job)), "{all:?}");
        let required: Vec<_> = items.into_iter().filter(|item| counts(item["jobName"].as_str().unwrap())).collect();
        let alone = evaluate(&record(&required), &registry).strict;
        assert_eq!((all.decision, all.retry_plan), (alone.decision, alone.retry_plan), "{required:#?}");
    }
}

/// Follows the plan of retries to its end, each run ending as chance wants.
fn played(random: &mut fastrand::Rng, job: &RegistryJob) -> ResultFile {
    let registry = std::slice::from_ref(job);
    let mut file = record(&[]);
    let mut next = 0;
    let mut run = |random: &mut fastrand::Rng, file: &mut ResultFile, change: &dyn Fn(String) -> ResultChange| {
        next += 1;
        let id = format!("run-{next}");
        file.apply(&change(id.clone())).expect("it fits");
        let state = ["success", "failure", "error", "aborted"][random.usize(..4)];
        let seen =
            SeenRun { state: Some(state.to_owned()), completed: Some(at(next).to_string()), ..SeenRun::default() };
        file.apply(&ResultChange::Seen { id, run: seen }).expect("it fits");
    };
    run(random, &mut file, &|id| ResultChange::FirstRun { job: job.name.clone(), id, upgrade_from: None });
    while let Some(planned) = evaluate(&file, registry).strict.retry_plan.first().cloned() {
        let event =
            Event { at: at(0), actor: "a test".to_owned(), kind: EventKind::RunReplaced, detail: "error".to_owned() };
        match planned.replaces {
            Some(old) => run(random, &mut file, &|new| ResultChange::Replace {
                job: planned.job.clone(),
                old: old.clone(),
                new,
                event: event.clone(),
            }),
            None => run(random, &mut file, &|id| ResultChange::Retry { job: planned.job.clone(), id }),
        }
    }
    file
}

#[test]
fn retries_end_within_the_planned_ones_and_two_for_runs_in_error_and_replaced_runs_are_kept() {
    let random = &mut fastrand::Rng::with_seed(4);
    for _ in 0..3_000 {
        let retries = [None, Some(0), Some(2), Some(3), Some(4), Some(8)][random.usize(..6)];
        let job = RegistryJob { name: "a".to_owned(), retries, ..RegistryJob::default() };
        let file = played(random, &job);
        let jobs = file.jobs();
        let (retried, replaced) = (jobs[0].retried.len(), jobs[0].history.len());
        assert!(retried + replaced <= job.planned_retries() + 2, "{}", file.to_text());
        let runs = 1 + retried + replaced;
        let last = jobs[0].runs().chain(jobs[0].history.iter().map(|old| old.run)).filter_map(|run| run.id);
        assert_eq!(last.count(), runs, "every run is kept with its id");
        let verdict = evaluate(&file, &[job]).strict.jobs[0].verdict;
        assert!(matches!(verdict, JobVerdict::Passed | JobVerdict::PassedOnRetry | JobVerdict::Failed), "{verdict:?}");
    }
}
