//! Why a stored file could not be read or changed.

use crate::core::clients::error::ClientError;
use crate::core::config::error::how_to_set;
use crate::core::error::ErrorClass;
use crate::domain::credential::Credential;
use crate::domain::state::error::StateError;
use crate::domain::state::operation::Rejection;
use crate::domain::wrong_clock::{self, WrongClock};

/// A store that did not help us.
#[derive(Debug, thiserror::Error)]
#[error("{path} could not be {}{}", .doing.participle(), tries(*.attempts))]
pub struct StoreError {
    /// Path in the repository.
    pub path: String,
    /// What we wanted of it.
    pub doing: Doing,
    /// How often we tried.
    pub attempts: u32,
    /// May our write have arrived all the same?
    pub arrived: Arrived,
    /// What went wrong.
    #[source]
    pub fault: StoreFault,
}

/// What was wanted of a stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Its content.
    Reading,
    /// A change of it.
    Changing,
}

impl Doing {
    const fn participle(self) -> &'static str {
        match self {
            Self::Reading => "read",
            Self::Changing => "changed",
        }
    }
}

/// Whether a write of ours may stand in the store although it ended with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// Surely not.
    No,
    /// Nobody knows; running the same command again finds out and changes nothing twice.
    Perhaps,
}

/// What went wrong at a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// Somebody wrote between our read and our write.
    #[error("somebody else changed the file at the same time")]
    Conflict,
    /// The service wants fewer requests.
    #[error("the service asks for fewer requests{}", .wait_s.map(|s| format!(" for {s} s")).unwrap_or_default())]
    RateLimit {
        /// Seconds after which it wants to be asked again.
        wait_s: Option<u64>,
    },
    /// The branch or repository does not exist, or the path is none.
    #[error("{0}")]
    NotFound(String),
    /// The service did not help.
    #[error(transparent)]
    Service(#[from] ClientError),
    /// The disk did not help.
    #[error("the folder cannot be used")]
    Disk(#[from] std::io::Error),
    /// The local Git repository did not help.
    #[error("git: {0}")]
    Git(String),
    /// Another git holds the lock of the branch, or left it behind.
    #[error("git: {file} is locked{}, by a git at work or by one that broke off", .age_s.map(age).unwrap_or_default())]
    Locked {
        /// The lock file.
        file: String,
        /// How old it is.
        age_s: Option<u64>,
    },
    /// The stored text is no state file.
    #[error("the stored file is no state file: {0}")]
    Corrupt(StateError),
    /// The rules forbid the change.
    #[error(transparent)]
    Rejected(Rejection),
    /// The lease under which we write is over.
    #[error("the lease under which this is written is over")]
    NotPermitted,
    /// The clock of this machine is wrong, and a lease would be, too.
    #[error(transparent)]
    WrongClock(WrongClock),
    /// There is no credential for the store.
    #[error("credentials are missing: {0}")]
    Closed(Credential),
    /// Ctrl-C.
    #[error("interrupted")]
    Cancelled,
}

impl StoreError {
    /// An error of the first try.
    pub fn new(path: &str, doing: Doing, fault: impl Into<StoreFault>) -> Self {
        let fault = fault.into();
        let arrived = match (&fault, doing) {
            (StoreFault::Service(error), Doing::Changing) if error.may_have_happened() => Arrived::Perhaps,
            _ => Arrived::No,
        };
        Self { path: path.to_owned(), doing, attempts: 1, arrived, fault }
    }

    /// Is the store out of reach, so that the same write may succeed later?
    pub fn is_outage(&self) -> bool {
        match &self.fault {
            StoreFault::RateLimit { .. } | StoreFault::Locked { .. } => true,
            // A page in place of an answer comes from a proxy or a maintenance.
            StoreFault::Service(error) => error.is_transient() || error.class() == ErrorClass::Corrupt,
            StoreFault::Conflict
            | StoreFault::NotFound(_)
            | StoreFault::Disk(_)
            | StoreFault::Git(_)
            | StoreFault::Corrupt(_)
            | StoreFault::Rejected(_)
            | StoreFault::NotPermitted
            | StoreFault::WrongClock(_)
            | StoreFault::Closed(_)
            | StoreFault::Cancelled => false,
        }
    }

    /// May the same change be stored later without anybody doing anything? So it is while the store is out of
    /// reach, and when others were faster every time.
    pub fn passes_by_itself(&self) -> bool {
        self.is_outage() || matches!(self.fault, StoreFault::Conflict)
    }

    /// Is there a file that is none of ours to understand, so that somebody has to mend it?
    pub const fn is_broken_file(&self) -> bool {
        matches!(self.fault, StoreFault::Corrupt(_))
    }

    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match &self.fault {
            StoreFault::Conflict | StoreFault::NotPermitted => ErrorClass::Conflict,
            StoreFault::RateLimit { .. } => ErrorClass::RateLimit,
            StoreFault::NotFound(_) => ErrorClass::NotFound,
            StoreFault::Service(error) => error.class(),
            StoreFault::Disk(error) => {
                let ours = matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied);
                if ours { ErrorClass::Config } else { ErrorClass::Transient }
            }
            StoreFault::Locked { .. } => ErrorClass::Transient,
            StoreFault::Git(_) => ErrorClass::Config,
            // No later look makes a broken file whole by itself: somebody has to mend it.
            StoreFault::Corrupt(_) | StoreFault::WrongClock(_) => ErrorClass::NeedsPerson,
            StoreFault::Rejected(rejection) => match rejection {
                Rejection::NoStateFile { .. } => ErrorClass::NotFound,
                Rejection::StartedElsewhere { .. } => ErrorClass::NotReady,
                Rejection::LeaseHeld(_)
                | Rejection::LeaseOfWrongClock(_)
                | Rejection::LeaseLost { .. }
                | Rejection::OutOfDate { .. }
                | Rejection::EndedElsewhere { .. }
                | Rejection::AnsweredAlready { .. } => ErrorClass::Conflict,
                Rejection::PassStays { .. }
                | Rejection::NoSuchQuestion { .. }
                | Rejection::NoSuchChoice { .. }
                | Rejection::BlankIssue
                | Rejection::BlankSearch
                | Rejection::NoSuchIssue { .. }
                | Rejection::SeveralIssues { .. } => ErrorClass::InvalidInput,
            },
            StoreFault::Closed(_) => ErrorClass::Auth,
            StoreFault::Cancelled => ErrorClass::Internal,
        }
    }

    /// What a person does next.
    pub fn next_step(&self) -> String {
        match &self.fault {
            StoreFault::Conflict => "run it again; nothing of yours or theirs was lost".to_owned(),
            StoreFault::RateLimit { wait_s } => match wait_s {
                Some(seconds) => format!("wait {seconds} s and run it again"),
                None => "wait a few minutes and run it again".to_owned(),
            },
            StoreFault::NotFound(_) => "check the repository, branch and path in: oar config show".to_owned(),
            StoreFault::Service(error) => error.next_step(),
            StoreFault::Disk(_) => "check that the folder of --state exists and can be written".to_owned(),
            StoreFault::Locked { file, .. } => {
                format!("wait until git ends and run it again; when no git is at work there (ps -C git), remove {file}")
            }
            StoreFault::NotPermitted => "run it again; it looks before it acts".to_owned(),
            StoreFault::WrongClock(_) => wrong_clock::NEXT.to_owned(),
            StoreFault::Git(_) => "look at the repository of --state with git itself, then run it again".to_owned(),
            StoreFault::Corrupt(error) => error.next_step(),
            StoreFault::Rejected(rejection) => rejection.next_step(),
            StoreFault::Closed(missing) => how_to_set(*missing),
            StoreFault::Cancelled => "run it again; it continues where it was".to_owned(),
        }
    }
}

fn age(seconds: u64) -> String {
    if seconds < 120 { format!(" for {seconds} s") } else { format!(" for {} min", seconds / 60) }
}

fn tries(attempts: u32) -> String {
    if attempts > 1 { format!(" ({attempts} attempts)") } else { String::new() }
}
