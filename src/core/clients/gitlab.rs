//! GitLab, home of the shipment merge requests (REST v4, access token in `PRIVATE-TOKEN`).
//!
//! Paths and parameters come from the `gitlab` crate; `connect.rs` puts them on our way out.

mod connect;
mod wire;

use base64::Engine as _;
use gitlab::api::Endpoint;
use gitlab::api::projects::merge_requests::approvals::MergeRequestApprovals;
use gitlab::api::projects::merge_requests::notes::{CreateMergeRequestNote, EditMergeRequestNote, MergeRequestNotes};
use gitlab::api::projects::merge_requests::pipelines::MergeRequestPipelines;
use gitlab::api::projects::merge_requests::{ApproveMergeRequest, MergeRequest as GetMergeRequest, MergeRequestDiffs};
use gitlab::api::projects::pipelines::{PipelineBridges, PipelineJobs};
use gitlab::api::projects::repository::files::File;
use gitlab::api::users::{CurrentUser, Users};
use serde::de::DeserializeOwned;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::retry::Repeat;
use crate::domain::shipment::{MrAddress, MrState, NotAMergeRequest, StageJob};
use connect::GitlabCall;

/// GitLab: shipment merge requests.
#[derive(Debug, Clone)]
pub struct Gitlab {
    http: ServiceHttp,
}

/// A merge request as far as we use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequest {
    /// Where it stands.
    pub state: MrState,
    pub title: String,
    pub labels: Vec<String>,
    /// The commit that would be merged; all reads of files and the approval name it.
    pub head_sha: String,
    /// The branch that would be merged.
    pub source_branch: String,
    /// Page for people.
    pub web_url: String,
}

/// A file that a merge request changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequestFile {
    /// Path after the change.
    pub path: String,
    /// Is it gone?
    pub deleted: bool,
}

/// A comment on a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its number.
    pub id: u64,
    /// The text.
    pub body: String,
    /// Login name of who wrote it.
    pub author: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitlabUser {
    /// Its number.
    pub id: u64,
    /// Login name, as used in mentions.
    pub username: String,
}

/// Who approved a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    /// Login names.
    pub approved_by: Vec<String>,
    /// How many approvals are missing.
    pub left: u64,
}

/// A pipeline of a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Its number; grows with time.
    pub id: u64,
    /// Its status as GitLab spells it.
    pub status: String,
    /// The commit it ran for.
    pub sha: String,
}

impl Gitlab {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Reads the address of a merge request after the rewrites of the settings; contacts nobody.
    ///
    /// # Errors
    ///
    /// It is not a merge request of this GitLab.
    pub fn address(&self, url: &str) -> Result<MrAddress, NotAMergeRequest> {
        MrAddress::parse(&self.http.rewritten(url.trim()), self.http.base())
    }

    /// Whose token this is: `GET /user`. Reads.
    ///
    /// # Errors
    ///
    /// As every call; 401 when the token is worn out.
    pub async fn current_user(&self) -> Result<GitlabUser, ClientError> {
        let user: wire::User = self.one("who we are", Repeat::Reads, CurrentUser::builder().build()).await?;
        Ok(user.into())
    }

    /// The active account of a mail address, when exactly one fits: `GET /users?search=`. Reads.
    ///
    /// GitLab finds accounts by public addresses only, so nothing found does not mean that there is none.
    ///
    /// # Errors
    ///
    /// As every call; [`Fault::Ambiguous`] when several accounts fit.
    pub async fn find_user(&self, email: &str) -> Result<Option<GitlabUser>, ClientError> {
        const OP: &str = "look up an account by mail address";
        let endpoint = Users::builder().search(email).build();
        let mut users: Vec<wire::User> = self.all(OP, endpoint).await?;
        users.retain(|user| user.state.as_deref().is_none_or(|state| state == "active"));
        match users.len() {
            0 | 1 => Ok(users.pop().map(Into::into)),
            several => {
                let what = format!("knows {several} accounts that fit the mail address");
                Err(ClientError::new(self.http.service(), OP, Fault::Ambiguous(what)))
            }
        }
    }

    /// One merge request: `GET /projects/{p}/merge_requests/{iid}`. Reads.
    ///
    /// # Errors
    ///
    /// As every call; 404 when it does not exist or the token may not see it.
    pub async fn merge_request(&self, mr: &MrAddress) -> Result<MergeRequest, ClientError> {
        let endpoint = GetMergeRequest::builder().project(&mr.project).merge_request(mr.iid.get()).build();
        let wire: wire::MergeRequest = self.one("read the merge request", Repeat::Reads, endpoint).await?;
        Ok(wire.into())
    }

    /// The files it changes: `GET …/diffs`, all pages. Reads.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn changed_files(&self, mr: &MrAddress) -> Result<Vec<MergeRequestFile>, ClientError> {
        let endpoint = MergeRequestDiffs::builder().project(&mr.project).merge_request(mr.iid.get()).build();
        let diffs: Vec<wire::Diff> = self.all("list the changed files", endpoint).await?;
        Ok(diffs.into_iter().map(|diff| MergeRequestFile { path: diff.new_path, deleted: diff.deleted_file }).collect())
    }

    /// A file as of commit or branch `at`: `GET /projects/{p}/repository/files/{path}?ref=`. Reads.
    ///
    /// # Errors
    ///
    /// As every call; the content is not base64 of UTF-8.
    pub async fn file(&self, project: &str, path: &str, at: &str) -> Result<String, ClientError> {
        const OP: &str = "read a file of the merge request";
        let endpoint = File::builder().project(project).file_path(path).ref_(at).build();
        let wire: wire::File = self.one(OP, Repeat::Reads, endpoint).await?;
        let refuse = |why: &str| ClientError::unreadable(self.http.service(), OP, format!("{path}: {why}"));
        if wire.encoding.as_deref().is_some_and(|encoding| encoding != "base64") {
            return Err(refuse("not encoded as base64"));
        }
        let compact: String = wire.content.split_ascii_whitespace().collect();
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(compact).map_err(|_| refuse("not encoded as base64"))?;
        String::from_utf8(bytes).map_err(|_| refuse("not UTF-8"))
    }

    /// Text at an absolute address found in data (the advisory of a stage release). Reads.
    ///
    /// The token is sent only when the address belongs to this GitLab.
    ///
    /// # Errors
    ///
    /// As every call; a web page instead of the file.
    pub async fn text_at(&self, url: &str) -> Result<String, ClientError> {
        let call = self.http.get_absolute("read the stage advisory", url);
        call.read(|answer| answer.plain_text().map(str::to_owned)).await
    }

    /// All comments of people and programs, newest first: `GET …/notes`, all pages. Reads.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn notes(&self, mr: &MrAddress) -> Result<Vec<Note>, ClientError> {
        let endpoint = MergeRequestNotes::builder().project(&mr.project).merge_request(mr.iid.get()).build();
        let mut notes: Vec<wire::Note> = self.all("list the comments", endpoint).await?;
        notes.retain(|note| !note.system);
        notes.sort_by_key(|note| std::cmp::Reverse(note.id));
        Ok(notes.into_iter().map(Into::into).collect())
    }

    /// Adds a comment: `POST …/notes`. Never repeat; list the comments first.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn add_note(&self, mr: &MrAddress, body: &str) -> Result<Note, ClientError> {
        let endpoint =
            CreateMergeRequestNote::builder().project(&mr.project).merge_request(mr.iid.get()).body(body).build();
        let note: wire::Note = self.one("add a comment", Repeat::Never, endpoint).await?;
        Ok(note.into())
    }

    /// Replaces the text of a comment of ours: `PUT …/notes/{id}`. Converges.
    ///
    /// # Errors
    ///
    /// As every call; 403 when somebody else wrote it.
    pub async fn update_note(&self, mr: &MrAddress, note: u64, body: &str) -> Result<(), ClientError> {
        let endpoint = EditMergeRequestNote::builder()
            .project(&mr.project)
            .merge_request(mr.iid.get())
            .note(note)
            .body(body)
            .build();
        self.send("update a comment", Repeat::Converges, endpoint).await
    }

    /// Who approved: `GET …/approvals`. Reads.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn approvals(&self, mr: &MrAddress) -> Result<Approvals, ClientError> {
        let endpoint = MergeRequestApprovals::builder().project(&mr.project).merge_request(mr.iid.get()).build();
        let wire: wire::Approvals = self.one("read the approvals", Repeat::Reads, endpoint).await?;
        let approved_by = wire.approved_by.into_iter().map(|approver| approver.user.username).collect();
        Ok(Approvals { approved_by, left: wire.approvals_left })
    }

    /// Approves as the owner of the token: `POST …/approve` with the commit that was looked at. Converges.
    ///
    /// A second approval is answered with 401, and so are one by the author and one by somebody who is not eligible:
    /// with a token that is good otherwise, the approvals tell which.
    ///
    /// # Errors
    ///
    /// As every call; [`Fault::NotAllowed`] for an account that may not approve, 409 the head is another commit by now.
    pub async fn approve(&self, mr: &MrAddress, head_sha: &str) -> Result<(), ClientError> {
        let endpoint =
            ApproveMergeRequest::builder().project(&mr.project).merge_request(mr.iid.get()).sha(head_sha).build();
        // Not repeated by itself: the repetition of an approval that arrived looks like a missing right.
        match self.send("approve the merge request", Repeat::LookFirst, endpoint).await {
            Err(refused) if refused.fault == Fault::Unauthorized(401) => self.given_before(mr, refused).await,
            ended => ended,
        }
    }

    /// Was the approval that GitLab refused given before?
    async fn given_before(&self, mr: &MrAddress, refused: ClientError) -> Result<(), ClientError> {
        // A token that opens nothing else either is worn out, as GitLab says.
        let Ok(me) = self.current_user().await else { return Err(refused) };
        let Ok(approvals) = self.approvals(mr).await else { return Err(refused) };
        if approvals.approved_by.contains(&me.username) {
            return Ok(());
        }
        let what = "approve this merge request (is it its author, or not among those who may?)".to_owned();
        Err(ClientError { fault: Fault::NotAllowed(what), ..refused })
    }

    /// Its pipelines, newest first: `GET …/pipelines`, all pages. Reads.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn pipelines(&self, mr: &MrAddress) -> Result<Vec<Pipeline>, ClientError> {
        let endpoint = MergeRequestPipelines::builder().project(&mr.project).merge_request(mr.iid.get()).build();
        let mut pipelines: Vec<wire::Pipeline> = self.all("list the pipelines", endpoint).await?;
        pipelines.sort_by_key(|pipeline| std::cmp::Reverse(pipeline.id));
        Ok(pipelines.into_iter().map(Into::into).collect())
    }

    /// Jobs and bridges of a pipeline: `GET /projects/{p}/pipelines/{id}/jobs` and `…/bridges`, all pages. Reads.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn stage_jobs(&self, project: &str, pipeline: u64) -> Result<Vec<StageJob>, ClientError> {
        let jobs = PipelineJobs::builder().project(project).pipeline(pipeline).build();
        let bridges = PipelineBridges::builder().project(project).pipeline(pipeline).build();
        let jobs: Vec<wire::Job> = self.all("list the jobs of a pipeline", jobs).await?;
        let bridges: Vec<wire::Job> = self.all("list the bridges of a pipeline", bridges).await?;
        Ok(jobs.into_iter().chain(bridges).map(Into::into).collect())
    }

    async fn one<T: DeserializeOwned, E: Endpoint + Sync, B: std::fmt::Display>(
        &self,
        op: &'static str,
        repeat: Repeat,
        endpoint: Result<E, B>,
    ) -> Result<T, ClientError> {
        GitlabCall::new(&self.http, op, repeat).one(endpoint).await
    }

    async fn all<T: DeserializeOwned, E: Endpoint + Sync, B: std::fmt::Display>(
        &self,
        op: &'static str,
        endpoint: Result<E, B>,
    ) -> Result<Vec<T>, ClientError> {
        GitlabCall::new(&self.http, op, Repeat::Reads).all(endpoint).await
    }

    async fn send<E: Endpoint + Sync, B: std::fmt::Display>(
        &self,
        op: &'static str,
        repeat: Repeat,
        endpoint: Result<E, B>,
    ) -> Result<(), ClientError> {
        GitlabCall::new(&self.http, op, repeat).done(endpoint).await
    }
}

#[cfg(test)]
mod tests;
