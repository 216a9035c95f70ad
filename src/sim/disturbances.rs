//! What the services suffer from all at once: outages, slowness, expired tokens, allowances, busy colleagues.
//!
//! A scenario sets it; `/__sim/limits` and people change it later. Nothing of it is on by default.

use std::collections::{BTreeMap, VecDeque};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use crate::sim::faults::Fault;
use crate::sim::services::{github, wire};
use crate::sim::world::Facts;

/// The circumstances of a world.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Disturbances {
    /// Services that are out one after the other, each for a fixed time, over and over.
    pub outages_in_turn: bool,
    /// Answers take up to twenty seconds, one in twenty up to a minute.
    pub slow: bool,
    /// Tokens that expire, with their end counted from the beginning of the world.
    #[serde(skip)]
    pub expiring: Vec<(&'static str, SignedDuration)>,
    /// Tokens that were renewed.
    pub renewed: Vec<&'static str>,
    /// GitHub, Gangway and Slack grant only what they grant in real life.
    pub limits: bool,
    /// How many other writers work on the branch of the state files.
    pub writers: u32,
    /// When the world began.
    pub since: Option<Timestamp>,
    #[serde(skip)]
    calls: BTreeMap<&'static str, VecDeque<Timestamp>>,
    #[serde(skip)]
    written: u32,
}

/// How long one service is out before the next one is.
const OUTAGE: SignedDuration = SignedDuration::from_mins(5);

/// Who is out in turn. The control of the world itself never is.
const IN_TURN: [&str; 14] = [
    "errata",
    "jira",
    "gitlab",
    "github",
    "build_data",
    "release_controller",
    "jenkins",
    "gangway",
    "prow",
    "slack",
    "registry",
    "signatures",
    "catalog_stage",
    "customer_portal",
];

/// An allowance: so many calls within a time.
struct Allowance {
    name: &'static str,
    calls: usize,
    within: SignedDuration,
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// GitHub's allowance for calls that create content.
const CONTENT: [Allowance; 2] = [
    Allowance { name: "github content a minute", calls: 80, within: MINUTE },
    Allowance { name: "github content an hour", calls: 500, within: HOUR },
];
/// GitHub's allowance for everything.
const PRIMARY: Allowance = Allowance { name: "github", calls: 5000, within: HOUR };
/// The gateway's numbers are not published; this is what it was seen to grant.
const GANGWAY: Allowance = Allowance { name: "gangway", calls: 10, within: MINUTE };
/// Slack's tiers, by method.
const SLACK: [Allowance; 5] = [
    Allowance { name: "usergroups.list", calls: 20, within: MINUTE },
    Allowance { name: "conversations.list", calls: 20, within: MINUTE },
    Allowance { name: "users.lookupByEmail", calls: 50, within: MINUTE },
    Allowance { name: "users.info", calls: 100, within: MINUTE },
    Allowance { name: "chat.update", calls: 50, within: MINUTE },
];

impl Disturbances {
    /// The same circumstances, counted from this time on.
    pub fn beginning(mut self, at: Timestamp) -> Self {
        self.since = Some(at);
        self
    }

    /// Every call below an allowance is counted; the seconds to wait when nothing is left.
    fn over(&mut self, allowance: &Allowance, now: Timestamp) -> Option<i64> {
        let calls = self.calls.entry(allowance.name).or_default();
        while calls.front().is_some_and(|first| now.duration_since(*first) >= allowance.within) {
            calls.pop_front();
        }
        if calls.len() < allowance.calls {
            calls.push_back(now);
            return None;
        }
        let left = calls.front().map_or(allowance.within, |first| allowance.within - now.duration_since(*first));
        Some(left.as_secs().max(1))
    }

    fn age(&self, now: Timestamp) -> SignedDuration {
        self.since.map_or(SignedDuration::ZERO, |since| now.duration_since(since))
    }

    /// The service that is out now.
    fn out(&self, now: Timestamp) -> Option<&'static str> {
        let turn = usize::try_from(self.age(now).as_secs() / OUTAGE.as_secs()).ok()?;
        self.outages_in_turn.then(|| IN_TURN[turn % IN_TURN.len()])
    }

    fn expired(&self, service: &str, now: Timestamp) -> bool {
        let over = |(name, after): &(&str, SignedDuration)| *name == service && self.age(now) >= *after;
        self.expiring.iter().any(over) && !self.renewed.iter().any(|renewed| renewed == &service)
    }

    /// Renews all expired tokens; their services, or nothing when none is expired.
    pub fn renew(&mut self, now: Timestamp) -> Option<String> {
        let names: Vec<&'static str> =
            self.expiring.iter().map(|(name, _)| *name).filter(|name| self.expired(name, now)).collect();
        self.renewed.extend(&names);
        (!names.is_empty()).then(|| names.join(", "))
    }
}

/// What goes wrong with this request before its service sees it; `key` tells it from others.
pub fn fault(facts: &Facts, service: &str, key: u64) -> Option<Fault> {
    let disturbances = &facts.disturbances;
    if disturbances.out(facts.now) == Some(service) {
        return Some(Fault::Status { code: 503, retry_after_s: None });
    }
    disturbances.slow.then(|| {
        let dice = key ^ (key >> 17);
        let ms = if dice.is_multiple_of(20) { 20_000 + dice % 40_000 } else { 200 + dice % 19_800 };
        Fault::Latency { ms: u32::try_from(ms).unwrap_or(20_000) }
    })
}

/// The refusal of a service whose token is expired or whose allowance is used up.
pub fn refuse(facts: &mut Facts, service: &str, method: &str, path: &str) -> Option<Response> {
    let now = facts.now;
    if facts.disturbances.expired(service, now) {
        return Some(match service {
            "slack" => wire::json(StatusCode::OK, &json!({ "ok": false, "error": "token_expired" })),
            "gangway" => wire::html(StatusCode::FORBIDDEN, "<html><body><h1>403 Forbidden</h1></body></html>"),
            _ => wire::json(StatusCode::UNAUTHORIZED, &json!({ "message": "the token is expired" })),
        });
    }
    if !facts.disturbances.limits {
        return None;
    }
    match service {
        "github" => github_limit(facts, method, path),
        "gangway" => facts.disturbances.over(&GANGWAY, now).map(|seconds| {
            let body = json!({ "code": 8, "message": "too many requests", "details": [] });
            later(wire::json(StatusCode::TOO_MANY_REQUESTS, &body), seconds)
        }),
        "slack" => {
            let tier = SLACK.iter().find(|tier| path.trim_start_matches('/').starts_with(tier.name))?;
            facts.disturbances.over(tier, now).map(|seconds| {
                later(
                    wire::json(StatusCode::TOO_MANY_REQUESTS, &json!({ "ok": false, "error": "ratelimited" })),
                    seconds,
                )
            })
        }
        _ => None,
    }
}

fn github_limit(facts: &mut Facts, method: &str, path: &str) -> Option<Response> {
    let now = facts.now;
    if path.starts_with("/rate_limit") {
        return None;
    }
    if let Some(seconds) = facts.disturbances.over(&PRIMARY, now) {
        let mut response = github::problem(StatusCode::FORBIDDEN, "API rate limit exceeded for user ID 1.");
        let reset = now.as_second() + seconds;
        for (name, value) in [("limit", 5000), ("remaining", 0), ("used", 5000), ("reset", reset)] {
            if let Ok(name) = format!("x-ratelimit-{name}").parse::<header::HeaderName>() {
                response.headers_mut().insert(name, HeaderValue::from(value));
            }
        }
        return Some(response);
    }
    if !matches!(method, "PUT" | "DELETE") {
        return None;
    }
    let text = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let seconds = CONTENT.iter().filter_map(|allowance| facts.disturbances.over(allowance, now)).max()?;
    Some(later(github::problem(StatusCode::FORBIDDEN, text), seconds))
}

fn later(mut response: Response, seconds: i64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Lets the other writers be faster than a write to the state file: four writes in five find a new version.
pub fn others_write(facts: &mut Facts, service: &str, method: &str, path: &str) {
    let state = facts.release.release.state_path();
    let writers = facts.disturbances.writers;
    if writers == 0 || service != "github" || method != "PUT" || !path.contains(&state) {
        return;
    }
    facts.disturbances.written += 1;
    let turn = facts.disturbances.written % writers;
    if turn == 0 {
        return;
    }
    let Some(text) = facts.github.file("z-stream", &state) else { return };
    let mut kept: String = text.split_inclusive('\n').filter(|line| !line.starts_with("writer:")).collect();
    kept.push_str(&format!("writer: \"{turn}\"\n"));
    facts.github.put_file("z-stream", &state, &kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::VirtualClock;
    use crate::sim::faults::Faults;
    use crate::sim::people::Act;
    use crate::sim::scenario::Scenario;
    use crate::sim::world::World;

    fn world(scenario: &str) -> World {
        let mut scenario = Scenario::named(scenario, None, None).expect("a scenario");
        (scenario.plan.sizes.images, scenario.plan.sizes.components) = (24, 6);
        let clock = VirtualClock::starting_at(scenario.start());
        World::new(&scenario, 1, clock, "http://127.0.0.1:1".to_owned(), Faults::none())
    }

    fn status(world: &World, service: &str, method: &str, path: &str) -> Option<u16> {
        refuse(&mut world.facts(), service, method, path).map(|response| response.status().as_u16())
    }

    #[test]
    fn nothing_is_limited_unless_a_scenario_says_so() {
        let calm = world("smooth");
        assert!((0..600).all(|_| status(&calm, "github", "PUT", "/x").is_none()));
        assert!(fault(&calm.facts(), "github", 7).is_none());
    }

    #[test]
    fn the_gateway_grants_ten_calls_in_any_minute() {
        let world = world("rate-limits");
        let calls = |n: usize| (0..n).filter(|_| status(&world, "gangway", "POST", "/v1/executions").is_none()).count();
        assert_eq!(calls(12), 10);
        world.clock().advance(MINUTE);
        assert_eq!(calls(3), 3);
    }

    #[test]
    fn github_slows_down_who_creates_content_and_lets_readers_go_on() {
        let world = world("rate-limits");
        for _ in 0..80 {
            assert_eq!(status(&world, "github", "PUT", "/repos/a/b/contents/c"), None);
        }
        let refusal = refuse(&mut world.facts(), "github", "PUT", "/repos/a/b/contents/c").expect("a refusal");
        assert_eq!(refusal.status().as_u16(), 403);
        assert!(refusal.headers().contains_key("retry-after"));
        assert_eq!(status(&world, "github", "GET", "/repos/a/b/contents/c"), None);
    }

    #[test]
    fn an_expired_token_is_refused_until_somebody_renews_it() {
        let world = world("gangway-token-expires");
        assert_eq!(status(&world, "gangway", "GET", "/v1/executions"), None);
        world.clock().advance(HOUR * 11);
        assert_eq!(status(&world, "gangway", "GET", "/v1/executions"), Some(403));
        assert!(Act::RenewTokens.apply(&mut world.facts()).is_some());
        assert_eq!(status(&world, "gangway", "GET", "/v1/executions"), None);
        assert!(Act::RenewTokens.apply(&mut world.facts()).is_none(), "there is nothing left to renew");
    }

    #[test]
    fn one_service_is_out_at_a_time_and_each_of_them_once_in_seventy_minutes() {
        let world = world("outages-in-turn");
        let mut out = Vec::new();
        for _ in IN_TURN {
            let facts = world.facts();
            out.extend(IN_TURN.into_iter().filter(|service| fault(&facts, service, 1).is_some()));
            drop(facts);
            world.clock().advance(OUTAGE);
        }
        assert_eq!(out, IN_TURN);
    }

    #[test]
    fn other_writers_make_four_writes_in_five_conflict() {
        let world = world("conflict-storm");
        let path = world.facts().release.release.state_path();
        world.facts().github.put_file("z-stream", &path, "release: 4.20.17\n");
        let url = format!("/repos/openshift/release-tests/contents/{path}");
        let mut conflicts = 0;
        for _ in 0..10 {
            let mut facts = world.facts();
            let before = facts.github.branches["z-stream"].head.clone();
            others_write(&mut facts, "github", "PUT", &url);
            conflicts += usize::from(facts.github.branches["z-stream"].head != before);
        }
        assert_eq!(conflicts, 8);
    }
}
