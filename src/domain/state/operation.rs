//! Changes of a state as values that can be applied again to a fresher copy.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::entries::{DueNotice, Intent, Metadata, Question, Stopped};
use super::holder;
use super::lease::{Fence, Lease, LeaseKey};
use super::view::{State, stamp};
use crate::domain::absence::{Announced, ClockOf};
use crate::domain::task::{JobRef, Task, TaskStatus, Which};

/// Tasks and statuses in operations that wait are spelled as in state files.
macro_rules! read_as_spelled {
    ($($name:ident),*) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

read_as_spelled!(Task, TaskStatus);

/// One change. Applying it twice is the same as applying it once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Makes the file when there is none; an existing one stays.
    Create {
        /// What build data says.
        metadata: Metadata,
    },
    /// Moves a task, with everything that belongs to the move.
    SetTask(SetTask),
    /// Remembers that the message `key` was sent.
    Notified {
        /// The task that it is about; nothing for the whole release.
        task: Option<Task>,
        /// Dedupe key of the message.
        key: String,
    },
    /// Lets a message be sent by this run or any later one; one that is due or was sent is not added again.
    NoticeDue {
        /// The task that it is about; nothing for the whole release.
        task: Option<Task>,
        /// The message.
        notice: DueNotice,
    },
    /// Asks a person whether an effect happened.
    Ask {
        /// The task.
        task: Task,
        /// What is asked.
        question: Question,
    },
    /// Answers a question; the first answer counts.
    Answer {
        /// Id of the question.
        id: String,
        /// One of its choices.
        choice: String,
        /// Why, stored publicly.
        reason: String,
        /// Role or account.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Brings metadata up to date; never removes a value.
    PatchMetadata(MetadataPatch),
    /// Reports an issue; an open one with the same text (or the same `source`) is not added twice.
    AddIssue(AddIssue),
    /// Closes one open issue, found by id or text.
    ResolveIssue {
        /// Id, whole text or a part of it.
        search: String,
        /// How it was resolved.
        resolution: String,
        /// When.
        at: Timestamp,
    },
    /// Closes every open issue that the check `source` reported; none is fine.
    ResolveSource {
        /// As given to [`AddIssue`].
        source: String,
        /// How it was resolved.
        resolution: String,
        /// When.
        at: Timestamp,
    },
    /// Edits or re-opens an issue, found by id or text.
    UpdateIssue {
        /// Id, whole text or a part of it.
        search: String,
        /// What changes.
        edit: IssueEdit,
    },
    /// Records a person's word about a rejected build.
    Decide {
        /// Which of the two builds.
        which: Which,
        /// Its name.
        #[serde(default)]
        build: String,
        /// Ship it all the same?
        accept: bool,
        /// Why.
        reason: String,
        /// Role or account.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Takes a lease for two hours; refused while another holder's runs.
    AcquireLease {
        /// For which work.
        key: LeaseKey,
        /// Who takes it.
        holder: String,
        /// Now, as the holder sees it.
        at: Timestamp,
        /// Why it is taken even from a holder whose lease runs.
        take_over: Option<Override>,
    },
    /// Prolongs our lease; refused when somebody else took over (then everything else with it).
    RenewLease {
        /// Our lease.
        fence: Fence,
        /// Now, as the holder sees it.
        at: Timestamp,
    },
    /// Gives our lease back; somebody else's stays.
    ReleaseLease {
        /// Our lease.
        fence: Fence,
    },
}

/// A move of one task. Start from [`SetTask::new`] and set what the move brings.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SetTask {
    /// The task.
    pub task: Task,
    /// Where it goes.
    pub to: TaskStatus,
    /// When the verdict was known or the attempt began (clock, never a stamp out of a log).
    pub at: Timestamp,
    /// When the attempt began, for checks that store only their end.
    pub began: Option<Timestamp>,
    /// Log of this run; nothing keeps the stored one.
    pub result: Option<String>,
    /// The job of this attempt.
    pub job_ref: Change<JobRef>,
    /// The announced outside effect.
    pub intent: Change<Intent>,
    /// Why blocked or failed; a bare move drops the stored one, because it belongs to the former status.
    pub reason: Change<String>,
    /// What stops it until a person acts; a bare move drops the stored one.
    #[serde(default = "Change::clear")]
    pub stopped: Change<Stopped>,
    /// Class of a failure, kept with the attempt.
    pub class: Option<String>,
    /// One line kept with the attempt.
    pub note: Option<String>,
    /// Permission to change a Pass.
    pub override_: Option<Override>,
    /// The run that moves it; nothing for people and for what the plan marks.
    #[serde(default)]
    pub of_run: Option<OfRun>,
}

/// What a run has to hold for its moves to count.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OfRun {
    /// Key of the stored intent that it made, or that it has settled and may replace.
    pub holds: Option<String>,
}

impl SetTask {
    /// A bare move; everything but `reason` stays as stored.
    pub const fn new(task: Task, to: TaskStatus, at: Timestamp) -> Self {
        Self {
            task,
            to,
            at,
            began: None,
            result: None,
            job_ref: Change::Keep,
            intent: Change::Keep,
            reason: Change::Clear,
            stopped: Change::Clear,
            class: None,
            note: None,
            override_: None,
            of_run: None,
        }
    }
}

/// What happens to a stored value.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It becomes this.
    Set(T),
    /// It goes.
    Clear,
}

impl<T> Change<T> {
    /// It goes.
    const fn clear() -> Self {
        Self::Clear
    }
}

/// Why somebody may change a finished task.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Override {
    /// Reason, stored publicly.
    pub reason: String,
    /// Role or account.
    pub actor: String,
}

/// New facts of build data; maps are merged key by key, absent values stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MetadataPatch {
    /// The ART ticket.
    pub jira_ticket: Option<String>,
    /// Advisory number per impetus.
    pub advisory_ids: IndexMap<String, i64>,
    /// Release date as build data spells it.
    pub release_date: Option<String>,
    /// Candidate nightly per architecture.
    pub candidate_builds: IndexMap<String, String>,
    /// Page of the shipment merge request.
    pub shipment_mr: Option<String>,
}

/// An issue to report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AddIssue {
    /// The text; masked, at most 1000 characters are kept.
    pub text: String,
    /// Does it block the release?
    pub blocker: bool,
    /// Tasks it concerns; empty means the whole release.
    pub related: Vec<Task>,
    /// The check that reports it (one open issue per source); nothing for people's issues.
    pub source: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What changes about an issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IssueEdit {
    /// New text.
    pub text: Option<String>,
    /// Blocker or not.
    pub blocker: Option<bool>,
    /// Tasks it concerns.
    pub related: Option<Vec<Task>>,
    /// Open it again?
    pub reopen: bool,
}

/// What applying an operation came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// The state says this already.
    Unchanged,
    /// The new state.
    Changed(State),
    /// The rules forbid it.
    Rejected(Rejection),
}

/// Why an operation was refused; the file stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no state file yet.
    #[error("there is no state file for {release}")]
    NoStateFile {
        /// The release.
        release: String,
    },
    /// A finished task would change.
    #[error("{task} is Pass; a Pass does not become {to} without an override")]
    PassStays {
        /// The task.
        task: Task,
        /// Where somebody wanted it.
        to: TaskStatus,
    },
    /// Another machine announced an effect of the same task a moment ago: two starts would be two jobs.
    #[error("{by} announced at {at} that it starts {task}, and has not said how that ended")]
    StartedElsewhere {
        /// The task.
        task: Task,
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Another run has ended the task meanwhile, and what it stored counts.
    #[error("another run ended {task} meanwhile (it is {status}); what this run found is not stored")]
    EndedElsewhere {
        /// The task.
        task: Task,
        /// Its status now.
        status: TaskStatus,
    },
    /// Nobody asks this (any more).
    #[error("there is no open question {id}{}", if open.is_empty() { String::new() } else { format!("; open: {}", open.join(", ")) })]
    NoSuchQuestion {
        /// What was to be answered.
        id: String,
        /// Ids of the open ones.
        open: Vec<String>,
    },
    /// Somebody else was faster.
    #[error("question {id} was answered already: {answer}")]
    AnsweredAlready {
        /// The question.
        id: String,
        /// What is stored of the answer.
        answer: String,
    },
    /// The question has other answers.
    #[error("{choice:?} is no answer to question {id}; choose one of {}", choices.join(", "))]
    NoSuchChoice {
        /// The question.
        id: String,
        /// What was answered.
        choice: String,
        /// What may be.
        choices: Vec<String>,
    },
    /// An issue without text.
    #[error("the text of an issue must not be blank")]
    BlankIssue,
    /// A search without text would match every issue.
    #[error("the search text must not be blank")]
    BlankSearch,
    /// No issue matches.
    #[error("no open issue matches {search:?}; open issues: {}", if open.is_empty() { "none".to_owned() } else { open.join("; ") })]
    NoSuchIssue {
        /// What was searched.
        search: String,
        /// Id and text of the open ones.
        open: Vec<String>,
    },
    /// Several issues match.
    #[error("{} open issues match {search:?}: {}", matches.len(), matches.join("; "))]
    SeveralIssues {
        /// What was searched.
        search: String,
        /// Id and text of the matching ones.
        matches: Vec<String>,
    },
    /// Somebody else drives the release, or looks after its approval.
    #[error("{0}")]
    LeaseHeld(Box<Lease>),
    /// Somebody else holds it for longer than a lease lasts.
    #[error("{lease}, {oddity}", lease = .0, oddity = .0.oddity())]
    LeaseOfWrongClock(Box<Lease>),
    /// Our lease ended, or somebody took it over.
    #[error("this run has lost the {} lease: {}", .key.name(), after_us(.taken.as_deref()))]
    LeaseLost {
        /// Which one.
        key: LeaseKey,
        /// Who took it since; nothing when nobody did.
        taken: Option<Box<Lease>>,
    },
    /// What the run found is too old to act by: somebody took the lease since, or the run stood still.
    #[error("what this run found is out of date, so nothing was changed: {}", since_it_looked(.taken.as_deref()))]
    OutOfDate {
        /// Which lease it would have taken.
        key: LeaseKey,
        /// Who had taken it meanwhile; nothing when nobody did.
        taken: Option<Box<Lease>>,
    },
}

fn start_again(key: LeaseKey) -> String {
    match key {
        LeaseKey::Driver => "start it again: oar -r RELEASE drive".to_owned(),
        LeaseKey::Checker => "run it again; it looks before it acts".to_owned(),
    }
}

fn since_it_looked(taken: Option<&Lease>) -> String {
    taken.map_or_else(
        || "it stood still for longer than a lease lasts".to_owned(),
        |lease| format!("{} took the {} lease after it had looked", holder::shown(&lease.holder), lease.key.name()),
    )
}

fn after_us(taken: Option<&Lease>) -> String {
    taken.map_or_else(|| "it ended, and nobody is known to have taken it since".to_owned(), ToString::to_string)
}

impl Rejection {
    /// Our lease of `key` does not count any more; `stored` is what stands there now.
    pub fn lost(key: LeaseKey, stored: Option<Lease>) -> Self {
        Self::LeaseLost { key, taken: stored.map(Box::new) }
    }

    /// Why a run that looked too long ago cannot have the lease `key` at `at`; `taken` is what others took meanwhile.
    pub fn out_of_date(key: LeaseKey, taken: Option<Lease>, at: Timestamp) -> Self {
        match taken {
            Some(lease) if lease.runs_at(at) => Self::LeaseHeld(Box::new(lease)),
            taken => Self::OutOfDate { key, taken: taken.map(Box::new) },
        }
    }

    /// Why `holder` cannot have the lease `stored` at `at`; nothing when it has ended or is the holder's own.
    pub fn held(stored: &Lease, holder: &str, at: Timestamp) -> Option<Self> {
        if !stored.runs_at(at) || holder::is_same(&stored.holder, holder) {
            return None;
        }
        let stored = Box::new(stored.clone());
        Some(if stored.is_of_a_wrong_clock(at) { Self::LeaseOfWrongClock(stored) } else { Self::LeaseHeld(stored) })
    }

    /// What a person does next.
    pub fn next_step(&self) -> String {
        match self {
            Self::NoStateFile { release } => format!("create it: oar -r {release} create-test-report"),
            Self::PassStays { task, to } => {
                format!(
                    "when it really has to change: oar -r RELEASE update-task-status {task} '{to}' --override --reason TEXT"
                )
            }
            Self::StartedElsewhere { task, at, .. } => {
                let until = Announced { at: *at, clock: ClockOf::Others }.settled_at();
                format!("let it go on; from {} on: oar -r RELEASE {task}: it looks at what was started", stamp(until))
            }
            Self::EndedElsewhere { .. } => "see what counts now: oar -r RELEASE status".to_owned(),
            Self::NoSuchQuestion { .. } => "take an id from: oar -r RELEASE status".to_owned(),
            Self::AnsweredAlready { .. } => "nothing: the first answer counts; see oar -r RELEASE status".to_owned(),
            Self::NoSuchChoice { id, choices, .. } => {
                let choice = choices.first().map_or("CHOICE", String::as_str);
                format!("oar -r RELEASE answer {id} {choice} --reason TEXT")
            }
            Self::BlankIssue => "say what is wrong in one sentence".to_owned(),
            Self::BlankSearch | Self::NoSuchIssue { .. } => "take an id from: oar -r RELEASE issue list".to_owned(),
            Self::SeveralIssues { .. } => "name one of them by its id (oar -r RELEASE issue list)".to_owned(),
            Self::LeaseHeld(lease) => {
                let until = lease.until.map(stamp).unwrap_or_default();
                match lease.key {
                    LeaseKey::Driver => format!(
                        "let it go on; if it is dead, wait until {until}, or: oar -r RELEASE drive --take-over --reason TEXT"
                    ),
                    LeaseKey::Checker => format!("let it go on; if it is dead, wait until {until}"),
                }
            }
            Self::LeaseOfWrongClock(lease) => format!(
                "{}; when nothing is at work there any more: oar -r RELEASE drive --take-over --reason TEXT",
                lease.remedy()
            ),
            Self::LeaseLost { key, taken } => match (taken, key) {
                (Some(lease), _) if lease.until.is_some() => {
                    "let it go on; oar -r RELEASE status shows where the release stands".to_owned()
                }
                (_, key) => start_again(*key),
            },
            Self::OutOfDate { key, .. } => start_again(*key),
        }
    }
}
