//! The driver's lease: one driver per release, with an epoch that fences off a former holder.

use jiff::{SignedDuration, Timestamp};

use super::document::{Kind, Map, Node, Scalar};
use super::operation::Rejection;
use super::view::{source, stamp};

/// How long a lease holds without a sign of its holder.
const LENGTH: SignedDuration = SignedDuration::from_hours(2);

pub(super) fn acquire(document: &mut Map, holder: &str, at: Timestamp) -> Result<(), Rejection> {
    let stored = Lease::of(document);
    let ours = stored.holder.as_deref() == Some(holder);
    let runs = stored.until.is_some_and(|until| until > at);
    if let Some(other) = stored.holder.as_deref().filter(|_| runs && !ours) {
        let until = stored.until.map(stamp).unwrap_or_default();
        return Err(Rejection::LeaseHeld { holder: other.to_owned(), until });
    }
    let epoch = if ours && runs { stored.epoch } else { stored.epoch.saturating_add(1) };
    write(document, holder, epoch, at);
    Ok(())
}

pub(super) fn renew(document: &mut Map, holder: &str, epoch: i64, at: Timestamp) -> Result<(), Rejection> {
    let stored = Lease::of(document);
    if stored.holder.as_deref() != Some(holder) || stored.epoch != epoch {
        return Err(Rejection::LeaseLost { holder: stored.holder.unwrap_or_else(|| "nobody".to_owned()) });
    }
    write(document, holder, epoch, at);
    Ok(())
}

pub(super) fn release(document: &mut Map, holder: &str, epoch: i64) {
    let stored = Lease::of(document);
    if stored.holder.as_deref() == Some(holder) && stored.epoch == epoch {
        document.remove("driver");
    }
}

fn write(document: &mut Map, holder: &str, epoch: i64, at: Timestamp) {
    let until = at.checked_add(LENGTH).unwrap_or(Timestamp::MAX);
    // A clock that went back, or an operation applied again, never shortens a lease.
    let until = Lease::of(document).until.map_or(until, |stored| stored.max(until));
    let lease = document.map_mut("issues", "driver");
    lease.set("holder", Node::text(holder));
    lease.set("epoch", Node::int(epoch));
    lease.set("until", Node::text(stamp(until)));
}

struct Lease {
    holder: Option<String>,
    epoch: i64,
    until: Option<Timestamp>,
}

impl Lease {
    fn of(document: &Map) -> Self {
        let lease = document.get("driver").and_then(Node::as_map);
        let field = |key| lease.and_then(|map| source(map, key));
        let epoch = match lease.and_then(|map| map.get("epoch")) {
            Some(Node::Scalar(Scalar { kind: Kind::Int, source, .. })) => source.parse().unwrap_or_default(),
            Some(Node::Scalar(_) | Node::List(_) | Node::Map(_)) | None => 0,
        };
        Self {
            holder: field("holder").map(str::to_owned),
            epoch,
            until: field("until").and_then(|text| text.parse().ok()),
        }
    }
}
