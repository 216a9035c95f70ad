//! Simulated `gangway`: the front end through which Prow jobs are started; its facts are Prow's.
//!
//! Both request forms work: the job name in the path, or `job_name` in the body.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::prow;
use crate::domain::credential::Credential;
use crate::domain::dates::stamp;
use crate::sim::auth;
use crate::sim::facts::prow::{Prow, Run};
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/gangway`. The path of a job name is the path of a run's id, distinguished by the method.
pub fn router() -> Router<World> {
    Router::new()
        .route("/v1/executions", post(by_body).get(list))
        .route("/v1/executions/{name}", get(look).post(by_path))
}

/// Bearer; a token that is not ours is an expired one.
pub fn refuse(_path: &str, headers: &HeaderMap) -> Option<Response> {
    if auth::bearer(headers, Credential::ApiToken) {
        None
    } else if headers.contains_key("authorization") {
        Some(error(StatusCode::FORBIDDEN, 7, "client is not authorized to execute the given job"))
    } else {
        Some(error(StatusCode::UNAUTHORIZED, 16, "Unauthorized"))
    }
}

/// An error as the gRPC gateway spells it.
fn error(status: StatusCode, code: u8, message: &str) -> Response {
    wire::json(status, &json!({ "code": code, "message": message, "details": [] }))
}

async fn by_path(State(world): State<World>, Path(name): Path<String>, body: Bytes) -> Response {
    trigger(&world, Some(name), &body)
}

async fn by_body(State(world): State<World>, body: Bytes) -> Response {
    trigger(&world, None, &body)
}

fn trigger(world: &World, in_path: Option<String>, body: &[u8]) -> Response {
    let bad = |message: &str| error(StatusCode::BAD_REQUEST, 3, message);
    let Ok(asked) = serde_json::from_slice::<Value>(body) else { return bad("proto: syntax error (line 1:1)") };
    let Some(job) = in_path.or_else(|| asked["job_name"].as_str().map(ToOwned::to_owned)).filter(|job| !job.is_empty())
    else {
        return bad("job_name field cannot be empty");
    };
    let kind = &asked["job_execution_type"];
    let periodic = kind.as_u64() == Some(1) || matches!(kind.as_str(), Some("1" | "PERIODIC"));
    if !periodic {
        return bad("unsupported JobExecutionType");
    }
    let options = &asked["pod_spec_options"];
    let Some(envs) = texts(&options["envs"]) else { return bad("envs must be strings") };
    let (Some(labels), Some(annotations)) = (texts(&options["labels"]), texts(&options["annotations"])) else {
        return bad("labels and annotations must be strings");
    };
    if envs.iter().any(|(name, value)| name.is_empty() || value.is_empty()) {
        return bad("envs: key and value must not be empty");
    }
    let mut facts = world.facts();
    if !exists(&facts, &job) {
        let message = format!("failed to find associated periodic job \"{job}\"");
        return error(StatusCode::INTERNAL_SERVER_ERROR, 2, &message);
    }
    let run = prow::start(&mut facts, job, envs, labels, annotations);
    wire::json(StatusCode::OK, &execution(&facts.prow, &run))
}

/// Whether the job system has a job of this name: those of the release, and those of every registry.
fn exists(facts: &Facts, job: &str) -> bool {
    let quoted = format!("\"{job}\"");
    let is_registry = |path: &str| path.starts_with("_releases/ocp-") && path.contains("-test-jobs-");
    let registered = || {
        let files = facts.github.branches.get("main").map(|branch| &branch.files);
        files.into_iter().flatten().any(|(path, text)| is_registry(path) && text.contains(&quoted))
    };
    let removed = facts.release.job_endings.unknown.iter().any(|part| job.contains(part));
    !removed && (facts.prow.known.iter().any(|known| known == job) || registered())
}

/// A map of texts; an absent one is empty, anything else is none.
fn texts(value: &Value) -> Option<BTreeMap<String, String>> {
    match value {
        Value::Null => Some(BTreeMap::new()),
        Value::Object(map) => {
            map.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

async fn look(State(world): State<World>, Path(id): Path<String>) -> Response {
    let facts = world.facts();
    match facts.prow.run(&id, facts.now) {
        Some(run) => wire::json(StatusCode::OK, &execution(&facts.prow, run)),
        None => error(StatusCode::NOT_FOUND, 5, &format!("failed to get prowjob {id}")),
    }
}

async fn list(State(world): State<World>, RawQuery(query): RawQuery) -> Response {
    let query = wire::pairs(&query.unwrap_or_default());
    let facts = world.facts();
    let wanted = |run: &&Run| {
        query.get("job_name").is_none_or(|name| *name == run.job)
            && query.get("status").is_none_or(|status| status == execution_status(run))
    };
    let runs: Vec<Value> = facts
        .prow
        .present(facts.now)
        .filter(wanted)
        .map(|run| {
            json!({ "id": run.id, "job_name": run.job, "job_type": "PERIODIC", "job_status": execution_status(run) })
        })
        .collect();
    wire::json(StatusCode::OK, &json!({ "job_execution": runs }))
}

fn execution_status(run: &Run) -> &'static str {
    match run.state {
        "scheduling" => "SCHEDULING",
        "triggered" => "TRIGGERED",
        "pending" => "PENDING",
        "success" => "SUCCESS",
        "failure" => "FAILURE",
        "aborted" => "ABORTED",
        "error" => "ERROR",
        _ => "JOB_EXECUTION_STATUS_UNSPECIFIED",
    }
}

fn execution(prow: &Prow, run: &Run) -> Value {
    json!({
        "id": run.id,
        "job_name": run.job,
        "job_type": "PERIODIC",
        "job_status": execution_status(run),
        "refs": null,
        "pod_spec_options": { "envs": run.envs, "labels": run.labels, "annotations": run.annotations },
        "gcs_path": run.build_id.map_or(String::new(), |n| format!("gs://qe-private-deck/logs/{}/{n}", run.job)),
        "create_time": run.pending.map(|_| stamp(run.started)),
        "completion_time": run.ended.map(stamp),
        "job_url": prow.page(run).unwrap_or_default(),
    })
}
