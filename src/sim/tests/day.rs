//! A day of test jobs: what the scenarios about it promise.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;

use super::small_world;
use crate::core::clock::VirtualClock;
use crate::sim::faults::rules::Faults;
use crate::sim::reactions;
use crate::sim::scenario::Scenario;
use crate::sim::scenario::streams::{Odd, Oddity};
use crate::sim::world::World;

fn after(scenario: &str, hours: i64) -> World {
    let world = small_world(scenario);
    world.clock().advance(SignedDuration::from_hours(hours));
    world
}

/// Builds of the usual architecture that came after the beginning, by minor: nightlies and stable ones.
fn new_builds(world: &World) -> BTreeMap<String, [usize; 2]> {
    let facts = world.facts();
    let mut builds = BTreeMap::<String, [usize; 2]>::new();
    let usual = |stream: &str| stream.ends_with(".nightly") || stream.ends_with("-stable");
    for (stream, tags) in facts.release_controller.streams.iter().filter(|(stream, _)| usual(stream)) {
        for tag in tags.iter().filter(|tag| tag.created > facts.release.start) {
            let minor = tag.name.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
            builds.entry(minor).or_default()[usize::from(stream.ends_with("-stable"))] += 1;
        }
    }
    builds
}

#[test]
fn a_day_brings_three_nightlies_and_a_stable_build_of_each_of_thirteen_minors() {
    let builds = new_builds(&after("job-day", 28));
    assert_eq!(builds.len(), 13);
    assert!(builds.values().all(|counts| *counts == [3, 1]), "{builds:?}");
}

#[test]
fn every_scenario_about_the_day_has_the_builds_of_the_day() {
    let day = new_builds(&after("job-day", 28));
    for scenario in ["streams-jump-back", "stream-broken", "runs-vanish", "predecessor-writes"] {
        assert_eq!(new_builds(&after(scenario, 28)), day, "{scenario}");
    }
}

#[test]
fn the_program_of_before_starts_without_a_plan_and_writes_back_what_has_not_changed() {
    let world = after("predecessor-writes", 12);
    let facts = world.facts();
    let branch = &facts.github.branches["record"];
    let its: Vec<_> = branch.log.iter().filter(|commit| commit.by == "old-aggregator").collect();
    let messages = ["create new file", "update file content", "delete file"];
    assert!(its.iter().all(|commit| messages.contains(&commit.message.as_str())));
    let updates = its.iter().filter(|commit| commit.message == "update file content").count();
    assert!(updates > 10, "an open record is written every hour: {updates}");

    let pointer: Value =
        serde_json::from_str(&branch.files["_releases/ocp-latest-4.12-nightly-amd64.json"]).expect("JSON");
    let record = format!("_releases/ocp-test-result-{}-amd64.json", pointer["name"].as_str().expect("a name"));
    let record: Value = serde_json::from_str(&branch.files[&record]).expect("JSON");
    assert_eq!(record["build"], pointer);
    let jobs = record["result"].as_array().expect("a list");
    assert!(!jobs.is_empty() && jobs.len() <= 5);
    let ids = jobs.iter().map(|job| job["firstJob"]["jobID"].as_str().expect("an id"));
    assert!(ids.into_iter().all(|id| facts.prow.runs.contains_key(id)));
}

#[test]
fn the_program_of_before_judges_a_record_once_all_its_runs_have_ended() {
    let world = after("predecessor-writes", 20);
    let facts = world.facts();
    let records = facts.github.branches["record"].files.iter().filter(|(path, _)| path.contains("test-result-4.1"));
    let judged = records.filter(|(_, text)| text.contains("\"aggregated\": true"));
    let verdicts: Vec<bool> = judged
        .map(|(_, text)| serde_json::from_str::<Value>(text).expect("JSON")["accepted"].as_bool().expect("a verdict"))
        .collect();
    assert!(verdicts.len() > 2, "{verdicts:?}");
}

#[test]
fn the_program_of_before_takes_an_older_build_for_a_new_one_when_a_stream_goes_back() {
    let mut scenario = Scenario::named("predecessor-writes", None, None).expect("a scenario");
    (scenario.plan.sizes.images, scenario.plan.sizes.components) = (24, 6);
    scenario.plan.streams.stables = false;
    // Otherwise the jobs for the nightly use up what there is, and those for the stable build are never started.
    scenario.plan.disturbances.gateway = None;
    let hours = SignedDuration::from_hours;
    scenario.plan.streams.odd = vec![Odd { stream: "4-stable", what: Oddity::Back, from: hours(10), to: hours(14) }];
    let clock = VirtualClock::starting_at(scenario.start());
    let world = reactions::world(&scenario, 1, clock, "http://127.0.0.1:1".to_owned(), Faults::none());
    let record = "_releases/ocp-test-result-4.12.14-amd64.json";
    let ids = |world: &World| -> Vec<String> {
        let facts = world.facts();
        let Some(text) = facts.github.file("record", record) else { return Vec::new() };
        let file: Value = serde_json::from_str(text).expect("JSON");
        let jobs = file["result"].as_array().expect("a list");
        jobs.iter().map(|job| job["firstJob"]["jobID"].as_str().expect("an id").to_owned()).collect()
    };
    world.clock().advance(hours(9));
    let first = ids(&world);
    assert!(!first.is_empty());
    world.clock().advance(hours(3));
    assert_eq!(ids(&world), first);
    assert!(world.facts().github.file("record", "_releases/ocp-test-result-4.12.13-amd64.json").is_some());
    world.clock().advance(hours(3));
    let again = ids(&world);
    assert!(!again.is_empty() && again.iter().all(|id| !first.contains(id)), "its record was written over");
}
