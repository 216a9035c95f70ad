//! Files of this machine that a command names, folders taken apart.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// With more entries a folder is worth a note.
const MANY_ENTRIES: usize = 800;

/// So many entries GitHub lists of a folder; it does not say that there are more.
const MOST_LISTED: usize = 1_000;

/// The files that are meant.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NamedFiles {
    /// In the order in which they were named; those of a folder by name.
    pub files: Vec<PathBuf>,
    /// Was one of them a folder?
    pub has_folder: bool,
    /// Folders with so many entries that readers by GitHub's list miss some, now or soon.
    pub crowded: Vec<CrowdedFolder>,
}

/// A folder with many entries.
#[derive(Debug, PartialEq, Eq)]
pub struct CrowdedFolder {
    /// The folder.
    pub folder: PathBuf,
    /// How many entries it has.
    pub entries: usize,
}

impl NamedFiles {
    /// The files of `paths`; of a folder those directly in it whose name is `wanted`. What cannot be listed stays as
    /// it was named, so that reading it says why.
    pub fn of(paths: &[PathBuf], wanted: impl Fn(&str) -> bool) -> Self {
        let mut named = Self::default();
        for path in paths {
            match path.is_dir().then(|| names_in(path)) {
                Some(Ok(names)) => {
                    named.has_folder = true;
                    if names.len() > MANY_ENTRIES {
                        named.crowded.push(CrowdedFolder { folder: path.clone(), entries: names.len() });
                    }
                    named.files.extend(names.iter().filter(|name| wanted(name)).map(|name| path.join(name)));
                }
                Some(Err(_)) | None => named.files.push(path.clone()),
            }
        }
        named
    }
}

impl fmt::Display for CrowdedFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, entries } = self;
        let folder = folder.display();
        write!(f, "{folder} has {entries} entries; programs that read GitHub's list of it see at most {MOST_LISTED}")
    }
}

/// The names in a folder, in order. One that is no text is none of ours.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}
