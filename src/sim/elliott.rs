//! The stand-in for the `elliott` program.

use axum::Router;

use crate::sim::scenario::ReleasePlan;
use crate::sim::world::World;

/// What the stand-in answers from.
#[derive(Debug, Default, serde::Serialize)]
pub struct Elliott {}

impl Elliott {
    /// The answers of a release that misses no tracker.
    pub fn new(_plan: &ReleasePlan) -> Self {
        Self::default()
    }
}

/// Routes below `/__sim/elliott`.
pub fn router() -> Router<World> {
    Router::new()
}
