//! A repository of files: one file at a time, changed only from the revision that was read.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::directory;
use super::error::{Doing, StoreError, StoreFault};
use super::file::{LastWrite, ListedFile, Revision, StoredFile, TreeFile};
use super::git_dir::GitDir;
use crate::core::cache::DiskCache;
use crate::core::clients::error::ClientError;
use crate::core::clients::github::folder::{CommitAnswer, FolderAnswer};
use crate::core::clients::github::tree::TreeAnswer;
use crate::core::clients::github::{Github, ReadAnswer, WriteAnswer};
use crate::core::clients::http::ServiceHttp;
use crate::core::config::error::ConfigError;
use crate::core::config::origin::Origin;
use crate::domain::credential::Credential;
use crate::domain::job_registry::versions::is_on_branch;
use crate::domain::wrong_clock::WrongClock;

/// The folder of all releases.
const RELEASES: &str = "_releases";

/// Where state, records and registries are kept.
#[derive(Debug, Clone)]
pub enum Repo {
    /// One repository on GitHub; production.
    GitHub(Github),
    /// One folder for all branches; only when asked for, or in a rehearsal.
    Directory(PathBuf),
    /// One Git repository on this machine; only when asked for.
    Git(GitDir),
    /// A repository on GitHub without the credential for it: whoever asks learns which.
    Closed(Credential),
}

impl Repo {
    /// The repository `owner/name` on GitHub.
    ///
    /// # Errors
    ///
    /// `repository` is not of the form `owner/name`.
    pub fn github(http: ServiceHttp, repository: &str, cache: Option<DiskCache>) -> Result<Self, ConfigError> {
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        match repository.split_once('/') {
            Some((owner, name)) if plain(owner) && plain(name) => {
                let github = Github::new(http, repository.to_owned());
                Ok(Self::GitHub(match cache {
                    Some(cache) => github.cached(cache),
                    None => github,
                }))
            }
            Some(_) | None => Err(ConfigError::BadValue {
                key: "state.repository".to_owned(),
                given: repository.to_owned(),
                origin: Origin::Default,
                accepted: "owner/name".to_owned(),
            }),
        }
    }

    /// Where the repository is, when that is elsewhere and may be out of reach.
    pub fn remote_place(&self) -> Option<String> {
        match self {
            Self::GitHub(github) => Some(github.place()),
            Self::Directory(_) | Self::Git(_) | Self::Closed(_) => None,
        }
    }

    /// What is wrong with the clock of this machine, by the last answer of the repository; nothing where that tells no
    /// time.
    pub fn wrong_clock(&self) -> Option<WrongClock> {
        match self {
            Self::GitHub(github) => WrongClock::judge(github.clock_ahead()?),
            Self::Directory(_) | Self::Git(_) | Self::Closed(_) => None,
        }
    }

    /// The same repository, whose work `cancel` alone ends.
    #[must_use]
    pub(super) fn ended_by(self, cancel: &CancellationToken) -> Self {
        match self {
            Self::GitHub(github) => Self::GitHub(github.ended_by(cancel)),
            Self::Git(git) => Self::Git(git.ended_by(cancel)),
            local @ (Self::Directory(_) | Self::Closed(_)) => local,
        }
    }

    /// Reads `path` of `branch`; an absent file is nothing. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not answer.
    pub async fn read(&self, branch: &str, path: &str) -> Result<Option<StoredFile>, StoreError> {
        let read = match self {
            Self::Closed(missing) => Err(StoreFault::Closed(*missing)),
            Self::Directory(root) => directory::read(root, path),
            // Boxed: running programs makes large futures, and these sit in everything that touches the state.
            Self::Git(git) => Box::pin(git.read(branch, path)).await,
            Self::GitHub(github) => match Box::pin(github.read_file(branch, path)).await {
                Ok(ReadAnswer::File(file)) => Ok(Some(StoredFile { bytes: file.bytes, revision: Revision(file.sha) })),
                Ok(ReadAnswer::Absent) => Ok(None),
                Ok(ReadAnswer::NoBranch) => Err(no_branch(branch)),
                Ok(ReadAnswer::RateLimited { wait_s }) => Err(StoreFault::RateLimit { wait_s }),
                Err(error) => Err(error.into()),
            },
        };
        read.map_err(|fault| StoreError::new(path, Doing::Reading, fault))
    }

    /// The tracking files and state files of all minors (`_releases/X.Y/*`, `_releases/X.Y/statebox/*`) of
    /// `branch`, sorted by path. Reads only; one request.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not answer; a single file that has no text is reported with it.
    pub async fn release_files(&self, branch: &str) -> Result<Vec<TreeFile>, StoreError> {
        let read = match self {
            Self::Closed(missing) => Err(StoreFault::Closed(*missing)),
            Self::Directory(root) => directory::release_files(root, RELEASES),
            Self::Git(git) => Box::pin(git.release_files(branch, RELEASES)).await,
            Self::GitHub(github) => of_tree(github.release_files(branch, RELEASES).await, branch),
        };
        let mut files = read.map_err(|fault| StoreError::new(RELEASES, Doing::Reading, fault))?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The registries of test jobs (`_releases/ocp-*-test-jobs-*.json`) of `branch`, sorted by path. Reads only; one
    /// request.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not answer; a single file that has no text is reported with it.
    pub async fn registry_files(&self, branch: &str) -> Result<Vec<TreeFile>, StoreError> {
        let read = match self {
            Self::Closed(missing) => Err(StoreFault::Closed(*missing)),
            Self::Directory(root) => directory::files(root, RELEASES, is_registry),
            Self::Git(git) => Box::pin(git.files(branch, RELEASES, is_registry)).await,
            Self::GitHub(github) => of_tree(github.files(branch, RELEASES).await, branch),
        };
        let mut files = read.map_err(|fault| StoreError::new(RELEASES, Doing::Reading, fault))?;
        files.retain(|file| is_registry(&file.path));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Files directly in the folder of all releases on `branch`, sorted by path, without their content. Reads only; one
    /// request.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not answer.
    pub async fn listed(&self, branch: &str) -> Result<Vec<ListedFile>, StoreError> {
        let read = match self {
            Self::Closed(missing) => Err(StoreFault::Closed(*missing)),
            Self::Directory(root) => directory::listed(root, RELEASES),
            Self::Git(git) => Box::pin(git.listed(branch, RELEASES)).await,
            Self::GitHub(github) => match Box::pin(github.folder(branch, RELEASES)).await {
                Ok(FolderAnswer::Files(files)) => {
                    let listed =
                        |(name, sha)| ListedFile { path: format!("{RELEASES}/{name}"), revision: Revision(sha) };
                    Ok(files.into_iter().map(listed).collect())
                }
                Ok(FolderAnswer::Absent) => Ok(Vec::new()),
                Ok(FolderAnswer::RateLimited { wait_s }) => Err(StoreFault::RateLimit { wait_s }),
                Err(error) => Err(error.into()),
            },
        };
        let mut files = read.map_err(|fault| StoreError::new(RELEASES, Doing::Reading, fault))?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The content of a file as it was listed, which no later change alters where the store keeps versions. Reads only;
    /// asked for once per version and machine.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not answer.
    pub async fn content(&self, branch: &str, listed: &ListedFile) -> Result<Option<StoredFile>, StoreError> {
        let whole = |bytes| StoredFile { bytes, revision: listed.revision.clone() };
        let read = match self {
            Self::Git(git) => Box::pin(git.blob(&listed.revision)).await.map(|bytes| Some(whole(bytes))),
            Self::GitHub(github) => match Box::pin(github.blob(&listed.revision.0)).await {
                Ok(ReadAnswer::File(file)) => Ok(Some(whole(file.bytes))),
                Ok(ReadAnswer::Absent | ReadAnswer::NoBranch) => Ok(None),
                Ok(ReadAnswer::RateLimited { wait_s }) => Err(StoreFault::RateLimit { wait_s }),
                Err(error) => Err(error.into()),
            },
            Self::Closed(_) | Self::Directory(_) => return self.read(branch, &listed.path).await,
        };
        read.map_err(|fault| StoreError::new(&listed.path, Doing::Reading, fault))
    }

    /// Who changed `path` of `branch` last; nothing where no history is kept. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not answer.
    pub async fn last_write(&self, branch: &str, path: &str) -> Result<Option<LastWrite>, StoreError> {
        let read = match self {
            Self::Closed(missing) => Err(StoreFault::Closed(*missing)),
            Self::Directory(_) => Ok(None),
            Self::Git(git) => Box::pin(git.last_write(branch, path)).await,
            Self::GitHub(github) => match Box::pin(github.last_commit(branch, path)).await {
                Ok(CommitAnswer::Commit(note)) => Ok(note.map(|note| LastWrite { message: note.message, at: note.at })),
                Ok(CommitAnswer::RateLimited { wait_s }) => Err(StoreFault::RateLimit { wait_s }),
                Err(error) => Err(error.into()),
            },
        };
        read.map_err(|fault| StoreError::new(path, Doing::Reading, fault))
    }

    /// Writes `path` of `branch` if its revision still is `expected` (`None`: if it does not exist).
    ///
    /// Look first: after a lost answer the file tells whether the write arrived.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: conflict, credential, or a store that does not answer (the write may have arrived).
    pub async fn write(
        &self,
        branch: &str,
        path: &str,
        bytes: &[u8],
        expected: Option<&Revision>,
        message: &str,
    ) -> Result<Revision, StoreError> {
        let written = match self {
            Self::Closed(missing) => Err(StoreFault::Closed(*missing)),
            Self::Directory(root) => directory::write(root, path, bytes, expected),
            Self::Git(git) => Box::pin(git.write(branch, path, bytes, expected, message)).await,
            Self::GitHub(github) => {
                let sha = expected.map(|revision| revision.0.as_str());
                match Box::pin(github.write_file(branch, path, bytes, sha, message)).await {
                    Ok(WriteAnswer::Written(sha)) => Ok(Revision(sha)),
                    Ok(WriteAnswer::Conflict) => Err(StoreFault::Conflict),
                    Ok(WriteAnswer::NoBranch) => Err(no_branch(branch)),
                    Ok(WriteAnswer::RateLimited { wait_s }) => Err(StoreFault::RateLimit { wait_s }),
                    Err(error) => Err(error.into()),
                }
            }
        };
        written.map_err(|fault| StoreError::new(path, Doing::Changing, fault))
    }

    /// Removes `path` of `branch` if its revision still is `expected`. Look first, as with [`Repo::write`].
    ///
    /// # Errors
    ///
    /// As [`Repo::write`].
    pub async fn remove(&self, branch: &str, path: &str, expected: &Revision, message: &str) -> Result<(), StoreError> {
        let removed = match self {
            Self::Closed(missing) => Err(StoreFault::Closed(*missing)),
            Self::Directory(root) => directory::remove(root, path, expected),
            Self::Git(git) => Box::pin(git.remove(branch, path, expected, message)).await,
            Self::GitHub(github) => match Box::pin(github.remove_file(branch, path, &expected.0, message)).await {
                Ok(WriteAnswer::Written(_)) => Ok(()),
                Ok(WriteAnswer::Conflict) => Err(StoreFault::Conflict),
                Ok(WriteAnswer::NoBranch) => Err(no_branch(branch)),
                Ok(WriteAnswer::RateLimited { wait_s }) => Err(StoreFault::RateLimit { wait_s }),
                Err(error) => Err(error.into()),
            },
        };
        removed.map_err(|fault| StoreError::new(path, Doing::Changing, fault))
    }
}

/// Directly below the folder of all releases.
fn is_registry(path: &str) -> bool {
    let name = path.strip_prefix(RELEASES).and_then(|rest| rest.strip_prefix('/')).filter(|name| !name.contains('/'));
    name.is_some_and(is_on_branch)
}

fn of_tree(answer: Result<TreeAnswer, ClientError>, branch: &str) -> Result<Vec<TreeFile>, StoreFault> {
    match answer? {
        TreeAnswer::Files(files) => Ok(files.into_iter().map(|(path, text)| TreeFile { path, text }).collect()),
        TreeAnswer::Absent => Err(no_branch(branch)),
        TreeAnswer::RateLimited { wait_s } => Err(StoreFault::RateLimit { wait_s }),
    }
}

fn no_branch(branch: &str) -> StoreFault {
    StoreFault::NotFound(format!("the branch {branch} does not exist, or the token may not see or change it"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::core::clock::{Clock, VirtualClock};
    use crate::core::config::env::Env;
    use crate::core::statebox::git_dir::Author;

    const BRANCH: &str = "record";
    const PATH: &str = "_releases/x.json";
    const OTHER: &str = "_releases/y.json";

    /// The stores of this machine, empty.
    fn stores(root: &Path) -> [Repo; 2] {
        let (folder, git) = (root.join("folder"), root.join("git"));
        for part in ["objects", "refs"] {
            fs::create_dir_all(git.join(part)).unwrap();
        }
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let author = Author { name: "release-engineer".to_owned(), mail: "oar@example.com".to_owned() };
        let env = Env::default().with("PATH", "/usr/bin:/bin:/usr/local/bin");
        let clock = Clock::Virtual(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
        let git = GitDir::new(&git, &author, &env, clock, CancellationToken::new());
        [Repo::Directory(folder), Repo::Git(git)]
    }

    async fn write(repo: &Repo, path: &str, text: &str, expected: Option<&Revision>) -> Revision {
        repo.write(BRANCH, path, text.as_bytes(), expected, "Write").await.unwrap()
    }

    async fn text(repo: &Repo, path: &str) -> Option<Vec<u8>> {
        repo.read(BRANCH, path).await.unwrap().map(|file| file.bytes)
    }

    #[tokio::test]
    async fn a_file_is_removed_as_it_was_read_and_neither_when_it_changed_nor_when_it_is_gone() {
        let root = tempfile::tempdir().unwrap();
        for repo in stores(root.path()) {
            let is_refused = async |revision: &Revision| {
                let error = repo.remove(BRANCH, PATH, revision, "Remove").await.unwrap_err();
                matches!(error.fault, StoreFault::Conflict)
            };
            let first = write(&repo, PATH, "1\n", None).await;
            write(&repo, OTHER, "other\n", None).await;
            let second = write(&repo, PATH, "2\n", Some(&first)).await;
            assert!(is_refused(&first).await, "somebody changed it: {repo:?}");
            assert_eq!(text(&repo, PATH).await.unwrap(), b"2\n", "{repo:?}");
            repo.remove(BRANCH, PATH, &second, "Remove").await.unwrap();
            assert_eq!(text(&repo, PATH).await, None, "{repo:?}");
            assert!(is_refused(&second).await, "it is gone: {repo:?}");
            let listed = repo.listed(BRANCH).await.unwrap();
            assert_eq!(listed.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), [OTHER], "{repo:?}");
            assert_eq!(write(&repo, PATH, "1\n", None).await, first, "it is made anew: {repo:?}");
        }
    }

    #[tokio::test]
    async fn a_removal_and_a_change_at_once_never_both_come_about_and_other_files_do_not_matter() {
        let root = tempfile::tempdir().unwrap();
        for repo in stores(root.path()) {
            let first = write(&repo, PATH, "1\n", None).await;
            let (removed, changed, other) = tokio::join!(
                repo.remove(BRANCH, PATH, &first, "Remove"),
                repo.write(BRANCH, PATH, b"2\n", Some(&first), "Write"),
                repo.write(BRANCH, OTHER, b"other\n", None, "Write"),
            );
            assert!(removed.is_ok() != changed.is_ok(), "{removed:?} {changed:?}");
            assert!(other.is_ok(), "{other:?}");
            let wanted = changed.is_ok().then(|| b"2\n".to_vec());
            assert_eq!((text(&repo, PATH).await, text(&repo, OTHER).await), (wanted, Some(b"other\n".to_vec())));
        }
    }
}
