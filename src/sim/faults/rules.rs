//! Which requests are hit: by rules, and by chance.
//!
//! Chance is a hash of seed, request and how often that request was made, never the order of arrival, so the same
//! seed hits the same requests even when they run side by side.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::InjectedFault;

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
    /// Only every so manieth matching request from there on.
    #[serde(default)]
    pub every: Option<u32>,
    /// Only with this chance, 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
    /// How many requests it hits before it is used up; absent means every one.
    #[serde(default)]
    pub count: Option<u32>,
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: InjectedFault,
    /// How many matching requests were seen.
    #[serde(default, skip_deserializing)]
    pub seen: u32,
    /// How many were hit.
    #[serde(default, skip_deserializing)]
    pub hit: u32,
}

impl Rule {
    /// The rule that hits every request.
    pub const fn everywhere(fault: InjectedFault) -> Self {
        Self {
            service: None,
            method: None,
            path: None,
            nth: None,
            every: None,
            probability: None,
            count: None,
            fault,
            seen: 0,
            hit: 0,
        }
    }

    /// The rule that hits every request of one service.
    pub fn on(service: &str, fault: InjectedFault) -> Self {
        Self { service: Some(service.to_owned()), ..Self::everywhere(fault) }
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
    pub const fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// Hits from the nth matching request on.
    pub const fn from_nth(mut self, nth: u32) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Hits a matching request with this chance only.
    pub const fn with_probability(mut self, chance: f64) -> Self {
        self.probability = Some(chance);
        self
    }

    fn hits(&mut self, service: &str, method: &str, path: &str, dice: u64) -> bool {
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
        if self.seen < first || self.count.is_some_and(|count| self.hit >= count) {
            return false;
        }
        if self.every.is_some_and(|every| !(self.seen - first).is_multiple_of(every.max(1))) {
            return false;
        }
        let lucky = |chance| fastrand::Rng::with_seed(dice.rotate_left(7)).f64() >= chance;
        if self.probability.is_some_and(lucky) {
            return false;
        }
        self.hit += 1;
        true
    }
}

/// What hit a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Struck {
    /// What goes wrong.
    pub fault: InjectedFault,
    /// Decides what the fault leaves to chance.
    pub dice: u64,
    /// Nobody asked for it: it has to suit the request.
    pub by_chance: bool,
}

/// Rules and the chance of a random fault.
#[derive(Debug, Default)]
pub struct Faults {
    seed: Option<u64>,
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
        Self { seed: Some(seed), rate: rate.clamp(0.0, 1.0), ..Self::default() }
    }

    /// The same, following the seed of its world unless it has one of its own.
    pub(in crate::sim) const fn in_world_of(mut self, seed: u64) -> Self {
        if self.seed.is_none() {
            self.seed = Some(seed);
        }
        self
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
        let by_chance = |rule: &Rule| {
            rule.probability.is_some()
                || matches!(
                    rule.fault,
                    InjectedFault::Latency { jitter_ms: 1.., .. } | InjectedFault::StaleRead { jitter_s: 1.., .. }
                )
        };
        self.rate > 0.0 || self.rules.iter().any(|(_, rule)| by_chance(rule))
    }

    /// Whether an answer may show what was true before.
    pub fn may_be_old(&self) -> bool {
        self.rate > 0.0 || self.rules.iter().any(|(_, rule)| matches!(rule.fault, InjectedFault::StaleRead { .. }))
    }

    /// A number for this request alone; `key` is the hash of everything that tells it from others.
    pub fn dice(&mut self, key: u64) -> u64 {
        let nth = self.times.entry(key).or_default();
        *nth += 1;
        let seed = self.seed.unwrap_or_default();
        fastrand::Rng::with_seed(seed ^ key.rotate_left(17) ^ nth.wrapping_mul(0x9e37_79b9_7f4a_7c15)).u64(..)
    }

    /// What happens to the request with these dice.
    pub fn strike(&mut self, service: &str, method: &str, path: &str, dice: u64) -> Option<Struck> {
        for (_, rule) in &mut self.rules {
            if rule.hits(service, method, path, dice) {
                return Some(Struck { fault: rule.fault.clone(), dice, by_chance: false });
            }
        }
        by_chance(self.rate, dice)
    }
}

/// A random fault, with this chance.
pub(in crate::sim) fn by_chance(rate: f64, dice: u64) -> Option<Struck> {
    let mut rng = fastrand::Rng::with_seed(dice);
    (rng.f64() < rate).then(|| Struck { fault: InjectedFault::drawn(rng.u64(..)), dice: rng.u64(..), by_chance: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(order: &[u64]) -> Vec<(u64, Option<InjectedFault>)> {
        let mut faults = Faults::random(0.5, 7);
        let mut strike = |key: u64| {
            let dice = faults.dice(key);
            (key, faults.strike("errata", "GET", "/x", dice).map(|struck| struck.fault))
        };
        let mut seen: Vec<_> = order.iter().map(|key| strike(*key)).collect();
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
        let rule = Rule::on("jira", InjectedFault::Reset).method("POST").path("^/issue").times(1).from_nth(2);
        assert_eq!(faults.add(rule), Ok(1));
        let mut hit = |method: &str, path: &str| faults.strike("jira", method, path, 0).is_some();
        assert!(!hit("GET", "/issue/1"));
        assert!(!hit("POST", "/search"));
        assert!(!hit("POST", "/issue/1"));
        assert!(hit("POST", "/issue/1"));
        assert!(!hit("POST", "/issue/1"));
    }

    #[test]
    fn a_rule_hits_every_second_request_or_some_by_chance() {
        let mut faults = Faults::none();
        let second = Rule { every: Some(2), ..Rule::on("jira", InjectedFault::Reset) };
        faults.add(second).expect("a rule");
        let hits: Vec<bool> = (0..4).map(|_| faults.strike("jira", "GET", "/", 0).is_some()).collect();
        assert_eq!(hits, [true, false, true, false]);
        let mut faults = Faults::random(0.0, 3);
        faults.add(Rule::on("jira", InjectedFault::Reset).with_probability(0.5)).expect("a rule");
        let dice: Vec<u64> = (0..40).map(|_| faults.dice(1)).collect();
        let hits = dice.iter().filter(|dice| faults.strike("jira", "GET", "/", **dice).is_some()).count();
        assert!((8..33).contains(&hits), "{hits} of 40");
    }

    #[test]
    fn a_rule_with_a_broken_pattern_is_refused() {
        assert!(Faults::none().add(Rule::on("jira", InjectedFault::Reset).path("(")).is_err());
    }
}
