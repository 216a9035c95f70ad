//! Simulated `gangway`: the door through which Prow jobs are started; its facts are Prow's.

use axum::Router;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::sim::auth::Credentials;
use crate::sim::world::World;

/// Routes below `/gangway`.
pub fn router() -> Router<World> {
    Router::new()
}

/// The service's own refusal of a wrong or missing credential.
pub fn refuse(_path: &str, _headers: &HeaderMap, _credentials: &Credentials) -> Option<Response> {
    None
}
