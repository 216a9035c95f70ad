//! Runs that Prow did not show: this machine remembers since when, because one such answer proves nothing.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A run that does not show for this long is lost.
const LOST_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// What does not show for longer than this is forgotten: its record is settled.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24 * 14);

/// Since when runs do not show, by id.
#[derive(Debug)]
pub struct GoneRuns {
    path: PathBuf,
    since: Mutex<BTreeMap<String, Timestamp>>,
}

impl GoneRuns {
    /// What is remembered below `home`; a file that cannot be read is none.
    pub fn open(home: &Path) -> Self {
        let path = home.join("gone-runs.json");
        let known = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, since: Mutex::new(known.unwrap_or_default()) }
    }

    /// The run does not show at `now`: is it lost?
    pub fn does_not_show(&self, id: &str, now: Timestamp) -> bool {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *since.entry(id.to_owned()).or_insert(now);
        now.duration_since(first) >= LOST_AFTER
    }

    /// The run shows.
    pub fn shows(&self, id: &str) {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Keeps it for later passes. A folder that cannot be written makes a loss be noticed later.
    pub fn keep(&self, now: Timestamp) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.retain(|_, first| now.duration_since(*first) < FORGOTTEN_AFTER);
        if since.is_empty() && !self.path.exists() {
            return;
        }
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(self.path.parent().unwrap_or(Path::new(".")))?;
            file.write_all(&serde_json::to_vec(&*since)?)?;
            file.persist(&self.path).map_err(|error| error.error)?;
            Ok::<_, std::io::Error>(())
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "runs that do not show cannot be remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_lost_when_it_did_not_show_for_an_hour_also_to_the_next_process() {
        let home = tempfile::tempdir().unwrap();
        let at = |minute: i64| Timestamp::from_second(60 * minute).unwrap();
        let gone = GoneRuns::open(home.path());
        assert!(!gone.does_not_show("a", at(0)) && !gone.does_not_show("b", at(0)));
        gone.shows("b");
        gone.keep(at(0));
        let gone = GoneRuns::open(home.path());
        assert!(!gone.does_not_show("a", at(59)) && gone.does_not_show("a", at(60)));
        assert!(!gone.does_not_show("b", at(60)), "it had turned up");
    }
}
