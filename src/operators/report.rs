//! What a front end gets of one run of a task.

use jiff::Timestamp;

use crate::domain::consistency::ConsistencyReport;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::task::{Task, TaskStatus};

/// A step that a run could not do and that does not decide about the Pass of its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// What is not done, and why.
    pub what: String,
    /// What ends that.
    pub cause: Cause,
}

/// Why a step is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A service is out: it is soon worth another try.
    Outage,
    /// A credential is missing or was refused.
    Refused {
        /// What to do about it.
        next: String,
    },
    /// Nobody but a person can mend it.
    Person {
        /// What to do about it.
        next: String,
    },
}

/// What one run found out, with what a front end needs to show it.
#[derive(Debug)]
pub struct TaskReport {
    /// The release.
    pub release: ZStream,
    /// The task.
    pub task: Task,
    /// Stored status before the run.
    pub before: TaskStatus,
    /// Stored status after the run.
    pub after: TaskStatus,
    /// What the run found out.
    pub outcome: Outcome,
    /// Things that went wrong without stopping the task.
    pub warnings: Vec<String>,
    /// Outside effects of this run, in order.
    pub effects: Vec<String>,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The run's log, as stored.
    pub log: String,
    /// Payloads that were compared here; shown, never stored.
    pub comparisons: Vec<ConsistencyReport>,
    /// What a person does next, where a look at the plan is not enough.
    pub advice: Option<String>,
    /// The first change that a dry run did not make.
    pub would: Option<String>,
    /// A step that is still to be done.
    pub owed: Option<Owed>,
}

impl TaskReport {
    /// A run that was not begun, because nothing would have come of it.
    pub fn unchanged(release: &ZStream, task: Task, status: TaskStatus, why: String, at: Timestamp) -> Self {
        Self {
            release: release.clone(),
            task,
            before: status,
            after: status,
            outcome: Outcome::Unchanged { why },
            warnings: Vec::new(),
            effects: Vec::new(),
            started_at: at,
            ended_at: at,
            log: String::new(),
            comparisons: Vec::new(),
            advice: None,
            would: None,
            owed: None,
        }
    }
}
