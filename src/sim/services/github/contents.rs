//! The contents API: reading with ETags, writing with the id of the version that is replaced.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{is_ours, problem};
use crate::sim::facts::github::trees::Node;
use crate::sim::facts::github::{BOT, Branch, Change, DEFAULT_BRANCH};
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Above this size the contents API leaves the content out.
const INLINE_LIMIT_BYTES: usize = 1_000_000;

/// A folder listing ends here without saying so.
const LISTING_LIMIT: usize = 1000;

/// Where a file or folder is.
pub(super) struct Place<'a> {
    pub(super) base_url: &'a str,
    pub(super) repo: String,
    pub(super) branch: &'a str,
}

impl Place<'_> {
    pub(super) fn api(&self) -> String {
        format!("{}/github/repos/{}", self.base_url, self.repo)
    }

    fn entry(&self, path: &str, node: &Node<'_>) -> Value {
        let kind = node.kind();
        let (size, download) = match node {
            Node::Blob { text, .. } => {
                (text.len(), json!(format!("{}/github_raw/{}/{}/{path}", self.base_url, self.repo, self.branch)))
            }
            Node::Tree { .. } => (0, Value::Null),
        };
        let url = format!("{}/contents/{path}?ref={}", self.api(), self.branch);
        let git = format!("{}/git/{kind}s/{}", self.api(), node.sha());
        let page = format!("{}/github_web/{}/{kind}/{}/{path}", self.base_url, self.repo, self.branch);
        json!({
            "name": path.rsplit('/').next().unwrap_or(path),
            "path": path,
            "sha": node.sha(),
            "size": size,
            "url": url,
            "html_url": page,
            "git_url": git,
            "download_url": download,
            "type": if kind == "tree" { "dir" } else { "file" },
            "_links": { "self": url, "git": git, "html": page },
        })
    }
}

pub(super) async fn read_root(
    state: State<World>,
    Path((owner, repo)): Path<(String, String)>,
    query: RawQuery,
    headers: HeaderMap,
) -> Response {
    read(state, Path((owner, repo, String::new())), query, headers).await
}

pub(super) async fn read(
    State(world): State<World>,
    Path((owner, repo, path)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let facts = world.facts();
    let query = wire::pairs(query.as_deref().unwrap_or_default());
    let reference = query.get("ref").map_or(DEFAULT_BRANCH, String::as_str);
    if !is_ours(&owner, &repo) {
        return problem(StatusCode::NOT_FOUND, "Not Found");
    }
    let Some((branch, files)) = facts.github.resolve(reference).map(|(name, branch)| (name, &branch.files)) else {
        return problem(StatusCode::NOT_FOUND, &format!("No commit found for the ref {reference}"));
    };
    let root = match files.get(&path) {
        Some(text) => Node::file(text),
        None => Node::of(files, &facts.base_url),
    };
    let Some(node) = (if files.contains_key(&path) { Some(&root) } else { root.at(&path) }) else {
        return problem(StatusCode::NOT_FOUND, "Not Found");
    };
    let accept = wire::header_text(&headers, "accept").unwrap_or_default();
    let raw = accept.contains("raw");
    let etag = format!("W/\"{}{}\"", node.sha(), if raw { "-raw" } else { "" });
    if wire::header_text(&headers, "if-none-match") == Some(etag.as_str()) {
        return with_etag(StatusCode::NOT_MODIFIED.into_response(), &etag);
    }
    let place = Place { base_url: &facts.base_url, repo: format!("{owner}/{repo}"), branch };
    let path = path.trim_matches('/');
    let response = match node {
        Node::Blob { text, .. } if raw => raw_bytes(text),
        Node::Blob { text, .. } => {
            let mut body = place.entry(path, node);
            let inline = text.len() <= INLINE_LIMIT_BYTES;
            body["content"] = json!(if inline { in_lines(&wire::base64(text.as_bytes())) } else { String::new() });
            body["encoding"] = json!(if inline { "base64" } else { "none" });
            wire::json(StatusCode::OK, &body)
        }
        Node::Tree { entries, .. } => {
            let list: Vec<Value> = entries
                .iter()
                .take(LISTING_LIMIT)
                .map(|(name, node)| {
                    place.entry(&if path.is_empty() { (*name).to_owned() } else { format!("{path}/{name}") }, node)
                })
                .collect();
            wire::json(StatusCode::OK, &Value::Array(list))
        }
    };
    with_etag(response, &etag)
}

pub(super) async fn raw(
    State(world): State<World>,
    Path((owner, repo, reference, path)): Path<(String, String, String, String)>,
) -> Response {
    let facts = world.facts();
    let found = facts.github.resolve(&reference).and_then(|(_, branch)| branch.files.get(&path));
    match found {
        Some(text) if is_ours(&owner, &repo) => raw_bytes(text),
        Some(_) | None => (StatusCode::NOT_FOUND, "404: Not Found").into_response(),
    }
}

pub(super) fn raw_bytes(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.to_owned()).into_response()
}

/// GitHub breaks its base64 after 60 characters.
fn in_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / 60 + 1);
    for (n, c) in text.chars().enumerate() {
        if n > 0 && n % 60 == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    lines.push('\n');
    lines
}

fn with_etag(mut response: Response, etag: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

pub(super) async fn write(
    State(world): State<World>,
    Path((owner, repo, path)): Path<(String, String, String)>,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let sent: Map<String, Value> = match serde_json::from_slice(&body) {
        Ok(Value::Object(sent)) => sent,
        Ok(_) | Err(_) => return problem(StatusCode::BAD_REQUEST, "Problems parsing JSON"),
    };
    let Some(content) = text_of(&sent, "content") else {
        return unprocessable("\"content\" wasn't supplied.");
    };
    let Some(content) = wire::from_base64(content).and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return unprocessable("content is not valid Base64");
    };
    let branch_name = match may_change(&mut facts, &owner, &repo, &path, &sent) {
        Ok(name) => name,
        Err(refusal) => return *refusal,
    };
    let message = text_of(&sent, "message").unwrap_or_default();
    let new = facts.github.file(&branch_name, &path).is_none();
    let change = Change { message, path: &path, at: facts.now, by: BOT };
    let Some(branch) = facts.github.branches.get_mut(&branch_name) else {
        return problem(StatusCode::NOT_FOUND, "Not Found");
    };
    branch.files.insert(path.clone(), content.into());
    branch.commit(&change, world.base_url());
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    wire::json(status, &committed(&facts, world.base_url(), (&owner, &repo), &branch_name, &path, message))
}

pub(super) async fn delete(
    State(world): State<World>,
    Path((owner, repo, path)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let mut sent: Map<String, Value> = wire::pairs(query.as_deref().unwrap_or_default())
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    if let Ok(Value::Object(more)) = serde_json::from_slice(&body) {
        sent.extend(more);
    }
    let branch_name = text_of(&sent, "branch").unwrap_or(DEFAULT_BRANCH);
    let known = facts.github.branches.contains_key(branch_name);
    if known && facts.github.file(branch_name, &path).is_none() {
        return problem(StatusCode::NOT_FOUND, "Not Found");
    }
    let branch_name = match may_change(&mut facts, &owner, &repo, &path, &sent) {
        Ok(name) => name,
        Err(refusal) => return *refusal,
    };
    let message = text_of(&sent, "message").unwrap_or_default();
    let change = Change { message, path: &path, at: facts.now, by: BOT };
    if let Some(branch) = facts.github.branches.get_mut(&branch_name) {
        branch.files.remove(&path);
        branch.commit(&change, world.base_url());
    }
    let mut answer = committed(&facts, world.base_url(), (&owner, &repo), &branch_name, &path, message);
    answer["content"] = Value::Null;
    wire::json(StatusCode::OK, &answer)
}

fn text_of<'a>(sent: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    sent.get(name).and_then(Value::as_str)
}

fn unprocessable(text: &str) -> Response {
    problem(StatusCode::UNPROCESSABLE_ENTITY, &format!("Invalid request.\n\n{text}"))
}

/// Checks what both writes need and returns the name of the branch.
fn may_change(
    facts: &mut Facts,
    owner: &str,
    repo: &str,
    path: &str,
    sent: &Map<String, Value>,
) -> Result<String, Box<Response>> {
    if !is_ours(owner, repo) {
        return Err(Box::new(problem(StatusCode::NOT_FOUND, "Not Found")));
    }
    let name = text_of(sent, "branch").unwrap_or(DEFAULT_BRANCH);
    let Some(branch) = facts.github.branches.get(name) else {
        return Err(Box::new(problem(StatusCode::NOT_FOUND, &format!("Branch {name} not found"))));
    };
    if text_of(sent, "message").is_none_or(str::is_empty) {
        return Err(Box::new(unprocessable("\"message\" wasn't supplied.")));
    }
    let root = Node::of(&branch.files, &facts.base_url);
    let current = root.at(path);
    let odd = path.split('/').any(|part| matches!(part, "" | "." | ".."));
    if odd || current.is_some_and(|node| node.kind() == "tree") {
        return Err(Box::new(problem(StatusCode::UNPROCESSABLE_ENTITY, "path contains a malformed path component")));
    }
    match (current.map(Node::sha), text_of(sent, "sha")) {
        (Some(_), None) => return Err(Box::new(unprocessable("\"sha\" wasn't supplied."))),
        (Some(now), Some(given)) if now != given => {
            return Err(Box::new(problem(StatusCode::CONFLICT, &format!("{path} does not match {given}"))));
        }
        (None, Some(given)) => {
            return Err(Box::new(problem(StatusCode::CONFLICT, &format!("{path} does not match {given}"))));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    if facts.github.head_moves > 0 {
        let text = format!("is at {} but expected {}", wire::sha1_hex(branch.head.as_bytes()), branch.head);
        facts.github.head_moves -= 1;
        return Err(Box::new(problem(StatusCode::CONFLICT, &text)));
    }
    Ok(name.to_owned())
}

/// What a commit answers; `address` is where the world is served, which its tree ids leave out.
fn committed(
    facts: &Facts,
    address: &str,
    (owner, repo): (&str, &str),
    branch_name: &str,
    path: &str,
    message: &str,
) -> Value {
    let place = Place { base_url: &facts.base_url, repo: format!("{owner}/{repo}"), branch: branch_name };
    let empty = Branch::default();
    let branch = facts.github.branches.get(branch_name).unwrap_or(&empty);
    let root = Node::of(&branch.files, address);
    let content = root.at(path).map_or(Value::Null, |node| place.entry(path, node));
    json!({ "content": content, "commit": commit_json(&place, branch, root.sha(), message, facts.now) })
}

pub(super) fn commit_json(place: &Place<'_>, branch: &Branch, tree: &str, message: &str, now: Timestamp) -> Value {
    let api = place.api();
    let person = json!({
        "name": "release-bot", "email": "release-bot@example.com",
        "date": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    let parents: Vec<Value> = branch
        .past
        .last()
        .map(|sha| {
            json!({
                "sha": sha,
                "url": format!("{api}/git/commits/{sha}"),
                "html_url": format!("{}/github_web/{}/commit/{sha}", place.base_url, place.repo),
            })
        })
        .into_iter()
        .collect();
    json!({
        "sha": branch.head,
        "node_id": format!("C_{}", branch.head),
        "url": format!("{api}/git/commits/{}", branch.head),
        "html_url": format!("{}/github_web/{}/commit/{}", place.base_url, place.repo, branch.head),
        "author": person,
        "committer": person,
        "message": message,
        "tree": { "sha": tree, "url": format!("{api}/git/trees/{tree}") },
        "parents": parents,
        "verification": {
            "verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null,
        },
    })
}
