//! Whether the end of the audit log is as it was written: looked at before anything is added to it.
//!
//! The whole log takes time in proportion to its length, so that a server does not check it at its start.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::Value;

use super::chain::{BEGINNING, sha256};

/// So much of the log is looked at: some hundred lines.
const TAIL_BYTES: u64 = 64 * 1024;

/// Why nothing may be added to the log.
#[derive(Debug, thiserror::Error)]
pub enum BadEnd {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// A line does not follow from the one before.
    #[error("line {0} from its end is not as it was written, or the line before it is not")]
    Line(usize),
}

/// Checks the last lines of the log at `path`. One that a crash cut is as it was written; no file is an empty log.
///
/// # Errors
///
/// What is wrong.
pub fn check_end(path: &Path) -> Result<(), BadEnd> {
    let tail = match File::open(path).and_then(|file| tail_of(file, TAIL_BYTES)) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(BadEnd::Unreadable)?,
    };
    let lines: Vec<_> = tail.bytes.split_inclusive(|byte| *byte == b'\n').skip(usize::from(!tail.is_all)).collect();
    // What stands before the first line of a part is not known.
    let mut before = tail.is_all.then(|| BEGINNING.to_owned());
    let mut was_cut = false;
    for (at, line) in lines.iter().enumerate() {
        let from_end = lines.len() - at;
        let (text, is_whole) = line.strip_suffix(b"\n").map_or((*line, false), |text| (text, true));
        let fields = serde_json::from_slice::<Value>(text).ok().filter(Value::is_object);
        let fits = match &fields {
            Some(fields) => {
                let after_cut = fields.get("after_cut").and_then(Value::as_bool).unwrap_or(false);
                let prev = fields.get("prev").and_then(Value::as_str);
                (!was_cut || after_cut) && before.as_deref().is_none_or(|before| prev == Some(before))
            }
            // Only the next line, which says so, or the end of the file shows that it was cut.
            None => !was_cut && (!is_whole || from_end > 1),
        };
        if !fits {
            return Err(BadEnd::Line(from_end));
        }
        was_cut = fields.is_none();
        before = Some(sha256(text));
    }
    Ok(())
}

struct FileTail {
    bytes: Vec<u8>,
    is_all: bool,
}

fn tail_of(mut file: File, most: u64) -> io::Result<FileTail> {
    let from = file.metadata()?.len().saturating_sub(most);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(FileTail { bytes, is_all: from == 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::access::audit::{Audit, AuditEntry};
    use crate::core::clock::{Clock, VirtualClock};

    fn log(lines: usize) -> (tempfile::TempDir, Audit) {
        let home = tempfile::tempdir().unwrap();
        let clock = Clock::Virtual(VirtualClock::starting_at("2026-06-01T00:00:00Z".parse().unwrap()));
        let audit = Audit::below(home.path(), clock, true);
        for n in 0..lines {
            audit.record(AuditEntry { who: "agent".to_owned(), tool: format!("t{n}"), ..AuditEntry::default() });
        }
        (home, audit)
    }

    fn after(lines: usize, change: impl FnOnce(&str) -> String) -> Result<(), String> {
        let (_home, audit) = log(lines);
        let text = std::fs::read_to_string(audit.path()).unwrap();
        std::fs::write(audit.path(), change(&text)).unwrap();
        check_end(audit.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_log_as_it_was_written_is_whole_also_when_it_is_long_empty_or_cut() {
        for lines in [0, 1, 3, 1000] {
            assert_eq!(after(lines.max(1), str::to_owned), Ok(()), "{lines} lines");
        }
        check_end(Path::new("/nowhere/audit.jsonl")).unwrap();
        assert_eq!(after(3, |text| text[..text.len() - 20].to_owned()), Ok(()), "a crash cut it");
        let (_home, audit) = log(2);
        let text = std::fs::read_to_string(audit.path()).unwrap();
        std::fs::write(audit.path(), &text[..text.len() - 20]).unwrap();
        audit.record(AuditEntry { who: "agent".to_owned(), ..AuditEntry::default() });
        check_end(audit.path()).unwrap();
    }

    #[test]
    fn a_changed_a_missing_and_a_foreign_line_at_the_end_are_found() {
        let cut_short = |back: usize| {
            Err(format!("line {back} from its end is not as it was written, or the line before it is not"))
        };
        assert_eq!(after(3, |text| text.replace("\"t1\"", "\"t9\"")), cut_short(1));
        assert_eq!(after(3, |text| text.lines().skip(1).map(|line| format!("{line}\n")).collect()), cut_short(2));
        assert_eq!(after(3, |text| format!("{text}garbage\n")), cut_short(1));
        assert_eq!(after(3, |text| text.replace("\"t1\"", "broken")), cut_short(1), "and nobody says that it was cut");
        assert_eq!(after(1000, |text| text.replace("\"t990\"", "\"t9\"")), cut_short(9));
    }
}
