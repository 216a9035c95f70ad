//! The log of one command line on disk: every call that it made, masked by whoever writes it.
//!
//! Only a help: a folder that cannot be written costs the log, nothing more. Files and their number have
//! a bound, so that nobody has to clean up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::domain::release::ZStream;

/// A run that logs more than this is in a loop; its log ends with a line that says so.
const MOST_BYTES: usize = 10 << 20;

/// Logs that stay, the oldest go first: some weeks of one engineer.
const MOST_FILES: usize = 200;

/// The log of one command line. The file is made by its first line.
#[derive(Debug)]
pub struct LogFile {
    folder: PathBuf,
    name: String,
    state: Mutex<LogFileState>,
}

#[derive(Debug)]
enum LogFileState {
    Unopened,
    Open { file: File, left: usize },
    Over,
}

impl LogFile {
    /// A log below `folder` whose name begins with `stamp` and says which release it is about; touches nothing yet.
    pub fn new(folder: &Path, stamp: &str, release: Option<&ZStream>) -> Self {
        let about = release.map(|release| format!("{release}-")).unwrap_or_default();
        let name = format!("oar-{}-{about}{}.log", stamp.replace(':', ""), std::process::id());
        Self { folder: folder.to_owned(), name, state: Mutex::new(LogFileState::Unopened) }
    }

    /// Writes one line, which is already masked.
    pub fn line(&self, text: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, LogFileState::Unopened) {
            *state = match self.open() {
                Ok(file) => LogFileState::Open { file, left: MOST_BYTES },
                Err(_) => LogFileState::Over,
            };
        }
        let LogFileState::Open { file, left } = &mut *state else { return };
        let fits = text.len() < *left;
        let written = if fits { writeln!(file, "{text}") } else { writeln!(file, "the log ends here: it is full") };
        *left = left.saturating_sub(text.len() + 1);
        if !fits || written.is_err() {
            *state = LogFileState::Over;
        }
    }

    fn open(&self) -> io::Result<File> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.make_space()?;
        OpenOptions::new().create(true).append(true).mode(0o600).open(self.folder.join(&self.name))
    }

    /// Removes the oldest logs; their names begin with their time.
    fn make_space(&self) -> io::Result<()> {
        let names = fs::read_dir(&self.folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut logs: Vec<_> = names.filter(|name| name.starts_with("oar-") && name.ends_with(".log")).collect();
        logs.sort();
        let spare = (logs.len() + 1).saturating_sub(MOST_FILES);
        for name in logs.iter().take(spare) {
            // Another run may have removed it meanwhile.
            let _ = fs::remove_file(self.folder.join(name));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_log_is_made_by_its_first_line_and_ends_at_its_bound() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("logs");
        let release = "4.20.17".parse().unwrap();
        let log = LogFile::new(&folder, "2026-06-03T06:00:00Z", Some(&release));
        assert!(!folder.exists());
        let line = "x".repeat(1 << 20);
        for _ in 0..30 {
            log.line(&line);
        }
        let names = names(&folder);
        assert!(names.len() == 1 && names[0].starts_with("oar-2026-06-03T060000Z-4.20.17-"), "{names:?}");
        let text = fs::read_to_string(folder.join(&names[0])).unwrap();
        assert!(text.len() < MOST_BYTES + 100 && text.ends_with("\nthe log ends here: it is full\n"));
    }

    #[test]
    fn the_oldest_logs_give_way_and_other_files_stay() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("notes"), "x").unwrap();
        for n in 0..MOST_FILES + 5 {
            fs::write(home.path().join(format!("oar-2026-01-01T{n:06}Z-1.log")), "x").unwrap();
        }
        LogFile::new(home.path(), "2026-06-03T06:00:00Z", None).line("a line");
        let names = names(home.path());
        assert_eq!(names.len(), MOST_FILES + 1);
        assert!(names.contains(&"notes".to_owned()) && !names.contains(&"oar-2026-01-01T000005Z-1.log".to_owned()));
    }

    #[test]
    fn a_folder_that_cannot_be_made_costs_the_log_only() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("logs"), "a file").unwrap();
        LogFile::new(&home.path().join("logs"), "2026-06-03T06:00:00Z", None).line("a line");
        assert_eq!(names(home.path()), ["logs"]);
    }
}
