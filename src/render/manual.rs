//! What came of a status that a person set, and of an answer.

use crate::domain::task::{Task, TaskStatus, marker};
use crate::operators::manual::answer::Answered;
use crate::operators::manual::update_task_status::StatusChange;
use crate::operators::request::AnswerByHand;
use crate::render::styled::Styled;

/// What came of setting `task` to `status`.
pub fn text(task: Task, status: TaskStatus, change: &StatusChange) -> Styled {
    let from_to = |head: String, before: TaskStatus| Styled::from(head) + before + " to " + status;
    match change {
        StatusChange::IsSo => Styled::from(format!("{task} is ")) + status + " already; nothing to do",
        StatusChange::DryRun { before } => from_to(format!("dry run: {task} would go from "), *before),
        StatusChange::Kept { before, notice } if *before == status => {
            Styled::from(format!("{task} was ")) + status + format!(" when it was last seen; setting it is {notice}")
        }
        StatusChange::Kept { before, notice } => {
            from_to(format!("{task} goes from "), *before) + format!(", but this is {notice}")
        }
        StatusChange::Stored { before, .. } => from_to(format!("{}\n{task} went from ", marker(task, status)), *before),
    }
}

/// What came of an answer.
pub fn answered(answer: &AnswerByHand, answered: &Answered) -> Styled {
    let AnswerByHand { id, choice, .. } = answer;
    match answered {
        Answered::DryRun => format!("dry run: question {id} would be answered {choice}").into(),
        Answered::Stored { task: Some((task, status)) } => {
            Styled::from(format!("question {id} is answered {choice}; {task} is ")) + *status
        }
        Answered::Stored { task: None } => format!("question {id} was answered {choice} before; nothing to do").into(),
    }
}
