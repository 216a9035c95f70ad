//! Settings of requests: time-outs, bounds, and the exceptions of single services.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::ConfigError;
use super::sources::Sources;
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

/// What holds for the requests to one service in place of the policy; nothing where the policy holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceRules {
    /// Time between two pieces of an answer.
    pub read_timeout: Option<Duration>,
    /// Time for one request as a whole.
    pub total_timeout: Option<Duration>,
    /// Address of a proxy.
    pub proxy: Option<String>,
    /// Requests under way at once.
    pub in_flight: Option<usize>,
    /// Requests within an hour.
    pub per_hour: Option<u32>,
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
            connect_timeout: sources.seconds("http.connect_timeout_s", "OAR_HTTP_CONNECT_TIMEOUT", 120)?,
            read_timeout: sources.seconds("http.read_timeout_s", "OAR_HTTP_READ_TIMEOUT", 3600)?,
            total_timeout: sources.seconds("http.total_timeout_s", "OAR_HTTP_TOTAL_TIMEOUT", 3600)?,
            tries: sources.number("http.tries", "OAR_HTTP_TRIES", 1, 10)?,
            in_flight: sources.number("http.in_flight", "OAR_HTTP_IN_FLIGHT", 1, 200)?,
            max_body_bytes: sources.number("http.max_body_bytes", "OAR_HTTP_MAX_BODY_BYTES", 65_536, 1 << 30)?,
            requests_per_hour: sources.number(
                "http.requests_per_hour",
                "OAR_HTTP_REQUESTS_PER_HOUR",
                10,
                MOST_PER_HOUR,
            )?,
            breaker_failures: sources.number("http.breaker_failures", "OAR_HTTP_BREAKER_FAILURES", 1, 1000)?,
            breaker_pause: sources.seconds("http.breaker_pause_s", "OAR_HTTP_BREAKER_PAUSE", 3600)?,
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
    let read_timeout: Option<u64> = own(sources, service, "read_timeout_s", "READ_TIMEOUT", 3600)?;
    let total_timeout: Option<u64> = own(sources, service, "total_timeout_s", "TOTAL_TIMEOUT", 3600)?;
    let in_flight = own(sources, service, "in_flight", "IN_FLIGHT", 200)?;
    let per_hour = own(sources, service, "requests_per_hour", "REQUESTS_PER_HOUR", MOST_PER_HOUR)?;
    let (key, variable) = (format!("services.{service}.proxy"), format!("OAR_{upper}_PROXY"));
    let given = sources.is_set(&key, &variable);
    // A proxy would carry requests of a rehearsal off this machine.
    let proxy = given.then(|| sources.optional(&key, &variable)).flatten().filter(|_| !simulated);
    let seconds = |number: Option<u64>| number.map(Duration::from_secs);
    let (read_timeout, total_timeout) = (seconds(read_timeout), seconds(total_timeout));
    Ok(ServiceRules { read_timeout, total_timeout, proxy, in_flight, per_hour })
}

/// A number that a service has for itself, when it has one.
fn own<T: TryFrom<u64>>(
    sources: &mut Sources<'_>,
    service: Service,
    name: &str,
    variable: &str,
    most: u64,
) -> Result<Option<T>, ConfigError> {
    let variable = format!("OAR_{}_{variable}", service.id().to_ascii_uppercase());
    let key = format!("services.{service}.{name}");
    let given = sources.is_set(&key, &variable);
    given.then(|| sources.number(&key, &variable, 1, most)).transpose()
}
