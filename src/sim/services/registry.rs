//! Simulated `registry`: payloads and component images over the registry v2 API.
//!
//! A payload is an index, one amd64 manifest, a configuration and a layer with the release metadata.
//! Digests are real: bodies are built once, on demand, and hashed.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::sim::auth;
use crate::sim::events::Event;
use crate::sim::facts::images;
use crate::sim::facts::registry::{ARCHES, Blob, INDEX, MANIFEST, PAYLOADS, Payload, references};
use crate::sim::journal::PLACEHOLDER;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// What the token endpoint gives; without it every call is refused.
const TOKEN: &str = "sim-registry-token";

/// Digest of the payload that `tag` names (`4.20.17-x86_64`), if it was promoted.
pub fn payload_digest(facts: &mut Facts, tag: &str) -> Option<String> {
    if let Some(digest) = facts.registry.built.get(tag) {
        return Some(digest.clone());
    }
    let (version, arch) = tag.rsplit_once('-')?;
    let (_, oci) = *ARCHES.iter().find(|(name, _)| *name == arch)?;
    let page = facts.registry.versions.get(version)?.clone();
    let stable_page = page.replace(&facts.registry.base_url, PLACEHOLDER);
    let registry = &mut facts.registry;
    let references = registry
        .references
        .get_or_insert_with(|| references(registry.components.get(..registry.in_payload).unwrap_or_default()));
    let payload = Payload::build(references, version, oci, arch, &page);
    // The page names our port; the journal writes the digests that a placeholder would have given.
    let stable = Payload::build(references, version, oci, arch, &stable_page);
    let pairs = payload.hashes.iter().zip(stable.hashes);
    facts.aliases.extend(pairs.map(|(real, stable)| (real.clone(), stable)));
    registry.blobs.extend(payload.blobs);
    registry.built.insert(tag.to_owned(), payload.digest.clone());
    registry.stable.insert(payload.digest.clone(), stable.digest);
    Some(payload.digest)
}

/// Routes below `/registry`. Repository names contain slashes, so one route takes all of them.
pub fn router() -> Router<World> {
    Router::new().route("/v2/", get(version_check)).route("/v2/auth", get(token)).route("/v2/{*rest}", get(content))
}

/// Promotion brings the payload.
pub fn hear(facts: &mut Facts, event: &Event) {
    if *event == Event::Promote {
        let page = facts.release.portal_url(&facts.base_url);
        facts.registry.versions.insert(facts.release.release.to_string(), page);
    }
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    wire::json(status, &json!({ "errors": [{ "code": code, "message": message, "detail": {} }] }))
}

fn challenge(base_url: &str, repository: Option<&str>) -> Response {
    let scope = repository.map_or(String::new(), |name| format!(",scope=\"repository:{name}:pull\""));
    let realm = format!("Bearer realm=\"{base_url}/registry/v2/auth\",service=\"sim-registry\"{scope}");
    let mut response =
        error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "access to the requested resource is not authorized");
    if let Ok(value) = HeaderValue::from_str(&realm) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

async fn version_check(State(world): State<World>, headers: HeaderMap) -> Response {
    if auth::scheme(&headers, "bearer") == Some(TOKEN) {
        return wire::json(StatusCode::OK, &json!({}));
    }
    challenge(world.base_url(), None)
}

/// Public repositories give a token to anybody who names a scope.
async fn token(RawQuery(query): RawQuery) -> Response {
    if !wire::pairs(&query.unwrap_or_default()).contains_key("scope") {
        return error(StatusCode::BAD_REQUEST, "DENIED", "no scope");
    }
    wire::json(StatusCode::OK, &json!({ "token": TOKEN, "access_token": TOKEN, "expires_in": 300 }))
}

async fn content(State(world): State<World>, Path(rest): Path<String>, headers: HeaderMap) -> Response {
    let split =
        |between: &str| rest.rsplit_once(between).map(|(name, reference)| (name.to_owned(), reference.to_owned()));
    let (name, reference, manifest) = match (split("/manifests/"), split("/blobs/")) {
        (Some((name, reference)), _) => (name, reference, true),
        (None, Some((name, reference))) => (name, reference, false),
        (None, None) => return wire::unmatched(StatusCode::NOT_FOUND),
    };
    if auth::scheme(&headers, "bearer") != Some(TOKEN) {
        return challenge(world.base_url(), Some(&name));
    }
    let mut facts = world.facts();
    let (digest, blob) = match name.as_str() {
        PAYLOADS if reference.starts_with("sha256:") => {
            let blob = facts.registry.blobs.get(&reference).cloned();
            (reference, blob)
        }
        PAYLOADS => {
            let digest = payload_digest(&mut facts, &reference).unwrap_or_default();
            let blob = facts.registry.blobs.get(&digest).cloned();
            (digest, blob)
        }
        images::REPOSITORY => {
            let blob = facts.registry.component(&reference);
            (reference, blob)
        }
        _ => return error(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository name not known to registry"),
    };
    let is_manifest = |blob: &Blob| blob.kind == INDEX || blob.kind == MANIFEST;
    match blob.filter(|blob| is_manifest(blob) == manifest) {
        Some(blob) => {
            let mut response = blob.bytes.into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(blob.kind));
            if let Ok(value) = HeaderValue::from_str(&digest) {
                response.headers_mut().insert("docker-content-digest", value);
            }
            response
        }
        None if manifest => error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown"),
        None => error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"),
    }
}
