//! Simulated `build_data`: ART's `releases.yml` of the release's minor, as text.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::sim::world::World;

/// Routes below `/build_data`: the path on the raw host, and the short form without the repository.
pub fn router() -> Router<World> {
    Router::new()
        .route("/openshift-eng/ocp-build-data/{branch}/releases.yml", get(file))
        .route("/{branch}/releases.yml", get(file))
}

async fn file(State(world): State<World>, Path(branch): Path<String>) -> Response {
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    let facts = world.facts();
    if branch != facts.build_data.branch {
        return (StatusCode::NOT_FOUND, plain, "404: Not Found").into_response();
    }
    (plain, facts.build_data.releases_yml.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use crate::sim::facts::build_data::releases_yml;
    use crate::sim::scenario::Scenario;

    #[test]
    fn the_file_is_yaml_that_names_release_and_predecessor() {
        let plan = Scenario::named("smooth", None, None).expect("a scenario").plan;
        let text = releases_yml(&plan, "http://127.0.0.1:1").expect("text");
        let file: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        let group = &file["releases"]["4.20.17"]["assembly"]["group"];
        assert_eq!(group["release_date"].as_str(), Some("2026-Jun-10"));
        assert_eq!(group["advisories!"].as_mapping().map(|map| map.len()), Some(3));
        assert!(group["shipment!"]["url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:1/gitlab/")));
        assert!(file["releases"]["4.20.16"]["assembly"]["group"]["advisories"]["rpm"].as_u64().is_some());
    }
}
