//! A person's answer to a question that no look can settle.

use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::domain::state::entries::Question;
use crate::domain::state::operation::Operation;
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus};
use crate::operators::error::TaskError;
use crate::operators::previewed::{Preview, PreviewedChange};
use crate::operators::request::AnswerByHand;
use crate::operators::steps::state_file;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// Nothing was stored, as asked.
    DryRun,
    /// It is stored.
    Stored {
        /// The task that was asked about, and its status now.
        task: Option<(Task, TaskStatus)>,
    },
}

/// Answers the question; the first answer counts.
///
/// # Errors
///
/// Nobody asks this, it has other answers, somebody answered otherwise, or the state cannot be written.
pub async fn run(ctx: &Context, release: &ZStream, answer: &AnswerByHand) -> Result<Answered, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    if answer.reason.trim().is_empty() {
        return Err(TaskError::Refused {
            why: "an answer needs a reason: it is stored with the task".to_owned(),
            next: format!("oar -r {release} answer {} {} --reason TEXT", answer.id, answer.choice),
        });
    }
    let task = open(ctx, release, &answer.id).await?.map(|(task, _)| task);
    if ctx.options.dry_run {
        return Ok(Answered::DryRun);
    }
    let operation = Operation::Answer {
        id: answer.id.clone(),
        choice: answer.choice.clone(),
        reason: answer.reason.clone(),
        by: ctx.actor.clone(),
        at: ctx.clock.now(),
    };
    // Never kept for later: whoever answers has to know whether the answer was the first.
    let saved = ctx.statebox.apply(release, &[operation], &format!("Answer question: {}", answer.id)).await?;
    Ok(Answered::Stored { task: task.map(|task| (task, saved.state.status(task))) })
}

/// What the answer would do.
///
/// # Errors
///
/// No state file, or it cannot be read.
pub(in crate::operators) async fn preview(
    ctx: &Context,
    release: &ZStream,
    answer: &AnswerByHand,
) -> Result<Preview, TaskError> {
    // A question that nobody asks is refused by the answer itself.
    let Some((task, question)) = open(ctx, release, &answer.id).await? else { return Ok(Preview::Nothing) };
    let (choice, reason) = (answer.choice.clone(), answer.reason.clone());
    Ok(Preview::Changes(PreviewedChange::Answered { task, question, choice, reason }))
}

/// The open questions of a release, with their tasks.
pub fn questions(state: &State) -> Vec<(Task, Question)> {
    state.tasks().into_iter().filter_map(|entry| Some((entry.task()?, entry.question?))).collect()
}

async fn open(ctx: &Context, release: &ZStream, id: &str) -> Result<Option<(Task, Question)>, TaskError> {
    let state = state_file::of(ctx, release).await?;
    Ok(questions(&state).into_iter().find(|(_, question)| question.id == id))
}
