//! What a tree must look like to be a state file, and what is odd about one that passes.
//!
//! Only what the typed view relies on is refused. A stranger's task, status or key is no error.

use std::fmt;

use jiff::Timestamp;

use super::document::{Kind, Map, Node, Scalar};
use super::entries::StoredStatus;
use super::error::StateError;
use super::view::{State, source};
use crate::domain::dates;
use crate::domain::release::ZStream;
use crate::domain::task::{Task, TaskStatus};

/// The mapping and its release, when everything that the view needs has the right type.
///
/// # Errors
///
/// [`StateError`] with path and line of the first value of the wrong type.
pub(super) fn checked(node: Node) -> Result<(Map, ZStream), StateError> {
    let (found, line) = (kind_name(&node), node.line().max(1));
    let Node::Map(document) = node else { return Err(StateError::NotAMapping { line, found }) };
    let root = Place { line, path: "" };
    let version = required(&document, root, "schema_version", Want::Text)?;
    if version != "1" && !version.starts_with("1.") {
        return Err(StateError::Schema { line: document.line_of("schema_version"), found: version });
    }
    let release = required(&document, root, "release", Want::Text)?.parse();
    let release: ZStream = release.map_err(|why| StateError::Release { line: document.line_of("release"), why })?;
    for key in ["created_at", "updated_at"] {
        optional(&document, root, key, Want::Time)?;
    }
    if let Some(facts) = mapping(&document, root, "metadata")? {
        let place = Place { line: document.line_of("metadata"), path: "metadata." };
        for key in ["jira_ticket", "shipment_mr"] {
            optional(facts, place, key, Want::Text)?;
        }
        optional(facts, place, "release_date", Want::Time)?;
        each(facts, place, "advisory_ids", Want::Int)?;
        each(facts, place, "candidate_builds", Want::Text)?;
    }
    for (index, task) in list(&document, root, "tasks")?.iter().enumerate() {
        let path = format!("tasks[{index}].");
        let place = Place { line: document.line_of("tasks"), path: &path }.inside(task);
        let task = entry(task, place)?;
        required(task, place, "name", Want::Text)?;
        required(task, place, "status", Want::Text)?;
        optional(task, place, "started_at", Want::Time)?;
        optional(task, place, "completed_at", Want::Time)?;
        optional(task, place, "result", Want::Text)?;
    }
    for (index, issue) in list(&document, root, "issues")?.iter().enumerate() {
        let path = format!("issues[{index}].");
        let place = Place { line: document.line_of("issues"), path: &path }.inside(issue);
        let issue = entry(issue, place)?;
        required(issue, place, "issue", Want::Text)?;
        optional(issue, place, "reported_at", Want::Time)?;
        optional(issue, place, "resolved", Want::Bool)?;
        optional(issue, place, "resolution", Want::Text)?;
        optional(issue, place, "blocker", Want::Bool)?;
        optional(issue, place, "resolved_at", Want::Time)?;
        let line = issue.line_of("related_tasks");
        match issue.get("related_tasks") {
            None => {}
            Some(Node::List(names)) => {
                for name in names {
                    fits(name, line, &format!("{path}related_tasks"), Want::Text)?;
                }
            }
            Some(node) if node.is_null() => {}
            Some(node) => return Err(wrong(node, line, &format!("{path}related_tasks"), "a list of task names")),
        }
    }
    Ok((document, release))
}

/// Where a mapping is: its path with the final dot, and the line of the nearest thing in the file.
#[derive(Clone, Copy)]
struct Place<'a> {
    line: usize,
    path: &'a str,
}

impl Place<'_> {
    /// The same, as near as `node` tells: an empty one has no line of its own.
    fn inside(self, node: &Node) -> Self {
        Self { line: if node.line() == 0 { self.line } else { node.line() }, ..self }
    }
}

/// A status of a task of ours that is none of the four words, so that nobody can tell what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableStatus {
    /// The task.
    pub task: Task,
    /// Line in the file; 0 when it cannot be determined.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// What was probably meant.
    pub meant: Option<TaskStatus>,
}

impl fmt::Display for UnreadableStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, line, text, meant } = self;
        write!(f, "line {line}: {task} has the status {text:?}, which is none of ")?;
        let all = TaskStatus::ALL.map(|status| status.as_str().to_owned());
        f.write_str(&all.join(", "))?;
        meant.map_or(Ok(()), |meant| write!(f, "; did you mean {meant}?"))
    }
}

/// Tasks of ours whose status is a word that nobody knows. Nothing may be decided while there is one: a
/// mistyped Fail must not become a Pass.
pub fn unreadable_statuses(state: &State) -> Vec<UnreadableStatus> {
    let entries = state.document.get("tasks").and_then(Node::as_list).unwrap_or_default();
    let text = |node: &Node| {
        let map = node.as_map()?;
        let task = source(map, "name")?.parse().ok()?;
        let text = source(map, "status")?.to_owned();
        if text.parse::<TaskStatus>().is_ok() {
            return None;
        }
        Some(UnreadableStatus { task, line: line_of(map, "status"), meant: meant(&text), text })
    };
    let mut found: Vec<UnreadableStatus> = Vec::new();
    for text in entries.iter().filter_map(text) {
        // The first entry of a task counts.
        if found.iter().all(|known| known.task != text.task) {
            found.push(text);
        }
    }
    found
}

/// The status that a misspelled word probably means.
fn meant(text: &str) -> Option<TaskStatus> {
    let plain: String = text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    let begins = |with: &[&str]| with.iter().any(|start| plain.starts_with(start));
    match () {
        () if begins(&["fail", "err", "red"]) => Some(TaskStatus::Fail),
        () if begins(&["pass", "ok", "done", "success", "green"]) => Some(TaskStatus::Pass),
        () if begins(&["inprog", "prog", "run"]) => Some(TaskStatus::InProgress),
        () if begins(&["not", "todo", "unstart"]) => Some(TaskStatus::NotStarted),
        () => None,
    }
}

fn line_of(map: &Map, key: &str) -> usize {
    map.get(key).map_or(0, Node::line)
}

/// Texts that stand where a moment or a day has to stand.
fn unreadable_times(state: &State) -> Vec<String> {
    let mut found = Vec::new();
    let mut moment = |map: &Map, whose: &str, key: &str| {
        if let Some(text) = source(map, key).filter(|text| text.parse::<Timestamp>().is_err()) {
            let line = line_of(map, key);
            found.push(format!("line {line}: {key}{whose} is {text:?}; write it like 2026-03-25T06:00:00Z"));
        }
    };
    for key in ["created_at", "updated_at"] {
        moment(&state.document, "", key);
    }
    let entries = |part: &str| state.document.get(part).and_then(Node::as_list).unwrap_or_default();
    for map in entries("tasks").iter().filter_map(Node::as_map) {
        let whose = format!(" of {}", source(map, "name").unwrap_or_default());
        moment(map, &whose, "started_at");
        moment(map, &whose, "completed_at");
    }
    for map in entries("issues").iter().filter_map(Node::as_map) {
        moment(map, " of an issue", "reported_at");
        moment(map, " of an issue", "resolved_at");
    }
    let metadata = state.document.get("metadata").and_then(Node::as_map);
    let date = metadata.and_then(|map| Some((source(map, "release_date")?, line_of(map, "release_date"))));
    if let Some((text, line)) = date.filter(|(text, _)| dates::release_date(text).is_none()) {
        found.push(format!("line {line}: release_date is {text:?}; write it like 2026-Mar-25 or 2026-03-25"));
    }
    found
}

/// What is unusual about a readable state; nothing of it is repaired by itself.
pub fn oddities(state: &State) -> Vec<String> {
    let mut found: Vec<String> = unreadable_statuses(state).iter().map(ToString::to_string).collect();
    found.extend(unreadable_times(state));
    for part in ["metadata", "tasks", "issues"] {
        if !state.has(part) {
            found.push(format!("{part} is missing; the end of the file may have been cut off"));
        }
    }
    let tasks = state.tasks();
    let lines = state.document.get("tasks").and_then(Node::as_list).unwrap_or_default();
    let lines: Vec<usize> = lines.iter().filter(|node| node.as_map().is_some()).map(Node::line).collect();
    for (index, entry) in tasks.iter().enumerate() {
        let name = &entry.name;
        let line = lines.get(index).copied().unwrap_or_default();
        let mut odd = |what: String| found.push(format!("line {line}: {name} {what}"));
        if entry.task().is_none() {
            odd("is no task of ours; its entry is kept".to_owned());
        }
        if tasks[..index].iter().any(|earlier| earlier.name == *name) {
            odd("stands twice; the first entry counts".to_owned());
        }
        match &entry.status {
            // Those of our own tasks are reported with their line.
            StoredStatus::Other(_) if entry.task().is_some() => {}
            StoredStatus::Other(status) => odd(format!("has the unknown status {status:?}; it is kept")),
            StoredStatus::Known(TaskStatus::InProgress) if entry.completed_at.is_some() => {
                odd("is In Progress and has completed_at".to_owned());
            }
            StoredStatus::Known(TaskStatus::Pass | TaskStatus::Fail) if entry.completed_at.is_none() => {
                odd(format!("is {} and has no completed_at", entry.status.as_str()));
            }
            StoredStatus::Known(_) => {}
        }
        if let (Some(started), Some(completed)) = (entry.started(), entry.completed())
            && started > completed
        {
            odd(format!("started at {started}, after it was completed at {completed}"));
        }
    }
    for issue in state.issues() {
        for name in issue.related_tasks.iter().filter(|name| name.parse::<Task>().is_err()) {
            found.push(format!("issue {} names {name}, which is no task of ours", issue.id));
        }
    }
    found
}

#[derive(Clone, Copy)]
enum Want {
    Text,
    /// Text; an unquoted time is taken as its text, because the original reads it too.
    Time,
    Int,
    Bool,
}

fn required(map: &Map, place: Place<'_>, key: &str, want: Want) -> Result<String, StateError> {
    let path = format!("{}{key}", place.path);
    let node = map.get(key).ok_or_else(|| StateError::Missing { line: place.line, path: path.clone() })?;
    fits(node, map.line_of(key), &path, want)
}

fn optional(map: &Map, place: Place<'_>, key: &str, want: Want) -> Result<(), StateError> {
    match map.get(key) {
        Some(node) if !node.is_null() => {
            fits(node, map.line_of(key), &format!("{}{key}", place.path), want).map(|_| ())
        }
        Some(_) | None => Ok(()),
    }
}

/// The source of `node`, which stands behind `line`.
fn fits(node: &Node, line: usize, path: &str, want: Want) -> Result<String, StateError> {
    let kind = match node {
        Node::Scalar(scalar) => Some(scalar.kind),
        Node::List(_) | Node::Map(_) => None,
    };
    let (fits, wanted) = match want {
        Want::Text => (kind == Some(Kind::Text), "text"),
        Want::Time => (matches!(kind, Some(Kind::Text | Kind::Time)), "text"),
        Want::Int => (kind == Some(Kind::Int), "an integer"),
        Want::Bool => (kind == Some(Kind::Bool), "true or false"),
    };
    match node {
        Node::Scalar(Scalar { source, .. }) if fits => Ok(source.clone()),
        Node::Scalar(_) | Node::List(_) | Node::Map(_) => Err(wrong(node, line, path, wanted)),
    }
}

fn mapping<'a>(map: &'a Map, place: Place<'_>, key: &str) -> Result<Option<&'a Map>, StateError> {
    match map.get(key) {
        None => Ok(None),
        Some(Node::Map(inner)) => Ok(Some(inner)),
        Some(node) if node.is_null() => Ok(None),
        Some(node) => Err(wrong(node, map.line_of(key), &format!("{}{key}", place.path), "a mapping")),
    }
}

fn each(facts: &Map, place: Place<'_>, key: &str, want: Want) -> Result<(), StateError> {
    let Some(map) = mapping(facts, place, key)? else { return Ok(()) };
    for (name, value) in &map.entries {
        fits(value, name.line, &format!("{}{key}.{}", place.path, name.source), want)?;
    }
    Ok(())
}

fn list<'a>(map: &'a Map, place: Place<'_>, key: &str) -> Result<&'a [Node], StateError> {
    match map.get(key) {
        None => Ok(&[]),
        Some(Node::List(items)) => Ok(items),
        Some(node) if node.is_null() => Ok(&[]),
        Some(node) => Err(wrong(node, map.line_of(key), &format!("{}{key}", place.path), "a list")),
    }
}

fn entry<'a>(node: &'a Node, place: Place<'_>) -> Result<&'a Map, StateError> {
    node.as_map().ok_or_else(|| wrong(node, place.line, place.path.trim_end_matches('.'), "a mapping"))
}

/// `around` is the line of what stands around it, for an empty value without a line of its own.
fn wrong(node: &Node, around: usize, path: &str, wanted: &'static str) -> StateError {
    let found = match node {
        Node::Scalar(scalar) => format!("{} ({})", scalar.kind.name(), scalar.source),
        Node::List(_) | Node::Map(_) => kind_name(node).to_owned(),
    };
    let line = if node.line() == 0 { around } else { node.line() };
    StateError::WrongType { line, path: path.to_owned(), found, wanted }
}

const fn kind_name(node: &Node) -> &'static str {
    match node {
        Node::Scalar(scalar) => scalar.kind.name(),
        Node::List(_) => "a list",
        Node::Map(_) => "a mapping",
    }
}
