//! GitHub with the one repository that keeps the state of releases.
//!
//! Blob, tree and commit ids are computed as Git computes them (trees and blobs) or as a chain
//! (commits), so a lost update is refused because it is one, not because a script says so.

mod apps;
pub mod budget;
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
use axum::routing::{delete, get, post};
use serde_json::{Value, json};

use crate::domain::credential::Credential;
use crate::sim::auth;
use crate::sim::facts::github::REPOSITORY;
use crate::sim::wire;
use crate::sim::world::World;

/// Routes below `/github`.
pub fn router() -> Router<World> {
    Router::new()
        .route("/repos/{owner}/{repo}", get(repository::repository))
        .route("/repos/{owner}/{repo}/commits", get(repository::commits))
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
        .route("/repos/{owner}/{repo}/installation", get(apps::of_repository))
        .route("/orgs/{org}/installation", get(apps::of_organization))
        .route("/app", get(apps::app))
        .route("/app/installations", get(apps::installations))
        .route("/app/installations/{id}", get(apps::installation))
        .route("/app/installations/{id}/access_tokens", post(apps::access_token))
        .route("/installation/token", delete(apps::give_back))
        .route("/rate_limit", get(rate_limit))
        .route("/user", get(user))
}

/// Routes below `/github_raw`.
pub fn raw_router() -> Router<World> {
    Router::new().route("/{owner}/{repo}/{reference}/{*path}", get(contents::raw))
}

/// GitHub's own refusal: nobody without a user agent, nobody without a token.
pub fn refuse(path: &str, headers: &HeaderMap) -> Option<Response> {
    if wire::header_text(headers, "user-agent").is_none_or(str::is_empty) {
        let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return Some((StatusCode::FORBIDDEN, text).into_response());
    }
    let good = auth::bearer(headers, Credential::GithubToken)
        || auth::scheme(headers, "token").is_some_and(|token| token == auth::accepted(Credential::GithubToken));
    // Tokens of installations are known to the world alone, and Apps prove themselves to the routes that are theirs.
    if good || budget::given(headers).is_some() || apps::is_for_apps(path) {
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

async fn rate_limit(State(world): State<World>, headers: HeaderMap) -> Response {
    let facts = world.facts();
    let (limit, used, reset) = match facts.github.budgets.get(&budget::holder(&facts, &headers)) {
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
