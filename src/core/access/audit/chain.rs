//! The file of the audit log: lines that follow from each other, and the check that they do.
//!
//! Writing and checking are one subject: a line that one of them understands differently is a false alarm.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What stands for "the line before" in the first line.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// No line is longer: its fields are bounded.
const TAIL_BYTES: u64 = 64 * 1024;

pub(super) fn open(path: &Path) -> io::Result<File> {
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
pub(super) fn append(
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

pub(in crate::core::access) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What a check of the log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
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
    Missing { digest: String },
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
