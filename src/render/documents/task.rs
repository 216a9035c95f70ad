//! One run of a task, and a job elsewhere.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::comparison::Comparison;
use crate::domain::dates::stamp;
use crate::domain::outcome::Outcome;
use crate::domain::task::{JobRef, JobSystem, Task, TaskStatus};
use crate::operators::report::TaskReport;
use crate::render::json;
use crate::render::report;

/// One run of one task.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TaskDocument {
    /// False for a verdict against the release
    pub ok: bool,
    /// The release
    pub release: String,
    /// The task
    #[schemars(with = "String")]
    pub task: Task,
    /// Its status after the run: Not Started, In Progress, Pass, Fail
    #[schemars(with = "String")]
    pub status: TaskStatus,
    /// Did the run change the status?
    pub changed: bool,
    /// passed, waiting, blocked, failed or unchanged
    pub outcome: &'static str,
    /// What the run found out, in one sentence
    pub summary: String,
    /// What it waits for, unless it does not
    pub waiting: Option<WaitDocument>,
    /// The job elsewhere that it waits for, if there is one
    pub job: Option<Job>,
    /// What changed outside
    pub effects: Vec<String>,
    /// What is odd but held nobody up
    pub warnings: Vec<String>,
    /// What to do next
    pub next: String,
    /// A document of the task's own, such as the comparison of image-consistency-check --local
    pub details: Value,
    /// When the run began (UTC)
    pub started_at: String,
    /// When it ended (UTC)
    pub ended_at: String,
}

/// What a task waits for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Waiting", deny_unknown_fields)]
pub struct WaitDocument {
    /// As a sentence
    pub on: String,
    /// When to look again; absent when a closed gate holds it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recheck_minutes: Option<i64>,
}

/// A job elsewhere.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Job {
    /// jenkins or prow
    #[schemars(with = "String")]
    pub system: JobSystem,
    /// Build number or job id; empty while it is only queued
    pub id: String,
    /// Page for people
    pub url: Option<String>,
    /// When it was started (UTC)
    #[schemars(with = "Option<String>")]
    pub triggered_at: Option<Timestamp>,
}

impl From<&JobRef> for Job {
    fn from(job: &JobRef) -> Self {
        let JobRef { system, id, url, triggered_at } = job.clone();
        Self { system, id, url, triggered_at }
    }
}

impl TaskDocument {
    /// What `report` found out, with what to do next.
    pub fn new(report: &TaskReport, next: impl Into<String>) -> Self {
        let (waiting, job) = match &report.outcome {
            Outcome::Waiting { on, recheck, job } => {
                let recheck_minutes = Some(recheck.as_mins().max(1));
                (Some(WaitDocument { on: on.to_string(), recheck_minutes }), job.as_ref().map(Job::from))
            }
            Outcome::Blocked { by } => (Some(WaitDocument { on: by.to_string(), recheck_minutes: None }), None),
            Outcome::Passed { .. } | Outcome::Failed { .. } | Outcome::Unchanged { .. } => (None, None),
        };
        let comparisons: Vec<_> = report.comparisons.iter().map(Comparison::from).collect();
        Self {
            ok: !matches!(report.outcome, Outcome::Failed { .. }),
            release: report.release.to_string(),
            task: report.task,
            status: report.after,
            changed: report.before != report.after,
            outcome: outcome_name(&report.outcome),
            summary: report::summary(report),
            waiting,
            job,
            effects: report.effects.clone(),
            warnings: report.warnings.clone(),
            next: next.into(),
            details: if comparisons.is_empty() { Value::Null } else { json::of(&comparisons) },
            started_at: stamp(report.started_at),
            ended_at: stamp(report.ended_at),
        }
    }
}

const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed { .. } => "passed",
        Outcome::Waiting { .. } => "waiting",
        Outcome::Blocked { .. } => "blocked",
        Outcome::Failed { .. } => "failed",
        Outcome::Unchanged { .. } => "unchanged",
    }
}
