//! Simulated `github`.

use axum::Router;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::sim::auth::Credentials;
use crate::sim::events::Event;
use crate::sim::scenario::ReleasePlan;
use crate::sim::world::{Facts, World};

/// What the service knows.
#[derive(Debug, Default, serde::Serialize)]
pub struct Github {}

impl Github {
    /// The service as the plan's release finds it.
    pub fn new(_plan: &ReleasePlan, _base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        Self::default()
    }

    /// Commits a file as somebody else would, whatever was there before (actors call this).
    pub fn put_file(&mut self, _branch: &str, _path: &str, _content: &str) {}
}

/// Routes below `/github`.
pub fn router() -> Router<World> {
    Router::new()
}

/// The service's own refusal of a wrong or missing credential.
pub fn refuse(_path: &str, _headers: &HeaderMap, _credentials: &Credentials) -> Option<Response> {
    None
}

/// Reacts to what happened in the world, `Event::Begin` first of all.
pub fn hear(_facts: &mut Facts, _event: &Event) {}
