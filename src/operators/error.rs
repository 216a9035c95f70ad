//! Our inability to find out or to act. A verdict against the release is never an error.

use std::path::Path;

use jiff::Timestamp;

use crate::core::clients::error::ClientError;
use crate::core::config::error::ConfigError;
use crate::core::effects::EffectError;
use crate::core::error::ErrorClass;
use crate::core::lock::Lock;
use crate::core::statebox::error::{StoreError, StoreFault};
use crate::domain::agent_lease::HeldBy;
use crate::domain::assembly::AssemblyError;
use crate::domain::closed_gate::{ClosedGate, OpenedBy};
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::state::oddities::UnreadableStatus;
use crate::domain::subject::Subject;
use crate::domain::task::Task;
use crate::domain::wrong_clock::{self, WrongClock};

/// Why a task could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A service did not help us.
    #[error(transparent)]
    Service(#[from] ClientError),
    /// The state could not be read or written.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// A setting or credential.
    #[error(transparent)]
    Config(Box<ConfigError>),
    /// An outside write with an unclear end.
    #[error(transparent)]
    Effect(#[from] EffectError),
    /// Nobody created the state file yet.
    #[error("{release} has no state file")]
    NoState {
        /// The release.
        release: ZStream,
    },
    /// A gate is closed, found out on the way.
    #[error("{by}")]
    Closed {
        /// Which one.
        by: Box<ClosedGate>,
        /// What to do about it.
        next: String,
    },
    /// We refuse, because going on would do harm or make no sense.
    #[error("{why}")]
    Refused {
        /// Why.
        why: String,
        /// What to do instead.
        next: String,
    },
    /// Another process of this machine does the same right now.
    #[error("another oar on this machine {does}")]
    Busy {
        /// What it does (`drives 4.20.17`).
        does: String,
        /// What to do instead.
        next: String,
    },
    /// The clock of this machine is wrong: what depends on dates, or is announced to others, waits until it is set.
    #[error(transparent)]
    WrongClock(#[from] WrongClock),
    /// Another machine looks after the test jobs.
    #[error(transparent)]
    HeldElsewhere(HeldBy),
    /// Somebody else changed what was to be changed, so that this change does not fit any more.
    #[error("{why}")]
    Taken {
        /// What stands there.
        why: String,
    },
    /// It was tried, no look shows any more whether it happened, and nothing stores a question about it.
    #[error("nobody can see any more whether this happened: {what}, tried at {}", stamp(*at))]
    Uncertain {
        /// What was tried.
        what: String,
        /// When it was tried.
        at: Timestamp,
        /// Where a person sees more.
        look_at: String,
    },
    /// A dry run came to its first change; the run ends there, as if nothing had been to be done.
    #[error("dry run: {would}")]
    DryRun {
        /// What it would do.
        would: String,
    },
    /// A program that we start ended badly.
    #[error("{program} failed: {why}")]
    Program {
        /// Its name.
        program: &'static str,
        /// The end of what it printed, masked.
        why: String,
        /// What to do about it.
        next: String,
    },
    /// Ctrl-C or a termination signal.
    #[error("the run was cancelled")]
    Cancelled,
    /// A defect of ours.
    #[error("internal error: {assumed}")]
    Internal {
        /// What we took for granted.
        assumed: String,
    },
}

// Boxed, because they are several times as large as everything else an operator returns.
impl From<StoreError> for TaskError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<ConfigError> for TaskError {
    fn from(error: ConfigError) -> Self {
        Self::Config(Box::new(error))
    }
}

impl From<AssemblyError> for TaskError {
    fn from(error: AssemblyError) -> Self {
        ConfigError::BuildData(error).into()
    }
}

impl TaskError {
    /// Takes the lock of `part` of the work on `subject`; [`TaskError::Busy`] when a living process holds it.
    ///
    /// # Errors
    ///
    /// Busy, or the lock file cannot be made.
    pub fn unless_busy(home: &Path, subject: &Subject, part: &str, does: String, next: String) -> Result<Lock, Self> {
        let taken = Lock::of(home, subject, part).map_err(|cause| {
            let path = home.join("locks").display().to_string();
            Self::Effect(EffectError::Ledger { path, cause })
        })?;
        taken.ok_or(Self::Busy { does, next })
    }

    /// The gate `by` keeps anything from being done for `release`.
    pub fn closed(release: &ZStream, by: ClosedGate) -> Self {
        let next = format!("{}; then run it again", by.step(release));
        Self::Closed { by: Box::new(by), next }
    }

    /// Nothing is run on a status that nobody can read: it may be a Fail.
    pub fn unreadable_status(release: &ZStream, unreadable: &UnreadableStatus) -> Self {
        let status = unreadable.meant.map_or_else(|| "STATUS".to_owned(), |meant| format!("'{meant}'"));
        Self::Refused {
            why: format!("the state file cannot be understood, {unreadable}"),
            next: format!(
                "correct the line, or: oar -r {release} update-task-status {} {status} --reason TEXT",
                unreadable.task
            ),
        }
    }

    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Service(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Config(error) => error.class(),
            Self::Effect(error) => error.class(),
            Self::NoState { .. } => ErrorClass::NotFound,
            Self::Closed { by, .. } => match by.opened_by() {
                OpenedBy::Time => ErrorClass::NotReady,
                OpenedBy::Person => ErrorClass::NeedsPerson,
            },
            Self::WrongClock(_) => ErrorClass::NeedsPerson,
            Self::Refused { .. } | Self::DryRun { .. } => ErrorClass::InvalidInput,
            Self::Busy { .. } | Self::HeldElsewhere(_) | Self::Taken { .. } => ErrorClass::Conflict,
            Self::Uncertain { .. } => ErrorClass::NeedsPerson,
            Self::Program { .. } => ErrorClass::Transient,
            Self::Cancelled | Self::Internal { .. } => ErrorClass::Internal,
        }
    }

    /// Is a run that broke off like this at its end? Otherwise the next one goes on.
    pub fn ends_the_run(&self) -> bool {
        match self.class() {
            ErrorClass::Transient
            | ErrorClass::RateLimit
            | ErrorClass::Corrupt
            | ErrorClass::Conflict
            | ErrorClass::NotReady
            | ErrorClass::NeedsPerson
            | ErrorClass::Auth
            | ErrorClass::Forbidden
            | ErrorClass::Config => false,
            ErrorClass::Internal => !matches!(self, Self::Cancelled),
            ErrorClass::InvalidInput => !matches!(self, Self::Refused { .. } | Self::DryRun { .. }),
            ErrorClass::Refused => true,
            // What an account may not see looks as if it did not exist.
            ErrorClass::NotFound => !self.may_be_a_missing_right(),
        }
    }

    /// Is this how a service answers an account without the right? A credential that is refused says so itself.
    pub fn may_be_a_missing_right(&self) -> bool {
        match self {
            Self::Service(error) | Self::Effect(EffectError::Client(error)) => error.may_be_a_missing_right(),
            Self::Store(error) => {
                matches!(&error.fault, StoreFault::Service(error) if error.may_be_a_missing_right())
            }
            Self::Config(_)
            | Self::Effect(_)
            | Self::Closed { .. }
            | Self::NoState { .. }
            | Self::Refused { .. }
            | Self::Busy { .. }
            | Self::WrongClock(_)
            | Self::HeldElsewhere(_)
            | Self::Taken { .. }
            | Self::Uncertain { .. }
            | Self::DryRun { .. }
            | Self::Program { .. }
            | Self::Cancelled
            | Self::Internal { .. } => false,
        }
    }

    /// What a person has to provide before another try is worth it; nothing for what comes by itself.
    pub fn lacks(&self) -> Option<String> {
        let said = || format!("{self}; {}", self.next_step());
        match self.class() {
            ErrorClass::Auth | ErrorClass::Config => Some(self.next_step()),
            // The words say whose right is missing, and for what.
            ErrorClass::Forbidden | ErrorClass::NotFound => self.may_be_a_missing_right().then(said),
            ErrorClass::InvalidInput => matches!(self, Self::Refused { .. }).then(said),
            ErrorClass::NotReady
            | ErrorClass::NeedsPerson
            | ErrorClass::Conflict
            | ErrorClass::RateLimit
            | ErrorClass::Transient
            | ErrorClass::Refused
            | ErrorClass::Corrupt
            | ErrorClass::Internal => None,
        }
    }

    /// What to do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::Service(error) => error.next_step(),
            Self::Store(error) => error.next_step(),
            Self::Config(error) => error.next_step(),
            Self::Effect(error) => error.next_step(),
            Self::NoState { release } => format!("create it: oar -r {release} create-test-report"),
            Self::DryRun { .. } => "run it without --dry-run".to_owned(),
            Self::Refused { next, .. }
            | Self::Closed { next, .. }
            | Self::Busy { next, .. }
            | Self::Program { next, .. } => next.clone(),
            Self::WrongClock(_) => wrong_clock::NEXT.to_owned(),
            Self::HeldElsewhere(by) => by.next_step().to_owned(),
            Self::Taken { .. } => "run it again; it looks first".to_owned(),
            Self::Uncertain { look_at, .. } => format!(
                "look at {look_at} whether it did, then run it again with --answer happened, or with --answer \
                 did-not-happen, which starts it"
            ),
            Self::Cancelled => "run it again; it continues where it was".to_owned(),
            Self::Internal { .. } => "report this as a bug of oar, with the lines above".to_owned(),
        }
    }
}

/// A task that could not be carried out, with what had already happened.
#[derive(Debug, thiserror::Error)]
#[error("{task} of {release} could not be carried out")]
pub struct TaskFailure {
    /// The release.
    pub release: ZStream,
    /// The task.
    pub task: Task,
    /// Outside effects of this run, in order.
    pub done: Vec<String>,
    /// Why.
    #[source]
    pub error: TaskError,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clients::error::Fault;
    use crate::domain::service::Service;

    #[test]
    fn what_a_service_may_hide_from_our_account_ends_no_run_and_what_is_public_does() {
        for service in Service::ALL {
            let hides = matches!(service.id(), "errata" | "jira" | "gitlab" | "jenkins" | "github" | "github_raw")
                || matches!(service.id(), "slack" | "gangway" | "registry" | "kube");
            let answered = |fault| TaskError::Service(ClientError::new(*service, "look", fault));
            for effect in [false, true] {
                let wrapped = |fault| match (effect, answered(fault)) {
                    (true, TaskError::Service(error)) => TaskError::Effect(EffectError::Client(error)),
                    (_, error) => error,
                };
                assert_eq!(wrapped(Fault::Status(404)).ends_the_run(), !hides, "{service} 404");
                for verdictless in [Fault::Unauthorized(401), Fault::Unauthorized(403), Fault::RateLimited(403)] {
                    assert!(!wrapped(verdictless).ends_the_run(), "{service}");
                }
                assert!(!wrapped(Fault::NotAllowed("do it".to_owned())).ends_the_run(), "{service}");
                assert!(wrapped(Fault::Status(422)).ends_the_run(), "{service} 422");
            }
        }
    }
}
