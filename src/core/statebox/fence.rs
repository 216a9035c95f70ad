//! A lease that this process holds, and what a write under it adds to the state.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::error::StoreFault;
use crate::core::permit::Permit;
use crate::domain::release::ZStream;
use crate::domain::state::lease::{Fence, Lease, RENEW_AFTER};
use crate::domain::state::operation::{Applied, Operation};
use crate::domain::state::view::State;

/// A confirmed write of ours is a look at the lease that serves one effect, if that follows at once.
const JUST_BEFORE: SignedDuration = SignedDuration::from_secs(60);

/// A lease of this process. Clones are the same lease.
#[derive(Debug, Clone)]
pub struct Held {
    release: ZStream,
    fence: Fence,
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
    pub(super) fn new(release: &ZStream, stored: Lease, now: Timestamp) -> Self {
        let looked = Looked { for_an_effect: None, last: now, out_of_reach: false };
        Self {
            release: release.clone(),
            permit: Permit::until(stored.until.unwrap_or(Timestamp::MIN)),
            fence: Fence { key: stored.key, holder: stored.holder, epoch: stored.epoch },
            looked: Arc::new(Mutex::new(looked)),
        }
    }

    /// The release it is about.
    pub const fn release(&self) -> &ZStream {
        &self.release
    }

    /// What each write under it carries.
    pub const fn fence(&self) -> &Fence {
        &self.fence
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
        let until = state.lease_of(&self.fence).ok().and_then(|lease| lease.until);
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

/// What `change` makes of a state whose lease is still ours; a change prolongs it, no change leaves it alone.
pub(super) fn within(
    fence: &Fence,
    before: Option<&State>,
    change: impl FnOnce() -> Result<Option<State>, StoreFault>,
    now: Timestamp,
) -> Result<Option<State>, StoreFault> {
    if let Some(before) = before {
        before.lease_of(fence).map_err(StoreFault::Rejected)?;
    }
    let Some(after) = change()? else { return Ok(None) };
    match (Operation::RenewLease { fence: fence.clone(), at: now }).apply(&after, now) {
        Applied::Unchanged => Ok(Some(after)),
        Applied::Changed(prolonged) => Ok(Some(prolonged)),
        Applied::Rejected(rejection) => Err(StoreFault::Rejected(rejection)),
    }
}
