//! Test records, and what stands beside them on their branch: read once per version, changed by compare-and-swap.
//!
//! A change is a function of the newest text, applied again whenever somebody else was faster. A text that is the same
//! afterwards is no commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::cas::{Limits, jitter, pause_between};
use super::error::{Arrived, Doing, StoreError, StoreFault};
use super::file::{LastWrite, ListedFile, Revision, StoredFile};
use super::repo::Repo;
use crate::core::clock::Clock;
use crate::core::permit::Permit;

/// Messages of the commits of the original.
const FOREIGN: [&str; 3] = ["create new file", "update file content", "delete file"];

/// How long a file is left to whoever wrote it.
pub const FOREIGN_FOR: SignedDuration = SignedDuration::from_hours(2);

/// The files of one branch.
#[derive(Debug, Clone)]
pub struct RecordFiles {
    repo: Repo,
    branch: String,
    limits: Limits,
    clock: Clock,
    cancel: CancellationToken,
    permit: Permit,
    /// Shared by all copies.
    written: Arc<AtomicBool>,
}

/// A file as it stands after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its text.
    pub text: String,
    /// Did we write?
    pub changed: bool,
}

impl RecordFiles {
    /// The files of `branch`.
    pub fn new(repo: Repo, branch: String, limits: Limits, clock: Clock, cancel: CancellationToken) -> Self {
        Self { repo, branch, limits, clock, cancel, permit: Permit::default(), written: Arc::default() }
    }

    /// The same for whoever may write only as long as `permit` lasts.
    #[must_use]
    pub fn permitted_by(&self, permit: &Permit) -> Self {
        Self { permit: permit.clone(), ..self.clone() }
    }

    /// Was anything written by these, or by copies of them? Also when nobody answered whether it arrived.
    pub fn have_written(&self) -> bool {
        self.written.load(Ordering::Relaxed)
    }

    /// Every file, not read. Reads only; one request.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn list(&self) -> Result<Vec<ListedFile>, StoreError> {
        self.repo.listed(&self.branch).await
    }

    /// The text of a file as it was listed; nothing when it is gone. Reads only; one request per version and machine.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn text(&self, listed: &ListedFile) -> Result<Option<String>, StoreError> {
        Ok(self.repo.content(&self.branch, listed).await?.as_ref().map(text_of))
    }

    /// The newest text of `path`; nothing when there is no such file. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn newest(&self, path: &str) -> Result<Option<String>, StoreError> {
        Ok(self.repo.read(&self.branch, path).await?.as_ref().map(text_of))
    }

    /// The last write of `path`, also of a file that is gone; nothing for one that never was, and for a store that keeps
    /// no history. Reads only; one request.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn last_write(&self, path: &str) -> Result<Option<LastWrite>, StoreError> {
        self.repo.last_write(&self.branch, path).await
    }

    /// When another program, the original, made this write, if that is so recent that it may be at work on the file.
    pub fn at_work_elsewhere(&self, last: &LastWrite) -> Option<Timestamp> {
        let at = last.at.filter(|_| FOREIGN.contains(&last.message.as_str()))?;
        (self.clock.now().duration_since(at) < FOREIGN_FOR).then_some(at)
    }

    /// Brings `change` into `path` as one commit, however often others are faster. Nothing from `change` is no change.
    ///
    /// # Errors
    ///
    /// What `change` refuses, or the store does not answer.
    pub async fn change<E: From<StoreError>>(
        &self,
        path: &str,
        message: &str,
        mut change: impl FnMut(Option<&str>) -> Result<Option<String>, E>,
    ) -> Result<ChangedFile, E> {
        let started = self.clock.now();
        let (mut tries, mut arrived) = (0, Arrived::No);
        loop {
            tries += 1;
            let (mut error, expected) = match self.repo.read(&self.branch, path).await {
                Ok(stored) => {
                    let before = stored.as_ref().map(text_of);
                    let Some(after) = change(before.as_deref())? else {
                        let changed = arrived == Arrived::Perhaps;
                        return Ok(ChangedFile { text: before.unwrap_or_default(), changed });
                    };
                    if before.as_ref() == Some(&after) {
                        return Ok(ChangedFile { text: after, changed: arrived == Arrived::Perhaps });
                    }
                    match self.write(path, &after, stored.as_ref().map(|file| &file.revision), message).await {
                        Ok(()) => return Ok(ChangedFile { text: after, changed: true }),
                        Err(error) => (error, true),
                    }
                }
                Err(error) => (error, false),
            };
            if expected && error.arrived == Arrived::Perhaps {
                arrived = Arrived::Perhaps;
            }
            let pause = self.pause_after(&error, expected, tries);
            let late = self.clock.now().duration_since(started).saturating_add(pause) > self.limits.total;
            if tries >= self.limits.tries || late || self.cancel.is_cancelled() {
                (error.attempts, error.arrived) = (tries, arrived);
                return Err(error.into());
            }
            self.clock.pause(pause, &self.cancel).await;
        }
    }

    /// Removes `path` as one commit as long as its text is `text`; false when somebody else was faster, and nothing was
    /// removed.
    ///
    /// # Errors
    ///
    /// The store does not answer; another look tells whether the file is gone.
    pub async fn remove(&self, path: &str, text: &str, message: &str) -> Result<bool, StoreError> {
        let Some(stored) = self.repo.read(&self.branch, path).await? else { return Ok(true) };
        if text_of(&stored) != text {
            return Ok(false);
        }
        self.still_permitted(path).await?;
        let removed = self.repo.remove(&self.branch, path, &stored.revision, message).await;
        self.note_write(removed.as_ref().err());
        match removed {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.fault, StoreFault::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn still_permitted(&self, path: &str) -> Result<(), StoreError> {
        if self.permit.has_end() {
            self.clock.refresh(&self.cancel).await;
            if self.permit.is_over(self.clock.now()) {
                return Err(StoreError::new(path, Doing::Changing, StoreFault::NotPermitted));
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        path: &str,
        text: &str,
        expected: Option<&Revision>,
        message: &str,
    ) -> Result<(), StoreError> {
        self.still_permitted(path).await?;
        let written = self.repo.write(&self.branch, path, text.as_bytes(), expected, message).await;
        self.note_write(written.as_ref().err());
        written.map(drop)
    }

    /// Keeps that there was a write, unless `error` says that it certainly does not stand.
    fn note_write(&self, error: Option<&StoreError>) {
        let may_stand = error.is_none_or(|error| error.arrived == Arrived::Perhaps);
        self.written.fetch_or(may_stand, Ordering::Relaxed);
    }

    /// How long to wait before the next try; for ever where another one does not help.
    fn pause_after(&self, error: &StoreError, wrote: bool, tries: u32) -> SignedDuration {
        // So GitHub also calls a write over what is not there any more, and one whose answer got lost.
        let may_stand = wrote && error.arrived == Arrived::Perhaps;
        if may_stand && matches!(error.fault, StoreFault::Service(_)) {
            jitter(tries, &self.clock)
        } else {
            pause_between(&error.fault, tries, &self.clock)
        }
    }
}

/// Bytes that are no UTF-8 become replacement characters: the reader then says what is wrong where.
fn text_of(file: &StoredFile) -> String {
    String::from_utf8_lossy(&file.bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::VirtualClock;

    const PATH: &str = "_releases/x.json";

    fn files(folder: &std::path::Path) -> RecordFiles {
        let limits = Limits { tries: 5, total: SignedDuration::from_mins(1) };
        let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
        RecordFiles::new(Repo::Directory(folder.to_owned()), "record".into(), limits, clock, CancellationToken::new())
    }

    async fn append(files: &RecordFiles, line: &str) -> Result<ChangedFile, Box<StoreError>> {
        files.change(PATH, "Append", |text| Ok(Some(format!("{}{line}\n", text.unwrap_or_default())))).await
    }

    #[tokio::test]
    async fn a_change_is_applied_to_what_somebody_else_wrote_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        append(&files, "one").await.unwrap();
        let mut raced = false;
        let changed = files.change(PATH, "Append", |text| {
            if !std::mem::replace(&mut raced, true) {
                std::fs::write(folder.path().join(PATH), "one\ntheirs\n").unwrap();
            }
            Ok::<_, Box<StoreError>>(Some(format!("{}ours\n", text.unwrap_or_default())))
        });
        assert_eq!(changed.await.unwrap().text, "one\ntheirs\nours\n");
    }

    #[tokio::test]
    async fn the_same_text_is_no_write_and_every_file_is_listed_with_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        append(&files, "one").await.unwrap();
        let same = files.change(PATH, "Nothing", |text| Ok::<_, Box<StoreError>>(text.map(str::to_owned)));
        assert!(!same.await.unwrap().changed);
        let listed = files.list().await.unwrap();
        assert_eq!(listed.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), [PATH]);
        assert_eq!(files.text(&listed[0]).await.unwrap().as_deref(), Some("one\n"));
        assert_eq!(files.newest("_releases/y.json").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_file_is_removed_only_as_long_as_it_is_the_one_that_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        append(&files, "one").await.unwrap();
        assert!(!files.remove(PATH, "another\n", "Remove").await.unwrap());
        assert!(files.newest(PATH).await.unwrap().is_some());
        assert!(files.remove(PATH, "one\n", "Remove").await.unwrap());
        assert_eq!(files.newest(PATH).await.unwrap(), None);
        assert!(files.remove(PATH, "one\n", "Remove").await.unwrap(), "what is gone is gone");
    }

    #[tokio::test]
    async fn nothing_is_written_when_the_permit_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path()).permitted_by(&Permit::until(Timestamp::UNIX_EPOCH));
        let error = append(&files, "one").await.unwrap_err();
        assert!(matches!(error.fault, StoreFault::NotPermitted));
        assert_eq!(files.newest(PATH).await.unwrap(), None);
    }
}
