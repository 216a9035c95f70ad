//! Green or Red: what the tracked tasks amount to.

use std::fmt;

use crate::domain::task::{Flow, Task, TaskStatus};

/// Red when a tracked task failed, else green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Overall {
    /// No tracked task is Fail.
    Green,
    /// A tracked task is Fail.
    Red,
}

impl Overall {
    /// Red iff a tracked task of `flow` is Fail.
    pub fn of(flow: Flow, status: impl Fn(Task) -> TaskStatus) -> Self {
        if Task::tracked(flow).any(|task| status(task) == TaskStatus::Fail) { Self::Red } else { Self::Green }
    }

    /// The word that people and programs get.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "Green",
            Self::Red => "Red",
        }
    }
}

impl fmt::Display for Overall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for Overall {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
