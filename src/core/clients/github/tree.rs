//! Many files of one repository by one question to GraphQL, which says no with status 200.

use super::{Github, JSON, limited};
use crate::core::clients::error::{ClientError, Fault};
use crate::core::clients::http::answer::Answer;
use crate::core::clients::http::limits::is_secondary;
use crate::core::clients::retry::Repeat;

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
    /// Files of `{folder}/*` and `{folder}/*/statebox` with their texts: one question to GraphQL, which says no
    /// with status 200. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no answer, a refused credential, or `errors` in the answer.
    pub async fn release_files(&self, branch: &str, folder: &str) -> Result<TreeAnswer, ClientError> {
        self.ask_tree("read all state files", RELEASE_FILES, branch, folder, |entries| {
            let mut files = Vec::new();
            for minor in entries {
                for entry in minor.inside() {
                    let path = format!("{folder}/{}/{}", minor.name, entry.name);
                    for inner in entry.inside().iter().filter(|_| entry.name == "statebox") {
                        files.extend(inner.file(format!("{path}/{}", inner.name)));
                    }
                    files.extend(entry.file(path));
                }
            }
            files.retain(|(path, _)| path.ends_with(".yaml"));
            files
        })
        .await
    }

    /// Files directly below `folder` with their texts. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// As [`Github::release_files`].
    pub async fn files(&self, branch: &str, folder: &str) -> Result<TreeAnswer, ClientError> {
        self.ask_tree("read the files of a folder", FILES, branch, folder, |entries| {
            entries.iter().filter_map(|entry| entry.file(format!("{folder}/{}", entry.name))).collect()
        })
        .await
    }

    /// Asks for the entries of `folder` in the depth of `query`, and takes what `of` finds in them.
    async fn ask_tree(
        &self,
        op: &'static str,
        query: &str,
        branch: &str,
        folder: &str,
        of: impl Fn(&[graphql::Entry]) -> Vec<(String, Result<String, String>)>,
    ) -> Result<TreeAnswer, ClientError> {
        let (owner, name) = self.repository.split_once('/').unwrap_or((&self.repository, ""));
        let variables = serde_json::json!({ "owner": owner, "name": name, "at": format!("{branch}:{folder}") });
        let body = serde_json::json!({ "query": query, "variables": variables });
        let call = self.http.post(op, Repeat::Reads, "/graphql").json(&body).header("accept", JSON);
        call.accept(&[403, 429]).read(|answer| self.tree(&answer, &of)).await
    }

    fn tree(
        &self,
        answer: &Answer,
        of: impl Fn(&[graphql::Entry]) -> Vec<(String, Result<String, String>)>,
    ) -> Result<TreeAnswer, ClientError> {
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
        Ok(TreeAnswer::Files(of(&root.entries.unwrap_or_default())))
    }

    /// Seconds until the hourly allowance is full again, and one more because GitHub counts in whole seconds.
    fn until_reset(&self, answer: &Answer) -> Option<u64> {
        let reset: i64 = answer.header("x-ratelimit-reset")?.trim().parse().ok()?;
        let now = self.http.now().as_second();
        u64::try_from(reset.saturating_sub(now).saturating_add(1).max(0)).ok()
    }
}

/// Folders of minors, their files, and the files of their `statebox` folders.
const RELEASE_FILES: &str = "query($owner: String!, $name: String!, $at: String!) { \
    repository(owner: $owner, name: $name) { object(expression: $at) { ... on Tree { entries { name type object { \
    ... on Tree { entries { name type object { \
    ... on Blob { text isTruncated isBinary } \
    ... on Tree { entries { name type object { ... on Blob { text isTruncated isBinary } } } } \
    } } } } } } } } }";

/// The files of one folder; folders in it come without text.
const FILES: &str = "query($owner: String!, $name: String!, $at: String!) { \
    repository(owner: $owner, name: $name) { object(expression: $at) { ... on Tree { entries { name type object { \
    ... on Tree { entries { name } } ... on Blob { text isTruncated isBinary } } } } } } }";

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
