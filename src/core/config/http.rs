//! Settings of requests: time-outs, bounds, and the exceptions of single services.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::ConfigError;
use super::settings::{seconds, size, small};
use super::sources::Sources;
use crate::core::clients::http::ServiceRules;
use crate::domain::service::Service;

/// Time-outs and limits of requests.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Time to get a connection.
    pub connect_timeout: Duration,
    /// Time between two pieces of an answer.
    pub read_timeout: Duration,
    /// Time for one request as a whole.
    pub total_timeout: Duration,
    /// Tries of reads and converging writes.
    pub tries: u32,
    /// Requests under way at once.
    pub in_flight: usize,
    /// Largest answer.
    pub max_body_bytes: usize,
    /// Requests to one service within an hour.
    pub requests_per_hour: u32,
    /// Failures in a row after which a service is left alone.
    pub breaker_failures: u32,
    /// How long it is left alone.
    pub breaker_pause: Duration,
    /// What differs for single services.
    pub services: BTreeMap<Service, ServiceRules>,
}

impl HttpSettings {
    pub(super) fn read(sources: &mut Sources<'_>, simulated: bool) -> Result<Self, ConfigError> {
        let mut services = BTreeMap::new();
        for service in Service::ALL {
            let one = one(sources, *service, simulated)?;
            if one != ServiceRules::default() {
                services.insert(*service, one);
            }
        }
        Ok(Self {
            connect_timeout: seconds(sources, "http.connect_timeout_s", "OAR_HTTP_CONNECT_TIMEOUT", 120)?,
            read_timeout: seconds(sources, "http.read_timeout_s", "OAR_HTTP_READ_TIMEOUT", 3600)?,
            total_timeout: seconds(sources, "http.total_timeout_s", "OAR_HTTP_TOTAL_TIMEOUT", 3600)?,
            tries: small(sources.number("http.tries", "OAR_HTTP_TRIES", 1, 10)?),
            in_flight: size(sources.number("http.in_flight", "OAR_HTTP_IN_FLIGHT", 1, 200)?),
            max_body_bytes: size(sources.number("http.max_body_bytes", "OAR_HTTP_MAX_BODY_BYTES", 65_536, 1 << 30)?),
            requests_per_hour: small(sources.number(
                "http.requests_per_hour",
                "OAR_HTTP_REQUESTS_PER_HOUR",
                10,
                MOST_PER_HOUR,
            )?),
            breaker_failures: small(sources.number("http.breaker_failures", "OAR_HTTP_BREAKER_FAILURES", 1, 1000)?),
            breaker_pause: seconds(sources, "http.breaker_pause_s", "OAR_HTTP_BREAKER_PAUSE", 3600)?,
            services,
        })
    }

    /// Time between two pieces of an answer of `service`, never more than its total.
    pub fn read_timeout_of(&self, service: Service) -> Duration {
        let own = self.services.get(&service).and_then(|one| one.read_timeout);
        own.unwrap_or(self.read_timeout).min(self.total_timeout_of(service))
    }

    /// Time for one request to `service` as a whole.
    pub fn total_timeout_of(&self, service: Service) -> Duration {
        self.services.get(&service).and_then(|one| one.total_timeout).unwrap_or(self.total_timeout)
    }
}

/// Above this the budget of an hour bounds nothing.
const MOST_PER_HOUR: u64 = 1_000_000;

fn one(sources: &mut Sources<'_>, service: Service, simulated: bool) -> Result<ServiceRules, ConfigError> {
    let upper = service.id().to_ascii_uppercase();
    let mut number = |name: &str, variable: &str, most: u64| {
        let (key, variable) = (format!("services.{service}.{name}"), format!("OAR_{upper}_{variable}"));
        let given = sources.is_set(&key, &variable);
        given.then(|| sources.number(&key, &variable, 1, most)).transpose()
    };
    let read_timeout = number("read_timeout_s", "READ_TIMEOUT", 3600)?.map(Duration::from_secs);
    let total_timeout = number("total_timeout_s", "TOTAL_TIMEOUT", 3600)?.map(Duration::from_secs);
    let in_flight = number("in_flight", "IN_FLIGHT", 200)?.map(size);
    let per_hour = number("requests_per_hour", "REQUESTS_PER_HOUR", MOST_PER_HOUR)?.map(small);
    let (key, variable) = (format!("services.{service}.proxy"), format!("OAR_{upper}_PROXY"));
    let given = sources.is_set(&key, &variable);
    // A proxy would carry requests of a rehearsal off this machine.
    let proxy = given.then(|| sources.optional(&key, &variable)).flatten().filter(|_| !simulated);
    Ok(ServiceRules { read_timeout, total_timeout, proxy, in_flight, per_hour })
}
