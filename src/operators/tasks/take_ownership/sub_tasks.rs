//! The QE sub-tasks of the ART ticket.

use super::writes::Writes;
use crate::core::clients::jira::{AccountId, Jira, JiraIssue};
use crate::core::effects::Look;
use crate::domain::foreign::term;
use crate::domain::ids::JiraKey;
use crate::domain::qe_sub_tasks::{QeSubTask, is_done};
use crate::operators::error::TaskError;
use crate::operators::steps::{belonging, owed};

/// Assigns the sub-tasks and moves them; what Jira refuses is owed.
///
/// # Errors
///
/// Another run is at it, or nobody knows yet whether a step was taken.
pub(super) async fn take_sub_tasks(writes: &Writes<'_, '_>, ticket: &JiraKey, email: &str) -> Result<(), TaskError> {
    let undone = format!("sub-tasks of {ticket} were not all assigned");
    owed::step(writes.run, &undone, assign_sub_tasks(writes, ticket, email)).await
}

/// Assigns and moves what is not; a line for each that it could not.
async fn assign_sub_tasks(writes: &Writes<'_, '_>, ticket: &JiraKey, email: &str) -> Result<Vec<String>, TaskError> {
    let run = writes.run;
    let jira = run.ctx.jira();
    let Some(parent) = jira.issue(ticket).await? else {
        return Ok(vec![format!("sub-tasks of {ticket} were not assigned: it is not visible to us")]);
    };
    belonging::is_ours(run, ticket, &parent.summary)?;
    let sub_tasks = jira.issues(&parent.subtasks).await?;
    let known = |one: QeSubTask| sub_tasks.iter().filter(move |sub| QeSubTask::of(&sub.summary) == Some(one));
    let ours = QeSubTask::ALL.into_iter().flat_map(|one| known(one).map(move |sub| (sub, one.taken_to())));
    let ours: Vec<_> = ours.collect();
    if ours.is_empty() {
        run.info(format!("{ticket} has no sub-task of ours"));
        return Ok(Vec::new());
    }
    let Some(account) = jira.find_user(email).await? else {
        let why = "Jira knows no account with the owner's mail address";
        return Ok(vec![format!("sub-tasks of {ticket} were not assigned: {why}")]);
    };
    let mut left = Vec::new();
    for (sub, to) in &ours {
        assign(writes, &jira, sub, &account).await?;
        if let Some(to) = to {
            left.extend(advance(writes, &jira, sub, to).await?);
        }
    }
    run.info(format!("{} sub-tasks of {ticket} have their owner", ours.len()));
    Ok(left)
}

async fn assign(writes: &Writes<'_, '_>, jira: &Jira, sub: &JiraIssue, account: &AccountId) -> Result<(), TaskError> {
    if sub.assignee.as_ref() == Some(account) {
        return Ok(());
    }
    writes
        .converge(&format!("assign/{}", sub.key), &format!("assign {}", sub.key), async || {
            jira.assign(&sub.key, account).await
        })
        .await
}

/// Moves a sub-task to `to`; one that is there or done stays, because nothing goes back. What it could not.
async fn advance(writes: &Writes<'_, '_>, jira: &Jira, sub: &JiraIssue, to: &str) -> Result<Option<String>, TaskError> {
    if sub.status == to || is_done(&sub.status) {
        return Ok(None);
    }
    let offered = jira.transitions(&sub.key).await?;
    let by_target = offered.iter().find(|step| step.to == to);
    let Some(step) = by_target.or_else(|| offered.iter().find(|step| step.name == to)) else {
        return Ok(Some(format!("{} cannot be moved from {} to {to}", sub.key, term(&sub.status))));
    };
    let there = async || {
        let now = jira.issue(&sub.key).await?;
        Ok(Look::at_object(now.is_some_and(|issue| issue.status == to).then_some(())))
    };
    let go = async || jira.transition(&sub.key, step).await;
    let what = format!("move {} to {to}", sub.key);
    writes.once(&format!("jira/{}/{to}", sub.key), &what, there, go).await?;
    Ok(None)
}
