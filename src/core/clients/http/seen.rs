//! When each service was last heard of, for whoever watches this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::service::Service;

/// How a service answered lately. A refusal is an answer, too: what counts is whether it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its last answer.
    pub last_ok: Option<Timestamp>,
    /// The last request that it did not answer, and how that ended.
    pub last_error: Option<(Timestamp, String)>,
    /// How long the last request took.
    pub latency: Option<Duration>,
}

/// All services that were asked, and how far our clock is ahead of theirs.
#[derive(Debug, Default)]
pub(super) struct Lately(Mutex<BTreeMap<Service, Seen>>, Mutex<BTreeMap<Service, SignedDuration>>);

impl Lately {
    /// A request to `service` took from `began` to `now`, and ended with this outage or with an answer.
    pub(super) fn note(&self, service: Service, began: Timestamp, now: Timestamp, outage: Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(service).or_default();
        match outage {
            Some(why) => seen.last_error = Some((now, why)),
            None => seen.last_ok = Some(now),
        }
        seen.latency = Duration::try_from(now.duration_since(began)).ok();
    }

    /// The last answer of `service` says that our clock is so far ahead of its own.
    pub(super) fn note_clock(&self, service: Service, ahead: SignedDuration) {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).insert(service, ahead);
    }

    /// How far our clock is ahead of that of `service`, once it has said what the time is.
    pub(super) fn clock_ahead(&self, service: Service) -> Option<SignedDuration> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).get(&service).copied()
    }

    pub(super) fn all(&self) -> BTreeMap<Service, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_does_not_hide_the_last_answer() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let lately = Lately::default();
        lately.note(Service::Errata, at(10), at(12), None);
        lately.note(Service::Errata, at(20), at(50), Some("did not answer in time".to_owned()));
        let seen = Seen {
            last_ok: Some(at(12)),
            last_error: Some((at(50), "did not answer in time".to_owned())),
            latency: Some(Duration::from_secs(30)),
        };
        assert_eq!(lately.all(), BTreeMap::from([(Service::Errata, seen)]));
    }
}
