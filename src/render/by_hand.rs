//! What came of a status that a person set, and of an answer.

use crate::domain::task::{Task, TaskStatus, marker};
use crate::operators::manual::answer::Answered;
use crate::operators::manual::update_task_status::StatusChange;
use crate::operators::request::AnswerByHand;
use crate::render::text::clean;

/// What came of setting `task` to `status`.
pub fn text(task: Task, status: TaskStatus, change: &StatusChange) -> String {
    match change {
        StatusChange::IsSo => format!("{task} is {status} already; nothing to do"),
        StatusChange::DryRun { before } => format!("dry run: {task} would go from {before} to {status}"),
        StatusChange::Kept { before, notice } => {
            format!("{task} goes from {before} to {status}, but this is {notice}")
        }
        StatusChange::Stored { before, .. } => {
            format!("{}\n{task} went from {before} to {status}", marker(task, status))
        }
    }
}

/// What came of an answer.
pub fn answered(answer: &AnswerByHand, answered: &Answered) -> String {
    let AnswerByHand { id, choice, .. } = answer;
    clean(&match answered {
        Answered::DryRun => format!("dry run: question {id} would be answered {choice}"),
        Answered::Stored { task: Some((task, status)) } => {
            format!("question {id} is answered {choice}; {task} is {status}")
        }
        Answered::Stored { task: None } => format!("question {id} was answered {choice} before; nothing to do"),
    })
}
