//! Releases in outages: one request in twenty goes wrong, and nothing happens twice.

use oar::sim::facts::prow::CONSISTENCY;
use oar::sim::faults::rules::Faults;
use serde_json::Value;

use crate::rehearsal::whole::{effects, rehearse};
use crate::rehearsal::{TestWorld, fresh};

/// One request in twenty.
const RATE: f64 = 0.05;

/// What had an effect twice.
fn twice(what: &str, mut effects: Vec<&str>) -> Vec<String> {
    effects.sort_unstable();
    let pairs = effects.windows(2).filter(|pair| pair[0] == pair[1]);
    pairs.map(|pair| format!("{what}: {}", pair[0])).collect()
}

/// Everything in the world that stands there twice although it was wanted once.
pub(crate) fn happened_twice(world: &TestWorld) -> Vec<String> {
    let mut found = Vec::new();
    let facts = world.facts();
    let pushes = facts.errata.pushes.values().map(|push| format!("{} to {}", push.advisory, push.target));
    let pushes: Vec<String> = pushes.collect();
    found.extend(twice("push", pushes.iter().map(String::as_str).collect()));
    let jobs = facts.prow.runs.values().filter(|run| run.job == CONSISTENCY);
    found.extend(twice("job", jobs.map(|run| run.job.as_str()).collect()));
    found.extend(twice("message", facts.slack.messages.iter().map(|message| message.text.as_str()).collect()));
    for mr in facts.gitlab.merge_requests.values() {
        found.extend(twice("comment", mr.notes.iter().map(|note| note.body.as_str()).collect()));
    }
    for issue in facts.jira.issues.values() {
        found.extend(twice("Jira comment", issue.comments.iter().map(|comment| comment.body.as_str()).collect()));
        let entered = issue.changes.iter().filter(|change| change.field == "status");
        found.extend(twice(&issue.key, entered.map(|change| change.to.as_str()).collect()));
    }
    drop(facts);
    // What leaves no trace of its own in the world: requests that were carried out.
    let carried_out: Vec<Value> = world.requests_of(|raw| raw.method == "POST");
    found.extend(effects(&carried_out).into_iter().filter(|(_, times)| *times > 1).map(|(effect, _)| effect));
    found
}

/// An end that a person can go on from: approved, or a code with its reason and the next step.
#[track_caller]
fn explained(seed: u64, reported: &str) {
    let mentions = |args: &[&str]| args.iter().all(|arg| reported.contains(arg));
    let fine = match reported.rsplit_once("exit ").map(|(_, code)| code) {
        Some("0") => true,
        Some("3") => mentions(&["wait:"]),
        Some("4" | "5") => mentions(&["->"]),
        Some("6" | "7" | "8") => mentions(&["error: ", "  why:  ", "  next: "]),
        _ => false,
    };
    assert!(fine, "seed {seed}:\n{reported}");
}

/// Drives one release per seed through its outages; at least so many have to be approved.
async fn in_outages(seeds: std::ops::RangeInclusive<u64>, at_least: u32) {
    let mut approved = 0;
    for seed in seeds {
        let world = fresh().await;
        *world.faults() = Faults::random(RATE, seed);
        let output = world.oar("drive --watch").await;
        assert!(world.was_disturbed(), "seed {seed}: nothing went wrong");
        explained(seed, &output);
        approved += u32::from(output.ends_with("exit 0"));
        assert_eq!(happened_twice(&world), Vec::<String>::new(), "seed {seed}");
        world.finish();
    }
    assert!(approved >= at_least, "only {approved} releases were approved");
}

#[tokio::test]
async fn in_outages_a_release_is_approved_or_says_why_not_and_nothing_happens_twice() {
    in_outages(1..=1, 1).await;
}

/// Every one of these rehearsals ends with an approved release.
async fn all_end_done(args: &[&str], seeds: std::ops::RangeInclusive<u32>) {
    let mut others = Vec::new();
    for seed in seeds {
        let seed = seed.to_string();
        let args: Vec<&str> = ["--small", "--seed", &seed].iter().chain(args).copied().collect();
        let rehearsed = rehearse(&args).await;
        if rehearsed.exit != 0 {
            others.push(format!("oar rehearse {}\n{}", args.join(" "), rehearsed.end()));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

#[tokio::test]
async fn a_release_is_approved_although_one_request_in_five_goes_wrong() {
    all_end_done(&["--faults", "0.2"], 1..=1).await;
}

#[tokio::test]
async fn a_release_is_approved_in_a_world_where_everything_is_flaky() {
    all_end_done(&["--scenario", "flaky-everything"], 1..=1).await;
}

mod long {
    #[tokio::test]
    async fn twenty_releases_are_approved_although_one_request_in_five_goes_wrong() {
        super::all_end_done(&["--faults", "0.2"], 1..=20).await;
    }

    #[tokio::test]
    async fn fifty_releases_are_approved_in_a_world_where_everything_is_flaky() {
        super::all_end_done(&["--scenario", "flaky-everything"], 1..=50).await;
    }

    #[tokio::test]
    async fn in_many_outages_most_releases_are_approved_and_nothing_happens_twice() {
        super::in_outages(1..=10, 6).await;
    }
}

#[tokio::test]
async fn a_rehearsal_in_outages_ends_as_its_release_does() {
    let rehearsed = rehearse(&["--small", "--faults", "0.05", "--seed", "3"]).await;
    assert_eq!(rehearsed.exit, 0, "{}", rehearsed.output);
}
