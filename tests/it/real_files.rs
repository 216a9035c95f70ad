//! Real files of past releases and published documents, which lie beside a checkout or in `OAR_SHARED`.
//!
//! Every test that needs them asks here. What it read, and that it was skipped, is noted by the test's name; `make
//! test` prints the notes at its end. `OAR_REQUIRE_SHARED=1` makes a missing file a failure. The invented files in
//! `tests/it/corpus/invented` go through the same checks and are always there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use oar::core::config::env::Env;

/// The folder of the invented files.
pub(crate) fn invented(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/corpus/invented").join(part)
}

/// A real file or folder; nothing, with a note, when it is absent.
#[track_caller]
pub(crate) fn real(part: &str) -> Option<PathBuf> {
    let env = Env::from_process();
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = env.get("OAR_SHARED").map_or_else(beside, PathBuf::from).join(part);
    if path.exists() {
        return Some(path);
    }
    assert!(env.get("OAR_REQUIRE_SHARED").is_none(), "{} is absent", path.display());
    skipped(&format!("{part} is absent"));
    None
}

/// Notes that the running test left something out.
pub(crate) fn skipped(why: &str) {
    note("skipped", why);
}

/// Notes how many real files the running test read; none at all is a failure.
#[track_caller]
pub(crate) fn counted(count: usize, what: &str) {
    assert!(count > 0, "no {what} read");
    note("read", &format!("{count} {what}"));
}

fn note(kind: &str, text: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("{kind}: {name}: {text}\n");
    eprint!("{line}");
    let notes = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-files.txt");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(notes).expect("a file of notes");
    file.write_all(line.as_bytes()).expect("a note");
}

/// Every file of a folder of state files, one folder per minor, in order.
pub(crate) fn states(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .flat_map(|minor| std::fs::read_dir(minor.expect("an entry").path()).expect("a folder"))
        .map(|file| file.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}
