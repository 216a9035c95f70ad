//! The typed view of a state file: reading it, making it, asking it.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::document::{Map, Node, Scalar, ScalarKind};
use super::entries::{
    Attempt, Decision, DueNotice, Intent, Issue, Metadata, Question, Stopped, StoppedBy, StoredStatus, TaskEntry,
};
use super::error::StateError;
use super::overall::Overall;
use super::{check, emitter, issue_id, reader};
use crate::domain::advisory::holds_images;
use crate::domain::release::ZStream;
use crate::domain::task::{Flow, JobRef, Task, TaskStatus, Which};

/// The state of one release. What this program does not know stays in place and in order.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub(super) document: Map,
    pub(super) release: ZStream,
}

impl State {
    /// Reads a state file; `expected` refuses the file of another release.
    ///
    /// # Errors
    ///
    /// [`StateError`]: no YAML, another schema, a value of the wrong type, another release.
    pub fn parse(text: &str, expected: Option<&ZStream>) -> Result<Self, StateError> {
        let read = reader::read(text).map_err(|error| merge_conflict(text).unwrap_or(error))?;
        let (document, release) = check::checked(read)?;
        if let Some(expected) = expected
            && *expected != release
        {
            return Err(StateError::OtherRelease {
                line: document.line_of("release"),
                expected: expected.to_string(),
                found: release.to_string(),
            });
        }
        Ok(Self { document, release })
    }

    /// A new state without tasks and issues.
    pub fn create(release: &ZStream, now: Timestamp, metadata: &Metadata) -> Self {
        let now = stamp(now);
        let numbers = metadata.advisory_ids.iter().map(|(key, id)| (Scalar::text(key), Node::int(*id)));
        let builds = metadata.candidate_builds.iter().map(|(key, build)| (Scalar::text(key), Node::text(build)));
        let facts = Map::from([
            ("jira_ticket", Node::optional(metadata.jira_ticket.as_deref())),
            ("advisory_ids", Node::Map(Map { entries: numbers.collect() })),
            ("release_date", Node::optional(metadata.release_date.as_deref())),
            ("candidate_builds", Node::Map(Map { entries: builds.collect() })),
            ("shipment_mr", Node::optional(metadata.shipment_mr.as_deref())),
        ]);
        let document = Map::from([
            ("schema_version", Node::text("1.0")),
            ("release", Node::text(release.to_string())),
            ("created_at", Node::text(&now)),
            ("updated_at", Node::text(&now)),
            ("metadata", Node::Map(facts)),
            ("tasks", Node::List(Vec::new())),
            ("issues", Node::List(Vec::new())),
        ]);
        Self { document, release: release.clone() }
    }

    /// The file, byte for byte as the original writes it.
    pub fn to_yaml(&self) -> String {
        emitter::emit(&Node::Map(self.document.clone()))
    }

    /// The whole state with its key order.
    pub fn to_json(&self) -> serde_json::Value {
        map_to_json(&self.document)
    }

    /// Does the file have this part at its top level?
    pub fn has(&self, part: &str) -> bool {
        self.document.get(part).is_some()
    }

    /// Which release.
    pub const fn release(&self) -> &ZStream {
        &self.release
    }

    /// When the file was made, as stored.
    pub fn created_at(&self) -> &str {
        source(&self.document, "created_at").unwrap_or_default()
    }

    /// When it was last written, as stored.
    pub fn updated_at(&self) -> &str {
        source(&self.document, "updated_at").unwrap_or_default()
    }

    /// Facts of build data.
    pub fn metadata(&self) -> Metadata {
        let Some(facts) = self.document.get("metadata").and_then(Node::as_map) else {
            return Metadata::default();
        };
        let pairs =
            |key: &str| facts.get(key).and_then(Node::as_map).map(|map| map.entries.as_slice()).unwrap_or_default();
        let ids = pairs("advisory_ids").iter().filter_map(|(key, id)| Some((key.source.clone(), integer(id)?)));
        let builds = pairs("candidate_builds").iter();
        Metadata {
            jira_ticket: owned(facts, "jira_ticket"),
            advisory_ids: ids.collect(),
            release_date: owned(facts, "release_date"),
            candidate_builds: builds
                .filter_map(|(key, build)| Some((key.source.clone(), build.as_text()?.to_owned())))
                .collect::<IndexMap<_, _>>(),
            shipment_mr: owned(facts, "shipment_mr"),
            decisions: maps(facts, "decisions").filter_map(decision).collect(),
        }
    }

    /// All task entries in file order, strangers included.
    pub fn tasks(&self) -> Vec<TaskEntry> {
        maps(&self.document, "tasks").map(task_entry).collect()
    }

    /// The entry of `task`.
    pub fn task(&self, task: Task) -> Option<TaskEntry> {
        maps(&self.document, "tasks").find(|map| source(map, "name") == Some(task.name())).map(task_entry)
    }

    /// Status of `task`; absent is Not Started. An unknown status counts as In Progress, so that
    /// nothing is started or passed over because of it.
    pub fn status(&self, task: Task) -> TaskStatus {
        self.task(task).map_or(TaskStatus::NotStarted, |entry| entry.status.known().unwrap_or(TaskStatus::InProgress))
    }

    /// Messages that are due, with the task that each is about.
    pub fn due(&self) -> Vec<(Option<Task>, DueNotice)> {
        let of_tasks = self.tasks().into_iter().filter_map(|entry| Some((entry.task()?, entry.due)));
        let of_tasks = of_tasks.flat_map(|(task, due)| due.into_iter().map(move |notice| (Some(task), notice)));
        maps(&self.document, "notified").filter_map(due).map(|notice| (None, notice)).chain(of_tasks).collect()
    }

    /// Keys of all messages that were sent about the release or one of its tasks.
    pub fn notified(&self) -> Vec<String> {
        let list = self.document.get("notified").and_then(Node::as_list).unwrap_or_default();
        let of_release = list.iter().filter_map(Node::as_text).map(str::to_owned);
        of_release.chain(self.tasks().into_iter().flat_map(|entry| entry.notified)).collect()
    }

    /// What a person decided last about a build. A decision that ended in a verdict counts no more once the task was
    /// put back to Not Started.
    pub fn decision_about(&self, which: Which, build: &str) -> Option<Decision> {
        let last = self.metadata().decisions.into_iter().rev().find(|decision| decision.is_about(which, build))?;
        let taken_back = self.task(which.task()).is_some_and(|entry| {
            let ended = entry.attempts.iter().filter_map(|attempt| attempt.ended_at).max();
            entry.status.known() == Some(TaskStatus::NotStarted)
                && ended.zip(last.at).is_some_and(|(end, at)| end >= at)
        });
        (!taken_back).then_some(last)
    }

    /// All issues in file order.
    pub fn issues(&self) -> Vec<Issue> {
        maps(&self.document, "issues").map(|map| issue(&self.release, map)).collect()
    }

    /// Does `other` hold everything in which this state differs from `before`?
    ///
    /// `updated_at` does not count: whoever writes later sets it anew.
    pub fn changes_stand_in(&self, before: Option<&Self>, other: &Self) -> bool {
        let parts = |state: &Self| -> Vec<(String, Node)> {
            let top = state.document.entries.iter().filter(|(key, value)| {
                key.source != "updated_at"
                    && !(matches!(key.source.as_str(), "tasks" | "issues") && value.as_list().is_some())
            });
            let top = top.map(|(key, value)| (key.source.clone(), value.clone()));
            let tasks = maps(&state.document, "tasks")
                .map(|map| (format!("task {}", source(map, "name").unwrap_or_default()), Node::Map(map.clone())));
            let issues = maps(&state.document, "issues")
                .map(|map| (format!("issue {}", issue(&state.release, map).id), Node::Map(map.clone())));
            top.chain(tasks).chain(issues).collect()
        };
        let (old, present) = (before.map(parts).unwrap_or_default(), parts(other));
        let added = parts(self).into_iter().filter(|part| !old.contains(part)).all(|part| present.contains(&part));
        let ours: Vec<String> = parts(self).into_iter().map(|(name, _)| name).collect();
        let gone = old.iter().filter(|(name, _)| !ours.contains(name));
        added && gone.into_iter().all(|(name, _)| !present.iter().any(|(other, _)| other == name))
    }

    /// The way the release ships, as far as the stored facts tell; build data has the last word where it is at hand.
    ///
    /// As there, only an advisory that holds images makes the Errata flow, and only while there is no shipment
    /// and no placeholder. A shipment without page is not stored, nor are placeholders unless other tools did it.
    pub fn flow(&self) -> Flow {
        let facts = self.metadata();
        // Other tools store an empty page where build data has no shipment.
        let has_shipment = facts.shipment_mr.is_some_and(|page| !page.is_empty());
        let has_placeholder = facts.advisory_ids.values().any(|id| *id <= 0);
        let has_images = facts.advisory_ids.keys().any(|impetus| holds_images(impetus));
        if has_images && !has_shipment && !has_placeholder { Flow::Errata } else { Flow::Konflux }
    }

    /// Red iff a tracked task of its flow is Fail.
    pub fn overall(&self) -> Overall {
        Overall::of(self.flow(), |task| self.status(task))
    }
}

/// A moment as state files spell it: UTC, whole seconds.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn issue(release: &ZStream, map: &Map) -> Issue {
    let text = owned(map, "issue").unwrap_or_default();
    let reported_at = owned(map, "reported_at");
    let related = map.get("related_tasks").and_then(Node::as_list).unwrap_or_default();
    Issue {
        id: owned(map, "id")
            .unwrap_or_else(|| issue_id::of(release, &text, reported_at.as_deref().unwrap_or_default())),
        issue: text,
        reported_at,
        resolved: truth(map, "resolved"),
        resolution: owned(map, "resolution"),
        blocker: truth(map, "blocker"),
        related_tasks: related.iter().filter_map(Node::as_text).map(str::to_owned).collect(),
        resolved_at: owned(map, "resolved_at"),
        source: owned(map, "source"),
    }
}

pub(super) fn task_entry(map: &Map) -> TaskEntry {
    let status = source(map, "status").unwrap_or_default();
    let notified = map.get("notified").and_then(Node::as_list).unwrap_or_default();
    TaskEntry {
        name: owned(map, "name").unwrap_or_default(),
        status: status.parse().map_or_else(|_| StoredStatus::Other(status.to_owned()), StoredStatus::Known),
        started_at: owned(map, "started_at"),
        completed_at: owned(map, "completed_at"),
        result: owned(map, "result"),
        job_ref: map.get("job_ref").and_then(job_ref),
        attempts: maps(map, "attempts").map(attempt).collect(),
        intent: map.get("intent").and_then(Node::as_map).and_then(intent),
        question: map.get("question").and_then(Node::as_map).and_then(question),
        notified: notified.iter().filter_map(Node::as_text).map(str::to_owned).collect(),
        due: notified.iter().filter_map(Node::as_map).filter_map(due).collect(),
        reason: owned(map, "reason"),
        stopped: map.get("stopped").and_then(Node::as_map).and_then(stopped),
    }
}

fn stopped(map: &Map) -> Option<Stopped> {
    let by = source(map, "by")?;
    let by = StoppedBy::ALL.into_iter().find(|known| known.name() == by)?;
    Some(Stopped { by, what: owned(map, "what").unwrap_or_default(), on: owned(map, "on") })
}

fn attempt(map: &Map) -> Attempt {
    Attempt {
        n: map.get("n").and_then(integer).unwrap_or_default(),
        started_at: moment(map, "started_at"),
        ended_at: moment(map, "ended_at"),
        outcome: owned(map, "outcome"),
        class: owned(map, "class"),
        note: owned(map, "note"),
        job_ref: map.get("job_ref").and_then(job_ref),
    }
}

fn job_ref(node: &Node) -> Option<JobRef> {
    let map = node.as_map()?;
    Some(JobRef {
        system: source(map, "system")?.parse().ok()?,
        id: owned(map, "id").unwrap_or_default(),
        url: owned(map, "url"),
        triggered_at: moment(map, "triggered_at"),
    })
}

fn intent(map: &Map) -> Option<Intent> {
    Some(Intent { key: owned(map, "key")?, at: moment(map, "at"), by: owned(map, "by").unwrap_or_default() })
}

fn question(map: &Map) -> Option<Question> {
    let choices = map.get("choices").and_then(Node::as_list).unwrap_or_default();
    Some(Question {
        id: owned(map, "id")?,
        text: owned(map, "text").unwrap_or_default(),
        choices: choices.iter().filter_map(Node::as_text).map(str::to_owned).collect(),
        asked_at: moment(map, "asked_at"),
        key: owned(map, "key").unwrap_or_default(),
    })
}

fn due(map: &Map) -> Option<DueNotice> {
    Some(DueNotice {
        key: owned(map, "key")?,
        team: owned(map, "team")?,
        calls_team: truth(map, "calls_team"),
        text: owned(map, "text")?,
        due_at: moment(map, "due_at"),
    })
}

fn decision(map: &Map) -> Option<Decision> {
    use crate::domain::task::Which;
    let which = source(map, "which")?;
    Some(Decision {
        which: Which::ALL.into_iter().find(|known| known.name() == which)?,
        build: owned(map, "build"),
        accept: truth(map, "accept"),
        reason: owned(map, "reason").unwrap_or_default(),
        by: owned(map, "by").unwrap_or_default(),
        at: moment(map, "at"),
    })
}

/// The mappings in the list `key`.
fn maps<'a>(map: &'a Map, key: &str) -> impl Iterator<Item = &'a Map> {
    map.get(key).and_then(Node::as_list).unwrap_or_default().iter().filter_map(Node::as_map)
}

/// Source text of `key`; an unquoted time counts as its text, `null` as nothing.
pub(super) fn source<'a>(map: &'a Map, key: &str) -> Option<&'a str> {
    match map.get(key)? {
        Node::Scalar(Scalar { kind: ScalarKind::Null, .. }) | Node::List(_) | Node::Map(_) => None,
        Node::Scalar(scalar) => Some(&scalar.source),
    }
}

fn owned(map: &Map, key: &str) -> Option<String> {
    source(map, key).map(str::to_owned)
}

fn moment(map: &Map, key: &str) -> Option<Timestamp> {
    source(map, key)?.parse().ok()
}

fn truth(map: &Map, key: &str) -> bool {
    map.get(key).is_some_and(Node::is_true)
}

fn integer(node: &Node) -> Option<i64> {
    match node {
        Node::Scalar(Scalar { kind: ScalarKind::Int, source, .. }) => source.parse().ok(),
        Node::Scalar(_) | Node::List(_) | Node::Map(_) => None,
    }
}

fn map_to_json(map: &Map) -> serde_json::Value {
    map.entries
        .iter()
        .map(|(key, value)| (key.source.clone(), to_json(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn to_json(node: &Node) -> serde_json::Value {
    match node {
        Node::Map(map) => map_to_json(map),
        Node::List(items) => items.iter().map(to_json).collect(),
        Node::Scalar(scalar) => match scalar.kind {
            ScalarKind::Null => serde_json::Value::Null,
            ScalarKind::Bool => node.is_true().into(),
            ScalarKind::Int => {
                scalar.source.parse::<i64>().map_or_else(|_| scalar.source.clone().into(), serde_json::Value::from)
            }
            ScalarKind::Float => {
                scalar.source.parse::<f64>().map_or_else(|_| scalar.source.clone().into(), serde_json::Value::from)
            }
            ScalarKind::Text | ScalarKind::Time | ScalarKind::Reserved => scalar.source.clone().into(),
        },
    }
}

/// What Git leaves behind where two edits met; a better reason than what the reader stumbles over.
fn merge_conflict(text: &str) -> Option<StateError> {
    let at = text.lines().position(|line| line.starts_with("<<<<<<< "))?;
    let why = "a merge conflict begins here (<<<<<<<): keep one side and remove the markers".to_owned();
    Some(StateError::Syntax { line: at + 1, why })
}

#[cfg(test)]
mod tests;
