//! What is said about state files, and about changes that wait for their store.

use schemars::JsonSchema;
use serde::Deserialize;

/// What was found out about state files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateFiles {
    /// Is every file usable, and none to change (fmt --check)?
    pub ok: bool,
    /// One per file
    pub files: Vec<StateFile>,
}

/// One state file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    /// Its path
    pub file: String,
    /// Can it be used?
    pub usable: bool,
    /// check: the release it says
    pub release: Option<String>,
    /// check: what is odd and kept
    pub oddities: Option<Vec<String>>,
    /// fmt --check: would it change?
    pub differs: Option<bool>,
    /// fmt --check: the first line that would change
    pub first_difference: Option<String>,
    /// fmt: was it written anew?
    pub written: Option<bool>,
    /// Not usable: why
    pub why: Option<String>,
    /// Not usable: what to do
    pub next: Option<String>,
}

/// Changes that wait on this machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsentChanges {
    /// Always true
    pub ok: bool,
    /// One per command whose changes wait
    pub unsent: Vec<Unsent>,
}

/// The changes of one command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unsent {
    /// The release
    pub release: String,
    /// When (UTC)
    pub at: String,
    /// What was done, as sentences
    pub message: String,
    /// Where they belong
    pub store: String,
    /// How many changes
    pub operations: u64,
    /// Why they were refused; null while they wait
    pub refused: Option<String>,
    /// The file that keeps them
    pub file: String,
}
