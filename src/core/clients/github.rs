//! GitHub: single files of one repository, through the contents API; `tree` reads many at once, `app` gets tokens for an
//! App.
//!
//! A file is replaced only from the blob that was read; GitHub answers 409 when the blob or the head
//! of the branch moved, and 422 when a file to be created exists already; any other 422 is a mistake of
//! ours that no repetition mends. A missing branch and a
//! missing file are both 404 and differ in their message alone. Too many requests are 403 or 429, at times in words alone.
//! The answers are octocrab's models; the requests are ours, because octocrab's own transport would
//! bypass time-outs, host rule and journal.

pub mod app;
pub mod folder;
pub mod tree;

use base64::Engine as _;
use jiff::SignedDuration;
use octocrab::models::repos::Content;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::sync::CancellationToken;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::http::answer::Answer;
use super::retry::Repeat;
use crate::core::cache::DiskCache;

/// What stays as it is in the path of a file.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b'/');

/// One repository on GitHub.
#[derive(Debug, Clone)]
pub struct Github {
    http: ServiceHttp,
    repository: String,
    cache: Option<DiskCache>,
}

/// A file as GitHub keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubFile {
    pub bytes: Vec<u8>,
    /// Id of its blob.
    pub sha: String,
}

/// What the contents API answers.
enum Inline {
    /// All that was asked for.
    Whole(ReadAnswer),
    /// The file is too large for its content to be in the answer.
    LeftOut { sha: String },
}

/// What came of reading a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadAnswer {
    /// It is there.
    File(GithubFile),
    /// The branch has no such file.
    Absent,
    /// There is no such branch.
    NoBranch,
    /// Too many requests.
    RateLimited {
        /// Seconds to wait, when asked.
        wait_s: Option<u64>,
    },
}

/// What came of writing a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteAnswer {
    /// It is written; the id of the new blob.
    Written(String),
    /// It is not what was read any more.
    Conflict,
    /// There is no such branch, or the token may not see it.
    NoBranch,
    /// Too many requests.
    RateLimited {
        /// Seconds to wait, when asked.
        wait_s: Option<u64>,
    },
}

impl Github {
    /// A client for `repository` (`owner/name`).
    pub const fn new(http: ServiceHttp, repository: String) -> Self {
        Self { http, repository, cache: None }
    }

    /// The same, asking only for what changed since the copy in `cache`; an unchanged file costs nothing of
    /// the hourly allowance.
    #[must_use]
    pub fn cached(self, cache: DiskCache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// The same, whose requests `cancel` alone ends.
    #[must_use]
    pub fn ended_by(self, cancel: &CancellationToken) -> Self {
        Self { http: self.http.ended_by(cancel), ..self }
    }

    /// How far the clock of this machine is ahead of GitHub's, by the last answer.
    pub fn clock_ahead(&self) -> Option<SignedDuration> {
        self.http.clock_ahead()
    }

    /// The repository and where it is, to tell it from others of the same name.
    pub fn place(&self) -> String {
        format!("{}/{}", self.http.base(), self.repository)
    }

    /// Reads `path` of `branch`. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no answer, a refused credential, or something that is no file.
    pub async fn read_file(&self, branch: &str, path: &str) -> Result<ReadAnswer, ClientError> {
        let call = self.http.get("read file", &self.contents(path)).query(&[("ref", branch)]);
        let call = call.header("accept", JSON).accept(&[403, 404, 429]);
        let read = call.read_through(self.cache.as_ref(), |answer| match answer.status.as_u16() {
            403 | 429 => Ok(Inline::Whole(ReadAnswer::RateLimited { wait_s: limited(&answer)? })),
            404 if message_of(&answer).starts_with("No commit found for the ref") => {
                Ok(Inline::Whole(ReadAnswer::NoBranch))
            }
            404 => Ok(Inline::Whole(ReadAnswer::Absent)),
            _ => self.file(&answer),
        });
        match read.await? {
            Inline::Whole(answer) => Ok(answer),
            Inline::LeftOut { sha } => self.read_blob(sha).await,
        }
    }

    /// Reads the content of a file by the id of its blob: the contents API leaves it out above 1 MB.
    async fn read_blob(&self, sha: String) -> Result<ReadAnswer, ClientError> {
        let call = self.http.get("read large file", &format!("/repos/{}/git/blobs/{sha}", self.repository));
        let call = call.header("accept", RAW).accept(&[403, 429]);
        call.read(|answer| match answer.status.as_u16() {
            403 | 429 => Ok(ReadAnswer::RateLimited { wait_s: limited(&answer)? }),
            _ => Ok(ReadAnswer::File(GithubFile { bytes: answer.body.to_vec(), sha: sha.clone() })),
        })
        .await
    }

    /// Writes `path` of `branch` as one commit if its blob still is `sha` (`None`: if it does not exist).
    ///
    /// Look first: after a lost answer the file tells whether the commit was made.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no answer (the commit may exist), or a refused credential.
    pub async fn write_file(
        &self,
        branch: &str,
        path: &str,
        bytes: &[u8],
        sha: Option<&str>,
        message: &str,
    ) -> Result<WriteAnswer, ClientError> {
        #[derive(serde::Deserialize)]
        struct Written {
            content: Blob,
        }
        #[derive(serde::Deserialize)]
        struct Blob {
            sha: String,
        }
        let content = base64::engine::general_purpose::STANDARD.encode(bytes);
        let mut body = serde_json::json!({ "message": message, "content": content, "branch": branch });
        if let Some(sha) = sha {
            body["sha"] = sha.into();
        }
        let call = self.http.put("write file", Repeat::LookFirst, &self.contents(path)).json(&body);
        let answer = call.header("accept", JSON).accept(&[403, 404, 409, 422, 429]).send().await?;
        match answer.status.as_u16() {
            403 | 429 => Ok(WriteAnswer::RateLimited { wait_s: limited(&answer)? }),
            404 => Ok(WriteAnswer::NoBranch),
            409 => conflict(&answer),
            // Somebody created the file meanwhile, and the id of its blob is missing now.
            422 if sha.is_none() && message_of(&answer).contains("\"sha\"") => Ok(WriteAnswer::Conflict),
            422 => Err(answer.refused()),
            _ => Ok(WriteAnswer::Written(answer.json::<Written>()?.content.sha)),
        }
    }

    /// Removes `path` of `branch` as one commit if its blob still is `sha`.
    ///
    /// Look first: after a lost answer the file tells whether the commit was made.
    ///
    /// # Errors
    ///
    /// As [`Github::write_file`].
    pub async fn remove_file(
        &self,
        branch: &str,
        path: &str,
        sha: &str,
        message: &str,
    ) -> Result<WriteAnswer, ClientError> {
        #[derive(serde::Deserialize)]
        struct Removed {
            commit: Commit,
        }
        #[derive(serde::Deserialize)]
        struct Commit {
            sha: String,
        }
        let body = serde_json::json!({ "message": message, "branch": branch, "sha": sha });
        let call = self.http.call("remove file", Repeat::LookFirst, http::Method::DELETE, &self.contents(path));
        let answer = call.json(&body).header("accept", JSON).accept(&[403, 404, 409, 429]).send().await?;
        match answer.status.as_u16() {
            403 | 429 => Ok(WriteAnswer::RateLimited { wait_s: limited(&answer)? }),
            404 => Ok(WriteAnswer::NoBranch),
            409 => conflict(&answer),
            _ => Ok(WriteAnswer::Written(answer.json::<Removed>()?.commit.sha)),
        }
    }

    fn contents(&self, path: &str) -> String {
        format!("/repos/{}/contents/{}", self.repository, utf8_percent_encode(path, PATH))
    }

    fn file(&self, answer: &Answer) -> Result<Inline, ClientError> {
        let unreadable = |why: &str| ClientError::unreadable(self.http.service(), answer.op, why);
        let file: Content = answer.json()?;
        if file.encoding.as_deref() == Some("none") {
            return Ok(Inline::LeftOut { sha: file.sha });
        }
        let text = file.content.filter(|_| file.encoding.as_deref() == Some("base64"));
        let text: String = text.ok_or_else(|| unreadable("a file without content"))?.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text);
        let bytes = bytes.map_err(|_| unreadable("content that is no base64"))?;
        Ok(Inline::Whole(ReadAnswer::File(GithubFile { bytes, sha: file.sha })))
    }
}

/// Seconds to wait when the refusal is about the number of requests; else the credential is refused.
fn limited(answer: &Answer) -> Result<Option<u64>, ClientError> {
    answer.limit.map(|limit| limit.wait_s).ok_or_else(|| answer.refused())
}

const JSON: &str = "application/vnd.github+json";

/// Bytes as they are, up to 100 MB.
const RAW: &str = "application/vnd.github.raw+json";

/// In what GitHub says of a write that a rule of the branch forbids; it says so with the status of a lost race.
const RULES: [&str; 5] =
    ["pull request", "protected branch", "protected ref", "rule violation", "required status check"];

/// What a 409 means: somebody was faster, or nobody may write there.
fn conflict(answer: &Answer) -> Result<WriteAnswer, ClientError> {
    let said = message_of(answer).to_lowercase();
    if RULES.iter().any(|rule| said.contains(rule)) {
        let fault = Fault::NotAllowed("write to this branch, which a rule protects".to_owned());
        return Err(ClientError { fault, ..answer.refused() });
    }
    Ok(WriteAnswer::Conflict)
}

fn message_of(answer: &Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        message: String,
    }
    serde_json::from_slice(&answer.body).map(|problem: Problem| problem.message).unwrap_or_default()
}

#[cfg(test)]
mod tests;
