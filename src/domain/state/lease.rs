//! The right to drive a release, or to watch its approval: held by one process at a time, with an epoch that
//! fences off whoever held it before.
//!
//! The epoch grows with each take-over and is never removed: giving a lease back clears only its end. It is
//! never smaller than the second in which the lease was taken, so that it also grows where somebody removed it.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::document::{Map, Node, Scalar, ScalarKind};
use super::holder;
use super::view::{source, stamp};
use crate::domain::absence::CLOCK_SKEW;
use crate::domain::spelled::spelled;

/// How long a lease holds without a sign of its holder.
pub const LENGTH: SignedDuration = SignedDuration::from_hours(2);

/// A holder that has nothing to write prolongs its lease after this time.
pub const RENEW_AFTER: SignedDuration = SignedDuration::from_mins(90);

/// Smaller epochs come from a time when they were counted from 1.
const FIRST_SECOND: i64 = 1_577_836_800;

spelled! {
    /// For which work a lease is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    LeaseKey,
    /// Its key in the state file.
    name: &'static str {
        /// Driving the release.
        Driver = "driver",
        /// Looking whether the approval may go on.
        Checker = "checker",
    }
}

impl LeaseKey {
    /// What its holder does, as part of a sentence.
    pub const fn does(self) -> &'static str {
        match self {
            Self::Driver => "drives this release",
            Self::Checker => "looks after the approval of this release",
        }
    }
}

/// A lease as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Lease {
    /// For which work.
    pub key: LeaseKey,
    /// Who, as [`holder`] spells it.
    pub holder: String,
    /// Grows with each take-over; a holder with an older epoch has lost the lease.
    pub epoch: i64,
    /// When it ends by itself; nothing once it was given back; the end of time when nobody can read what is stored.
    pub until: Option<Timestamp>,
}

impl Lease {
    pub(super) fn of(document: &Map, key: LeaseKey) -> Option<Self> {
        let lease = match document.get(key.name())? {
            Node::Map(lease) => lease,
            Node::Scalar(Scalar { kind: ScalarKind::Null, .. }) => return None,
            // Whoever wrote this meant that somebody is at work.
            Node::Scalar(_) | Node::List(_) => return Some(Self::unreadable(key, UNNAMED)),
        };
        let epoch = match lease.get("epoch") {
            Some(Node::Scalar(Scalar { kind: ScalarKind::Int, source, .. })) => source.parse().unwrap_or_default(),
            Some(Node::Scalar(_) | Node::List(_) | Node::Map(_)) | None => 0,
        };
        let until = source(lease, "until").filter(|text| !text.trim().is_empty()).map(end);
        let holder = source(lease, "holder").unwrap_or(UNNAMED).to_owned();
        Some(Self { key, holder, epoch, until })
    }

    /// One that somebody wrote by hand, in a form that says neither who nor until when.
    fn unreadable(key: LeaseKey, holder: &str) -> Self {
        Self { key, holder: holder.to_owned(), epoch: 0, until: Some(NEVER) }
    }

    /// Is what is stored as its end no time?
    pub fn has_unreadable_end(&self) -> bool {
        self.until == Some(NEVER)
    }

    /// Does it still hold at `now`?
    pub fn runs_at(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    /// Does it end later than any lease can that was written by a clock as right as ours?
    pub fn is_of_a_wrong_clock(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| ends_too_late(until, now))
    }

    /// Why it is none of a clock as right as ours.
    pub fn oddity(&self) -> &'static str {
        if self.has_unreadable_end() {
            "and what is stored as the end of its lease is no time: somebody edited it"
        } else {
            "though a lease lasts two hours: the clock of that machine is wrong, or the one here"
        }
    }

    /// What has to be set right about it.
    pub fn remedy(&self) -> &'static str {
        if self.has_unreadable_end() { "correct the lease in the state file" } else { "set the clock that is wrong" }
    }

    /// Since when, as far as the epoch tells.
    pub fn since(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.epoch).ok().filter(|_| self.epoch >= FIRST_SECOND)
    }

    /// Who and since when, in words.
    pub fn who(&self) -> String {
        let since = self.since().map(|since| format!(", since {}", stamp(since))).unwrap_or_default();
        format!("{}{since}", holder::shown(&self.holder))
    }
}

/// The holder of a lease that names none.
const UNNAMED: &str = "somebody who is not named";

/// The end of a lease whose stored end cannot be read. Whoever wrote it keeps others away, until a person says otherwise.
const NEVER: Timestamp = Timestamp::MAX;

/// The end that is stored as `text`; without a zone it is one of UTC.
fn end(text: &str) -> Timestamp {
    let in_utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    text.parse().ok().or_else(in_utc).unwrap_or(NEVER)
}

/// Is `until` further away at `now` than the end of a lease can be? Its clock and ours may be off in opposite
/// directions.
pub fn ends_too_late(until: Timestamp, now: Timestamp) -> bool {
    until.duration_since(now) > LENGTH + CLOCK_SKEW + CLOCK_SKEW
}

/// Who does what since when until when.
impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, does) = (holder::shown(&self.holder), self.key.does());
        let since = self.since().map(|since| format!(" since {}", stamp(since))).unwrap_or_default();
        match self.until {
            Some(until) if until == NEVER => write!(f, "{who} {does}{since}"),
            Some(until) => write!(f, "{who} {does}{since}, until {}", stamp(until)),
            None => write!(f, "{who} held it{since} and has given it back"),
        }
    }
}

/// What every write of a holder carries: the store refuses it when somebody else has taken the lease.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fence {
    /// For which work.
    pub key: LeaseKey,
    /// Who writes.
    pub holder: String,
    /// The epoch that our take-over got.
    pub epoch: i64,
}
