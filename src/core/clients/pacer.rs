//! Paces calls: some at once, then evenly, so that no window holds more than its limit.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::core::clock::Clock;

/// How many times as slow as usual a pace becomes at most.
const SLOWEST: i32 = 8;

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

    /// The service refused a call for their number, perhaps for `wait_s` seconds: until then none goes out, and the pace
    /// is half of what it was.
    pub fn slow_down(&self, wait_s: Option<u64>) {
        let now = self.clock.now();
        let wait = wait_s.and_then(|seconds| i64::try_from(seconds).ok()).map(SignedDuration::from_secs);
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).slow_down(now, wait);
    }

    /// A call was taken: the pace recovers by a little.
    pub fn was_taken(&self) {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).recover();
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
    /// What the settings say; a service that refuses makes both slower for a while.
    usual: (SignedDuration, SignedDuration),
    /// Before this none goes out.
    closed_until: Option<Timestamp>,
    /// When the next call would come at an even pace.
    due: Option<Timestamp>,
}

impl Bucket {
    /// A window holds a full bucket and what refills meanwhile, so the refill is what the limit leaves.
    fn new(burst: u32, calls: u32, window: SignedDuration) -> Self {
        let burst = i32::try_from(burst.min(calls).max(1)).unwrap_or(i32::MAX);
        let refills = i32::try_from(calls).unwrap_or(i32::MAX).saturating_sub(burst).max(1);
        let interval = window / refills;
        let slack = interval.saturating_mul(burst - 1);
        Self { slack, interval, usual: (slack, interval), closed_until: None, due: None }
    }

    fn slow_down(&mut self, now: Timestamp, wait: Option<SignedDuration>) {
        let slowest = self.usual.1.saturating_mul(SLOWEST);
        self.interval = self.interval.saturating_mul(2).min(slowest);
        self.slack = SignedDuration::ZERO;
        let until = now.checked_add(wait.unwrap_or(self.interval)).unwrap_or(now);
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// A twentieth at a time: a limit that was met once is met again.
    fn recover(&mut self) {
        let (slack, usual) = self.usual;
        if self.interval > usual {
            self.interval = (self.interval - usual / 20).max(usual);
        } else {
            self.slack = slack.min(self.slack + usual / 4);
        }
    }

    fn reserve(&mut self, now: Timestamp) -> Timestamp {
        let due = self.due.unwrap_or(now).max(now);
        let at = due.checked_sub(self.slack).unwrap_or(now).max(now).max(self.closed_until.unwrap_or(now));
        let due = due.max(at);
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

    #[test]
    fn a_refusal_halves_the_pace_and_it_recovers_call_by_call() {
        let mut bucket = Bucket::new(5, 9, SignedDuration::from_secs(60));
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!((0..2).map(|_| bucket.reserve(at(0)).as_second()).collect::<Vec<_>>(), [0, 0]);
        bucket.slow_down(at(0), Some(SignedDuration::from_secs(40)));
        let slow: Vec<_> = (0..3).map(|_| bucket.reserve(at(0)).as_second()).collect();
        assert_eq!(slow, [40, 70, 100], "a wait that was asked for, then half the pace, without a burst");
        for _ in 0..100 {
            bucket.recover();
        }
        let usual: Vec<_> = (0..6).map(|_| bucket.reserve(at(1_000)).as_second() - 1_000).collect();
        assert_eq!(usual, [0, 0, 0, 0, 0, 15]);
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
