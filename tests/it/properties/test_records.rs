//! What must hold of every test record, whatever programs and people do to it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use oar::domain::evaluation::{Decision, evaluate};
use oar::domain::job_registry::RegistryJob;
use oar::domain::result_file::additions::{Event, EventKind, PlanEntry, PlanState, StoredPolicy, StoredVerdict};
use oar::domain::result_file::change::{ResultChange, SeenRun};
use oar::domain::result_file::{JobItem, ResultFile, RunState};
use serde_json::{Value, json};

fn at(minutes: i64) -> Timestamp {
    "2026-07-01T00:00:00Z".parse::<Timestamp>().expect("a time") + SignedDuration::from_mins(minutes)
}

fn event(kind: EventKind) -> Event {
    Event { at: at(0), actor: "a test".to_owned(), kind, detail: "for a reason".to_owned() }
}

/// A record that was just begun, with one to four jobs.
fn begun(random: &mut fastrand::Rng) -> ResultFile {
    let count = random.usize(1..=4);
    let job = |n: usize| RegistryJob {
        name: format!("job-{n}"),
        optional: random.u8(..5) == 0,
        retries: [None, Some(0), Some(2), Some(4)][random.usize(..4)],
        ..RegistryJob::default()
    };
    let jobs: Vec<_> = (0..count).map(job).collect();
    let plan: Vec<_> = jobs.iter().map(|job| PlanEntry::new(&job.name, None)).collect();
    let policy = StoredPolicy { digest: "sha256:1".to_owned(), jobs };
    ResultFile::begin(&json!({ "name": "4.99.1" }), &policy, &plan, &event(EventKind::Created))
}

fn ids(file: &ResultFile) -> Vec<String> {
    file.jobs().iter().flat_map(JobItem::runs).filter_map(|run| run.id.map(str::to_owned)).collect()
}

/// What somebody may want to change, fitting or not: also runs and jobs that do not exist, and things that are done.
fn any_change(random: &mut fastrand::Rng, file: &ResultFile, next: u32) -> ResultChange {
    let job = format!("job-{}", random.u8(..5));
    let new = format!("run-{next}");
    let old = random.choice(ids(file)).unwrap_or_else(|| "run-x".to_owned());
    let text = |random: &mut fastrand::Rng, texts: &[&str]| random.choice(texts).map(|text| (*text).to_owned());
    match random.u8(..11) {
        0 => ResultChange::Plan {
            job,
            state: [PlanState::Planned, PlanState::Triggered, PlanState::Refused, PlanState::Uncertain]
                [random.usize(..4)],
            error: random.bool().then(|| "429".to_owned()),
        },
        1 | 2 => ResultChange::FirstRun { job, id: new, upgrade_from: None },
        3 => ResultChange::Retry { job, id: new },
        4 | 5 => {
            let state = text(random, &["", "pending", "success", "failure", "error"]);
            let completed = random.bool().then(|| at(i64::from(next)).to_string());
            let url = text(random, &["", "https://ci.example.com/1", "https://ci.example.com/2"]);
            ResultChange::Seen { id: old, run: SeenRun { state, completed, url, ..SeenRun::default() } }
        }
        6 => ResultChange::Replace { job, old, new, event: event(EventKind::RunReplaced) },
        7 => ResultChange::Promote { event: event(EventKind::Promoted) },
        8 => ResultChange::Note(event([EventKind::Labelled, EventKind::LabelFailed][random.usize(..2)])),
        9 => {
            let decision = [Decision::Accepted, Decision::Rejected][random.usize(..2)].name().to_owned();
            ResultChange::Verdict(StoredVerdict { decision, decided_at: None, rule: "strict".to_owned() })
        }
        _ => ResultChange::Conclude { accepted: random.bool() },
    }
}

/// Every run of a record by its id, also those that were replaced.
fn runs(file: &ResultFile) -> BTreeMap<String, Value> {
    let file: Value = serde_json::from_str(&file.to_text()).expect("JSON");
    let items = file["result"].as_array().expect("a list").clone();
    let of_item = |item: Value| {
        let lists = ["retriedJobs", "history"].map(|key| item[key].as_array().cloned().unwrap_or_default());
        std::iter::once(item["firstJob"].clone()).chain(lists.concat()).collect::<Vec<_>>()
    };
    let with_id = |run: Value| Some((run["jobID"].as_str()?.to_owned(), run));
    items.into_iter().flat_map(of_item).filter_map(with_id).collect()
}

/// Plays changes on a record and shows it before and after each that was applied.
fn play(seed: u64, rounds: usize, look: &mut dyn FnMut(&ResultFile, &ResultChange, &ResultFile)) {
    let random = &mut fastrand::Rng::with_seed(seed);
    for _ in 0..rounds {
        let mut file = begun(random);
        for next in 0..25 {
            let (before, change) = (file.clone(), any_change(random, &file, next));
            match file.apply(&change) {
                Ok(changed) => assert_eq!(changed, file != before, "{change:?}"),
                Err(_) => assert_eq!(file, before, "a change that is refused changes nothing: {change:?}"),
            }
            look(&before, &change, &file);
        }
    }
}

#[test]
fn a_job_gets_one_first_run_whoever_triggers_it_how_often_and_in_whatever_order() {
    let first = |file: &ResultFile, name: &str| {
        let jobs = file.jobs();
        let same: Vec<_> = jobs.iter().filter(|item| item.name == name).collect();
        assert!(same.len() <= 1, "{name} stands twice:\n{}", file.to_text());
        same.first().and_then(|item| item.first.id).map(str::to_owned)
    };
    let mut refused = 0;
    play(1, 300, &mut |before, change, after| {
        for name in ["job-0", "job-1", "job-2", "job-3", "job-4"] {
            let (had, has) = (first(before, name), first(after, name));
            let replaces = matches!(change, ResultChange::Replace { old, .. } if Some(old) == had.as_ref());
            if had.is_some() && !replaces {
                assert_eq!(had, has, "{change:?}\n{}", after.to_text());
            }
            refused +=
                usize::from(had.is_some() && matches!(change, ResultChange::FirstRun { job, .. } if job == name));
        }
    });
    assert!(refused > 100, "only {refused} second runs were tried");
}

#[test]
fn no_change_takes_away_a_run_what_is_known_of_it_or_how_it_ended() {
    let mut ended = 0;
    play(2, 300, &mut |before, change, after| {
        let (before, after) = (runs(before), runs(after));
        for (id, had) in &before {
            let Some(has) = after.get(id) else { panic!("{id} is gone after {change:?}") };
            let state = had["jobState"].as_str().and_then(RunState::named);
            let is_final = state.is_some_and(RunState::is_terminal);
            for (key, value) in had.as_object().expect("a run") {
                let is_settled = key == "jobCompletionTime" || key == "jobState" && is_final;
                let stays = if is_settled { has[key] == *value } else { has.get(key).is_some() };
                assert!(stays, "{key} of {id} after {change:?}: {had} {has}");
            }
            ended += usize::from(is_final);
        }
    });
    assert!(ended > 1_000, "only {ended} ended runs were compared");
}

#[test]
fn a_change_that_the_record_shows_already_changes_no_byte() {
    play(3, 100, &mut |before, change, after| {
        let mut again = after.clone();
        let applied = again.apply(change);
        assert_eq!(again.to_text(), after.to_text(), "{change:?} after\n{}", before.to_text());
        assert_ne!(applied, Ok(true), "{change:?}");
    });
}

#[test]
fn whatever_was_changed_is_read_back_as_it_was_written() {
    play(4, 100, &mut |_, change, after| {
        let read = ResultFile::read(&after.to_text()).unwrap_or_else(|error| panic!("{error} after {change:?}"));
        assert_eq!(&read, after, "{change:?}");
        assert_eq!(read.to_text(), after.to_text());
    });
}

/// How a run ends, as its id and a seed say.
fn ending(id: &str, seed: u64) -> SeenRun {
    let number = id.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let state = ["success", "failure", "error", "aborted"][usize::try_from(number % 4).expect("it is small")];
    let completed = at(i64::try_from(number % 1_000).expect("it is small")).to_string();
    SeenRun { state: Some(state.to_owned()), completed: Some(completed), ..SeenRun::default() }
}

/// What a program does next that knows nothing but the record: trigger, look, retry, judge; nothing when it is done.
fn next_change(file: &ResultFile, seed: u64) -> Option<ResultChange> {
    let jobs = file.jobs();
    let has_run = |name: &str| jobs.iter().any(|item| item.name == name && item.first.id.is_some());
    if let Some(entry) = file.plan().into_iter().find(|entry| entry.state != PlanState::Triggered) {
        let job = entry.job;
        return Some(match has_run(&job) {
            true => ResultChange::Plan { job, state: PlanState::Triggered, error: None },
            false => ResultChange::FirstRun { id: format!("{job}-first"), job, upgrade_from: None },
        });
    }
    let open = jobs.iter().flat_map(JobItem::runs).find(|run| !run.is_finished());
    if let Some(id) = open.and_then(|run| run.id) {
        return Some(ResultChange::Seen { id: id.to_owned(), run: ending(id, seed) });
    }
    let evaluation = evaluate(file, &file.policy()?.jobs).strict;
    if let Some(planned) = evaluation.retry_plan.first() {
        let of = |item: &&JobItem<'_>| item.name == planned.job;
        let tries = jobs.iter().find(of).map_or(0, |item| item.runs().count() + item.history.len());
        let (job, id) = (planned.job.clone(), format!("{}-{tries}", planned.job));
        return Some(match planned.replaces.clone() {
            Some(old) => ResultChange::Replace { job, old, new: id, event: event(EventKind::RunReplaced) },
            None => ResultChange::Retry { job, id },
        });
    }
    let decision = evaluation.decision;
    assert!(matches!(decision, Decision::Accepted | Decision::Rejected | Decision::NoPolicy), "{}", file.to_text());
    let verdict = StoredVerdict { decision: decision.name().to_owned(), decided_at: None, rule: "strict".to_owned() };
    if file.verdict().as_ref() != Some(&verdict) {
        return Some(ResultChange::Verdict(verdict));
    }
    file.aggregated().is_none().then_some(ResultChange::Conclude { accepted: decision == Decision::Accepted })
}

/// The record at its end, and how many changes led to it. Before the change `dies_before` the program dies: `is_stored`
/// says whether it reached the store all the same, with its answer lost.
fn worked(mut file: ResultFile, seed: u64, dies_before: Option<usize>, is_stored: bool) -> (String, usize) {
    let mut count = 0;
    while let Some(change) = next_change(&file, seed) {
        if Some(count) == dies_before {
            let mut stored = file.clone();
            if is_stored {
                stored.apply(&change).expect("it fits");
            }
            file = ResultFile::read(&stored.to_text()).expect("a record");
            // Whoever comes next tries the same once more, or goes by what the record shows.
            let Some(change) = next_change(&file, seed) else { break };
            file.apply(&change).expect("it fits");
        } else {
            file.apply(&change).expect("it fits");
        }
        count += 1;
        assert!(count < 200, "it does not end:\n{}", file.to_text());
    }
    (file.to_text(), count)
}

#[test]
fn work_that_begins_again_from_the_record_after_any_change_ends_with_the_same_record() {
    let random = &mut fastrand::Rng::with_seed(5);
    for seed in 0..40 {
        let file = begun(random);
        let (whole, changes) = worked(file.clone(), seed, None, false);
        assert!(whole.contains("\"aggregated\": true"), "{whole}");
        for (place, is_stored) in (0..changes).flat_map(|place| [(place, false), (place, true)]) {
            let (again, _) = worked(file.clone(), seed, Some(place), is_stored);
            assert_eq!(again, whole, "died before change {place}, stored: {is_stored}");
        }
    }
}
