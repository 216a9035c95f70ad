//! The repository of state files, record files and job registries.

pub mod apps;
pub mod file;
pub(in crate::sim) mod trees;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use self::file::File;
use crate::sim::scenario::ReleasePlan;
use crate::sim::wire;

/// The repository of states, records and registries.
pub const REPOSITORY: &str = "openshift/release-tests";

/// The repository of the CI configuration.
pub const CI_CONFIG: &str = "openshift/release";

pub(in crate::sim) const BRANCHES: [&str; 3] = ["main", "record", "z-stream"];

/// Who commits when nobody in particular does.
const ACTORS: &str = "release-artists";

/// Who commits through the API.
pub(in crate::sim) const BOT: &str = "release-bot";

pub(in crate::sim) const DEFAULT_BRANCH: &str = "main";

/// What GitHub knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Github {
    /// Branches by name.
    pub branches: BTreeMap<String, Branch>,
    /// Branches of the CI configuration, which is only read.
    pub ci_config: BTreeMap<String, Branch>,
    /// How many of the next writes find that the head has moved.
    pub head_moves: u32,
    /// Requests per hour, of those whose requests are counted: `user`, or the number of an installation.
    pub budgets: BTreeMap<String, Limit>,
    /// Apps and their tokens.
    pub apps: apps::Apps,
    #[serde(skip)]
    pub(in crate::sim) base_url: String,
    /// The time that commits bear.
    #[serde(skip)]
    pub(in crate::sim) now: Timestamp,
}

/// A branch and its files.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Branch {
    /// Id of the newest commit.
    pub head: String,
    /// Ids of older commits, oldest first.
    pub past: Vec<String>,
    /// Messages of all commits, oldest first.
    pub messages: Vec<String>,
    /// All commits, oldest first.
    #[serde(skip)]
    pub log: Vec<Commit>,
    /// Files by path.
    pub files: BTreeMap<String, File>,
}

/// One commit.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// Its message.
    pub message: String,
    /// The file it is about; empty for the first one.
    pub path: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

/// What is to be committed.
#[derive(Debug)]
pub(in crate::sim) struct Change<'a> {
    pub(in crate::sim) message: &'a str,
    pub(in crate::sim) path: &'a str,
    pub(in crate::sim) at: Timestamp,
    pub(in crate::sim) by: &'a str,
}

/// An hourly allowance.
#[derive(Debug, Clone, Serialize)]
pub struct Limit {
    /// Requests per hour.
    pub limit: u64,
    /// Used in the present hour.
    pub used: u64,
    /// When the present hour ends.
    pub reset: Timestamp,
}

impl Branch {
    pub(in crate::sim) fn commit(&mut self, change: &Change<'_>, base_url: &str) -> &str {
        let tree = trees::Node::of(&self.files, base_url).sha().to_owned();
        let parent = std::mem::take(&mut self.head);
        let (order, message) = (self.messages.len(), change.message.to_owned());
        self.head = wire::sha1_hex(format!("tree {tree}\nparent {parent}\n{order} {message}").as_bytes());
        if !parent.is_empty() {
            self.past.push(parent);
        }
        let (id, path, by) = (self.head.clone(), change.path.to_owned(), change.by.to_owned());
        self.messages.push(message.clone());
        self.log.push(Commit { id, message, path, at: change.at, by });
        &self.head
    }

    /// Commits about a file or below a folder, newest first; the empty path is everything.
    pub(in crate::sim) fn commits<'b>(&'b self, path: &'b str) -> impl Iterator<Item = &'b Commit> {
        let path = path.trim_matches('/');
        let inside = move |one: &&Commit| {
            path.is_empty() || one.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.log.iter().rev().filter(inside)
    }
}

impl Github {
    /// Three branches with a first commit each; actors put the files there.
    pub fn new(plan: &ReleasePlan, base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        let mut github = Self { base_url: base_url.to_owned(), now: plan.start, ..Self::default() };
        for name in BRANCHES {
            let mut branch = Branch::default();
            branch.files.insert("README.md".to_owned(), format!("Branch {name}.\n").into());
            branch.commit(&Change { message: "Begin", path: "", at: plan.start, by: ACTORS }, base_url);
            github.branches.insert(name.to_owned(), branch);
        }
        let files = ci_config(&plan.release.minor().to_string());
        let mut branch = Branch { files, ..Branch::default() };
        branch.commit(&Change { message: "Begin", path: "", at: plan.start, by: ACTORS }, base_url);
        github.ci_config.insert(DEFAULT_BRANCH.to_owned(), branch);
        github
    }

    /// The branches of a repository, if there is such a one.
    pub(in crate::sim) fn branches_of(&self, owner: &str, repo: &str) -> Option<&BTreeMap<String, Branch>> {
        let asked = |known: &str| known.split_once('/') == Some((owner, repo));
        if asked(REPOSITORY) { Some(&self.branches) } else { asked(CI_CONFIG).then_some(&self.ci_config) }
    }

    /// Commits a file as somebody else would, whatever was there before (actors call this).
    pub fn put_file(&mut self, branch: &str, path: &str, content: &str) {
        self.change_file(branch, path, Some(content), &format!("Update {path}"), ACTORS);
    }

    /// Commits a file, or that it is gone, with this message.
    pub(in crate::sim) fn change_file(
        &mut self,
        branch: &str,
        path: &str,
        content: Option<&str>,
        message: &str,
        by: &str,
    ) {
        let branch = self.branches.entry(branch.to_owned()).or_default();
        match content {
            Some(content) => drop(branch.files.insert(path.to_owned(), content.to_owned().into())),
            None => drop(branch.files.remove(path)),
        }
        branch.commit(&Change { message, path, at: self.now, by }, &self.base_url);
    }

    /// The text of a file, if it is there.
    pub fn file(&self, branch: &str, path: &str) -> Option<&str> {
        self.branches.get(branch)?.files.get(path).map(File::text)
    }

    /// Finds a branch by its name (also `heads/x`, `refs/heads/x`) or by the id of its head.
    pub(in crate::sim) fn resolve(&self, reference: &str) -> Option<(&str, &Branch)> {
        resolve_in(&self.branches, reference)
    }
}

/// Finds one of `branches` by its name or by the id of its head.
pub(in crate::sim) fn resolve_in<'b>(
    branches: &'b BTreeMap<String, Branch>,
    reference: &str,
) -> Option<(&'b str, &'b Branch)> {
    let short = reference.strip_prefix("refs/").unwrap_or(reference);
    let short = short.strip_prefix("heads/").unwrap_or(short);
    branches
        .iter()
        .find(|(name, branch)| name.as_str() == short || branch.head == reference)
        .map(|(name, branch)| (name.as_str(), branch))
}

/// The configuration of the tests of one minor, and a file that is none.
fn ci_config(minor: &str) -> BTreeMap<String, File> {
    let folder = "ci-operator/config/openshift/openshift-tests-private";
    let metadata = format!("branch: release-{minor}\n  org: openshift\n  repo: openshift-tests-private");
    let config = format!(
        "tests:\n- as: aws-ipi-f7\n  cron: 5 11 * * 2\n  steps:\n    workflow: cucushift\n- as: unit\n  commands: make\n\
         zz_generated_metadata:\n  {metadata}\n  variant: amd64-nightly\n"
    );
    let name = format!("openshift-openshift-tests-private-release-{minor}__amd64-nightly.yaml");
    [(format!("{folder}/{name}"), config), (format!("{folder}/OWNERS"), "approvers: []\n".to_owned())]
        .into_iter()
        .map(|(path, text)| (path, text.into()))
        .collect()
}
