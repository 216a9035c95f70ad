//! The public pages of advisories: 404 until the release is published.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use crate::sim::events::Event;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/customer_portal`.
pub fn router() -> Router<World> {
    Router::new().route("/errata/{name}", get(page).head(page))
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
