//! Answers of services on disk, each with the mark by which the service knows its version again.
//!
//! Only a help: what cannot be read, was damaged or belongs to something else does not exist, and a
//! folder that cannot be written costs time, nothing more.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// What is kept in all: build data of ten minors and the records of a year.
const MOST_BYTES: u64 = 128 << 20;

/// Bodies above this are not kept.
const MOST_BYTES_EACH: usize = 16 << 20;

/// Other processes write into the folder, too: after so many writes it is counted again.
const WRITES_A_COUNT: u32 = 32;

/// A folder of answers; cheap to clone, shared by processes.
#[derive(Debug, Clone)]
pub struct DiskCache {
    folder: PathBuf,
    most_bytes: u64,
    space: Arc<Mutex<Space>>,
}

/// What was left when the folder was counted, without what we wrote since.
#[derive(Debug, Default)]
struct Space {
    bytes: u64,
    writes: u32,
}

/// A kept answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The service's mark of this version.
    pub etag: String,
    pub body: Vec<u8>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Head {
    key: String,
    etag: String,
    sha256: String,
}

impl DiskCache {
    /// The cache below `home`; touches nothing yet.
    pub fn below(home: &Path) -> Self {
        Self { folder: home.join("cache"), most_bytes: MOST_BYTES, space: Arc::default() }
    }

    /// What is kept under `key`, if it is whole.
    pub fn read(&self, key: &str) -> Option<Kept> {
        let bytes = fs::read(self.place(key)).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(bytes.get(..end)?).ok()?;
        let body = bytes.get(end + 1..)?;
        (head.key == key && head.sha256 == hex(body)).then(|| Kept { etag: head.etag, body: body.to_vec() })
    }

    /// Keeps `body` under `key` in place of what was kept before.
    pub fn write(&self, key: &str, etag: &str, body: &[u8]) {
        if body.len() > MOST_BYTES_EACH {
            return;
        }
        if let Err(error) = self.try_write(key, etag, body) {
            tracing::debug!(%error, "an answer could not be cached");
        }
    }

    fn try_write(&self, key: &str, etag: &str, body: &[u8]) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let head = Head { key: key.to_owned(), etag: etag.to_owned(), sha256: hex(body) };
        let head = serde_json::to_vec(&head)?;
        self.take_space((head.len() + 1 + body.len()) as u64)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(&head)?;
        file.write_all(b"\n")?;
        file.write_all(body)?;
        file.persist(self.place(key)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Takes `more` bytes of what is known to be left, or counts the folder.
    fn take_space(&self, more: u64) -> io::Result<()> {
        let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        if space.writes == 0 || space.bytes < more {
            *space = Space { bytes: self.make_space(more)?, writes: WRITES_A_COUNT };
        }
        space.bytes = space.bytes.saturating_sub(more);
        space.writes -= 1;
        Ok(())
    }

    /// Removes the oldest answers until `more` bytes fit; gives the bytes that may be written.
    fn make_space(&self, more: u64) -> io::Result<u64> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another process may have removed it meanwhile.
            let Ok(facts) = entry.metadata() else { continue };
            if facts.is_file() {
                kept.push((facts.modified()?, facts.len(), entry.path()));
            }
        }
        let mut total = kept.iter().map(|(_, length, _)| length).sum::<u64>() + more;
        kept.sort();
        for (_, length, path) in kept {
            if total <= self.most_bytes {
                break;
            }
            let _ = fs::remove_file(path);
            total -= length;
        }
        Ok((self.most_bytes + more).saturating_sub(total))
    }

    fn place(&self, key: &str) -> PathBuf {
        self.folder.join(hex(key.as_bytes()))
    }
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_comes_back_and_the_newer_one_replaces_it() {
        let home = tempfile::tempdir().unwrap();
        let cache = DiskCache::below(home.path());
        assert_eq!(cache.read("a"), None);
        cache.write("a", "\"1\"", b"one\ntwo");
        cache.write("b", "\"2\"", b"");
        assert_eq!(cache.read("a"), Some(Kept { etag: "\"1\"".to_owned(), body: b"one\ntwo".to_vec() }));
        cache.write("a", "\"3\"", b"three");
        assert_eq!(cache.read("a").unwrap().body, b"three");
        assert_eq!(cache.read("b").unwrap().body, b"");
    }

    #[test]
    fn a_damaged_or_foreign_file_does_not_exist() {
        let home = tempfile::tempdir().unwrap();
        let cache = DiskCache::below(home.path());
        cache.write("a", "\"1\"", b"the whole body");
        let whole = fs::read(cache.place("a")).unwrap();
        for broken in [&whole[..whole.len() - 1], &whole[..10], b"", b"\n", b"{}\nthe whole body"] {
            fs::write(cache.place("a"), broken).unwrap();
            assert_eq!(cache.read("a"), None);
        }
        fs::write(cache.place("b"), whole).unwrap();
        assert_eq!(cache.read("b"), None);
    }

    #[test]
    fn the_folder_is_private_and_its_size_has_a_bound() {
        let home = tempfile::tempdir().unwrap();
        let cache = DiskCache { most_bytes: 2_000, ..DiskCache::below(home.path()) };
        for n in 0..30 {
            cache.write(&format!("key {n}"), "\"1\"", &[b'x'; 300]);
        }
        let sizes = fs::read_dir(&cache.folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
        let sizes: Vec<_> = sizes.map(|facts| (facts.len(), facts.permissions().mode() & 0o777)).collect();
        assert!(sizes.iter().map(|(length, _)| length).sum::<u64>() <= 2_600, "{sizes:?}");
        assert!(sizes.iter().all(|(_, mode)| *mode == 0o600), "{sizes:?}");
        assert!(cache.read("key 29").is_some());
        assert_eq!(fs::metadata(&cache.folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_trouble() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("cache"), "a file").unwrap();
        let cache = DiskCache::below(home.path());
        cache.write("a", "\"1\"", b"x");
        assert_eq!(cache.read("a"), None);
    }
}
