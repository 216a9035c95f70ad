//! `/__sim/*`: the hands that tests and people put into the world.

use axum::Router;

use crate::sim::elliott;
use crate::sim::world::World;

/// Routes below `/__sim`.
pub fn router() -> Router<World> {
    Router::new().nest("/elliott", elliott::router())
}
