//! Routes of branches, commits and files.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::super::answers;
use super::{InProject, missing, ok, problem, query_of, sent, text};
use crate::sim::facts::gitlab::repository::Project;
use crate::sim::facts::gitlab::{BOT, Gitlab};
use crate::sim::wire;
use crate::sim::world::World;

fn branch_json(base_url: &str, project: &Project, name: &str) -> Option<Value> {
    let branch = project.branches.get(name)?;
    let message = project.commits.get(&branch.head).map(|commit| commit.message.as_str());
    Some(json!({
        "name": name,
        "merged": false,
        "protected": name == "main",
        "default": name == "main",
        "can_push": name != "main",
        "web_url": format!("{base_url}/gitlab/{}/-/tree/{name}", project.path),
        "commit": { "id": branch.head, "short_id": branch.head.get(..8), "title": message, "message": message },
    }))
}

pub(super) async fn file(
    State(world): State<World>,
    Path((project, path)): InProject,
    RawQuery(raw): RawQuery,
) -> Response {
    let facts = world.facts();
    let Some(found) = facts.gitlab.project(&project) else { return missing("Project") };
    let query = query_of(raw);
    let Some(reference) = query.get("ref") else {
        return wire::json(StatusCode::BAD_REQUEST, &json!({ "error": "ref is missing" }));
    };
    let Some(id) = found.resolve(reference) else { return missing("Commit") };
    let Some(commit) = found.commits.get(&id) else { return missing("Commit") };
    let Some(text) = commit.files.get(&path) else { return missing("File") };
    ok(&json!({
        "file_name": path.rsplit('/').next(),
        "file_path": path,
        "size": text.len(),
        "encoding": "base64",
        "ref": reference,
        "blob_id": wire::blob_sha(text.as_bytes()),
        "commit_id": id,
        "last_commit_id": commit.last.get(&path).unwrap_or(&id),
        "execute_filemode": false,
        "content": wire::base64(text.as_bytes()),
    }))
}

pub(super) async fn branch(State(world): State<World>, Path((project, name)): InProject) -> Response {
    let facts = world.facts();
    let Some(found) = facts.gitlab.project(&project) else { return missing("Project") };
    branch_json(&facts.base_url, found, &name).map_or_else(|| missing("Branch"), |body| ok(&body))
}

fn project_mut<'a>(gitlab: &'a mut Gitlab, id: &str) -> Option<&'a mut Project> {
    let path = gitlab.project(id)?.path.clone();
    gitlab.projects.get_mut(&path)
}

pub(super) async fn add_branch(
    State(world): State<World>,
    Path(project): Path<String>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let sent = sent(&headers, raw, &body);
    let (Some(name), Some(from)) = (text(&sent, "branch"), text(&sent, "ref")) else {
        return wire::json(StatusCode::BAD_REQUEST, &json!({ "error": "branch is missing, ref is missing" }));
    };
    let Some(found) = project_mut(&mut facts.gitlab, &project) else { return missing("Project") };
    if found.branches.contains_key(name) {
        return problem(StatusCode::BAD_REQUEST, "Branch already exists");
    }
    if !found.branch_off(name, from) {
        return problem(StatusCode::BAD_REQUEST, &format!("Invalid reference name: {from}"));
    }
    let answer = branch_json(world.base_url(), found, name).unwrap_or_default();
    wire::json(StatusCode::CREATED, &answer)
}

pub(super) async fn commit(
    State(world): State<World>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let now = facts.now;
    let sent = sent(&headers, None, &body);
    let bad = |text: &str| problem(StatusCode::BAD_REQUEST, text);
    let (Some(name), Some(message)) = (text(&sent, "branch"), text(&sent, "commit_message")) else {
        return wire::json(
            StatusCode::BAD_REQUEST,
            &json!({ "error": "branch is missing, commit_message is missing" }),
        );
    };
    let Some(found) = project_mut(&mut facts.gitlab, &project) else { return missing("Project") };
    if name == "main" {
        return problem(StatusCode::FORBIDDEN, "You are not allowed to push into this branch");
    }
    let start = text(&sent, "start_branch").or_else(|| text(&sent, "start_sha"));
    let base = match (found.branches.get(name), start) {
        (Some(_), Some(_)) => {
            return bad(&format!(
                "A branch called '{name}' already exists. Switch to that branch in order to make changes"
            ));
        }
        (Some(branch), None) => branch.head.clone(),
        (None, Some(start)) => match found.resolve(start) {
            Some(id) => id,
            None => return bad("Start branch or sha does not exist"),
        },
        (None, None) => return bad("You can only create or edit files when you are on a branch"),
    };
    let changes = match found.commits.get(&base).map(|base| edits(&sent, &base.files, &base.last)) {
        Some(Ok(changes)) => changes,
        Some(Err(text)) => return bad(&text),
        None => return bad("Commit does not exist"),
    };
    if !found.branches.contains_key(name) {
        found.branch_off(name, &base);
    }
    let id = found.commit(name, message, changes);
    let path = found.path.clone();
    facts.gitlab.branch_moved(&path, name, now);
    let answer = json!({
        "id": id, "short_id": id.get(..8), "title": message, "message": message, "parent_ids": [base],
        "author_name": BOT, "author_email": "release-bot@example.com",
        "created_at": answers::stamp(now), "committed_date": answers::stamp(now),
        "web_url": format!("{}/gitlab/{path}/-/commit/{id}", world.base_url()),
    });
    wire::json(StatusCode::CREATED, &answer)
}

/// What the actions of a commit change, or GitLab's message about the first that cannot be.
fn edits(
    sent: &Map<String, Value>,
    files: &BTreeMap<String, String>,
    last: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Option<String>>, String> {
    let actions = sent.get("actions").and_then(Value::as_array).filter(|actions| !actions.is_empty());
    let mut changes = BTreeMap::new();
    for action in actions.ok_or("actions are missing")? {
        let path = action["file_path"].as_str().ok_or("actions[file_path] is missing")?;
        let known = files.contains_key(path);
        let seen = action["last_commit_id"].as_str();
        if known && seen.is_some_and(|seen| last.get(path).is_some_and(|last| last != seen)) {
            return Err("You are attempting to update a file that has changed since you started editing it.".to_owned());
        }
        let content = action["content"].as_str().unwrap_or_default();
        let content = if action["encoding"] == json!("base64") {
            let bytes = wire::from_base64(content).ok_or("content is not base64")?;
            String::from_utf8(bytes).map_err(|_| "content is not text")?
        } else {
            content.to_owned()
        };
        match action["action"].as_str() {
            Some("create") if known => return Err("A file with this name already exists".to_owned()),
            Some("update" | "delete") if !known => return Err("A file with this name doesn't exist".to_owned()),
            Some("create" | "update") => changes.insert(path.to_owned(), Some(content)),
            Some("delete") => changes.insert(path.to_owned(), None),
            Some(_) | None => return Err("actions[action] does not have a valid value".to_owned()),
        };
    }
    Ok(changes)
}

pub(super) async fn raw(
    State(world): State<World>,
    Path((group, subgroup, name, rest)): Path<(String, String, String, String)>,
) -> Response {
    let facts = world.facts();
    match facts.gitlab.published.get(&format!("{group}/{subgroup}/{name}/-/raw/{rest}")) {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.clone()).into_response(),
        None => wire::html(StatusCode::NOT_FOUND, "<html><body>404 Not Found</body></html>"),
    }
}
