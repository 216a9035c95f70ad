//! The images of the release: one derivation that registry, shipment, stage advisory and catalog share.
//!
//! Nothing is stored. Manifest bytes follow from the release and the component name, digests from
//! those bytes, so that a registry that serves the bytes and a shipment that names the digests agree.

use serde_json::json;

use crate::sim::scenario::ReleasePlan;
use crate::sim::wire;

/// Architectures every component is built for, as OCI names them; the first is the one people test.
pub const ARCHES: [&str; 4] = ["amd64", "arm64", "ppc64le", "s390x"];

/// Where component images live before they are public.
pub const REPOSITORY: &str = "openshift-release-dev/ocp-v4.0-art-dev";

/// Where payloads are pulled from, as people of this world spell it.
pub(in crate::sim) const PAYLOADS: &str = "registry.example.com/openshift-release-dev/ocp-release";

/// Payload tags that come from RHCOS and are no part of the shipment.
pub const RHCOS_TAGS: [&str; 2] = ["rhel-coreos", "rhel-coreos-extensions"];

const WELL_KNOWN: [&str; 12] = [
    "cli",
    "cluster-version-operator",
    "cluster-node-tuning-operator",
    "console",
    "etcd",
    "haproxy-router",
    "hyperkube",
    "installer",
    "machine-config-operator",
    "oauth-server",
    "pod",
    "tests",
];

/// One component of the release and its image index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Payload tag, for example `cli`.
    pub name: String,
    /// The z-stream it is built for.
    pub release: String,
    /// Built a second time from the same commit.
    pub rebuilt: bool,
}

impl Component {
    fn new(plan: &ReleasePlan, name: String) -> Self {
        Self { name, release: plan.release.to_string(), rebuilt: false }
    }

    /// Commit the image is built from.
    pub fn vcs_ref(&self) -> String {
        wire::sha1_hex(format!("{}@{}", self.name, self.release).as_bytes())
    }

    /// Label `name`: the delivery repository.
    pub fn label_name(&self) -> String {
        format!("openshift/ose-{}-rhel9", self.name)
    }

    /// Build name, version and release.
    pub fn nvr(&self) -> String {
        format!("ose-{}-container-v{}-{}", self.name, self.release, self.build())
    }

    /// Release of the build.
    fn build(&self) -> &'static str {
        if self.rebuilt { "202606020000.p0" } else { "202606010000.p0" }
    }

    /// Image configuration (the blob `config` of the manifest) for an architecture.
    pub fn config(&self, arch: &str) -> Vec<u8> {
        let commit = self.vcs_ref();
        json!({
            "architecture": arch,
            "os": "linux",
            "config": { "Labels": {
                "name": self.label_name(),
                "version": format!("v{}", self.release),
                "release": self.build(),
                "vcs-ref": commit,
                "io.openshift.build.commit.id": commit,
            }},
            "rootfs": { "type": "layers", "diff_ids": [] },
        })
        .to_string()
        .into_bytes()
    }

    /// Image manifest for an architecture.
    pub fn manifest(&self, arch: &str) -> Vec<u8> {
        let config = self.config(arch);
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": config.len(),
                "digest": digest_of(&config),
            },
            "layers": [],
        })
        .to_string()
        .into_bytes()
    }

    /// Index over all architectures.
    pub fn index(&self) -> Vec<u8> {
        let manifests: Vec<_> = ARCHES
            .iter()
            .map(|arch| {
                let manifest = self.manifest(arch);
                json!({
                    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "size": manifest.len(),
                    "digest": digest_of(&manifest),
                    "platform": { "architecture": arch, "os": "linux" },
                })
            })
            .collect();
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
            "manifests": manifests,
        })
        .to_string()
        .into_bytes()
    }

    /// Digest of the manifest for an architecture.
    pub fn digest(&self, arch: &str) -> String {
        digest_of(&self.manifest(arch))
    }

    /// Digest of the index.
    pub fn index_digest(&self) -> String {
        digest_of(&self.index())
    }

    /// Pull spec of the index.
    pub fn pull_spec(&self) -> String {
        format!("registry.example.com/{REPOSITORY}@{}", self.index_digest())
    }
}

/// `sha256:` and the hash of the bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", wire::sha256_hex(bytes))
}

/// In the payload as the release before shipped it, so no part of the shipment.
const RELEASED: [&str; 2] = ["etcd", "haproxy-router"];

/// In the shipment as a later build of the commit that the payload has.
const REBUILT: [&str; 2] = ["console", "hyperkube"];

/// Components of the payload; [`RHCOS_TAGS`] come on top, and all of them together are the plan's number
/// of components.
///
/// Most are in the shipment byte for byte. A few were built again there, a few shipped with the release
/// before: whoever compares digests alone misses them.
pub fn payload(plan: &ReleasePlan) -> Vec<Component> {
    let wanted = plan.sizes.components.saturating_sub(RHCOS_TAGS.len());
    let numbered = (1..).map(|n| format!("component-{n:03}"));
    let mut components: Vec<Component> = WELL_KNOWN
        .iter()
        .map(|name| (*name).to_owned())
        .chain(numbered)
        .take(wanted)
        .map(|name| Component::new(plan, name))
        .collect();
    if let Some(previous) = &plan.previous {
        for component in components.iter_mut().filter(|component| RELEASED.contains(&component.name.as_str())) {
            component.release = previous.to_string();
        }
    }
    components
}

/// Components of the payload that customers have already.
pub fn released(plan: &ReleasePlan) -> Vec<Component> {
    let ours = plan.release.to_string();
    payload(plan).into_iter().filter(|component| component.release != ours).collect()
}

/// Components of the payload as the shipment's image advisory carries them.
pub fn shipped(plan: &ReleasePlan) -> Vec<Component> {
    let ours = plan.release.to_string();
    let mut components: Vec<Component> =
        payload(plan).into_iter().filter(|component| component.release == ours).collect();
    for component in &mut components {
        component.rebuilt = REBUILT.contains(&component.name.as_str());
    }
    components
}

/// Components of the payload that RHCOS brings.
pub fn rhcos(plan: &ReleasePlan) -> Vec<Component> {
    RHCOS_TAGS.iter().map(|name| Component::new(plan, (*name).to_owned())).collect()
}

/// Components of the release outside the payload (`extras` and `metadata` advisories), as many as
/// the plan's number of images needs after the payload's four architectures each.
pub fn outside_payload(plan: &ReleasePlan) -> Vec<Component> {
    let inside = shipped(plan).len() * ARCHES.len();
    let left = plan.sizes.images.saturating_sub(inside).div_ceil(ARCHES.len());
    (1..=left).map(|n| Component::new(plan, format!("operator-{n:03}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::Scenario;

    #[test]
    fn the_index_names_the_digest_of_every_manifest_it_lists() {
        let plan = Scenario::named("smooth", None, None).expect("a scenario").plan;
        let component = payload(&plan).remove(0);
        let index = String::from_utf8(component.index()).expect("text");
        for arch in ARCHES {
            assert!(index.contains(&component.digest(arch)), "{arch}");
        }
        assert!(component.pull_spec().ends_with(&component.index_digest()));
    }

    #[test]
    fn the_components_add_up_to_the_size_of_the_plan() {
        let plan = Scenario::named("smooth", None, None).expect("a scenario").plan;
        assert_eq!(payload(&plan).len() + rhcos(&plan).len(), 190);
        let images = (shipped(&plan).len() + outside_payload(&plan).len()) * ARCHES.len();
        assert_eq!(images, 860);
    }

    #[test]
    fn payload_and_shipment_differ_in_rebuilt_and_released_components_only() {
        let plan = Scenario::named("smooth", None, None).expect("a scenario").plan;
        let (payload, shipped, released) = (payload(&plan), shipped(&plan), released(&plan));
        let digests: Vec<_> = shipped.iter().map(Component::index_digest).collect();
        let commits: Vec<_> = shipped.iter().map(Component::vcs_ref).collect();
        let by_digest = |one: &&Component| digests.contains(&one.index_digest());
        let (equal, other): (Vec<_>, Vec<_>) = payload.iter().partition(by_digest);
        assert_eq!((equal.len(), other.len()), (184, 4));
        for one in other {
            let same_commit = commits.contains(&one.vcs_ref());
            assert!(same_commit ^ released.contains(one), "{}", one.name);
        }
    }
}
