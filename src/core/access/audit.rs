//! The audit log: who asked for what, what came of it, in a file that only grows.
//!
//! Every line carries the digest of the line before, so that a line that was changed, added or taken away
//! in the middle shows. A change has a line before it begins, and none begins without. Several processes of one machine may write it at once. Values of arguments are
//! never in it, their digest is. A line that a crash cut stays; the next one says so and goes on from it.

pub mod chain;
pub mod changes;
pub mod end;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::core::clock::Clock;
use crate::domain::dates::stamp;
use crate::domain::mask::mask;
use chain::{append, sha256};

/// Longest text of one field.
const FIELD_CHARS: usize = 200;

/// Lines of one minute about callers whom nobody let in; more are only counted.
const STRANGERS_A_MINUTE: u32 = 100;

/// The outcome of what went well.
pub const OK: &str = "OK";

/// What stands in place of an outcome while there is none.
pub const BEGAN: &str = "BEGAN";

/// So much space has to be left for further lines.
const LEAST_SPACE: u64 = 64 * 1024;

/// What is kept of one call or one refusal.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AuditEntry {
    /// The principal, or what is known of a stranger.
    pub who: String,
    /// Name and version of the client program, as it says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// `http`, `sse`, `stdio`; of a person's answer the way is reported in `confirmation`.
    #[serde(skip_serializing_if = "String::is_empty")]
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
    entry: &'a AuditEntry,
    /// Lines since the one before that are not here: refusals of strangers, which were too many, and what could not
    /// be written.
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
pub struct Audit(Arc<SharedAudit>);

#[derive(Debug)]
struct SharedAudit {
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
        Self(Arc::new(SharedAudit { path, clock, looks_too, book: Mutex::default() }))
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Keeps `entry`. A log that cannot be written is reported by [`Audit::trouble`], not to the caller.
    pub fn record(&self, entry: AuditEntry) {
        let mut book = self.book();
        count(&mut book, &entry);
        if entry.outcome == OK && !entry.is_change && !self.0.looks_too {
            return;
        }
        // Whoever has to know asks for the trouble.
        let _ = self.keep(&mut book, entry);
    }

    /// Keeps `entry` before that is done which it is about.
    ///
    /// # Errors
    ///
    /// It cannot be kept: then that must not be done.
    pub fn record_first(&self, entry: AuditEntry) -> io::Result<()> {
        let mut book = self.book();
        if entry.outcome != BEGAN {
            count(&mut book, &entry);
        }
        self.keep(&mut book, entry)
    }

    /// Keeps a refusal of somebody whom nobody let in. A flood of them fills no disk: it is counted.
    pub fn refuse(&self, entry: AuditEntry) {
        let mut book = self.book();
        count(&mut book, &entry);
        let now = Clock::monotonic();
        let (since, lines) = book.strangers.unwrap_or((now, 0));
        let (since, lines) =
            if now.duration_since(since) >= Duration::from_secs(60) { (now, 0) } else { (since, lines) };
        book.strangers = Some((since, lines.saturating_add(1)));
        if lines >= STRANGERS_A_MINUTE {
            book.left_out += 1;
            return;
        }
        // As above.
        let _ = self.keep(&mut book, entry);
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

    /// Can further lines be written? Writes one when the last could not be: nothing else shows whether it can now.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        let mut book = self.book();
        if book.trouble.is_some() {
            let lost = book.left_out;
            let again = AuditEntry { who: "oar".to_owned(), tool: "(audit log)".to_owned(), ..AuditEntry::default() };
            return self.keep(&mut book, AuditEntry { outcome: "WRITABLE".to_owned(), ..again }).map_err(|cause| {
                book.left_out = lost;
                cause.to_string()
            });
        }
        self.open().map_err(|cause| cause.to_string())?;
        let folder = self.0.path.parent().unwrap_or(Path::new("."));
        // Whoever cannot say how much there is has no such limit.
        let Ok(space) = rustix::fs::statvfs(folder) else { return Ok(()) };
        let blocks = if rustix::process::geteuid().is_root() { space.f_bfree } else { space.f_bavail };
        match blocks.saturating_mul(space.f_frsize) < LEAST_SPACE {
            true => Err("no space is left where it is kept".to_owned()),
            false => Ok(()),
        }
    }

    /// Can the log be opened? Makes the file when there is none.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn open(&self) -> io::Result<()> {
        chain::open(&self.0.path).map(drop)
    }

    fn keep(&self, book: &mut Book, entry: AuditEntry) -> io::Result<()> {
        let entry = bounded(entry);
        let (time, left_out) = (stamp(self.0.clock.now()), std::mem::take(&mut book.left_out));
        let line = |prev: &str, after_cut: bool| {
            serde_json::to_string(&Line { time, entry: &entry, left_out, after_cut, prev })
        };
        match append(&self.0.path, book.known.take(), line) {
            Ok(known) => {
                book.known = Some(known);
                book.trouble = None;
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the audit log cannot be written");
                book.left_out = left_out + 1;
                book.trouble = Some(error.to_string());
                Err(error)
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

fn count(book: &mut Book, entry: &AuditEntry) {
    // A path is whatever a stranger thinks of; there is no end to them.
    let tool = if entry.tool.contains('/') { "(request)".to_owned() } else { entry.tool.clone() };
    *book.counts.entry((tool, entry.outcome.clone())).or_default() += 1;
}

fn bounded(entry: AuditEntry) -> AuditEntry {
    let short = |text: String| {
        let text: String = mask(&text).chars().filter(|c| !c.is_control()).take(FIELD_CHARS).collect();
        text
    };
    AuditEntry {
        who: short(entry.who),
        client: short(entry.client),
        tool: short(entry.tool),
        release: entry.release.map(short),
        run_id: entry.run_id.map(short),
        outcome: short(entry.outcome),
        ..entry
    }
}

#[cfg(test)]
mod tests;
