//! Paces calls: some at once, then evenly, so that no window holds more than its limit.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::core::clock::Clock;

/// One limit for all calls of a kind in this process; share it in an `Arc`.
#[derive(Debug)]
pub struct Pacer {
    bucket: Mutex<Bucket>,
    clock: Clock,
    cancel: CancellationToken,
}

impl Pacer {
    /// At most `burst` calls at once and at most `calls` in any `window`.
    pub fn new(burst: u32, calls: u32, window: SignedDuration, clock: Clock, cancel: CancellationToken) -> Self {
        Self { bucket: Mutex::new(Bucket::new(burst, calls, window)), clock, cancel }
    }

    /// Waits until the next call may go out; every return stands for one call.
    pub async fn turn(&self) {
        let now = self.clock.now();
        let at = self.bucket.lock().unwrap_or_else(PoisonError::into_inner).reserve(now);
        let wait = at.duration_since(now);
        if wait.is_positive() {
            self.clock.pause(wait, &self.cancel).await;
        }
    }
}

/// A bucket of `burst` drops that refills one drop per `interval`.
#[derive(Debug)]
struct Bucket {
    /// How far the calls may run ahead of an even pace.
    slack: SignedDuration,
    interval: SignedDuration,
    /// When the next call would come at an even pace.
    due: Option<Timestamp>,
}

impl Bucket {
    /// A window holds a full bucket and what refills meanwhile, so the refill is what the limit leaves.
    fn new(burst: u32, calls: u32, window: SignedDuration) -> Self {
        let burst = i32::try_from(burst.min(calls).max(1)).unwrap_or(i32::MAX);
        let refills = i32::try_from(calls).unwrap_or(i32::MAX).saturating_sub(burst).max(1);
        let interval = window / refills;
        Self { slack: interval.saturating_mul(burst - 1), interval, due: None }
    }

    fn reserve(&mut self, now: Timestamp) -> Timestamp {
        let due = self.due.unwrap_or(now).max(now);
        let at = due.checked_sub(self.slack).unwrap_or(now).max(now);
        self.due = due.checked_add(self.interval).ok();
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(burst: u32, calls: u32, count: usize, gap_s: i64) -> Vec<i64> {
        let mut bucket = Bucket::new(burst, calls, SignedDuration::from_secs(60));
        let mut now = Timestamp::UNIX_EPOCH;
        let reserve = |_| {
            let at = bucket.reserve(now);
            now = at + SignedDuration::from_secs(gap_s);
            at.as_second()
        };
        (0..count).map(reserve).collect()
    }

    #[test]
    fn five_calls_go_at_once_and_the_others_follow_evenly() {
        assert_eq!(times(5, 9, 8, 0), [0, 0, 0, 0, 0, 15, 30, 45]);
    }

    #[test]
    fn no_window_of_a_minute_holds_more_than_the_limit() {
        for (burst, calls) in [(5, 9), (1, 9), (8, 9), (1, 2)] {
            for gap in [0, 1, 7, 14, 40] {
                let at = times(burst, calls, 60, gap);
                for (first, start) in at.iter().enumerate() {
                    let inside = at[first..].iter().take_while(|time| **time < start + 60).count();
                    assert!(inside <= calls as usize, "burst {burst}, limit {calls}, gap {gap}: {inside}");
                }
            }
        }
    }

    #[test]
    fn a_burst_as_large_as_the_limit_stays_within_it() {
        assert_eq!(times(9, 9, 10, 0), [0, 0, 0, 0, 0, 0, 0, 0, 0, 60]);
    }

    #[tokio::test]
    async fn waiting_goes_through_the_clock() {
        let clock = crate::core::clock::VirtualClock::starting_at(Timestamp::UNIX_EPOCH);
        let pacer =
            Pacer::new(1, 2, SignedDuration::from_secs(60), Clock::Virtual(clock.clone()), CancellationToken::new());
        pacer.turn().await;
        assert_eq!(clock.now().as_second(), 0);
        pacer.turn().await;
        assert_eq!(clock.now().as_second(), 60);
    }
}
