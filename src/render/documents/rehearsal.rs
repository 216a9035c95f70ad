//! What rehearsals and simulated worlds say.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::plan::PlanDocument;

/// How a rehearsal went. Its `plan` is the last one.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Rehearsal", deny_unknown_fields)]
pub struct RehearsalDocument {
    /// Always true
    pub rehearsal: bool,
    /// Was the release approved?
    pub ok: bool,
    /// The last plan
    pub plan: PlanDocument,
    /// What happened to each task, by name
    #[schemars(with = "BTreeMap<String, RehearsedTask>")]
    pub tasks: IndexMap<String, RehearsedTask>,
    /// Everything that changed outside, with time and task
    pub effects: Vec<String>,
    /// Requests that no simulated service knew; a rehearsal with one has failed
    pub unmatched: Vec<String>,
    /// How long it took in virtual time
    pub virtual_minutes: i64,
    /// How long it took in real time
    pub wall_ms: i64,
    /// Why no person could finish it (--people-help)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nobody_could_finish: Option<String>,
}

/// One task of a rehearsal.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RehearsedTask {
    /// Its last status
    pub status: String,
    /// First run, virtual time
    pub first_run: Option<String>,
    /// Last run, virtual time
    pub last_run: Option<String>,
    /// How often it ran
    pub runs: u32,
}

/// Scenarios.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Scenarios {
    /// Always true
    pub ok: bool,
    /// All of them
    pub scenarios: Vec<NamedScenario>,
}

/// A scenario.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NamedScenario {
    /// For --scenario
    pub name: &'static str,
    /// What happens
    pub meaning: &'static str,
}

/// A simulated world that is served.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Served {
    /// Always true
    pub ok: bool,
    /// The release in it
    pub release: String,
    /// Variables to export, by name; all credentials in it are invented
    pub environment: Map<String, Value>,
}
