//! How requests fare while something disturbs the services: outages, delays, refusals, other writers.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use crate::domain::service::Service;
use crate::sim::disturbances::{CONTENT, GANGWAY, PRIMARY, SLACK};
use crate::sim::faults::InjectedFault;
use crate::sim::faults::rules::{Struck, by_chance};
use crate::sim::services::{github, table};
use crate::sim::wire;
use crate::sim::world::Facts;

/// What goes wrong with this request before its service sees it; `dice` are its own.
pub fn fault(facts: &Facts, service: Service, method: &str, path: &str, dice: u64) -> Option<Struck> {
    let disturbances = &facts.disturbances;
    let struck = |fault| Some(Struck { fault, dice, by_chance: true });
    if disturbances.is_out(service, facts.now) {
        return struck(InjectedFault::status(503));
    }
    if let Some(hit) = by_chance(f64::from(disturbances.flaky_percent) / 100.0, dice) {
        return Some(hit);
    }
    if disturbances.slow {
        let ms = if dice.is_multiple_of(20) { 20_000 + dice % 40_000 } else { 200 + dice % 19_800 };
        return struck(InjectedFault::Latency { ms: u32::try_from(ms).unwrap_or(20_000), jitter_ms: 0 });
    }
    if !table::is_look_up(service.id(), method, path) {
        return None;
    }
    if let Some(age_s) = disturbances.age_of_copy(service, facts.now) {
        return struck(InjectedFault::stale(age_s, 0));
    }
    disturbances.oldest_s.get(&service).and_then(|most| struck(InjectedFault::stale(0, *most)))
}

/// How a service refuses.
struct Refusals {
    /// What it says of everything that the account may not see.
    hidden: fn() -> Response,
    /// What it says to an expired token, or to the Kerberos ticket.
    expired: fn() -> Response,
    /// What it says when its allowance is used up, and counts this request before.
    limited: fn(&mut Facts, &str, &str) -> Option<Response>,
}

/// Those of most services.
const USUAL: Refusals = Refusals {
    hidden: || wire::html(StatusCode::NOT_FOUND, "<html><body><h2>HTTP ERROR 404 Not Found</h2></body></html>"),
    expired: || wire::json(StatusCode::UNAUTHORIZED, &json!({ "message": "the token is expired" })),
    limited: |_, _, _| None,
};

fn refusals_of(service: Service) -> Refusals {
    match service {
        Service::Github => Refusals { limited: github_limit, ..USUAL },
        Service::Gangway => Refusals {
            expired: || wire::html(StatusCode::FORBIDDEN, "<html><body><h1>403 Forbidden</h1></body></html>"),
            limited: |facts, _, _| {
                facts.disturbances.over(&GANGWAY, facts.now).map(|seconds| later(too_many(), seconds))
            },
            ..USUAL
        },
        Service::Slack => Refusals {
            expired: || wire::json(StatusCode::OK, &json!({ "ok": false, "error": "token_expired" })),
            limited: slack_limit,
            ..USUAL
        },
        Service::Errata => Refusals {
            hidden: || wire::json(StatusCode::NOT_FOUND, &json!({ "error": "BAD_REQUEST", "errors": ["not found"] })),
            expired: negotiate,
            ..USUAL
        },
        Service::Gitlab => Refusals {
            hidden: || wire::json(StatusCode::NOT_FOUND, &json!({ "message": "404 Project Not Found" })),
            ..USUAL
        },
        Service::Jira => Refusals {
            hidden: || {
                let text = "Issue does not exist or you do not have permission to see it.";
                wire::json(StatusCode::NOT_FOUND, &json!({ "errorMessages": [text], "errors": {} }))
            },
            ..USUAL
        },
        Service::Koji
        | Service::BrewDownload
        | Service::Jenkins
        | Service::GoogleOauth
        | Service::Sheets
        | Service::Drive
        | Service::Gcs
        | Service::Gcsweb
        | Service::GithubRaw
        | Service::GithubWeb
        | Service::BuildData
        | Service::ReleaseController
        | Service::Prow
        | Service::ProwPrivate
        | Service::Sippy
        | Service::SippyQe
        | Service::Signatures
        | Service::Catalog
        | Service::CatalogStage
        | Service::Pyxis
        | Service::CustomerPortal
        | Service::Registry
        | Service::Kube
        | Service::Ldap
        | Service::Llm
        | Service::Oauth
        | Service::Elliott => USUAL,
    }
}

/// The refusal of a service whose token is expired or whose allowance is used up.
pub fn refuse(facts: &mut Facts, service: Service, method: &str, path: &str) -> Option<Response> {
    let (now, refusals) = (facts.now, refusals_of(service));
    if facts.disturbances.is_hidden(service, now) {
        return Some((refusals.hidden)());
    }
    if facts.disturbances.expired(service, now) {
        return Some((refusals.expired)());
    }
    if service == Service::Gangway
        && method == "POST"
        && let Some((seconds, says_when)) = facts.disturbances.gateway_refuses(now)
    {
        let refusal = too_many();
        return Some(if says_when { later(refusal, seconds) } else { refusal });
    }
    if !facts.disturbances.limits {
        return None;
    }
    (refusals.limited)(facts, method, path)
}

/// The gateway's refusal: nothing was started.
fn too_many() -> Response {
    wire::json(StatusCode::TOO_MANY_REQUESTS, &json!({ "code": 8, "message": "too many requests", "details": [] }))
}

/// The ticket is not accepted any more.
fn negotiate() -> Response {
    let mut response = wire::html(StatusCode::UNAUTHORIZED, "<html><body><h1>401 Unauthorized</h1></body></html>");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Negotiate"));
    response
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

fn slack_limit(facts: &mut Facts, _method: &str, path: &str) -> Option<Response> {
    let tier = SLACK.iter().find(|tier| path.trim_start_matches('/').starts_with(tier.name))?;
    let seconds = facts.disturbances.over(tier, facts.now)?;
    let refusal = wire::json(StatusCode::TOO_MANY_REQUESTS, &json!({ "ok": false, "error": "ratelimited" }));
    Some(later(refusal, seconds))
}

fn later(mut response: Response, seconds: i64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Lets the other writers be faster than a write to the state file: four writes in five find a new version.
pub fn others_write(facts: &mut Facts, service: Service, method: &str, path: &str) {
    let state = facts.release.release.state_path();
    let writers = facts.disturbances.writers;
    if writers == 0 || service != Service::Github || method != "PUT" || !path.contains(&state) {
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
    use crate::sim::act::Act;
    use crate::sim::disturbances::{HOUR, MINUTE, OUTAGE, TURNS, turn_of};
    use crate::sim::people;
    use crate::sim::tests::small_world;
    use crate::sim::world::World;

    fn status(world: &World, service: Service, method: &str, path: &str) -> Option<u16> {
        refuse(&mut world.facts(), service, method, path).map(|response| response.status().as_u16())
    }

    #[test]
    fn nothing_is_limited_unless_a_scenario_says_so() {
        let calm = small_world("smooth");
        assert!((0..600).all(|_| status(&calm, Service::Github, "PUT", "/x").is_none()));
        assert!(fault(&calm.facts(), Service::Github, "GET", "/x", 7).is_none());
    }

    #[test]
    fn the_gateway_grants_ten_calls_in_any_minute() {
        let world = small_world("rate-limits");
        let calls =
            |n: usize| (0..n).filter(|_| status(&world, Service::Gangway, "POST", "/v1/executions").is_none()).count();
        assert_eq!(calls(12), 10);
        world.clock().advance(MINUTE);
        assert_eq!(calls(3), 3);
    }

    #[test]
    fn github_slows_down_who_creates_content_and_lets_readers_go_on() {
        let world = small_world("rate-limits");
        for _ in 0..80 {
            assert_eq!(status(&world, Service::Github, "PUT", "/repos/a/b/contents/c"), None);
        }
        let refusal = refuse(&mut world.facts(), Service::Github, "PUT", "/repos/a/b/contents/c").expect("a refusal");
        assert_eq!(refusal.status().as_u16(), 403);
        assert!(refusal.headers().contains_key("retry-after"));
        assert_eq!(status(&world, Service::Github, "GET", "/repos/a/b/contents/c"), None);
    }

    #[test]
    fn an_expired_token_is_refused_until_somebody_renews_it() {
        let world = small_world("gangway-token-expires");
        assert_eq!(status(&world, Service::Gangway, "GET", "/v1/executions"), None);
        world.clock().advance(HOUR * 11);
        assert_eq!(status(&world, Service::Gangway, "GET", "/v1/executions"), Some(403));
        assert!(people::act(Act::RenewTokens, &mut world.facts()).is_some());
        assert_eq!(status(&world, Service::Gangway, "GET", "/v1/executions"), None);
        assert!(people::act(Act::RenewTokens, &mut world.facts()).is_none(), "there is nothing left to renew");
    }

    #[test]
    fn one_service_is_out_at_a_time_and_each_of_them_once_in_seventy_minutes() {
        let world = small_world("outages-in-turn");
        let mut out = Vec::new();
        for _ in 0..TURNS {
            let facts = world.facts();
            out.push(Vec::from_iter(
                Service::ALL.iter().copied().filter(|service| fault(&facts, *service, "GET", "/x", 1).is_some()),
            ));
            drop(facts);
            world.clock().advance(OUTAGE);
        }
        let turns = out.iter().map(|out| out.iter().map(|service| turn_of(*service)).collect::<Vec<_>>());
        assert_eq!(turns.collect::<Vec<_>>(), (0..TURNS).map(|turn| vec![Some(turn)]).collect::<Vec<_>>());
    }

    #[test]
    fn other_writers_make_four_writes_in_five_conflict() {
        let world = small_world("conflict-storm");
        let path = world.facts().release.release.state_path();
        world.facts().github.put_file("z-stream", &path, "release: 4.20.17\n");
        let url = format!("/repos/openshift/release-tests/contents/{path}");
        let mut conflicts = 0;
        for _ in 0..10 {
            let mut facts = world.facts();
            let before = facts.github.branches["z-stream"].head.clone();
            others_write(&mut facts, Service::Github, "PUT", &url);
            conflicts += usize::from(facts.github.branches["z-stream"].head != before);
        }
        assert_eq!(conflicts, 8);
    }
}
