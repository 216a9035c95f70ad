//! The people and pipelines around a release: ART, the test runs, the public side.

use crate::sim::events::Event;
use crate::sim::world::Facts;

/// Lets the actors react to what happened.
pub fn hear(_facts: &mut Facts, _event: &Event) {}
