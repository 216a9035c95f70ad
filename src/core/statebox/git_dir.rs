//! A Git repository on this machine, bare or not, through the `git` program.
//!
//! A write is one commit on top of the branch as it was read; `git update-ref` with the old commit moves
//! the branch only if it still is there. Work trees and the repository's own index are never touched, so
//! a branch that is checked out is refused: its next commit would take ours back.

mod batch;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use tokio_util::sync::CancellationToken;

use super::error::StoreFault;
use super::file::{LastWrite, ListedFile, Revision, StoredFile, TreeFile};
use crate::core::clients::process::{self, Environment, Finished, Program};
use crate::core::clock::Clock;
use crate::core::config::env::Env;
use crate::domain::release::Minor;

/// Every step is local and takes milliseconds; a network disk may stall.
const LIMIT: Duration = Duration::from_secs(60);

/// How long git waits for another writer's lock on the branch, in milliseconds.
const LOCK_WAIT_MS: u32 = 5000;

/// How often a branch that moved for the sake of another file is followed within one write.
const MOVES: u32 = 20;

/// Longest piece of what git says.
const MOST_CHARS: usize = 600;

/// Programs that read side by side.
const PROGRAMS: usize = 4;

/// A repository of this machine.
#[derive(Debug, Clone)]
pub struct GitDir {
    dir: PathBuf,
    program: Program,
    lock_wait_ms: u32,
    clock: Clock,
    cancel: CancellationToken,
}

/// Who commits. Never a person: the file is public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// A role.
    pub name: String,
    /// Its address.
    pub mail: String,
}

/// A file of one commit.
struct Stored {
    commit: Option<String>,
    file: Option<StoredFile>,
}

impl GitDir {
    /// Is `dir` itself a repository (not a folder within one)? A damaged one is: git says what it lacks.
    pub fn is_one(dir: &Path) -> bool {
        ["HEAD", "objects", "refs", "packed-refs", ".git"].iter().any(|part| dir.join(part).symlink_metadata().is_ok())
    }

    /// The repository at `dir`; `env` gives the program its `PATH`, `HOME` and the user's git configuration.
    /// Starts nothing yet.
    pub fn new(dir: &Path, author: &Author, env: &Env, clock: Clock, cancel: CancellationToken) -> Self {
        let mut environment = Environment::default()
            .with("LC_ALL", "C")
            .with("GIT_TERMINAL_PROMPT", "0")
            .with("GIT_AUTHOR_NAME", &author.name)
            .with("GIT_COMMITTER_NAME", &author.name)
            .with("GIT_AUTHOR_EMAIL", &author.mail)
            .with("GIT_COMMITTER_EMAIL", &author.mail);
        for (name, value) in of_the_user(env) {
            environment = environment.with(&name, &value);
        }
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        // A damaged repository is no reason to take the one around it.
        let above = [dir.canonicalize().ok(), Some(dir.clone())].into_iter().flatten();
        let above = above.filter_map(|dir| Some(dir.parent()?.display().to_string())).collect::<Vec<_>>().join(":");
        environment = environment.with("GIT_CEILING_DIRECTORIES", &above);
        let program = Program { name: "git", command: vec!["git".to_owned()], environment, limit: LIMIT };
        Self { dir, program, lock_wait_ms: LOCK_WAIT_MS, clock, cancel }
    }

    /// The same repository, whose work `cancel` alone ends.
    pub(super) fn ended_by(self, cancel: &CancellationToken) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// Reads `path` of `branch`; an absent file, or a branch that nobody began, is nothing.
    pub(super) async fn read(&self, branch: &str, path: &str) -> Result<Option<StoredFile>, StoreFault> {
        Ok(self.look(branch, path).await?.file)
    }

    /// Tracking files and state files of all minors below `folder` of `branch`.
    pub(super) async fn release_files(&self, branch: &str, folder: &str) -> Result<Vec<TreeFile>, StoreFault> {
        self.files(branch, folder, |path| is_release_file(path, folder)).await
    }

    /// Files below `folder` of `branch` whose path is `wanted`.
    pub(super) async fn files(
        &self,
        branch: &str,
        folder: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<TreeFile>, StoreFault> {
        let Some(commit) = self.head(branch).await? else {
            self.nobody_began(branch).await?;
            return Ok(Vec::new());
        };
        let listed = self.run(&["ls-tree", "--full-tree", "-r", "-z", "--name-only", &commit, "--", folder]).await?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let read = |path: String| {
            let name = format!("{commit}:{path}");
            async move {
                let text = match self.run(&["cat-file", "blob", &name]).await {
                    Ok(bytes) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()),
                    Err(StoreFault::Cancelled) => return Err(StoreFault::Cancelled),
                    Err(other) => Err(other.to_string()),
                };
                Ok(TreeFile { path, text })
            }
        };
        let paths = listed.split('\0').filter(|path| wanted(path)).map(str::to_owned);
        futures::stream::iter(paths.map(read)).buffered(PROGRAMS).try_collect().await
    }

    /// Files directly below `folder` of `branch`, with the ids of their blobs.
    pub(super) async fn listed(&self, branch: &str, folder: &str) -> Result<Vec<ListedFile>, StoreFault> {
        let Some(commit) = self.head(branch).await? else {
            self.nobody_began(branch).await?;
            return Ok(Vec::new());
        };
        let listed = self.run(&["ls-tree", "--full-tree", "-z", &commit, "--", &format!("{folder}/")]).await?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let entry = |line: &str| {
            let (about, path) = line.split_once('\t')?;
            let mut about = about.split(' ');
            let (_, kind, id) = (about.next()?, about.next()?, about.next()?);
            (kind == "blob").then(|| ListedFile { path: path.to_owned(), revision: Revision(id.to_owned()) })
        };
        Ok(listed.split('\0').filter_map(entry).collect())
    }

    /// The bytes of a blob.
    pub(super) async fn blob(&self, revision: &Revision) -> Result<Vec<u8>, StoreFault> {
        self.run(&["cat-file", "blob", &revision.0]).await
    }

    /// The last commit of `branch` that changed `path`.
    pub(super) async fn last_write(&self, branch: &str, path: &str) -> Result<Option<LastWrite>, StoreFault> {
        let name = format!("refs/heads/{branch}");
        let found = self.run(&["log", "-1", "--format=%ct %s", &name, "--", path]).await?;
        let found = text(&found);
        let Some((at, message)) = found.split_once(' ') else { return Ok(None) };
        let at = at.parse().ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
        Ok(Some(LastWrite { message: message.to_owned(), at }))
    }

    /// Writes `path` of `branch` as one commit if its blob still is `expected`.
    pub(super) async fn write(
        &self,
        branch: &str,
        path: &str,
        bytes: &[u8],
        expected: Option<&Revision>,
        message: &str,
    ) -> Result<Revision, StoreFault> {
        self.not_checked_out(branch)?;
        let folder = tempfile::tempdir()?;
        let content = folder.path().join("content");
        let mut blob = None;
        for _ in 0..MOVES {
            let stored = self.look(branch, path).await?;
            if stored.file.as_ref().map(|file| &file.revision) != expected {
                return Err(StoreFault::Conflict);
            }
            let blob = match &blob {
                Some(blob) => blob,
                None => {
                    fs::write(&content, bytes)?;
                    let content = content.display().to_string();
                    blob.insert(self.line(&["hash-object", "-w", "--no-filters", "--", &content]).await?)
                }
            };
            let index = folder.path().join("index");
            if self.commit(&index, branch, path, Some(blob), stored.commit.as_deref(), message).await? {
                return Ok(Revision(blob.clone()));
            }
        }
        Err(StoreFault::Conflict)
    }

    /// Removes `path` from `branch` as one commit if its blob still is `expected`.
    pub(super) async fn remove(
        &self,
        branch: &str,
        path: &str,
        expected: &Revision,
        message: &str,
    ) -> Result<(), StoreFault> {
        self.not_checked_out(branch)?;
        let folder = tempfile::tempdir()?;
        for _ in 0..MOVES {
            let stored = self.look(branch, path).await?;
            if stored.file.as_ref().map(|file| &file.revision) != Some(expected) {
                return Err(StoreFault::Conflict);
            }
            let index = folder.path().join("index");
            if self.commit(&index, branch, path, None, stored.commit.as_deref(), message).await? {
                return Ok(());
            }
        }
        Err(StoreFault::Conflict)
    }

    /// A branch that is checked out would differ from its files afterwards.
    fn not_checked_out(&self, branch: &str) -> Result<(), StoreFault> {
        if self.checked_out().iter().any(|head| head == branch) {
            return Err(StoreFault::Git(format!(
                "{branch} is checked out in {}; switch to another branch there, or name a bare clone",
                self.dir.display()
            )));
        }
        Ok(())
    }

    /// One commit on `parent`, without the file where there is no blob; false when the branch is not at `parent` any more.
    async fn commit(
        &self,
        index: &Path,
        branch: &str,
        path: &str,
        blob: Option<&str>,
        parent: Option<&str>,
        message: &str,
    ) -> Result<bool, StoreFault> {
        let now = format!("@{} +0000", self.clock.now().as_second());
        let environment = self.program.environment.clone();
        let environment = environment
            .with("GIT_INDEX_FILE", &index.display().to_string())
            .with("GIT_AUTHOR_DATE", &now)
            .with("GIT_COMMITTER_DATE", &now);
        let own = Self { program: Program { environment, ..self.program.clone() }, ..self.clone() };
        match parent {
            Some(parent) => drop(own.run(&["read-tree", parent]).await?),
            None => drop(own.run(&["read-tree", "--empty"]).await?),
        }
        match blob {
            Some(blob) => {
                drop(own.run(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]).await?);
            }
            // Every other way to remove a path asks for a work tree.
            None => {
                let line = format!("0 {}\t{path}\n", "0".repeat(parent.map_or(40, str::len)));
                let ended = own.asked(&["update-index", "--index-info"], Some(line.as_bytes())).await?;
                if ended.code != Some(0) {
                    return Err(refused("update-index", &ended));
                }
            }
        }
        let tree = own.line(&["write-tree"]).await?;
        let mut arguments = vec!["commit-tree", &tree, "-m", message];
        arguments.extend(parent.iter().flat_map(|parent| ["-p", parent]));
        let commit = own.line(&arguments).await?;
        let name = format!("refs/heads/{branch}");
        // An empty old value means: there is no such branch.
        let old = parent.unwrap_or_default();
        // From here on nothing is interrupted: a step that was begun is carried out or refused.
        let own = Self { cancel: CancellationToken::new(), ..own };
        let reflog = format!("oar: {message}");
        let lock_wait = format!("core.filesRefLockTimeout={}", self.lock_wait_ms);
        let ended = own.try_run(&["-c", &lock_wait, "update-ref", "-m", &reflog, &name, &commit, old]).await?;
        if ended.code == Some(0) {
            return Ok(true);
        }
        if self.head(branch).await?.as_deref() != parent {
            return Ok(false);
        }
        Err(self.lock_of(&name).await?.unwrap_or_else(|| refused("update-ref", &ended)))
    }

    /// The branch's commit and the file in it, from one program: a busy repository changes between two.
    async fn look(&self, branch: &str, path: &str) -> Result<Stored, StoreFault> {
        if branch.contains('\n') || path.contains('\n') {
            return Err(StoreFault::NotFound(format!("{path:?} on {branch:?} is no name of a file")));
        }
        let name = format!("refs/heads/{branch}");
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let questions = format!("{name}^{{commit}}\n{name}:{folder}\n{name}:{path}\n{name}^{{commit}}\n");
        for _ in 0..MOVES {
            let ended = self.asked(&["cat-file", "--batch"], Some(questions.as_bytes())).await?;
            if ended.code != Some(0) {
                return Err(refused("cat-file", &ended));
            }
            let odd = || StoreFault::Git("cat-file: an answer without form".to_owned());
            let answers = batch::answers(&ended.stdout).ok_or_else(odd)?;
            let [commit, tree, blob, commit_after] = <[_; 4]>::try_from(answers).map_err(|_| odd())?;
            let (Some(commit), Some(commit_after)) = (commit, commit_after) else {
                self.nobody_began(branch).await?;
                return Ok(Stored { commit: None, file: None });
            };
            // Each question finds the branch where it is then.
            if commit.id != commit_after.id {
                continue;
            }
            let name = path.rsplit('/').next().unwrap_or(path);
            let tree = tree.filter(|tree| tree.kind == "tree");
            let mode = tree.and_then(|tree| batch::mode(tree.bytes, name, commit.id.len() / 2));
            let file = match (mode, blob) {
                // A damaged repository lacks things, too; asked for a list, git tells that apart.
                (None, _) if self.line(&["ls-tree", "--full-tree", commit.id, "--", path]).await?.is_empty() => None,
                (Some(b"100644" | b"100755"), Some(blob)) if blob.kind == "blob" => {
                    Some(StoredFile { bytes: blob.bytes.to_vec(), revision: Revision(blob.id.to_owned()) })
                }
                _ => return Err(StoreFault::NotFound(format!("{path} on {branch} is no plain file"))),
            };
            return Ok(Stored { commit: Some(commit.id.to_owned()), file });
        }
        Err(StoreFault::Conflict)
    }

    async fn head(&self, branch: &str) -> Result<Option<String>, StoreFault> {
        let name = format!("refs/heads/{branch}^{{commit}}");
        let ended = self.try_run(&["rev-parse", "--verify", "--quiet", &name]).await?;
        match ended.code {
            Some(0) => Ok(Some(text(&ended.stdout))),
            Some(1) => Ok(None),
            _ => Err(refused("rev-parse", &ended)),
        }
    }

    /// A branch without a commit: nobody began it. Unless it is damaged, or a clone knows only the branch of its
    /// origin: beginning another one of that name would hide the real state.
    async fn nobody_began(&self, branch: &str) -> Result<(), StoreFault> {
        let name = format!("refs/heads/{branch}");
        let listed = self.line(&["for-each-ref", "--format=%(objectname)", &name]).await?;
        let file = self.path_of(&name).await?;
        if !listed.is_empty() || file.symlink_metadata().is_ok() {
            let names = if listed.is_empty() { "nothing that git can read" } else { listed.as_str() };
            return Err(StoreFault::Git(format!(
                "the branch {branch} in {} is damaged: it names {names}, and no such commit is there",
                self.dir.display()
            )));
        }
        let pattern = format!("refs/remotes/*/{branch}");
        let found = self.line(&["for-each-ref", "--format=%(refname:short)", "--count=1", &pattern]).await?;
        if found.is_empty() {
            return Ok(());
        }
        Err(StoreFault::NotFound(format!(
            "{} knows {found}, but has no branch {branch} of its own: git -C {0} branch {branch} {found}",
            self.dir.display()
        )))
    }

    /// The lock on a branch, when somebody holds it or left it behind.
    async fn lock_of(&self, name: &str) -> Result<Option<StoreFault>, StoreFault> {
        for locked in [name, "packed-refs"] {
            let file = self.path_of(&format!("{locked}.lock")).await?;
            let Ok(found) = file.symlink_metadata() else { continue };
            let since = found.modified().ok().and_then(|at| jiff::Timestamp::try_from(at).ok());
            let age = since.map(|since| self.clock.now().duration_since(since));
            let age_s = age.and_then(|age| u64::try_from(age.as_secs()).ok());
            return Ok(Some(StoreFault::Locked { file: file.display().to_string(), age_s }));
        }
        Ok(None)
    }

    /// Where git keeps `name`.
    async fn path_of(&self, name: &str) -> Result<PathBuf, StoreFault> {
        Ok(self.dir.join(self.line(&["rev-parse", "--git-path", name]).await?))
    }

    /// Branches that work trees of this repository are on.
    fn checked_out(&self) -> Vec<String> {
        let git = self.dir.join(".git");
        let link = fs::read_to_string(&git).ok();
        let own =
            link.as_deref().and_then(|text| text.trim().strip_prefix("gitdir: ")).map(|place| self.dir.join(place));
        let mut heads = vec![own.unwrap_or_else(|| git.clone()).join("HEAD")];
        for common in [&git, &self.dir] {
            let trees = fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
            heads.extend(trees.map(|tree| tree.path().join("HEAD")));
        }
        let branch = |head: &PathBuf| {
            let text = fs::read_to_string(head).ok()?;
            Some(text.trim().strip_prefix("ref: refs/heads/")?.to_owned())
        };
        heads.iter().filter_map(branch).collect()
    }

    async fn line(&self, arguments: &[&str]) -> Result<String, StoreFault> {
        Ok(text(&self.run(arguments).await?))
    }

    async fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, StoreFault> {
        let ended = self.try_run(arguments).await?;
        if ended.code == Some(0) {
            return Ok(ended.stdout);
        }
        Err(refused(arguments.first().copied().unwrap_or_default(), &ended))
    }

    async fn try_run(&self, arguments: &[&str]) -> Result<Finished, StoreFault> {
        self.asked(arguments, None).await
    }

    async fn asked(&self, arguments: &[&str], input: Option<&[u8]>) -> Result<Finished, StoreFault> {
        let dir = self.dir.display().to_string();
        let mut all = vec!["-C", &dir, "-c", "core.hooksPath=/dev/null", "--literal-pathspecs"];
        all.extend(arguments);
        process::run_on(&self.program, &all, input, &self.cancel).await.map_err(|error| match error {
            process::ProcessError::Cancelled { .. } => StoreFault::Cancelled,
            other @ (process::ProcessError::Missing { .. }
            | process::ProcessError::Broken { .. }
            | process::ProcessError::TimedOut { .. }
            | process::ProcessError::TooMuchOutput { .. }
            | process::ProcessError::BadCommand { .. }) => StoreFault::Git(other.to_string()),
        })
    }
}

/// `_releases/X.Y/*.yaml` or `_releases/X.Y/statebox/*.yaml`.
fn is_release_file(path: &str, folder: &str) -> bool {
    let below = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let parts: Vec<&str> = below.split('/').collect();
    let (Some(minor), Some(name)) = (parts.first(), parts.last()) else { return false };
    let deep = parts.len() == 2 || parts.len() == 3 && parts.get(1) == Some(&"statebox");
    deep && name.ends_with(".yaml") && minor.parse::<Minor>().is_ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// In git's own words, which also say what to do about it.
fn refused(what: &str, ended: &Finished) -> StoreFault {
    let said: Vec<&str> = ended.log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said: String = said.join(" ").chars().take(MOST_CHARS).collect();
    StoreFault::Git(format!("{what}: {}", if said.is_empty() { "no reason given" } else { &said }))
}

/// What a user's shell tells git about where the configuration is. What names a repository, index or work tree
/// (`GIT_DIR` and the like) is about another one.
fn of_the_user(env: &Env) -> BTreeMap<String, String> {
    let passes = |name: &&str| matches!(*name, "PATH" | "HOME" | "XDG_CONFIG_HOME") || name.starts_with("GIT_CONFIG_");
    let pair = |name: &str| (name.to_owned(), env.get(name).unwrap_or_default().to_owned());
    let mut passed: BTreeMap<String, String> = env.names().filter(passes).map(pair).collect();
    // An empty value means something here, and counts as missing everywhere else.
    for number in env.names().filter_map(|name| name.strip_prefix("GIT_CONFIG_KEY_")) {
        passed.entry(format!("GIT_CONFIG_VALUE_{number}")).or_default();
    }
    passed
}

#[cfg(test)]
mod tests;
