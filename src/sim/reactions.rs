//! What follows from an event: people act; actors and services react.

use crate::core::clock::VirtualClock;
use crate::sim::events::Event;
use crate::sim::faults::rules::Faults;
use crate::sim::scenario::Scenario;
use crate::sim::services::table;
use crate::sim::world::{Facts, World};
use crate::sim::{actors, original, people};

/// The world of a scenario, served at `base_url`.
pub fn world(scenario: &Scenario, seed: u64, clock: VirtualClock, base_url: String, faults: Faults) -> World {
    World::new(scenario, seed, clock, base_url, faults, react)
}

fn react(facts: &mut Facts, event: Event) {
    if let Event::Person(act) = event {
        people::act(act, facts);
        return;
    }
    actors::hear(facts, &event);
    table::hear(facts, &event);
    original::hear(facts, &event);
}
