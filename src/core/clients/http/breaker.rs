//! Leaves a service alone that failed again and again, and tries it once after a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: Timestamp,
    until: Timestamp,
    /// Is the one request that tries again under way?
    probing: bool,
}

impl Breaker {
    pub(super) fn new(rule: BreakerRule) -> Self {
        Self { rule, state: Mutex::default() }
    }

    /// Lets a request pass, or tells that the service is left alone.
    pub(super) fn enter(self: &Arc<Self>, now: Timestamp) -> Result<Pass, Tripped> {
        let mut state = self.state();
        let failures = state.failures;
        let Some(open) = &mut state.open else { return Ok(Pass { breaker: Arc::clone(self), probes: false }) };
        if open.probing || now < open.until {
            return Err(Tripped { failures, since: open.since, until: open.until });
        }
        open.probing = true;
        Ok(Pass { breaker: Arc::clone(self), probes: true })
    }

    fn state(&self) -> MutexGuard<'_, State> {
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
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if self.probes || state.failures >= self.breaker.rule.failures {
            let since = state.open.as_ref().map_or(now, |open| open.since);
            let until = now.checked_add(self.breaker.rule.pause).unwrap_or(Timestamp::MAX);
            state.open = Some(Open { since, until, probing: false });
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
            breaker.enter(at(second)).unwrap().ended(at(second), true);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_trip_it_and_an_answer_in_between_begins_anew() {
        let breaker = Arc::new(Breaker::new(BreakerRule { failures: 3, pause: PAUSE }));
        for outage in [true, true, false, true, true] {
            breaker.enter(at(0)).unwrap().ended(at(0), outage);
        }
        breaker.enter(at(1)).unwrap().ended(at(1), true);
        let refused = breaker.enter(at(2)).unwrap_err();
        assert_eq!(refused, Tripped { failures: 3, since: at(1), until: at(61) });
    }

    #[test]
    fn after_the_pause_one_request_tries_and_the_others_still_wait() {
        let breaker = tripped();
        assert!(breaker.enter(at(61)).is_err());
        let probe = breaker.enter(at(62)).unwrap();
        assert!(breaker.enter(at(62)).is_err(), "one probe at a time");
        probe.ended(at(63), true);
        let refused = breaker.enter(at(64)).unwrap_err();
        assert_eq!((refused.since, refused.until), (at(2), at(123)), "since the first time, until a pause later");
        breaker.enter(at(123)).unwrap().ended(at(123), false);
        assert!(breaker.enter(at(123)).is_ok());
    }

    #[test]
    fn a_probe_that_was_cancelled_leaves_its_place_to_the_next() {
        let breaker = tripped();
        drop(breaker.enter(at(62)).unwrap());
        assert!(breaker.enter(at(62)).is_ok());
    }
}
