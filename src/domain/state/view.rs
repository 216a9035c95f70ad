//! The typed view of a state file: reading it, making it, asking it.

use jiff::Timestamp;

use super::document::{Map, Node};
use super::entries::{DriverLease, Issue, Metadata, TaskEntry};
use super::error::StateError;
use super::{emitter, reader};
use crate::domain::release::ZStream;
use crate::domain::task::{Flow, Task, TaskStatus};

/// The state of one release. What this program does not know stays in place and in order.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub(super) document: Map,
    pub(super) release: ZStream,
}

/// Red when a tracked task failed, else green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Overall {
    /// No tracked task is Fail.
    Green,
    /// A tracked task is Fail.
    Red,
}

impl State {
    /// Reads a state file; `expected` refuses the file of another release.
    ///
    /// # Errors
    ///
    /// [`StateError`]: no YAML, another schema, a value of the wrong type, another release.
    pub fn parse(text: &str, _expected: Option<&ZStream>) -> Result<Self, StateError> {
        reader::read(text)?;
        Err(StateError::Missing { path: "release".to_owned() })
    }

    /// A new state without tasks and issues.
    pub fn create(release: &ZStream, _now: Timestamp, _metadata: &Metadata) -> Self {
        Self { document: Map::default(), release: release.clone() }
    }

    /// The file, byte for byte as the original writes it.
    pub fn to_yaml(&self) -> String {
        emitter::emit(&Node::Map(self.document.clone()))
    }

    /// The whole state with its key order.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Which release.
    pub const fn release(&self) -> &ZStream {
        &self.release
    }

    /// When the file was made, as stored.
    pub fn created_at(&self) -> &str {
        ""
    }

    /// When it was last written, as stored.
    pub fn updated_at(&self) -> &str {
        ""
    }

    /// Facts of build data.
    pub fn metadata(&self) -> Metadata {
        Metadata::default()
    }

    /// All task entries in file order, strangers included.
    pub fn tasks(&self) -> Vec<TaskEntry> {
        Vec::new()
    }

    /// The entry of `task`.
    pub fn task(&self, task: Task) -> Option<TaskEntry> {
        self.tasks().into_iter().find(|entry| entry.name == task.name())
    }

    /// Status of `task`; absent is Not Started, an unknown status counts as In Progress.
    pub fn status(&self, task: Task) -> TaskStatus {
        self.task(task).map_or(TaskStatus::NotStarted, |entry| entry.status.known().unwrap_or(TaskStatus::InProgress))
    }

    /// All issues in file order.
    pub fn issues(&self) -> Vec<Issue> {
        Vec::new()
    }

    /// Who drives the release.
    pub fn driver(&self) -> Option<DriverLease> {
        None
    }

    /// Red iff a tracked task of `flow` is Fail.
    pub fn overall(&self, flow: Flow) -> Overall {
        if Task::tracked(flow).any(|task| self.status(task) == TaskStatus::Fail) {
            Overall::Red
        } else {
            Overall::Green
        }
    }
}
