//! Moving a task from status to status, with times and attempts.
//!
//! Times come from the clock of whoever moves the task, never out of a log. Each try is kept as an
//! attempt with the job it started, so that a job reference is never lost when a new try begins.

use jiff::Timestamp;

use super::document::{Map, Node};
use super::entries::{Attempt, Intent, Stopped, TaskEntry};
use super::operation::{AddIssue, Change, Override, Rejection, SetTask};
use super::text;
use super::view::{stamp, task_entry};
use crate::domain::job_trace::SUPERSEDED;
use crate::domain::task::{JobRef, Task, TaskStatus};

/// Attempts that are kept per task; the oldest go first.
const MAX_ATTEMPTS: usize = 20;

/// Moves a task; an override of a Pass gives back the note that has to be added.
pub(super) fn set(document: &mut Map, set: &SetTask) -> Result<Option<AddIssue>, Rejection> {
    let stored = find(document, set.task).map(task_entry);
    // A stranger's status may mean anything; taking it for a running task neither repeats nor drops work.
    let from =
        stored.as_ref().map_or(TaskStatus::NotStarted, |entry| entry.status.known().unwrap_or(TaskStatus::InProgress));
    let bare = set.result.is_none() && !set.job_ref.is_set() && !set.intent.is_set() && !set.reason.is_set();
    if stored.is_none() && set.to == TaskStatus::NotStarted && bare {
        return Ok(None);
    }
    if from == TaskStatus::Pass && set.override_.is_none() {
        if set.to != TaskStatus::Pass {
            return Err(Rejection::PassStays { task: set.task, to: set.to });
        }
        return after_pass(document, stored.as_ref(), set).map(|()| None);
    }
    if set.to == TaskStatus::Pass && set.intent.is_set() {
        // A run after a Pass announces what it changes; there is none any more.
        return Err(Rejection::EndedElsewhere { task: set.task, status: from });
    }
    if let Some(stored) = &stored {
        match standing(stored, set) {
            RunStanding::Open => {}
            RunStanding::Closed(by) => return Err(by),
            RunStanding::Ended => return stands(document, stored, set).map(|()| None),
        }
    }
    let entry = entry(document, set.task);
    let stored = task_entry(entry);
    let overrides = set.override_.as_ref().filter(|_| from == TaskStatus::Pass);
    let result = new_result(set, overrides, &stored);
    let step = step(&stored, from, set, result.as_deref());
    move_times(entry, &stored, from, set, step);
    entry.set_after("name", "status", Node::text(set.to.as_str()));
    if let Some(result) = result {
        entry.set_after("completed_at", "result", Node::text(result));
    }
    if step == Step::NewAttempt && set.job_ref == Change::Keep {
        // It belongs to the former attempt, which keeps it.
        entry.remove("job_ref");
    } else {
        change(entry, "job_ref", &set.job_ref, job_node);
    }
    change(entry, "intent", &set.intent, intent_node);
    change(entry, "reason", &set.reason, |reason| Node::text(text::note(reason)));
    change(entry, "stopped", &set.stopped, stopped_node);
    Ok(overrides.filter(|_| step != Step::Refresh).map(|permission| override_note(set, from, permission)))
}

/// A task that has passed keeps everything; only what a later run of it announces, and what stops a step that it owes,
/// comes and goes.
fn after_pass(document: &mut Map, stored: Option<&TaskEntry>, set: &SetTask) -> Result<(), Rejection> {
    let Some(stored) = stored else { return Ok(()) };
    match standing(stored, set) {
        RunStanding::Closed(by) if set.intent.is_set() => return Err(by),
        RunStanding::Closed(_) | RunStanding::Ended => {}
        RunStanding::Open if set.intent.is_set() || stored.intent.is_some() => {
            change(entry(document, set.task), "intent", &set.intent, intent_node);
        }
        RunStanding::Open => {}
    }
    if set.stopped.is_set() || stored.stopped.is_some() {
        change(entry(document, set.task), "stopped", &set.stopped, stopped_node);
    }
    Ok(())
}

/// Two runs of one task: what a run stores counts only while the announcement in the file is the one that it made, or
/// that it has settled. No clock decides this: whoever wants to replace an announcement has to name it.
fn standing(stored: &TaskEntry, set: &SetTask) -> RunStanding {
    let Some(run) = &set.of_run else { return RunStanding::Open };
    match (&stored.intent, &set.intent) {
        (Some(theirs), Change::Set(ours))
            if theirs.key == text::note(&ours.key) && theirs.by == text::note(&ours.by) =>
        {
            RunStanding::Open
        }
        (Some(theirs), _) if run.holds.as_deref().map(text::note).as_deref() == Some(&theirs.key) => RunStanding::Open,
        (Some(theirs), _) => {
            let at = theirs.at.or(stored.started()).unwrap_or(set.at);
            RunStanding::Closed(Rejection::StartedElsewhere { task: set.task, by: theirs.by.clone(), at })
        }
        (None, _) if run.holds.is_some() => RunStanding::Ended,
        (None, _) => RunStanding::Open,
    }
}

/// May a run store what it found?
enum RunStanding {
    Open,
    /// Another run is at it.
    Closed(Rejection),
    /// Its announcement is gone: this very change was stored, or somebody else ended the task.
    Ended,
}

/// The change of a run whose announcement is gone: good only when the file says all of it already.
fn stands(document: &Map, stored: &TaskEntry, set: &SetTask) -> Result<(), Rejection> {
    let is_same_job = match (&set.job_ref, &stored.job_ref) {
        (Change::Set(ours), Some(theirs)) => set.to == TaskStatus::InProgress && ours.id == theirs.id,
        (Change::Keep | Change::Clear | Change::Set(_), _) => false,
    };
    let mut after = document.clone();
    self::set(&mut after, &SetTask { of_run: None, ..set.clone() })?;
    if is_same_job || after == *document {
        return Ok(());
    }
    let status = stored.status.known().unwrap_or(TaskStatus::InProgress);
    Err(Rejection::EndedElsewhere { task: set.task, status })
}

/// What a move means for attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The same status reported again.
    Refresh,
    /// A try begins (and, for a verdict, ends at once).
    NewAttempt,
    /// The running try ends.
    End,
    /// Back to Not Started without a running try.
    Reset,
}

fn step(stored: &TaskEntry, from: TaskStatus, set: &SetTask, result: Option<&str>) -> Step {
    let same_moment = stored.completed_at.as_deref() == Some(&stamp(set.at));
    let same_result = result.is_none_or(|result| stored.result.as_deref() == Some(result));
    match (from, set.to) {
        (TaskStatus::InProgress, TaskStatus::InProgress | TaskStatus::Pass | TaskStatus::Fail)
            if is_other_job(stored.job_ref.as_ref(), &set.job_ref) =>
        {
            Step::NewAttempt
        }
        (TaskStatus::InProgress, TaskStatus::InProgress) => Step::Refresh,
        (TaskStatus::InProgress, TaskStatus::NotStarted | TaskStatus::Pass | TaskStatus::Fail) => Step::End,
        (TaskStatus::NotStarted | TaskStatus::Pass | TaskStatus::Fail, TaskStatus::InProgress) => Step::NewAttempt,
        (TaskStatus::NotStarted | TaskStatus::Pass | TaskStatus::Fail, TaskStatus::NotStarted) => Step::Reset,
        (TaskStatus::Pass | TaskStatus::Fail, TaskStatus::Pass | TaskStatus::Fail)
            if from == set.to && same_moment && same_result =>
        {
            Step::Refresh
        }
        (TaskStatus::NotStarted | TaskStatus::Pass | TaskStatus::Fail, TaskStatus::Pass | TaskStatus::Fail) => {
            Step::NewAttempt
        }
    }
}

/// A queue item that became a build is still the same job.
fn is_other_job(stored: Option<&JobRef>, new: &Change<JobRef>) -> bool {
    match (stored, new) {
        (Some(stored), Change::Set(new)) => {
            stored.system != new.system || (!stored.id.is_empty() && stored.id != new.id)
        }
        (Some(_) | None, Change::Keep | Change::Clear) | (None, Change::Set(_)) => false,
    }
}

fn move_times(entry: &mut Map, stored: &TaskEntry, from: TaskStatus, set: &SetTask, step: Step) {
    let at = stamp(set.at);
    let began = stamp(set.began.unwrap_or(set.at).min(set.at));
    let verdict = matches!(set.to, TaskStatus::Pass | TaskStatus::Fail);
    let mut attempts = stored.attempts.clone();
    let note = |attempt: &mut Attempt| {
        attempt.ended_at = Some(set.at);
        attempt.outcome = Some(set.to.as_str().to_owned());
        attempt.class.clone_from(&set.class);
        attempt.note = set.note.as_deref().map(text::note);
        attempt.job_ref = match &set.job_ref {
            Change::Set(_) if step == Step::End && is_other_job(stored.job_ref.as_ref(), &set.job_ref) => {
                stored.job_ref.clone()
            }
            Change::Set(job) => Some(job.clone()),
            Change::Keep if step == Step::NewAttempt => None,
            Change::Keep | Change::Clear => stored.job_ref.clone(),
        };
    };
    if from != TaskStatus::InProgress {
        keep_job(&mut attempts, stored, set, step);
    }
    match step {
        Step::Refresh if from == TaskStatus::InProgress && set.job_ref == Change::Clear && stored.job_ref.is_some() => {
            let running = running(&mut attempts, stored);
            running.job_ref.clone_from(&stored.job_ref);
        }
        Step::Refresh | Step::Reset => {}
        Step::End => {
            note(running(&mut attempts, stored));
            if verdict && stored.started().is_none_or(|started| started > set.at) {
                entry.set_after("status", "started_at", Node::text(&began));
            }
        }
        Step::NewAttempt => {
            if from == TaskStatus::InProgress {
                let running = running(&mut attempts, stored);
                running.ended_at = Some(set.at);
                running.outcome = Some(SUPERSEDED.to_owned());
                running.job_ref.clone_from(&stored.job_ref);
            }
            let mut attempt = blank_attempt(&attempts);
            attempt.started_at = began.parse().ok();
            if verdict {
                note(&mut attempt);
            }
            attempts.push(attempt);
            entry.set_after("status", "started_at", Node::text(&began));
        }
    }
    match set.to {
        TaskStatus::InProgress => entry.set_after("started_at", "completed_at", Node::null()),
        TaskStatus::Pass | TaskStatus::Fail if step != Step::Refresh => {
            entry.set_after("started_at", "completed_at", Node::text(at));
        }
        TaskStatus::NotStarted if from == TaskStatus::InProgress => {
            entry.set_after("started_at", "completed_at", Node::null());
        }
        TaskStatus::NotStarted | TaskStatus::Pass | TaskStatus::Fail => {}
    }
    if attempts != stored.attempts {
        let surplus = attempts.len().saturating_sub(MAX_ATTEMPTS);
        write_attempts(entry, &attempts[surplus..], &stored.attempts, surplus);
    }
}

/// A job that no attempt tells of gets one of its own before its reference goes.
fn keep_job(attempts: &mut Vec<Attempt>, stored: &TaskEntry, set: &SetTask, step: Step) {
    let goes = match &set.job_ref {
        Change::Clear => true,
        Change::Set(_) => is_other_job(stored.job_ref.as_ref(), &set.job_ref),
        Change::Keep => step == Step::NewAttempt,
    };
    let is_listed = attempts.iter().any(|attempt| attempt.job_ref == stored.job_ref);
    if goes && !is_listed && stored.job_ref.is_some() {
        let job_ref = stored.job_ref.clone();
        let outcome = Some(SUPERSEDED.to_owned());
        attempts.push(Attempt { ended_at: Some(set.at), outcome, job_ref, ..blank_attempt(attempts) });
    }
}

/// The try that runs; files of others do not tell of it, so it is made from their times.
fn running<'a>(attempts: &'a mut Vec<Attempt>, stored: &TaskEntry) -> &'a mut Attempt {
    if attempts.last().is_none_or(|last| last.ended_at.is_some()) {
        let mut attempt = blank_attempt(attempts);
        attempt.started_at = stored.started();
        attempts.push(attempt);
    }
    let last = attempts.len() - 1;
    &mut attempts[last]
}

fn blank_attempt(attempts: &[Attempt]) -> Attempt {
    let n = attempts.last().map_or(1, |last| last.n.saturating_add(1));
    Attempt { n, started_at: None, ended_at: None, outcome: None, class: None, note: None, job_ref: None }
}

/// Writes what changed over the stored attempts, of which the first `surplus` go; strangers' keys stay.
fn write_attempts(entry: &mut Map, attempts: &[Attempt], stored: &[Attempt], surplus: usize) {
    let list = entry.list_mut("result", "attempts");
    list.drain(..surplus.min(list.len()));
    for (index, attempt) in attempts.iter().enumerate() {
        if stored.get(surplus + index) == Some(attempt) {
            continue;
        }
        let mut map = match list.get(index) {
            Some(Node::Map(map)) => map.clone(),
            Some(Node::Scalar(_) | Node::List(_)) | None => Map::default(),
        };
        map.set("n", Node::int(attempt.n));
        for (key, time) in [("started_at", attempt.started_at), ("ended_at", attempt.ended_at)] {
            map.set(key, Node::optional(time.map(stamp)));
        }
        map.set("outcome", Node::optional(attempt.outcome.as_deref()));
        for (key, value) in [("class", &attempt.class), ("note", &attempt.note)] {
            if let Some(value) = value {
                map.set(key, Node::text(value));
            }
        }
        if let Some(job) = &attempt.job_ref {
            map.set("job_ref", job_node(job));
        }
        match list.get_mut(index) {
            Some(slot) => *slot = Node::Map(map),
            None => list.push(Node::Map(map)),
        }
    }
}

/// The result to store; an override stands in its first line.
fn new_result(set: &SetTask, overrides: Option<&Override>, stored: &TaskEntry) -> Option<String> {
    let Some(permission) = overrides else { return set.result.as_deref().map(text::result) };
    let head = format!("override by {}: {}", permission.actor, permission.reason);
    let body = set.result.as_deref().or(stored.result.as_deref()).unwrap_or_default();
    Some(text::result(&if body.starts_with(&head) { body.to_owned() } else { format!("{head}\n{body}") }))
}

fn override_note(set: &SetTask, from: TaskStatus, permission: &Override) -> AddIssue {
    AddIssue {
        text: format!(
            "Override of {}: {from} became {} (by {}): {}",
            set.task, set.to, permission.actor, permission.reason
        ),
        blocker: false,
        related: vec![set.task],
        source: None,
        at: set.at,
    }
}

impl<T> Change<T> {
    const fn is_set(&self) -> bool {
        matches!(self, Self::Set(_))
    }
}

fn change<T>(entry: &mut Map, key: &str, change: &Change<T>, node: impl Fn(&T) -> Node) {
    match change {
        Change::Keep => {}
        Change::Set(value) => entry.set(key, node(value)),
        Change::Clear => {
            entry.remove(key);
        }
    }
}

fn job_node(job: &JobRef) -> Node {
    let time = |at: Timestamp| stamp(at);
    Node::Map(Map::from([
        ("system", Node::text(job.system.as_str())),
        ("id", Node::text(&job.id)),
        ("url", Node::optional(job.url.as_deref())),
        ("triggered_at", Node::optional(job.triggered_at.map(time))),
    ]))
}

fn intent_node(intent: &Intent) -> Node {
    Node::Map(Map::from([
        ("key", Node::text(text::note(&intent.key))),
        ("at", Node::optional(intent.at.map(stamp))),
        ("by", Node::text(text::note(&intent.by))),
    ]))
}

fn stopped_node(stopped: &Stopped) -> Node {
    let mut map = Map::from([("by", Node::text(stopped.by.name())), ("what", Node::text(text::note(&stopped.what)))]);
    if let Some(machine) = &stopped.on {
        map.set("on", Node::text(text::note(machine)));
    }
    Node::Map(map)
}

pub(super) fn find(document: &Map, task: Task) -> Option<&Map> {
    let tasks = document.get("tasks").and_then(Node::as_list).unwrap_or_default();
    tasks.iter().filter_map(Node::as_map).find(|map| is_named(map, task))
}

fn is_named(map: &Map, task: Task) -> bool {
    map.get("name").and_then(Node::as_text) == Some(task.name())
}

/// The entry of `task`, appended as Not Started when there is none.
pub(super) fn entry(document: &mut Map, task: Task) -> &mut Map {
    let tasks = document.list_mut("metadata", "tasks");
    let place = tasks.iter().position(|node| node.as_map().is_some_and(|map| is_named(map, task)));
    let place = place.unwrap_or_else(|| {
        tasks.push(Node::Map(Map::from([
            ("name", Node::text(task.name())),
            ("status", Node::text(TaskStatus::NotStarted.as_str())),
            ("started_at", Node::null()),
            ("completed_at", Node::null()),
            ("result", Node::null()),
        ])));
        tasks.len() - 1
    });
    tasks[place].make_map()
}
