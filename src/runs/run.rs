//! One run: what was asked, how it stands, and what it ended with.

use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::approval::Consent;
use super::record::{Document, RunRecord, RunState};
use crate::core::access::principal::Principal;
use crate::domain::release::ZStream;
use crate::domain::subject::Subject;

/// What a run does, given the token that cancels it.
pub type Work = Box<dyn FnOnce(CancellationToken) -> LocalBoxFuture<'static, WorkAnswer> + Send>;

/// What has to go well before a run may begin, given its id.
pub type Begins = Box<dyn FnOnce(&str) -> io::Result<()> + Send>;

/// What the work of a run answered.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkAnswer {
    /// For whoever asked.
    pub document: Document,
    /// Did it end because it was cancelled?
    pub is_cancelled: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// By itself, or because it was cancelled and listened.
    Answered(WorkAnswer),
    /// It was cancelled before its turn came: nothing was done.
    NeverBegan,
    /// The process stopped before it could begin.
    Stopped,
    /// A mistake of ours.
    Panicked,
    /// It took longer than `limit` and ended when it was asked to.
    TimedOut {
        /// How long it might have taken.
        limit: Duration,
        /// What it said about that.
        answer: WorkAnswer,
    },
    /// It took longer than `limit` and did not listen: nobody knows what it did last.
    LeftAfter {
        /// How long it might have taken.
        limit: Duration,
    },
    /// It was cancelled and did not listen: nobody knows what it did last.
    LeftWhenCancelled,
}

/// What runs one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queue {
    /// Changes of one subject.
    Of(Subject),
    /// Looks of one caller that are carried out as runs.
    Looks {
        /// The caller.
        of: String,
    },
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(subject) => subject.fmt(f),
            Self::Looks { of } => write!(f, "looks of {of}"),
        }
    }
}

impl From<&ZStream> for Queue {
    fn from(release: &ZStream) -> Self {
        Self::Of(release.into())
    }
}

/// What is asked to run.
pub struct Order {
    /// The tool.
    pub tool: &'static str,
    /// Equal keys are equal requests.
    pub key: String,
    /// Behind which runs it waits.
    pub queue: Queue,
    /// Who asks.
    pub who: Principal,
    /// Its arguments, as people read them.
    pub arguments: String,
    /// Who confirmed it.
    pub confirmed: Option<Consent>,
    /// Said with its id before it begins; when that fails, it does not.
    pub begins: Begins,
    /// What it does.
    pub work: Work,
    /// Makes the document of its end.
    pub document: fn(Ending, &TrackedRun) -> Document,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum RunStatus {
    /// Waits for its turn.
    Queued,
    /// Runs.
    Running,
    /// Ended with this document.
    Ended(Document),
}

/// One run.
#[derive(Debug)]
pub struct TrackedRun {
    /// Its id.
    pub id: String,
    /// The tool.
    pub tool: &'static str,
    /// Behind which runs it waits.
    pub queue: Queue,
    /// Who asked first.
    pub owner: String,
    /// When it was asked for, as texts carry it.
    pub asked_at: String,
    /// Who confirmed it.
    pub confirmed: Option<Consent>,
    /// Ends it at the next safe point.
    pub cancel: CancellationToken,
    pub(super) key: String,
    pub(super) arguments: String,
    pub(super) status: watch::Sender<RunStatus>,
    pub(super) steps: Option<watch::Receiver<String>>,
    pub(super) began_at: OnceLock<String>,
    pub(super) ended_at: OnceLock<String>,
    /// Fires when the next run of the subject may begin.
    pub(super) released: CancellationToken,
}

impl TrackedRun {
    /// Where it stands now.
    pub fn status(&self) -> RunStatus {
        self.status.borrow().clone()
    }

    /// Has it ended?
    pub fn has_ended(&self) -> bool {
        matches!(*self.status.borrow(), RunStatus::Ended(_))
    }

    /// Its steps, as it reports them.
    pub fn steps(&self) -> Option<watch::Receiver<String>> {
        self.steps.clone()
    }

    /// Waits for its end; what it ended with.
    pub async fn ended(&self) -> Document {
        let mut status = self.status.subscribe();
        loop {
            if let RunStatus::Ended(document) = &*status.borrow_and_update() {
                return document.clone();
            }
            if status.changed().await.is_err() {
                // The run holds the sender, so it is there for as long as anybody waits.
                return Document::new();
            }
        }
    }

    /// What is on record of it now.
    pub fn record(&self) -> RunRecord {
        let (state, answer) = match self.status() {
            RunStatus::Queued => (RunState::Queued, None),
            RunStatus::Running => (RunState::Running, None),
            RunStatus::Ended(document) => (RunState::Ended, Some(document)),
        };
        let step = self.steps.as_ref().map(|steps| steps.borrow().clone()).filter(|step| !step.is_empty());
        RunRecord {
            run_id: self.id.clone(),
            tool: self.tool.to_owned(),
            queue: self.queue.to_string(),
            owner: self.owner.clone(),
            arguments: self.arguments.clone(),
            asked_at: self.asked_at.clone(),
            began_at: self.began_at.get().cloned(),
            ended_at: self.ended_at.get().cloned(),
            state,
            cancelling: self.cancel.is_cancelled(),
            step,
            confirmation: self.confirmed.clone(),
            answer,
            found_at: None,
        }
    }
}
