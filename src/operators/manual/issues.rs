//! Adds, resolves and lists issues.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::core::context::Context;
use crate::core::statebox::error::{StoreError, StoreFault};
use crate::core::statebox::later::Stored;
use crate::domain::release::ZStream;
use crate::domain::state::entries::Issue;
use crate::domain::state::operation::{AddIssue, Applied, Operation, Rejection};
use crate::domain::state::view::State;
use crate::domain::task::Task;
use crate::operators::error::TaskError;
use crate::operators::foreseen::Depth;

/// Text and data of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// For people.
    pub text: String,
    /// For programs.
    pub json: Value,
}

/// Reports an issue. An open one with the same text is not added twice.
///
/// # Errors
///
/// Blank text, no state file, or the state cannot be written.
pub async fn add(
    ctx: &Context,
    release: &ZStream,
    text: &str,
    related: &[Task],
    blocker: bool,
) -> Result<Answer, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let at = ctx.clock.now();
    let add = AddIssue { text: text.to_owned(), blocker, related: related.to_vec(), source: None, at };
    let head: String = text.chars().take(50).collect();
    let answer = apply(ctx, release, Operation::AddIssue(add), &format!("Add issue: {head}")).await?;
    Ok(answer.unwrap_or_else(|| said("the issue is open already; nothing to do")))
}

/// Closes the one open issue that `search` names by id or text.
///
/// # Errors
///
/// None or several match, no state file, or the state cannot be written.
pub async fn resolve(ctx: &Context, release: &ZStream, search: &str, resolution: &str) -> Result<Answer, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let (search, resolution) = (search.to_owned(), resolution.to_owned());
    let head: String = search.chars().take(50).collect();
    let operation = Operation::ResolveIssue { search, resolution, at: ctx.clock.now() };
    let answer = apply(ctx, release, operation, &format!("Resolve issue: {head}")).await?;
    Ok(answer.unwrap_or_else(|| said("the issue is resolved already; nothing to do")))
}

/// The open blocker that resolving `search` closes; nothing when it closes none.
///
/// The stored depth takes what the store said last while that is away, because the change is kept for later, too.
pub(in crate::operators) async fn blocker_closed_by(
    ctx: &Context,
    release: &ZStream,
    search: &str,
    depth: Depth,
) -> Result<Option<Issue>, TaskError> {
    let loaded = ctx.statebox.load(release).await;
    let state = match depth {
        Depth::Stored => match loaded {
            Ok(loaded) => loaded.map(|loaded| loaded.state),
            Err(error) if error.is_outage() => ctx.statebox.last_seen(release),
            Err(error) => return Err(error.into()),
        },
        Depth::Looked => Some(loaded?.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state),
    };
    Ok(state.and_then(|state| closed_by(&state, search, ctx.clock.now())))
}

/// The open blocker that resolving `search` closes. Done to a copy: so the search cannot differ from that of the
/// change itself.
fn closed_by(state: &State, search: &str, at: Timestamp) -> Option<Issue> {
    let resolve = Operation::ResolveIssue { search: search.to_owned(), resolution: "looked at".to_owned(), at };
    let Applied::Changed(after) = resolve.apply(state, at) else { return None };
    let both = state.issues().into_iter().zip(after.issues());
    both.into_iter().find(|(old, new)| old.is_open_blocker() && new.resolved).map(|(old, _)| old)
}

/// The tasks that an issue holds back, in words.
pub fn concerned(issue: &Issue) -> String {
    if issue.related_tasks.is_empty() { "whole release".to_owned() } else { issue.related_tasks.join(", ") }
}

/// Lists all issues, open ones first.
///
/// # Errors
///
/// No state file, or it cannot be read.
pub async fn list(ctx: &Context, release: &ZStream) -> Result<Answer, TaskError> {
    let loaded = ctx.statebox.load(release).await?;
    let state = loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state;
    Ok(listing(release, state.issues()))
}

/// Which issues are wanted; the default wants all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only open ones.
    pub open: bool,
    /// Only blockers.
    pub blockers: bool,
    /// Only those that concern this task, which those of the whole release do.
    pub task: Option<Task>,
}

/// The issues that `filter` wants, in file order.
///
/// # Errors
///
/// No state file, or it cannot be read.
pub async fn list_some(ctx: &Context, release: &ZStream, filter: &Filter) -> Result<Vec<Value>, TaskError> {
    let loaded = ctx.statebox.load(release).await?;
    let mut issues = loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state.issues();
    issues.retain(|issue| {
        (!filter.open || !issue.resolved)
            && (!filter.blockers || issue.blocker)
            && filter.task.is_none_or(|task| issue.concerns(task))
    });
    Ok(issues.iter().map(shown).collect())
}

async fn apply(
    ctx: &Context,
    release: &ZStream,
    operation: Operation,
    message: &str,
) -> Result<Option<Answer>, TaskError> {
    if ctx.options.dry_run {
        return Ok(Some(said("dry run: nothing was stored")));
    }
    let stored = match ctx.statebox.apply_or_keep(release, std::slice::from_ref(&operation), message).await {
        Err(StoreError { fault: StoreFault::Rejected(Rejection::NoStateFile { .. }), .. }) => {
            return Err(TaskError::NoState { release: release.clone() });
        }
        stored => stored?,
    };
    Ok(match (&stored, stored.notice()) {
        (Stored::Saved(saved), _) => saved.changed.then(|| {
            let issues = saved.state.issues();
            let text = touched(&issues, &operation);
            Answer { text, ..listing(release, issues) }
        }),
        (Stored::Kept { .. }, notice) => {
            let notice = notice.unwrap_or_default();
            Some(Answer { json: json!({ "ok": true, "stored": false, "summary": notice }), text: notice })
        }
    })
}

/// What was done to which issue.
fn touched(issues: &[Issue], operation: &Operation) -> String {
    let resolution = if let Operation::ResolveIssue { resolution, .. } = operation { Some(resolution) } else { None };
    // The newest one with these words: an open one is not added twice.
    let one = match resolution {
        None => issues.iter().rfind(|issue| !issue.resolved),
        Some(_) => issues.iter().filter(|issue| issue.resolved).max_by_key(|issue| issue.resolved_at.clone()),
    };
    let Some(issue) = one else { return "stored".to_owned() };
    let kind = if issue.blocker { "blocker" } else { "note" };
    let did = if resolution.is_some() { "resolved" } else { "reported" };
    format!("{did} {kind} {} ({}): {}", issue.id, concerned(issue), issue.issue)
}

/// An issue for programs.
fn shown(issue: &Issue) -> Value {
    json!({
        "id": issue.id, "issue": issue.issue, "blocker": issue.blocker, "resolved": issue.resolved,
        "resolution": issue.resolution, "related_tasks": issue.related_tasks,
        "reported_at": issue.reported_at, "resolved_at": issue.resolved_at, "source": issue.source,
    })
}

fn listing(release: &ZStream, mut issues: Vec<Issue>) -> Answer {
    issues.sort_by_key(|issue| issue.resolved);
    let line = |issue: &Issue| {
        let kind = match (issue.resolved, issue.blocker) {
            (true, _) => "resolved",
            (false, true) => "BLOCKER",
            (false, false) => "note",
        };
        let tasks = concerned(issue);
        let resolution = issue.resolution.as_deref().map(|text| format!("\n          -> {text}")).unwrap_or_default();
        format!("{}  {kind:<8}  {} ({tasks}){resolution}", issue.id, issue.issue)
    };
    let text = if issues.is_empty() {
        format!("{release} has no issues")
    } else {
        issues.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let json = issues.iter().map(shown).collect::<Vec<_>>();

    Answer { text, json: json!({ "ok": true, "release": release.to_string(), "issues": json }) }
}

fn said(text: &str) -> Answer {
    Answer { text: text.to_owned(), json: json!({ "ok": true, "summary": text }) }
}
