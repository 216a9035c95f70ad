//! Worlds made from state files: each of them runs on.

use std::path::Path;

use jiff::SignedDuration;
use oar::core::clock::VirtualClock;
use oar::sim::faults::rules::Faults;
use oar::sim::reactions;
use oar::sim::scenario::Scenario;
use oar::sim::scenario::from_state::{FromState, FromTask};

use crate::real_files::{counted, invented, real, states};

/// Makes a world of every file and lets ten days pass in it.
fn every_world_runs_on(folder: &Path) -> usize {
    let files = states(folder);
    for path in &files {
        let text = std::fs::read_to_string(path).expect("text");
        let mut scenario = Scenario::from_state(read(&serde_yaml::from_str(&text).expect("YAML")));
        (scenario.plan.sizes.images, scenario.plan.sizes.components) = (40, 10);
        let clock = VirtualClock::starting_at(scenario.start());
        let world = reactions::world(&scenario, 1, clock, "http://127.0.0.1:1".to_owned(), Faults::none());
        world.clock().advance(SignedDuration::from_hours(240));
        assert!(world.facts().actors.promoted, "{}", path.display());
    }
    files.len()
}

#[test]
fn every_invented_state_file_gives_a_world_that_runs_on() {
    assert_eq!(every_world_runs_on(&invented("statebox")), 4);
}

#[test]
fn every_real_state_file_gives_a_world_that_runs_on() {
    if let Some(folder) = real("data/statebox") {
        counted(every_world_runs_on(&folder), "state files");
    }
}

/// What a state file says of its release.
pub(crate) fn read(file: &serde_yaml::Value) -> FromState {
    let text = |value: &serde_yaml::Value| value.as_str().map(ToOwned::to_owned);
    let time = |key: &str| text(&file[key]).expect("text").parse().expect("a time");
    let metadata = &file["metadata"];
    let pairs = |key: &str| metadata[key].as_mapping().cloned().unwrap_or_default();
    let task = |task: &serde_yaml::Value| FromTask {
        task: text(&task["name"]).expect("text").parse().expect("a task"),
        status: text(&task["status"]).expect("text").parse().expect("a status"),
        job: None,
    };
    FromState {
        release: text(&file["release"]).expect("text").parse().expect("a release"),
        created_at: time("created_at"),
        updated_at: time("updated_at"),
        release_date: text(&metadata["release_date"]).expect("text"),
        advisory_ids: pairs("advisory_ids")
            .iter()
            .map(|(kind, id)| (text(kind).expect("text"), id.as_u64().expect("a number")))
            .collect(),
        shipment_mr: text(&metadata["shipment_mr"]),
        candidate_builds: pairs("candidate_builds")
            .iter()
            .map(|(arch, build)| (text(arch).expect("text"), text(build).expect("text")))
            .collect(),
        jira_ticket: text(&metadata["jira_ticket"]),
        tasks: file["tasks"].as_sequence().expect("a list").iter().map(task).collect(),
    }
}
