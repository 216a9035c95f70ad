//! CVE trackers that are attached nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::ids::JiraKey;

/// Kinds of advisories that the Errata Tool ships; the brew answer about any other kind is noise.
const BREW_KINDS: [&str; 2] = ["rpm", "rhcos"];

/// Which trackers belong to the release, by kind of advisory; each build system is asked on its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// What belongs to builds of brew.
    pub brew: BTreeMap<String, BTreeSet<JiraKey>>,
    /// What belongs to builds of Konflux; empty in the Errata flow.
    pub konflux: BTreeMap<String, BTreeSet<JiraKey>>,
}

/// Trackers that are neither attached to an advisory nor listed in the shipment.
///
/// Where a tracker is attached does not matter: the Konflux answer names rpm and rhcos trackers, too,
/// which live on advisories.
pub fn missed(expected: &Expected, attached: &BTreeSet<JiraKey>) -> BTreeSet<JiraKey> {
    let brew = expected.brew.iter().filter(|(kind, _)| BREW_KINDS.contains(&kind.as_str())).flat_map(|(_, keys)| keys);
    let konflux = expected.konflux.values().flatten();
    brew.chain(konflux).filter(|key| !attached.contains(*key)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &[&str]) -> BTreeSet<JiraKey> {
        list.iter().filter_map(|key| key.parse().ok()).collect()
    }

    fn kinds(list: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<JiraKey>> {
        list.iter().map(|(kind, list)| ((*kind).to_owned(), keys(list))).collect()
    }

    #[test]
    fn a_tracker_reported_twice_is_missed_once() {
        let expected = Expected {
            brew: kinds(&[("rpm", &["OCPBUGS-1"]), ("rhcos", &["OCPBUGS-1"])]),
            konflux: kinds(&[("image", &["OCPBUGS-1", "OCPBUGS-2"])]),
        };
        assert_eq!(missed(&expected, &keys(&[])), keys(&["OCPBUGS-1", "OCPBUGS-2"]));
    }

    #[test]
    fn an_rpm_tracker_on_an_advisory_is_not_missed_in_the_shipment() {
        let expected = Expected { konflux: kinds(&[("rpm", &["OCPBUGS-1"])]), ..Expected::default() };
        assert_eq!(missed(&expected, &keys(&["OCPBUGS-1"])), keys(&[]));
    }

    #[test]
    fn brew_is_believed_about_rpm_and_rhcos_only() {
        let expected = Expected {
            brew: kinds(&[("image", &["OCPBUGS-1"]), ("rhcos", &["OCPBUGS-2"]), ("rpm", &["OCPBUGS-3"])]),
            ..Expected::default()
        };
        assert_eq!(missed(&expected, &keys(&["OCPBUGS-3"])), keys(&["OCPBUGS-2"]));
    }
}
