//! A folder with the ids of its blobs, a blob by its id, and the last commit of a file: what it takes to read only what
//! changed.

use jiff::Timestamp;
use serde::Deserialize;
use sha1::{Digest as _, Sha1};

use super::{Github, JSON, PATH, ReadAnswer, limited, message_of};
use crate::core::clients::error::ClientError;

/// What came of listing a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderAnswer {
    /// Its files: name, and id of the blob.
    Files(Vec<(String, String)>),
    /// The branch has no such folder.
    Absent,
    /// Too many requests.
    RateLimited {
        /// Seconds to wait, when asked.
        wait_s: Option<u64>,
    },
}

/// A commit, as far as it tells who wrote a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitNote {
    /// First line of its message.
    pub message: String,
    /// When it was made.
    pub at: Option<Timestamp>,
}

/// What came of asking for a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitAnswer {
    /// The last one that changed the file; nothing when there is none.
    Commit(Option<CommitNote>),
    /// Too many requests.
    RateLimited {
        /// Seconds to wait, when asked.
        wait_s: Option<u64>,
    },
}

impl Github {
    /// Files directly in `folder` of `branch` (git trees, which list any number of files). Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no answer, a refused credential, or a list that GitHub cut off.
    pub async fn folder(&self, branch: &str, folder: &str) -> Result<FolderAnswer, ClientError> {
        #[derive(Deserialize)]
        struct Tree {
            tree: Vec<Entry>,
            #[serde(default)]
            truncated: bool,
        }
        #[derive(Deserialize)]
        struct Entry {
            path: String,
            #[serde(rename = "type")]
            kind: String,
            sha: String,
        }
        const OP: &str = "list folder";
        let at = percent_encoding::utf8_percent_encode(&format!("{branch}:{folder}"), PATH).to_string();
        let call = self.http.get(OP, &format!("/repos/{}/git/trees/{at}", self.repository));
        let call = call.header("accept", JSON).accept(&[403, 404, 409, 429]);
        call.read_through(self.cache.as_ref(), |answer| match answer.status.as_u16() {
            403 | 429 => Ok(FolderAnswer::RateLimited { wait_s: limited(&answer)? }),
            // 409: a repository without any commit.
            404 | 409 => Ok(FolderAnswer::Absent),
            _ => {
                let tree: Tree = answer.json()?;
                if tree.truncated {
                    return Err(ClientError::unreadable(answer.service, OP, "GitHub cut the list of files off"));
                }
                let blobs = tree.tree.into_iter().filter(|entry| entry.kind == "blob");
                Ok(FolderAnswer::Files(blobs.map(|entry| (entry.path, entry.sha)).collect()))
            }
        })
        .await
    }

    /// The content of a blob. It never changes, so that it is asked for once per machine. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no answer, or a refused credential.
    pub async fn blob(&self, sha: &str) -> Result<ReadAnswer, ClientError> {
        let key = format!("{}/blobs/{sha}", self.place());
        if let Some(kept) = self.cache.as_ref().and_then(|cache| cache.read(&key)) {
            return Ok(ReadAnswer::File(super::GithubFile { bytes: kept.body, sha: sha.to_owned() }));
        }
        let answer = self.read_blob(sha.to_owned()).await?;
        // Whatever else stands in its place would be kept for ever.
        if let ReadAnswer::File(file) = &answer
            && blob_id(&file.bytes) != sha
        {
            return Err(ClientError::unreadable(
                self.http.service(),
                "read large file",
                "it is not the blob of that id",
            ));
        }
        if let (Some(cache), ReadAnswer::File(file)) = (&self.cache, &answer) {
            cache.write(&key, sha, &file.bytes);
        }
        Ok(answer)
    }

    /// The last commit of `branch` that changed `path`. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no answer, or a refused credential.
    pub async fn last_commit(&self, branch: &str, path: &str) -> Result<CommitAnswer, ClientError> {
        #[derive(Deserialize)]
        struct Listed {
            commit: Commit,
        }
        #[derive(Deserialize)]
        struct Commit {
            message: String,
            committer: Option<Person>,
        }
        #[derive(Deserialize)]
        struct Person {
            date: Option<String>,
        }
        let call = self.http.get("look at last commit", &format!("/repos/{}/commits", self.repository));
        let call = call.query(&[("sha", branch), ("path", path), ("per_page", "1")]);
        let call = call.header("accept", JSON).accept(&[403, 404, 409, 429]);
        call.read(|answer| match answer.status.as_u16() {
            403 | 429 => Ok(CommitAnswer::RateLimited { wait_s: limited(&answer)? }),
            // A store that keeps no history of its own has none to show.
            404 | 409 if !message_of(&answer).is_empty() => Ok(CommitAnswer::Commit(None)),
            404 | 409 => Err(answer.refused()),
            _ => {
                let commits: Vec<Listed> = answer.json()?;
                let note = commits.into_iter().next().map(|listed| CommitNote {
                    message: listed.commit.message.lines().next().unwrap_or_default().trim().to_owned(),
                    at: listed.commit.committer.and_then(|person| person.date?.parse().ok()),
                });
                Ok(CommitAnswer::Commit(note))
            }
        })
        .await
    }
}

/// The id that Git gives to a blob of these bytes.
fn blob_id(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;
    use crate::core::clients::loopback::talk_to;
    use crate::domain::service::Service;

    async fn ask<T>(body: &'static str, test: impl AsyncFnOnce(Github) -> T) -> T {
        let router = Router::new().fallback(get(move || async move { body }));
        talk_to(router, Service::Github, async |http| test(Github::new(http, "a/b".to_owned())).await).await
    }

    #[tokio::test]
    async fn a_list_that_was_cut_off_is_no_list() {
        let tree = r#"{"tree":[{"path":"x.json","type":"blob","sha":"1"},{"path":"d","type":"tree","sha":"2"}]}"#;
        let listed = ask(tree, async |github| github.folder("record", "_releases").await.unwrap()).await;
        assert_eq!(listed, FolderAnswer::Files(vec![("x.json".to_owned(), "1".to_owned())]));
        let cut = r#"{"tree":[],"truncated":true}"#;
        assert!(ask(cut, async |github| github.folder("record", "_releases").await).await.is_err());
    }

    #[tokio::test]
    async fn a_blob_is_what_its_id_says_or_none() {
        let id = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert!(ask("hello\n", async |github| github.blob(id).await).await.is_ok());
        assert!(ask("<html>log in</html>", async |github| github.blob(id).await).await.is_err());
    }

    #[tokio::test]
    async fn the_last_commit_of_a_file_has_a_message_of_one_line() {
        let commits = r#"[{"commit":{"message":"update file content\n\nby a bot",
            "committer":{"date":"2026-06-12T08:00:00Z"}}}]"#;
        let last = ask(commits, async |github| github.last_commit("record", "x").await.unwrap()).await;
        let at = "2026-06-12T08:00:00Z".parse().ok();
        assert_eq!(last, CommitAnswer::Commit(Some(CommitNote { message: "update file content".to_owned(), at })));
        let none = ask("[]", async |github| github.last_commit("record", "x").await.unwrap()).await;
        assert_eq!(none, CommitAnswer::Commit(None));
    }
}
