//! Branches, commits and what lies between them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sim::wire;

/// A project.
#[derive(Debug, Clone, Serialize)]
pub struct Project {
    /// Its number.
    pub id: u64,
    /// Its path with groups.
    pub path: String,
    /// Branches by name.
    pub branches: BTreeMap<String, ProjectBranch>,
    /// Files of every commit by its id; too much to show.
    #[serde(skip)]
    pub commits: BTreeMap<String, Commit>,
}

/// A branch.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProjectBranch {
    /// Id of the newest commit.
    pub head: String,
    /// Commit that the branch was made from.
    pub base: String,
    /// Files by path.
    pub files: BTreeMap<String, String>,
}

/// A commit.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Its message.
    pub message: String,
    /// All files.
    pub files: BTreeMap<String, String>,
    /// Which commit changed a file last.
    pub last: BTreeMap<String, String>,
}

impl Project {
    /// An empty project.
    pub fn new(id: u64, path: &str) -> Self {
        Self { id, path: path.to_owned(), branches: BTreeMap::new(), commits: BTreeMap::new() }
    }

    /// Makes a branch from nothing.
    pub fn start(&mut self, name: &str, files: BTreeMap<String, String>) {
        self.branches.insert(name.to_owned(), ProjectBranch::default());
        let changes = files.into_iter().map(|(path, text)| (path, Some(text))).collect();
        self.commit(name, "Begin", changes);
    }

    /// Makes a branch from another branch or a commit; false when that is not there.
    pub fn branch_off(&mut self, name: &str, from: &str) -> bool {
        let Some(base) = self.resolve(from) else { return false };
        let files = self.commits.get(&base).map(|commit| commit.files.clone()).unwrap_or_default();
        self.branches.insert(name.to_owned(), ProjectBranch { head: base.clone(), base, files });
        true
    }

    /// The id of the commit that a branch name or an id means.
    pub fn resolve(&self, reference: &str) -> Option<String> {
        if let Some(branch) = self.branches.get(reference) {
            return Some(branch.head.clone());
        }
        self.commits.contains_key(reference).then(|| reference.to_owned())
    }

    /// Commits changes (`None` deletes) to a branch and returns the id.
    pub fn commit(&mut self, branch: &str, message: &str, changes: BTreeMap<String, Option<String>>) -> String {
        let order = self.commits.len();
        let branch = self.branches.entry(branch.to_owned()).or_default();
        let mut id = format!("{}{order}{message}", branch.head);
        // Without the texts: they hold the world's port, and the same seed has to give the same ids.
        changes.keys().for_each(|path| id.push_str(path));
        let id = wire::sha1_hex(id.as_bytes());
        let mut last = self.commits.get(&branch.head).map(|commit| commit.last.clone()).unwrap_or_default();
        for (path, text) in changes {
            match text {
                Some(text) => {
                    last.insert(path.clone(), id.clone());
                    branch.files.insert(path, text);
                }
                None => {
                    last.remove(&path);
                    branch.files.remove(&path);
                }
            }
        }
        branch.head.clone_from(&id);
        if branch.base.is_empty() {
            branch.base.clone_from(&id);
        }
        let commit = Commit { message: message.to_owned(), files: branch.files.clone(), last };
        self.commits.insert(id.clone(), commit);
        id
    }
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sim) struct Changed {
    pub(in crate::sim) path: String,
    pub(in crate::sim) before: Option<String>,
    pub(in crate::sim) after: Option<String>,
}

/// The files that differ between two sets.
pub(in crate::sim) fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Changed> {
    let mut paths: Vec<&String> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| Changed { path: path.clone(), before: before.get(path).cloned(), after: after.get(path).cloned() })
        .collect()
}

impl Changed {
    /// A unified diff with one hunk around what differs.
    pub(in crate::sim) fn diff(&self) -> String {
        let before: Vec<&str> = self.before.as_deref().unwrap_or_default().lines().collect();
        let after: Vec<&str> = self.after.as_deref().unwrap_or_default().lines().collect();
        let head = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        let tail = before[head..].iter().rev().zip(after[head..].iter().rev()).take_while(|(a, b)| a == b).count();
        let start = head.saturating_sub(3);
        let (old_end, new_end) = (before.len() - tail, after.len() - tail);
        let more = tail.min(3);
        let range = |from: usize, to: usize| format!("{},{}", if to == 0 { 0 } else { from + 1 }, to - from);
        let mut text = format!("@@ -{} +{} @@\n", range(start, old_end + more), range(start, new_end + more));
        let mut push = |mark: char, lines: &[&str]| {
            for line in lines {
                text.push(mark);
                text.push_str(line);
                text.push('\n');
            }
        };
        push(' ', &before[start..head]);
        push('-', &before[head..old_end]);
        push('+', &after[head..new_end]);
        push(' ', &after[new_end..new_end + more]);
        text
    }
}
