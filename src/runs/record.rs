//! The file of a run: what is known of it, as `oar_get_run` shows it and as it stays on disk.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::approval::Consent;
use crate::domain::task::{Task, TaskStatus};

/// What whoever asked gets, and what stays on record. The front end that asked makes it.
pub type Document = Map<String, Value>;

/// What a document says of a task: the part that is read again. Front ends write it by the same type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskAnswer {
    /// The release.
    pub release: String,
    /// The task.
    pub task: Task,
    /// Its status after the call; nothing when it could not be carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextLook>,
}

/// When something is to be done next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextLook {
    /// Not before so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_seconds: Option<i64>,
}

impl TaskAnswer {
    /// What `document` says of a task; nothing when it is about none.
    pub fn of(document: &Document) -> Option<Self> {
        Self::deserialize(document).ok()
    }

    /// Seconds until the task is to be looked at again, when it waits for a time.
    pub fn seconds_to_wait(&self) -> Option<i64> {
        self.next.as_ref()?.not_before_seconds
    }
}

/// Where a run stands, as files spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waits for its turn.
    Queued,
    /// Runs.
    Running,
    /// Ended with an answer.
    Ended,
    /// Its process was gone before it ended.
    Interrupted,
}

impl RunState {
    /// As files spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One file. What is missing in it is not known; keys stand in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run's id.
    #[serde(default)]
    pub run_id: String,
    /// The tool.
    #[serde(default)]
    pub tool: String,
    /// What it changes, or else what it waits behind.
    #[serde(default)]
    pub queue: String,
    /// Who asked.
    #[serde(default)]
    pub owner: String,
    /// Its arguments, masked.
    #[serde(default)]
    pub arguments: String,
    /// When it was asked for.
    #[serde(default)]
    pub asked_at: String,
    /// When it began.
    #[serde(default)]
    pub began_at: Option<String>,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<String>,
    /// Where it stands.
    pub state: RunState,
    /// Was it asked to end?
    #[serde(default)]
    pub cancelling: bool,
    /// The last step it reported.
    #[serde(default)]
    pub step: Option<String>,
    /// Who confirmed it.
    #[serde(default)]
    pub confirmation: Option<Consent>,
    /// What it ended with.
    #[serde(default)]
    pub answer: Option<Document>,
    /// When a later process found it interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_at: Option<String>,
}
