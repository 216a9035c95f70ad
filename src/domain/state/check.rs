//! What a tree must look like to be a state file.
//!
//! Only what the typed view relies on is refused. A stranger's task, status or key is no error.

use super::document::{Map, Node, Scalar, ScalarKind};
use super::error::StateError;
use crate::domain::release::ZStream;

/// The mapping and its release, when everything that the view needs has the right type.
///
/// # Errors
///
/// [`StateError`] with path and line of the first value of the wrong type.
pub(super) fn checked(node: Node) -> Result<(Map, ZStream), StateError> {
    let (found, line) = (kind_name(&node), node.line().max(1));
    let Node::Map(document) = node else { return Err(StateError::NotAMapping { line, found }) };
    let root = Spot { line, path: "" };
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
        let place = Spot { line: document.line_of("metadata"), path: "metadata." };
        for key in ["jira_ticket", "shipment_mr"] {
            optional(facts, place, key, Want::Text)?;
        }
        optional(facts, place, "release_date", Want::Time)?;
        each(facts, place, "advisory_ids", Want::Int)?;
        each(facts, place, "candidate_builds", Want::Text)?;
    }
    for (index, task) in list(&document, root, "tasks")?.iter().enumerate() {
        let path = format!("tasks[{index}].");
        let place = Spot { line: document.line_of("tasks"), path: &path }.inside(task);
        let task = entry(task, place)?;
        required(task, place, "name", Want::Text)?;
        required(task, place, "status", Want::Text)?;
        optional(task, place, "started_at", Want::Time)?;
        optional(task, place, "completed_at", Want::Time)?;
        optional(task, place, "result", Want::Text)?;
    }
    for (index, issue) in list(&document, root, "issues")?.iter().enumerate() {
        let path = format!("issues[{index}].");
        let place = Spot { line: document.line_of("issues"), path: &path }.inside(issue);
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
struct Spot<'a> {
    line: usize,
    path: &'a str,
}

impl Spot<'_> {
    /// The same, as near as `node` tells: an empty one has no line of its own.
    fn inside(self, node: &Node) -> Self {
        Self { line: if node.line() == 0 { self.line } else { node.line() }, ..self }
    }
}

#[derive(Clone, Copy)]
enum Want {
    Text,
    /// Text; an unquoted time is taken as its text, because the original reads it too.
    Time,
    Int,
    Bool,
}

fn required(map: &Map, place: Spot<'_>, key: &str, want: Want) -> Result<String, StateError> {
    let path = format!("{}{key}", place.path);
    let node = map.get(key).ok_or_else(|| StateError::Missing { line: place.line, path: path.clone() })?;
    fits(node, map.line_of(key), &path, want)
}

fn optional(map: &Map, place: Spot<'_>, key: &str, want: Want) -> Result<(), StateError> {
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
        Want::Text => (kind == Some(ScalarKind::Text), "text"),
        Want::Time => (matches!(kind, Some(ScalarKind::Text | ScalarKind::Time)), "text"),
        Want::Int => (kind == Some(ScalarKind::Int), "an integer"),
        Want::Bool => (kind == Some(ScalarKind::Bool), "true or false"),
    };
    match node {
        Node::Scalar(Scalar { source, .. }) if fits => Ok(source.clone()),
        Node::Scalar(_) | Node::List(_) | Node::Map(_) => Err(wrong(node, line, path, wanted)),
    }
}

fn mapping<'a>(map: &'a Map, place: Spot<'_>, key: &str) -> Result<Option<&'a Map>, StateError> {
    match map.get(key) {
        None => Ok(None),
        Some(Node::Map(inner)) => Ok(Some(inner)),
        Some(node) if node.is_null() => Ok(None),
        Some(node) => Err(wrong(node, map.line_of(key), &format!("{}{key}", place.path), "a mapping")),
    }
}

fn each(facts: &Map, place: Spot<'_>, key: &str, want: Want) -> Result<(), StateError> {
    let Some(map) = mapping(facts, place, key)? else { return Ok(()) };
    for (name, value) in &map.entries {
        fits(value, name.line, &format!("{}{key}.{}", place.path, name.source), want)?;
    }
    Ok(())
}

fn list<'a>(map: &'a Map, place: Spot<'_>, key: &str) -> Result<&'a [Node], StateError> {
    match map.get(key) {
        None => Ok(&[]),
        Some(Node::List(items)) => Ok(items),
        Some(node) if node.is_null() => Ok(&[]),
        Some(node) => Err(wrong(node, map.line_of(key), &format!("{}{key}", place.path), "a list")),
    }
}

fn entry<'a>(node: &'a Node, place: Spot<'_>) -> Result<&'a Map, StateError> {
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
