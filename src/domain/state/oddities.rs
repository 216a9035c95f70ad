//! What is odd about a state file that can be read: statuses and times that nobody understands, and the like.

use std::fmt;

use jiff::Timestamp;

use super::document::{Map, Node};
use super::entries::StoredStatus;
use super::lease::LeaseKey;
use super::view::{State, source};
use crate::domain::dates;
use crate::domain::task::{Task, TaskStatus};

/// A status of a task of ours that is none of the four words, so that nobody can tell what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableStatus {
    /// The task.
    pub task: Task,
    /// Line in the file; 0 when nobody knows it.
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

/// Can tasks be run on it? A status that nobody can read may be a Fail.
pub fn is_usable(state: &State) -> bool {
    unreadable_statuses(state).is_empty()
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

/// Leases that keep every other machine away until a person acts.
fn odd_leases(state: &State) -> impl Iterator<Item = String> {
    let written: Timestamp = state.updated_at().parse().unwrap_or(Timestamp::MAX);
    let leases = LeaseKey::ALL.into_iter().filter_map(|key| state.lease(key));
    leases.filter(move |lease| lease.is_of_a_wrong_clock(written)).map(|lease| {
        let (name, line) = (lease.key.name(), line_of(&state.document, lease.key.name()));
        let why = match lease.has_unreadable_end() {
            true => "no end that can be read",
            false => "an end that no right clock can have written",
        };
        format!(
            "line {line}: the {name} lease has {why}, so it keeps every other machine away; when nothing is at work: \
             oar -r {} drive --take-over --reason TEXT",
            state.release()
        )
    })
}

/// What is unusual about a readable state; nothing of it is repaired by itself.
pub fn oddities(state: &State) -> Vec<String> {
    let mut found: Vec<String> = unreadable_statuses(state).iter().map(ToString::to_string).collect();
    found.extend(unreadable_times(state));
    found.extend(odd_leases(state));
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
            // Those of our own tasks stand above, with their line.
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
