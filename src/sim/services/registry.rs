//! Simulated `registry`: payloads and component images over the registry v2 API.
//!
//! A payload is an index, one amd64 manifest, a configuration and a layer with the release metadata.
//! Digests are real: bodies are built once, on demand, and hashed.

use std::io::Write as _;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use super::images::{self, Component};
use super::wire;
use crate::sim::auth::{self, Credentials};
use crate::sim::events::Event;
use crate::sim::journal::PLACEHOLDER;
use crate::sim::scenario::ReleasePlan;
use crate::sim::world::{Facts, World};

/// Repository of the payloads.
const PAYLOADS: &str = "openshift-release-dev/ocp-release";
/// What the token endpoint gives; without it every call is refused.
const TOKEN: &str = "sim-registry-token";
/// Architectures of a payload: as tags spell them, and as OCI does.
pub const ARCHES: [(&str, &str); 5] =
    [("x86_64", "amd64"), ("aarch64", "arm64"), ("ppc64le", "ppc64le"), ("s390x", "s390x"), ("multi", "amd64")];

const INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Payloads by tag, and whatever was asked for by digest.
#[derive(Debug, Serialize)]
pub struct Registry {
    base_url: String,
    /// Versions whose payloads are here, with their public page.
    pub versions: IndexMap<String, String>,
    /// Digest of each payload built so far, by tag.
    pub built: IndexMap<String, String>,
    /// What the journal writes for such a digest.
    pub stable: IndexMap<String, String>,
    #[serde(skip)]
    blobs: IndexMap<String, Blob>,
    /// The payload's first, then the rest of the shipment.
    #[serde(skip)]
    components: Vec<Component>,
    #[serde(skip)]
    in_payload: usize,
    /// `image-references`, the same in every payload; made once.
    #[serde(skip)]
    references: Option<String>,
    #[serde(skip)]
    component_digests: IndexMap<String, Part>,
}

#[derive(Debug, Clone)]
struct Blob {
    kind: &'static str,
    bytes: Bytes,
}

/// A body of a component image, made again when asked for instead of being kept.
#[derive(Debug, Clone, Copy)]
enum Part {
    Index(usize),
    Manifest(usize, &'static str),
    Config(usize, &'static str),
}

impl Registry {
    /// The registry with the payload that is already public.
    pub fn new(plan: &ReleasePlan, base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        let public = plan.previous.as_ref().map(|previous| {
            (previous.to_string(), format!("{base_url}/customer_portal/errata/RHBA-{}:9999", plan.release_date.year()))
        });
        Self {
            base_url: base_url.to_owned(),
            versions: public.into_iter().collect(),
            built: IndexMap::new(),
            stable: IndexMap::new(),
            references: None,
            blobs: IndexMap::new(),
            in_payload: images::payload(plan).len() + images::RHCOS_TAGS.len(),
            components: images::payload(plan)
                .into_iter()
                .chain(images::rhcos(plan))
                .chain(images::shipped(plan).into_iter().filter(|component| component.rebuilt))
                .chain(images::outside_payload(plan))
                .collect(),
            component_digests: IndexMap::new(),
        }
    }

    /// Digest of the index of a component image, if it is one of ours.
    fn component(&mut self, digest: &str) -> Option<Blob> {
        if self.component_digests.is_empty() {
            for (n, component) in self.components.iter().enumerate() {
                self.component_digests.insert(component.index_digest(), Part::Index(n));
                for arch in images::ARCHES {
                    self.component_digests.insert(component.digest(arch), Part::Manifest(n, arch));
                    self.component_digests.insert(images::digest_of(&component.config(arch)), Part::Config(n, arch));
                }
            }
        }
        let part = *self.component_digests.get(digest)?;
        let component = |n: usize| self.components.get(n);
        Some(match part {
            Part::Index(n) => Blob { kind: INDEX, bytes: component(n)?.index().into() },
            Part::Manifest(n, arch) => Blob { kind: MANIFEST, bytes: component(n)?.manifest(arch).into() },
            Part::Config(n, arch) => Blob { kind: CONFIG, bytes: component(n)?.config(arch).into() },
        })
    }
}

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

/// Bodies of one payload.
struct Payload {
    digest: String,
    blobs: Vec<(String, Blob)>,
    /// Hashes without prefix, in a fixed order.
    hashes: Vec<String>,
}

impl Payload {
    fn build(references: &str, version: &str, oci: &str, arch: &str, page: &str) -> Self {
        let mut payload = Self { digest: String::new(), blobs: Vec::new(), hashes: Vec::new() };
        let tar = layer_tar(references, version, page).unwrap_or_default();
        let diff = images::digest_of(&tar);
        payload.hashes.push(diff.replace("sha256:", ""));
        let layer = stored_gzip(&tar).unwrap_or_default();
        let (layer_size, layer) = (layer.len(), payload.keep(LAYER, layer));
        let config = json!({
            "architecture": oci,
            "os": "linux",
            "config": { "Labels": { "io.openshift.release": version, "io.openshift.release.base-image-digest": images::digest_of(arch.as_bytes()) } },
            "rootfs": { "type": "layers", "diff_ids": [diff] },
        });
        let (config_size, config) = payload.keep_json(CONFIG, &config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "size": config_size, "digest": config },
            "layers": [{ "mediaType": LAYER, "size": layer_size, "digest": layer }],
        });
        let (manifest_size, manifest) = payload.keep_json(MANIFEST, &manifest);
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{
                "mediaType": MANIFEST,
                "size": manifest_size,
                "digest": manifest,
                "platform": { "architecture": oci, "os": "linux" },
            }],
        });
        payload.digest = payload.keep_json(INDEX, &index).1;
        payload
    }

    fn keep_json(&mut self, kind: &'static str, value: &Value) -> (usize, String) {
        let bytes = value.to_string().into_bytes();
        (bytes.len(), self.keep(kind, bytes))
    }

    fn keep(&mut self, kind: &'static str, bytes: Vec<u8>) -> String {
        let digest = images::digest_of(&bytes);
        self.hashes.push(digest.replace("sha256:", ""));
        self.blobs.push((digest.clone(), Blob { kind, bytes: bytes.into() }));
        digest
    }
}

/// The image stream that lists every component of a payload.
fn references(components: &[Component]) -> String {
    let tags: Vec<Value> = components
        .iter()
        .map(|component| {
            json!({
                "name": component.name,
                "annotations": { "io.openshift.build.commit.id": component.vcs_ref() },
                "from": { "kind": "DockerImage", "name": component.pull_spec() },
            })
        })
        .collect();
    let stream = json!({
        "kind": "ImageStream",
        "apiVersion": "image.openshift.io/v1",
        "metadata": { "name": "release", "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": { "lookupPolicy": { "local": false }, "tags": tags },
    });
    stream.to_string()
}

/// `release-manifests/` as the last layer of a payload holds it.
fn layer_tar(references: &str, version: &str, page: &str) -> std::io::Result<Vec<u8>> {
    let metadata = json!({
        "kind": "cincinnati-metadata-v0",
        "version": version,
        "previous": [],
        "metadata": { "description": "", "url": page },
    });
    let mut archive = tar::Builder::new(Vec::new());
    // Padded, so that the size does not depend on the length of the page's address.
    for (name, text) in [
        ("release-manifests/release-metadata", format!("{metadata:<1024}", metadata = metadata.to_string())),
        ("release-manifests/image-references", references.to_owned()),
    ] {
        let mut entry = tar::Header::new_gnu();
        entry.set_size(u64::try_from(text.len()).unwrap_or_default());
        entry.set_mode(0o644);
        archive.append_data(&mut entry, name, text.as_bytes())?;
    }
    archive.into_inner()
}

/// Gzip without compression: equal lengths in, equal lengths out.
fn stored_gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(bytes)?;
    gzip.finish()
}

/// Routes below `/registry`. Repository names contain slashes, so one route takes all of them.
pub fn router() -> Router<World> {
    Router::new().route("/v2/", get(version_check)).route("/v2/auth", get(token)).route("/v2/{*rest}", get(content))
}

/// Nothing here: the refusal names the token endpoint, so the routes give it.
pub fn refuse(_path: &str, _headers: &HeaderMap, _credentials: &Credentials) -> Option<Response> {
    None
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
    if auth::bearer(&headers, TOKEN) {
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
        (None, None) => return crate::sim::server::unmatched(StatusCode::NOT_FOUND),
    };
    if !auth::bearer(&headers, TOKEN) {
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
