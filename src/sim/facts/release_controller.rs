//! Streams and tags of the release controller.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::release::ZStream;
use crate::sim::scenario::ReleasePlan;

/// Suffixes of stable streams per architecture, with the payload's spelling.
pub(in crate::sim) const STABLE: [(&str, &str); 5] =
    [("", "x86_64"), ("-arm64", "aarch64"), ("-ppc64le", "ppc64le"), ("-s390x", "s390x"), ("-multi", "multi")];

/// Streams by name, their tags newest first.
#[derive(Debug, Clone, Serialize)]
pub struct ReleaseController {
    pub(in crate::sim) base: String,
    pub(in crate::sim) streams: IndexMap<String, Vec<Tag>>,
    /// The change log of the release has been rendered.
    pub change_log: bool,
}

/// One payload in a stream.
#[derive(Debug, Clone, Serialize)]
pub struct Tag {
    pub(in crate::sim) name: String,
    pub(in crate::sim) phase: &'static str,
    pub(in crate::sim) pull_spec: String,
    pub(in crate::sim) created: Timestamp,
    /// Architecture as payload tags spell it; nightlies have no payload here.
    pub(in crate::sim) arch: Option<&'static str>,
}

impl ReleaseController {
    /// The candidates and the release that is already public.
    pub fn new(plan: &ReleasePlan, base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        let mut streams: IndexMap<String, Vec<Tag>> = IndexMap::new();
        for nightly in plan.nightlies.values() {
            let tag = Tag {
                name: nightly.clone(),
                phase: "Accepted",
                pull_spec: format!("registry.ci.example.com/ocp/release:{nightly}"),
                created: plan.start,
                arch: None,
            };
            streams.entry(nightly_stream(nightly).to_owned()).or_default().push(tag);
        }
        for (suffix, arch) in STABLE {
            let tags = plan.previous.iter().map(|previous| payload(previous, arch, "Accepted", plan.start)).collect();
            streams.insert(format!("{}{suffix}", stable_stream(&plan.release)), tags);
        }
        Self { base: format!("{base_url}/release_controller"), streams, change_log: false }
    }

    /// Does that change anything?
    pub(in crate::sim) fn set_phase(&mut self, name: &str, phase: &'static str) -> bool {
        let mut changed = false;
        for tag in self.streams.values_mut().flatten().filter(|tag| tag.name == name && tag.phase != phase) {
            (tag.phase, changed) = (phase, true);
        }
        changed
    }

    pub(in crate::sim) fn short(&self, tag: &Tag) -> Value {
        json!({
            "name": tag.name,
            "phase": tag.phase,
            "pullSpec": tag.pull_spec,
            "downloadURL": format!("{}/artifacts/{}", self.base, tag.name),
        })
    }
}

/// `4.20.0-0.nightly-arm64` of a nightly's name: all but day and time.
pub(in crate::sim) fn nightly_stream(nightly: &str) -> &str {
    nightly.rsplitn(5, '-').last().unwrap_or(nightly)
}

/// Early candidates are promoted to the preview stream.
pub(in crate::sim) fn stable_stream(release: &ZStream) -> String {
    let kind = if release.candidate().is_some_and(|pre| pre.starts_with("ec")) { "dev-preview" } else { "stable" };
    format!("{}-{kind}", release.minor().major())
}

pub(in crate::sim) fn payload(release: &ZStream, arch: &'static str, phase: &'static str, created: Timestamp) -> Tag {
    Tag {
        name: release.to_string(),
        phase,
        pull_spec: release.payload(crate::sim::facts::images::PAYLOADS, arch),
        created,
        arch: Some(arch),
    }
}
