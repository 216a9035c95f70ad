//! What is said about state files, and about changes that wait for their store.

use schemars::JsonSchema;
use serde::Serialize;

use crate::core::statebox::unsent::Listed;
use crate::domain::dates::stamp;

/// What was found out about state files.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StateFiles {
    /// Is every file usable, and none to change (fmt --check)?
    pub ok: bool,
    /// One per file
    pub files: Vec<StateFile>,
}

/// One state file.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StateFile {
    /// Its path
    pub file: String,
    /// Can it be used?
    pub usable: bool,
    /// check: the release it says
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// check: what is odd and kept
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oddities: Option<Vec<String>>,
    /// fmt --check: would it change?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs: Option<bool>,
    /// fmt --check: the first line that would change
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<String>,
    /// fmt: was it written anew?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<bool>,
    /// Not usable: why
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Not usable: what to do
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Changes that wait on this machine.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UnsentChanges {
    /// Always true
    pub ok: bool,
    /// One per command whose changes wait
    pub unsent: Vec<UnsentChange>,
}

/// The changes of one command.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Unsent", deny_unknown_fields)]
pub struct UnsentChange {
    /// The release
    pub release: String,
    /// When (UTC)
    pub at: String,
    /// What was done, as sentences
    pub message: String,
    /// Where they belong
    pub store: String,
    /// How many changes
    pub operations: usize,
    /// Why they were refused; null while they wait
    pub refused: Option<String>,
    /// The file that keeps them
    pub file: String,
}

impl From<&Listed> for UnsentChange {
    fn from(Listed { release, file, waiting }: &Listed) -> Self {
        Self {
            release: release.clone(),
            at: stamp(waiting.at),
            message: waiting.message.clone(),
            store: waiting.store.clone(),
            operations: waiting.operations.len(),
            refused: waiting.refused.clone(),
            file: file.display().to_string(),
        }
    }
}
