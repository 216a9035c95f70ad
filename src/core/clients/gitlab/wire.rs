//! What GitLab sends, as far as we read it; unknown fields are no concern of ours.

use serde::Deserialize;

use super::GitlabUser;
use crate::domain::shipment::{MrState, StageJob};

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: String,
    pub(super) state: Option<String>,
}

impl From<User> for GitlabUser {
    fn from(user: User) -> Self {
        Self { id: user.id, username: user.username }
    }
}

#[derive(Deserialize)]
pub(super) struct MergeRequest {
    state: String,
    title: String,
    #[serde(default)]
    labels: Vec<String>,
    sha: String,
    diff_refs: Option<DiffRefs>,
    source_branch: String,
    web_url: String,
}

#[derive(Deserialize)]
struct DiffRefs {
    head_sha: Option<String>,
}

impl From<MergeRequest> for super::MergeRequest {
    fn from(wire: MergeRequest) -> Self {
        Self {
            state: MrState::from_wire(&wire.state),
            title: wire.title,
            labels: wire.labels,
            head_sha: wire.diff_refs.and_then(|refs| refs.head_sha).unwrap_or(wire.sha),
            source_branch: wire.source_branch,
            web_url: wire.web_url,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Diff {
    pub(super) new_path: String,
    #[serde(default)]
    pub(super) deleted_file: bool,
}

#[derive(Deserialize)]
pub(super) struct File {
    pub(super) content: String,
    pub(super) encoding: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Note {
    pub(super) id: u64,
    body: String,
    author: Option<Author>,
    #[serde(default)]
    pub(super) system: bool,
}

#[derive(Deserialize)]
pub(super) struct Author {
    pub(super) username: String,
}

impl From<Note> for super::Note {
    fn from(note: Note) -> Self {
        Self { id: note.id, body: note.body, author: note.author.map(|author| author.username).unwrap_or_default() }
    }
}

#[derive(Deserialize)]
pub(super) struct Approvals {
    // Missing is not "nobody": another object must not look like a merge request without approvals.
    pub(super) approved_by: Vec<Approver>,
    #[serde(default)]
    pub(super) approvals_left: u64,
}

#[derive(Deserialize)]
pub(super) struct Approver {
    pub(super) user: Author,
}

#[derive(Deserialize)]
pub(super) struct Pipeline {
    pub(super) id: u64,
    status: String,
    #[serde(default)]
    sha: String,
}

impl From<Pipeline> for super::Pipeline {
    fn from(wire: Pipeline) -> Self {
        Self { id: wire.id, status: wire.status, sha: wire.sha }
    }
}

#[derive(Deserialize)]
pub(super) struct Job {
    id: u64,
    name: String,
    stage: String,
    status: String,
    #[serde(default)]
    allow_failure: bool,
    downstream_pipeline: Option<Downstream>,
}

#[derive(Deserialize)]
struct Downstream {
    status: Option<String>,
}

impl From<Job> for StageJob {
    fn from(wire: Job) -> Self {
        Self {
            id: wire.id,
            name: wire.name,
            stage: wire.stage,
            status: wire.status,
            allow_failure: wire.allow_failure,
            downstream: wire.downstream_pipeline.and_then(|below| below.status),
        }
    }
}
