//! What stands in a state file, as values: metadata, task entries, issues, the driver's lease.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::issue_id;
use crate::domain::dates::stamp;
use crate::domain::spelled::spelled;
use crate::domain::task::{JobRef, Task, TaskStatus, Which};

/// Facts of build data, as copied into the file when it was created or refreshed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Metadata {
    /// The ART ticket (`ART-12345`; the placeholder `ART-0` occurs).
    pub jira_ticket: Option<String>,
    /// Advisory number per impetus (`rpm`, `rhcos`, `microshift`).
    pub advisory_ids: IndexMap<String, i64>,
    /// Release date as build data spells it (`2026-Mar-25`).
    pub release_date: Option<String>,
    /// Candidate nightly per architecture.
    pub candidate_builds: IndexMap<String, String>,
    /// Page of the shipment merge request.
    pub shipment_mr: Option<String>,
    /// What people decided about rejected builds, oldest first.
    pub decisions: Vec<Decision>,
}

/// A person's word about a build that the tests rejected.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Decision {
    /// Which of the two builds.
    pub which: Which,
    /// Its name; decisions of old do not hold it.
    pub build: Option<String>,
    /// Ship it all the same?
    pub accept: bool,
    /// Why.
    pub reason: String,
    /// Role or account, never a mail address.
    pub by: String,
    /// When it was recorded.
    pub at: Option<Timestamp>,
}

impl Decision {
    /// Is it about this build? A word about one nightly says nothing about the next one.
    ///
    /// A decision without name can only be about the payload, of which there is one per release.
    pub fn is_about(&self, which: Which, build: &str) -> bool {
        self.which == which && self.build.as_deref().map_or(which == Which::Promoted, |named| named == build)
    }
}

/// One entry of `tasks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEntry {
    /// Name as stored; old files hold labels that are no task of ours.
    pub name: String,
    /// Status as stored.
    pub status: StoredStatus,
    /// When the current attempt began, as stored. Before May 2026 often local time with a literal `Z`.
    pub started_at: Option<String>,
    /// When the verdict was known, as stored.
    pub completed_at: Option<String>,
    /// Log of the run, or prose.
    pub result: Option<String>,
    /// The job of ours that is running or ran last.
    pub job_ref: Option<JobRef>,
    /// Former and current attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// An outside effect that was announced and not yet confirmed.
    pub intent: Option<Intent>,
    /// Only a person can say whether this effect of the task happened.
    pub question: Option<Question>,
    /// Keys of messages that were sent for this task.
    pub notified: Vec<String>,
    /// Messages that are to be sent for it, and of which nobody stored that they were.
    pub due: Vec<DueNotice>,
    /// Why blocked, failed or overridden.
    pub reason: Option<String>,
    /// What stops it until a person acts, as its last run found it.
    pub stopped: Option<Stopped>,
}

impl TaskEntry {
    /// The task, when the name is one of ours.
    pub fn task(&self) -> Option<Task> {
        self.name.parse().ok()
    }

    /// `started_at` as a moment; text that is no time stamp is nothing.
    pub fn started(&self) -> Option<Timestamp> {
        self.started_at.as_deref().and_then(|text| text.parse().ok())
    }

    /// The reason, when it belongs to the present status.
    ///
    /// Tools that do not know `reason` move the status past it. Where our attempts do not tell of the present
    /// status, somebody else set it; and what kept a task from starting may be gone by now.
    pub fn present_reason(&self) -> Option<&str> {
        let last = self.attempts.last();
        let is_ours = match self.status.known() {
            Some(TaskStatus::InProgress) => {
                last.is_none_or(|last| last.ended_at.is_none() && last.started_at == self.started())
            }
            Some(TaskStatus::Fail) => last.is_none_or(|last| last.ended_at == self.completed()),
            Some(TaskStatus::NotStarted | TaskStatus::Pass) | None => false,
        };
        self.reason.as_deref().filter(|_| is_ours)
    }

    /// What stops the task, when it belongs to the present status.
    pub fn present_stop(&self) -> Option<&Stopped> {
        let is_ours = match self.status.known() {
            // The same run stored both.
            Some(TaskStatus::InProgress) => self.present_reason().is_some(),
            // Of a task that has passed it is about a step that it owes.
            Some(TaskStatus::NotStarted | TaskStatus::Pass) => true,
            Some(TaskStatus::Fail) | None => false,
        };
        self.stopped.as_ref().filter(|_| is_ours)
    }

    /// `completed_at` as a moment; text that is no time stamp is nothing.
    pub fn completed(&self) -> Option<Timestamp> {
        self.completed_at.as_deref().and_then(|text| text.parse().ok())
    }
}

/// What only a person can change about a task, as its last run found it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stopped {
    /// What it is.
    pub by: StoppedBy,
    /// What the run said of it.
    pub what: String,
    /// The machine of which this is true; nothing for what is true everywhere.
    pub on: Option<String>,
}

spelled! {
    /// What stops a task until a person acts.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    StoppedBy,
    /// The spelling in the file.
    name: &'static str {
        /// A rejected build waits for a decision.
        Decision = "decision",
        /// The job is gone.
        JobGone = "job-gone",
        /// The job ended with a result that is not documented.
        ResultUnknown = "result-unknown",
        /// Advisories were dropped although they hold builds.
        AdvisoryDropped = "advisory-dropped",
        /// Advisories are in a state in which nothing can be done with them.
        AdvisoryState = "advisory-state",
        /// Nobody knows whether something happened.
        UnknownOutcome = "unknown-outcome",
        /// The machine lacks a program.
        Missing = "missing",
        /// The machine lacks a credential, a right or an argument.
        Lacks = "lacks",
        /// The task has passed and owes a step that nobody but a person can make possible.
        StepLeft = "step-left",
    }
}

/// A status that may be a stranger's; strangers are shown and written back unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredStatus {
    /// One of the four.
    Known(TaskStatus),
    /// Anything else.
    Other(String),
}

impl StoredStatus {
    /// The status, unless it is a stranger's.
    pub const fn known(&self) -> Option<TaskStatus> {
        match self {
            Self::Known(status) => Some(*status),
            Self::Other(_) => None,
        }
    }

    /// The spelling in the file.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(status) => status.as_str(),
            Self::Other(text) => text,
        }
    }
}

/// One try at a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub n: i64,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended; nothing while it runs.
    pub ended_at: Option<Timestamp>,
    /// How it ended: a status, or `superseded` by a new job.
    pub outcome: Option<String>,
    /// Class of the failure, when there was one.
    pub class: Option<String>,
    /// One line for people.
    pub note: Option<String>,
    /// The job it started.
    pub job_ref: Option<JobRef>,
}

/// An outside effect that is about to happen: written before, cleared after.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Intent {
    /// Key under which the effect can be found outside.
    pub key: String,
    /// When it was announced.
    pub at: Option<Timestamp>,
    /// Role or run that announced it.
    pub by: String,
}

/// A question that only a person can answer: did this effect happen?
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Question {
    /// Eight hex digits.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// The answers there are.
    pub choices: Vec<String>,
    /// Since when.
    pub asked_at: Option<Timestamp>,
    /// Key of the effect.
    pub key: String,
}

/// The effect happened.
pub const HAPPENED: &str = "happened";

/// It did not.
pub const DID_NOT_HAPPEN: &str = "did-not-happen";

impl Question {
    /// Asks whether the effect `key` happened, which `text` tells in words.
    pub fn whether(key: &str, text: String, asked_at: Timestamp) -> Self {
        let id = issue_id::digest(&[key, &text, &stamp(asked_at)]);
        let choices = [HAPPENED, DID_NOT_HAPPEN].map(str::to_owned).to_vec();
        Self { id, text, choices, asked_at: Some(asked_at), key: key.to_owned() }
    }

    /// The command lines that answer it.
    pub fn commands(&self, release: &str) -> Vec<String> {
        let command = |choice: &String| format!("oar -r {release} answer {} {choice} --reason TEXT", self.id);
        self.choices.iter().map(command).collect()
    }
}

/// A message that is due: stored with its cause, so that any later run on any machine can send it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DueNotice {
    /// Unique within the release.
    pub key: String,
    /// Team whose channel gets it.
    pub team: String,
    /// Is the user group of the team called, and not the release leads?
    pub calls_team: bool,
    /// The text, without mention.
    pub text: String,
    /// Since when.
    pub due_at: Option<Timestamp>,
}

/// One entry of `issues`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Eight hex digits; stored, or computed for entries that others wrote.
    pub id: String,
    /// The text.
    pub issue: String,
    /// When it was reported, as stored.
    pub reported_at: Option<String>,
    /// Is it done?
    pub resolved: bool,
    /// How it was resolved.
    pub resolution: Option<String>,
    /// Does it block the release?
    pub blocker: bool,
    /// Task names as stored; empty means the whole release.
    pub related_tasks: Vec<String>,
    /// When it was resolved, as stored.
    pub resolved_at: Option<String>,
    /// The check that reported it; nothing for people's issues.
    pub source: Option<String>,
}

impl Issue {
    /// Is it open and a blocker?
    pub const fn is_open_blocker(&self) -> bool {
        self.blocker && !self.resolved
    }

    /// Does it name `task`?
    pub fn concerns(&self, task: Task) -> bool {
        self.related_tasks.iter().any(|name| name == task.name())
    }
}
