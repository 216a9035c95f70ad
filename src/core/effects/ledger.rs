//! What this machine tried and did: the memory of effects.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::EffectError;
use crate::domain::subject::Subject;

/// What this machine tried and did for one subject: one JSON line per step, flushed before going on.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    seen: Mutex<Vec<LedgerLine>>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct LedgerLine {
    at: Timestamp,
    key: String,
    step: LedgerStep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LedgerStep {
    Intent,
    Done,
    Found,
    Refused,
}

/// The last try of several keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastTry {
    /// Its key.
    pub key: String,
    /// When that was.
    pub at: Timestamp,
    /// Is it unknown how it ended?
    pub is_open: bool,
}

impl Ledger {
    /// Opens the ledger of `subject` below `home`; a half-written last line is ignored.
    ///
    /// # Errors
    ///
    /// The file exists and cannot be read.
    pub fn open(home: &Path, subject: &Subject) -> Result<Self, EffectError> {
        let path = home.join("effects").join(format!("{}.jsonl", subject.file_name()));
        let fail = |cause| EffectError::Ledger { path: path.display().to_string(), cause };
        let seen = match std::fs::read(&path) {
            // Damage costs its own line, not those behind it.
            Ok(bytes) => {
                bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(fail(cause)),
        };
        Ok(Self { path, seen: Mutex::new(seen) })
    }

    /// When `key` was tried, unless it is known how that ended.
    pub(super) fn open_since(&self, key: &str) -> Option<Timestamp> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.iter().rev().find(|line| line.key == key)?;
        (last.step == LedgerStep::Intent).then_some(last.at)
    }

    /// The last try of a key that begins with `begin`, leaving out what certainly did not happen; one that is open
    /// comes before all others.
    pub fn last_below(&self, begin: &str) -> Option<LastTry> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = BTreeSet::new();
        let last = seen.iter().rev().filter(|line| line.key.starts_with(begin) && known.insert(line.key.as_str()));
        let tries: Vec<LastTry> = last
            .filter(|line| line.step != LedgerStep::Refused)
            .map(|line| LastTry { key: line.key.clone(), at: line.at, is_open: line.step == LedgerStep::Intent })
            .collect();
        tries.iter().find(|one| one.is_open).or_else(|| tries.first()).cloned()
    }

    /// Notes what a person says of a try whose end nobody knows: did it happen?
    ///
    /// # Errors
    ///
    /// The ledger cannot be written.
    pub fn answered(&self, at: Timestamp, key: &str, happened: bool) -> Result<(), EffectError> {
        self.write(at, key, if happened { LedgerStep::Found } else { LedgerStep::Refused })
    }

    /// Was `key` done or seen, as far as this machine knows?
    pub fn has(&self, key: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.iter().rev().find(|line| line.key == key).map(|line| line.step);
        matches!(last, Some(LedgerStep::Done | LedgerStep::Found))
    }

    /// Notes that this machine announces the run `run`, so that it knows its own announcement again.
    ///
    /// # Errors
    ///
    /// The ledger cannot be written.
    pub fn announces(&self, at: Timestamp, run: &str) -> Result<(), EffectError> {
        self.write(at, &announcement(run), LedgerStep::Intent)
    }

    /// Did this machine announce the run `run`?
    pub fn announced(&self, run: &str) -> bool {
        self.open_since(&announcement(run)).is_some()
    }

    /// Keys of everything that was done or seen.
    pub fn settled(&self) -> BTreeSet<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut settled = BTreeSet::new();
        for line in seen.iter() {
            match line.step {
                LedgerStep::Done | LedgerStep::Found => settled.insert(line.key.clone()),
                LedgerStep::Intent | LedgerStep::Refused => settled.remove(&line.key),
            };
        }
        settled
    }

    /// Notes how `key` ended, unless that is the last thing known of it.
    pub(super) fn settle(&self, at: Timestamp, key: &str, step: LedgerStep) -> Result<(), EffectError> {
        if self.has(key) { Ok(()) } else { self.write(at, key, step) }
    }

    pub(super) fn write(&self, at: Timestamp, key: &str, step: LedgerStep) -> Result<(), EffectError> {
        let fail = |cause| EffectError::Ledger { path: self.path.display().to_string(), cause };
        let line = LedgerLine { at, key: key.to_owned(), step };
        let mut text = serde_json::to_string(&line).map_err(|cause| fail(io::Error::other(cause)))?;
        text.push('\n');
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        // A line that was cut off by a power cut must not swallow this one.
        if std::fs::read(&self.path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n')) {
            text.insert(0, '\n');
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).map_err(fail)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(fail)?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(())
    }
}

fn announcement(run: &str) -> String {
    format!("run/{run}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_whose_end_nobody_knows_comes_before_later_ones_until_somebody_says_what_became_of_it() {
        let home = tempfile::tempdir().unwrap();
        let subject = Subject::Job("periodic-ci-x".parse().unwrap());
        let ledger = Ledger::open(home.path(), &subject).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        for (second, key, step) in [
            (1, "a/1", LedgerStep::Intent),
            (2, "a/2", LedgerStep::Intent),
            (3, "a/2", LedgerStep::Done),
            (4, "b/3", LedgerStep::Intent),
        ] {
            ledger.write(at(second), key, step).unwrap();
        }
        let last = |ledger: &Ledger| ledger.last_below("a/").map(|last| (last.key, last.is_open));
        assert_eq!(last(&ledger), Some(("a/1".to_owned(), true)));
        ledger.answered(at(5), "a/1", false).unwrap();
        let ledger = Ledger::open(home.path(), &subject).unwrap();
        assert_eq!(last(&ledger), Some(("a/2".to_owned(), false)));
        ledger.write(at(6), "a/1", LedgerStep::Intent).unwrap();
        ledger.answered(at(7), "a/1", true).unwrap();
        assert_eq!(last(&ledger), Some(("a/1".to_owned(), false)));
        assert_eq!(ledger.last_below("c/"), None);
    }
}
