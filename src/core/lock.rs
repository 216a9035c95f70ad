//! One process of a kind on this machine: `flock` on a file that stays.
//!
//! The system gives a lock back when its process ends, however it ends. So whoever gets it knows that the
//! process before is gone, and may continue under its name: the file holds a name made when it was created.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::domain::subject::Subject;

/// Longest name that is read back.
const LONGEST_NAME: u64 = 64;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    name: String,
}

impl Lock {
    /// Takes the lock `what` below `home`; nothing when a living process holds it. Never waits.
    ///
    /// # Errors
    ///
    /// The file cannot be made, read or locked.
    pub fn take(home: &Path, what: &str) -> io::Result<Option<Self>> {
        let folder = home.join("locks");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{what}.lock"));
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(cause)) => return Err(cause),
        }
        let mut name = String::new();
        (&mut file).take(LONGEST_NAME).read_to_string(&mut name)?;
        if name.trim().is_empty() {
            name = format!("{:016x}", fastrand::u64(..));
            file.write_all(name.as_bytes())?;
        }
        Ok(Some(Self { _file: file, name: name.trim().to_owned() }))
    }

    /// Takes the lock of `part` of what is done with `subject`; otherwise as [`Lock::take`].
    ///
    /// # Errors
    ///
    /// As [`Lock::take`].
    pub fn of(home: &Path, subject: &Subject, part: &str) -> io::Result<Option<Self>> {
        Self::take(home, &format!("{}.{part}", subject.file_name()))
    }

    /// The same for every process of this machine that holds this lock, one after the other.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_its_next_holder_continues_under_the_same_name() {
        let home = tempfile::tempdir().unwrap();
        let first = Lock::take(home.path(), "4.20.17").unwrap().unwrap();
        assert!(Lock::take(home.path(), "4.20.17").unwrap().is_none());
        assert!(Lock::take(home.path(), "4.20.18").unwrap().is_some());
        let name = first.name().to_owned();
        drop(first);
        assert_eq!(Lock::take(home.path(), "4.20.17").unwrap().unwrap().name(), name);
    }

    #[test]
    fn two_machines_have_two_names() {
        let name = || Lock::take(tempfile::tempdir().unwrap().path(), "x").unwrap().unwrap().name().to_owned();
        assert_ne!(name(), name());
    }
}
