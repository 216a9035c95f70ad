//! GitHub: single files of one repository, through the contents API.
//!
//! A file is replaced only from the blob that was read; GitHub answers 409 when the blob or the head
//! of the branch moved, and 422 when a file to be created exists already. A missing branch and a
//! missing file are both 404 and differ in their message alone. Too many requests are 403 or 429.
//! The answers are octocrab's models; the requests are ours, because octocrab's own transport would
//! bypass time-outs, host rule and journal.

use base64::Engine as _;
use octocrab::models::repos::Content;

use super::error::ClientError;
use super::http::{Answer, ServiceHttp};
use super::retry::Repeat;
use crate::core::cache::DiskCache;

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
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Id of its blob.
    pub sha: String,
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
        /// Seconds to wait, when told.
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
        /// Seconds to wait, when told.
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
        let answer = call.header("accept", JSON).accept(&[403, 404, 429]).send_through(self.cache.as_ref()).await?;
        match answer.status.as_u16() {
            403 | 429 => Ok(ReadAnswer::RateLimited { wait_s: self.limited(&answer)? }),
            404 if message(&answer).starts_with("No commit found for the ref") => Ok(ReadAnswer::NoBranch),
            404 => Ok(ReadAnswer::Absent),
            _ => self.file(&answer).map(ReadAnswer::File),
        }
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
            403 | 429 => Ok(WriteAnswer::RateLimited { wait_s: self.limited(&answer)? }),
            404 => Ok(WriteAnswer::NoBranch),
            409 | 422 => Ok(WriteAnswer::Conflict),
            _ => Ok(WriteAnswer::Written(answer.json::<Written>()?.content.sha)),
        }
    }

    fn contents(&self, path: &str) -> String {
        let encoded: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        // A form spells a space as plus sign, a path does not.
        let encoded = encoded.replace('+', "%20").replace("%2F", "/");
        format!("/repos/{}/contents/{encoded}", self.repository)
    }

    fn file(&self, answer: &Answer) -> Result<GithubFile, ClientError> {
        let unreadable = |why: &str| ClientError::unreadable(self.http.service(), answer.op, why);
        let file: Content = answer.json()?;
        let text = file.content.filter(|_| file.encoding.as_deref() == Some("base64"));
        let text: String = text.ok_or_else(|| unreadable("a file without content"))?.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text);
        Ok(GithubFile { bytes: bytes.map_err(|_| unreadable("content that is no base64"))?, sha: file.sha })
    }

    /// Seconds to wait when the refusal is about the number of requests; else the credential is refused.
    fn limited(&self, answer: &Answer) -> Result<Option<u64>, ClientError> {
        let seconds = |name| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
        let wait_s = seconds("retry-after");
        let used_up = seconds("x-ratelimit-remaining") == Some(0);
        if answer.status.as_u16() == 429 || wait_s.is_some() || used_up {
            return Ok(wait_s);
        }
        let fault = super::error::Fault::Unauthorized(answer.status.as_u16());
        Err(ClientError::new(self.http.service(), answer.op, fault))
    }
}

const JSON: &str = "application/vnd.github+json";

fn message(answer: &Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        message: String,
    }
    serde_json::from_slice(&answer.body).map(|problem: Problem| problem.message).unwrap_or_default()
}
