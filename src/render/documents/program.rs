//! What the program says about itself: changes by hand, the manual.

use schemars::JsonSchema;
use serde::Serialize;

/// A change by hand.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Done {
    /// Always true
    pub ok: bool,
    /// false: kept on this machine until the store answers; absent: stored
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<bool>,
    /// What was done, as a sentence
    pub summary: String,
    /// What a status set by hand passed over, one line each; absent: nothing
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<String>,
}

impl Done {
    /// Done, and stored where it had to be.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { ok: true, stored: None, summary: summary.into(), overridden: Vec::new() }
    }
}

/// The pages of the manual.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Pages {
    /// Always true
    pub ok: bool,
    /// Their paths
    pub pages: Vec<String>,
}
