//! Circles between files: files that name each other, directly or through others, and can only be read together.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{ModPath, Source};
use super::{below, source};

/// The largest circle that may stand.
const LARGEST: usize = 5;

/// Circles that stand, each with its reason; the list may only become shorter.
const KNOWN: [(&[&str], &str); 0] = [];

/// Files that name each other. A file and the files in its folder count as one (`run.rs` and `run/…`), seen from
/// outside; the files in the folder are then looked at among themselves.
fn circles(sources: &[Source]) -> Vec<Vec<String>> {
    let files: BTreeMap<ModPath, &Source> =
        sources.iter().map(|source| (source.module(), source)).filter(|(module, _)| !module.is_empty()).collect();
    let own_file = |module: &[String]| files.get(module).is_some_and(|source| !source.file.ends_with("/mod.rs"));
    let used: BTreeMap<&ModPath, BTreeSet<ModPath>> = files
        .iter()
        .map(|(module, source)| {
            let existing = |mut path: ModPath| {
                while !path.is_empty() && !files.contains_key(&path) {
                    path.pop();
                }
                path
            };
            (module, source.product_paths().into_iter().map(existing).collect())
        })
        .collect();
    let inside = files.keys().filter(|module| own_file(module)).cloned();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for folder in [ModPath::new()].into_iter().chain(inside) {
        let outermost = |module: &[String]| {
            let mut module = module.to_vec();
            while module.len() > folder.len() + 1 && own_file(&module[..module.len() - 1]) {
                module.pop();
            }
            module
        };
        let is_below = |module: &[String]| module.len() > folder.len() && module.starts_with(&folder);
        let mut arrows: BTreeMap<ModPath, BTreeSet<ModPath>> = BTreeMap::new();
        for (module, used) in used.iter().filter(|(module, _)| is_below(module)) {
            let from = outermost(module);
            let to = used.iter().filter(|path| is_below(path)).map(|path| outermost(path)).filter(|to| *to != from);
            arrows.entry(from.clone()).or_default().extend(to);
        }
        found.extend(circles_of(&arrows));
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    found
}

/// The circles of `arrows`, each once.
fn circles_of(arrows: &BTreeMap<ModPath, BTreeSet<ModPath>>) -> BTreeSet<Vec<String>> {
    let reached: BTreeMap<&ModPath, BTreeSet<&ModPath>> =
        arrows.keys().map(|from| (from, reach(from, arrows))).collect();
    let mut found = BTreeSet::new();
    for (from, reaches) in &reached {
        let circle: Vec<String> = reaches
            .iter()
            .filter(|to| reached.get(*to).is_some_and(|back| back.contains(from)))
            .map(|module| module.join("::"))
            .collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found
}

/// Everything that can be come to from `from`, itself only when a circle leads back.
fn reach<'a>(from: &ModPath, arrows: &'a BTreeMap<ModPath, BTreeSet<ModPath>>) -> BTreeSet<&'a ModPath> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&ModPath> = arrows.get(from).into_iter().flatten().collect();
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(arrows.get(next).into_iter().flatten());
        }
    }
    seen
}

#[test]
fn files_that_name_each_other_are_found_also_through_a_third() {
    let files = [
        source("src/a/mod.rs", "pub mod x; pub mod y; pub mod z;"),
        source("src/a/x.rs", "use super::y::Y;"),
        source("src/a/y.rs", "use crate::a::z::Z;"),
        source("src/a/z.rs", "fn f() { crate::a::x::g(); }"),
        source("src/a/alone.rs", "use super::x::X;\n#[cfg(test)]\nmod tests { use super::super::alone::A; }"),
    ];
    assert_eq!(circles(&files), [["a::x", "a::y", "a::z"]]);
}

#[test]
fn what_is_used_of_a_folder_counts_and_the_folder_itself_does_not() {
    let files = [
        source("src/a/mod.rs", "pub mod list; pub mod rows; pub mod why;"),
        source("src/a/rows/mod.rs", "pub mod status;"),
        source("src/a/list.rs", "use super::rows; fn all() { rows::status::ROWS }"),
        source("src/a/rows/status.rs", "use crate::a::why; fn f() { why::explain() }"),
        source("src/a/why.rs", "fn explain() { crate::a::list::all() }"),
    ];
    assert_eq!(circles(&files), [["a::list", "a::rows::status", "a::why"]]);
}

#[test]
fn a_file_and_its_folder_count_as_one() {
    let files = [
        source("src/a/x.rs", "mod part; use self::part::P;"),
        source("src/a/x/part.rs", "use super::X; use crate::a::y::Y;"),
        source("src/a/y.rs", "fn f() {}"),
    ];
    assert_eq!(circles(&files), [[""; 0]; 0]);
    let back = [
        source("src/a/x.rs", ""),
        source("src/a/x/part.rs", "use crate::a::y::Y;"),
        source("src/a/y.rs", "use super::x::part::P;"),
    ];
    assert_eq!(circles(&back), [["a::x", "a::y"]]);
}

#[test]
fn files_below_one_file_that_name_each_other_are_found() {
    let files = [
        source("src/a/x.rs", "mod one; mod two; mod three; use self::one::One;"),
        source("src/a/x/one.rs", "use super::X; use super::two::Two;"),
        source("src/a/x/two.rs", "use crate::a::x::X; fn f() {}"),
        source("src/a/x/two/deep.rs", "use crate::a::x::one::One;"),
        source("src/a/x/three.rs", "use super::one::One; use crate::a::y::Y;"),
        source("src/a/y.rs", "use super::z::Z;"),
    ];
    assert_eq!(circles(&files), [["a::x::one", "a::x::two"]]);
}

#[test]
fn circles_between_files_are_few_known_and_small() {
    let found = circles(&below("src", &[".rs"]));
    let known: Vec<Vec<&str>> = KNOWN.iter().map(|(files, _)| files.to_vec()).collect();
    assert_eq!(found, known, "a circle that is gone leaves the list; a new one is opened instead of listed");
    assert!(KNOWN.iter().all(|(files, reason)| files.len() <= LARGEST && reason.len() > 20));
}
