//! Routes of GitLab.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::{BOT, Gitlab, GitlabEvent, MergeRequest, MrState, answers};
use crate::sim::events::Event;
use crate::sim::services::people::Person;
use crate::sim::services::wire;
use crate::sim::world::{Facts, World};

/// How long the pipeline of a merge request that merges by itself takes.
const PIPELINE: SignedDuration = SignedDuration::from_mins(3);

/// Routes below `/gitlab`.
pub(super) fn router() -> Router<World> {
    let project = "/api/v4/projects/{project}";
    let mr = format!("{project}/merge_requests/{{iid}}");
    let pipeline = format!("{project}/pipelines/{{pipeline}}");
    Router::new()
        .route("/api/v4/user", get(me))
        .route("/api/v4/users", get(users))
        .route("/api/v4/version", get(version))
        .route("/api/v4/merge_requests", get(all_merge_requests))
        .route(project, get(show_project))
        .route(&format!("{project}/merge_requests"), get(merge_requests).post(open))
        .route(&mr, get(show))
        .route(&format!("{mr}/changes"), get(changes))
        .route(&format!("{mr}/diffs"), get(diffs))
        .route(&format!("{mr}/notes"), get(notes).post(add_note))
        .route(&format!("{mr}/notes/{{note}}"), put(edit_note))
        .route(&format!("{mr}/discussions"), post(discuss))
        .route(&format!("{mr}/approvals"), get(approvals))
        .route(&format!("{mr}/approve"), post(approve))
        .route(&format!("{mr}/pipelines"), get(pipelines))
        .route(&format!("{mr}/merge"), put(merge))
        .route(&pipeline, get(pipeline_of))
        .route(&format!("{pipeline}/jobs"), get(jobs))
        .route(&format!("{pipeline}/bridges"), get(bridges))
        .route(&format!("{project}/repository/files/{{path}}"), get(file))
        .route(&format!("{project}/repository/branches"), post(add_branch))
        .route(&format!("{project}/repository/branches/{{branch}}"), get(branch))
        .route(&format!("{project}/repository/commits"), post(commit))
        .route("/{group}/{subgroup}/{name}/-/raw/{*rest}", get(raw))
}

fn ok(body: &Value) -> Response {
    wire::json(StatusCode::OK, body)
}

fn problem(status: StatusCode, message: &str) -> Response {
    wire::json(status, &json!({ "message": message }))
}

fn missing(what: &str) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("404 {what} Not Found"))
}

type Query = BTreeMap<String, String>;

fn query_of(raw: Option<String>) -> Query {
    wire::pairs(raw.as_deref().unwrap_or_default())
}

/// A page of a list with GitLab's paging headers.
fn listed(all: &[Value], query: &Query, base_url: &str, path: &str) -> Response {
    let page = wire::page(all, query);
    let mut response = ok(&Value::Array(page.items.to_vec()));
    let more = page.number < page.pages();
    let next = if more { (page.number + 1).to_string() } else { String::new() };
    let mut headers = vec![
        ("x-page", page.number.to_string()),
        ("x-per-page", page.size.to_string()),
        ("x-total", page.total.to_string()),
        ("x-total-pages", page.pages().to_string()),
        ("x-next-page", next.clone()),
    ];
    if more {
        let mut query = query.clone();
        query.insert("page".to_owned(), next);
        query.insert("per_page".to_owned(), page.size.to_string());
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&query).finish();
        headers.push(("link", format!("<{base_url}/gitlab{path}?{query}>; rel=\"next\"")));
    }
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn me(State(world): State<World>) -> Response {
    ok(&answers::user(world.base_url(), BOT))
}

async fn version() -> Response {
    ok(&json!({ "version": "18.0.0", "revision": "0000000" }))
}

async fn users(State(world): State<World>, RawQuery(raw): RawQuery) -> Response {
    let query = query_of(raw);
    let text = query.get("search").or_else(|| query.get("username")).map_or("", String::as_str);
    let list: Vec<Value> =
        Person::by_mail(text).map(|person| answers::user(world.base_url(), &person.login)).into_iter().collect();
    listed(&list, &query, world.base_url(), "/api/v4/users")
}

async fn show_project(State(world): State<World>, Path(project): Path<String>) -> Response {
    let facts = world.facts();
    match facts.gitlab.project(&project) {
        Some(found) => ok(&answers::project(&facts.base_url, found)),
        None => missing("Project"),
    }
}

fn listing(facts: &Facts, query: &Query, path: &str) -> Response {
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

async fn all_merge_requests(State(world): State<World>, RawQuery(raw): RawQuery) -> Response {
    listing(&world.facts(), &query_of(raw), "/api/v4/merge_requests")
}

async fn merge_requests(State(world): State<World>, Path(project): Path<String>, RawQuery(raw): RawQuery) -> Response {
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

fn with_mr(
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

type MrPath = Path<(String, String)>;

async fn show(State(world): State<World>, Path(path): MrPath) -> Response {
    with_mr(&world, &path, |facts, mr| ok(&answers::merge_request(&facts.gitlab, &facts.base_url, mr, facts.now)))
}

async fn changes(State(world): State<World>, Path(path): MrPath) -> Response {
    with_mr(&world, &path, |facts, mr| {
        let list: Vec<Value> = facts.gitlab.changes(mr).1.iter().map(answers::change).collect();
        let mut body = answers::merge_request(&facts.gitlab, &facts.base_url, mr, facts.now);
        body["changes_count"] = json!(list.len().to_string());
        body["overflow"] = json!(false);
        body["changes"] = Value::Array(list);
        ok(&body)
    })
}

fn mr_path(facts: &Facts, mr: &MergeRequest, rest: &str) -> String {
    let id = facts.gitlab.project(&facts.gitlab.shipment_project).map_or(0, |project| project.id);
    format!("/api/v4/projects/{id}/merge_requests/{}/{rest}", mr.iid)
}

async fn diffs(State(world): State<World>, Path(path): MrPath, RawQuery(raw): RawQuery) -> Response {
    with_mr(&world, &path, |facts, mr| {
        let list: Vec<Value> = facts.gitlab.changes(mr).1.iter().map(answers::change).collect();
        listed(&list, &query_of(raw), &facts.base_url, &mr_path(facts, mr, "diffs"))
    })
}

async fn notes(State(world): State<World>, Path(path): MrPath, RawQuery(raw): RawQuery) -> Response {
    with_mr(&world, &path, |facts, mr| {
        let query = query_of(raw);
        let mut list: Vec<Value> = mr.notes.iter().map(|note| answers::note(&facts.base_url, note)).collect();
        if query.get("sort").is_none_or(|sort| sort != "asc") {
            list.reverse();
        }
        listed(&list, &query, &facts.base_url, &mr_path(facts, mr, "notes"))
    })
}

fn sent(headers: &HeaderMap, raw: Option<String>, body: &Bytes) -> Map<String, Value> {
    let mut all: Map<String, Value> =
        query_of(raw).into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    all.extend(wire::fields(headers, body).unwrap_or_default());
    all
}

fn text<'a>(sent: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    sent.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

async fn add_note(
    State(world): State<World>,
    Path((project, iid)): MrPath,
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

async fn edit_note(
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

async fn discuss(
    State(world): State<World>,
    Path((project, iid)): MrPath,
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

async fn approvals(State(world): State<World>, Path(path): MrPath) -> Response {
    with_mr(&world, &path, |facts, mr| ok(&answers::approvals(&facts.gitlab, &facts.base_url, mr, facts.now)))
}

async fn approve(
    State(world): State<World>,
    Path((project, iid)): MrPath,
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

async fn pipelines(State(world): State<World>, Path(path): MrPath, RawQuery(raw): RawQuery) -> Response {
    with_mr(&world, &path, |facts, mr| {
        let all = facts.gitlab.pipelines.values().rev().filter(|pipeline| pipeline.iid == mr.iid);
        let list: Vec<Value> =
            all.map(|pipeline| answers::pipeline(&facts.gitlab, &facts.base_url, pipeline)).collect();
        listed(&list, &query_of(raw), &facts.base_url, &mr_path(facts, mr, "pipelines"))
    })
}

async fn pipeline_of(State(world): State<World>, Path((project, id)): MrPath) -> Response {
    let facts = world.facts();
    let Some(found) = facts.gitlab.project(&project) else { return missing("Project") };
    let pipeline = id.parse().ok().and_then(|id: u64| facts.gitlab.pipelines.get(&id));
    match pipeline.filter(|_| found.path == facts.gitlab.shipment_project) {
        Some(pipeline) => ok(&answers::pipeline(&facts.gitlab, &facts.base_url, pipeline)),
        None => problem(StatusCode::NOT_FOUND, "404 Not found"),
    }
}

async fn jobs(State(world): State<World>, Path(path): MrPath, RawQuery(raw): RawQuery) -> Response {
    jobs_of(&world, &path, &query_of(raw), false)
}

async fn bridges(State(world): State<World>, Path(path): MrPath, RawQuery(raw): RawQuery) -> Response {
    jobs_of(&world, &path, &query_of(raw), true)
}

fn jobs_of(world: &World, (project, id): &(String, String), query: &Query, bridges: bool) -> Response {
    let facts = world.facts();
    let Some(found) = facts.gitlab.project(project) else { return missing("Project") };
    let Some(pipeline) = id.parse().ok().and_then(|id: u64| facts.gitlab.pipelines.get(&id)) else {
        return problem(StatusCode::NOT_FOUND, "404 Not found");
    };
    let list: Vec<Value> = pipeline
        .jobs
        .iter()
        .rev()
        .filter(|job| job.bridge == bridges)
        .map(|job| answers::job(&facts.gitlab, &facts.base_url, pipeline, job))
        .collect();
    let kind = if bridges { "bridges" } else { "jobs" };
    let path = format!("/api/v4/projects/{}/pipelines/{id}/{kind}", found.id);
    listed(&list, query, &facts.base_url, &path)
}

async fn merge(
    State(world): State<World>,
    Path((project, iid)): MrPath,
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

async fn open(State(world): State<World>, Path(project): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
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

async fn file(State(world): State<World>, Path((project, path)): MrPath, RawQuery(raw): RawQuery) -> Response {
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

fn branch_json(base_url: &str, project: &super::Project, name: &str) -> Option<Value> {
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

async fn branch(State(world): State<World>, Path((project, name)): MrPath) -> Response {
    let facts = world.facts();
    let Some(found) = facts.gitlab.project(&project) else { return missing("Project") };
    branch_json(&facts.base_url, found, &name).map_or_else(|| missing("Branch"), |body| ok(&body))
}

fn project_mut<'a>(gitlab: &'a mut Gitlab, id: &str) -> Option<&'a mut super::Project> {
    let path = gitlab.project(id)?.path.clone();
    gitlab.projects.get_mut(&path)
}

async fn add_branch(
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

async fn commit(State(world): State<World>, Path(project): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
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

/// What the actions of a commit change, or GitLab's word about the first that cannot be.
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

async fn raw(
    State(world): State<World>,
    Path((group, subgroup, name, rest)): Path<(String, String, String, String)>,
) -> Response {
    let facts = world.facts();
    match facts.gitlab.published.get(&format!("{group}/{subgroup}/{name}/-/raw/{rest}")) {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.clone()).into_response(),
        None => wire::html(StatusCode::NOT_FOUND, "<html><body>404 Not Found</body></html>"),
    }
}
