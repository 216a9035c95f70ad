//! Routes of Jira.

mod comments;
mod search;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde_json::{Map, Value, json};

use self::comments::{comment, comments, remote_links};
use self::search::{search, search_by_body, users};
use super::answers::{Fields, Version, Writer, project_id, stamp};
use crate::domain::credential::Credential;
use crate::sim::auth::accepted;
use crate::sim::facts::jira::Issue;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/jira`.
pub fn router() -> Router<World> {
    let api = "/rest/api/{version}";
    Router::new()
        .route(&format!("{api}/serverInfo"), get(server_info))
        .route(&format!("{api}/myself"), get(myself))
        .route(&format!("{api}/project/{{key}}"), get(project))
        .route(&format!("{api}/issue"), axum::routing::post(create))
        .route(&format!("{api}/issue/{{key}}"), get(show).put(edit))
        .route(&format!("{api}/issue/{{key}}/transitions"), get(transitions).post(transition))
        .route(&format!("{api}/issue/{{key}}/assignee"), put(assign))
        .route(&format!("{api}/issue/{{key}}/comment"), get(comments).post(comment))
        .route(&format!("{api}/issue/{{key}}/remotelink"), get(remote_links))
        .route(&format!("{api}/user/search"), get(users))
        .route(&format!("{api}/search/jql"), get(search).post(search_by_body))
        .route(&format!("{api}/search"), get(gone).post(gone))
}

fn ok(body: &Value) -> Response {
    wire::json(StatusCode::OK, body)
}

fn problem(status: StatusCode, message: &str) -> Response {
    wire::json(status, &json!({ "errorMessages": [message], "errors": {} }))
}

fn bad_field(field: &str, message: &str) -> Response {
    let mut errors = Map::new();
    errors.insert(field.to_owned(), json!(message));
    wire::json(StatusCode::BAD_REQUEST, &json!({ "errorMessages": [], "errors": errors }))
}

/// Jira Cloud says the same of an issue that is not there and of one that is not shown.
fn no_issue() -> Response {
    problem(StatusCode::NOT_FOUND, "Issue does not exist or you do not have permission to see it.")
}

fn no_api() -> Response {
    problem(StatusCode::NOT_FOUND, "null for uri")
}

fn bot(facts: &mut Facts) -> String {
    facts.jira.account(accepted(Credential::JiraUsername)).unwrap_or_default()
}

fn writer(facts: &Facts, version: Version) -> Writer<'_> {
    Writer { jira: &facts.jira, base_url: &facts.base_url, version }
}

fn object(body: &Bytes) -> Option<Map<String, Value>> {
    serde_json::from_slice::<Value>(body).ok()?.as_object().cloned()
}

async fn gone() -> Response {
    problem(StatusCode::GONE, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
}

async fn server_info(State(world): State<World>, Path(version): Path<String>) -> Response {
    if Version::of(&version).is_none() {
        return no_api();
    }
    let facts = world.facts();
    ok(&json!({
        "baseUrl": format!("{}/jira", facts.base_url),
        "version": "1001.0.0-SNAPSHOT",
        "versionNumbers": [1001, 0, 0],
        "deploymentType": "Cloud",
        "buildNumber": 100_001,
        "serverTime": stamp(facts.now),
        "serverTitle": "Jira",
    }))
}

async fn myself(State(world): State<World>, Path(version): Path<String>) -> Response {
    let Some(version) = Version::of(&version) else { return no_api() };
    let mut facts = world.facts();
    let me = bot(&mut facts);
    ok(&writer(&facts, version).user(&me))
}

async fn project(State(world): State<World>, Path((version, key)): Path<(String, String)>) -> Response {
    let facts = world.facts();
    let known = facts.jira.issues.values().map(Issue::project).chain(["CVP"]).find(|project| *project == key);
    match (Version::of(&version), known) {
        (Some(_), Some(project)) => ok(&json!({
            "self": format!("{}/jira/rest/api/{version}/project/{project}", facts.base_url),
            "id": project_id(project), "key": project, "name": project,
        })),
        (Some(_), None) | (None, _) => {
            problem(StatusCode::NOT_FOUND, &format!("No project could be found with key '{key}'."))
        }
    }
}

async fn show(
    State(world): State<World>,
    Path((version, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(version) = Version::of(&version) else { return no_api() };
    let mut facts = world.facts();
    let me = bot(&mut facts);
    let query = wire::pairs(query.as_deref().unwrap_or_default());
    let fields = query.get("fields").map_or(Fields::All, |names| Fields::of(names.split(',')));
    let changelog = query.get("expand").is_some_and(|names| names.contains("changelog"));
    match facts.jira.find(&key) {
        Some(issue) => ok(&writer(&facts, version).issue(issue, &fields, changelog, &me)),
        None => no_issue(),
    }
}

async fn create(State(world): State<World>, Path(version): Path<String>, body: Bytes) -> Response {
    let Some(version) = Version::of(&version) else { return no_api() };
    let mut facts = world.facts();
    let Some(sent) = object(&body) else { return problem(StatusCode::BAD_REQUEST, "Malformed JSON") };
    let fields = sent.get("fields").cloned().unwrap_or_default();
    let text = |pointer: &str| fields.pointer(pointer).and_then(Value::as_str);
    let known: Vec<String> =
        facts.jira.issues.values().map(|issue| issue.project().to_owned()).chain(["CVP".to_owned()]).collect();
    let project =
        known.iter().find(|key| text("/project/key") == Some(key) || text("/project/id") == Some(&project_id(key)));
    let Some(project) = project else { return bad_field("project", "Specify a valid project ID or key") };
    let Some(summary) = text("/summary").filter(|summary| !summary.trim().is_empty()) else {
        return bad_field("summary", "You must specify a summary of the issue.");
    };
    let Some(kind) = text("/issuetype/name") else {
        return bad_field("issuetype", "Specify an issue type");
    };
    let description = match fields.get("description") {
        None | Some(Value::Null) => String::new(),
        Some(sent) => match version.read(sent) {
            Some(text) => text,
            None => return bad_field("description", "Operation value must be an Atlassian Document"),
        },
    };
    let number = facts
        .jira
        .issues
        .values()
        .filter(|issue| issue.project() == project)
        .filter_map(|issue| issue.key.rsplit('-').next()?.parse::<u64>().ok())
        .max()
        .unwrap_or(0)
        + 1;
    let key = format!("{project}-{number}");
    let status = if project == "OCPBUGS" { "NEW" } else { "To Do" };
    let mut issue = Issue::new(&key, 0, kind, summary, status, facts.now);
    issue.description = description;
    if let Some(priority) = text("/priority/name") {
        issue.priority = priority.to_owned();
    }
    issue.labels = texts(fields.get("labels"));
    facts.jira.add_issue(issue);
    let Some(issue) = facts.jira.find(&key) else { return no_issue() };
    let self_url = writer(&facts, version).issue_url(issue);
    wire::json(StatusCode::CREATED, &json!({ "id": issue.id.to_string(), "key": key, "self": self_url }))
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array);
    list.map(|list| list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()).unwrap_or_default()
}

async fn edit(State(world): State<World>, Path((version, key)): Path<(String, String)>, body: Bytes) -> Response {
    let Some(version) = Version::of(&version) else { return no_api() };
    let mut facts = world.facts();
    let now = facts.now;
    let Some(issue) = facts.jira.find_mut(&key) else { return no_issue() };
    let Some(sent) = object(&body) else { return problem(StatusCode::BAD_REQUEST, "Malformed JSON") };
    let mut changed = issue.clone();
    for (field, value) in sent.get("fields").and_then(Value::as_object).into_iter().flatten() {
        match field.as_str() {
            "labels" => changed.labels = texts(Some(value)),
            "summary" => value.as_str().unwrap_or_default().clone_into(&mut changed.summary),
            "description" => match version.read(value) {
                Some(text) => changed.description = text,
                None => return bad_field("description", "Operation value must be an Atlassian Document"),
            },
            "priority" => {
                value["name"].as_str().unwrap_or_default().clone_into(&mut changed.priority);
            }
            "customfield_10482" => {
                let people = value.as_array().map(Vec::as_slice).unwrap_or_default();
                changed.need_info =
                    people.iter().filter_map(|person| person["accountId"].as_str().map(str::to_owned)).collect();
            }
            _ => return bad_field(field, "Field cannot be set. It is not on the appropriate screen, or unknown."),
        }
    }
    for operation in sent.get("update").and_then(|update| update.get("labels")?.as_array()).into_iter().flatten() {
        if let Some(label) = operation["add"].as_str()
            && !changed.labels.iter().any(|known| known == label)
        {
            changed.labels.push(label.to_owned());
        }
        if let Some(label) = operation["remove"].as_str() {
            changed.labels.retain(|known| known != label);
        }
    }
    if changed.labels != issue.labels {
        let (from, to) = (issue.labels.join(" "), changed.labels.join(" "));
        changed.change("labels", from, to, now);
    }
    *issue = changed;
    StatusCode::NO_CONTENT.into_response()
}

async fn transitions(State(world): State<World>, Path((version, key)): Path<(String, String)>) -> Response {
    let Some(version) = Version::of(&version) else { return no_api() };
    let facts = world.facts();
    let Some(issue) = facts.jira.find(&key) else { return no_issue() };
    let writer = writer(&facts, version);
    let list: Vec<Value> = issue
        .next_statuses()
        .iter()
        .map(|status| {
            json!({
                "id": transition_id(status), "name": status, "to": writer.status(status),
                "hasScreen": false, "isGlobal": false, "isInitial": false, "isAvailable": true,
                "isConditional": false, "isLooped": false,
            })
        })
        .collect();
    ok(&json!({ "expand": "transitions", "transitions": list }))
}

/// Numbers of transitions go by the status that they lead to.
fn transition_id(status: &str) -> String {
    (status.bytes().map(u64::from).sum::<u64>() % 900 + 11).to_string()
}

async fn transition(State(world): State<World>, Path((version, key)): Path<(String, String)>, body: Bytes) -> Response {
    if Version::of(&version).is_none() {
        return no_api();
    }
    let mut facts = world.facts();
    let now = facts.now;
    let Some(issue) = facts.jira.find_mut(&key) else { return no_issue() };
    let sent = object(&body).unwrap_or_default();
    let Some(id) = sent.get("transition").and_then(|transition| transition.get("id")).map(text_or_number) else {
        return problem(StatusCode::BAD_REQUEST, "Missing 'transition' identifier");
    };
    let Some(status) = issue.next_statuses().iter().find(|status| transition_id(status) == id) else {
        let text = format!(
            "It seems that you have tried to perform a workflow operation ({id}) that is not valid for the current state of this issue."
        );
        return problem(StatusCode::BAD_REQUEST, &text);
    };
    issue.enter(status, now);
    StatusCode::NO_CONTENT.into_response()
}

fn text_or_number(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

async fn assign(State(world): State<World>, Path((version, key)): Path<(String, String)>, body: Bytes) -> Response {
    if Version::of(&version).is_none() {
        return no_api();
    }
    let mut facts = world.facts();
    let now = facts.now;
    let sent = object(&body).unwrap_or_default();
    let wanted = match sent.get("accountId") {
        Some(Value::Null) => None,
        Some(Value::String(id)) if facts.jira.accounts.contains_key(id) => Some(id.clone()),
        Some(_) => {
            return problem(
                StatusCode::BAD_REQUEST,
                "Specified user does not exist or you do not have required permissions",
            );
        }
        None => {
            return problem(
                StatusCode::BAD_REQUEST,
                "'accountId' must be the only user identifying query parameter in GDPR strict mode.",
            );
        }
    };
    let Some(issue) = facts.jira.find_mut(&key) else { return no_issue() };
    if issue.assignee != wanted {
        let (from, to) = (issue.assignee.clone().unwrap_or_default(), wanted.clone().unwrap_or_default());
        issue.change("assignee", from, to, now);
        issue.assignee = wanted;
    }
    StatusCode::NO_CONTENT.into_response()
}
