//! What holds for every request, and what only for those to one service.

use std::collections::BTreeMap;
use std::time::Duration;

use super::breaker::BreakerRule;
use crate::core::config::hosts::HostRule;
use crate::core::config::http::ServiceRules;
use crate::domain::mask::Masker;
use crate::domain::service::Service;

/// Limits and rules that hold for every request of this process.
#[derive(Debug, Clone)]
pub struct HttpPolicy {
    /// Time to get a connection.
    pub connect_timeout: Duration,
    /// Time between two pieces of an answer.
    pub read_timeout: Duration,
    /// Time for one request as a whole.
    pub total_timeout: Duration,
    /// Tries for reads and converging writes.
    pub tries: u32,
    /// Requests under way at once.
    pub in_flight: usize,
    /// Largest answer in bytes.
    pub max_body_bytes: usize,
    /// Which hosts may be talked to.
    pub hosts: HostRule,
    /// Address prefixes that are replaced before a request, longest match first.
    pub rewrites: Vec<(String, String)>,
}

/// What keeps a service from us and us from a service: breaker, budgets, exceptions from the policy.
///
/// The default has none of it, for tests that count requests.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// When a service that fails is left alone for a while.
    pub breaker: Option<BreakerRule>,
    /// Requests to one service within an hour, where its own rules say nothing.
    pub per_hour: Option<u32>,
    /// Exceptions by service.
    pub of: BTreeMap<Service, ServiceRules>,
    /// Hides our credentials in what services answer.
    pub masker: Masker,
}

/// `url` with the longest prefix in `rewrites` replaced. A prefix ends where a part of the address ends, so that
/// it does not match a longer host.
pub fn rewrite(rewrites: &[(String, String)], url: &str) -> String {
    let is_whole = |from: &str, rest: &str| rest.is_empty() || from.ends_with('/') || rest.starts_with(['/', '?', '#']);
    rewrites
        .iter()
        .filter(|(from, _)| url.strip_prefix(from.as_str()).is_some_and(|rest| is_whole(from, rest)))
        .max_by_key(|(from, _)| from.len())
        .map_or_else(|| url.to_owned(), |(from, to)| format!("{to}{}", &url[from.len()..]))
}
