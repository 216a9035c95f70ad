//! What the people and pipelines around a release remember.

use jiff::Timestamp;

/// What the actors remember.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Actors {
    /// How often the stage release has failed.
    pub stage_failures: u32,
    /// The payload is in the stable stream.
    pub promoted: bool,
    /// When the tests of the promoted build began.
    pub record_began: Option<Timestamp>,
    /// QE has approved; ART needs to be asked only once.
    pub approved: bool,
    /// The stage release succeeded.
    pub stage_released: bool,
    /// The stage release runs.
    pub stage_runs: bool,
    /// The state file before a colleague left no YAML there.
    #[serde(skip)]
    pub state_before: Option<String>,
    /// What people did.
    pub actions: Vec<PersonAction>,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PersonAction {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// What, briefly.
    pub what: String,
}
