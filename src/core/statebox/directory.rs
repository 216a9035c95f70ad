//! A plain folder as repository, for rehearsals and laptops.
//!
//! One folder serves all branches. A write holds a lock on a file that stays, so that two processes
//! cannot both believe in the same revision, and replaces the old file in one step.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha1::{Digest as _, Sha1};

use super::error::StoreFault;
use super::file::{ListedFile, Revision, StoredFile, TreeFile};
use crate::domain::release::Minor;

/// The lock file stays: removing it would let two processes lock two different files of that name.
const LOCK: &str = ".oar.lock";

pub(super) fn read(root: &Path, path: &str) -> Result<Option<StoredFile>, StoreFault> {
    Ok(bytes_at(&place(root, path)?)?.map(|bytes| StoredFile { revision: revision_of(&bytes), bytes }))
}

/// Files of `{folder}/X.Y` and `{folder}/X.Y/statebox`; a folder that is not there holds none.
pub(super) fn release_files(root: &Path, folder: &str) -> Result<Vec<TreeFile>, StoreFault> {
    let mut files = Vec::new();
    for (minor, is_folder) in names_in(&root.join(folder))? {
        if !is_folder || minor.parse::<Minor>().is_err() {
            continue;
        }
        for inner in [format!("{folder}/{minor}"), format!("{folder}/{minor}/statebox")] {
            for (name, is_folder) in names_in(&root.join(&inner))? {
                if is_folder || !name.ends_with(".yaml") {
                    continue;
                }
                let path = format!("{inner}/{name}");
                files.push(TreeFile { text: text_at(&root.join(&path)), path });
            }
        }
    }
    Ok(files)
}

/// Files directly below `folder` whose path is `wanted`.
pub(super) fn files(root: &Path, folder: &str, wanted: fn(&str) -> bool) -> Result<Vec<TreeFile>, StoreFault> {
    let names = names_in(&root.join(folder))?.into_iter().filter(|(_, is_folder)| !is_folder);
    let paths = names.map(|(name, _)| format!("{folder}/{name}")).filter(|path| wanted(path));
    Ok(paths.map(|path| TreeFile { text: text_at(&root.join(&path)), path }).collect())
}

/// Files directly below `folder`, with their revisions.
pub(super) fn listed(root: &Path, folder: &str) -> Result<Vec<ListedFile>, StoreFault> {
    let mut files = Vec::new();
    for (name, is_folder) in names_in(&root.join(folder))? {
        let path = format!("{folder}/{name}");
        if is_folder {
            continue;
        }
        // Somebody may have removed it meanwhile.
        if let Some(bytes) = bytes_at(&root.join(&path))? {
            files.push(ListedFile { revision: revision_of(&bytes), path });
        }
    }
    Ok(files)
}

fn text_at(path: &Path) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|cause| cause.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Names in a folder, and whether each is a folder itself.
fn names_in(folder: &Path) -> io::Result<Vec<(String, bool)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries
        .map(|entry| entry.map(|one| (one.file_name().to_string_lossy().into_owned(), one.path().is_dir())))
        .collect()
}

pub(super) fn write(
    root: &Path,
    path: &str,
    bytes: &[u8],
    expected: Option<&Revision>,
) -> Result<Revision, StoreFault> {
    let place = place(root, path)?;
    fs::create_dir_all(root)?;
    let lock = fs::OpenOptions::new().create(true).truncate(false).write(true).open(root.join(LOCK))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(io::Error::from)?;
    let stored = bytes_at(&place)?.map(|bytes| revision_of(&bytes));
    if stored.as_ref() != expected {
        return Err(StoreFault::Conflict);
    }
    let folder = place.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(bytes)?;
    // Temporary files are private; state files are for everybody who may enter the folder.
    fresh.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    fresh.as_file().sync_all()?;
    fresh.persist(&place).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(revision_of(bytes))
}

/// Removes `path` if its revision still is `expected`.
pub(super) fn remove(root: &Path, path: &str, expected: &Revision) -> Result<(), StoreFault> {
    let place = place(root, path)?;
    let lock = fs::OpenOptions::new().create(true).truncate(false).write(true).open(root.join(LOCK))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(io::Error::from)?;
    if bytes_at(&place)?.map(|bytes| revision_of(&bytes)).as_ref() != Some(expected) {
        return Err(StoreFault::Conflict);
    }
    Ok(fs::remove_file(&place)?)
}

/// Build names come out of files that others write; none may lead out of the folder.
fn place(root: &Path, path: &str) -> Result<PathBuf, StoreFault> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if inside { Ok(root.join(path)) } else { Err(StoreFault::NotFound(format!("{path:?} leads out of the folder"))) }
}

fn bytes_at(place: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(place) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id that Git gives to a blob of these bytes.
fn revision_of(bytes: &[u8]) -> Revision {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    Revision(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_the_blob_id_of_git() {
        assert_eq!(revision_of(b"hello\n").0, "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn a_file_is_replaced_only_from_the_revision_that_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let first = write(folder.path(), "a/b.yaml", b"1\n", None).unwrap();
        assert!(matches!(write(folder.path(), "a/b.yaml", b"2\n", None), Err(StoreFault::Conflict)));
        let second = write(folder.path(), "a/b.yaml", b"2\n", Some(&first)).unwrap();
        assert!(matches!(write(folder.path(), "a/b.yaml", b"3\n", Some(&first)), Err(StoreFault::Conflict)));
        let stored = read(folder.path(), "a/b.yaml").unwrap().unwrap();
        assert_eq!((stored.bytes, stored.revision), (b"2\n".to_vec(), second));
    }

    #[test]
    fn state_and_tracking_files_of_every_minor_are_found() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(release_files(folder.path(), "_releases").unwrap(), []);
        for path in
            ["4.20/4.20.z.yaml", "4.20/statebox/4.20.1.yaml", "4.9/statebox/4.9.1.yaml", "x/x.yaml", "4.20/a/b.yaml"]
        {
            write(folder.path(), &format!("_releases/{path}"), b"a: 1\n", None).unwrap();
        }
        write(folder.path(), "_releases/4.20/statebox/4.20.2.yaml", b"\xff", None).unwrap();
        let mut found = release_files(folder.path(), "_releases").unwrap();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        let listed: Vec<_> =
            found.iter().map(|file| (file.path.trim_start_matches("_releases/"), file.text.is_ok())).collect();
        let wanted = [
            ("4.20/4.20.z.yaml", true),
            ("4.20/statebox/4.20.1.yaml", true),
            ("4.20/statebox/4.20.2.yaml", false),
            ("4.9/statebox/4.9.1.yaml", true),
        ];
        assert_eq!(listed, wanted);
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["../x", "/etc/passwd", "a/../../x", "./a"] {
            assert!(matches!(read(folder.path(), path), Err(StoreFault::NotFound(_))), "{path}");
        }
    }
}
