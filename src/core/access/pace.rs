//! How many changes one caller may ask for in a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::core::clock::Clock;

/// The window in which calls are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// Callers that are remembered; the rest of them has been quiet for longest.
const MOST_CALLERS: usize = 1000;

/// A bucket per caller: full after a quiet minute, one place less per call.
///
/// It protects this machine and the services behind it, so it follows real time also in a rehearsal.
#[derive(Debug)]
pub struct Pace {
    per_minute: u32,
    callers: Mutex<HashMap<String, CallerBucket>>,
}

#[derive(Debug, Clone, Copy)]
struct CallerBucket {
    /// Places left, in fractions of a call.
    left: f64,
    at: Instant,
}

impl Pace {
    /// A pace of `per_minute` calls of each caller.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute: per_minute.max(1), callers: Mutex::default() }
    }

    /// Takes a place of `caller`.
    ///
    /// # Errors
    ///
    /// There is none; how long until there is.
    pub fn take(&self, caller: &str) -> Result<(), Duration> {
        self.take_at(caller, Clock::monotonic())
    }

    fn take_at(&self, caller: &str, now: Instant) -> Result<(), Duration> {
        let most = f64::from(self.per_minute);
        let per_second = most / MINUTE.as_secs_f64();
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MOST_CALLERS && !callers.contains_key(caller) {
            callers.retain(|_, bucket| now.duration_since(bucket.at) < MINUTE);
        }
        let bucket = callers.entry(caller.to_owned()).or_insert(CallerBucket { left: most, at: now });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + passed * per_second).min(most);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / per_second));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_who_used_up_its_minute_is_informed_how_long_to_wait_and_others_go_on() {
        let (pace, start) = (Pace::new(3), Clock::monotonic());
        for _ in 0..3 {
            assert_eq!(pace.take_at("agent", start), Ok(()));
        }
        assert_eq!(pace.take_at("agent", start), Err(Duration::from_secs(20)));
        assert_eq!(pace.take_at("lead", start), Ok(()));
        assert_eq!(pace.take_at("agent", start + Duration::from_secs(20)), Ok(()));
        assert!(pace.take_at("agent", start + Duration::from_secs(20)).is_err());
    }

    #[test]
    fn a_quiet_hour_saves_up_no_more_than_a_minute() {
        let (pace, start) = (Pace::new(2), Clock::monotonic());
        assert_eq!(pace.take_at("agent", start), Ok(()));
        let later = start + Duration::from_secs(3600);
        let taken = (0..10).filter(|_| pace.take_at("agent", later).is_ok()).count();
        assert_eq!(taken, 2);
    }
}
