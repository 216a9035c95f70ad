//! What the program says about itself: errors, changes by hand, settings, the manual.

use schemars::JsonSchema;
use serde::Deserialize;

/// Every error, whatever the command; the exit code of the program is the same as `error.exit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorDocument {
    /// Always false
    pub ok: bool,
    /// What went wrong
    pub error: ErrorPart,
}

/// What went wrong.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorPart {
    /// Kind of trouble: auth, config, conflict, corrupt, internal, invalid-input, not-found, not-ready, rate-limit, transient
    pub class: String,
    /// What failed
    pub what: String,
    /// Why, the nearest cause first
    pub why: Vec<String>,
    /// What had already happened outside
    pub done: Vec<String>,
    /// What to do
    pub next: String,
    /// Exit code of the program
    pub exit: u8,
}

/// A change by hand.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Always true
    pub ok: bool,
    /// What was done, as sentences
    pub summary: String,
    /// false: kept on this machine until the store answers; absent: stored
    pub stored: Option<bool>,
}

/// Settings, credentials (never their values) and warnings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Every setting
    pub settings: Vec<Setting>,
    /// Every credential
    pub credentials: Vec<CredentialGiven>,
    /// What is odd
    pub warnings: Vec<String>,
}

/// A setting.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
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
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialGiven {
    /// The variable that holds it
    pub variable: String,
    /// Is it there?
    pub given: bool,
    /// What it is for
    pub purpose: String,
}

/// The pages of the manual.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// Always true
    pub ok: bool,
    /// Their paths
    pub pages: Vec<String>,
}
