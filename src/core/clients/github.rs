//! GitHub: single files of one repository, through the contents API.
//!
//! A file is replaced only from the blob that was read; GitHub answers 409 when the blob or the head
//! of the branch moved, and 422 when a file to be created exists already; any other 422 is a mistake of
//! ours that no repetition mends. A missing branch and a
//! missing file are both 404 and differ in their message alone. Too many requests are 403 or 429, at times in words alone.
//! The answers are octocrab's models; the requests are ours, because octocrab's own transport would
//! bypass time-outs, host rule and journal.

use base64::Engine as _;
use octocrab::models::repos::Content;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::sync::CancellationToken;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::http::answer::Answer;
use super::http::limits::is_secondary;
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

/// What came of reading a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeAnswer {
    /// Its files: path, and text or why there is none.
    Files(Vec<(String, Result<String, String>)>),
    /// There is no such branch or folder.
    Absent,
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
            409 => Ok(WriteAnswer::Conflict),
            // Somebody created the file meanwhile, and the id of its blob is missing now.
            422 if sha.is_none() && message_of(&answer).contains("\"sha\"") => Ok(WriteAnswer::Conflict),
            422 => Err(answer.refused()),
            _ => Ok(WriteAnswer::Written(answer.json::<Written>()?.content.sha)),
        }
    }

    /// Files of `{folder}/*` and `{folder}/*/statebox` with their texts: one question to GraphQL, which says no
    /// with status 200. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no answer, a refused credential, or `errors` in the answer.
    pub async fn release_files(&self, branch: &str, folder: &str) -> Result<TreeAnswer, ClientError> {
        const OP: &str = "read all state files";
        let (owner, name) = self.repository.split_once('/').unwrap_or((&self.repository, ""));
        let variables = serde_json::json!({ "owner": owner, "name": name, "at": format!("{branch}:{folder}") });
        let body = serde_json::json!({ "query": RELEASE_FILES, "variables": variables });
        let call = self.http.post(OP, Repeat::Reads, "/graphql").json(&body).header("accept", JSON);
        call.accept(&[403, 429]).read(|answer| self.tree(&answer, folder)).await
    }

    fn tree(&self, answer: &Answer, folder: &str) -> Result<TreeAnswer, ClientError> {
        if matches!(answer.status.as_u16(), 403 | 429) {
            return Ok(TreeAnswer::RateLimited { wait_s: limited(answer)? });
        }
        let answered: graphql::Answer = answer.json()?;
        if answered.errors.iter().any(|error| error.kind.as_deref() == Some("RATE_LIMITED")) {
            return Ok(TreeAnswer::RateLimited { wait_s: self.until_reset(answer) });
        }
        if answered.errors.iter().any(|error| is_secondary(error.message.as_bytes())) {
            return Ok(TreeAnswer::RateLimited { wait_s: Some(self.http.pause_s()) });
        }
        if let Some(error) = answered.errors.first() {
            return Err(answer.error(Fault::Refused(self.http.mask(&error.message))));
        }
        let repository = answered.data.and_then(|data| data.repository);
        let repository = repository
            .ok_or_else(|| ClientError::unreadable(answer.service, answer.op, "an answer without repository"))?;
        let Some(root) = repository.object else { return Ok(TreeAnswer::Absent) };
        let mut files = Vec::new();
        for minor in root.entries.unwrap_or_default() {
            for entry in minor.inside() {
                let path = format!("{folder}/{}/{}", minor.name, entry.name);
                for inner in entry.inside().iter().filter(|_| entry.name == "statebox") {
                    files.extend(inner.file(format!("{path}/{}", inner.name)));
                }
                files.extend(entry.file(path));
            }
        }
        files.retain(|(path, _)| path.ends_with(".yaml"));
        Ok(TreeAnswer::Files(files))
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

    /// Seconds until the hourly allowance is full again, and one more because GitHub counts in whole seconds.
    fn until_reset(&self, answer: &Answer) -> Option<u64> {
        let reset: i64 = answer.header("x-ratelimit-reset")?.trim().parse().ok()?;
        let now = self.http.now().as_second();
        u64::try_from(reset.saturating_sub(now).saturating_add(1).max(0)).ok()
    }
}

/// Seconds to wait when the refusal is about the number of requests; else the credential is refused.
fn limited(answer: &Answer) -> Result<Option<u64>, ClientError> {
    answer.limit.map(|limit| limit.wait_s).ok_or_else(|| answer.refused())
}

/// Folders of minors, their files, and the files of their `statebox` folders.
const RELEASE_FILES: &str = "query($owner: String!, $name: String!, $at: String!) { \
    repository(owner: $owner, name: $name) { object(expression: $at) { ... on Tree { entries { name type object { \
    ... on Tree { entries { name type object { \
    ... on Blob { text isTruncated isBinary } \
    ... on Tree { entries { name type object { ... on Blob { text isTruncated isBinary } } } } \
    } } } } } } } } }";

/// The shape of the answer; every level may be null.
mod graphql {
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub(super) struct Answer {
        pub(super) data: Option<Data>,
        #[serde(default)]
        pub(super) errors: Vec<Error>,
    }

    #[derive(Deserialize)]
    pub(super) struct Error {
        #[serde(rename = "type")]
        pub(super) kind: Option<String>,
        #[serde(default)]
        pub(super) message: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Data {
        pub(super) repository: Option<Repository>,
    }

    #[derive(Deserialize)]
    pub(super) struct Repository {
        pub(super) object: Option<Object>,
    }

    /// A tree, a blob, or (a submodule, a link) neither.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Object {
        pub(super) entries: Option<Vec<Entry>>,
        text: Option<String>,
        is_truncated: Option<bool>,
        is_binary: Option<bool>,
    }

    #[derive(Deserialize)]
    pub(super) struct Entry {
        pub(super) name: String,
        object: Option<Object>,
    }

    impl Entry {
        /// What is inside, when it is a folder.
        pub(super) fn inside(&self) -> &[Self] {
            self.object.as_ref().and_then(|object| object.entries.as_deref()).unwrap_or_default()
        }

        /// The file, when it is one: half a text is none.
        pub(super) fn file(&self, path: String) -> Option<(String, Result<String, String>)> {
            let object = self.object.as_ref()?;
            if object.entries.is_some() {
                return None;
            }
            let text = match (&object.text, object.is_truncated) {
                (_, Some(true)) => Err("GitHub cuts it off, it is too large".to_owned()),
                (Some(text), _) => Ok(text.clone()),
                (None, _) if object.is_binary == Some(true) => Err("it is not text".to_owned()),
                (None, _) => Err("GitHub sends no text of it".to_owned()),
            };
            Some((path, text))
        }
    }
}

const JSON: &str = "application/vnd.github+json";

/// Bytes as they are, up to 100 MB.
const RAW: &str = "application/vnd.github.raw+json";

fn message_of(answer: &Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        message: String,
    }
    serde_json::from_slice(&answer.body).map(|problem: Problem| problem.message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::post;

    use super::*;
    use crate::core::clients::loopback::talk_to;
    use crate::domain::service::Service;

    async fn asked(answer: &str) -> Result<TreeAnswer, ClientError> {
        let answer = answer.to_owned();
        let graphql = move |body: String| async move {
            let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(sent["variables"]["at"], "z-stream:_releases");
            assert_eq!((&sent["variables"]["owner"], &sent["variables"]["name"]), (&"o".into(), &"r".into()));
            answer
        };
        let router = Router::new().route("/graphql", post(graphql));
        talk_to(router, Service::Github, async |http| {
            Github::new(http, "o/r".to_owned()).release_files("z-stream", "_releases").await
        })
        .await
    }

    #[tokio::test]
    async fn a_tree_tells_every_file_with_its_text_or_why_there_is_none() {
        let answer = r#"{"data":{"repository":{"object":{"entries":[
            {"name":"README.md","type":"blob","object":{}},
            {"name":"4.20","type":"tree","object":{"entries":[
                {"name":"4.20.z.yaml","type":"blob","object":{"text":"releases: {}","isTruncated":false,"isBinary":false}},
                {"name":"notes.txt","type":"blob","object":{"text":"x"}},
                {"name":"other","type":"tree","object":{"entries":[{"name":"a.yaml","type":"blob","object":{"text":"x"}}]}},
                {"name":"statebox","type":"tree","object":{"entries":[
                    {"name":"4.20.1.yaml","type":"blob","object":{"text":"a: 1","isTruncated":false}},
                    {"name":"4.20.2.yaml","type":"blob","object":{"text":"half","isTruncated":true}},
                    {"name":"4.20.3.yaml","type":"blob","object":{"text":null,"isBinary":true}},
                    {"name":"sub","type":"commit","object":null}]}}]}}]}}}}"#;
        let TreeAnswer::Files(files) = asked(answer).await.unwrap() else { panic!("no files") };
        let listed: Vec<_> =
            files.iter().map(|(path, text)| (path.trim_start_matches("_releases/4.20/"), text.is_ok())).collect();
        let state = |number: u8| format!("statebox/4.20.{number}.yaml");
        let (first, second, third) = (state(1), state(2), state(3));
        let wanted = [("4.20.z.yaml", true), (first.as_str(), true), (second.as_str(), false), (third.as_str(), false)];
        assert_eq!(listed, wanted);
    }

    #[tokio::test]
    async fn a_used_up_allowance_tells_when_it_is_full_again() {
        use axum::http::StatusCode;

        // The clock of these tests stands at the epoch.
        for (headers, wait) in [
            ([("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "900")], Some(901)),
            ([("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "soon")], None),
            ([("x-ratelimit-remaining", "0"), ("retry-after", "30")], Some(30)),
            ([("x-ratelimit-remaining", "7"), ("retry-after", "60")], Some(60)),
        ] {
            let router = Router::new().fallback(async move || (StatusCode::FORBIDDEN, headers, "{}"));
            let listed = talk_to(router, Service::Github, async |http| {
                let github = Github::new(http, "o/r".to_owned());
                let read = github.read_file("main", "a.yaml").await.unwrap();
                let written = github.write_file("main", "a.yaml", b"x", None, "m").await.unwrap();
                (read, written)
            });
            let wanted = (ReadAnswer::RateLimited { wait_s: wait }, WriteAnswer::RateLimited { wait_s: wait });
            assert_eq!(listed.await, wanted, "{headers:?}");
        }
    }

    /// What GitHub answers when it finds that somebody asks too often, without any header.
    const SECONDARY: [&str; 3] = [
        r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}"#,
        r#"{"message":"You have triggered an abuse detection mechanism. Please wait a few minutes."}"#,
        r#"{"message":"Forbidden","documentation_url":"https://docs.example.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}"#,
    ];

    #[tokio::test]
    async fn a_limit_without_any_header_is_a_limit_and_asks_for_a_minute_and_then_for_more() {
        use axum::http::StatusCode;

        for body in SECONDARY {
            let router = Router::new().fallback(async move || (StatusCode::FORBIDDEN, body));
            let waits = talk_to(router, Service::Github, async |http| {
                let github = Github::new(http, "o/r".to_owned());
                let ReadAnswer::RateLimited { wait_s: read } = github.read_file("main", "a.yaml").await.unwrap() else {
                    panic!("no limit")
                };
                let written = github.write_file("main", "a.yaml", b"x", None, "m").await.unwrap();
                let WriteAnswer::RateLimited { wait_s: written } = written else { panic!("no limit") };
                let TreeAnswer::RateLimited { wait_s: tree } = github.release_files("main", "_releases").await.unwrap()
                else {
                    panic!("no limit")
                };
                [read, written, tree]
            });
            assert_eq!(waits.await, [Some(60), Some(120), Some(240)], "{body}");
        }
        let graphql = r#"{"errors":[{"message":"You have exceeded a secondary rate limit."}]}"#;
        assert_eq!(asked(graphql).await.unwrap(), TreeAnswer::RateLimited { wait_s: Some(60) });
    }

    #[tokio::test]
    async fn a_refusal_by_an_organisation_is_quoted_with_the_address_that_helps() {
        use axum::http::StatusCode;

        let sso = "https://github.example.com/orgs/o/sso?authorization_request=AZ-09_x";
        let body = r#"{"message":"Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization."}"#;
        let router = Router::new()
            .fallback(async move || (StatusCode::FORBIDDEN, [("x-github-sso", format!("required; url={sso}"))], body));
        let errors = talk_to(router, Service::Github, async |http| {
            let github = Github::new(http, "o/r".to_owned());
            let written = github.write_file("main", "a.yaml", b"x", None, "m").await.unwrap_err();
            [
                github.read_file("main", "a.yaml").await.unwrap_err(),
                written,
                github.release_files("main", "r").await.unwrap_err(),
            ]
        });
        for error in errors.await {
            assert_eq!(error.class(), crate::core::error::ErrorClass::Auth);
            let text = error.to_string();
            assert!(text.contains("it says \"Resource protected by organization SAML enforcement."), "{text}");
            assert!(text.ends_with(&format!("see {sso}")), "{text}");
            let next = error.next_step();
            assert_eq!(next, format!("open {sso} as the owner of the credential (GITHUB_TOKEN), then run it again"));
        }
    }

    #[tokio::test]
    async fn only_a_file_that_exists_already_makes_a_422_a_conflict() {
        use axum::http::StatusCode;

        let missing = r#"{"message":"Invalid request.\n\n\"sha\" wasn't supplied."}"#;
        let malformed = r#"{"message":"path contains a malformed path component"}"#;
        for (body, sha, conflict) in [
            (missing, None, true),
            (missing, Some("abc"), false),
            (malformed, None, false),
            ("<html></html>", None, false),
        ] {
            let router = Router::new().fallback(async move || (StatusCode::UNPROCESSABLE_ENTITY, body));
            let written = talk_to(router, Service::Github, async |http| {
                Github::new(http, "o/r".to_owned()).write_file("main", "a.yaml", b"x", sha, "m").await
            });
            match written.await {
                Ok(answer) => assert!(conflict && answer == WriteAnswer::Conflict, "{body}"),
                Err(error) => assert!(!conflict && !error.may_have_happened() && !error.is_transient(), "{body}"),
            }
        }
    }

    #[tokio::test]
    async fn a_no_with_status_200_is_a_no() {
        let limited = r#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}"#;
        assert_eq!(asked(limited).await.unwrap(), TreeAnswer::RateLimited { wait_s: None });
        let nothing = r#"{"data":{"repository":{"object":null}}}"#;
        assert_eq!(asked(nothing).await.unwrap(), TreeAnswer::Absent);
        for bad in [
            r#"{"data":{"repository":null},"errors":[{"type":"NOT_FOUND","message":"Could not resolve"}]}"#,
            r#"{"data":{"repository":{"object":{"entries":[]}}},"errors":[{"message":"timeout"}]}"#,
            r#"{"data":null}"#,
            r#"{"data":{"repository":{"object":{"entries":[{}]}}}}"#,
            "<html>unicorn</html>",
            "",
        ] {
            assert!(asked(bad).await.is_err(), "{bad}");
        }
    }
}
