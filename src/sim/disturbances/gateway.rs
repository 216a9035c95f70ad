//! What the job gateway grants: a bucket of starts, which others empty as well.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One start in the units of the bucket: a rate of so many starts a minute is so many units a millisecond.
const START: i64 = 60_000;

/// A bucket of starts: so many at once, then so many a minute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bucket {
    /// Starts at once, after a time without any.
    pub burst: u32,
    /// Starts a minute in the long run.
    pub a_minute: u32,
    /// Whether a refusal says when to come again.
    #[serde(default = "yes")]
    pub says_when: bool,
    /// A foreign caller who takes all there is, for a while, again and again.
    #[serde(skip)]
    pub foreign: Option<Foreign>,
    #[serde(skip)]
    filled: Option<(Timestamp, i64)>,
}

/// When a foreign caller takes everything: the first minutes of each period, counted from the beginning of the world.
#[derive(Debug, Clone, Copy)]
pub struct Foreign {
    /// From one beginning to the next.
    pub every: SignedDuration,
    /// How long it goes on.
    pub lasts: SignedDuration,
}

fn yes() -> bool {
    true
}

impl Bucket {
    /// A bucket that is full and that nobody else uses.
    pub fn of(burst: u32, a_minute: u32) -> Self {
        Self { burst, a_minute, says_when: true, foreign: None, filled: None }
    }

    /// The same with a foreign caller.
    pub fn shared_with(mut self, foreign: Foreign) -> Self {
        self.foreign = Some(foreign);
        self
    }

    /// Takes a start out; the seconds until there is one again, when there is none.
    pub(in crate::sim) fn take(&mut self, since: Timestamp, now: Timestamp) -> Result<(), i64> {
        let rate = i64::from(self.a_minute.max(1));
        let most = i64::from(self.burst.max(1)) * START;
        let (mut at, mut level) = self.filled.unwrap_or((since, most));
        if let Some(emptied) = self.foreign.and_then(|foreign| foreign.emptied(since, now)).filter(|time| *time > at) {
            (at, level) = (emptied, 0);
        }
        let passed = i64::try_from(now.duration_since(at).as_millis()).unwrap_or(i64::MAX).max(0);
        level = level.saturating_add(passed.saturating_mul(rate)).min(most);
        if level < START {
            self.filled = Some((now, level));
            return Err(((START - level) / rate / 1000 + 1).max(1));
        }
        self.filled = Some((now, level - START));
        Ok(())
    }
}

impl Foreign {
    /// When the foreign caller took something for the last time, until now.
    fn emptied(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let every = self.every.as_secs().max(1);
        let age = now.duration_since(since).as_secs();
        if age < 0 {
            return None;
        }
        let begun = age / every * every;
        let last = age.min(begun + self.lasts.as_secs());
        since.checked_add(SignedDuration::from_secs(last)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn granted(bucket: &mut Bucket, seconds: i64, asked: usize) -> usize {
        (0..asked).filter(|_| bucket.take(at(0), at(seconds)).is_ok()).count()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::of(5, 9);
        assert_eq!(granted(&mut bucket, 0, 9), 5);
        assert_eq!(bucket.take(at(0), at(0)), Err(7));
        assert_eq!(granted(&mut bucket, 7, 9), 1);
        assert_eq!(granted(&mut bucket, 67, 20), 5, "it never holds more than its burst");
        let hour: usize = (68..3668).map(|second| granted(&mut bucket, second, 3)).sum();
        assert_eq!(hour, 540);
    }

    #[test]
    fn a_foreign_caller_leaves_nothing_while_it_lasts() {
        let mins = SignedDuration::from_mins;
        let mut bucket = Bucket::of(5, 9).shared_with(Foreign { every: mins(60), lasts: mins(10) });
        assert_eq!(granted(&mut bucket, 60, 3), 0);
        assert_eq!(granted(&mut bucket, 599, 3), 0);
        assert_eq!(granted(&mut bucket, 607, 3), 1);
        assert_eq!(granted(&mut bucket, 700, 9), 5);
        assert_eq!(granted(&mut bucket, 3660, 9), 0, "it comes again each hour");
    }
}
