//! Changes in the audit log: each has a line when it begins and one when it ended. One of the two alone shows that
//! something is missing, although every line follows from the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::BEGAN;

/// How the run of a change stands in its lines.
const RUN: &[u8] = b"\"run_id\":";

/// What a log says about changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoggedChanges {
    /// Begun and not ended: the run, and what it was.
    pub open: BTreeMap<String, String>,
    /// Every run that the log names.
    pub runs: BTreeSet<String>,
    /// When its first line was written.
    pub since: Option<Timestamp>,
}

/// Reads the log at `path`; lines that are none say nothing, and no file is an empty log.
///
/// # Errors
///
/// It cannot be read.
pub fn read(path: &Path) -> io::Result<LoggedChanges> {
    let mut found = LoggedChanges::default();
    let file = match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(found),
        opened => opened?,
    };
    for line in BufReader::new(file).split(b'\n') {
        let line = line?;
        // Most lines are about looks, and a log may be large.
        let is_change = line.windows(RUN.len()).any(|part| part == RUN);
        if found.since.is_some() && !is_change {
            continue;
        }
        let Ok(fields) = serde_json::from_slice::<Value>(&line) else { continue };
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        if found.since.is_none() {
            found.since = text("time").and_then(|time| time.parse().ok());
        }
        let Some(run) = text("run_id") else { continue };
        found.runs.insert(run.to_owned());
        if text("outcome") == Some(BEGAN) {
            let what = ["tool", "release", "who", "time"].map(|name| text(name).unwrap_or_default());
            found.open.insert(run.to_owned(), what.join(" ").replace("  ", " "));
        } else {
            found.open.remove(run);
        }
    }
    Ok(found)
}
