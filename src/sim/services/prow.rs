//! Simulated `prow` (Deck): what became of jobs; they are started through Gangway.
//!
//! A job is `triggered`, then `pending` with its page, then final; one that tests a build waits for a cluster first
//! and fares as the scenario says. Two days after its end the object is gone, as the real garbage collection does it.

#[cfg(test)]
mod tests;

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
use crate::sim::facts::prow::{CONSISTENCY, PlannedRun, ProwEvent, Run, build_id};
use crate::sim::scenario::job_endings::TESTING;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

const SCHEDULED: SignedDuration = SignedDuration::from_secs(12);
/// After so long the job system aborts a run.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// From a cluster to a pod.
const POD: SignedDuration = SignedDuration::from_secs(30);

/// Starts a run; Gangway has checked that the job exists.
pub fn start(
    facts: &mut Facts,
    job: String,
    envs: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
) -> Run {
    // Equal starts are distinguished by their number, different ones by what they are, never by arrival.
    let of_build = |run: &&Run| run.job == job && run.envs == envs;
    let nth = facts.prow.runs.values().filter(of_build).count();
    let equal = facts.prow.runs.values().filter(of_build).filter(|run| run.labels == labels).count();
    let thing = format!("run {job} {envs:?} {labels:?} {equal}");
    let id = chance::uuid(&mut facts.rng_for(&thing));
    let testing = job.contains(TESTING);
    let planned =
        if testing { planned_run(facts, &job, &envs, nth) } else { PlannedRun::good(usual_length(facts, &job)) };
    let run = Run {
        id: id.clone(),
        job,
        envs,
        labels,
        annotations,
        state: if testing { "scheduling" } else { "triggered" },
        started: facts.now,
        pending: None,
        ended: None,
        build_id: None,
        planned,
    };
    facts.prow.runs.insert(id.clone(), run.clone());
    let next = if testing { ProwEvent::Triggered { id } } else { ProwEvent::Pending { id } };
    facts.schedule_in(SCHEDULED, Event::Prow(next));
    run
}

fn usual_length(facts: &Facts, job: &str) -> SignedDuration {
    let consistency = facts.release.timing.consistency;
    if job == CONSISTENCY { consistency } else { consistency * 2 }
}

/// What becomes of a run that tests a build: it follows from job, build and number, not from who started it.
fn planned_run(facts: &Facts, job: &str, envs: &BTreeMap<String, String>, nth: usize) -> PlannedRun {
    let job_endings = &facts.release.job_endings;
    let mut dice = facts.rng_for(&format!("fate {job} {envs:?} {nth}"));
    let end = job_endings.end(job, nth, dice.u32(0..100));
    let minutes = match end {
        "success" if job.contains("disruptive") => dice.i64(75..110),
        "success" => dice.i64(105..190),
        "error" => dice.i64(6..20),
        _ => dice.i64(30..200),
    };
    if dice.u32(0..100) < job_endings.stuck_percent {
        return PlannedRun { end: "aborted", ..PlannedRun::good(LONGEST) };
    }
    PlannedRun {
        end,
        unseen: u32::from(dice.u32(0..100) < job_endings.unseen_percent),
        gets_lost: dice.u32(0..100) < job_endings.lost_percent,
        ..PlannedRun::good(SignedDuration::from_mins(minutes))
    }
}

/// Runs get their pods and end.
pub fn hear(facts: &mut Facts, event: &Event) {
    if let Event::Prow(event) = event {
        run_goes_on(facts, event);
    } else if *event == Event::Begin {
        let rest = facts.release.timing.consistency / 2;
        let open: Vec<String> =
            facts.prow.runs.values().filter(|run| run.ended.is_none()).map(|run| run.id.clone()).collect();
        for id in open {
            facts.schedule_in(rest, Event::Prow(ProwEvent::Ends { id }));
        }
    }
}

fn run_goes_on(facts: &mut Facts, event: &ProwEvent) {
    let now = facts.now;
    let (ProwEvent::Triggered { id } | ProwEvent::Pending { id } | ProwEvent::Ends { id } | ProwEvent::Lost { id }) =
        event;
    let mut dice = facts.rng_for(id);
    let Some(run) = facts.prow.runs.get_mut(id).filter(|run| run.ended.is_none()) else { return };
    let id = id.clone();
    match event {
        ProwEvent::Triggered { .. } => {
            run.state = "triggered";
            // Half of the errors of the job system come before there is a pod, so that there never is a page.
            let podless = run.planned.end == "error" && dice.bool();
            let (after, next) =
                if podless { (run.planned.length, ProwEvent::Ends { id }) } else { (POD, ProwEvent::Pending { id }) };
            facts.schedule_in(after, Event::Prow(next));
        }
        ProwEvent::Pending { .. } => {
            (run.state, run.pending, run.build_id) = ("pending", Some(now), Some(build_id(&mut dice)));
            let PlannedRun { length, gets_lost, .. } = run.planned;
            if gets_lost {
                facts.schedule_in(length / 2, Event::Prow(ProwEvent::Lost { id: id.clone() }));
            }
            facts.schedule_in(length, Event::Prow(ProwEvent::Ends { id }));
        }
        ProwEvent::Ends { .. } => (run.state, run.ended) = (run.planned.end, Some(now)),
        ProwEvent::Lost { .. } => run.planned.lost = true,
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
    let mut facts = world.facts();
    let now = facts.now;
    let Some(run) = facts.prow.look(id, now).cloned() else {
        let text = format!("ProwJob not found: prowjobs.prow.k8s.io \"{id}\" not found\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let yaml = serde_yaml::to_string(&facts.prow.object(&run)).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], yaml).into_response()
}

/// Runs of public repositories: JSON, or a script when `var` names a variable; `omit` is taken for what Deck omits by that name.
async fn prowjobs(State(world): State<World>, RawQuery(query): RawQuery) -> Response {
    let query = wire::pairs(&query.unwrap_or_default());
    let omit: Vec<&str> = query.get("omit").map(|list| list.split(',').collect()).unwrap_or_default();
    let facts = world.facts();
    let items: Vec<Value> = facts
        .prow
        .present(facts.now)
        .filter(|run| !run.is_hidden())
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
