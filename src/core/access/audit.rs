//! The audit log: who asked for what, what came of it, in a file that only grows.
//!
//! Every line carries the digest of the line before, so that a line that was changed, added or taken away
//! in the middle shows. Several processes of one machine may write it at once. Values of arguments are
//! never in it, their digest is. A line that a crash cut stays; the next one says so and goes on from it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::core::clock::Clock;
use crate::domain::dates::stamp;
use crate::domain::mask::mask;

/// What stands for "the line before" in the first line.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Longest text of one field.
const FIELD_CHARS: usize = 200;

/// No line is longer: its fields are bounded.
const TAIL_BYTES: u64 = 64 * 1024;

/// Lines of one minute about callers whom nobody let in; more are only counted.
const STRANGERS_A_MINUTE: u32 = 100;

/// The outcome of what went well.
pub const OK: &str = "OK";

/// What is kept of one call or one refusal.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Entry {
    /// The principal, or what is known of a stranger.
    pub who: String,
    /// Name and version of the client program, as it says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// `http`, `sse`, `stdio`, `web`.
    pub transport: String,
    /// The tool; for a request that reached none, method and path.
    pub tool: String,
    /// The release, when the call has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Digest of the arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// Who confirmed it, when and how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Value>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Version of the state file before a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// And after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// `OK`, or the code of the refusal or failure.
    pub outcome: String,
    /// May it have changed anything?
    #[serde(skip)]
    pub is_change: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    entry: &'a Entry,
    /// Refusals of strangers since the last line about one, which were too many to keep.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: u64,
    /// Was the line before cut?
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    after_cut: bool,
    prev: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The audit log of this machine; cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    clock: Clock,
    looks_too: bool,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// Length of the file after our last line, and the digest of that line.
    known: Option<(u64, String)>,
    counts: BTreeMap<(String, String), u64>,
    strangers: Option<(Instant, u32)>,
    left_out: u64,
    /// Why the last line could not be written.
    trouble: Option<String>,
}

impl Audit {
    /// The log below `home`; touches nothing yet. Without `looks_too`, looks that went well are only counted.
    pub fn below(home: &Path, clock: Clock, looks_too: bool) -> Self {
        let path = home.join("mcp").join("audit.jsonl");
        Self(Arc::new(Shared { path, clock, looks_too, book: Mutex::default() }))
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Keeps `entry`. A log that cannot be written is told by [`Audit::trouble`], not to the caller.
    pub fn record(&self, entry: Entry) {
        let mut book = self.book();
        count(&mut book, &entry);
        if entry.outcome == OK && !entry.is_change && !self.0.looks_too {
            return;
        }
        self.keep(&mut book, entry);
    }

    /// Keeps a refusal of somebody whom nobody let in. A flood of them fills no disk: it is counted.
    pub fn refuse(&self, entry: Entry) {
        let mut book = self.book();
        count(&mut book, &entry);
        let now = Instant::now();
        let (since, lines) = book.strangers.unwrap_or((now, 0));
        let (since, lines) =
            if now.duration_since(since) >= Duration::from_secs(60) { (now, 0) } else { (since, lines) };
        book.strangers = Some((since, lines.saturating_add(1)));
        if lines >= STRANGERS_A_MINUTE {
            book.left_out += 1;
            return;
        }
        self.keep(&mut book, entry);
    }

    /// How often each tool ended how, in this process: tool, outcome, times.
    pub fn counts(&self) -> Vec<(String, String, u64)> {
        let book = self.book();
        book.counts.iter().map(|((tool, outcome), times)| (tool.clone(), outcome.clone(), *times)).collect()
    }

    /// Why the last line could not be written; nothing when it could.
    pub fn trouble(&self) -> Option<String> {
        self.book().trouble.clone()
    }

    /// Can the log be written? Makes the file when there is none.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn open(&self) -> io::Result<()> {
        open(&self.0.path).map(drop)
    }

    fn keep(&self, book: &mut Book, entry: Entry) {
        let entry = bounded(entry);
        let (time, left_out) = (stamp(self.0.clock.now()), std::mem::take(&mut book.left_out));
        let line = |prev: &str, after_cut: bool| {
            serde_json::to_string(&Line { time, entry: &entry, left_out, after_cut, prev })
        };
        match append(&self.0.path, book.known.take(), line) {
            Ok(known) => {
                book.known = Some(known);
                book.trouble = None;
            }
            Err(error) => {
                tracing::error!(%error, "the audit log cannot be written");
                book.left_out = left_out;
                book.trouble = Some(error.to_string());
            }
        }
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Digest of arguments, the same whatever their order.
pub fn digest_of(arguments: &serde_json::Map<String, Value>) -> String {
    let sorted: BTreeMap<_, _> = arguments.iter().map(|(name, value)| (name, sorted(value))).collect();
    sha256(serde_json::to_string(&sorted).unwrap_or_default().as_bytes())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let ordered: BTreeMap<_, _> = fields.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn count(book: &mut Book, entry: &Entry) {
    // A path is whatever a stranger thinks of; there is no end to them.
    let tool = if entry.tool.contains('/') { "(request)".to_owned() } else { entry.tool.clone() };
    *book.counts.entry((tool, entry.outcome.clone())).or_default() += 1;
}

fn bounded(entry: Entry) -> Entry {
    let short = |text: String| {
        let text: String = mask(&text).chars().filter(|c| !c.is_control()).take(FIELD_CHARS).collect();
        text
    };
    Entry {
        who: short(entry.who),
        client: short(entry.client),
        tool: short(entry.tool),
        release: entry.release.map(short),
        run_id: entry.run_id.map(short),
        outcome: short(entry.outcome),
        ..entry
    }
}

fn open(path: &Path) -> io::Result<File> {
    let options = || {
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true).mode(0o600);
        options
    };
    match options().open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            options().open(path)
        }
        opened => opened,
    }
}

/// Appends one line; gives the length of the file after it, and its digest.
fn append(
    path: &Path,
    known: Option<(u64, String)>,
    line: impl FnOnce(&str, bool) -> serde_json::Result<String>,
) -> io::Result<(u64, String)> {
    // Opened each time: whoever moves the file away begins a new one with the next line.
    let mut file = open(path)?;
    file.lock()?;
    let length = file.metadata()?.len();
    let (prev, cut) = match known {
        Some((at, digest)) if at == length => (digest, false),
        Some(_) | None => last(&mut file, length)?,
    };
    let mut bytes = if cut { b"\n".to_vec() } else { Vec::new() };
    let text = line(&prev, cut)?;
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(b'\n');
    file.write_all(&bytes)?;
    let length = length + u64::try_from(bytes.len()).unwrap_or_default();
    Ok((length, sha256(text.as_bytes())))
}

/// Digest of the last line, and whether it was cut.
fn last(file: &mut File, length: u64) -> io::Result<(String, bool)> {
    if length == 0 {
        return Ok((BEGINNING.to_owned(), false));
    }
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    let cut = tail.last() != Some(&b'\n');
    if !cut {
        tail.pop();
    }
    let line = tail.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok((sha256(line), cut))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a check of the log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Lines.
    pub lines: u64,
    /// Lines that a crash cut.
    pub cut: u64,
    /// Digest of the last line; kept elsewhere, it shows later whether lines at the end were taken away.
    pub head: String,
}

/// Why a log cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// A line does not follow from the one before.
    #[error("line {line} does not follow from the line before: one of the two was changed, or lines are missing")]
    Chain {
        /// Its number, from 1.
        line: u64,
    },
    /// The log does not have a line that it had.
    #[error("it has no line with the digest {digest}: lines were taken away since")]
    Missing {
        /// The digest.
        digest: String,
    },
    /// A line that is none, although the next does not say that it was cut.
    #[error("line {line} is no line of this log")]
    NoLine {
        /// Its number, from 1.
        line: u64,
    },
}

/// Checks that every line follows from the one before, and that one of them has the digest `known`, which an
/// earlier check gave. An absent file is an empty log.
///
/// # Errors
///
/// Where it does not.
pub fn check(path: &Path, known: Option<&str>) -> Result<Checked, Broken> {
    let unreadable = |cause| Broken::Unreadable { path: path.to_owned(), cause };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return match known.filter(|known| *known != BEGINNING) {
                Some(digest) => Err(Broken::Missing { digest: digest.to_owned() }),
                None => Ok(Checked { lines: 0, cut: 0, head: BEGINNING.to_owned() }),
            };
        }
        Err(cause) => return Err(unreadable(cause)),
    };
    let mut reader = BufReader::new(file);
    let mut found = Checked { lines: 0, cut: 0, head: BEGINNING.to_owned() };
    let mut damaged: Option<u64> = None;
    let mut missing = known.filter(|known| *known != BEGINNING);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes).map_err(unreadable)? == 0 {
            break;
        }
        found.lines += 1;
        let whole = bytes.last() == Some(&b'\n');
        let line = if whole { &bytes[..bytes.len() - 1] } else { &bytes[..] };
        match serde_json::from_slice::<Value>(line) {
            Ok(fields) if fields.is_object() => {
                let after_cut = fields.get("after_cut").and_then(Value::as_bool).unwrap_or(false);
                if let Some(line) = damaged.take().filter(|_| !after_cut) {
                    return Err(Broken::NoLine { line });
                }
                if fields.get("prev").and_then(Value::as_str) != Some(found.head.as_str()) {
                    return Err(Broken::Chain { line: found.lines });
                }
            }
            Ok(_) | Err(_) => {
                if let Some(line) = damaged.replace(found.lines) {
                    return Err(Broken::NoLine { line });
                }
                found.cut += 1;
            }
        }
        if damaged.is_some() && whole && reader.fill_buf().map_err(unreadable)?.is_empty() {
            return Err(Broken::NoLine { line: found.lines });
        }
        found.head = sha256(line);
        missing = missing.filter(|digest| *digest != found.head);
    }
    match missing {
        Some(digest) => Err(Broken::Missing { digest: digest.to_owned() }),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::VirtualClock;

    fn clock() -> Clock {
        Clock::Virtual(VirtualClock::starting_at("2026-06-01T00:00:00Z".parse().unwrap()))
    }

    fn entry(tool: &str) -> Entry {
        Entry { who: "agent".to_owned(), tool: tool.to_owned(), outcome: OK.to_owned(), ..Entry::default() }
    }

    fn log() -> (tempfile::TempDir, Audit) {
        let home = tempfile::tempdir().unwrap();
        let audit = Audit::below(home.path(), clock(), true);
        (home, audit)
    }

    fn edit(audit: &Audit, change: impl FnOnce(&str) -> String) {
        let text = std::fs::read_to_string(audit.path()).unwrap();
        std::fs::write(audit.path(), change(&text)).unwrap();
    }

    #[test]
    fn a_line_says_everything_and_the_digest_of_the_line_before() {
        let (_home, audit) = log();
        audit.record(entry("oar_plan"));
        audit.record(Entry { release: Some("4.20.17".to_owned()), ..entry("oar_push") });
        let text = std::fs::read_to_string(audit.path()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let first = format!(
            r#"{{"time":"2026-06-01T00:00:00Z","who":"agent","transport":"","tool":"oar_plan","outcome":"OK","prev":"{BEGINNING}"}}"#
        );
        assert_eq!(lines[0], first);
        assert!(lines[1].ends_with(&format!(r#""prev":"{}"}}"#, sha256(lines[0].as_bytes()))), "{}", lines[1]);
        assert_eq!(check(audit.path(), None).unwrap(), Checked { lines: 2, cut: 0, head: sha256(lines[1].as_bytes()) });
    }

    #[test]
    fn a_line_that_was_changed_or_taken_away_is_found() {
        for change in [
            |text: &str| text.replacen("oar_b", "oar_x", 1),
            |text: &str| text.lines().filter(|line| !line.contains("oar_b")).map(|line| format!("{line}\n")).collect(),
        ] {
            let (_home, audit) = log();
            for tool in ["oar_a", "oar_b", "oar_c"] {
                audit.record(entry(tool));
            }
            assert_eq!(check(audit.path(), None).unwrap().lines, 3);
            edit(&audit, change);
            assert!(matches!(check(audit.path(), None), Err(Broken::Chain { .. })));
        }
    }

    #[test]
    fn lines_taken_from_the_end_show_with_a_digest_from_before() {
        let (_home, audit) = log();
        audit.record(entry("oar_a"));
        audit.record(entry("oar_b"));
        let known = check(audit.path(), None).unwrap().head;
        audit.record(entry("oar_c"));
        assert_eq!(check(audit.path(), Some(&known)).unwrap().lines, 3);
        edit(&audit, |text| text.lines().take(1).map(|line| format!("{line}\n")).collect());
        assert_eq!(check(audit.path(), None).unwrap().lines, 1);
        assert!(matches!(check(audit.path(), Some(&known)), Err(Broken::Missing { .. })));
    }

    #[test]
    fn a_restart_goes_on_from_the_last_line_even_when_it_was_cut() {
        let (home, audit) = log();
        audit.record(entry("oar_a"));
        audit.record(entry("oar_b"));
        edit(&audit, |text| text[..text.len() - 20].to_owned());
        assert_eq!(check(audit.path(), None).unwrap().cut, 1, "the last line may be cut");
        let again = Audit::below(home.path(), clock(), true);
        again.record(entry("oar_c"));
        again.record(entry("oar_d"));
        let found = check(audit.path(), None).unwrap();
        assert_eq!((found.lines, found.cut), (4, 1));
        edit(&audit, |text| text.replace("oar_b", "oar_x"));
        assert!(check(audit.path(), None).is_err(), "also a cut line is part of the chain");
        edit(&audit, |text| format!("{text}nonsense\n"));
        assert!(check(audit.path(), None).is_err(), "a whole line that is none was not cut");
    }

    #[test]
    fn many_writers_make_one_chain() {
        let (home, audit) = log();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let other = Audit::below(home.path(), clock(), true);
                scope.spawn(move || (0..25).for_each(|_| other.record(entry("oar_a"))));
            }
        });
        assert_eq!(check(audit.path(), None).unwrap().lines, 100);
    }

    #[test]
    fn looks_are_counted_and_kept_only_when_asked_for() {
        let home = tempfile::tempdir().unwrap();
        let audit = Audit::below(home.path(), clock(), false);
        audit.record(entry("oar_look"));
        audit.record(Entry { outcome: "DENIED".to_owned(), ..entry("oar_look") });
        audit.record(Entry { is_change: true, ..entry("oar_change") });
        assert_eq!(check(audit.path(), None).unwrap().lines, 2);
        assert_eq!(audit.counts().len(), 3);
    }

    #[test]
    fn a_flood_of_strangers_is_counted_not_kept() {
        let (_home, audit) = log();
        for _ in 0..STRANGERS_A_MINUTE + 20 {
            audit.refuse(Entry { outcome: "FOREIGN_HOST".to_owned(), ..entry("GET /x") });
        }
        audit.record(entry("oar_a"));
        let text = std::fs::read_to_string(audit.path()).unwrap();
        assert_eq!(text.lines().count(), 101);
        assert!(text.lines().last().unwrap().contains(r#""left_out":20"#));
    }

    #[test]
    fn no_value_no_secret_and_no_control_character_gets_into_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_home, audit) = log();
        let client = format!("x\u{1b}[31m someone@example.com {}", "y".repeat(1000));
        let arguments = serde_json::json!({ "b": "secret", "a": { "d": 1, "c": 2 } });
        let digest = digest_of(arguments.as_object().unwrap());
        let turned = serde_json::json!({ "a": { "c": 2, "d": 1 }, "b": "secret" });
        assert_eq!(digest, digest_of(turned.as_object().unwrap()));
        audit.record(Entry { client, arguments: Some(digest), ..entry("oar_a") });
        let text = std::fs::read_to_string(audit.path()).unwrap();
        assert!(!text.contains("secret") && !text.contains("someone@") && !text.contains('\u{1b}'), "{text}");
        assert!(text.len() < 800, "{text}");
        assert_eq!(std::fs::metadata(audit.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_told() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("mcp"), "a file where a folder is needed").unwrap();
        let audit = Audit::below(home.path(), clock(), true);
        assert!(audit.open().is_err() && audit.trouble().is_none());
        audit.record(entry("oar_a"));
        assert!(audit.trouble().is_some());
    }
}
