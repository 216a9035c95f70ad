//! GitHub with the one repository that keeps the state of releases.
//!
//! Blob, tree and commit ids are computed as Git computes them (trees and blobs) or as a chain
//! (commits), so a lost update is refused because it is one, not because a script says so.

mod contents;
mod graphql;
#[cfg(test)]
mod tests;
mod trees;

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::sim::auth::{self, Credentials};
use crate::sim::events::Event;
use crate::sim::scenario::ReleasePlan;
use crate::sim::services::wire;
use crate::sim::world::{Facts, World};

/// The repository there is.
pub const REPOSITORY: &str = "openshift/release-tests";

const BRANCHES: [&str; 3] = ["main", "record", "z-stream"];
const DEFAULT_BRANCH: &str = "main";

/// What GitHub knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Github {
    /// Branches by name.
    pub branches: BTreeMap<String, Branch>,
    /// How many of the next writes find that the head has moved.
    pub head_moves: u32,
    /// Requests per hour, when the scenario limits them.
    pub limit: Option<Limit>,
    #[serde(skip)]
    base_url: String,
}

/// A branch and its files.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Branch {
    /// Id of the newest commit.
    pub head: String,
    /// Ids of older commits, oldest first.
    pub past: Vec<String>,
    /// Messages of all commits, oldest first.
    pub messages: Vec<String>,
    /// Files by path.
    pub files: BTreeMap<String, String>,
}

/// An hourly allowance.
#[derive(Debug, Clone, Serialize)]
pub struct Limit {
    /// Requests per hour.
    pub limit: u64,
    /// Used in the present hour.
    pub used: u64,
    /// When the present hour ends.
    pub reset: Timestamp,
}

impl Branch {
    fn commit(&mut self, message: &str, base_url: &str) -> &str {
        let tree = trees::Node::of(&self.files, base_url).sha().to_owned();
        let parent = std::mem::take(&mut self.head);
        let order = self.messages.len();
        self.head = wire::sha1_hex(format!("tree {tree}\nparent {parent}\n{order} {message}").as_bytes());
        if !parent.is_empty() {
            self.past.push(parent);
        }
        self.messages.push(message.to_owned());
        &self.head
    }
}

impl Github {
    /// Three branches with a first commit each; actors put the files there.
    pub fn new(_plan: &ReleasePlan, base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        let mut github = Self { base_url: base_url.to_owned(), ..Self::default() };
        for name in BRANCHES {
            let mut branch = Branch::default();
            branch.files.insert("README.md".to_owned(), format!("Branch {name}.\n"));
            branch.commit("Begin", base_url);
            github.branches.insert(name.to_owned(), branch);
        }
        github
    }

    /// Commits a file as somebody else would, whatever was there before (actors call this).
    pub fn put_file(&mut self, branch: &str, path: &str, content: &str) {
        let branch = self.branches.entry(branch.to_owned()).or_default();
        branch.files.insert(path.to_owned(), content.to_owned());
        branch.commit(&format!("Update {path}"), &self.base_url);
    }

    /// The text of a file, if it is there.
    pub fn file(&self, branch: &str, path: &str) -> Option<&str> {
        self.branches.get(branch)?.files.get(path).map(String::as_str)
    }

    /// Finds a branch by its name (also `heads/x`, `refs/heads/x`) or by the id of its head.
    fn resolve(&self, reference: &str) -> Option<(&str, &Branch)> {
        let short = reference.strip_prefix("refs/").unwrap_or(reference);
        let short = short.strip_prefix("heads/").unwrap_or(short);
        self.branches
            .iter()
            .find(|(name, branch)| name.as_str() == short || branch.head == reference)
            .map(|(name, branch)| (name.as_str(), branch))
    }
}

/// Routes below `/github`.
pub fn router() -> Router<World> {
    Router::new()
        .route("/repos/{owner}/{repo}", get(contents::repository))
        .route("/repos/{owner}/{repo}/branches/{*branch}", get(contents::branch))
        .route("/repos/{owner}/{repo}/git/ref/{*reference}", get(contents::reference))
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
pub fn refuse(_path: &str, headers: &HeaderMap, credentials: &Credentials) -> Option<Response> {
    if wire::header_text(headers, "user-agent").is_none_or(str::is_empty) {
        let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return Some((StatusCode::FORBIDDEN, text).into_response());
    }
    let good = auth::bearer(headers, &credentials.github_token)
        || auth::scheme(headers, "token").is_some_and(|token| token == credentials.github_token);
    if good {
        return None;
    }
    let text = if headers.contains_key("authorization") { "Bad credentials" } else { "Requires authentication" };
    Some(problem(StatusCode::UNAUTHORIZED, text))
}

/// GitHub changes only through its API and through actors.
pub fn hear(_facts: &mut Facts, _event: &Event) {}

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
