//! What one run of a task says to people: lines that the state file keeps as `result`.
//!
//! Single calls are not in it: those of a command line are in its `log_file`, those of a run of the server in `runs::logs`.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::dates::stamp;
use crate::domain::mask::Masker;

/// Severity of a line, as the stored log spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A step of the run.
    Info,
    /// Something is degraded, the run goes on.
    Warning,
    /// Somebody must act.
    Error,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

/// Lines of one run, in order. Every line is masked before it is kept.
#[derive(Debug)]
pub struct RunLog {
    lines: Mutex<Vec<String>>,
    masker: Masker,
}

impl RunLog {
    /// An empty log that masks what it is given.
    pub fn masked_by(masker: &Masker) -> Self {
        Self { lines: Mutex::default(), masker: masker.clone() }
    }

    /// Adds a line with the time of its writing.
    pub fn add(&self, at: Timestamp, level: Level, message: &str) {
        let message = self.masker.mask(message);
        match level {
            Level::Info => tracing::info!("{message}"),
            Level::Warning => tracing::warn!("{message}"),
            // The front end says how a run ended; said here as well, it would stand there twice.
            Level::Error => tracing::debug!("{message}"),
        }
        let line = format!("{}: {}: {message}", stamp(at), level.as_str());
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// The whole log as one text.
    pub fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}
