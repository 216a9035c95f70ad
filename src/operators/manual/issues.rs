//! Adds, resolves and lists issues.

use jiff::Timestamp;

use crate::core::context::Context;
use crate::core::statebox::error::{StoreError, StoreFault};
use crate::core::statebox::outbox::SavedOrKept;
use crate::domain::release::ZStream;
use crate::domain::state::entries::Issue;
use crate::domain::state::operation::{AddIssue, Applied, Operation, Rejection};
use crate::domain::state::view::State;
use crate::domain::task::Task;
use crate::operators::error::TaskError;
use crate::operators::previewed::Depth;
use crate::operators::steps::state_file;

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Nothing: an open issue with the same text was there already.
    IsOpen {
        /// That issue.
        issue: Option<Issue>,
    },
    /// Nothing: it was resolved already.
    IsResolved {
        /// The issue.
        issue: Option<Issue>,
    },
    /// Nothing was stored, as asked.
    DryRun,
    /// It waits on this machine for the store.
    Kept {
        /// What is said about that.
        notice: String,
    },
    /// It is stored.
    Stored {
        /// All issues of the release, in file order.
        issues: Vec<Issue>,
        /// The one that changed.
        issue: Option<Issue>,
    },
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
) -> Result<Changed, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let at = ctx.clock.now();
    let add = AddIssue { text: text.to_owned(), blocker, related: related.to_vec(), source: None, at };
    let head: String = text.chars().take(50).collect();
    apply(ctx, release, Operation::AddIssue(add), &format!("Add issue: {head}"), |issue| Changed::IsOpen { issue })
        .await
}

/// Closes the one open issue that `search` names by id or text.
///
/// # Errors
///
/// None or several match, no state file, or the state cannot be written.
pub async fn resolve(ctx: &Context, release: &ZStream, search: &str, resolution: &str) -> Result<Changed, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let (search, resolution) = (search.to_owned(), resolution.to_owned());
    let head: String = search.chars().take(50).collect();
    let operation = Operation::ResolveIssue { search, resolution, at: ctx.clock.now() };
    apply(ctx, release, operation, &format!("Resolve issue: {head}"), |issue| Changed::IsResolved { issue }).await
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
pub async fn list(ctx: &Context, release: &ZStream, filter: &Filter) -> Result<Vec<Issue>, TaskError> {
    let mut issues = state_file::of(ctx, release).await?.issues();
    issues.retain(|issue| {
        (!filter.open || !issue.resolved)
            && (!filter.blockers || issue.blocker)
            && filter.task.is_none_or(|task| issue.concerns(task))
    });
    Ok(issues)
}

/// Stores `operation`; `unchanged` is what a state that it does not change means.
async fn apply(
    ctx: &Context,
    release: &ZStream,
    operation: Operation,
    message: &str,
    unchanged: fn(Option<Issue>) -> Changed,
) -> Result<Changed, TaskError> {
    if ctx.options.dry_run {
        return Ok(Changed::DryRun);
    }
    let stored = match ctx.statebox.apply_or_keep(release, std::slice::from_ref(&operation), message).await {
        Err(StoreError { fault: StoreFault::Rejected(Rejection::NoStateFile { .. }), .. }) => {
            return Err(TaskError::NoState { release: release.clone() });
        }
        stored => stored?,
    };
    Ok(match (&stored, stored.notice()) {
        (SavedOrKept::Saved(saved), _) if saved.changed => {
            Changed::Stored { issues: saved.state.issues(), issue: saved.state.issue_of(&operation) }
        }
        (SavedOrKept::Saved(saved), _) => unchanged(saved.state.issue_of(&operation)),
        (SavedOrKept::Kept { .. }, notice) => Changed::Kept { notice: notice.unwrap_or_default() },
    })
}
