//! Changes that could not reach the store, kept on this machine until they can.
//!
//! One file per release below `OAR_HOME/unsent`, one line per command, flushed before anybody hears
//! that it is kept. A change is bound to the store it was meant for: a rehearsal never sends what waits
//! for production. What the rules refuse later is moved aside, never dropped.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use crate::core::lock::Lock;
use crate::domain::mask::{Masker, mask};
use crate::domain::release::ZStream;
use crate::domain::state::operation::Operation;

/// What one command wanted.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Waiting {
    /// Random, to find it again.
    pub id: String,
    /// When it was kept.
    pub at: Timestamp,
    /// The store it is meant for.
    pub store: String,
    /// Message of its commit.
    pub message: String,
    /// All of it is stored or none.
    pub operations: Vec<Operation>,
    /// Why it was moved aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A line of the listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub release: String,
    /// The file that holds it.
    pub file: PathBuf,
    /// What waits, or was moved aside.
    pub waiting: Waiting,
}

/// The changes that wait for one store.
#[derive(Debug, Clone)]
pub struct Unsent {
    home: PathBuf,
    store: String,
}

impl Unsent {
    /// The journal below `home` for `store`; touches nothing yet.
    pub fn new(home: &Path, store: String) -> Self {
        Self { home: home.to_owned(), store }
    }

    /// Where changes of `release` wait.
    pub fn path(&self, release: &ZStream) -> PathBuf {
        folder(&self.home).join(format!("{release}.jsonl"))
    }

    /// Changes of `release` that wait for this store, oldest first.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be read.
    pub fn waiting(&self, release: &ZStream) -> io::Result<Vec<Waiting>> {
        let lines = lines_of(&self.path(release))?;
        Ok(lines.iter().filter_map(|line| parse(line)).filter(|waiting| waiting.store == self.store).collect())
    }

    /// Keeps what a command wanted; when this returns, it survives a power cut.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn keep(
        &self,
        release: &ZStream,
        at: Timestamp,
        message: &str,
        operations: &[Operation],
    ) -> io::Result<PathBuf> {
        let waiting = Waiting {
            id: format!("{:016x}", fastrand::u64(..)),
            at,
            store: self.store.clone(),
            message: mask(message),
            operations: operations.to_vec(),
            refused: None,
        };
        let path = self.path(release);
        let _lock = self.lock(release)?;
        append(&path, &waiting)?;
        Ok(path)
    }

    /// Takes out what is `done`, and moves aside what was `refused`.
    ///
    /// # Errors
    ///
    /// A file cannot be written; then everything still waits, and doing it again changes nothing.
    pub fn settle(&self, release: &ZStream, done: &[Waiting], refused: &[(Waiting, String)]) -> io::Result<()> {
        let path = self.path(release);
        let _lock = self.lock(release)?;
        for (waiting, why) in refused {
            let aside = Waiting { refused: Some(mask(why)), ..waiting.clone() };
            append(&self.refused_path(release), &aside)?;
        }
        let settled = |line: &str| {
            let id = parse(line).map(|waiting| waiting.id);
            let of = |waiting: &Waiting| Some(&waiting.id) == id.as_ref();
            done.iter().any(of) || refused.iter().any(|(waiting, _)| of(waiting))
        };
        // Lines of a newer version stay: they are somebody's changes, too.
        let left: Vec<String> = lines_of(&path)?.into_iter().filter(|line| !settled(line)).collect();
        if left.is_empty() {
            return fs::remove_file(&path);
        }
        let mut fresh = tempfile::NamedTempFile::new_in(folder(&self.home))?;
        for line in left {
            writeln!(fresh, "{line}")?;
        }
        fresh.as_file().sync_all()?;
        fresh.persist(&path).map_err(|error| error.error)?;
        File::open(folder(&self.home))?.sync_all()
    }

    /// Where refused changes of `release` are.
    pub fn refused_path(&self, release: &ZStream) -> PathBuf {
        folder(&self.home).join(format!("{release}.refused.jsonl"))
    }

    /// The right to send; nothing while another process of this machine sends.
    ///
    /// # Errors
    ///
    /// The lock file cannot be made.
    pub fn may_send(&self, release: &ZStream) -> io::Result<Option<Lock>> {
        Lock::of(&self.home, &release.into(), "unsent")
    }

    /// Held for the few moments of one change of the file.
    fn lock(&self, release: &ZStream) -> io::Result<File> {
        let folder = folder(&self.home);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut options = OpenOptions::new();
        let lock = options.create(true).append(true).mode(0o600).open(folder.join(format!("{release}.lock")))?;
        lock.lock()?;
        Ok(lock)
    }
}

/// Everything that waits or was moved aside below `home`, oldest first within a file.
///
/// # Errors
///
/// The folder is there and cannot be read.
pub fn list(home: &Path) -> io::Result<Vec<Listed>> {
    let entries = match fs::read_dir(folder(home)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    let mut listed = Vec::new();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(name) = name.strip_suffix(".jsonl") else { continue };
        let release = name.strip_suffix(".refused").unwrap_or(name).to_owned();
        let waiting = lines_of(&file)?.iter().filter_map(|line| parse(line)).collect::<Vec<_>>();
        listed.extend(waiting.into_iter().map(|waiting| Listed {
            release: release.clone(),
            file: file.clone(),
            waiting,
        }));
    }
    Ok(listed)
}

fn folder(home: &Path) -> PathBuf {
    home.join("unsent")
}

fn append(path: &Path, waiting: &Waiting) -> io::Result<()> {
    let mut line = masked(serde_json::to_value(waiting)?, false, &mask).to_string();
    line.push('\n');
    // A line that was cut off by a power cut must not swallow this one.
    if fs::read(path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n')) {
        line.insert(0, '\n');
    }
    let is_new = !path.exists();
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    match path.parent().filter(|_| is_new) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Operations without the secrets that `masker` knows.
pub(super) fn without_secrets<'a>(operations: &'a [Operation], masker: &Masker) -> Cow<'a, [Operation]> {
    let hidden = || {
        let value = serde_json::to_value(operations).ok()?;
        if let Cow::Borrowed(_) = masker.hide(&value.to_string()) {
            return None;
        }
        serde_json::from_value(masked(value, false, &|text| masker.hide(text).into_owned())).ok()
    };
    hidden().map_or(Cow::Borrowed(operations), Cow::Owned)
}

/// Texts are masked as the store would mask them; names and numbers have to come back as they are.
fn masked(value: Value, is_text: bool, mask: &impl Fn(&str) -> String) -> Value {
    const TEXTS: &[&str] = &["result", "reason", "note", "text", "resolution", "search", "by", "actor"];
    match value {
        Value::String(text) if is_text => Value::String(mask(&text)),
        Value::Array(items) => items.into_iter().map(|item| masked(item, is_text, mask)).collect(),
        Value::Object(fields) => {
            let of = |(name, value): (String, Value)| {
                let is_text = is_text || TEXTS.contains(&name.as_str());
                let value = masked(value, is_text, mask);
                (name, value)
            };
            Value::Object(fields.into_iter().map(of).collect())
        }
        other @ (Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

fn lines_of(path: &Path) -> io::Result<Vec<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).lines().filter(|l| !l.is_empty()).map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse(line: &str) -> Option<Waiting> {
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::domain::state::operation::AddIssue;

    fn release() -> ZStream {
        "4.99.1".parse().unwrap()
    }

    fn issue(text: &str) -> Operation {
        let at = Timestamp::UNIX_EPOCH;
        Operation::AddIssue(AddIssue { text: text.to_owned(), blocker: true, related: Vec::new(), source: None, at })
    }

    fn keep(unsent: &Unsent, text: &str) -> PathBuf {
        unsent.keep(&release(), Timestamp::UNIX_EPOCH, "Add issue", &[issue(text)]).unwrap()
    }

    fn texts(unsent: &Unsent) -> Vec<String> {
        let text = |waiting: Waiting| match &waiting.operations[..] {
            [Operation::AddIssue(add)] => add.text.clone(),
            other => panic!("{other:?}"),
        };
        unsent.waiting(&release()).unwrap().into_iter().map(text).collect()
    }

    #[test]
    fn what_is_kept_comes_back_in_order_from_a_private_file() {
        let home = tempfile::tempdir().unwrap();
        let unsent = Unsent::new(home.path(), "here".to_owned());
        assert!(unsent.waiting(&release()).unwrap().is_empty());
        let path = keep(&unsent, "one");
        keep(&unsent, "two");
        assert_eq!(texts(&unsent), ["one", "two"]);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_change_waits_for_its_own_store_only() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (Unsent::new(home.path(), "here".to_owned()), Unsent::new(home.path(), "there".to_owned()));
        keep(&here, "one");
        assert!(there.waiting(&release()).unwrap().is_empty());
        there.settle(&release(), &here.waiting(&release()).unwrap(), &[]).unwrap();
    }

    #[test]
    fn settled_changes_go_and_refused_ones_are_moved_aside_with_the_reason() {
        let home = tempfile::tempdir().unwrap();
        let unsent = Unsent::new(home.path(), "here".to_owned());
        for text in ["one", "two", "three"] {
            keep(&unsent, text);
        }
        let all = unsent.waiting(&release()).unwrap();
        unsent.settle(&release(), &all[..1], &[(all[1].clone(), "too late".to_owned())]).unwrap();
        assert_eq!(texts(&unsent), ["three"]);
        let listed = list(home.path()).unwrap();
        let found: Vec<_> = listed.iter().map(|l| (l.release.as_str(), l.waiting.refused.as_deref())).collect();
        assert_eq!(found, [("4.99.1", None), ("4.99.1", Some("too late"))]);
        unsent.settle(&release(), &all[2..], &[]).unwrap();
        assert!(!unsent.path(&release()).exists());
    }

    #[test]
    fn a_line_cut_off_by_a_power_cut_and_a_line_of_a_newer_version_harm_nobody() {
        let home = tempfile::tempdir().unwrap();
        let unsent = Unsent::new(home.path(), "here".to_owned());
        let path = keep(&unsent, "one");
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"operations\":[{\"fly\":{}}]}\n{\"id\":\"cut o");
        fs::write(&path, text).unwrap();
        keep(&unsent, "two");
        assert_eq!(texts(&unsent), ["one", "two"]);
        unsent.settle(&release(), &unsent.waiting(&release()).unwrap(), &[]).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("fly"));
    }

    #[test]
    fn no_mail_address_gets_into_the_file() {
        let home = tempfile::tempdir().unwrap();
        let unsent = Unsent::new(home.path(), "here".to_owned());
        let path = keep(&unsent, "ask somebody@example.com");
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains("somebody@") && text.contains("ask "), "{text}");
    }

    #[test]
    fn one_process_sends() {
        let home = tempfile::tempdir().unwrap();
        let unsent = Unsent::new(home.path(), "here".to_owned());
        let right = unsent.may_send(&release()).unwrap();
        assert!(right.is_some() && unsent.may_send(&release()).unwrap().is_none());
    }
}
