//! The public pages of advisories: 404 until the release is published.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use crate::sim::auth::Credentials;
use crate::sim::events::Event;
use crate::sim::scenario::ReleasePlan;
use crate::sim::services::wire;
use crate::sim::world::{Facts, World};

/// What the portal knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CustomerPortal {
    /// Names of published advisories.
    pub published: BTreeSet<String>,
    /// Answer a login page with 200 for what is not published.
    pub soft_404: bool,
}

impl CustomerPortal {
    /// Nothing of the release is public yet.
    pub fn new(_plan: &ReleasePlan, _base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        Self::default()
    }

    /// Publishes an advisory by its name, for example `RHBA-2026:1234`.
    pub fn publish(&mut self, name: &str) {
        self.published.insert(name.to_owned());
    }
}

/// Routes below `/customer_portal`.
pub fn router() -> Router<World> {
    Router::new().route("/errata/{name}", get(page).head(page))
}

/// Nobody needs a credential.
pub fn refuse(_path: &str, _headers: &HeaderMap, _credentials: &Credentials) -> Option<Response> {
    None
}

/// How many advisories a release has in the public: image, extras, metadata.
const PAGES: u64 = 3;

/// The prod release ends with the pages of all its advisories.
pub fn hear(facts: &mut Facts, event: &Event) {
    if *event != Event::PortalOpens {
        return;
    }
    let live = facts.release.live_id.clone();
    facts.customer_portal.publish(&live);
    if let Some((kept, number)) = live.rsplit_once(':')
        && let Ok(number) = number.parse::<u64>()
    {
        for next in 1..PAGES {
            facts.customer_portal.publish(&format!("{kept}:{}", number + next));
        }
    }
}

async fn page(State(world): State<World>, Path(name): Path<String>) -> Response {
    let facts = world.facts();
    if facts.customer_portal.published.contains(&name) {
        let text =
            format!("<html><head><title>{name}</title></head><body><h1>{name} - Bug Fix Advisory</h1></body></html>");
        wire::html(StatusCode::OK, &text)
    } else if facts.customer_portal.soft_404 {
        wire::html(StatusCode::OK, "<html><body>Log in to continue</body></html>")
    } else {
        wire::html(StatusCode::NOT_FOUND, "<html><body>Page not found</body></html>")
    }
}

#[cfg(test)]
mod tests;
