//! Labels of payload objects in the cluster of the release controller.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sim::facts::release_controller::{ReleaseController, STABLE, Tag, suffix_of};

/// How the label begins and ends by which a team says what it thinks of a payload: `release.openshift.io/qe_state`.
const STATE: (&str, &str) = ("release.openshift.io/", "_state");

/// What the cluster keeps of payload objects beside what their tags say.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Kube {
    /// By namespace and name.
    pub objects: BTreeMap<String, Changed>,
    /// How many of the next writes find that somebody else has written.
    pub conflicts: u32,
    /// Our account may look and not write.
    pub read_only: bool,
    /// How many further looks at the badges of the release controller do not show the labels yet.
    pub unseen: u32,
    /// Number of the last write in the cluster.
    pub version: u64,
}

/// What somebody wrote to an object.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Changed {
    /// Labels by key.
    pub labels: BTreeMap<String, String>,
    /// Annotations by key.
    pub annotations: BTreeMap<String, String>,
    /// The write that left it so.
    pub version: u64,
}

impl Kube {
    /// What was written to an object; nothing when nobody did.
    pub fn object(&self, namespace: &str, name: &str) -> Changed {
        self.objects.get(&key(namespace, name)).cloned().unwrap_or_default()
    }

    /// Keeps what an object is now.
    pub(in crate::sim) fn write(&mut self, namespace: &str, name: &str, mut changed: Changed) {
        self.version += 1;
        changed.version = self.version;
        self.objects.insert(key(namespace, name), changed);
    }

    /// What a team says of a payload, as the release controller shows it.
    pub(in crate::sim) fn state_of(&self, tag: &str, team: &str) -> Option<&str> {
        let suffix = suffix_of(tag.rsplitn(5, '-').last().filter(|_| tag.contains("nightly")).unwrap_or_default());
        let object = self.objects.get(&key(&format!("ocp{suffix}"), tag))?;
        object.labels.get(&format!("{}{team}{}", STATE.0, STATE.1)).map(String::as_str)
    }

    /// Uses one look up; whether it shows the labels.
    pub(in crate::sim) fn are_labels_seen(&mut self) -> bool {
        let seen = self.unseen == 0;
        self.unseen = self.unseen.saturating_sub(1);
        seen
    }
}

fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// The payloads of a namespace: `ocp` for the usual architecture, `ocp-arm64` and so on; nothing for any other.
pub(in crate::sim) fn payloads<'f>(controller: &'f ReleaseController, namespace: &str) -> Option<Vec<&'f Tag>> {
    let wanted = namespace.strip_prefix("ocp")?;
    let (suffix, _) = STABLE.iter().find(|(suffix, _)| *suffix == wanted)?;
    let streams = controller.streams.iter().filter(|(stream, _)| suffix_of(stream) == *suffix);
    Some(streams.flat_map(|(_, tags)| tags).collect())
}
