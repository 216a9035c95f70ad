//! Questions that only a person can answer: asked with the task, answered once.

use jiff::Timestamp;

use super::document::{Map, Node};
use super::entries::{DID_NOT_HAPPEN, Question};
use super::operation::{AddIssue, Change, Rejection, SetTask};
use super::task_moves::{self, entry};
use super::view::{self, stamp, task_entry};
use super::{issues, text};
use crate::domain::release::ZStream;
use crate::domain::task::{JobRef, Task, TaskStatus};

/// Asks, unless the same is asked already.
pub(super) fn ask(document: &mut Map, task: Task, question: &Question) {
    let entry = entry(document, task);
    if task_entry(entry).question.is_some_and(|open| open.key == text::note(&question.key)) {
        return;
    }
    let choices = question.choices.iter().map(Node::text).collect();
    let map = Map::from([
        ("id", Node::text(&question.id)),
        ("text", Node::text(text::note(&question.text))),
        ("choices", Node::List(choices)),
        ("asked_at", Node::optional(question.asked_at.map(stamp))),
        ("key", Node::text(text::note(&question.key))),
    ]);
    entry.set("question", Node::Map(map));
}

/// Answers: what did not happen may be started again; what happened is waited for. The words stay as a note.
pub(super) fn answer(
    document: &mut Map,
    release: &ZStream,
    id: &str,
    choice: &str,
    [reason, by]: [&str; 2],
    at: Timestamp,
) -> Result<(), Rejection> {
    let Some((task, question)) = open(document).into_iter().find(|(_, question)| question.id == id) else {
        return not_open(document, release, id, choice);
    };
    if !question.choices.iter().any(|known| known == choice) {
        let (id, choice) = (id.to_owned(), choice.to_owned());
        return Err(Rejection::NoSuchChoice { id, choice, choices: question.choices });
    }
    entry(document, task).remove("question");
    if choice == DID_NOT_HAPPEN {
        let reason = Change::Set(format!("{by} said that it did not happen: {reason}"));
        let reset = SetTask { reason, intent: Change::Clear, ..SetTask::new(task, TaskStatus::NotStarted, at) };
        task_moves::set(document, &reset)?;
    } else if let (Some((system, _)), None) = (task.job(), task_entry(entry(document, task)).job_ref) {
        // It runs or ran, and only a person can find out which one it is.
        let triggered_at = question.asked_at;
        let job = JobRef { system, id: String::new(), url: None, triggered_at };
        let (job_ref, intent) = (Change::Set(job), Change::Clear);
        task_moves::set(document, &SetTask { job_ref, intent, ..SetTask::new(task, TaskStatus::InProgress, at) })?;
    } else {
        entry(document, task).remove("intent");
    }
    let note = AddIssue {
        text: format!("question {id} ({}) was answered {choice} by {by}: {reason}", question.text),
        blocker: false,
        related: vec![task],
        source: Some(format!("{}{choice}", answers_to(id))),
        at,
    };
    issues::add(document, release, &note)
}

/// The same answer again is fine; another one came too late.
fn not_open(document: &Map, release: &ZStream, id: &str, choice: &str) -> Result<(), Rejection> {
    let stored = document.get("issues").and_then(Node::as_list).unwrap_or_default();
    let notes = stored.iter().filter_map(Node::as_map).map(|map| view::issue(release, map));
    let answers = answers_to(id);
    let said = notes.into_iter().find_map(|note| Some((note.source?.strip_prefix(&answers)?.to_owned(), note.issue)));
    match said {
        Some((said, _)) if said == choice => Ok(()),
        Some((_, answer)) => Err(Rejection::AnsweredAlready { id: id.to_owned(), answer }),
        None => {
            let open = open(document).into_iter().map(|(_, question)| question.id).collect();
            Err(Rejection::NoSuchQuestion { id: id.to_owned(), open })
        }
    }
}

/// Source of the notes that keep the answer to a question; the answer follows.
fn answers_to(id: &str) -> String {
    format!("question:{id}:")
}

fn open(document: &Map) -> Vec<(Task, Question)> {
    let tasks = document.get("tasks").and_then(Node::as_list).unwrap_or_default();
    let entries = tasks.iter().filter_map(Node::as_map).map(task_entry);
    entries.filter_map(|entry| Some((entry.task()?, entry.question?))).collect()
}
