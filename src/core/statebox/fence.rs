//! A lease that this process holds, and what a write under it adds to the state.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::error::StoreFault;
use crate::core::permit::Permit;
use crate::domain::release::ZStream;
use crate::domain::state::holder;
use crate::domain::state::lease::{Fence, LENGTH, Lease, LeaseKey, RENEW_AFTER};
use crate::domain::state::operation::{Applied, Operation, Rejection};
use crate::domain::state::view::State;

/// A confirmed write of ours is a look at the lease that serves one effect, if that follows at once.
const JUST_BEFORE: SignedDuration = SignedDuration::from_secs(60);

/// A lease of this process, or one that its first change takes. Clones are the same lease.
#[derive(Debug, Clone)]
pub struct Held {
    release: ZStream,
    key: LeaseKey,
    holder: String,
    /// The epoch in the state by which was planned, for a lease that is yet to be taken.
    seen: Option<i64>,
    /// Nothing until it is taken.
    fence: Arc<OnceLock<Fence>>,
    permit: Permit,
    looked: Arc<Mutex<Looked>>,
}

#[derive(Debug)]
struct Looked {
    /// When a write of ours was last confirmed; taken by the effect it was made for.
    for_an_effect: Option<Timestamp>,
    /// When the lease was last prolonged, or a try of that failed.
    last: Timestamp,
    /// The store could not be asked when it was time to prolong it.
    out_of_reach: bool,
}

impl Held {
    /// The lease that `stored` grants at `now`.
    pub(super) fn new(release: &ZStream, stored: &Lease, now: Timestamp) -> Self {
        let held = Self::with_first_change(release, stored.key, stored.holder.clone(), None, now);
        held.taken(stored);
        held
    }

    /// The lease `key` of `release` for `holder`, which is taken together with the first change: who only looks,
    /// every half hour for days, leaves no commit. Whoever looks from `now` on for longer than a lease lasts may
    /// change nothing any more either; nor may whoever planned by a state with the epoch `seen` when somebody else has
    /// taken the lease since.
    pub fn with_first_change(
        release: &ZStream,
        key: LeaseKey,
        holder: String,
        seen: Option<i64>,
        now: Timestamp,
    ) -> Self {
        let looked = Looked { for_an_effect: None, last: now, out_of_reach: false };
        Self {
            release: release.clone(),
            key,
            holder,
            seen,
            fence: Arc::default(),
            permit: Permit::of_a_lease_to_come(now.checked_add(LENGTH).unwrap_or(Timestamp::MAX)),
            looked: Arc::new(Mutex::new(looked)),
        }
    }

    /// It is taken, and stored like this.
    fn taken(&self, stored: &Lease) {
        let fence = Fence { key: self.key, holder: stored.holder.clone(), epoch: stored.epoch };
        self.fence.get_or_init(|| fence);
        self.permit.holds_until(stored.until.unwrap_or(Timestamp::MIN));
    }

    /// The release it is about.
    pub const fn release(&self) -> &ZStream {
        &self.release
    }

    /// What it is for.
    pub const fn key(&self) -> LeaseKey {
        self.key
    }

    /// What each write under it carries; nothing as long as it is not taken.
    pub fn fence(&self) -> Option<&Fence> {
        self.fence.get()
    }

    /// The operation that takes it.
    pub(super) fn take(&self, at: Timestamp) -> Operation {
        Operation::AcquireLease { key: self.key, holder: self.holder.clone(), at, take_over: None }
    }

    /// The lease that somebody else took between the plan and the first change.
    pub(super) fn taken_since(&self, before: &State) -> Option<Lease> {
        let stored = before.lease(self.key).filter(|lease| !holder::is_same(&lease.holder, &self.holder))?;
        self.seen.filter(|seen| *seen != stored.epoch).map(|_| stored)
    }

    /// Is `lease` ours?
    fn is_ours(&self, lease: &Lease) -> bool {
        holder::is_same(&lease.holder, &self.holder) && lease.until.is_some()
    }

    /// Is `lease` the one that our first change took? A write that changes nothing takes none: what stands there then is
    /// what a dead process of this machine left, and is over or about to be.
    fn took(&self, lease: &Lease, now: Timestamp) -> bool {
        let is_new = self.seen.is_none_or(|seen| lease.epoch > seen) || lease.epoch >= now.as_second();
        self.is_ours(lease) && lease.runs_at(now) && is_new
    }

    /// Until when anything may be changed under it; shared with the way out.
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }

    /// When it has to be prolonged, if nothing else is written until then.
    pub fn renew_at(&self) -> Timestamp {
        let last = self.looked().last;
        last.checked_add(RENEW_AFTER).unwrap_or(last)
    }

    /// Did it end while the store could not be asked to prolong it? A process that was stopped never asked.
    pub(super) fn was_out_of_reach(&self) -> bool {
        self.looked().out_of_reach
    }

    /// The store could not be asked at `now`.
    pub(super) fn is_out_of_reach(&self, now: Timestamp) {
        let mut looked = self.looked();
        (looked.last, looked.out_of_reach) = (now, true);
    }

    /// A write of ours stands in `state`.
    pub(super) fn confirmed(&self, state: &State, now: Timestamp) {
        let stored = match self.fence() {
            Some(fence) => state.lease_of(fence).ok(),
            None => state.lease(self.key).filter(|lease| self.took(lease, now)).inspect(|lease| self.taken(lease)),
        };
        let until = stored.and_then(|lease| lease.until);
        let mut looked = self.looked();
        // A write that changed nothing prolonged nothing.
        if until > self.permit.end() {
            looked.last = now;
        }
        (looked.for_an_effect, looked.out_of_reach) = (Some(now), false);
        if let Some(until) = until {
            self.permit.ends_at(until);
        }
    }

    pub(super) fn was_confirmed_just_before(&self, now: Timestamp) -> bool {
        self.looked().for_an_effect.take().is_some_and(|at| now.duration_since(at) <= JUST_BEFORE)
    }

    fn looked(&self) -> std::sync::MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `change` makes of a state whose lease is ours, or is taken with it; a change prolongs it, no change leaves it
/// alone.
pub(super) fn within(
    held: &Held,
    before: Option<&State>,
    change: impl FnOnce() -> Result<Option<State>, StoreFault>,
    now: Timestamp,
) -> Result<Option<State>, StoreFault> {
    let fence = held.fence();
    match (before, fence) {
        (Some(before), Some(fence)) => drop(before.lease_of(fence).map_err(StoreFault::Rejected)?),
        (Some(before), None) => {
            let since = held.taken_since(before);
            since.map_or(Ok(()), |lease| {
                Err(StoreFault::Rejected(Rejection::out_of_date(held.key(), Some(lease), now)))
            })?;
        }
        (None, _) => {}
    }
    let Some(after) = change()? else { return Ok(None) };
    let lease = fence.map_or_else(|| held.take(now), |fence| Operation::RenewLease { fence: fence.clone(), at: now });
    match lease.apply(&after, now) {
        Applied::Unchanged => Ok(Some(after)),
        Applied::Changed(prolonged) => Ok(Some(prolonged)),
        Applied::Rejected(rejection) => Err(StoreFault::Rejected(rejection)),
    }
}
