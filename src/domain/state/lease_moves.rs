//! Taking a lease, prolonging it, giving it back.

use jiff::{SignedDuration, Timestamp};

use super::document::{Map, Node};
use super::holder;
use super::lease::{Fence, LENGTH, Lease, LeaseKey};
use super::operation::{AddIssue, Override, Rejection};
use super::view::{State, stamp};

/// A write moves the end of a lease by at least this much or not at all: a diff shows what a task changed.
const LEAST_STEP: SignedDuration = SignedDuration::from_mins(30);

impl State {
    /// A lease as it is stored, whether it still holds or not.
    pub fn lease(&self, key: LeaseKey) -> Option<Lease> {
        Lease::of(&self.document, key)
    }

    /// Our lease as it stands here.
    ///
    /// # Errors
    ///
    /// It was given back, or somebody else has taken it since.
    pub fn lease_of(&self, fence: &Fence) -> Result<Lease, Rejection> {
        held(&self.document, fence)
    }
}

/// Takes a lease; what was taken from a living holder gives back the note that has to be added.
pub(super) fn acquire(
    document: &mut Map,
    key: LeaseKey,
    holder: &str,
    at: Timestamp,
    take_over: Option<&Override>,
) -> Result<Option<AddIssue>, Rejection> {
    let stored = Lease::of(document, key);
    let running = stored.as_ref().filter(|lease| lease.runs_at(at));
    let ours = running.is_some_and(|lease| holder::is_same(&lease.holder, holder));
    // Applied again, it is the same take-over.
    if ours && stored.as_ref().is_some_and(|lease| lease.holder == holder && lease.epoch >= at.as_second()) {
        return Ok(None);
    }
    let other = running.filter(|_| !ours);
    let note = match (other, take_over) {
        (Some(other), None) => return Rejection::held(other, holder, at).map_or(Ok(None), Err),
        (Some(other), Some(why)) => Some(AddIssue {
            text: format!(
                "{} took the {} lease from {}; reason: {}",
                holder::shown(holder),
                key.name(),
                other.who(),
                why.reason
            ),
            blocker: false,
            related: Vec::new(),
            source: None,
            at,
        }),
        (None, _) => None,
    };
    if take_over.is_some() {
        end_what_no_clock_ends(document, at);
    }
    let epoch = stored.map_or(0, |lease| lease.epoch).saturating_add(1).max(at.as_second());
    write(document, &Fence { key, holder: holder.to_owned(), epoch }, end(at));
    Ok(note)
}

/// Ends leases that a wrong clock wrote for days: whoever took one from its holder freed the release from all of them.
fn end_what_no_clock_ends(document: &mut Map, at: Timestamp) {
    for key in LeaseKey::ALL {
        if Lease::of(document, key).is_some_and(|lease| lease.is_of_a_wrong_clock(at)) {
            document.map_mut("issues", key.name()).set("until", Node::null());
        }
    }
}

/// Prolongs our lease, unless it was prolonged a moment ago.
pub(super) fn renew(document: &mut Map, fence: &Fence, at: Timestamp) -> Result<(), Rejection> {
    let lease = held(document, fence)?;
    let until = end(at);
    // A clock that went back never shortens a lease.
    if lease.until.is_none_or(|stored| until.duration_since(stored) >= LEAST_STEP) {
        write(document, fence, until);
    }
    Ok(())
}

/// Gives our lease back; somebody else's stays.
pub(super) fn release(document: &mut Map, fence: &Fence) {
    if held(document, fence).is_ok() {
        document.map_mut("issues", fence.key.name()).set("until", Node::null());
    }
}

fn held(document: &Map, fence: &Fence) -> Result<Lease, Rejection> {
    let stored = Lease::of(document, fence.key);
    match stored {
        Some(lease) if lease.epoch == fence.epoch && holder::is_same(&lease.holder, &fence.holder) => {
            if lease.until.is_some() { Ok(lease) } else { Err(Rejection::lost(fence.key, None)) }
        }
        other => Err(Rejection::lost(fence.key, other)),
    }
}

fn end(at: Timestamp) -> Timestamp {
    at.checked_add(LENGTH).unwrap_or(Timestamp::MAX)
}

fn write(document: &mut Map, fence: &Fence, until: Timestamp) {
    let after = if fence.key == LeaseKey::Checker && document.get("driver").is_some() { "driver" } else { "issues" };
    let lease = document.map_mut(after, fence.key.name());
    lease.set("holder", Node::text(&fence.holder));
    lease.set("epoch", Node::int(fence.epoch));
    lease.set("until", Node::text(stamp(until)));
}

#[cfg(test)]
mod tests;
