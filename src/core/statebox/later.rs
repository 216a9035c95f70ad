//! Writes that may come later: kept on this machine while the store is out of reach, sent before anything
//! else as soon as it is back.
//!
//! Only a fact that stands already may wait (how a run ended, what a person reported). What gives the right
//! to act outside (the file itself, an intent, the lease) must stand in the store first: it never waits.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::cas::{Recent, Saved, StateBox, apply_all, no_file, parse};
use super::error::{StoreError, StoreFault};
use super::file::{Revision, StoredFile};
use super::unsent::{Unsent, Waiting, without_secrets};
use crate::core::cache::DiskCache;
use crate::core::error::chain;
use crate::domain::release::ZStream;
use crate::domain::state::operation::Operation;
use crate::domain::state::view::State;
use crate::domain::state::waited::{CaughtUp, catch_up};

/// What this machine keeps of the store.
#[derive(Debug, Clone)]
pub(super) struct Later {
    unsent: Unsent,
    seen: DiskCache,
    store: String,
    sends: bool,
    /// Was anything kept by this process?
    kept: Arc<AtomicBool>,
}

/// Where a change is now.
#[derive(Debug, Clone)]
pub enum SavedOrKept {
    /// In the store.
    Saved(Saved),
    /// On this machine, until the store can be reached.
    Kept {
        /// The state as this machine sees it; nothing when it never saw one.
        state: Option<State>,
        /// The file that keeps the change.
        file: PathBuf,
        /// Why it could not be stored.
        why: String,
    },
}

impl SavedOrKept {
    /// The state as this machine sees it.
    pub const fn state(&self) -> Option<&State> {
        match self {
            Self::Saved(saved) => Some(&saved.state),
            Self::Kept { state, .. } => state.as_ref(),
        }
    }

    /// What people have to know when the change was not stored.
    pub fn notice(&self) -> Option<String> {
        match self {
            Self::Saved(_) => None,
            Self::Kept { file, why, .. } => Some(format!(
                "not stored yet: {why}; kept in {}, and sent by the next oar command about this release",
                file.display()
            )),
        }
    }
}

impl StateBox {
    /// The same store, keeping below `home` what may come later. Without `sends` nothing is ever sent.
    #[must_use]
    pub fn keeping(mut self, home: &Path, sends: bool) -> Self {
        // Local stores are always there, or wrong.
        if let Some(place) = self.repo.remote_place() {
            let store = format!("{place}#{}", self.branch);
            let (unsent, seen) = (Unsent::new(home, store.clone()), DiskCache::below(home));
            self.later = Some(Later { unsent, seen, store, sends, kept: Arc::default() });
        }
        self
    }

    /// As [`StateBox::apply`], but while the store is out of reach, or when others were faster every time, the
    /// change is kept for later.
    ///
    /// For facts that stand already. Nothing may be started on the strength of a change that waits.
    ///
    /// # Errors
    ///
    /// As [`StateBox::apply`], but for what passes by itself; with that, that the change cannot even be kept.
    pub async fn apply_or_keep(
        &self,
        release: &ZStream,
        operations: &[Operation],
        message: &str,
    ) -> Result<SavedOrKept, StoreError> {
        let queue = self.queue(&release.state_path());
        let mut recent = queue.lock().await;
        let saved = match Box::pin(self.send_waiting(release, &mut recent)).await {
            Ok(()) => self.apply_now(release, operations, message, &mut recent).await,
            // Order: what waits longer goes first.
            Err(error) => Err(error),
        };
        match saved {
            Ok(saved) => Ok(SavedOrKept::Saved(saved)),
            Err(error) => self.keep(release, operations, message, error).map_err(|error| *error),
        }
    }

    /// Does a change of this process wait to be sent?
    pub fn has_kept(&self) -> bool {
        self.later.as_ref().is_some_and(|later| later.kept.load(Ordering::Relaxed))
    }

    /// The state as this machine last saw it, with what waits on top. For checks while the store is out of
    /// reach, never to act on.
    pub fn last_seen(&self, release: &ZStream) -> Option<State> {
        let later = self.later.as_ref()?;
        let kept = later.seen.read(&later.key(release))?;
        let state = parse(&StoredFile { bytes: kept.body, revision: Revision(String::new()) }, release).ok()?;
        Some(self.with_waiting(release, state))
    }

    fn keep(
        &self,
        release: &ZStream,
        operations: &[Operation],
        message: &str,
        error: StoreError,
    ) -> Result<SavedOrKept, Box<StoreError>> {
        let Some(later) = self.later.as_ref().filter(|later| later.sends && error.passes_by_itself()) else {
            return Err(Box::new(error));
        };
        let (operations, message) = (&*without_secrets(operations, &self.masker), &*self.masker.hide(message));
        let (now, seen) = (self.clock.now(), self.last_seen(release));
        let state = match &seen {
            Some(seen) => match apply_all(Some(seen), release, operations, now) {
                Ok(after) => after.or_else(|| Some(seen.clone())),
                // Better refused now than when nobody is watching.
                Err(fault) => return Err(Box::new(StoreError { fault, ..error })),
            },
            None => None,
        };
        match later.unsent.keep(release, now, message, operations) {
            Ok(file) => {
                later.kept.store(true, Ordering::Relaxed);
                Ok(SavedOrKept::Kept { state, file, why: chain(&error) })
            }
            Err(cause) => {
                tracing::warn!("the change cannot be kept in {}: {cause}", later.unsent.path(release).display());
                Err(Box::new(error))
            }
        }
    }

    /// Sends what waits. Nothing is lost when this fails: everything goes on waiting.
    pub(super) async fn send_waiting(&self, release: &ZStream, recent: &mut Recent) -> Result<(), StoreError> {
        let Some(later) = self.later.as_ref().filter(|later| later.sends) else { return Ok(()) };
        if later.waiting(release).is_empty() {
            return Ok(());
        }
        // Another process of this machine is at it.
        let Ok(Some(_right)) = later.unsent.may_send(release) else { return Ok(()) };
        let waiting = later.waiting(release);
        if waiting.is_empty() {
            return Ok(());
        }
        let last = Mutex::new(Vec::new());
        let change = |before: Option<&State>, now| {
            let before = before.ok_or_else(|| no_file(release))?;
            let CaughtUp { state, changed, refused } = catch_up(before, &groups(&waiting), now);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = refused;
            Ok(changed.then_some(state))
        };
        let message = match &waiting[..] {
            [only] => only.message.clone(),
            all => format!("Send {} changes that waited", all.len()),
        };
        match Box::pin(self.change(release, &change, &message, recent)).await {
            Ok(_) => {}
            // Nobody created the file, or it went: that is for the command itself to tell.
            Err(StoreError { fault: StoreFault::Rejected(_), .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        let refused = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        let aside: Vec<_> =
            refused.iter().filter_map(|(n, why)| Some((waiting.get(*n)?.clone(), why.to_string()))).collect();
        for (change, why) in &aside {
            let place = later.unsent.refused_path(release);
            tracing::warn!(
                "a change that waited does not count any more ({}: {why}); it is in {}",
                change.message,
                place.display()
            );
        }
        tracing::info!("{} changes that waited were sent", waiting.len() - aside.len());
        if let Err(cause) = later.unsent.settle(release, &waiting, &aside) {
            tracing::warn!(
                "{} cannot be changed, so its changes are sent again: {cause}",
                later.unsent.path(release).display()
            );
        }
        Ok(())
    }

    /// `state` as this machine sees it.
    pub(super) fn with_waiting(&self, release: &ZStream, state: State) -> State {
        let waiting = self.later.as_ref().map(|later| later.waiting(release)).unwrap_or_default();
        if waiting.is_empty() { state } else { catch_up(&state, &groups(&waiting), self.clock.now()).state }
    }

    /// Notes what the store holds.
    pub(super) fn remember(&self, release: &ZStream, bytes: &[u8]) {
        if let Some(later) = &self.later {
            later.seen.write(&later.key(release), "", bytes);
        }
    }
}

impl Later {
    /// A file that cannot be read is reported; the changes in it wait until it can.
    fn waiting(&self, release: &ZStream) -> Vec<Waiting> {
        self.unsent.waiting(release).unwrap_or_else(|cause| {
            tracing::warn!("{} cannot be read: {cause}", self.unsent.path(release).display());
            Vec::new()
        })
    }

    fn key(&self, release: &ZStream) -> String {
        format!("state {release} of {}", self.store)
    }
}

fn groups(waiting: &[Waiting]) -> Vec<&[Operation]> {
    waiting.iter().map(|waiting| waiting.operations.as_slice()).collect()
}

#[cfg(test)]
mod tests;
