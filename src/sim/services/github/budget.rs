//! Who asks, what they may do, and how much they may still ask: each token has an hour's allowance of its own.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::{apps, problem};
use crate::sim::auth;
use crate::sim::facts::github::Limit;
use crate::sim::facts::github::apps::{Token, USER, is_within};
use crate::sim::world::Facts;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// What a token may ask in an hour.
const ALLOWANCE: u64 = 5000;

/// The token of an installation, when one is given.
pub(super) fn given(headers: &HeaderMap) -> Option<&str> {
    let text = auth::scheme(headers, "bearer").or_else(|| auth::scheme(headers, "token"))?;
    text.starts_with("ghs_").then_some(text)
}

/// The refusal of a request that its token does not allow, or no longer.
pub fn admit(facts: &mut Facts, method: &str, path: &str, headers: &HeaderMap) -> Option<Response> {
    if apps::is_for_apps(path) {
        // Proven by the routes themselves, which need to know who it is.
        return None;
    }
    let now = facts.now;
    if let Some(text) = given(headers) {
        let Some(token) = facts.github.apps.token(text, now) else {
            return Some(problem(StatusCode::UNAUTHORIZED, "Bad credentials"));
        };
        if let Some(refusal) = not_allowed(token, method, path) {
            return Some(refusal);
        }
    }
    if path.starts_with("/rate_limit") {
        return None;
    }
    let holder = holder(facts, headers);
    let limit = facts.github.budgets.get_mut(&holder)?;
    renew(limit, now);
    if limit.used < limit.limit {
        return None;
    }
    let text = if holder == USER { "user ID 1" } else { "installation ID 5001" };
    let text = text.replace("5001", &holder);
    let mut refusal = problem(StatusCode::FORBIDDEN, &format!("API rate limit exceeded for {text}."));
    state(limit, &mut refusal);
    Some(refusal)
}

/// Counts an answer against the allowance of its token, unless it says that nothing has changed.
pub fn answered(facts: &mut Facts, path: &str, headers: &HeaderMap, response: &mut Response) {
    if apps::is_for_apps(path) || path.starts_with("/rate_limit") {
        return;
    }
    let holder = holder(facts, headers);
    let now = facts.now;
    if holder != USER && !facts.github.budgets.contains_key(&holder) {
        let reset = now.saturating_add(HOUR).unwrap_or(now);
        facts.github.budgets.insert(holder.clone(), Limit { limit: ALLOWANCE, used: 0, reset });
    }
    let Some(limit) = facts.github.budgets.get_mut(&holder) else { return };
    renew(limit, now);
    limit.used += u64::from(response.status() != StatusCode::NOT_MODIFIED);
    state(limit, response);
}

/// Whose allowance it is: the installation's, or the user's.
pub(super) fn holder(facts: &Facts, headers: &HeaderMap) -> String {
    let token = given(headers).and_then(|text| facts.github.apps.tokens.get(text));
    token.map_or_else(|| USER.to_owned(), |token| token.installation.to_string())
}

fn renew(limit: &mut Limit, now: Timestamp) {
    if now >= limit.reset {
        limit.used = 0;
        limit.reset = now.saturating_add(HOUR).unwrap_or(now);
    }
}

/// Says how much is left.
fn state(limit: &Limit, response: &mut Response) {
    let reset = u64::try_from(limit.reset.as_second()).unwrap_or_default();
    let left = limit.limit.saturating_sub(limit.used);
    for (name, value) in [("limit", limit.limit), ("remaining", left), ("used", limit.used), ("reset", reset)] {
        if let Ok(name) = format!("x-ratelimit-{name}").parse::<HeaderName>() {
            response.headers_mut().insert(name, HeaderValue::from(value));
        }
    }
    response.headers_mut().insert("x-ratelimit-resource", HeaderValue::from_static("core"));
}

/// What the permissions and the repositories of a token leave out.
fn not_allowed(token: &Token, method: &str, path: &str) -> Option<Response> {
    let forbidden = || Some(problem(StatusCode::FORBIDDEN, "Resource not accessible by integration"));
    let path = path.split('?').next().unwrap_or_default();
    let how = if matches!(method, "GET" | "HEAD") || path == "/graphql" { "read" } else { "write" };
    let Some(rest) = path.strip_prefix("/repos/") else {
        return if path == "/user" { forbidden() } else { None };
    };
    let mut parts = rest.splitn(3, '/');
    let repo = parts.nth(1).unwrap_or_default();
    if token.repositories.as_ref().is_some_and(|names| names.iter().all(|name| name != repo)) {
        return Some(problem(StatusCode::NOT_FOUND, "Not Found"));
    }
    let inside = parts.next().unwrap_or_default();
    let needed = match inside.split('/').next().unwrap_or_default() {
        "" => "metadata",
        "pulls" | "issues" => "pull_requests",
        _ => "contents",
    };
    if is_within(how, token.permissions.get(needed)) { None } else { forbidden() }
}
