//! What the stand-in for `elliott` answers from, and how it behaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sim::facts::jira::{self, Home};
use crate::sim::scenario::ReleasePlan;

/// How the tool behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// Prints what it finds.
    #[default]
    Honest,
    /// Ends well and prints nothing at all.
    Empty,
    /// A bug of the assembly cannot be read from Jira.
    CannotFetch,
    /// Prints what it finds, with warnings on both streams.
    Noisy,
    /// Ends badly with a stack trace.
    Broken,
    /// Never ends.
    Hangs,
}

/// What the stand-in answers from.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Elliott {
    /// How it behaves.
    pub behaviour: Behaviour,
    /// Trackers by advisory kind, for builds from Brew.
    pub brew: BTreeMap<String, Vec<String>>,
    /// Trackers by advisory kind, for builds from Konflux.
    pub konflux: BTreeMap<String, Vec<String>>,
}

const KINDS: [&str; 6] = ["extras", "image", "metadata", "microshift", "rhcos", "rpm"];

impl Elliott {
    /// The answers of a release that misses no tracker.
    pub fn new(plan: &ReleasePlan) -> Self {
        let nothing: BTreeMap<String, Vec<String>> =
            KINDS.iter().map(|kind| ((*kind).to_owned(), Vec::new())).collect();
        let mut elliott = Self { brew: nothing.clone(), konflux: nothing, ..Self::default() };
        for bug in jira::bugs(plan).into_iter().filter(|bug| bug.cve) {
            // Konflux reports the kinds of Brew too, as the real tool does.
            match bug.home {
                Home::Advisory(kind) => {
                    elliott.brew.entry(kind.to_owned()).or_default().push(bug.key.clone());
                    elliott.konflux.entry(kind.to_owned()).or_default().push(bug.key);
                }
                Home::Shipment(kind) => elliott.konflux.entry(kind.to_owned()).or_default().push(bug.key),
            }
        }
        elliott
    }

    /// Adds a tracker that neither advisory nor shipment lists.
    pub fn miss(&mut self, kind: &str, key: &str) {
        for found in [&mut self.brew, &mut self.konflux] {
            found.entry(kind.to_owned()).or_default().push(key.to_owned());
        }
    }
}
