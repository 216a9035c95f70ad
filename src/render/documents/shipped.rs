//! Whether a release is out of our hands.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::task::Flow;
use crate::operators::views::is_shipped::ShippedView;

/// Whether a release is out of our hands.
// The first three keys are those of older tools.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Shipped", deny_unknown_fields)]
pub struct ShippedDocument {
    /// null when not everything could be asked
    pub shipped: Option<bool>,
    /// Errata or Konflux
    #[schemars(with = "String")]
    pub flow_type: Flow,
    /// What each thing that was asked said
    #[schemars(with = "Map<String, Value>")]
    pub details: IndexMap<String, String>,
    /// Could everything be asked?
    pub ok: bool,
    /// The release
    pub release: String,
    /// What is still open
    pub open: Vec<String>,
}

impl From<&ShippedView> for ShippedDocument {
    fn from(view: &ShippedView) -> Self {
        Self {
            shipped: view.shipped,
            flow_type: view.flow,
            details: view.details.clone(),
            ok: view.shipped.is_some(),
            release: view.release.to_string(),
            open: view.open.clone(),
        }
    }
}
