//! What one run of a task says, and what a plan says.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// One run of one task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskReport {
    /// False for a verdict against the release
    pub ok: bool,
    /// The release
    pub release: String,
    /// The task
    pub task: String,
    /// Its status after the run: Not Started, In Progress, Pass, Fail
    pub status: String,
    /// Did the run change the status?
    pub changed: bool,
    /// passed, waiting, blocked, failed or unchanged
    pub outcome: String,
    /// What the run found out, in one sentence
    pub summary: String,
    /// What it waits for, unless it does not
    pub waiting: Option<Waiting>,
    /// The job elsewhere that it waits for, if there is one
    pub job: Option<Job>,
    /// What changed outside
    pub effects: Vec<String>,
    /// What is odd but held nobody up
    pub warnings: Vec<String>,
    /// What to do next
    pub next: String,
    /// A document of the task's own, such as the comparison of image-consistency-check --local
    pub details: Option<Value>,
    /// When the run began (UTC)
    pub started_at: String,
    /// When it ended (UTC)
    pub ended_at: String,
}

/// What a task waits for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// As a sentence
    pub on: String,
    /// When to look again; absent when a closed gate holds it
    pub recheck_minutes: Option<u64>,
}

/// A job elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// jenkins or prow
    pub system: String,
    /// Build number or job id; empty while it is only queued
    pub id: String,
    /// Page for people
    pub url: Option<String>,
    /// When it was started (UTC)
    pub triggered_at: Option<String>,
}

/// What is next, and why nothing else is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// False when a task failed
    pub ok: bool,
    /// The release
    pub release: String,
    /// Green or Red
    pub overall: String,
    /// Which part of the way the release is on
    pub phase: String,
    /// done, waiting, needs-person, failed or continue
    pub verdict: String,
    /// The earliest time to look again (UTC)
    pub recheck_at: Option<String>,
    /// What would be done now, as sentences
    pub actions: Vec<String>,
    /// Why nothing else is done, one message per reason
    pub messages: Vec<Message>,
    /// Tasks that passed
    pub passed: Vec<String>,
    /// Tasks that run, with their jobs
    pub running: Vec<Running>,
    /// Tasks that come next
    pub next: Vec<String>,
}

/// One message of a plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// See messages.md
    pub kind: String,
    /// The task it concerns
    pub task: Option<String>,
    /// One line
    pub text: String,
    /// Since when (UTC)
    pub since: Option<String>,
    /// When to look again (UTC)
    pub recheck: Option<String>,
    /// Pages to look at
    pub links: Vec<String>,
    /// What to do, in order
    pub steps: Vec<String>,
}

/// A task that runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// The task
    pub task: String,
    /// Its job, when it is known
    pub job: Option<Job>,
}
