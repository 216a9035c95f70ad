//! When a look that does not show an effect proves that it did not happen.
//!
//! Services answer from caches, requests travel for minutes, and the clocks of two machines differ. So a look proves
//! something only when what it shows is certainly younger than the announcement of the effect.

use jiff::{SignedDuration, Timestamp};

/// After this time every service shows what was started, whatever its caches and our time-outs are.
pub const SETTLES: SignedDuration = SignedDuration::from_mins(15);

/// How far the clock of any machine may be off.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// How long a request may be on its way after its announcement.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(5);

/// Whose clock a time was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockOf {
    /// This machine's.
    Us,
    /// Another one's.
    Others,
}

/// An effect that was announced, and of which nobody stored how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// When.
    pub at: Timestamp,
    /// By whose clock.
    pub clock: ClockOf,
}

/// What a look that does not show the effect shows all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// When the newest thing on it was made, by the clock of the service.
    pub newest: Option<Timestamp>,
    /// From when on it shows everything; nothing when it always does.
    pub reaches_back_to: Option<Timestamp>,
}

/// What such a look proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The effect did not happen.
    Proven,
    /// It may still show up.
    NotYet {
        /// From when on a look proves it.
        look_again: Timestamp,
    },
    /// It may have come and gone: no look tells any more.
    OutOfSight,
}

impl Announced {
    /// From when on what does not show did not happen.
    pub fn settled_at(self) -> Timestamp {
        later(self.at, SETTLES + self.margin())
    }

    /// What a look at the time `now` proves that shows other things only.
    pub fn judge(self, shown: Shown, now: Timestamp) -> Absence {
        let earliest = self.at.checked_sub(CLOCK_SKEW + self.margin()).unwrap_or(Timestamp::MIN);
        if shown.reaches_back_to.is_some_and(|oldest| oldest > earliest) {
            return Absence::OutOfSight;
        }
        let younger = later(self.at, ON_ITS_WAY + CLOCK_SKEW + self.margin());
        let look_again = self.settled_at();
        match shown.newest {
            Some(newest) if newest >= younger => Absence::Proven,
            Some(_) | None if now >= look_again => Absence::Proven,
            Some(_) | None => Absence::NotYet { look_again },
        }
    }

    /// Another machine's clock and ours may be off in opposite directions.
    fn margin(self) -> SignedDuration {
        match self.clock {
            ClockOf::Us => SignedDuration::ZERO,
            ClockOf::Others => CLOCK_SKEW + CLOCK_SKEW,
        }
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    fn announced(clock: ClockOf) -> Announced {
        Announced { at: minute(0), clock }
    }

    #[test]
    fn a_look_proves_nothing_until_every_cache_has_run_out() {
        for (clock, settled) in [(ClockOf::Us, 15), (ClockOf::Others, 35)] {
            let judge = |now| announced(clock).judge(Shown::default(), minute(now));
            let not_yet = Absence::NotYet { look_again: minute(settled) };
            assert_eq!((judge(-10), judge(0), judge(settled - 1)), (not_yet, not_yet, not_yet), "{clock:?}");
            assert_eq!(judge(settled), Absence::Proven, "{clock:?}");
        }
    }

    #[test]
    fn a_list_that_shows_something_certainly_younger_proves_it_at_once() {
        let judge = |clock, newest| {
            let shown = Shown { newest: Some(minute(newest)), reaches_back_to: None };
            announced(clock).judge(shown, minute(1))
        };
        assert_eq!(judge(ClockOf::Us, 15), Absence::Proven);
        assert!(matches!(judge(ClockOf::Us, 14), Absence::NotYet { .. }), "the clock of the service may be ahead");
        assert_eq!(judge(ClockOf::Others, 35), Absence::Proven);
        assert!(matches!(judge(ClockOf::Others, 34), Absence::NotYet { .. }));
    }

    #[test]
    fn a_list_that_forgets_proves_nothing_about_what_was_before() {
        let judge = |from| {
            let shown = Shown { newest: Some(minute(9_000)), reaches_back_to: Some(minute(from)) };
            announced(ClockOf::Us).judge(shown, minute(9_000))
        };
        assert_eq!(judge(-10), Absence::Proven);
        assert_eq!(judge(-9), Absence::OutOfSight);
        assert_eq!(judge(60), Absence::OutOfSight);
    }

    #[test]
    fn no_two_clocks_that_are_ten_minutes_off_prove_what_a_list_five_minutes_old_hides() {
        // The effect of a request that travels for five minutes, announced by a clock that is `ours` minutes off.
        for (ours, theirs) in [(-10, 10), (10, -10), (0, 10), (10, 0)] {
            let announced = Announced { at: minute(ours), clock: ClockOf::Others };
            for now in -30..120 {
                let list_is_of = now - 5;
                let hides = list_is_of < 5;
                let proven = announced.judge(Shown::default(), minute(now + theirs)) == Absence::Proven;
                assert!(!(hides && proven), "off by {ours} and {theirs}, at minute {now}");
            }
        }
    }
}
