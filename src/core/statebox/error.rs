//! Why a stored file could not be read or changed.

use crate::domain::state::error::StateError;
use crate::domain::state::operation::Rejection;

/// A store that did not help us.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {fault}{}", if *.attempts > 1 { format!(" (after {attempts} attempts)") } else { String::new() })]
pub struct StoreError {
    /// Path in the repository.
    pub path: String,
    /// How often we tried.
    pub attempts: u32,
    /// May our write have arrived all the same?
    pub arrived: Arrived,
    /// What went wrong.
    #[source]
    pub fault: StoreFault,
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
    /// Others kept writing between our read and our write.
    #[error("others kept changing the file")]
    Conflict,
    /// The credential is missing or refused.
    #[error("{0}")]
    Auth(String),
    /// The repository, the branch or the folder does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The service or the disk did not answer properly.
    #[error("{0}")]
    Unavailable(String),
    /// The service refused for a reason that waiting does not change.
    #[error("{0}")]
    Refused(String),
    /// The stored text is no state file.
    #[error("the stored file cannot be used")]
    Corrupt(#[source] StateError),
    /// The rules forbid the change.
    #[error("the change was refused")]
    Rejected(#[source] Rejection),
    /// Ctrl-C.
    #[error("interrupted")]
    Cancelled,
}

impl StoreError {
    /// What kind of trouble this is.
    pub fn class(&self) -> crate::core::error::ErrorClass {
        use crate::core::error::ErrorClass;
        match &self.fault {
            StoreFault::Conflict => ErrorClass::Conflict,
            StoreFault::Auth(_) => ErrorClass::Auth,
            StoreFault::NotFound(_) => ErrorClass::NotFound,
            StoreFault::Unavailable(_) => ErrorClass::Transient,
            StoreFault::Refused(_) | StoreFault::Rejected(_) => ErrorClass::InvalidInput,
            StoreFault::Corrupt(_) => ErrorClass::Corrupt,
            StoreFault::Cancelled => ErrorClass::Internal,
        }
    }

    /// What to do about it.
    pub fn next_step(&self) -> String {
        "run it again".to_owned()
    }
}
