//! What is said about releases: where they stand, what build data says, their issues and images.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::tasks::Plan;

/// Where a release stands, as stored.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Always true
    pub ok: bool,
    /// Where the answer comes from: statebox
    pub source: String,
    /// The release
    pub release: String,
    /// Green or Red
    pub overall_status: String,
    /// Status of every task of the flow, by name
    pub task_map: Map<String, Value>,
    /// The state file as it is; a task's reason of an earlier attempt or refusal is called earlier_reason
    pub state: Map<String, Value>,
    /// What comes next and why
    pub plan: Plan,
    /// What is waited for
    pub waits: Vec<StatusWait>,
    /// The next steps, as sentences
    pub next: Vec<String>,
    /// Facts that could not be asked for anew
    pub old: Vec<String>,
}

/// One thing that is waited for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusWait {
    /// The task, when it is one task that waits
    pub task: Option<String>,
    /// What for
    pub what: String,
    /// Since when
    pub since: Option<String>,
    /// When to look again
    pub recheck_at: Option<String>,
}

/// Whether a release is out of our hands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shipped {
    /// Could everything be asked?
    pub ok: bool,
    /// The release
    pub release: String,
    /// null when not everything could be asked
    pub shipped: Option<bool>,
    /// Errata or Konflux
    pub flow_type: String,
    /// What each thing that was asked said
    pub details: Map<String, Value>,
    /// What is still open
    pub open: Vec<String>,
}

/// What build data says about a release.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Always true
    pub ok: bool,
    /// The release
    pub release: String,
    /// Errata or Konflux
    pub flow_type: String,
    /// The assembly that was read
    pub assembly: String,
    /// As build data spells it
    pub release_date: Option<String>,
    /// The ART ticket
    pub jira_ticket: Option<String>,
    /// Address of the shipment merge request
    pub shipment_mr: Option<String>,
    /// Advisory number by kind
    pub advisories: Map<String, Value>,
    /// Nightly by architecture
    pub candidate_builds: Map<String, Value>,
    /// Entries that are not there yet, and why
    pub not_ready: Vec<NotReady>,
    /// What is odd
    pub warnings: Vec<String>,
    /// The assembly each entry comes from
    pub origins: Map<String, Value>,
    /// Entry, stored, fresh: where the state file differs
    pub differences: Vec<(String, String, String)>,
}

/// An entry of build data that cannot be used yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotReady {
    /// Its dotted name
    pub entry: String,
    /// What is the matter
    pub why: String,
}

/// Releases that need attention.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActiveReleases {
    /// Always true
    pub ok: bool,
    /// One per release
    pub releases: Vec<ActiveRelease>,
    /// State files that cannot be read
    pub errors: Vec<Unreadable>,
}

/// A release that needs attention.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActiveRelease {
    /// The release
    pub release: String,
    /// Why it is listed
    pub why: String,
    /// Year, month, day
    pub release_date: Option<String>,
    /// Days to the release date; negative after it
    pub days_left: Option<i64>,
    /// How many tasks passed
    pub tasks_done: u64,
    /// Of how many
    pub tasks: u64,
    /// Failed tasks
    pub tasks_failed: Vec<String>,
    /// Texts of the open blockers
    pub open_blockers: Vec<String>,
}

/// A state file that cannot be read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unreadable {
    /// Its path in the store
    pub path: String,
    /// What is the matter
    pub why: String,
}

/// The issues of a release.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issues {
    /// Always true
    pub ok: bool,
    /// The release
    pub release: String,
    /// Open ones first
    pub issues: Vec<Issue>,
}

/// An issue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// Eight hex digits
    pub id: String,
    /// The text
    pub issue: String,
    /// Does it hold back the release?
    pub blocker: bool,
    /// Is it settled?
    pub resolved: bool,
    /// How
    pub resolution: Option<String>,
    /// Tasks it concerns; none means the whole release
    pub related_tasks: Vec<String>,
    /// When it was reported (UTC)
    pub reported_at: Option<String>,
    /// When it was resolved (UTC)
    pub resolved_at: Option<String>,
    /// The check that reported it; null for people's issues
    pub source: Option<String>,
}

/// A comparison of images.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Are all images consistent?
    pub ok: bool,
    /// The release
    pub release: String,
    /// Pull spec of the payload
    pub payload: Value,
    /// The shipment merge request
    pub shipment: Value,
    /// consistent, inconsistent or unknown
    pub verdict: String,
    /// In one sentence
    pub summary: String,
    /// Components of the shipment
    pub components: Value,
    /// One per image: name, pullspec, tag, verdict, and what speaks for the verdict
    pub images: Vec<Map<String, Value>>,
    /// Images that are not compared
    pub skipped: Value,
    /// What is odd
    pub warnings: Vec<String>,
}
