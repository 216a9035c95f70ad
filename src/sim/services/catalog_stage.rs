//! The stage catalog: freshness grades and vulnerabilities of the images of the stage release.
//!
//! Grades follow from the digest, nothing is stored per image. The catalog knows an image only once
//! the stage release has put it there.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::sim::auth::Credentials;
use crate::sim::events::Event;
use crate::sim::scenario::ReleasePlan;
use crate::sim::services::images::{self, ARCHES};
use crate::sim::services::wire;
use crate::sim::world::{Facts, World};

/// What the catalog knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CatalogStage {
    /// Digest → component and architecture, once released to stage.
    pub images: BTreeMap<String, (String, String)>,
    /// Components with a bad grade (`D`) and vulnerabilities.
    pub unhealthy: BTreeSet<String>,
    /// Components without any valid grade.
    pub ungraded: BTreeSet<String>,
}

impl CatalogStage {
    /// An empty catalog, before the stage release.
    pub fn new(_plan: &ReleasePlan, _base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        Self::default()
    }

    /// Takes in all images of the release.
    pub fn index(&mut self, plan: &ReleasePlan) {
        for component in images::shipped(plan).iter().chain(&images::outside_payload(plan)) {
            for arch in ARCHES {
                self.images.insert(component.digest(arch), (component.name.clone(), arch.to_owned()));
            }
        }
    }

    fn grades(&self, digest: &str, component: &str, now: Timestamp) -> Vec<Value> {
        let day = SignedDuration::from_hours(24);
        let at = |days: i32| stamp(now.saturating_add(day * days).unwrap_or(now));
        if self.ungraded.contains(component) {
            return vec![json!({ "grade": "A", "creation_date": at(-1), "start_date": at(30) })];
        }
        let good = if digest.ends_with(['0', '1', '2', '3']) { "B" } else { "A" };
        let present = if self.unhealthy.contains(component) { "D" } else { good };
        vec![
            json!({ "grade": "A", "creation_date": at(-40), "start_date": at(-40), "end_date": at(-10) }),
            json!({ "grade": present, "creation_date": at(-40), "start_date": at(-10), "end_date": at(60) }),
            json!({ "grade": "F", "creation_date": at(-40), "start_date": at(60) }),
        ]
    }
}

/// Both ways in which the catalog writes a time occur; this is the one with an offset.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// Routes below `/catalog_stage`.
pub fn router() -> Router<World> {
    Router::new().route("/v1/images", get(images)).route("/v1/images/id/{id}/vulnerabilities", get(vulnerabilities))
}

/// Nobody needs a credential.
pub fn refuse(_path: &str, _headers: &HeaderMap, _credentials: &Credentials) -> Option<Response> {
    None
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

#[cfg(test)]
mod tests;
