//! What build data says about a release.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::assembly;
use crate::domain::assembly::changes::MetadataChange;
use crate::domain::ids::AdvisoryId;
use crate::domain::task::Flow;
use crate::operators::views::metadata::MetadataView;

/// What build data says about a release.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Metadata", deny_unknown_fields)]
pub struct MetadataDocument {
    /// Always true
    pub ok: bool,
    /// The release
    pub release: String,
    /// Errata or Konflux
    #[schemars(with = "String")]
    pub flow_type: Flow,
    /// The assembly that was read
    pub assembly: String,
    /// As build data spells it
    pub release_date: Option<String>,
    /// The ART ticket
    pub jira_ticket: Option<String>,
    /// Address of the shipment merge request
    pub shipment_mr: Option<String>,
    /// Advisory number by kind
    #[schemars(with = "Map<String, Value>")]
    pub advisories: IndexMap<String, AdvisoryId>,
    /// Nightly by architecture
    #[schemars(with = "Map<String, Value>")]
    pub candidate_builds: IndexMap<String, String>,
    /// Entries that are not there yet, and why
    pub not_ready: Vec<UnreadyEntry>,
    /// What is odd
    pub warnings: Vec<String>,
    /// The assembly each entry comes from
    #[schemars(with = "Map<String, Value>")]
    pub origins: IndexMap<String, String>,
    /// Where the state file differs; null without a state file
    pub differences: Option<Vec<StoredDifference>>,
}

/// An entry of build data that cannot be used yet.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NotReady", deny_unknown_fields)]
pub struct UnreadyEntry {
    /// Its dotted name
    pub entry: String,
    /// What is the matter
    pub why: String,
}

impl From<&assembly::NotReady> for UnreadyEntry {
    fn from(gap: &assembly::NotReady) -> Self {
        Self { entry: gap.entry.clone(), why: gap.why.clone() }
    }
}

/// An entry that changed since it was stored.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StoredDifference {
    /// Which entry
    pub entry: String,
    /// What is stored
    pub stored: Option<String>,
    /// What build data says now
    pub fresh: Option<String>,
}

impl From<&MetadataChange> for StoredDifference {
    fn from(change: &MetadataChange) -> Self {
        let MetadataChange { entry, stored, fresh } = change.clone();
        Self { entry, stored, fresh }
    }
}

impl From<&MetadataView> for MetadataDocument {
    fn from(view: &MetadataView) -> Self {
        let data = view.assembly.clone();
        Self {
            ok: true,
            release: view.release.to_string(),
            flow_type: data.flow(),
            assembly: data.key,
            release_date: data.release_date,
            jira_ticket: data.jira_ticket,
            shipment_mr: data.shipment_mr,
            advisories: data.advisories,
            candidate_builds: data.candidate_builds,
            not_ready: data.not_ready.iter().map(UnreadyEntry::from).collect(),
            warnings: data.warnings,
            origins: data.origins,
            differences: view.changes.as_ref().map(|all| all.iter().map(StoredDifference::from).collect()),
        }
    }
}
