//! What people ask most: where does this release stand? The stored half of the answer.

use jiff::Timestamp;

use crate::core::context::Context;
use crate::domain::age::{Aged, Stale};
use crate::domain::release::ZStream;
use crate::domain::state::entries::{Issue, TaskEntry};
use crate::domain::state::overall::Overall;
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus};
use crate::operators::error::TaskError;
use crate::planner::messages::{Actor, Message, Severity};
use crate::planner::plan::Plan;
use crate::planner::table::recheck_after;

/// Where a release stands, as stored.
#[derive(Debug)]
pub struct StatusView {
    state: State,
}

/// Reads where `release` stands. While the store does not answer, what was last seen here serves.
///
/// # Errors
///
/// There is no state file, or it cannot be read and never was.
pub async fn of(ctx: &Context, release: &ZStream) -> Result<Aged<StatusView>, TaskError> {
    match ctx.statebox.load(release).await {
        Ok(loaded) => {
            let state = loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state;
            Ok(Aged::current(state.into()))
        }
        Err(error) => match ctx.statebox.last_seen(release).filter(|_| error.is_outage()) {
            Some(state) => {
                let why = format!("the state of {release} is what was last seen here: {error}");
                Ok(Aged::stale(state.into(), Stale::new(ctx.statebox.last_seen_at(release), why)))
            }
            None => Err(error.into()),
        },
    }
}

/// One line of the list of tasks.
#[derive(Debug)]
pub struct TaskLine {
    /// The task.
    pub task: Task,
    /// Its stored status; a word that nobody knows counts as In Progress.
    pub status: TaskStatus,
    /// The status as it stands in the file.
    pub text: String,
    /// When that began or was known, as stored.
    pub at: String,
    /// Page or name of the job, while it matters.
    pub job: Option<String>,
    /// Why it failed or is held back, or what it waits for.
    pub why: Option<String>,
}

/// One thing that is waited for.
#[derive(Debug)]
pub struct ShownWait {
    /// The task, when it is one task that waits.
    pub task: Option<Task>,
    /// What for.
    pub what: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When to look again; never before now.
    pub recheck_at: Option<Timestamp>,
}

impl From<State> for StatusView {
    fn from(state: State) -> Self {
        Self { state }
    }
}

impl StatusView {
    /// The stored state.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Release date, flow and age of what is stored, on one line.
    pub fn facts(&self) -> String {
        let due = self.state.metadata().release_date;
        let due = due.as_deref().unwrap_or("unknown");
        format!("release date {due}, {} flow, updated {}", self.state.flow(), self.state.updated_at())
    }

    /// What is waited for: running tasks as stored, then the waits of `planned`. A task that only waits for another one
    /// is reported by the list of tasks.
    pub fn waits(&self, planned: &Plan, now: Timestamp) -> Vec<ShownWait> {
        let shown = |message: &&Message| match message.severity() {
            Severity::Info => message.recheck.is_some(),
            Severity::Wait => message.kind.actor() != Actor::Tasks,
            Severity::Action | Severity::Failure => false,
        };
        let messages: Vec<&Message> = planned.messages.iter().filter(shown).collect();
        let updated: Option<Timestamp> = self.state.updated_at().parse().ok();
        let running = self.tasks().into_iter().filter(|line| {
            line.status == TaskStatus::InProgress && !messages.iter().any(|message| message.task == Some(line.task))
        });
        let job = |task: Task| self.state.task(task).and_then(|entry| entry.job_ref);
        let again = |task: Task| recheck_after(task, job(task).as_ref());
        let running = running.map(|line| ShownWait {
            task: Some(line.task),
            what: format!("{}: {}", line.task, line.why.as_deref().unwrap_or("running")),
            since: line.at.parse().ok(),
            recheck_at: updated.and_then(|at| at.checked_add(again(line.task)).ok()).map(|at| at.max(now)),
        });
        let others = messages.iter().map(|message| ShownWait {
            task: message.task,
            what: message.text.clone(),
            since: message.since,
            recheck_at: message.recheck.map(|at| at.max(now)),
        });
        running.chain(others).collect()
    }

    /// Overall status.
    pub fn overall(&self) -> Overall {
        self.state.overall()
    }

    /// Every tracked task.
    pub fn tasks(&self) -> Vec<TaskLine> {
        let release = self.state.release();
        Task::tracked(self.state.flow()).map(|task| line(release, task, self.state.task(task))).collect()
    }

    /// Issues that are not resolved, blockers first.
    pub fn open_issues(&self) -> Vec<Issue> {
        let mut open: Vec<Issue> = self.state.issues().into_iter().filter(|issue| !issue.resolved).collect();
        open.sort_by_key(|issue| !issue.blocker);
        open
    }
}

fn line(release: &ZStream, task: Task, entry: Option<TaskEntry>) -> TaskLine {
    let Some(entry) = entry else {
        let status = TaskStatus::NotStarted;
        return TaskLine { task, status, text: status.to_string(), at: String::new(), job: None, why: None };
    };
    let (status, text) = (entry.status.known().unwrap_or(TaskStatus::InProgress), entry.status.as_str().to_owned());
    let open = status != TaskStatus::Pass;
    let job = entry.job_ref.clone().filter(|_| open).map(|job| job.url.clone().unwrap_or_else(|| job.to_string()));
    let asked = entry.question.as_ref().map(|question| {
        let answers = question.commands(&release.to_string()).join(" or ");
        format!("question {}: {}; answer it: {answers}", question.id, question.text)
    });
    let why = asked.or_else(|| entry.present_reason().map(str::to_owned));
    TaskLine { task, status, text, at: entry.completed_at.or(entry.started_at).unwrap_or_default(), job, why }
}
