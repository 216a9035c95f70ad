//! The one server of the world.

use axum::Router;

use crate::sim::control;
use crate::sim::services;
use crate::sim::world::World;

/// All routes of all services.
pub fn router(world: World) -> Router {
    Router::new()
        .nest("/__sim", control::router())
        .nest("/errata", services::errata::router())
        .nest("/jira", services::jira::router())
        .nest("/gitlab", services::gitlab::router())
        .nest("/jenkins", services::jenkins::router())
        .nest("/slack", services::slack::router())
        .nest("/github", services::github::router())
        .nest("/build_data", services::build_data::router())
        .nest("/release_controller", services::release_controller::router())
        .nest("/gangway", services::gangway::router())
        .nest("/prow", services::prow::router())
        .nest("/signatures", services::signatures::router())
        .nest("/catalog_stage", services::catalog_stage::router())
        .nest("/customer_portal", services::customer_portal::router())
        .nest("/registry", services::registry::router())
        .with_state(world)
}
