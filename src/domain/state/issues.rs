//! Reporting, resolving and editing issues.

use jiff::Timestamp;

use super::document::{Map, Node};
use super::entries::Issue;
use super::operation::{AddIssue, IssueEdit, Operation, Rejection};
use super::view::{self, State, stamp};
use super::{issue_id, text};
use crate::domain::release::ZStream;
use crate::domain::task::Task;

/// Adds an issue, unless an open one says the same.
///
/// An automatic check has one open issue: when its finding changes, that issue is brought up to date.
pub(super) fn add(document: &mut Map, release: &ZStream, new: &AddIssue) -> Result<(), Rejection> {
    let cleaned = text::issue(&new.text);
    if cleaned.is_empty() {
        return Err(Rejection::BlankIssue);
    }
    let open: Vec<_> = known(document, release).into_iter().filter(|(_, issue)| !issue.resolved).collect();
    if open.iter().any(|(_, issue)| text::comparable(&issue.issue) == text::comparable(&cleaned)) {
        return Ok(());
    }
    let same_source = open.iter().find(|(_, issue)| new.source.is_some() && issue.source == new.source);
    if let Some((index, issue)) = same_source {
        let edit = IssueEdit {
            text: Some(cleaned),
            blocker: Some(new.blocker),
            related: Some(new.related.clone()),
            reopen: false,
        };
        let id = issue.id.clone();
        edit_entry(document, *index, &id, &edit);
        return Ok(());
    }
    let reported_at = stamp(new.at);
    let mut entry = Map::from([
        ("issue", Node::text(&cleaned)),
        ("reported_at", Node::text(&reported_at)),
        ("resolved", Node::bool(false)),
        ("resolution", Node::null()),
        ("blocker", Node::bool(new.blocker)),
        ("related_tasks", names(&new.related)),
        ("id", Node::text(issue_id::of(release, &cleaned, &reported_at))),
    ]);
    if let Some(source) = &new.source {
        entry.set("source", Node::text(source));
    }
    entries(document).push(Node::Map(entry));
    Ok(())
}

/// Closes the one open issue that `search` names.
pub(super) fn resolve(
    document: &mut Map,
    release: &ZStream,
    search: &str,
    resolution: &str,
    at: Timestamp,
) -> Result<(), Rejection> {
    let resolution = text::note(resolution);
    let all = known(document, release);
    match find(&all, search, |issue| !issue.resolved) {
        Ok((index, _)) => {
            close(document, index, &resolution, at);
            Ok(())
        }
        Err(rejection @ Rejection::NoSuchIssue { .. }) => {
            // The same operation again, or somebody with the same id in mind.
            let done = find(&all, search, |issue| {
                issue.resolved
                    && (issue.id == search.trim()
                        || issue.resolution.as_deref() == Some(&resolution) && issue.resolved_at == Some(stamp(at)))
            });
            done.map(|_| ()).map_err(|_| rejection)
        }
        Err(rejection) => Err(rejection),
    }
}

impl State {
    /// The issue that adding or resolving by `operation` is about, in this state, which came of it; nothing for other
    /// operations. Texts may have been masked further on their way into it, so the time tells as well.
    pub fn issue_of(&self, operation: &Operation) -> Option<Issue> {
        let all = known(&self.document, &self.release);
        let index = match operation {
            Operation::AddIssue(new) => {
                let wanted = text::comparable(&text::issue(&new.text));
                let open = || all.iter().filter(|(_, issue)| !issue.resolved);
                let same_text = open().find(|(_, issue)| text::comparable(&issue.issue) == wanted);
                let same_time = || open().rfind(|(_, issue)| issue.reported_at == Some(stamp(new.at)));
                same_text.or_else(same_time)?.0
            }
            Operation::ResolveIssue { search, at, .. } => {
                let is_done = |issue: &Issue| issue.id == search.trim() || issue.resolved_at == Some(stamp(*at));
                find(&all, search, |issue| issue.resolved && is_done(issue)).ok()?.0
            }
            Operation::Create { .. }
            | Operation::SetTask(_)
            | Operation::Notified { .. }
            | Operation::NoticeDue { .. }
            | Operation::Ask { .. }
            | Operation::Answer { .. }
            | Operation::PatchMetadata(_)
            | Operation::ResolveSource { .. }
            | Operation::UpdateIssue { .. }
            | Operation::Decide { .. }
            | Operation::AcquireLease { .. }
            | Operation::RenewLease { .. }
            | Operation::ReleaseLease { .. } => return None,
        };
        all.into_iter().find(|(at, _)| *at == index).map(|(_, issue)| issue)
    }
}

/// Closes every open issue of one automatic check.
pub(super) fn resolve_source(document: &mut Map, source: &str, resolution: &str, at: Timestamp) {
    let resolution = text::note(resolution);
    let of_source = |node: &Node| {
        node.as_map().is_some_and(|map| {
            map.get("source").and_then(Node::as_text) == Some(source) && !map.get("resolved").is_some_and(Node::is_true)
        })
    };
    let Some(stored) = document.get("issues").and_then(Node::as_list) else { return };
    let open: Vec<usize> = (0..stored.len()).filter(|index| of_source(&stored[*index])).collect();
    for index in open {
        close(document, index, &resolution, at);
    }
}

/// Edits the one issue that `search` names.
pub(super) fn update(document: &mut Map, release: &ZStream, search: &str, edit: &IssueEdit) -> Result<(), Rejection> {
    let edit = IssueEdit { text: edit.text.as_deref().map(text::issue), ..edit.clone() };
    if edit.text.as_deref() == Some("") {
        return Err(Rejection::BlankIssue);
    }
    let all = known(document, release);
    let found = find(&all, search, |issue| !issue.resolved).or_else(|rejection| {
        if !matches!(rejection, Rejection::NoSuchIssue { .. }) {
            return Err(rejection);
        }
        if edit.reopen {
            return find(&all, search, |issue| issue.resolved);
        }
        // Its text was changed already.
        let edited = |issue: &Issue| edit.text.as_deref() == Some(issue.issue.as_str());
        let done = all.iter().find(|(_, issue)| !issue.resolved && edited(issue));
        done.map(|(index, issue)| (*index, issue.id.clone())).ok_or(rejection)
    });
    let (index, id) = found?;
    edit_entry(document, index, &id, &edit);
    Ok(())
}

fn edit_entry(document: &mut Map, index: usize, id: &str, edit: &IssueEdit) {
    let Some(Node::Map(entry)) = entries(document).get_mut(index) else { return };
    if let Some(cleaned) = &edit.text {
        // The id was made from the old text and has to outlive it.
        entry.set("id", Node::text(id));
        entry.set("issue", Node::text(cleaned));
    }
    if let Some(blocker) = edit.blocker {
        entry.set_after("resolution", "blocker", Node::bool(blocker));
    }
    if let Some(related) = &edit.related {
        entry.set_after("blocker", "related_tasks", names(related));
    }
    if edit.reopen {
        entry.set_after("reported_at", "resolved", Node::bool(false));
        entry.set_after("resolved", "resolution", Node::null());
        entry.remove("resolved_at");
    }
}

fn close(document: &mut Map, index: usize, resolution: &str, at: Timestamp) {
    let Some(Node::Map(entry)) = entries(document).get_mut(index) else { return };
    entry.set_after("reported_at", "resolved", Node::bool(true));
    entry.set_after("resolved", "resolution", Node::text(resolution));
    entry.set_after("related_tasks", "resolved_at", Node::text(stamp(at)));
}

/// The one issue among those that `allowed` admits: by id, else by whole text, else by a part of it.
fn find(all: &[(usize, Issue)], search: &str, allowed: impl Fn(&Issue) -> bool) -> Result<(usize, String), Rejection> {
    let wanted = text::comparable(search);
    if wanted.is_empty() {
        return Err(Rejection::BlankSearch);
    }
    let among: Vec<_> = all.iter().filter(|(_, issue)| allowed(issue)).collect();
    let tests: [&dyn Fn(&Issue) -> bool; 3] =
        [&|issue| issue.id == wanted, &|issue| text::comparable(&issue.issue) == wanted, &|issue| {
            text::comparable(&issue.issue).contains(&wanted)
        }];
    let show = |issue: &Issue| format!("{} {:?}", issue.id, issue.issue.lines().next().unwrap_or_default());
    for test in tests {
        match among.iter().filter(|(_, issue)| test(issue)).collect::<Vec<_>>().as_slice() {
            [] => {}
            [(index, issue)] => return Ok((*index, issue.id.clone())),
            several => {
                let matches = several.iter().map(|(_, issue)| show(issue)).collect();
                return Err(Rejection::SeveralIssues { search: search.to_owned(), matches });
            }
        }
    }
    let open = all.iter().filter(|(_, issue)| !issue.resolved).map(|(_, issue)| show(issue)).collect();
    Err(Rejection::NoSuchIssue { search: search.to_owned(), open })
}

/// All issues with their place in the list.
fn known(document: &Map, release: &ZStream) -> Vec<(usize, Issue)> {
    let stored = document.get("issues").and_then(Node::as_list).unwrap_or_default();
    let read = |(index, node): (usize, &Node)| Some((index, view::issue(release, node.as_map()?)));
    stored.iter().enumerate().filter_map(read).collect()
}

fn entries(document: &mut Map) -> &mut Vec<Node> {
    document.list_mut("tasks", "issues")
}

fn names(tasks: &[Task]) -> Node {
    Node::List(tasks.iter().map(|task| Node::text(task.name())).collect())
}
