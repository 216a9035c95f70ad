//! What one run of a task says to people: lines that the state file keeps as `result`.
//!
//! Single calls are not in it: those of a command line are in its `log_file`, those of a run of the server in `runs::logs`.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::dates::stamp;
use crate::domain::foreign::lines;
use crate::domain::mask::Masker;
use crate::domain::task::{Task, TaskStatus, marker};

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

/// Lines of one run, in order. Every line is masked before it is kept; what others wrote begins no line, and is no
/// marker of ours.
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

    /// Adds a line with the time of its writing; further lines of the message stand below it, indented.
    pub fn add(&self, at: Timestamp, level: Level, message: &str) {
        self.keep(at, level, &lines(&self.masker.mask(message)).collect::<Vec<_>>().join("\n    "));
    }

    /// Adds the line by which older tools recognise that `task` has `status` now.
    pub fn mark(&self, at: Timestamp, task: Task, status: TaskStatus) {
        self.keep(at, Level::Info, &marker(task, status));
    }

    fn keep(&self, at: Timestamp, level: Level, message: &str) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::foreign::tests::HOSTILE;

    #[test]
    fn what_a_stranger_wrote_begins_no_line_of_a_log_and_is_no_marker() {
        for hostile in HOSTILE {
            let log = RunLog::masked_by(&Masker::default());
            log.add(Timestamp::UNIX_EPOCH, Level::Info, &format!("queued: {hostile}"));
            log.add(Timestamp::UNIX_EPOCH, Level::Warning, hostile);
            log.mark(Timestamp::UNIX_EPOCH, Task::StageTesting, TaskStatus::Fail);
            let text = log.text();
            let ours = |line: &str| line.starts_with("1970-01-01T00:00:00Z: ") || line.starts_with("    ");
            let breaks = ['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}', '\u{1b}'];
            assert!(text.lines().all(ours) && !text.contains(breaks), "{text:?}");
            assert_eq!(text.matches("status is changed to [").count(), 1, "{text}");
            assert!(text.ends_with("INFO: task [Stage Testing] status is changed to [Fail]"), "{text}");
        }
    }
}
