//! Simulated `jenkins`: the folder job `zstreams/Stage-Pipeline`, one build at a time.
//!
//! A trigger becomes a queue item; after the quiet period it leaves with a build, unless one is
//! running; five minutes later the item is gone. API tokens need no crumb, but a wrong one is refused.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::domain::credential::Credential;
use crate::sim::auth;
use crate::sim::events::Event;
use crate::sim::facts::jenkins::{Build, Item, JOB, JenkinsEvent, PARAMETERS, QUIET, REMEMBERED};
use crate::sim::wire;
use crate::sim::world::{Facts, World};

const CRUMB: &str = "5d1f0c6be0a34f0a8d1d9a7d4d3c2b1a";

/// Routes below `/jenkins`.
pub fn router() -> Router<World> {
    Router::new()
        .route("/crumbIssuer/api/json", get(crumb))
        .route("/queue/api/json", get(queue))
        .route("/queue/item/{id}/api/json", get(item))
        .route("/job/zstreams/job/{job}/api/json", get(job))
        .route("/job/zstreams/job/{job}/buildWithParameters", post(trigger))
        .route("/job/zstreams/job/{job}/{number}/api/json", get(build))
        .route("/job/zstreams/job/{job}/{number}/consoleText", get(console))
}

/// Basic with an API token; anonymous visitors may see nothing.
pub fn refuse(_path: &str, headers: &HeaderMap) -> Option<Response> {
    if auth::basic(headers, Credential::JenkinsUser, Credential::JenkinsToken) {
        let wrong_crumb = headers.get("jenkins-crumb").is_some_and(|crumb| crumb != CRUMB);
        return wrong_crumb.then(|| error_page(StatusCode::FORBIDDEN, "No valid crumb was included in the request"));
    }
    let mut page = error_page(StatusCode::UNAUTHORIZED, "Invalid password/token for user");
    page.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic realm=\"Jenkins\""));
    Some(page)
}

/// Quiet periods and ends of builds.
pub fn hear(facts: &mut Facts, event: &Event) {
    let own = |event| Event::Jenkins(event);
    if let Event::Jenkins(JenkinsEvent::QuietPeriodEnds { item }) = event {
        leave(facts, *item);
    } else if let Event::Jenkins(JenkinsEvent::BuildEnds { number }) = event {
        let now = facts.now;
        let still_running = |build: &&mut Build| build.number == *number && build.result.is_none();
        if let Some(build) = facts.jenkins.builds.iter_mut().find(still_running) {
            build.result = Some("SUCCESS");
            build.ended = Some(now);
        }
        if let Some(next) = facts.jenkins.queue.iter().find(|item| item.left.is_none()).map(|item| item.id) {
            leave(facts, next);
        }
    } else if *event == Event::Begin {
        let rest = facts.release.timing.stage_testing / 2;
        if let Some(number) = facts.jenkins.running().map(|build| build.number) {
            facts.schedule_in(rest, own(JenkinsEvent::BuildEnds { number }));
        }
        if let Some(item) = facts.jenkins.queue.first().map(|item| item.id) {
            facts.schedule_in(QUIET, own(JenkinsEvent::QuietPeriodEnds { item }));
        }
    }
}

/// Turns a queue item into a build, unless one is running: then it goes on waiting.
fn leave(facts: &mut Facts, id: u64) {
    let now = facts.now;
    let jenkins = &mut facts.jenkins;
    if jenkins.running().is_some() {
        return;
    }
    let number = jenkins.next_build;
    let Some(item) = jenkins.queue.iter_mut().find(|item| item.id == id && item.left.is_none()) else { return };
    item.left = Some((number, now));
    jenkins.next_build += 1;
    jenkins.builds.push(Build {
        number,
        queue_id: id,
        parameters: item.parameters.clone(),
        started: now,
        ended: None,
        result: None,
    });
    let length = facts.release.timing.stage_testing;
    facts.schedule_in(length, Event::Jenkins(JenkinsEvent::BuildEnds { number }));
}

fn error_page(status: StatusCode, message: &str) -> Response {
    wire::html(
        status,
        &format!(
            "<html><head><title>Error {0}</title></head><body><h2>HTTP ERROR {0} {message}</h2></body></html>",
            status.as_u16()
        ),
    )
}

fn not_found() -> Response {
    error_page(StatusCode::NOT_FOUND, "Not Found")
}

async fn crumb() -> Response {
    let body = json!({
        "_class": "hudson.security.csrf.DefaultCrumbIssuer",
        "crumb": CRUMB,
        "crumbRequestField": "Jenkins-Crumb",
    });
    wire::json(StatusCode::OK, &body)
}

async fn queue(State(world): State<World>) -> Response {
    let facts = world.facts();
    let jenkins = &facts.jenkins;
    let items: Vec<Value> =
        jenkins.queue.iter().filter(|item| item.left.is_none()).map(|item| jenkins.item_json(item)).collect();
    wire::json(StatusCode::OK, &json!({ "_class": "hudson.model.Queue", "discoverableItems": [], "items": items }))
}

async fn item(State(world): State<World>, Path(id): Path<String>) -> Response {
    let facts = world.facts();
    let gone = |item: &&Item| item.left.is_some_and(|(_, at)| facts.now.duration_since(at) > REMEMBERED);
    let known = facts.jenkins.queue.iter().find(|item| item.id.to_string() == id).filter(|item| !gone(item));
    known.map_or_else(not_found, |item| wire::json(StatusCode::OK, &facts.jenkins.item_json(item)))
}

async fn job(State(world): State<World>, Path(name): Path<String>) -> Response {
    if name != JOB {
        return not_found();
    }
    let facts = world.facts();
    let jenkins = &facts.jenkins;
    // Newest first; with `tree` real Jenkins shows the named fields only, here they are all there.
    let builds: Vec<Value> = jenkins.kept().map(|build| jenkins.build_json(build)).collect();
    let body = json!({
        "_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob",
        "buildable": true,
        "builds": builds,
        "concurrentBuild": false,
        "fullName": format!("zstreams/{JOB}"),
        "inQueue": jenkins.queue.iter().any(|item| item.left.is_none()),
        "lastBuild": builds.first(),
        "name": JOB,
        "nextBuildNumber": jenkins.next_build,
        "url": jenkins.job_url(),
    });
    wire::json(StatusCode::OK, &body)
}

async fn trigger(
    State(world): State<World>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: String,
) -> Response {
    if name != JOB {
        return not_found();
    }
    if world.facts().jenkins.crumb_required && !headers.contains_key("jenkins-crumb") {
        return error_page(StatusCode::FORBIDDEN, "No valid crumb was included in the request");
    }
    let mut given = wire::pairs(&query.unwrap_or_default());
    given.extend(wire::pairs(&body));
    given.retain(|name, _| name != "delay" && name != "json");
    if let Some(stranger) = given.keys().find(|name| !PARAMETERS.contains(&name.as_str())) {
        return error_page(StatusCode::BAD_REQUEST, &format!("unknown parameter {stranger}"));
    }
    let mut facts = world.facts();
    let (id, since) = (facts.jenkins.next_item, facts.now);
    let parameters: IndexMap<String, String> = PARAMETERS
        .iter()
        .filter_map(|name| given.get(*name).map(|value| ((*name).to_owned(), value.clone())))
        .collect();
    let jenkins = &mut facts.jenkins;
    jenkins.next_item += 1;
    // Like the real queue: an equal item that still waits is not queued twice.
    let waiting = jenkins.queue.iter().find(|item| item.left.is_none() && item.parameters == parameters);
    let location = |id: u64, base: &str| format!("{base}/queue/item/{id}/");
    if let Some(same) = waiting {
        return (StatusCode::CREATED, [(header::LOCATION, location(same.id, &jenkins.base))]).into_response();
    }
    jenkins.queue.push(Item { id, parameters, since, left: None });
    let location = location(id, &jenkins.base);
    facts.schedule_in(QUIET, Event::Jenkins(JenkinsEvent::QuietPeriodEnds { item: id }));
    (StatusCode::CREATED, [(header::LOCATION, location)]).into_response()
}

async fn build(State(world): State<World>, Path((name, number)): Path<(String, String)>) -> Response {
    let facts = world.facts();
    let jenkins = &facts.jenkins;
    let build = match number.as_str() {
        "lastBuild" => jenkins.kept().next(),
        number => jenkins.kept().find(|build| build.number.to_string() == number),
    };
    build.filter(|_| name == JOB).map_or_else(not_found, |build| wire::json(StatusCode::OK, &jenkins.build_json(build)))
}

async fn console(State(world): State<World>, Path((name, number)): Path<(String, String)>) -> Response {
    let facts = world.facts();
    let build = facts.jenkins.kept().find(|build| build.number.to_string() == number && name == JOB);
    build.map_or_else(not_found, |build| {
        let end = build.result.map_or(String::new(), |result| format!("Finished: {result}\n"));
        format!("Started by user release bot\n[Pipeline] Start of Pipeline\n{end}").into_response()
    })
}
