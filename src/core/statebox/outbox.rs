//! Writes that may come later: kept on this machine while the store is out of reach, sent in their order by
//! whoever writes next.
//!
//! Only a fact that stands already may wait (how a run ended, what a person reported). What gives the right
//! to act outside (the file itself, an intent, the lease) must stand in the store first: it never waits.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::cas::{Saved, Store, Turn, apply_all, no_file, parse};
use super::error::{StoreError, StoreFault};
use super::file::{Revision, StoredFile};
use super::unsent::{Unsent, Waiting, without_secrets};
use crate::core::cache::DiskCache;
use crate::core::error::chain;
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::state::operation::Operation;
use crate::domain::state::view::State;
use crate::domain::state::waited::{CaughtUp, catch_up};

/// What this machine keeps for one store.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    unsent: Unsent,
    seen: DiskCache,
    store: String,
    sends: bool,
    /// The releases about which this process kept something.
    kept: Arc<Mutex<Vec<ZStream>>>,
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
                "not stored yet: {why}; kept in {}, and sent by the next oar command that changes this release, or by: \
                 oar state unsent --send",
                file.display()
            )),
        }
    }
}

/// What became of the changes that waited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentChanges {
    /// How many are in the store now.
    pub stored: usize,
    /// Those that do not count any more: message and reason. They are kept aside.
    pub refused: Vec<(String, String)>,
}

impl Outbox {
    /// The outbox below `home` for `store`; nothing for a local one, which is always there, or wrong. Without
    /// `sends` nothing is ever sent or kept.
    pub(super) fn of(store: &Store, home: &Path, sends: bool) -> Option<Self> {
        let store = store.remote_place()?;
        let (unsent, seen) = (Unsent::new(home, store.clone()), DiskCache::below(home));
        Some(Self { unsent, seen, store, sends, kept: Arc::default() })
    }

    /// Does anything wait about a release for which this process kept something?
    pub(super) fn has_kept(&self) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().any(|release| !self.waiting(release).is_empty())
    }

    /// Notes what the store holds.
    pub(super) fn remember(&self, release: &ZStream, at: Timestamp, bytes: &[u8]) {
        // Nobody asks the service by this mark, so it says when the file was seen.
        self.seen.write(&self.key(release), &stamp(at), bytes);
    }

    /// When that was, by our clock.
    pub(super) fn last_seen_at(&self, release: &ZStream) -> Option<Timestamp> {
        self.seen.read(&self.key(release))?.etag.parse().ok()
    }

    /// The state as this machine last saw it, with what waits on top.
    pub(super) fn last_seen(&self, store: &Store, release: &ZStream) -> Option<State> {
        let kept = self.seen.read(&self.key(release))?;
        let state = parse(&StoredFile { bytes: kept.body, revision: Revision(String::new()) }, release).ok()?;
        Some(self.on_top(store, release, state))
    }

    /// `state` as this machine sees it: with what waits on top.
    pub(super) fn on_top(&self, store: &Store, release: &ZStream, state: State) -> State {
        let waiting = self.waiting(release);
        if waiting.is_empty() { state } else { catch_up(&state, &groups(&waiting), store.clock().now()).state }
    }

    /// Keeps a change that could not be stored, unless `error` tells that no later try helps.
    pub(super) fn keep(
        &self,
        store: &Store,
        release: &ZStream,
        operations: &[Operation],
        message: &str,
        error: StoreError,
    ) -> Result<SavedOrKept, Box<StoreError>> {
        if !self.sends || !error.passes_by_itself() {
            return Err(Box::new(error));
        }
        let masker = store.masker();
        let (operations, message) = (&*without_secrets(operations, masker), &*masker.hide(message));
        let (now, seen) = (store.clock().now(), self.last_seen(store, release));
        let state = match &seen {
            Some(seen) => match apply_all(Some(seen), release, operations, now) {
                Ok(after) => after.or_else(|| Some(seen.clone())),
                // Better refused now than when nobody is watching.
                Err(fault) => return Err(Box::new(StoreError { fault, ..error })),
            },
            None => None,
        };
        match self.unsent.keep(release, now, message, operations) {
            Ok(file) => {
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                if !kept.contains(release) {
                    kept.push(release.clone());
                }
                drop(kept);
                Ok(SavedOrKept::Kept { state, file, why: chain(&error) })
            }
            Err(cause) => {
                tracing::warn!("the change cannot be kept in {}: {cause}", self.unsent.path(release).display());
                Err(Box::new(error))
            }
        }
    }

    /// Sends what waits. Nothing is lost when this fails: everything goes on waiting.
    pub(super) async fn send(
        &self,
        store: &Store,
        release: &ZStream,
        turn: &mut Turn,
    ) -> Result<SentChanges, StoreError> {
        if !self.sends || self.waiting(release).is_empty() {
            return Ok(SentChanges::default());
        }
        // Another process of this machine is at it: `Outbox::beneath` is for who writes meanwhile.
        let Ok(Some(_right)) = self.unsent.may_send(release) else { return Ok(SentChanges::default()) };
        let waiting = self.waiting(release);
        if waiting.is_empty() {
            return Ok(SentChanges::default());
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
        match Box::pin(store.change(release, &change, &message, turn)).await {
            Ok(_) => {}
            // Nobody created the file, or it went: that is for the command itself to tell.
            Err(StoreError { fault: StoreFault::Rejected(_), .. }) => return Ok(SentChanges::default()),
            Err(error) => return Err(error),
        }
        let refused = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        let aside: Vec<_> =
            refused.iter().filter_map(|(n, why)| Some((waiting.get(*n)?.clone(), why.to_string()))).collect();
        for (change, why) in &aside {
            let place = self.unsent.refused_path(release);
            tracing::warn!(
                "a change that waited does not count any more ({}: {why}); it is in {}",
                change.message,
                place.display()
            );
        }
        let stored = waiting.len() - aside.len();
        tracing::info!("{stored} changes that waited were sent");
        if let Err(cause) = self.unsent.settle(release, &waiting, &aside) {
            tracing::warn!(
                "{} cannot be changed, so its changes are sent again: {cause}",
                self.unsent.path(release).display()
            );
        }
        Ok(SentChanges { stored, refused: aside.into_iter().map(|(change, why)| (change.message, why)).collect() })
    }

    /// What `apply` makes of `before` on top of everything that still waits: another process of this machine may be
    /// sending that, and what was wanted first comes first.
    pub(super) fn beneath(
        &self,
        store: &Store,
        release: &ZStream,
        before: Option<&State>,
        apply: impl Fn(Option<&State>) -> Result<Option<State>, StoreFault>,
    ) -> Result<Option<State>, StoreFault> {
        let waiting = if self.sends { self.waiting(release) } else { Vec::new() };
        let Some(before) = before.filter(|_| !waiting.is_empty()) else { return apply(before) };
        let CaughtUp { state, changed, .. } = catch_up(before, &groups(&waiting), store.clock().now());
        Ok(apply(Some(&state))?.or_else(|| changed.then_some(state)))
    }

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
