//! The states of releases: what stands in the store, with what waits on this machine beside it.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::cas::{Limits, Loaded, Saved, SeenVersions, Store, Turn, apply_all};
use super::error::{Doing, StoreError, StoreFault};
use super::fence::{Held, within};
use super::outbox::{Outbox, SavedOrKept, SentChanges};
use super::repo::Repo;
use super::unsent::without_secrets;
use crate::core::clock::Clock;
use crate::core::permit::Permit;
use crate::domain::absence::SETTLES;
use crate::domain::mask::Masker;
use crate::domain::release::ZStream;
use crate::domain::state::operation::{Operation, Rejection};
use crate::domain::state::view::State;

/// How often a file that this machine just saw is looked for before it counts as gone.
const LOOKS_FOR_MISSING: u32 = 6;

/// Time between two such looks: caches in front of the store live for seconds.
const LOOK_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// The states of releases. Clones share one queue per release.
#[derive(Debug, Clone)]
pub struct StateBox {
    store: Store,
    outbox: Option<Outbox>,
    /// The lease under which this process writes, if it writes under one.
    held: Option<Held>,
}

impl StateBox {
    /// The states on `branch` of `repo` (the original's branch is `z-stream`); nothing is kept for later.
    pub fn new(repo: Repo, branch: String, limits: Limits, clock: Clock, cancel: CancellationToken) -> Self {
        Self { store: Store::new(repo, branch, limits, clock, cancel), outbox: None, held: None }
    }

    /// The same states, keeping below `home` what may come later. Without `sends` nothing is ever sent.
    #[must_use]
    pub fn keeping(self, home: &Path, sends: bool) -> Self {
        Self { outbox: Outbox::of(&self.store, home, sends), ..self }
    }

    /// The same states with a memory of their own of what is seen.
    #[must_use]
    pub fn witnessed(self) -> Self {
        Self { store: self.store.witnessed(), ..self }
    }

    /// The same states, whose files hold none of the secrets that `masker` knows.
    #[must_use]
    pub fn masked_by(self, masker: &Masker) -> Self {
        Self { store: self.store.masked_by(masker), ..self }
    }

    /// The same states as the holder of a lease writes them: each write about its release carries the lease, is
    /// refused once somebody else has taken it, and prolongs it.
    #[must_use]
    pub fn fenced(&self, held: &Held) -> Self {
        let store = self.store.clone().permitted_by(held.permit());
        Self { store, outbox: self.outbox.clone(), held: Some(held.clone()) }
    }

    /// What was seen through these states and their clones.
    pub fn seen(&self) -> SeenVersions {
        self.store.seen()
    }

    /// The same states under no lease, whose work `cancel` alone ends, within `limits`.
    pub(super) fn ended_by(&self, cancel: &CancellationToken, limits: Limits) -> Self {
        let store = self.store.clone().permitted_by(&Permit::default()).ended_by(cancel, limits);
        Self { store, outbox: self.outbox.clone(), held: None }
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    #[cfg(test)]
    pub(super) fn with_store(&self, store: Store) -> Self {
        Self { store, ..self.clone() }
    }

    #[cfg(test)]
    pub(super) const fn keeps(&self) -> bool {
        self.outbox.is_some()
    }

    /// Reads the state of `release`; nothing when there is no file. What waits on this machine is shown on top. A
    /// file that this machine saw a moment ago is looked for again before it counts as gone.
    /// Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: the store does not answer, or the file is no state file.
    pub async fn load(&self, release: &ZStream) -> Result<Option<Loaded>, StoreError> {
        let mut turn = self.store.turn(release).await;
        let mut found = self.store.load(release, &mut turn).await?;
        for _ in 0..LOOKS_FOR_MISSING {
            if found.is_some() || !self.was_just_there(release) || self.store.cancel().is_cancelled() {
                break;
            }
            self.store.clock().pause(LOOK_PAUSE, self.store.cancel()).await;
            found = self.store.load(release, &mut turn).await?;
        }
        let Some(loaded) = found else { return Ok(None) };
        let Some(outbox) = &self.outbox else { return Ok(Some(loaded)) };
        self.remember(release, &turn);
        Ok(Some(Loaded { state: outbox.on_top(&self.store, release, loaded.state), ..loaded }))
    }

    /// Applies all `operations` to the newest state and stores the result as one commit, after what waited.
    ///
    /// Only the first line of `message` is used, masked. Converges: applying the same operations again
    /// changes nothing, and then nothing is written.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: refused by the rules, conflicts without end, or a store that does not answer.
    pub async fn apply(&self, release: &ZStream, operations: &[Operation], message: &str) -> Result<Saved, StoreError> {
        let mut turn = self.store.turn(release).await;
        let saved = Box::pin(self.write(release, operations, message, &mut turn)).await;
        drop(turn);
        self.explained(release, saved).await
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
        let mut turn = self.store.turn(release).await;
        let saved = Box::pin(self.write(release, operations, message, &mut turn)).await;
        drop(turn);
        match (self.explained(release, saved).await, &self.outbox) {
            (Ok(saved), _) => Ok(SavedOrKept::Saved(saved)),
            (Err(error), None) => Err(error),
            (Err(error), Some(outbox)) => {
                outbox.keep(&self.store, release, operations, message, error).map_err(|error| *error)
            }
        }
    }

    /// Sends what waits on this machine about `release`.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: then everything goes on waiting.
    pub async fn send_waiting(&self, release: &ZStream) -> Result<SentChanges, StoreError> {
        let Some(outbox) = &self.outbox else { return Ok(SentChanges::default()) };
        let mut turn = self.store.turn(release).await;
        let sent = outbox.send(&self.store, release, &mut turn).await?;
        self.remember(release, &turn);
        Ok(sent)
    }

    /// Does a change of this process wait to be sent?
    pub fn has_kept(&self) -> bool {
        self.outbox.as_ref().is_some_and(Outbox::has_kept)
    }

    /// When this machine last saw the state, by our clock.
    pub fn last_seen_at(&self, release: &ZStream) -> Option<Timestamp> {
        self.outbox.as_ref()?.last_seen_at(release)
    }

    /// The state as this machine last saw it, with what waits on top. For checks while the store is out of
    /// reach, never to act on.
    pub fn last_seen(&self, release: &ZStream) -> Option<State> {
        self.outbox.as_ref()?.last_seen(&self.store, release)
    }

    /// May something outside be changed for `release` now? To be asked before every such change.
    ///
    /// Yes for whoever writes under no lease. The lease must not have ended by our clock, and unless a write of
    /// ours was confirmed a moment ago the store is asked whether it is still ours.
    ///
    /// # Errors
    ///
    /// [`Rejection::LeaseLost`], or the store does not answer.
    pub async fn may_act(&self, release: &ZStream) -> Result<(), StoreError> {
        let Some(held) = self.held_of(release) else { return Ok(()) };
        self.store.clock().refresh(self.store.cancel()).await;
        let now = self.store.clock().now();
        if held.permit().is_over(now) {
            return Err(self.lost(release, held).await);
        }
        // A write before it that changed nothing was confirmed, too, and took none.
        let Some(fence) = held.fence() else {
            let message = format!("Take {} lease", held.key().name());
            return self.apply(release, &[held.take(now)], &message).await.map(drop);
        };
        if held.was_confirmed_just_before(now) {
            return Ok(());
        }
        let mut turn = self.store.turn(release).await;
        let stored = self.store.load(release, &mut turn).await?;
        let Some(stored) = stored else { return Ok(()) };
        stored.state.lease_of(fence).map(drop).map_err(|rejection| {
            held.permit().revoke();
            StoreError::new(&release.state_path(), Doing::Changing, StoreFault::Rejected(rejection))
        })
    }

    /// The error of the lease under which this is written, when that is over.
    pub async fn lost_lease(&self, release: &ZStream) -> Option<StoreError> {
        let held = self.held_of(release)?;
        if held.permit().is_over(self.store.clock().now()) { Some(self.lost(release, held).await) } else { None }
    }

    /// The write itself: first what waited, in the order in which it was wanted.
    async fn write(
        &self,
        release: &ZStream,
        operations: &[Operation],
        message: &str,
        turn: &mut Turn,
    ) -> Result<Saved, StoreError> {
        if let Some(outbox) = &self.outbox {
            Box::pin(outbox.send(&self.store, release, turn)).await?;
        }
        let operations = without_secrets(operations, self.store.masker());
        let held = self.held_of(release);
        let takes = |operation: &Operation| matches!(operation, Operation::AcquireLease { .. });
        let takes_a_lease = operations.iter().any(takes) || held.is_some_and(|held| held.fence().is_none());
        let change = |before: Option<&State>, now| {
            // The file was read just now, so the store has said what the time is.
            if let Some(wrong) = self.store.wrong_clock().filter(|_| takes_a_lease) {
                return Err(StoreFault::WrongClock(wrong));
            }
            let apply = |before: Option<&State>| apply_all(before, release, &operations, now);
            let after = || match &self.outbox {
                Some(outbox) => outbox.beneath(&self.store, release, before, apply),
                None => apply(before),
            };
            held.map_or_else(after, |held| within(held, before, after, now))
        };
        let saved = Box::pin(self.store.change(release, &change, message, turn)).await?;
        self.remember(release, turn);
        Ok(saved)
    }

    /// What a write means for the lease under which it was made.
    async fn explained(&self, release: &ZStream, saved: Result<Saved, StoreError>) -> Result<Saved, StoreError> {
        let Some(held) = self.held_of(release) else { return saved };
        match saved {
            Ok(saved) => {
                held.confirmed(&saved.state, self.store.clock().now());
                Ok(saved)
            }
            // Others changed the file until the lease was over: whoever was stopped meanwhile sees only that.
            Err(error) if matches!(error.fault, StoreFault::NotPermitted) || self.gave_way_too_late(held, &error) => {
                Err(self.lost(release, held).await)
            }
            Err(error) => {
                let is_over = |fault: &StoreFault| {
                    matches!(fault, StoreFault::Rejected(Rejection::LeaseLost { .. } | Rejection::OutOfDate { .. }))
                };
                if is_over(&error.fault) {
                    held.permit().revoke();
                }
                Err(error)
            }
        }
    }

    fn gave_way_too_late(&self, held: &Held, error: &StoreError) -> bool {
        matches!(error.fault, StoreFault::Conflict) && held.permit().is_over(self.store.clock().now())
    }

    /// The error of a lease that is over; it says who has taken it since, as far as the store can be asked.
    pub async fn lost(&self, release: &ZStream, held: &Held) -> StoreError {
        held.permit().revoke();
        let stored = {
            let mut turn = self.store.turn(release).await;
            self.store.load(release, &mut turn).await.ok().flatten()
        };
        let rejection = match held.fence() {
            Some(ours) => {
                let lease = stored.and_then(|stored| stored.state.lease(held.key()));
                Rejection::lost(held.key(), lease.filter(|lease| lease.epoch != ours.epoch))
            }
            // It was never ours to lose.
            None => {
                let taken = stored.and_then(|stored| held.taken_since(&stored.state));
                Rejection::out_of_date(held.key(), taken, self.store.clock().now())
            }
        };
        let fault = StoreFault::Rejected(rejection);
        StoreError::new(&release.state_path(), Doing::Changing, fault)
    }

    fn held_of(&self, release: &ZStream) -> Option<&Held> {
        self.held.as_ref().filter(|held| held.release() == release)
    }

    /// Did this machine see the file so shortly ago that a cache in front of the store may still hide it?
    fn was_just_there(&self, release: &ZStream) -> bool {
        let age = self.last_seen_at(release).map(|at| self.store.clock().now().duration_since(at));
        age.is_some_and(|age| age < SETTLES)
    }

    fn remember(&self, release: &ZStream, turn: &Turn) {
        if let (Some(outbox), Some(file)) = (&self.outbox, turn.last()) {
            outbox.remember(release, self.store.clock().now(), &file.bytes);
        }
    }
}

#[cfg(test)]
mod tests;
