//! Simulated `prow` (Deck): what became of jobs; they are started through Gangway.
//!
//! A job is `triggered`, then `pending` with its page, then final. Two days after its end the object
//! is gone, as the real garbage collection does it.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::sim::chance;
use crate::sim::events::Event;
use crate::sim::facts::prow::{CONSISTENCY, ProwEvent, Run, build_id};
use crate::sim::wire;
use crate::sim::world::{Facts, World};

const SCHEDULED: SignedDuration = SignedDuration::from_secs(12);

/// Starts a run; Gangway has checked that the job exists.
pub fn start(
    facts: &mut Facts,
    job: String,
    envs: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
) -> Run {
    // Equal starts are distinguished by their number, different ones by what they are, never by arrival.
    let equal = facts.prow.runs.values().filter(|run| run.job == job && run.envs == envs && run.labels == labels);
    let thing = format!("run {job} {envs:?} {labels:?} {}", equal.count());
    let id = chance::uuid(&mut facts.rng_for(&thing));
    let run = Run {
        id: id.clone(),
        job,
        envs,
        labels,
        annotations,
        state: "triggered",
        started: facts.now,
        pending: None,
        ended: None,
        build_id: None,
    };
    facts.prow.runs.insert(id.clone(), run.clone());
    facts.schedule_in(SCHEDULED, Event::Prow(ProwEvent::Pending { id }));
    run
}

/// Runs get their pods and end.
pub fn hear(facts: &mut Facts, event: &Event) {
    let now = facts.now;
    if let Event::Prow(ProwEvent::Pending { id }) = event {
        let number = build_id(&mut facts.rng_for(id));
        let consistency = facts.release.timing.consistency;
        let Some(run) = facts.prow.runs.get_mut(id) else { return };
        (run.state, run.pending, run.build_id) = ("pending", Some(now), Some(number));
        let length = if run.job == CONSISTENCY { consistency } else { consistency * 2 };
        facts.schedule_in(length, Event::Prow(ProwEvent::Ends { id: id.clone() }));
    } else if let Event::Prow(ProwEvent::Ends { id }) = event {
        if let Some(run) = facts.prow.runs.get_mut(id).filter(|run| run.ended.is_none()) {
            (run.state, run.ended) = ("success", Some(now));
        }
    } else if *event == Event::Begin {
        let rest = facts.release.timing.consistency / 2;
        let open: Vec<String> =
            facts.prow.runs.values().filter(|run| run.ended.is_none()).map(|run| run.id.clone()).collect();
        for id in open {
            facts.schedule_in(rest, Event::Prow(ProwEvent::Ends { id }));
        }
    }
}

/// Routes below `/prow`.
pub fn router() -> Router<World> {
    Router::new()
        .route("/prowjob", get(prowjob))
        .route("/prowjobs.js", get(prowjobs))
        .route("/view/gs/{bucket}/logs/{job}/{build}", get(page))
}

async fn prowjob(State(world): State<World>, RawQuery(query): RawQuery) -> Response {
    let query = wire::pairs(&query.unwrap_or_default());
    let Some(id) = query.get("prowjob").filter(|id| !id.is_empty()) else {
        return (StatusCode::BAD_REQUEST, "request did not provide the 'prowjob' query parameter\n").into_response();
    };
    let facts = world.facts();
    let Some(run) = facts.prow.run(id, facts.now) else {
        let text = format!("ProwJob not found: prowjobs.prow.k8s.io \"{id}\" not found\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let yaml = serde_yaml::to_string(&facts.prow.object(run)).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], yaml).into_response()
}

/// JSON, or a script when `var` names a variable; `omit` is taken for what Deck omits by that name.
async fn prowjobs(State(world): State<World>, RawQuery(query): RawQuery) -> Response {
    let query = wire::pairs(&query.unwrap_or_default());
    let omit: Vec<&str> = query.get("omit").map(|list| list.split(',').collect()).unwrap_or_default();
    let facts = world.facts();
    let items: Vec<Value> = facts
        .prow
        .present(facts.now)
        .map(|run| {
            let mut object = facts.prow.object(run);
            for part in ["annotations", "labels"] {
                if omit.contains(&part) {
                    object["metadata"][part] = Value::Null;
                }
            }
            if omit.contains(&"pod_spec") {
                object["spec"]["pod_spec"] = Value::Null;
            }
            object
        })
        .collect();
    let body = json!({ "items": items });
    match query.get("var") {
        Some(name) => {
            ([(header::CONTENT_TYPE, "application/javascript")], format!("var {name} = {body};")).into_response()
        }
        None => wire::json(StatusCode::OK, &body),
    }
}

async fn page(State(world): State<World>, Path((_, job, build)): Path<(String, String, String)>) -> Response {
    let facts = world.facts();
    let known =
        facts.prow.runs.values().any(|run| run.job == job && run.build_id.is_some_and(|n| n.to_string() == build));
    if known {
        wire::html(StatusCode::OK, &format!("<html><body><h1>{job} #{build}</h1></body></html>"))
    } else {
        wire::html(StatusCode::NOT_FOUND, "<html><body><h1>Build not found</h1></body></html>")
    }
}
