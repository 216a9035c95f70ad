//! Routes of GitLab, and what their answers have in common.

mod merge_requests;
mod pipelines;
mod repository;

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post, put};
use serde_json::{Map, Value, json};

use super::answers;
use crate::sim::facts::accounts::Person;
use crate::sim::facts::gitlab::BOT;
use crate::sim::wire;
use crate::sim::world::World;

/// Routes below `/gitlab`.
pub(super) fn router() -> Router<World> {
    let project = "/api/v4/projects/{project}";
    let mr = format!("{project}/merge_requests/{{iid}}");
    let pipeline = format!("{project}/pipelines/{{pipeline}}");
    Router::new()
        .route("/api/v4/user", get(me))
        .route("/api/v4/users", get(users))
        .route("/api/v4/version", get(version))
        .route("/api/v4/merge_requests", get(merge_requests::all_merge_requests))
        .route(project, get(show_project))
        .route(&format!("{project}/merge_requests"), get(merge_requests::merge_requests).post(merge_requests::open))
        .route(&mr, get(merge_requests::show))
        .route(&format!("{mr}/changes"), get(merge_requests::changes))
        .route(&format!("{mr}/diffs"), get(merge_requests::diffs))
        .route(&format!("{mr}/notes"), get(merge_requests::notes).post(merge_requests::add_note))
        .route(&format!("{mr}/notes/{{note}}"), put(merge_requests::edit_note))
        .route(&format!("{mr}/discussions"), post(merge_requests::discuss))
        .route(&format!("{mr}/approvals"), get(merge_requests::approvals))
        .route(&format!("{mr}/approve"), post(merge_requests::approve))
        .route(&format!("{mr}/pipelines"), get(pipelines::pipelines))
        .route(&format!("{mr}/merge"), put(merge_requests::merge))
        .route(&pipeline, get(pipelines::pipeline_of))
        .route(&format!("{pipeline}/jobs"), get(pipelines::jobs))
        .route(&format!("{pipeline}/bridges"), get(pipelines::bridges))
        .route(&format!("{project}/repository/files/{{path}}"), get(repository::file))
        .route(&format!("{project}/repository/branches"), post(repository::add_branch))
        .route(&format!("{project}/repository/branches/{{branch}}"), get(repository::branch))
        .route(&format!("{project}/repository/commits"), post(repository::commit))
        .route("/{group}/{subgroup}/{name}/-/raw/{*rest}", get(repository::raw))
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

type Parameters = BTreeMap<String, String>;

fn query_of(raw: Option<String>) -> Parameters {
    wire::pairs(raw.as_deref().unwrap_or_default())
}

/// A page of a list with GitLab's paging headers.
fn listed(all: &[Value], query: &Parameters, base_url: &str, path: &str) -> Response {
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

/// A project, and the merge request, pipeline, branch or file in it.
type InProject = Path<(String, String)>;

fn sent(headers: &HeaderMap, raw: Option<String>, body: &Bytes) -> Map<String, Value> {
    let mut all: Map<String, Value> =
        query_of(raw).into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    all.extend(wire::fields(headers, body).unwrap_or_default());
    all
}

fn text<'a>(sent: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    sent.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
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
