//! Pages about the repository: itself, its branches, its references.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::contents::{Place, commit_json};
use super::{account, is_ours, problem};
use crate::domain::dates::stamp;
use crate::sim::facts::github::trees::Node;
use crate::sim::facts::github::{Commit, DEFAULT_BRANCH};
use crate::sim::wire;
use crate::sim::world::World;

pub(super) async fn repository(State(world): State<World>, Path((owner, repo)): Path<(String, String)>) -> Response {
    if !is_ours(&owner, &repo) {
        return problem(StatusCode::NOT_FOUND, "Not Found");
    }
    let base_url = world.base_url();
    let url = format!("{base_url}/github/repos/{owner}/{repo}");
    let body = json!({
        "id": 1,
        "node_id": "R_1",
        "name": repo,
        "full_name": format!("{owner}/{repo}"),
        "private": false,
        "owner": account(base_url, &owner),
        "html_url": format!("{base_url}/github_web/{owner}/{repo}"),
        "description": null,
        "fork": false,
        "url": url,
        "default_branch": DEFAULT_BRANCH,
        "archived": false,
        "disabled": false,
        "permissions": { "admin": false, "push": true, "pull": true },
    });
    wire::json(StatusCode::OK, &body)
}

pub(super) async fn branch(
    State(world): State<World>,
    Path((owner, repo, name)): Path<(String, String, String)>,
) -> Response {
    let facts = world.facts();
    let Some(branch) = facts.github.branches.get(&name).filter(|_| is_ours(&owner, &repo)) else {
        return problem(StatusCode::NOT_FOUND, "Branch not found");
    };
    let place = Place { base_url: &facts.base_url, repo: format!("{owner}/{repo}"), branch: &name };
    let api = place.api();
    let inner = commit_json(
        &place,
        branch,
        Node::of(&branch.files, &facts.base_url).sha(),
        branch.messages.last().map_or("", String::as_str),
        facts.now,
    );
    let bot = account(&facts.base_url, "release-bot");
    let commit = json!({
        "sha": branch.head, "node_id": format!("C_{}", branch.head), "commit": inner,
        "url": format!("{api}/commits/{}", branch.head), "html_url": inner["html_url"],
        "comments_url": format!("{api}/commits/{}/comments", branch.head),
        "author": bot, "committer": bot, "parents": inner["parents"],
    });
    let body = json!({
        "name": name,
        "commit": commit,
        "_links": { "self": format!("{api}/branches/{name}"), "html": format!("{}/github_web/{owner}/{repo}/tree/{name}", facts.base_url) },
        "protected": false,
        "protection": { "enabled": false },
        "protection_url": format!("{api}/branches/{name}/protection"),
    });
    wire::json(StatusCode::OK, &body)
}

pub(super) async fn reference(
    State(world): State<World>,
    Path((owner, repo, reference)): Path<(String, String, String)>,
) -> Response {
    let facts = world.facts();
    let found = reference.strip_prefix("heads/").and_then(|name| facts.github.branches.get(name));
    let Some(branch) = found.filter(|_| is_ours(&owner, &repo)) else {
        return problem(StatusCode::NOT_FOUND, "Not Found");
    };
    let api = format!("{}/github/repos/{owner}/{repo}", facts.base_url);
    let body = json!({
        "ref": format!("refs/{reference}"),
        "node_id": format!("REF_{reference}"),
        "url": format!("{api}/git/refs/{reference}"),
        "object": { "type": "commit", "sha": branch.head, "url": format!("{api}/git/commits/{}", branch.head) },
    });
    wire::json(StatusCode::OK, &body)
}

/// Commits of a branch, newest first: of everything, or about one path.
pub(super) async fn commits(
    State(world): State<World>,
    Path((owner, repo)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let mut query = wire::pairs(query.as_deref().unwrap_or_default());
    let facts = world.facts();
    let reference = query.get("sha").map_or(DEFAULT_BRANCH, String::as_str);
    let Some((_, branch)) = facts.github.resolve(reference).filter(|_| is_ours(&owner, &repo)) else {
        return problem(StatusCode::NOT_FOUND, "Not Found");
    };
    let path = query.get("path").cloned().unwrap_or_default();
    let time = |name: &str| query.get(name).and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let (since, until) = (time("since"), time("until"));
    let wanted: Vec<&Commit> = branch
        .commits(&path)
        .filter(|one| since.is_none_or(|since| one.at >= since) && until.is_none_or(|until| one.at <= until))
        .collect();
    let api = format!("{}/github/repos/{owner}/{repo}", facts.base_url);
    query.entry("per_page".to_owned()).or_insert_with(|| "30".to_owned());
    let page = wire::page(&wanted, &query);
    let list = page.items.iter().map(|one| shown(one, &api, &facts.base_url)).collect();
    wire::json(StatusCode::OK, &Value::Array(list))
}

fn shown(one: &Commit, api: &str, base_url: &str) -> Value {
    let person = json!({ "name": one.by, "email": format!("{}@example.com", one.by), "date": stamp(one.at) });
    let url = format!("{api}/commits/{}", one.id);
    json!({
        "sha": one.id, "node_id": format!("C_{}", one.id), "url": url, "html_url": url,
        "comments_url": format!("{url}/comments"), "parents": [],
        "commit": { "message": one.message, "author": person, "committer": person, "comment_count": 0, "url": url,
            "tree": { "sha": one.id, "url": url } },
        "author": account(base_url, &one.by), "committer": account(base_url, &one.by),
    })
}
