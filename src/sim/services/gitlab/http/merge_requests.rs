//! Routes of merge requests: notes, approvals, merging.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::answers;
use super::{InProject, Parameters, listed, missing, ok, problem, query_of, sent, text};
use crate::sim::events::Event;
use crate::sim::facts::gitlab::merge_requests::{MergeRequest, MrState};
use crate::sim::facts::gitlab::{BOT, Gitlab, GitlabEvent};
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// How long the pipeline of a merge request that merges by itself takes.
const PIPELINE: SignedDuration = SignedDuration::from_mins(3);

fn listing(facts: &Facts, query: &Parameters, path: &str) -> Response {
    let wanted = |mr: &&MergeRequest| {
        let state = query.get("state").map_or("all", String::as_str);
        let search = query.get("search").map(|text| text.to_lowercase());
        (state == "all" || state == mr.state.name())
            && query.get("source_branch").is_none_or(|branch| *branch == mr.source_branch)
            && query.get("target_branch").is_none_or(|branch| *branch == mr.target_branch)
            && search.is_none_or(|text| {
                mr.title.to_lowercase().contains(&text) || mr.description.to_lowercase().contains(&text)
            })
    };
    let list: Vec<Value> = facts
        .gitlab
        .merge_requests
        .values()
        .rev()
        .filter(wanted)
        .map(|mr| answers::merge_request(&facts.gitlab, &facts.base_url, mr, facts.now))
        .collect();
    listed(&list, query, &facts.base_url, path)
}

pub(super) async fn all_merge_requests(State(world): State<World>, RawQuery(raw): RawQuery) -> Response {
    listing(&world.facts(), &query_of(raw), "/api/v4/merge_requests")
}

pub(super) async fn merge_requests(
    State(world): State<World>,
    Path(project): Path<String>,
    RawQuery(raw): RawQuery,
) -> Response {
    let facts = world.facts();
    match facts.gitlab.project(&project) {
        None => missing("Project"),
        Some(found) if found.path != facts.gitlab.shipment_project => ok(&json!([])),
        Some(found) => {
            let path = format!("/api/v4/projects/{}/merge_requests", found.id);
            listing(&facts, &query_of(raw), &path)
        }
    }
}

/// Finds a merge request; only the shipment project has any.
fn find<'a>(gitlab: &'a Gitlab, project: &str, iid: &str) -> Result<&'a MergeRequest, Box<Response>> {
    let Some(found) = gitlab.project(project) else { return Err(Box::new(missing("Project"))) };
    let mr = iid.parse().ok().and_then(|iid: u64| gitlab.merge_requests.get(&iid));
    mr.filter(|_| found.path == gitlab.shipment_project)
        .ok_or_else(|| Box::new(problem(StatusCode::NOT_FOUND, "404 Not found")))
}

pub(super) fn with_mr(
    world: &World,
    (project, iid): &(String, String),
    answer: impl FnOnce(&Facts, &MergeRequest) -> Response,
) -> Response {
    let facts = world.facts();
    match find(&facts.gitlab, project, iid) {
        Ok(mr) => answer(&facts, mr),
        Err(refusal) => *refusal,
    }
}

pub(super) async fn show(State(world): State<World>, Path(path): InProject) -> Response {
    with_mr(&world, &path, |facts, mr| ok(&answers::merge_request(&facts.gitlab, &facts.base_url, mr, facts.now)))
}

pub(super) async fn changes(State(world): State<World>, Path(path): InProject) -> Response {
    with_mr(&world, &path, |facts, mr| {
        let list: Vec<Value> = facts.gitlab.changes(mr).1.iter().map(answers::change).collect();
        let mut body = answers::merge_request(&facts.gitlab, &facts.base_url, mr, facts.now);
        body["changes_count"] = json!(list.len().to_string());
        body["overflow"] = json!(false);
        body["changes"] = Value::Array(list);
        ok(&body)
    })
}

pub(super) fn mr_path(facts: &Facts, mr: &MergeRequest, rest: &str) -> String {
    let id = facts.gitlab.project(&facts.gitlab.shipment_project).map_or(0, |project| project.id);
    format!("/api/v4/projects/{id}/merge_requests/{}/{rest}", mr.iid)
}

pub(super) async fn diffs(State(world): State<World>, Path(path): InProject, RawQuery(raw): RawQuery) -> Response {
    with_mr(&world, &path, |facts, mr| {
        let list: Vec<Value> = facts.gitlab.changes(mr).1.iter().map(answers::change).collect();
        listed(&list, &query_of(raw), &facts.base_url, &mr_path(facts, mr, "diffs"))
    })
}

pub(super) async fn notes(State(world): State<World>, Path(path): InProject, RawQuery(raw): RawQuery) -> Response {
    with_mr(&world, &path, |facts, mr| {
        let query = query_of(raw);
        let mut list: Vec<Value> = mr.notes.iter().map(|note| answers::note(&facts.base_url, note)).collect();
        if query.get("sort").is_none_or(|sort| sort != "asc") {
            list.reverse();
        }
        listed(&list, &query, &facts.base_url, &mr_path(facts, mr, "notes"))
    })
}

pub(super) async fn add_note(
    State(world): State<World>,
    Path((project, iid)): InProject,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let now = facts.now;
    let iid = match find(&facts.gitlab, &project, &iid) {
        Ok(mr) => mr.iid,
        Err(refusal) => return *refusal,
    };
    let sent = sent(&headers, raw, &body);
    let Some(body) = text(&sent, "body") else {
        return wire::json(StatusCode::BAD_REQUEST, &json!({ "error": "body is missing" }));
    };
    let Some(mr) = facts.gitlab.merge_requests.get_mut(&iid) else { return missing("Merge request") };
    mr.note(body, BOT, now);
    let note = mr.notes.last().map(|note| answers::note(world.base_url(), note));
    wire::json(StatusCode::CREATED, &note.unwrap_or_default())
}

pub(super) async fn edit_note(
    State(world): State<World>,
    Path((project, iid, id)): Path<(String, String, String)>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let iid = match find(&facts.gitlab, &project, &iid) {
        Ok(mr) => mr.iid,
        Err(refusal) => return *refusal,
    };
    let sent = sent(&headers, raw, &body);
    let Some(mr) = facts.gitlab.merge_requests.get_mut(&iid) else { return missing("Merge request") };
    let Some(note) = mr.notes.iter_mut().find(|note| note.id.to_string() == id) else { return missing("Note") };
    if note.author != BOT {
        return problem(StatusCode::FORBIDDEN, "403 Forbidden");
    }
    let Some(body) = text(&sent, "body") else {
        return wire::json(StatusCode::BAD_REQUEST, &json!({ "error": "body is missing" }));
    };
    body.clone_into(&mut note.body);
    ok(&answers::note(world.base_url(), note))
}

pub(super) async fn discuss(
    State(world): State<World>,
    Path((project, iid)): InProject,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let now = facts.now;
    let mr = match find(&facts.gitlab, &project, &iid) {
        Ok(mr) => mr.clone(),
        Err(refusal) => return *refusal,
    };
    let sent = sent(&headers, None, &body);
    let Some(body) = text(&sent, "body") else {
        return wire::json(StatusCode::BAD_REQUEST, &json!({ "error": "body is missing" }));
    };
    if let Some(position) = sent.get("position") {
        let head = facts.gitlab.head(&mr);
        let (base, changed) = facts.gitlab.changes(&mr);
        let line = position["new_line"].as_u64().or_else(|| position["old_line"].as_u64());
        let fits = position["head_sha"] == json!(head)
            && position["base_sha"] == json!(base)
            && changed.iter().any(|change| {
                let lines = change.after.as_deref().unwrap_or_default().lines().count() as u64;
                position["new_path"] == json!(change.path) && line.is_some_and(|line| line > 0 && line <= lines)
            });
        if !fits {
            let text = "400 Bad request - Note {:line_code=>[\"can't be blank\", \"must be a valid line code\"]}";
            return problem(StatusCode::BAD_REQUEST, text);
        }
    }
    let Some(mr) = facts.gitlab.merge_requests.get_mut(&mr.iid) else { return missing("Merge request") };
    let id = mr.note(body, BOT, now);
    let note = mr.notes.last().map(|note| answers::note(world.base_url(), note));
    let answer = json!({ "id": wire::sha1_hex(&id.to_be_bytes()), "individual_note": false, "notes": [note] });
    wire::json(StatusCode::CREATED, &answer)
}

pub(super) async fn approvals(State(world): State<World>, Path(path): InProject) -> Response {
    with_mr(&world, &path, |facts, mr| ok(&answers::approvals(&facts.gitlab, &facts.base_url, mr, facts.now)))
}

pub(super) async fn approve(
    State(world): State<World>,
    Path((project, iid)): InProject,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let now = facts.now;
    let mr = match find(&facts.gitlab, &project, &iid) {
        Ok(mr) => mr.clone(),
        Err(refusal) => return *refusal,
    };
    let refused = facts.gitlab.hooks.may_not_approve || mr.state != MrState::Opened;
    if refused || mr.approved_by.contains(BOT) {
        return problem(StatusCode::UNAUTHORIZED, "401 Unauthorized");
    }
    let head = facts.gitlab.head(&mr);
    if text(&sent(&headers, raw, &body), "sha").is_some_and(|sha| sha != head) {
        let text = format!("SHA does not match HEAD of source branch: {head}");
        return problem(StatusCode::CONFLICT, &text);
    }
    if let Some(mr) = facts.gitlab.merge_requests.get_mut(&mr.iid) {
        mr.approved_by.insert(BOT.to_owned());
        mr.updated_at = now;
    }
    if facts.gitlab.shipment_iid == Some(mr.iid) {
        facts.schedule(now, Event::QeApproved);
    }
    let body =
        facts.gitlab.merge_requests.get(&mr.iid).map(|mr| answers::approvals(&facts.gitlab, &facts.base_url, mr, now));
    wire::json(StatusCode::CREATED, &body.unwrap_or_default())
}

pub(super) async fn merge(
    State(world): State<World>,
    Path((project, iid)): InProject,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let now = facts.now;
    let mr = match find(&facts.gitlab, &project, &iid) {
        Ok(mr) => mr.clone(),
        Err(refusal) => return *refusal,
    };
    let sent = sent(&headers, raw, &body);
    if mr.state != MrState::Opened || facts.gitlab.merge_status(&mr, now) == "checking" {
        return problem(StatusCode::METHOD_NOT_ALLOWED, "405 Method Not Allowed");
    }
    if facts.gitlab.merge_status(&mr, now) != "can_be_merged" {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "Branch cannot be merged");
    }
    if text(&sent, "sha").is_some_and(|sha| sha != facts.gitlab.head(&mr)) {
        return problem(StatusCode::CONFLICT, "SHA does not match HEAD of source branch");
    }
    let later = ["merge_when_pipeline_succeeds", "auto_merge"]
        .iter()
        .any(|name| sent.get(*name).is_some_and(|value| *value == json!(true) || *value == json!("true")));
    if later {
        if let Some(mr) = facts.gitlab.merge_requests.get_mut(&mr.iid) {
            mr.auto_merge = true;
        }
        facts.schedule_in(PIPELINE, Event::Gitlab(GitlabEvent::AutoMerge { iid: mr.iid }));
    } else {
        facts.gitlab.merge(mr.iid, now);
    }
    let body = facts
        .gitlab
        .merge_requests
        .get(&mr.iid)
        .map(|mr| answers::merge_request(&facts.gitlab, &facts.base_url, mr, now));
    ok(&body.unwrap_or_default())
}

pub(super) async fn open(
    State(world): State<World>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let now = facts.now;
    let Some(source) = facts.gitlab.project(&project) else { return missing("Project") };
    let sent = sent(&headers, None, &body);
    for name in ["source_branch", "target_branch", "title"] {
        if text(&sent, name).is_none() {
            return wire::json(StatusCode::BAD_REQUEST, &json!({ "error": format!("{name} is missing") }));
        }
    }
    let source_branch = text(&sent, "source_branch").unwrap_or_default().to_owned();
    if !source.branches.contains_key(&source_branch) {
        return wire::json(StatusCode::BAD_REQUEST, &json!({ "message": { "source_branch": ["does not exist"] } }));
    }
    let source_project = source.path.clone();
    let same = facts.gitlab.merge_requests.values().find(|mr| {
        mr.state == MrState::Opened && mr.source_branch == source_branch && mr.source_project == source_project
    });
    if let Some(other) = same {
        let text = format!("Another open merge request already exists for this source branch: !{}", other.iid);
        return wire::json(StatusCode::CONFLICT, &json!({ "message": [text] }));
    }
    let iid = facts.gitlab.merge_requests.keys().next_back().map_or(1, |last| last + 1);
    let mut mr = MergeRequest::new(iid, text(&sent, "title").unwrap_or_default(), now);
    mr.source_project = source_project;
    mr.source_branch = source_branch;
    text(&sent, "target_branch").unwrap_or_default().clone_into(&mut mr.target_branch);
    text(&sent, "description").unwrap_or_default().clone_into(&mut mr.description);
    mr.labels = match sent.get("labels") {
        Some(Value::Array(list)) => list.iter().filter_map(|label| label.as_str().map(str::to_owned)).collect(),
        Some(labels) => {
            labels.as_str().unwrap_or_default().split(',').map(str::to_owned).filter(|l| !l.is_empty()).collect()
        }
        None => Vec::new(),
    };
    facts.gitlab.merge_requests.insert(iid, mr);
    facts.gitlab.new_pipeline(iid, now);
    let body =
        facts.gitlab.merge_requests.get(&iid).map(|mr| answers::merge_request(&facts.gitlab, &facts.base_url, mr, now));
    wire::json(StatusCode::CREATED, &body.unwrap_or_default())
}
