//! GitHub with the one repository that keeps the state of releases.
//!
//! Blob, tree and commit ids are computed as Git computes them (trees and blobs) or as a chain
//! (commits), so a lost update is refused because it is one, not because a script says so.

mod contents;
mod graphql;
mod repository;
#[cfg(test)]
mod tests;
mod trees;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::domain::credential::Credential;
use crate::sim::auth;
use crate::sim::facts::github::REPOSITORY;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/github`.
pub fn router() -> Router<World> {
    Router::new()
        .route("/repos/{owner}/{repo}", get(repository::repository))
        .route("/repos/{owner}/{repo}/branches/{*branch}", get(repository::branch))
        .route("/repos/{owner}/{repo}/git/ref/{*reference}", get(repository::reference))
        .route("/repos/{owner}/{repo}/contents", get(contents::read_root))
        .route("/repos/{owner}/{repo}/contents/", get(contents::read_root))
        .route(
            "/repos/{owner}/{repo}/contents/{*path}",
            get(contents::read).put(contents::write).delete(contents::delete),
        )
        .route("/repos/{owner}/{repo}/git/trees/{*tree}", get(trees::show))
        .route("/repos/{owner}/{repo}/git/blobs/{sha}", get(trees::blob))
        .route("/graphql", post(graphql::answer))
        .route("/rate_limit", get(rate_limit))
        .route("/user", get(user))
}

/// Routes below `/github_raw`.
pub fn raw_router() -> Router<World> {
    Router::new().route("/{owner}/{repo}/{reference}/{*path}", get(contents::raw))
}

/// GitHub's own refusal: nobody without a user agent, nobody without a token.
pub fn refuse(_path: &str, headers: &HeaderMap) -> Option<Response> {
    if wire::header_text(headers, "user-agent").is_none_or(str::is_empty) {
        let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return Some((StatusCode::FORBIDDEN, text).into_response());
    }
    let good = auth::bearer(headers, Credential::GithubToken)
        || auth::scheme(headers, "token").is_some_and(|token| token == auth::accepted(Credential::GithubToken));
    if good {
        return None;
    }
    let text = if headers.contains_key("authorization") { "Bad credentials" } else { "Requires authentication" };
    Some(problem(StatusCode::UNAUTHORIZED, text))
}

/// An error in the form of GitHub.
pub(in crate::sim) fn problem(status: StatusCode, message: &str) -> Response {
    let body = json!({
        "message": message,
        "documentation_url": "https://docs.example.com/rest",
        "status": status.as_u16().to_string(),
    });
    wire::json(status, &body)
}

fn is_ours(owner: &str, repo: &str) -> bool {
    REPOSITORY.split_once('/').is_some_and(|ours| ours == (owner, repo))
}

/// Counts a request against the allowance; the refusal when nothing is left.
fn over_limit(facts: &mut Facts) -> Option<Response> {
    let now = facts.now;
    let limit = facts.github.limit.as_mut()?;
    if now >= limit.reset {
        limit.used = 0;
        limit.reset = now.saturating_add(jiff::SignedDuration::from_hours(1)).unwrap_or(now);
    }
    if limit.used < limit.limit {
        limit.used += 1;
        return None;
    }
    let mut response = problem(StatusCode::FORBIDDEN, "API rate limit exceeded for user ID 1.");
    for (name, value) in [
        ("x-ratelimit-limit", limit.limit.to_string()),
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-used", limit.used.to_string()),
        ("x-ratelimit-reset", limit.reset.as_second().to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ] {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Some(response)
}

async fn rate_limit(State(world): State<World>) -> Response {
    let facts = world.facts();
    let (limit, used, reset) = match &facts.github.limit {
        Some(limit) => (limit.limit, limit.used, limit.reset),
        None => (5000, 0, facts.now),
    };
    let rate = json!({
        "limit": limit, "used": used, "remaining": limit.saturating_sub(used), "reset": reset.as_second(),
    });
    let body = json!({ "resources": { "core": rate, "search": rate, "graphql": rate }, "rate": rate });
    wire::json(StatusCode::OK, &body)
}

/// The account behind the token.
fn account(base_url: &str, login: &str) -> Value {
    let url = format!("{base_url}/github/users/{login}");
    json!({
        "login": login, "id": 1, "node_id": "U_1", "avatar_url": format!("{url}/avatar"), "gravatar_id": "",
        "url": url, "html_url": format!("{base_url}/github_web/{login}"), "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following"), "gists_url": format!("{url}/gists"),
        "starred_url": format!("{url}/starred"), "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"), "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events"), "received_events_url": format!("{url}/received_events"),
        "type": "User", "site_admin": false,
    })
}

async fn user(State(world): State<World>) -> Response {
    wire::json(StatusCode::OK, &account(world.base_url(), "release-bot"))
}
