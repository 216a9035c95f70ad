//! Leaves a service alone that failed again and again, and tries it once after a while: whoever comes then waits
//! for the end of that one try.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// When a service is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRule {
    /// Requests in a row that ended as an outage; at least 1.
    pub failures: u32,
    /// How long it is left alone before one request tries again.
    pub pause: SignedDuration,
}

/// One service is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tripped {
    /// Failures in a row.
    pub(super) failures: u32,
    /// Since when.
    pub(super) since: Timestamp,
    /// When one request may try again.
    pub(super) until: Timestamp,
}

/// The breaker of one address.
#[derive(Debug)]
pub(super) struct Breaker {
    rule: BreakerRule,
    state: Mutex<BreakerState>,
    /// Tells those who wait that the one request that tried again has ended.
    tried: Notify,
}

/// Why a request does not pass now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    Tripped(Tripped),
    /// Another one tries again just now.
    Probing,
}

#[derive(Debug, Default)]
struct BreakerState {
    failures: u32,
    open: Option<OpenBreaker>,
}

#[derive(Debug)]
struct OpenBreaker {
    since: Timestamp,
    until: Timestamp,
    /// Is the one request that tries again under way?
    probing: bool,
}

impl Breaker {
    pub(super) fn new(rule: BreakerRule) -> Self {
        Self { rule, state: Mutex::default(), tried: Notify::new() }
    }

    /// Lets a request pass, or tells that the service is left alone. While another request tries again, waits
    /// for its end: when the service is back, nobody is refused any more.
    pub(super) async fn enter(self: &Arc<Self>, now: Timestamp) -> Result<Pass, Tripped> {
        loop {
            // Made before the look, so that an end in between is not missed.
            let tried = self.tried.notified();
            match self.try_to_enter(now) {
                Ok(pass) => return Ok(pass),
                Err(Closed::Tripped(tripped)) => return Err(tripped),
                Err(Closed::Probing) => tried.await,
            }
        }
    }

    fn try_to_enter(self: &Arc<Self>, now: Timestamp) -> Result<Pass, Closed> {
        let mut state = self.state();
        let failures = state.failures;
        let Some(open) = &mut state.open else { return Ok(Pass { breaker: Arc::clone(self), probes: false }) };
        if now < open.until {
            return Err(Closed::Tripped(Tripped { failures, since: open.since, until: open.until }));
        }
        if open.probing {
            return Err(Closed::Probing);
        }
        open.probing = true;
        Ok(Pass { breaker: Arc::clone(self), probes: true })
    }

    fn state(&self) -> MutexGuard<'_, BreakerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request under way. Dropped without an end (cancelled), it counts as never sent.
#[derive(Debug)]
pub(super) struct Pass {
    breaker: Arc<Breaker>,
    probes: bool,
}

impl Pass {
    /// The request was answered, or ended as an outage.
    pub(super) fn ended(self, now: Timestamp, outage: bool) {
        let mut state = self.breaker.state();
        if !outage {
            *state = BreakerState::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if self.probes || state.failures >= self.breaker.rule.failures {
            let since = state.open.as_ref().map_or(now, |open| open.since);
            let until = now.checked_add(self.breaker.rule.pause).unwrap_or(Timestamp::MAX);
            state.open = Some(OpenBreaker { since, until, probing: false });
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probes
            && let Some(open) = &mut self.breaker.state().open
        {
            open.probing = false;
        }
        if self.probes {
            self.breaker.tried.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: SignedDuration = SignedDuration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn tripped() -> Arc<Breaker> {
        let breaker = Arc::new(Breaker::new(BreakerRule { failures: 3, pause: PAUSE }));
        for second in 0..3 {
            breaker.try_to_enter(at(second)).unwrap().ended(at(second), true);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_trip_it_and_an_answer_in_between_begins_anew() {
        let breaker = Arc::new(Breaker::new(BreakerRule { failures: 3, pause: PAUSE }));
        for outage in [true, true, false, true, true] {
            breaker.try_to_enter(at(0)).unwrap().ended(at(0), outage);
        }
        breaker.try_to_enter(at(1)).unwrap().ended(at(1), true);
        let refused = breaker.try_to_enter(at(2)).unwrap_err();
        assert_eq!(refused, Closed::Tripped(Tripped { failures: 3, since: at(1), until: at(61) }));
    }

    #[test]
    fn after_the_pause_one_request_tries_and_when_it_fails_a_new_pause_begins() {
        let breaker = tripped();
        assert!(matches!(breaker.try_to_enter(at(61)), Err(Closed::Tripped(_))));
        let probe = breaker.try_to_enter(at(62)).unwrap();
        assert_eq!(breaker.try_to_enter(at(62)).unwrap_err(), Closed::Probing, "one probe at a time");
        probe.ended(at(63), true);
        let refused = breaker.try_to_enter(at(64)).unwrap_err();
        let wanted = Tripped { failures: 4, since: at(2), until: at(123) };
        assert_eq!(refused, Closed::Tripped(wanted), "since the first time, until a pause later");
        breaker.try_to_enter(at(123)).unwrap().ended(at(123), false);
        assert!(breaker.try_to_enter(at(123)).is_ok());
    }

    #[tokio::test]
    async fn whoever_comes_while_one_tries_again_shares_its_luck() {
        for outage in [false, true] {
            let breaker = tripped();
            let probe = breaker.try_to_enter(at(62)).unwrap();
            let (second, third) = (breaker.enter(at(62)), breaker.enter(at(62)));
            let end = async { probe.ended(at(63), outage) };
            let (second, third, ()) = tokio::join!(second, third, end);
            assert_eq!((second.is_err(), third.is_err()), (outage, outage));
        }
    }

    #[test]
    fn a_probe_that_was_cancelled_leaves_its_place_to_the_next() {
        let breaker = tripped();
        drop(breaker.try_to_enter(at(62)).unwrap());
        assert!(breaker.try_to_enter(at(62)).is_ok());
    }
}
