//! Settings with their origins, and what build data says about one release.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::metadata::UnreadyEntry;
use crate::domain::task::Flow;

/// Settings, credentials (never their values) and warnings.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Settings", deny_unknown_fields)]
pub struct SettingsDocument {
    /// Every setting
    pub settings: Vec<Setting>,
    /// Every credential
    pub credentials: Vec<CredentialGiven>,
    /// What is odd
    pub warnings: Vec<String>,
}

/// A setting.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Setting {
    /// Its dotted name
    pub key: String,
    /// Its value
    pub value: String,
    /// Where the value comes from
    pub origin: String,
    /// The variable that sets it
    pub variable: String,
}

/// A credential.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CredentialGiven {
    /// The variable that holds it
    pub variable: &'static str,
    /// Is it there?
    pub given: bool,
    /// What it is for
    pub purpose: &'static str,
}

/// What build data says about a release, value by value.
#[derive(Debug, Serialize)]
pub struct ReleaseValues {
    /// The release.
    pub release: String,
    /// The assembly that was read.
    pub assembly: String,
    /// Errata or Konflux.
    pub flow: Flow,
    /// Every value.
    pub values: Vec<BuildDataValue>,
    /// Entries that are not there yet, and why.
    pub not_ready: Vec<UnreadyEntry>,
    /// What is odd.
    pub warnings: Vec<String>,
    /// Where older tools read another value.
    pub differences: Vec<OlderReading>,
}

/// One value of build data.
#[derive(Debug, Serialize)]
pub struct BuildDataValue {
    /// The value.
    pub value: String,
    /// The assembly it comes from.
    pub assembly: Option<String>,
    /// Its dotted entry.
    pub entry: String,
}

/// A value that older tools read in another way.
#[derive(Debug, Serialize)]
pub struct OlderReading {
    /// Its dotted entry.
    pub entry: &'static str,
    /// What it is.
    pub effective: Value,
    /// What they read.
    pub original: String,
}
