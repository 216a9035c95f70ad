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
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::wire;
use crate::domain::task::{JobSystem, Task};
use crate::sim::auth::{self, Credentials};
use crate::sim::events::Event;
use crate::sim::scenario::{Progress, ReleasePlan};
use crate::sim::world::{Facts, World};

const JOB: &str = "Stage-Pipeline";
const PARAMETERS: [&str; 3] = ["VERSION", "PULL_SPEC", "METADATA_AD"];
const QUIET: SignedDuration = SignedDuration::from_secs(8);
const REMEMBERED: SignedDuration = SignedDuration::from_mins(5);
const CRUMB: &str = "5d1f0c6be0a34f0a8d1d9a7d4d3c2b1a";

/// Queue and builds of the one job.
#[derive(Debug, Serialize)]
pub struct Jenkins {
    base: String,
    queue: Vec<Item>,
    builds: Vec<Build>,
    next_item: u64,
    next_build: u64,
    /// Triggers need a crumb even with an API token, as on servers with the strict set-up.
    pub crumb_required: bool,
}

/// A trigger that waits or has waited.
#[derive(Debug, Serialize)]
pub struct Item {
    id: u64,
    parameters: IndexMap<String, String>,
    since: Timestamp,
    /// The build it became, and when.
    left: Option<(u64, Timestamp)>,
}

/// One build.
#[derive(Debug, Serialize)]
pub struct Build {
    number: u64,
    queue_id: u64,
    parameters: IndexMap<String, String>,
    started: Timestamp,
    ended: Option<Timestamp>,
    result: Option<&'static str>,
}

/// Transitions of this service.
#[derive(Debug, Clone, PartialEq)]
pub enum JenkinsEvent {
    /// The quiet period of a queue item is over.
    QuietPeriodEnds {
        /// Queue item.
        item: u64,
    },
    /// A build ends.
    BuildEnds {
        /// Its number.
        number: u64,
    },
}

impl Jenkins {
    /// Jenkins with the build that the past names, if it names one.
    pub fn new(plan: &ReleasePlan, base_url: &str, rng: &mut fastrand::Rng) -> Self {
        let mut jenkins = Self {
            base: format!("{base_url}/jenkins"),
            queue: Vec::new(),
            builds: Vec::new(),
            next_item: rng.u64(20_000..30_000),
            next_build: rng.u64(900..1_900),
            crumb_required: false,
        };
        let Some(job) = plan.past.job(Task::StageTesting.name()).filter(|job| job.system == JobSystem::Jenkins) else {
            return jenkins;
        };
        let parameters: IndexMap<String, String> = [
            ("VERSION".to_owned(), plan.release.minor().to_string()),
            ("PULL_SPEC".to_owned(), plan.release.payload(crate::sim::services::images::PAYLOADS, "x86_64")),
        ]
        .into();
        let started = job.triggered_at.unwrap_or(plan.start);
        if let Ok(number) = job.id.parse() {
            let (ended, result) = match plan.past.progress(Task::StageTesting.name()) {
                Progress::Passed => (Some(plan.start), Some("SUCCESS")),
                Progress::Failed => (Some(plan.start), Some("FAILURE")),
                Progress::Running | Progress::Untouched => (None, None),
            };
            jenkins.next_build = number + 1;
            jenkins.builds.push(Build { number, queue_id: jenkins.next_item, parameters, started, ended, result });
            jenkins.next_item += 1;
        } else if let Some(id) = job.url.as_deref().and_then(queue_number) {
            jenkins.next_item = id + 1;
            jenkins.queue.push(Item { id, parameters, since: started, left: None });
        }
        jenkins
    }

    fn job_url(&self) -> String {
        format!("{}/job/zstreams/job/{JOB}/", self.base)
    }

    /// Ends the running build otherwise than well (stories call this).
    pub fn end_running(&mut self, result: &'static str, now: Timestamp) {
        if let Some(build) = self.builds.iter_mut().find(|build| build.result.is_none()) {
            (build.result, build.ended) = (Some(result), Some(now));
        }
    }

    /// Somebody else asks for a build of another release (stories call this).
    pub fn somebody_queues(&mut self, version: &str, pull_spec: &str, now: Timestamp) {
        let parameters =
            [("VERSION".to_owned(), version.to_owned()), ("PULL_SPEC".to_owned(), pull_spec.to_owned())].into();
        self.queue.push(Item { id: self.next_item, parameters, since: now, left: None });
        self.next_item += 1;
    }

    fn running(&self) -> Option<&Build> {
        self.builds.iter().find(|build| build.result.is_none())
    }

    fn item_json(&self, item: &Item) -> Value {
        let mut shown = json!({
            "_class": if item.left.is_some() { "hudson.model.Queue$LeftItem" } else { "hudson.model.Queue$BlockedItem" },
            "actions": [parameters_json(&item.parameters)],
            "blocked": item.left.is_none() && self.running().is_some(),
            "buildable": false,
            "id": item.id,
            "inQueueSince": item.since.as_millisecond(),
            "params": item.parameters.iter().fold(String::new(), |text, (name, value)| format!("{text}\n{name}={value}")),
            "stuck": false,
            "task": { "_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob", "name": JOB, "url": self.job_url() },
            "url": format!("queue/item/{}/", item.id),
            "why": match (item.left, self.running()) {
                (Some(_), _) => Value::Null,
                (None, Some(build)) => json!(format!("Build #{} is already in progress (ETA: 3 hr 0 min)", build.number)),
                (None, None) => json!("In the quiet period. Expires in 8 sec"),
            },
        });
        if let Some((number, _)) = item.left {
            shown["cancelled"] = json!(false);
            shown["executable"] = json!({
                "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
                "number": number,
                "url": format!("{}{number}/", self.job_url()),
            });
        }
        shown
    }

    fn build_json(&self, build: &Build) -> Value {
        let duration = build.ended.map_or(0, |ended| ended.duration_since(build.started).as_millis());
        json!({
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
            "actions": [parameters_json(&build.parameters), {}],
            "artifacts": [],
            "building": build.result.is_none(),
            "displayName": format!("#{}", build.number),
            "duration": i64::try_from(duration).unwrap_or_default(),
            "fullDisplayName": format!("zstreams » {JOB} #{}", build.number),
            "id": build.number.to_string(),
            "inProgress": build.result.is_none(),
            "number": build.number,
            "queueId": build.queue_id,
            "result": build.result,
            "timestamp": build.started.as_millisecond(),
            "url": format!("{}{}/", self.job_url(), build.number),
        })
    }
}

/// The number in `…/queue/item/123/`.
fn queue_number(url: &str) -> Option<u64> {
    url.split_once("/queue/item/")?.1.split('/').next()?.parse().ok()
}

fn parameters_json(parameters: &IndexMap<String, String>) -> Value {
    let list: Vec<Value> = parameters
        .iter()
        .map(|(name, value)| json!({ "_class": "hudson.model.StringParameterValue", "name": name, "value": value }))
        .collect();
    json!({ "_class": "hudson.model.ParametersAction", "parameters": list })
}

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
pub fn refuse(_path: &str, headers: &HeaderMap, credentials: &Credentials) -> Option<Response> {
    if auth::basic(headers, &credentials.jenkins_user, &credentials.jenkins_token) {
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
    let builds: Vec<Value> = jenkins.builds.iter().rev().map(|build| jenkins.build_json(build)).collect();
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
        "lastBuild" => jenkins.builds.last(),
        number => jenkins.builds.iter().find(|build| build.number.to_string() == number),
    };
    build.filter(|_| name == JOB).map_or_else(not_found, |build| wire::json(StatusCode::OK, &jenkins.build_json(build)))
}

async fn console(State(world): State<World>, Path((name, number)): Path<(String, String)>) -> Response {
    let facts = world.facts();
    let build = facts.jenkins.builds.iter().find(|build| build.number.to_string() == number && name == JOB);
    build.map_or_else(not_found, |build| {
        let end = build.result.map_or(String::new(), |result| format!("Finished: {result}\n"));
        format!("Started by user release bot\n[Pipeline] Start of Pipeline\n{end}").into_response()
    })
}
