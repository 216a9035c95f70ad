//! Search of Jira: people by name, issues by query.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::answers::{Fields, Version};
use super::super::jql::Query;
use super::{bot, no_api, object, ok, problem, text_or_number, texts, writer};
use crate::sim::facts::accounts::Person;
use crate::sim::facts::jira::Issue;
use crate::sim::wire;
use crate::sim::world::World;

const DEFAULT_RESULTS: usize = 50;

const MOST_RESULTS: usize = 100;

pub(super) async fn users(
    State(world): State<World>,
    Path(version): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(version) = Version::of(&version) else { return no_api() };
    let query = wire::pairs(query.as_deref().unwrap_or_default());
    let mut facts = world.facts();
    let Some(text) = query.get("query").filter(|text| !text.is_empty()) else {
        return problem(
            StatusCode::BAD_REQUEST,
            "The 'query', 'username' or 'accountId' query parameter must be provided",
        );
    };
    if text.contains('@') {
        facts.jira.account(text);
    }
    let wanted = text.to_lowercase();
    let writer = writer(&facts, version);
    let list: Vec<Value> = facts
        .jira
        .accounts
        .iter()
        .filter(|(_, mail)| {
            let name = Person::by_mail(mail).map(|person| person.display_name().to_lowercase()).unwrap_or_default();
            mail.starts_with(&wanted) || name.starts_with(&wanted)
        })
        .map(|(id, _)| writer.user(id))
        .collect();
    ok(&Value::Array(list))
}

pub(super) async fn search(
    State(world): State<World>,
    Path(version): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = wire::pairs(query.as_deref().unwrap_or_default());
    let fields = query.get("fields").map(|names| names.split(',').map(str::to_owned).collect());
    found(&world, &version, &query, fields)
}

pub(super) async fn search_by_body(State(world): State<World>, Path(version): Path<String>, body: Bytes) -> Response {
    let Some(sent) = object(&body) else { return problem(StatusCode::BAD_REQUEST, "Malformed JSON") };
    let fields = sent.get("fields").map(|names| texts(Some(names)));
    let query = sent.iter().map(|(name, value)| (name.clone(), text_or_number(value))).collect();
    found(&world, &version, &query, fields)
}

pub(super) fn found(
    world: &World,
    version: &str,
    query: &BTreeMap<String, String>,
    fields: Option<Vec<String>>,
) -> Response {
    let Some(version) = Version::of(version) else { return no_api() };
    let mut facts = world.facts();
    let me = bot(&mut facts);
    let jql = query.get("jql").map(String::as_str).unwrap_or_default();
    let parsed = match Query::parse(jql) {
        Ok(parsed) => parsed,
        Err(message) => return problem(StatusCode::BAD_REQUEST, &message),
    };
    if facts.jira.unknown_keys_are_errors
        && let Some(key) = parsed.keys().find(|key| facts.jira.find(key).is_none())
    {
        let text = format!("An issue with key '{key}' does not exist for field 'key'.");
        return problem(StatusCode::BAD_REQUEST, &text);
    }
    let size = query.get("maxResults").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_RESULTS);
    let size = size.clamp(1, MOST_RESULTS);
    let mark = &wire::sha1_hex(jql.as_bytes())[..8];
    let start = match query.get("nextPageToken").filter(|token| !token.is_empty() && *token != "null") {
        None => 0,
        Some(token) => match token.strip_prefix(mark).and_then(|rest| rest.strip_prefix('-')?.parse().ok()) {
            Some(start) => start,
            None => return problem(StatusCode::BAD_REQUEST, "Invalid or expired nextPageToken"),
        },
    };
    let writer = writer(&facts, version);
    let changelog = query.get("expand").is_some_and(|names| names.contains("changelog"));
    let hits: Vec<&Issue> = facts.jira.issues.values().filter(|issue| issue.visible && parsed.matches(issue)).collect();
    let page: Vec<Value> = hits
        .iter()
        .skip(start)
        .take(size)
        .map(|issue| match &fields {
            None => json!({ "id": issue.id.to_string() }),
            Some(names) => writer.issue(issue, &Fields::of(names.iter().map(String::as_str)), changelog, &me),
        })
        .collect();
    let end = start + page.len();
    let mut body = json!({ "issues": page, "isLast": end >= hits.len() });
    if end < hits.len() {
        body["nextPageToken"] = json!(format!("{mark}-{end}"));
    }
    ok(&body)
}
