//! One process of a kind on this machine: `flock` on a file that stays.
//!
//! The system gives a lock back when its process ends, however it ends. So whoever gets it knows that the
//! process before is gone, and may continue under the name of this machine.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::domain::subject::Subject;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock `what` below `home`; nothing when a living process holds it. Never waits.
    ///
    /// # Errors
    ///
    /// The file cannot be made or locked.
    pub fn take(home: &Path, what: &str) -> io::Result<Option<Self>> {
        let folder = home.join("locks");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{what}.lock"));
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(cause)) => return Err(cause),
        }
        Ok(Some(Self { _file: file }))
    }

    /// Takes the lock of `part` of what is done with `subject`; otherwise as [`Lock::take`].
    ///
    /// # Errors
    ///
    /// As [`Lock::take`].
    pub fn of(home: &Path, subject: &Subject, part: &str) -> io::Result<Option<Self>> {
        Self::take(home, &format!("{}.{part}", subject.file_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_until_its_holder_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let first = Lock::take(home.path(), "4.20.17").unwrap().unwrap();
        assert!(Lock::take(home.path(), "4.20.17").unwrap().is_none());
        assert!(Lock::take(home.path(), "4.20.18").unwrap().is_some());
        drop(first);
        assert!(Lock::take(home.path(), "4.20.17").unwrap().is_some());
    }

    #[test]
    fn a_lock_is_nobody_elses_to_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let _lock = Lock::take(home.path(), "x").unwrap().unwrap();
        let mode = std::fs::metadata(home.path().join("locks/x.lock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_stands_in_the_file_does_not_matter() {
        let home = tempfile::tempdir().unwrap();
        drop(Lock::take(home.path(), "x").unwrap());
        std::fs::write(home.path().join("locks/x.lock"), b"\0\xff\0").unwrap();
        assert!(Lock::take(home.path(), "x").unwrap().is_some());
    }
}
