//! The stage catalog: freshness grades and vulnerabilities of the images of the stage release.
//!
//! Grades follow from the digest, nothing is stored per image. The catalog knows an image only once
//! the stage release has put it there.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::sim::events::Event;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/catalog_stage`.
pub fn router() -> Router<World> {
    Router::new().route("/v1/images", get(images)).route("/v1/images/id/{id}/vulnerabilities", get(vulnerabilities))
}

/// The stage release fills the catalog.
pub fn hear(facts: &mut Facts, event: &Event) {
    if *event == Event::StageReleaseDone {
        let plan = facts.release.clone();
        facts.catalog_stage.index(&plan);
    }
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    wire::json(status, &json!({ "status": status.as_u16(), "title": title, "detail": detail, "type": "about:blank" }))
}

fn paged(all: Vec<Value>, query: &BTreeMap<String, String>) -> Response {
    let number = |name: &str, default: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (page, size) = (number("page", 0), number("page_size", 100).clamp(1, 500));
    let total = all.len();
    let data: Vec<Value> = all.into_iter().skip(page.saturating_mul(size)).take(size).collect();
    wire::json(StatusCode::OK, &json!({ "data": data, "page": page, "page_size": size, "total": total }))
}

async fn images(State(world): State<World>, RawQuery(raw): RawQuery) -> Response {
    let query = wire::pairs(raw.as_deref().unwrap_or_default());
    let filter = query.get("filter").map_or("", String::as_str);
    let Some(digest) = filter.strip_prefix("image_id==") else {
        return problem(StatusCode::BAD_REQUEST, "Bad Request", "Unsupported or malformed filter");
    };
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return problem(StatusCode::BAD_REQUEST, "Bad Request", "image_id is not a digest");
    }
    let facts = world.facts();
    let found = facts.catalog_stage.images.get(digest).map(|(component, arch)| {
        let id = &hex[..24];
        json!({
            "_id": id,
            "image_id": digest,
            "architecture": arch,
            "freshness_grades": facts.catalog_stage.grades(digest, component, facts.now),
            "repositories": [{ "registry": "registry.stage.example.com", "repository": format!("openshift/ose-{component}-rhel9") }],
            "_links": {
                "self": { "href": format!("/v1/images/id/{id}") },
                "vulnerabilities": { "href": format!("/v1/images/id/{id}/vulnerabilities") },
            },
        })
    });
    paged(found.into_iter().collect(), &query)
}

async fn vulnerabilities(State(world): State<World>, Path(id): Path<String>, RawQuery(raw): RawQuery) -> Response {
    let query = wire::pairs(raw.as_deref().unwrap_or_default());
    let facts = world.facts();
    let catalog = &facts.catalog_stage;
    let prefix = format!("sha256:{id}");
    let Some((_, (component, _))) = catalog.images.iter().find(|(digest, _)| digest.starts_with(&prefix)) else {
        return problem(StatusCode::NOT_FOUND, "Not Found", "The requested resource does not exist");
    };
    let list: Vec<Value> = if catalog.unhealthy.contains(component) {
        // The source package comes as a text or as a list of texts.
        [
            ("CVE-2026-20001", "Critical", "openssl", json!("openssl-1:3.2.2-6.el9.src")),
            ("CVE-2026-20002", "Moderate", "glibc", json!(["glibc-2.34-125.el9.src"])),
        ]
        .into_iter()
        .map(|(cve, severity, package, source)| {
            json!({
                "cve_id": cve,
                "severity": severity,
                "affected_packages": [{ "name": package, "version": "1.0-1.el9" }],
                "packages": [{ "srpm_nevra": source }],
            })
        })
        .collect()
    } else {
        Vec::new()
    };
    paged(list, &query)
}
