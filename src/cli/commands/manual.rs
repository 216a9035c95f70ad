//! What a person changes by hand: statuses, issues and answers.

use crate::cli::confirm::confirm;
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::domain::task::{Task, TaskStatus};
use crate::grammar::command::IssueCommand;
use crate::operators::manual::update_task_status::{self, StatusChange};
use crate::operators::manual::{answer, issues};
use crate::operators::request::{AnswerByHand, ChangeRequest, StatusByHand};
use crate::render;
use crate::render::documents::issues::{IssueChange, IssuesDocument};
use crate::render::documents::program::Done;

/// Sets the status of a task.
pub(crate) async fn update_task_status(
    call: &Invocation,
    task: Task,
    status: TaskStatus,
    reason: Option<String>,
    may_change_pass: bool,
) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.context().await?);
    let wanted = StatusByHand { task, status, reason, may_change_pass, proven: false };
    let change = ChangeRequest::SetStatus(wanted.clone());
    confirm(call, &ctx, &release, &change, &format!("changing {task} of {release}")).await?;
    let change = update_task_status::run(&ctx, &release, wanted).await;
    let change = change.map_err(|error| call.task_error(&format!("{task} of {release} could not be set"), error))?;
    let summary = render::manual::text(task, status, &change);
    let overridden = match change {
        StatusChange::Stored { overridden, .. } => overridden,
        StatusChange::IsSo | StatusChange::DryRun { .. } | StatusChange::Kept { .. } => Vec::new(),
    };
    let done = Done { overridden, ..Done::new(summary.to_string()) };
    call.show(summary, &done);
    Ok(Exit::Done)
}

/// Answers a question about an effect.
pub(crate) async fn answer(call: &Invocation, by_hand: AnswerByHand) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.context().await?);
    let answered = answer::run(&ctx, &release, &by_hand).await;
    let answered = answered
        .map_err(|error| call.task_error(&format!("question {} of {release} is not answered", by_hand.id), error))?;
    let summary = render::manual::answered(&by_hand, &answered);
    let done = Done::new(summary.to_string());
    call.show(summary, &done);
    Ok(Exit::Done)
}

/// Adds, resolves or lists issues.
pub(crate) async fn issue(call: &Invocation, command: IssueCommand) -> Result<Exit, ErrorReport> {
    let (release, ctx) = (call.release()?, call.context().await?);
    let refuse = |error| call.task_error(&format!("the issues of {release} could not be handled"), error);
    let changed = match command {
        IssueCommand::Add { text, tasks, no_blocker } => issues::add(&ctx, &release, &text, &tasks, !no_blocker).await,
        IssueCommand::Resolve { issue, resolution } => {
            let change = ChangeRequest::ResolveIssue { search: issue.clone(), resolution: resolution.clone() };
            confirm(call, &ctx, &release, &change, &format!("resolving an issue of {release}")).await?;
            issues::resolve(&ctx, &release, &issue, &resolution).await
        }
        IssueCommand::List => {
            let all = issues::list(&ctx, &release, &issues::Filter::default()).await.map_err(refuse)?;
            call.show(render::issues::list(&release, &all), &IssuesDocument::new(&release, &all));
            return Ok(Exit::Done);
        }
    };
    let changed = changed.map_err(refuse)?;
    call.show(render::issues::changed(&changed), &IssueChange::new(&release, &changed));
    Ok(Exit::Done)
}
