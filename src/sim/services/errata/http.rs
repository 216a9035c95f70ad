//! Routes of the Errata Tool.

mod pushes;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use self::pushes::{one_push, pushes, start_push};
use super::{REVIEW, answers, schedule, ships_on_its_day};
use crate::sim::facts::errata::rules::State;
use crate::sim::facts::errata::{Advisory, ErrataEvent};
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/errata`.
pub fn router() -> Router<World> {
    let erratum = "/api/v1/erratum/{id}";
    Router::new()
        .route(erratum, get(show).put(update))
        .route("/advisory/{file}", get(legacy))
        .route("/advisory/{id}/builds.json", get(legacy_builds))
        .route("/advisory/{id}/tps_jobs.json", get(tps_jobs))
        .route(&format!("{erratum}/builds"), get(builds))
        .route("/api/v1/build/{nvr}", get(build))
        .route(&format!("{erratum}/change_state"), post(change_state))
        .route(&format!("{erratum}/remove_jira_issue"), post(remove_issue))
        .route(&format!("{erratum}/add_jira_issue"), post(add_issue))
        .route(&format!("{erratum}/push"), get(pushes).post(start_push))
        .route(&format!("{erratum}/push/{{push}}"), get(one_push))
        .route("/api/v1/external_tests/", get(external_tests))
        .route("/api/v1/external_tests", get(external_tests))
        .route(&format!("{erratum}/security_alerts"), get(alerts))
        .route(&format!("{erratum}/security_alerts/refresh"), post(refresh_alerts))
        .route("/errata/container/{id}", get(container_page))
        .route("/bugs/sync_bug_list", post(sync_bugs))
}

fn ok(body: &Value) -> Response {
    wire::json(StatusCode::OK, body)
}

fn not_found() -> Response {
    wire::json(StatusCode::NOT_FOUND, &json!({ "error": "Bad URL" }))
}

fn refused(status: StatusCode, field: &str, texts: &[String]) -> Response {
    let mut errors = Map::new();
    errors.insert(field.to_owned(), json!(texts));
    wire::json(status, &json!({ "errors": errors }))
}

/// Finds an advisory by number or by name (`RHBA-2026:1234`, with or without revision).
fn id_of(facts: &Facts, text: &str) -> Option<u64> {
    let known = &facts.errata.advisories;
    if let Ok(id) = text.parse::<u64>() {
        return known.contains_key(&id).then_some(id);
    }
    known.values().find(|advisory| text.starts_with(&advisory.name())).map(|advisory| advisory.id)
}

fn with_advisory(world: &World, text: &str, answer: impl FnOnce(&Facts, &Advisory) -> Response) -> Response {
    let facts = world.facts();
    match id_of(&facts, text).and_then(|id| facts.errata.advisories.get(&id)) {
        Some(advisory) => answer(&facts, advisory),
        None => not_found(),
    }
}

async fn show(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    with_advisory(&world, &id, |facts, advisory| ok(&answers::erratum(&facts.errata, advisory)))
}

async fn legacy(Shared(world): Shared<World>, Path(file): Path<String>) -> Response {
    let Some(id) = file.strip_suffix(".json") else {
        return wire::html(StatusCode::OK, "<html><body>Errata Tool</body></html>");
    };
    with_advisory(&world, id, |facts, advisory| ok(&answers::legacy(&facts.errata, advisory)))
}

async fn legacy_builds(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    with_advisory(&world, &id, |_, advisory| ok(&answers::legacy_builds(advisory)))
}

async fn tps_jobs(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    with_advisory(&world, &id, |_, advisory| ok(&json!([{ "rhnqa": advisory.rhnqa, "state": "GOOD" }])))
}

async fn builds(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    with_advisory(&world, &id, |_, advisory| ok(&answers::builds(advisory)))
}

async fn build(Shared(world): Shared<World>, Path(nvr): Path<String>) -> Response {
    let facts = world.facts();
    answers::build(&facts.errata, &nvr).map_or_else(not_found, |body| ok(&body))
}

async fn container_page(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    with_advisory(&world, &id, |_, _| {
        wire::html(StatusCode::OK, "<html><body><h1>Docker Container Content - A</h1></body></html>")
    })
}

async fn sync_bugs() -> Response {
    StatusCode::OK.into_response()
}

async fn update(Shared(world): Shared<World>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let mut facts = world.facts();
    let Some(id) = id_of(&facts, &id) else { return not_found() };
    let Some(sent) = wire::fields(&headers, &body) else {
        return refused(StatusCode::BAD_REQUEST, "base", &["Malformed body".to_owned()]);
    };
    let changes = advisory_fields(&sent);
    if changes.is_empty() {
        return refused(StatusCode::BAD_REQUEST, "base", &["No advisory parameters given".to_owned()]);
    }
    if let Some(mail) = changes.get("assigned_to_email").and_then(Value::as_str) {
        if mail.starts_with("nobody") || !mail.contains('@') {
            let text = format!("{mail} is not a valid Errata Tool user");
            return refused(StatusCode::UNPROCESSABLE_ENTITY, "assigned_to_email", &[text]);
        }
        let person = facts.errata.add_person(mail);
        if let Some(advisory) = facts.errata.advisories.get_mut(&id) {
            advisory.assigned_to = person;
        }
    }
    if changes.get("text_ready").is_some_and(|value| truth(value) == Some(true)) {
        if let Some(advisory) = facts.errata.advisories.get_mut(&id) {
            advisory.text_ready = true;
        }
        schedule(&mut facts, REVIEW, ErrataEvent::DocsApprove { advisory: id });
    }
    if let Some(value) = changes.get("security_approved") {
        if truth(value) == Some(true) {
            return wire::json(StatusCode::FORBIDDEN, &json!({ "error": "Only Product Security may approve" }));
        }
        if let Some(advisory) = facts.errata.advisories.get_mut(&id) {
            advisory.security_approved = Some(false);
        }
        schedule(&mut facts, REVIEW, ErrataEvent::SecurityApproves { advisory: id });
    }
    if let Some(keys) = changes.get("idsfixed").and_then(Value::as_str)
        && let Some(advisory) = facts.errata.advisories.get_mut(&id)
    {
        let wanted = keys.split_whitespace().map(str::to_owned).collect();
        if advisory.jira_issues != wanted {
            advisory.jira_issues = wanted;
            content_changed(advisory);
        }
    }
    StatusCode::NO_CONTENT.into_response()
}

/// The keys below `advisory`, whether sent as `advisory[key]=…` or as a JSON object.
fn advisory_fields(sent: &Map<String, Value>) -> Map<String, Value> {
    if let Some(nested) = sent.get("advisory").and_then(Value::as_object) {
        return nested.clone();
    }
    sent.iter()
        .filter_map(|(name, value)| {
            let key = name.strip_prefix("advisory[")?.strip_suffix(']')?;
            Some((key.to_owned(), value.clone()))
        })
        .collect()
}

fn truth(value: &Value) -> Option<bool> {
    let text = match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    match text.as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// A changed bug list means that docs and product security have to look again.
fn content_changed(advisory: &mut Advisory) {
    advisory.doc_complete = false;
    advisory.text_ready = false;
    if advisory.is_security() {
        advisory.security_approved = None;
    }
}

async fn change_state(
    Shared(world): Shared<World>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let now = facts.now;
    let Some(id) = id_of(&facts, &id) else { return not_found() };
    let sent = wire::fields(&headers, &body).unwrap_or_default();
    let Some(wanted) = sent.get("new_state").and_then(Value::as_str) else {
        return refused(StatusCode::BAD_REQUEST, "new_state", &["is required".to_owned()]);
    };
    let unprocessable = |texts: &[String]| refused(StatusCode::UNPROCESSABLE_ENTITY, "base", texts);
    let Ok(wanted) = wanted.parse::<State>() else {
        return unprocessable(&[format!("{wanted} is not a valid state")]);
    };
    let Some(advisory) = facts.errata.advisories.get(&id) else { return not_found() };
    if !advisory.state.qe_may_go_to(wanted) {
        return unprocessable(&[format!("Cannot change state from {} to {wanted}", advisory.state)]);
    }
    if wanted == State::RelPrep {
        let obstacles = facts.errata.obstacles(advisory);
        if !obstacles.is_empty() {
            return unprocessable(&obstacles);
        }
    }
    if let Some(advisory) = facts.errata.advisories.get_mut(&id) {
        advisory.enter(wanted, now);
    }
    if wanted == State::RelPrep {
        ships_on_its_day(&mut facts, id);
    }
    wire::json(StatusCode::CREATED, &json!({ "id": id, "status": wanted.name() }))
}

async fn remove_issue(
    Shared(world): Shared<World>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change_issue(&world, &id, &headers, &body, |advisory, key| {
        if advisory.jira_issues.remove(key) {
            content_changed(advisory);
            Ok(StatusCode::NO_CONTENT)
        } else {
            Err(format!("Jira issue {key} is not attached to this advisory"))
        }
    })
}

async fn add_issue(Shared(world): Shared<World>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    change_issue(&world, &id, &headers, &body, |advisory, key| {
        if advisory.jira_issues.insert(key.to_owned()) {
            content_changed(advisory);
            Ok(StatusCode::CREATED)
        } else {
            Err(format!("Jira issue {key} is already attached to this advisory"))
        }
    })
}

fn change_issue(
    world: &World,
    id: &str,
    headers: &HeaderMap,
    body: &Bytes,
    change: impl FnOnce(&mut Advisory, &str) -> Result<StatusCode, String>,
) -> Response {
    let mut facts = world.facts();
    let Some(id) = id_of(&facts, id) else { return not_found() };
    let sent = wire::fields(headers, body).unwrap_or_default();
    let Some(key) = sent.get("jira_issue").and_then(Value::as_str) else {
        return refused(StatusCode::BAD_REQUEST, "jira_issue", &["is required".to_owned()]);
    };
    let Some(advisory) = facts.errata.advisories.get_mut(&id) else { return not_found() };
    match change(advisory, key) {
        Ok(status) => status.into_response(),
        Err(text) => refused(StatusCode::UNPROCESSABLE_ENTITY, "jira_issue", &[text]),
    }
}

async fn external_tests(Shared(world): Shared<World>, RawQuery(query): RawQuery) -> Response {
    let query = wire::pairs(query.as_deref().unwrap_or_default());
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let id = query.get("filter[errata_id]").and_then(|text| text.parse().ok());
    let kind = query.get("filter[test_type]").map(String::as_str);
    let facts = world.facts();
    let size = number("page[size]").unwrap_or(30).max(1);
    ok(&answers::external_tests(&facts.errata, id, kind, number("page[number]").unwrap_or(1), size))
}

async fn alerts(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    with_advisory(&world, &id, alerts_of)
}

async fn refresh_alerts(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    with_advisory(&world, &id, |facts, advisory| {
        if facts.errata.hooks.refresh_refused.contains(&advisory.id) {
            let text = "Security alerts could not be refreshed".to_owned();
            return wire::json(StatusCode::BAD_REQUEST, &json!({ "error": text }));
        }
        alerts_of(facts, advisory)
    })
}

fn alerts_of(facts: &Facts, advisory: &Advisory) -> Response {
    if !advisory.is_security() {
        return wire::json(StatusCode::BAD_REQUEST, &json!({ "error": "Advisory is not an RHSA" }));
    }
    let waiting = facts.errata.hooks.not_yet_fetched.contains(&advisory.id);
    ok(&answers::alerts(advisory, waiting, facts.now))
}
