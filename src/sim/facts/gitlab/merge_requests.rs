//! Merge requests: notes, approvals and merging.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Gitlab;
use super::repository::{Changed, Project, changed};

/// Whether a merge request is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MrState {
    /// Open.
    Opened,
    /// Merged.
    Merged,
    /// Given up.
    Closed,
}

impl MrState {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Merged => "merged",
            Self::Closed => "closed",
        }
    }
}

/// A comment.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// Its number.
    pub id: u64,
    /// Markdown.
    pub body: String,
    /// Account.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
}

/// A merge request of the shipment project.
#[derive(Debug, Clone, Serialize)]
pub struct MergeRequest {
    /// Its number.
    pub iid: u64,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// State.
    pub state: MrState,
    /// Path of the project with the source branch.
    pub source_project: String,
    /// Source branch.
    pub source_branch: String,
    /// Target branch in the shipment project.
    pub target_branch: String,
    /// Labels.
    pub labels: Vec<String>,
    /// Account.
    pub author: String,
    /// Accounts that approved.
    pub approved_by: BTreeSet<String>,
    /// Comments, oldest first.
    pub notes: Vec<Note>,
    /// Whether it merges by itself once its pipeline is done.
    pub auto_merge: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The id of its head when it was merged.
    pub merged_head: Option<String>,
}

/// GitLab looks for conflicts a moment after a merge request was opened.
const CHECKING: SignedDuration = SignedDuration::from_secs(15);

impl MergeRequest {
    /// An open merge request to `main`.
    pub fn new(iid: u64, title: &str, created_at: Timestamp) -> Self {
        Self {
            iid,
            title: title.to_owned(),
            description: String::new(),
            state: MrState::Opened,
            source_project: String::new(),
            source_branch: String::new(),
            target_branch: "main".to_owned(),
            labels: Vec::new(),
            author: super::BOT.to_owned(),
            approved_by: BTreeSet::new(),
            notes: Vec::new(),
            auto_merge: false,
            created_at,
            updated_at: created_at,
            merged_head: None,
        }
    }

    /// Adds a comment and returns its number.
    pub fn note(&mut self, body: &str, author: &str, now: Timestamp) -> u64 {
        let id = self.iid * 1000 + self.notes.len() as u64 + 1;
        self.notes.push(Note { id, body: body.to_owned(), author: author.to_owned(), created_at: now });
        self.updated_at = now;
        id
    }
}

impl Gitlab {
    /// The commit that the source branch started from, and the files that changed since.
    pub(in crate::sim) fn changes(&self, mr: &MergeRequest) -> (String, Vec<Changed>) {
        let empty = BTreeMap::new();
        let Some(source) = self.projects.get(&mr.source_project) else { return Default::default() };
        let Some(branch) = source.branches.get(&mr.source_branch) else { return Default::default() };
        let before = source.commits.get(&branch.base).map_or(&empty, |commit| &commit.files);
        (branch.base.clone(), changed(before, &branch.files))
    }

    /// `checking`, `can_be_merged` or `cannot_be_merged`.
    pub(in crate::sim) fn merge_status(&self, mr: &MergeRequest, now: Timestamp) -> &'static str {
        if now < mr.created_at.saturating_add(CHECKING).unwrap_or(now) {
            return "checking";
        }
        if self.hooks.never_mergeable.contains(&mr.iid) || self.conflicts(mr) {
            return "cannot_be_merged";
        }
        "can_be_merged"
    }

    fn conflicts(&self, mr: &MergeRequest) -> bool {
        if mr.state != MrState::Opened {
            return false;
        }
        let target = self.target(mr).and_then(|project| project.branches.get(&mr.target_branch));
        let Some(target) = target else { return true };
        self.changes(mr).1.iter().any(|change| target.files.get(&change.path) != change.before.as_ref())
    }

    fn target(&self, _mr: &MergeRequest) -> Option<&Project> {
        self.projects.get(&self.shipment_project)
    }

    /// Merges an open merge request; one with conflicts stays open.
    pub(in crate::sim) fn merge(&mut self, iid: u64, now: Timestamp) {
        let Some(mr) = self.merge_requests.get(&iid).cloned() else { return };
        if mr.state != MrState::Opened || self.conflicts(&mr) {
            return;
        }
        let head = self.head(&mr);
        let changes = self.changes(&mr).1.into_iter().map(|change| (change.path, change.after)).collect();
        let target = self.shipment_project.clone();
        if let Some(project) = self.projects.get_mut(&target) {
            project.commit(&mr.target_branch, &format!("Merge branch '{}'", mr.source_branch), changes);
        }
        if let Some(mr) = self.merge_requests.get_mut(&iid) {
            mr.state = MrState::Merged;
            mr.merged_head = Some(head);
            mr.updated_at = now;
        }
        self.branch_moved(&target, &mr.target_branch, now);
    }
}
