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
    let found = kind_name(&node);
    let Node::Map(document) = node else { return Err(StateError::NotAMapping { found }) };
    let version = required(&document, "", "schema_version", Want::Text)?;
    if version != "1" && !version.starts_with("1.") {
        return Err(StateError::Schema { found: version });
    }
    let release: ZStream = required(&document, "", "release", Want::Text)?.parse()?;
    for key in ["created_at", "updated_at"] {
        optional(&document, "", key, Want::Time)?;
    }
    if let Some(facts) = mapping(&document, "", "metadata")? {
        for key in ["jira_ticket", "shipment_mr"] {
            optional(facts, "metadata.", key, Want::Text)?;
        }
        optional(facts, "metadata.", "release_date", Want::Time)?;
        each(facts, "advisory_ids", Want::Int)?;
        each(facts, "candidate_builds", Want::Text)?;
    }
    for (index, task) in list(&document, "tasks")?.iter().enumerate() {
        let path = format!("tasks[{index}].");
        let task = entry(task, &path)?;
        required(task, &path, "name", Want::Text)?;
        required(task, &path, "status", Want::Text)?;
        optional(task, &path, "started_at", Want::Time)?;
        optional(task, &path, "completed_at", Want::Time)?;
        optional(task, &path, "result", Want::Text)?;
    }
    for (index, issue) in list(&document, "issues")?.iter().enumerate() {
        let path = format!("issues[{index}].");
        let issue = entry(issue, &path)?;
        required(issue, &path, "issue", Want::Text)?;
        optional(issue, &path, "reported_at", Want::Time)?;
        optional(issue, &path, "resolved", Want::Bool)?;
        optional(issue, &path, "resolution", Want::Text)?;
        optional(issue, &path, "blocker", Want::Bool)?;
        optional(issue, &path, "resolved_at", Want::Time)?;
        match issue.get("related_tasks") {
            None => {}
            Some(Node::List(names)) => {
                for name in names {
                    fits(name, &format!("{path}related_tasks"), Want::Text)?;
                }
            }
            Some(node) if node.is_null() => {}
            Some(node) => return Err(wrong(node, &format!("{path}related_tasks"), "a list of task names")),
        }
    }
    Ok((document, release))
}

/// A status of a task of ours that is none of the four words, so that nobody can tell what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    /// The task.
    pub task: Task,
    /// Line in the file; 0 when it cannot be told.
    pub line: usize,
    /// What stands there.
    pub word: String,
    /// What was probably meant.
    pub meant: Option<TaskStatus>,
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, line, word, meant } = self;
        write!(f, "line {line}: {task} has the status {word:?}, which is none of ")?;
        let all = TaskStatus::ALL.map(|status| status.as_str().to_owned());
        f.write_str(&all.join(", "))?;
        meant.map_or(Ok(()), |meant| write!(f, "; did you mean {meant}?"))
    }
}

/// Tasks of ours whose status is a word that nobody knows. Nothing may be decided while there is one: a
/// mistyped Fail must not become a Pass.
pub fn unknown_words(state: &State) -> Vec<UnknownWord> {
    let entries = state.document.get("tasks").and_then(Node::as_list).unwrap_or_default();
    let word = |node: &Node| {
        let map = node.as_map()?;
        let task = source(map, "name")?.parse().ok()?;
        let word = source(map, "status")?.to_owned();
        if word.parse::<TaskStatus>().is_ok() {
            return None;
        }
        Some(UnknownWord { task, line: line_of(map, "status"), meant: meant(&word), word })
    };
    let mut found: Vec<UnknownWord> = Vec::new();
    for word in entries.iter().filter_map(word) {
        // The first entry of a task counts.
        if found.iter().all(|known| known.task != word.task) {
            found.push(word);
        }
    }
    found
}

/// The status that a misspelled word probably means.
fn meant(word: &str) -> Option<TaskStatus> {
    let plain: String = word.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
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
    let mut found: Vec<String> = unknown_words(state).iter().map(ToString::to_string).collect();
    found.extend(unreadable_times(state));
    for part in ["metadata", "tasks", "issues"] {
        if !state.has(part) {
            found.push(format!("{part} is missing; the end of the file may have been cut off"));
        }
    }
    let tasks = state.tasks();
    for (index, entry) in tasks.iter().enumerate() {
        let name = &entry.name;
        if entry.task().is_none() {
            found.push(format!("{name} is no task of ours; its entry is kept"));
        }
        if tasks[..index].iter().any(|earlier| earlier.name == *name) {
            found.push(format!("{name} stands twice; the first entry counts"));
        }
        match &entry.status {
            // Those of our own tasks are told with their line.
            StoredStatus::Other(_) if entry.task().is_some() => {}
            StoredStatus::Other(status) => found.push(format!("{name} has the unknown status {status:?}; it is kept")),
            StoredStatus::Known(TaskStatus::InProgress) if entry.completed_at.is_some() => {
                found.push(format!("{name} is In Progress and has completed_at"));
            }
            StoredStatus::Known(TaskStatus::Pass | TaskStatus::Fail) if entry.completed_at.is_none() => {
                found.push(format!("{name} is {} and has no completed_at", entry.status.as_str()));
            }
            StoredStatus::Known(_) => {}
        }
        if let (Some(started), Some(completed)) = (entry.started(), entry.completed())
            && started > completed
        {
            found.push(format!("{name} started at {started}, after it was completed at {completed}"));
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

fn required(map: &Map, path: &str, key: &str, want: Want) -> Result<String, StateError> {
    let node = map.get(key).ok_or_else(|| StateError::Missing { path: format!("{path}{key}") })?;
    fits(node, &format!("{path}{key}"), want)
}

fn optional(map: &Map, path: &str, key: &str, want: Want) -> Result<(), StateError> {
    match map.get(key) {
        Some(node) if !node.is_null() => fits(node, &format!("{path}{key}"), want).map(|_| ()),
        Some(_) | None => Ok(()),
    }
}

fn fits(node: &Node, path: &str, want: Want) -> Result<String, StateError> {
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
        Node::Scalar(_) | Node::List(_) | Node::Map(_) => Err(wrong(node, path, wanted)),
    }
}

fn mapping<'a>(map: &'a Map, path: &str, key: &str) -> Result<Option<&'a Map>, StateError> {
    match map.get(key) {
        None => Ok(None),
        Some(Node::Map(inner)) => Ok(Some(inner)),
        Some(node) if node.is_null() => Ok(None),
        Some(node) => Err(wrong(node, &format!("{path}{key}"), "a mapping")),
    }
}

fn each(facts: &Map, key: &str, want: Want) -> Result<(), StateError> {
    let Some(map) = mapping(facts, "metadata.", key)? else { return Ok(()) };
    for (name, value) in &map.entries {
        fits(value, &format!("metadata.{key}.{}", name.source), want)?;
    }
    Ok(())
}

fn list<'a>(map: &'a Map, key: &str) -> Result<&'a [Node], StateError> {
    match map.get(key) {
        None => Ok(&[]),
        Some(Node::List(items)) => Ok(items),
        Some(node) if node.is_null() => Ok(&[]),
        Some(node) => Err(wrong(node, key, "a list")),
    }
}

fn entry<'a>(node: &'a Node, path: &str) -> Result<&'a Map, StateError> {
    node.as_map().ok_or_else(|| wrong(node, path.trim_end_matches('.'), "a mapping"))
}

fn wrong(node: &Node, path: &str, wanted: &'static str) -> StateError {
    let found = match node {
        Node::Scalar(scalar) => format!("{} ({})", scalar.kind.name(), scalar.source),
        Node::List(_) | Node::Map(_) => kind_name(node).to_owned(),
    };
    StateError::WrongType { line: node.line(), path: path.to_owned(), found, wanted }
}

const fn kind_name(node: &Node) -> &'static str {
    match node {
        Node::Scalar(scalar) => scalar.kind.name(),
        Node::List(_) => "a list",
        Node::Map(_) => "a mapping",
    }
}
