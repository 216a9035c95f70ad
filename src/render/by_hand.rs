//! What came of a status that a person set.

use crate::domain::task::{Task, TaskStatus, marker};
use crate::operators::manual::update_task_status::StatusChange;

/// What came of setting `task` to `status`.
pub fn text(task: Task, status: TaskStatus, change: &StatusChange) -> String {
    match change {
        StatusChange::IsSo => format!("{task} is {status} already; nothing to do"),
        StatusChange::DryRun { before } => format!("dry run: {task} would go from {before} to {status}"),
        StatusChange::Kept { before, notice } => {
            format!("{task} goes from {before} to {status}, but this is {notice}")
        }
        StatusChange::Stored { before } => {
            format!("{}\n{task} went from {before} to {status}", marker(task, status))
        }
    }
}
