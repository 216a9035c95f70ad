//! Git's view of a branch: trees and blobs with their real ids.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::contents::raw_bytes;
use super::problem;
use crate::sim::facts::github::resolve_in;
use crate::sim::facts::github::trees::Node;
use crate::sim::wire;
use crate::sim::world::World;

pub(super) async fn show(
    State(world): State<World>,
    Path((owner, repo, wanted)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let facts = world.facts();
    let Some(branches) = facts.github.branches_of(&owner, &repo) else {
        return problem(StatusCode::NOT_FOUND, "Not Found");
    };
    let deep = wire::pairs(query.as_deref().unwrap_or_default()).contains_key("recursive");
    let (reference, path) = wanted.split_once(':').unwrap_or((&wanted, ""));
    let url = format!("{}/github/repos/{owner}/{repo}", facts.base_url);
    let by_reference = resolve_in(branches, reference).map(|(_, branch)| Node::of(&branch.files, &facts.base_url));
    let is_named = by_reference.is_some();
    let roots: Vec<Node<'_>> = match by_reference {
        Some(root) => vec![root],
        None => branches.values().map(|branch| Node::of(&branch.files, &facts.base_url)).collect(),
    };
    let found = roots.iter().find_map(|root| {
        let at = if is_named { Some(root) } else { root.find_tree(reference) };
        at?.at(path).filter(|node| node.kind() == "tree")
    });
    let Some(tree) = found else { return problem(StatusCode::NOT_FOUND, "Not Found") };
    let mut entries = Vec::new();
    tree.list("", deep, &url, &mut entries);
    let body = json!({
        "sha": tree.sha(),
        "url": format!("{url}/git/trees/{}", tree.sha()),
        "tree": entries,
        "truncated": false,
    });
    wire::json(StatusCode::OK, &body)
}

pub(super) async fn blob(
    State(world): State<World>,
    Path((owner, repo, sha)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let facts = world.facts();
    let branches = facts.github.branches_of(&owner, &repo).into_iter().flat_map(|branches| branches.values());
    let found = branches.flat_map(|branch| branch.files.values()).find(|text| text.id() == sha);
    let Some(text) = found else { return problem(StatusCode::NOT_FOUND, "Not Found") };
    if wire::header_text(&headers, "accept").is_some_and(|accept| accept.contains("raw")) {
        return raw_bytes(text);
    }
    let body = json!({
        "sha": sha,
        "node_id": format!("B_{sha}"),
        "size": text.len(),
        "url": format!("{}/github/repos/{owner}/{repo}/git/blobs/{sha}", facts.base_url),
        "content": wire::base64(text.as_bytes()),
        "encoding": "base64",
    });
    wire::json(StatusCode::OK, &body)
}
