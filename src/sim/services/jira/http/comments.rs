//! Comments and links of an issue.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::answers::Version;
use super::{bad_field, bot, no_api, no_issue, object, ok, writer};
use crate::sim::facts::jira::Comment;
use crate::sim::wire;
use crate::sim::world::World;

pub(super) async fn comments(State(world): State<World>, Path((version, key)): Path<(String, String)>) -> Response {
    let Some(version) = Version::of(&version) else { return no_api() };
    let mut facts = world.facts();
    let me = bot(&mut facts);
    let Some(issue) = facts.jira.find(&key) else { return no_issue() };
    let writer = writer(&facts, version);
    let list: Vec<Value> = issue.comments.iter().map(|comment| writer.comment(issue, comment, &me)).collect();
    let total = list.len();
    ok(&json!({ "startAt": 0, "maxResults": total.max(100), "total": total, "comments": list }))
}

pub(super) async fn comment(
    State(world): State<World>,
    Path((version, key)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let Some(version) = Version::of(&version) else { return no_api() };
    let mut facts = world.facts();
    let now = facts.now;
    let me = bot(&mut facts);
    let Some(issue) = facts.jira.find_mut(&key) else { return no_issue() };
    let text = object(&body).and_then(|sent| version.read(sent.get("body")?)).filter(|text| !text.trim().is_empty());
    let Some(text) = text else { return bad_field("comment", "Comment body is not valid!") };
    let id = issue.id * 100 + issue.comments.len() as u64 + 1;
    let comment = Comment { id, body: text, created: now };
    issue.comments.push(comment.clone());
    let issue = issue.clone();
    wire::json(StatusCode::CREATED, &writer(&facts, version).comment(&issue, &comment, &me))
}

pub(super) async fn remote_links(State(world): State<World>, Path((version, key)): Path<(String, String)>) -> Response {
    let Some(version) = Version::of(&version) else { return no_api() };
    let facts = world.facts();
    let Some(issue) = facts.jira.find(&key) else { return no_issue() };
    let self_url = writer(&facts, version).issue_url(issue);
    let list: Vec<Value> = issue
        .remote_links
        .iter()
        .zip(1..)
        .map(|((url, title), n)| {
            json!({
                "id": issue.id * 100 + n, "self": format!("{self_url}/remotelink/{}", issue.id * 100 + n),
                "object": { "url": url, "title": title },
            })
        })
        .collect();
    ok(&Value::Array(list))
}
