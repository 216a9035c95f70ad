//! Where runs are recorded: two files each below `OAR_HOME/runs`, what it is and what it said.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::logs;
use super::record::{RunRecord, RunState};
use crate::domain::dates::stamp;

/// Milliseconds of a day, which the ids of runs count in.
const DAY: i64 = 86_400_000;

/// The folder of all runs of this machine, those of other and of earlier processes too.
#[derive(Debug, Clone)]
pub struct RunStore {
    folder: PathBuf,
}

impl RunStore {
    /// Runs below `home`.
    pub fn below(home: &Path) -> Self {
        Self { folder: home.join("runs") }
    }

    /// Where the log of a run is.
    pub fn log_path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.log"))
    }

    /// Makes sure that files can be put here.
    ///
    /// # Errors
    ///
    /// The folder cannot be made.
    pub fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)
    }

    /// Puts the record of a run here; whoever reads sees the old one or this one.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put(&self, id: &str, record: &RunRecord) -> io::Result<()> {
        let file = tempfile::NamedTempFile::new_in(&self.folder)?;
        serde_json::to_writer(&file, record)?;
        file.as_file().sync_data()?;
        file.persist(self.path(id)).map_err(|error| error.error)?;
        Ok(())
    }

    /// The record of a run.
    pub fn get(&self, id: &str) -> Option<RunRecord> {
        let text = fs::read_to_string(is_id(id).then(|| self.path(id))?).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The file of a run whose record is there and cannot be read; nobody changes it.
    pub fn damaged(&self, id: &str) -> Option<PathBuf> {
        let path = is_id(id).then(|| self.path(id))?;
        (path.exists() && self.get(id).is_none()).then_some(path)
    }

    /// All that a run said.
    pub fn log(&self, id: &str) -> Option<String> {
        let bytes = fs::read(is_id(id).then(|| self.log_path(id))?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Marks runs whose process is gone as interrupted; gives back their records.
    pub fn reconcile(&self, now: Timestamp) -> Vec<RunRecord> {
        let mut found = Vec::new();
        for id in self.ids() {
            let open = |record: &RunRecord| match record.state {
                RunState::Queued | RunState::Running => !logs::is_alive(&self.log_path(&id)),
                RunState::Ended | RunState::Interrupted => false,
            };
            let Some(mut record) = self.get(&id).filter(open) else { continue };
            record.state = RunState::Interrupted;
            record.found_at = Some(stamp(now));
            if let Err(error) = self.put(&id, &record) {
                tracing::warn!(%error, run = id, "the run was interrupted, which could not be recorded");
            }
            found.push(record);
        }
        found
    }

    /// Drops ended runs that are too many or too old.
    pub fn tidy(&self, most: usize, days: u32, now: Timestamp) {
        let mut ids = self.ids();
        ids.sort();
        let oldest = now.as_millisecond() - i64::from(days) * DAY;
        let many = ids.len().saturating_sub(most);
        for (place, id) in ids.iter().enumerate() {
            let at = id.get(..11).and_then(|at| i64::from_str_radix(at, 16).ok()).unwrap_or(i64::MAX);
            if (place < many || at < oldest) && !logs::is_alive(&self.log_path(id)) {
                // What cannot be removed now is too old the next time, too.
                let _ = (fs::remove_file(self.path(id)), fs::remove_file(self.log_path(id)));
            }
        }
    }

    /// Does any record fit?
    pub fn any(&self, fits: impl Fn(&RunRecord) -> bool) -> bool {
        self.ids().iter().filter_map(|id| self.get(id)).any(|record| fits(&record))
    }

    /// The ids of all runs, those without a readable record too.
    pub fn ids(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter_map(|name| name.strip_suffix(".json").filter(|id| is_id(id)).map(str::to_owned)).collect()
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

/// Ids come from callers and become file names.
fn is_id(id: &str) -> bool {
    id.len() == 19 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::runs::logs::RunLogs;

    const NOW: i64 = 1_780_000_000_000;

    fn now() -> Timestamp {
        Timestamp::from_millisecond(NOW).unwrap()
    }

    fn id(days_ago: i64) -> String {
        format!("{:011x}{:08x}", NOW - days_ago * DAY, 7)
    }

    fn record(id: &str, state: RunState) -> RunRecord {
        serde_json::from_value(json!({ "run_id": id, "state": state })).unwrap()
    }

    #[test]
    fn a_record_is_written_as_it_was_read() {
        let text = r#"{"run_id":"019e","tool":"oar_add_issue","queue":"4.20.17","owner":"agent","arguments":"a=1","asked_at":"2026-06-03T06:00:00Z","began_at":"2026-06-03T06:00:01Z","ended_at":null,"state":"running","cancelling":false,"step":"pushes","confirmation":{"who":"lead","how":"page","at":"2026-06-03T06:00:00Z"},"answer":null}"#;
        let record: RunRecord = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
    }

    #[test]
    fn a_run_whose_process_is_gone_is_interrupted_and_one_that_lives_is_not() {
        let home = tempfile::tempdir().unwrap();
        let store = RunStore::below(home.path());
        store.prepare().unwrap();
        let states = [RunState::Running, RunState::Running, RunState::Queued, RunState::Ended];
        for (id, state) in [1, 2, 3, 4].map(id).into_iter().zip(states) {
            store.put(&id, &record(&id, state)).unwrap();
        }
        let _alive = RunLogs::default().open(&id(1), &store.log_path(&id(1))).unwrap();
        assert_eq!(store.reconcile(now()).len(), 2);
        let states = [1, 2, 3, 4].map(|days| store.get(&id(days)).unwrap().state.name());
        assert_eq!(states, ["running", "interrupted", "interrupted", "ended"]);
        assert_eq!(store.reconcile(now()).len(), 0, "once");
    }

    #[test]
    fn old_and_surplus_runs_are_dropped_and_living_ones_stay() {
        let home = tempfile::tempdir().unwrap();
        let store = RunStore::below(home.path());
        store.prepare().unwrap();
        for days in [0, 1, 2, 50] {
            store.put(&id(days), &record(&id(days), RunState::Ended)).unwrap();
        }
        let _alive = RunLogs::default().open(&id(50), &store.log_path(&id(50))).unwrap();
        store.tidy(3, 30, now());
        assert_eq!(store.ids().len(), 4, "three are allowed, the fourth lives");
        store.tidy(2, 30, now());
        let mut left = store.ids();
        left.sort();
        assert_eq!(left, [id(50), id(1), id(0)]);
    }

    #[test]
    fn an_id_is_no_path() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("secret.json"), "{}").unwrap();
        let store = RunStore::below(home.path());
        assert_eq!((store.get("../secret"), store.log("../secret")), (None, None));
    }
}
