//! What the planner says is next.

use jiff::Timestamp;

use super::messages::Message;
use crate::domain::state::lease::Lease;
use crate::domain::state::overall::Overall;
use crate::domain::task::{JobRef, Task, TaskStatus, Which};

/// What follows from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// How far the release is.
    pub phase: ReleasePhase,
    /// What to do now; at most one per task. Empty: nothing but waiting, a person, or the end.
    pub actions: Vec<Action>,
    /// Why the rest does not happen.
    pub messages: Vec<Message>,
    /// Green unless a tracked task is Fail.
    pub overall: Overall,
    /// What the whole amounts to.
    pub verdict: Verdict,
    /// Tasks that are done.
    pub passed: Vec<Task>,
    /// Tasks that run, with their jobs.
    pub running: Vec<(Task, Option<JobRef>)>,
    /// Tasks that come next once the waits are over.
    pub next: Vec<Task>,
    /// Exactly one for each tracked task that is not Pass, in workflow order.
    pub conditions: Vec<Condition>,
    /// Leases of others that run: who is at work on the release.
    pub leases: Vec<Lease>,
    /// The lease of another machine that drives: it does what there is to do.
    pub other_driver: Option<Lease>,
}

/// Why a task is not Pass, or what is done about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Condition {
    /// The task.
    pub task: Task,
    /// Its stored status.
    pub status: TaskStatus,
    /// Who or what moves it.
    pub standing: Standing,
    /// One line.
    pub why: String,
}

/// Who or what moves a task that is not Pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// This plan does.
    Acting,
    /// It comes by itself.
    Waiting,
    /// A person has to.
    NeedsPerson,
    /// It failed; a person has to.
    Failed,
    /// Something else has to come first.
    ComesLater,
    /// Nothing any more: the release was approved without it.
    PassedOver,
}

impl Plan {
    /// What is to be done by whoever asks; nothing while another driver does it.
    pub fn own_actions(&self) -> &[Action] {
        if self.other_driver.is_some() { &[] } else { &self.actions }
    }

    /// When something may have changed by itself; nothing when only a person can change anything.
    ///
    /// A driver that watches goes on as long as this is some, whatever the verdict: a person may be needed
    /// for one chain while another still moves.
    pub fn recheck_at(&self) -> Option<Timestamp> {
        self.messages.iter().filter(|message| message.comes_by_itself()).filter_map(|message| message.recheck).min()
    }

    /// The same, or when somebody may have done what is asked of people, where a look tells that.
    pub fn look_again_at(&self) -> Option<Timestamp> {
        self.messages.iter().filter_map(|message| message.recheck).min()
    }
}

/// How far a release is; derived, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleasePhase {
    /// Report, ownership, first checks.
    Initialisation,
    /// Waiting for the payload in the stable stream.
    WaitingForPromotion,
    /// Jobs run and the promoted build is judged.
    AsyncAndEvaluation,
    /// The build is good; jobs still run.
    FinalSync,
    /// Only the approval is left.
    FinalApproval,
    /// Nothing goes on without a person.
    Stopped,
    /// Approved, and the images are out.
    Done,
}

/// A blocker that comes with a verdict.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Blocker {
    /// Its text.
    pub text: String,
    /// Which rule reports it; the same rule resolves it.
    pub source: &'static str,
}

/// Marks the blocker of a rejected build; a later good verdict resolves it.
pub const REJECTED_SOURCE: &str = "build-rejected";

/// Marks the blocker of a task whose automatic retries are used up; `--retry` resolves it.
pub const RETRIES_SOURCE: &str = "retries-exhausted";

/// One step for the executor.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Run the task; it triggers what is missing, or looks again at what it started.
    Run(Task),
    /// Ask for the result of a running job.
    Check(Task, JobRef),
    /// Record a verdict against the release.
    MarkFail {
        /// The task.
        task: Task,
        /// Why, for its result.
        note: String,
        /// A blocker to record in the same write.
        blocker: Option<Blocker>,
    },
    /// Put a task back to Not Started.
    ResetTask {
        /// The task.
        task: Task,
        /// Why, for its result.
        note: String,
    },
    /// Resolve an issue that a rule of ours reported and that no longer holds.
    ResolveIssue {
        /// Id or text of the issue.
        issue: String,
        /// The resolution.
        resolution: String,
    },
    /// Record a blocker; one without a task holds back the whole release.
    AddBlocker {
        /// The task it holds back.
        task: Option<Task>,
        /// Its text.
        text: String,
        /// Which rule reports it.
        source: String,
    },
    /// Have a rejected build analysed.
    Analyze(Which),
    /// Have a build judged whose verdict is known to be good; the run stores the evidence with the Pass.
    Conclude {
        /// Which build.
        which: Which,
        /// Why it is good.
        note: String,
    },
    /// Send messages that earlier runs left.
    SendDue,
    /// Tell people what a message says, once per key.
    Notify {
        /// The message.
        message: Message,
        /// What makes two notifications the same.
        key: String,
    },
}

impl Action {
    /// The task this action works on; notifications and issues work on none.
    pub fn task(&self) -> Option<Task> {
        match self {
            Self::Run(task) | Self::Check(task, _) | Self::MarkFail { task, .. } | Self::ResetTask { task, .. } => {
                Some(*task)
            }
            Self::Analyze(which) | Self::Conclude { which, .. } => Some(which.task()),
            Self::ResolveIssue { .. } | Self::AddBlocker { .. } | Self::SendDue | Self::Notify { .. } => None,
        }
    }
}

/// What a plan amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The release is approved and its images are out: nothing is left for us.
    Done,
    /// Everything open comes by itself.
    Waiting {
        /// When to look again.
        recheck_at: Timestamp,
    },
    /// A person has to do or decide something.
    NeedsPerson,
    /// A task failed in this run.
    Failed,
    /// There is something to do now.
    Continue,
}
