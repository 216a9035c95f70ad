//! When the clock of a machine is off by more than anything here allows for.
//!
//! Leases, announcements and dates are worth as much as the clocks they come from. What others say of the time shows a
//! wrong one, before it takes a lease for days or approves before the day.

use std::fmt;

use jiff::SignedDuration;

use super::absence::CLOCK_SKEW;

/// What a person does about it.
pub const NEXT: &str =
    "set the clock (timedatectl set-ntp true, or chronyc makestep; date -u shows it), then run it again";

/// The clock of this machine is so much ahead of the time; behind it when negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct WrongClock(SignedDuration);

impl WrongClock {
    /// A clock that is `ahead`, unless that is allowed for.
    pub fn judge(ahead: SignedDuration) -> Option<Self> {
        (ahead.abs() > CLOCK_SKEW).then_some(Self(ahead))
    }
}

impl fmt::Display for WrongClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Services name whole seconds, and nobody wants to read 23 h for a day.
        let minutes = (self.0.abs() + SignedDuration::from_secs(30)).as_mins();
        let by = match minutes {
            ..120 => format!("{minutes} min"),
            120..2_880 => format!("{} h", minutes / 60),
            2_880.. => format!("{} days", minutes / 1_440),
        };
        let way = if self.0.is_positive() { "fast" } else { "slow" };
        write!(f, "the clock of this machine is {by} {way}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_from_ten_minutes_on_and_says_by_how_much() {
        let said = |minutes| WrongClock::judge(SignedDuration::from_mins(minutes)).map(|wrong| wrong.to_string());
        assert_eq!([said(10), said(-10), said(0)], [None, None, None]);
        let by = |text: &str| Some(format!("the clock of this machine is {text}"));
        assert_eq!([said(11), said(-119)], [by("11 min fast"), by("119 min slow")]);
        let almost = WrongClock::judge(SignedDuration::from_secs(24 * 3_600 - 1)).map(|wrong| wrong.to_string());
        assert_eq!(almost, by("24 h fast"));
        assert_eq!([said(26 * 60 + 59), said(5 * 1_440 + 3)], [by("26 h fast"), by("5 days fast")]);
    }
}
