//! Images of the registry: payloads as they are promoted, components byte for byte.

use std::io::Write as _;

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::sim::facts::images::{self, Component};
use crate::sim::scenario::ReleasePlan;

/// Repository of the payloads.
pub(in crate::sim) const PAYLOADS: &str = "openshift-release-dev/ocp-release";

/// Architectures of a payload: as tags spell them, and as OCI does.
pub const ARCHES: [(&str, &str); 5] =
    [("x86_64", "amd64"), ("aarch64", "arm64"), ("ppc64le", "ppc64le"), ("s390x", "s390x"), ("multi", "amd64")];

pub(in crate::sim) const INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

pub(in crate::sim) const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

pub(in crate::sim) const CONFIG: &str = "application/vnd.docker.container.image.v1+json";

pub(in crate::sim) const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Payloads by tag, and whatever was asked for by digest.
#[derive(Debug, Clone, Serialize)]
pub struct Registry {
    pub(in crate::sim) base_url: String,
    /// Versions whose payloads are here, with their public page.
    pub versions: IndexMap<String, String>,
    /// Digest of each payload built so far, by tag.
    pub built: IndexMap<String, String>,
    /// What the journal writes for such a digest.
    pub stable: IndexMap<String, String>,
    #[serde(skip)]
    pub(in crate::sim) blobs: IndexMap<String, Blob>,
    /// The payload's first, then the rest of the shipment.
    #[serde(skip)]
    pub(in crate::sim) components: Vec<Component>,
    #[serde(skip)]
    pub(in crate::sim) in_payload: usize,
    /// `image-references`, the same in every payload; made once.
    #[serde(skip)]
    pub(in crate::sim) references: Option<String>,
    #[serde(skip)]
    pub(in crate::sim) component_digests: IndexMap<String, Part>,
}

#[derive(Debug, Clone)]
pub(in crate::sim) struct Blob {
    pub(in crate::sim) kind: &'static str,
    pub(in crate::sim) bytes: Bytes,
}

/// A body of a component image, made again when asked for instead of being kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::sim) enum Part {
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
    pub(in crate::sim) fn component(&mut self, digest: &str) -> Option<Blob> {
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

/// Bodies of one payload.
pub(in crate::sim) struct Payload {
    pub(in crate::sim) digest: String,
    pub(in crate::sim) blobs: Vec<(String, Blob)>,
    /// Hashes without prefix, in a fixed order.
    pub(in crate::sim) hashes: Vec<String>,
}

impl Payload {
    pub(in crate::sim) fn build(references: &str, version: &str, oci: &str, arch: &str, page: &str) -> Self {
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

    pub(in crate::sim) fn keep_json(&mut self, kind: &'static str, value: &Value) -> (usize, String) {
        let bytes = value.to_string().into_bytes();
        (bytes.len(), self.keep(kind, bytes))
    }

    pub(in crate::sim) fn keep(&mut self, kind: &'static str, bytes: Vec<u8>) -> String {
        let digest = images::digest_of(&bytes);
        self.hashes.push(digest.replace("sha256:", ""));
        self.blobs.push((digest.clone(), Blob { kind, bytes: bytes.into() }));
        digest
    }
}

/// The image stream that lists every component of a payload.
pub(in crate::sim) fn references(components: &[Component]) -> String {
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
pub(in crate::sim) fn layer_tar(references: &str, version: &str, page: &str) -> std::io::Result<Vec<u8>> {
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
pub(in crate::sim) fn stored_gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(bytes)?;
    gzip.finish()
}
