//! The public catalog: images that customers can already pull.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::sim::events::Event;
use crate::sim::facts::images;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/catalog`.
pub fn router() -> Router<World> {
    Router::new().route("/v1/images", get(images))
}

/// The public page comes together with the images.
pub fn hear(facts: &mut Facts, event: &Event) {
    if *event == Event::PortalOpens {
        let shipped = images::shipped(&facts.release);
        facts.catalog.take_in(shipped);
    }
}

async fn images(State(world): State<World>, RawQuery(raw): RawQuery) -> Response {
    let query = wire::pairs(raw.as_deref().unwrap_or_default());
    let digest = query.get("filter").and_then(|filter| filter.strip_prefix("image_id=="));
    let Some(digest) = digest.filter(|digest| digest.starts_with("sha256:") && digest.len() == 71) else {
        let body = json!({
            "status": 400, "title": "Bad Request", "detail": "Unsupported or malformed filter", "type": "about:blank",
        });
        return wire::json(StatusCode::BAD_REQUEST, &body);
    };
    let facts = world.facts();
    let data: Vec<Value> = facts
        .catalog
        .images
        .get(digest)
        .map(|(repository, arch)| {
            json!({
                "_id": &digest[7..31],
                "architecture": arch,
                "repositories": [{ "registry": "registry.example.com", "repository": repository, "published": true }],
            })
        })
        .into_iter()
        .collect();
    wire::json(StatusCode::OK, &json!({ "total": data.len(), "data": data, "page": 0, "page_size": 100 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::services::visitor::Visitor;

    #[tokio::test]
    async fn the_catalog_knows_what_shipped_before_and_learns_the_rest_on_the_day() {
        let visitor = Visitor::smooth();
        let plan = visitor.world.facts().release.clone();
        let (old, new) = (images::released(&plan).remove(0), images::shipped(&plan).remove(0));
        let total = async |digest: String| {
            let answer = visitor.get(&format!("/catalog/v1/images?filter=image_id%3D%3D{digest}")).await;
            answer.json()["total"].as_u64().expect("a number")
        };
        assert_eq!((total(old.digest("amd64")).await, total(new.digest("amd64")).await), (1, 0));
        visitor.world.facts().happens(Event::PortalOpens);
        assert_eq!(total(new.index_digest()).await, 1);
        assert_eq!(visitor.get("/catalog/v1/images?filter=nonsense").await.status.as_u16(), 400);
    }
}
