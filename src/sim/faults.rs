//! What is made to go wrong between the world and its visitors.
//!
//! A random fault is decided by a hash of seed, request and how often that request was made, never by
//! the order of arrival, so the same seed hits the same requests even when they run side by side.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// One way a request goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum InjectedFault {
    /// The service answers this status without doing anything.
    Status {
        /// The code.
        code: u16,
        /// `Retry-After` in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
    },
    /// The answer is right but late; virtual time passes.
    Latency {
        /// How late.
        ms: u32,
    },
    /// The connection breaks before anything was done.
    Reset,
    /// The request is carried out, then a 502 comes back.
    AppliedThenError,
    /// The request is carried out, then the connection breaks without an answer.
    AppliedThenReset,
    /// No answer ever.
    Hang,
    /// The request is carried out, but no answer ever comes.
    AppliedThenHang,
    /// A login page with status 200.
    Html,
    /// The body ends in the middle, then the connection breaks.
    Truncated,
    /// The body is cut JSON with a right length; by chance only JSON is hit, another body is truncated.
    MalformedJson,
}

impl InjectedFault {
    /// The name that the journal shows.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Latency { .. } => "latency",
            Self::Reset => "reset",
            Self::AppliedThenError => "applied_then_error",
            Self::AppliedThenReset => "applied_then_reset",
            Self::Hang => "hang",
            Self::AppliedThenHang => "applied_then_hang",
            Self::Html => "html",
            Self::Truncated => "truncated",
            Self::MalformedJson => "malformed_json",
        }
    }

    /// The fault that a random number stands for. Hanging is left to rules: it costs real seconds.
    fn drawn(mut number: u64) -> Self {
        let mut draw = |sides: u64| {
            let face = number % sides;
            number /= sides;
            face
        };
        match draw(8) {
            0 => Self::Status { code: 503, retry_after_s: None },
            1 => Self::Status { code: 429, retry_after_s: Some(2) },
            2 => Self::Latency { ms: 500 + u32::try_from(draw(9_500)).unwrap_or_default() },
            3 => Self::Reset,
            4 => Self::AppliedThenError,
            5 => Self::Html,
            6 => Self::Truncated,
            _ => Self::MalformedJson,
        }
    }
}

/// Which requests a fault hits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule {
    /// Service id; absent means all.
    #[serde(default)]
    pub service: Option<String>,
    /// HTTP method; absent means all.
    #[serde(default)]
    pub method: Option<String>,
    /// Regular expression for the path with query, below the service id.
    #[serde(default)]
    pub path: Option<String>,
    /// Only from the nth matching request on (1 is the first).
    #[serde(default)]
    pub nth: Option<u32>,
    /// How many requests it hits before it is used up; absent means every one.
    #[serde(default)]
    pub count: Option<u32>,
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: InjectedFault,
    /// How many matching requests were seen.
    #[serde(default, skip_deserializing)]
    pub seen: u32,
}

impl Rule {
    /// The rule that hits every request of one service.
    pub fn on(service: &str, fault: InjectedFault) -> Self {
        Self { service: Some(service.to_owned()), method: None, path: None, nth: None, count: None, fault, seen: 0 }
    }

    /// Limits the rule to a path.
    pub fn path(mut self, pattern: &str) -> Self {
        self.path = Some(pattern.to_owned());
        self
    }

    /// Limits the rule to a method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Limits how many requests it hits.
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    fn hits(&mut self, service: &str, method: &str, path: &str) -> bool {
        let other = |wanted: &Option<String>, given: &str| {
            wanted.as_deref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(given))
        };
        if other(&self.service, service) || other(&self.method, method) {
            return false;
        }
        let matches = |pattern: &String| regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(path));
        if !self.path.as_ref().is_none_or(matches) {
            return false;
        }
        self.seen += 1;
        let first = self.nth.unwrap_or(1).max(1);
        self.seen >= first && self.count.is_none_or(|count| self.seen - first < count)
    }
}

/// Rules and the chance of a random fault.
#[derive(Debug, Default)]
pub struct Faults {
    seed: u64,
    rate: f64,
    rules: Vec<(u64, Rule)>,
    added: u64,
    times: HashMap<u64, u64>,
}

impl Faults {
    /// No fault ever.
    pub fn none() -> Self {
        Self::default()
    }

    /// Hits each request with this chance (0 to 1), seeded.
    pub fn random(rate: f64, seed: u64) -> Self {
        Self { seed, rate: rate.clamp(0.0, 1.0), ..Self::default() }
    }

    /// Adds a rule and tells its number.
    ///
    /// # Errors
    /// The reason why `path` is not a regular expression.
    pub fn add(&mut self, rule: Rule) -> Result<u64, String> {
        if let Some(pattern) = &rule.path {
            regex::Regex::new(pattern).map_err(|error| error.to_string())?;
        }
        self.added += 1;
        self.rules.push((self.added, rule));
        Ok(self.added)
    }

    /// Removes a rule; false when there is none of this number.
    pub fn remove(&mut self, number: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(n, _)| *n != number);
        self.rules.len() < before
    }

    /// Removes all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Rules by number.
    pub fn rules(&self) -> &[(u64, Rule)] {
        &self.rules
    }

    /// Forgets rules and counts; random faults follow the new seed.
    pub fn reset(&mut self, seed: u64) {
        *self = Self::random(self.rate, seed);
    }

    /// Whether chance plays a part, so that requests need keys.
    pub fn is_random(&self) -> bool {
        self.rate > 0.0
    }

    /// What happens to this request; `key` is the hash of everything that tells it from others.
    pub fn strike(&mut self, service: &str, method: &str, path: &str, key: u64) -> Option<InjectedFault> {
        for (_, rule) in &mut self.rules {
            if rule.hits(service, method, path) {
                return Some(rule.fault.clone());
            }
        }
        if !self.is_random() {
            return None;
        }
        let nth = self.times.entry(key).or_default();
        *nth += 1;
        let mut dice =
            fastrand::Rng::with_seed(self.seed ^ key.rotate_left(17) ^ nth.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (dice.f64() < self.rate).then(|| InjectedFault::drawn(dice.u64(..)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(order: &[u64]) -> Vec<(u64, Option<InjectedFault>)> {
        let mut faults = Faults::random(0.5, 7);
        let mut seen: Vec<_> = order.iter().map(|key| (*key, faults.strike("errata", "GET", "/x", *key))).collect();
        seen.sort_by_key(|(key, _)| *key);
        seen
    }

    #[test]
    fn random_faults_do_not_depend_on_the_order_of_arrival() {
        let forward: Vec<u64> = (0..40).collect();
        let backward: Vec<u64> = (0..40).rev().collect();
        assert_eq!(strikes(&forward), strikes(&backward));
        assert!(strikes(&forward).iter().any(|(_, fault)| fault.is_some()));
        assert!(strikes(&forward).iter().any(|(_, fault)| fault.is_none()));
    }

    #[test]
    fn a_rule_hits_from_its_nth_request_as_often_as_it_says() {
        let mut faults = Faults::none();
        let rule =
            Rule { nth: Some(2), ..Rule::on("jira", InjectedFault::Reset).method("POST").path("^/issue").times(1) };
        assert_eq!(faults.add(rule), Ok(1));
        let mut hit = |method: &str, path: &str| faults.strike("jira", method, path, 0).is_some();
        assert!(!hit("GET", "/issue/1"));
        assert!(!hit("POST", "/search"));
        assert!(!hit("POST", "/issue/1"));
        assert!(hit("POST", "/issue/1"));
        assert!(!hit("POST", "/issue/1"));
    }

    #[test]
    fn a_rule_with_a_broken_pattern_is_refused() {
        assert!(Faults::none().add(Rule::on("jira", InjectedFault::Reset).path("(")).is_err());
    }
}
