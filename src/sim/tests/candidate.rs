//! A world that begins with the candidate nightly: everything about its tests happens in it.

use jiff::SignedDuration;
use serde_json::Value;

use super::small_world;
use crate::core::clock::VirtualClock;
use crate::sim::faults::rules::Faults;
use crate::sim::scenario::Scenario;
use crate::sim::world::{Facts, World};
use crate::sim::{reactions, records};

/// The world of a scenario, begun with the candidate that nobody has chosen yet.
fn begun_with_candidate(scenario: &str) -> World {
    let mut scenario = Scenario::named(scenario, None, None).expect("a scenario");
    scenario.plan.begin_with_candidate();
    (scenario.plan.sizes.images, scenario.plan.sizes.components) = (24, 6);
    let clock = VirtualClock::starting_at(scenario.start());
    reactions::world(&scenario, 1, clock, "http://127.0.0.1:1".to_owned(), Faults::none())
}

fn passes(world: &World, hours: i64) {
    world.clock().advance(SignedDuration::from_hours(hours));
}

/// The verdict in the record of a build; nothing while there is none.
fn verdict(facts: &Facts, build: &str) -> Option<bool> {
    let text = facts.github.file("record", &records::record_path(build))?;
    serde_json::from_str::<Value>(text).expect("JSON")["accepted"].as_bool()
}

fn phase(facts: &Facts, stream: &str, name: &str) -> Option<&'static str> {
    let tags = facts.release_controller.shown(stream, facts.now)?;
    tags.into_iter().find(|tag| tag.name == name).map(|tag| tag.phase)
}

#[test]
fn a_nightly_is_made_tested_chosen_and_promoted_and_then_tested_again() {
    let world = begun_with_candidate("smooth");
    let (stream, stable) = ("4.20.0-0.nightly", "4-stable");
    let (candidate, release) = {
        let facts = world.facts();
        (facts.release.nightly().expect("a nightly").to_owned(), facts.release.release.to_string())
    };
    assert_eq!(candidate, "4.20.0-0.nightly-2026-06-01-230000");
    let lists = |facts: &Facts| facts.build_data.releases_yml.contains(&candidate);

    let begun = world.facts();
    assert_eq!(begun.now.to_string(), "2026-06-01T23:00:00Z");
    assert_eq!((phase(&begun, stream, &candidate), lists(&begun)), (Some("Ready"), false));
    assert!(begun.github.file("z-stream", "_releases/4.20/4.20.z.yaml").is_none());
    drop(begun);
    passes(&world, 12);
    let tested = world.facts();
    assert_eq!((phase(&tested, stream, &candidate), verdict(&tested, &candidate)), (Some("Accepted"), Some(true)));
    assert!(!lists(&tested), "ART has not chosen yet");
    drop(tested);
    passes(&world, 19);
    let chosen = world.facts();
    assert!(lists(&chosen) && chosen.github.file("z-stream", "_releases/4.20/4.20.z.yaml").is_some());
    assert_eq!(phase(&chosen, stable, &release), None);
    drop(chosen);
    passes(&world, 34);
    let promoted = world.facts();
    assert_eq!((phase(&promoted, stable, &release), verdict(&promoted, &release)), (Some("Accepted"), Some(true)));
}

#[test]
fn a_release_that_is_rejected_elsewhere_is_rejected_by_its_runs_too() {
    let world = begun_with_candidate("candidate-rejected");
    passes(&world, 14);
    let facts = world.facts();
    assert_eq!(verdict(&facts, facts.release.nightly().expect("a nightly")), Some(false));
}

#[test]
fn the_scenario_of_that_name_lists_the_release_from_the_beginning() {
    let world = small_world("from-candidate");
    let facts = world.facts();
    assert!(facts.build_data.releases_yml.contains("4.20.17:"), "{}", facts.build_data.releases_yml);
    assert!(facts.github.file("z-stream", "_releases/4.20/4.20.z.yaml").is_some());
    assert_eq!(facts.github.file("record", &records::record_path(facts.release.nightly().expect("a nightly"))), None);
}
