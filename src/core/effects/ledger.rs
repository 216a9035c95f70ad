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

    /// Was `key` tried, and what is the last thing known of it?
    pub(super) fn last(&self, key: &str) -> Option<LedgerStep> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().rev().find(|line| line.key == key).map(|line| line.step)
    }

    /// Keys of everything that was done or may have been done.
    pub fn tried(&self) -> BTreeSet<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tried = BTreeSet::new();
        for line in seen.iter() {
            match line.step {
                LedgerStep::Intent | LedgerStep::Done | LedgerStep::Found => tried.insert(line.key.clone()),
                LedgerStep::Refused => tried.remove(&line.key),
            };
        }
        tried
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
