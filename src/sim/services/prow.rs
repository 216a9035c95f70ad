//! Simulated `prow` (Deck): what became of jobs; they are started through Gangway.
//!
//! A job is `triggered`, then `pending` with its page, then final. Two days after its end the object
//! is gone, as the real garbage collection does it.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::wire;
use crate::domain::dates::stamp;
use crate::domain::task::{JobSystem, Task};
use crate::sim::auth::Credentials;
use crate::sim::events::Event;
use crate::sim::records::{self, Stream};
use crate::sim::scenario::{Progress, ReleasePlan};
use crate::sim::world::{self, Facts, World};

/// The job that compares payload and shipment.
pub const CONSISTENCY: &str = "periodic-ci-openshift-release-tests-main-image-consistency-check";
const SCHEDULED: SignedDuration = SignedDuration::from_secs(12);
const COLLECTED: SignedDuration = SignedDuration::from_hours(48);

/// Jobs that exist and runs that were started.
#[derive(Debug, Serialize)]
pub struct Prow {
    base: String,
    /// Names of the jobs in the configuration.
    pub known: Vec<String>,
    /// Runs by id.
    pub runs: IndexMap<String, Run>,
}

/// One run.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// UUID.
    pub id: String,
    /// Job name.
    pub job: String,
    /// Environment given at the start.
    pub envs: BTreeMap<String, String>,
    /// Labels given at the start.
    pub labels: BTreeMap<String, String>,
    /// Annotations given at the start.
    pub annotations: BTreeMap<String, String>,
    /// `triggered`, `pending`, or a final state.
    pub state: &'static str,
    /// When it was started.
    pub started: Timestamp,
    /// When its pod was made.
    pub pending: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Number of the run in the bucket, once it is pending.
    pub build_id: Option<u64>,
}

/// Transitions of this service.
#[derive(Debug, Clone, PartialEq)]
pub enum ProwEvent {
    /// A run gets its pod and its page.
    Pending {
        /// Run id.
        id: String,
    },
    /// A run ends well.
    Ends {
        /// Run id.
        id: String,
    },
}

impl Prow {
    /// Prow with the run that the past names, if it names one.
    pub fn new(plan: &ReleasePlan, base_url: &str, rng: &mut fastrand::Rng) -> Self {
        let minor = plan.release.minor();
        let count = plan.sizes.record_jobs;
        let stage = format!("periodic-ci-openshift-openshift-tests-private-release-{minor}-stage-testing-e2e-aws-ipi");
        let mut known = vec![CONSISTENCY.to_owned(), stage.clone()];
        known.extend(records::jobs(minor, Stream::Nightly, count));
        known.extend(records::jobs(minor, Stream::Stable, count));
        let mut prow = Self { base: format!("{base_url}/prow"), known, runs: IndexMap::new() };
        for (task, job) in [(Task::ImageConsistencyCheck, CONSISTENCY.to_owned()), (Task::StageTesting, stage)] {
            prow.remember(plan, task, job, rng);
        }
        prow
    }

    fn remember(&mut self, plan: &ReleasePlan, task: Task, job: String, rng: &mut fastrand::Rng) {
        let Some(named) = plan.past.job(task.name()).filter(|named| named.system == JobSystem::Prow) else { return };
        let started = named.triggered_at.unwrap_or(plan.start);
        let (state, ended) = match plan.past.progress(task.name()) {
            Progress::Passed => ("success", Some(plan.start)),
            Progress::Failed => ("failure", Some(plan.start)),
            Progress::Running | Progress::Untouched => ("pending", None),
        };
        let payload = plan.release.payload(crate::sim::services::images::PAYLOADS, "x86_64");
        let envs = if task == Task::ImageConsistencyCheck {
            BTreeMap::from([
                ("MULTISTAGE_PARAM_OVERRIDE_PAYLOAD_URL".to_owned(), payload),
                ("MULTISTAGE_PARAM_OVERRIDE_MERGE_REQUEST_ID".to_owned(), plan.shipment_iid.to_string()),
            ])
        } else {
            BTreeMap::from([("RELEASE_IMAGE_LATEST".to_owned(), payload)])
        };
        let run = Run {
            id: named.id.clone(),
            job,
            envs,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            state,
            started,
            pending: Some(started),
            ended,
            build_id: Some(build_id(rng)),
        };
        self.runs.insert(named.id.clone(), run);
    }

    /// The run, unless it was collected.
    pub fn run(&self, id: &str, now: Timestamp) -> Option<&Run> {
        self.runs.get(id).filter(|run| !collected(run, now))
    }

    /// All runs that were not collected.
    pub fn present(&self, now: Timestamp) -> impl Iterator<Item = &Run> {
        self.runs.values().filter(move |run| !collected(run, now))
    }

    /// The page of a run, once it has one.
    pub fn page(&self, run: &Run) -> Option<String> {
        run.build_id.map(|number| format!("{}/view/gs/qe-private-deck/logs/{}/{number}", self.base, run.job))
    }

    /// The ProwJob object of a run.
    fn object(&self, run: &Run) -> Value {
        let mut labels = run.labels.clone();
        for (name, value) in [
            ("created-by-prow", "true"),
            ("prow.k8s.io/id", run.id.as_str()),
            ("prow.k8s.io/job", run.job.as_str()),
            ("prow.k8s.io/type", "periodic"),
        ] {
            labels.insert(name.to_owned(), value.to_owned());
        }
        let mut annotations = run.annotations.clone();
        annotations.insert("prow.k8s.io/job".to_owned(), run.job.clone());
        let env: Vec<Value> = run.envs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let mut status = json!({
            "state": run.state,
            "startTime": stamp(run.started),
            "description": match run.state {
                "triggered" => "Job triggered.",
                "pending" => "Job in progress.",
                "success" => "Job succeeded.",
                _ => "Job failed.",
            },
        });
        if let (Some(pending), Some(number)) = (run.pending, run.build_id) {
            status["pendingTime"] = stamp(pending).into();
            status["url"] = self.page(run).into();
            status["build_id"] = number.to_string().into();
            status["pod_name"] = run.id.clone().into();
        }
        if let Some(ended) = run.ended {
            status["completionTime"] = stamp(ended).into();
        }
        json!({
            "apiVersion": "prow.k8s.io/v1",
            "kind": "ProwJob",
            "metadata": {
                "annotations": annotations,
                "creationTimestamp": stamp(run.started),
                "labels": labels,
                "name": run.id,
                "namespace": "ci",
            },
            "spec": {
                "agent": "kubernetes",
                "cluster": "build05",
                "job": run.job,
                "pod_spec": { "containers": [{ "name": "", "command": ["ci-operator"], "env": env }] },
                "report": true,
                "type": "periodic",
            },
            "status": status,
        })
    }
}

fn collected(run: &Run, now: Timestamp) -> bool {
    run.ended.is_some_and(|ended| now.duration_since(ended) > COLLECTED)
}

fn build_id(rng: &mut fastrand::Rng) -> u64 {
    rng.u64(1_900_000_000_000_000_000..1_999_999_999_999_999_999)
}

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
    let id = world::uuid(&mut facts.rng_for(&thing));
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

/// Public: refuses nobody.
pub fn refuse(_path: &str, _headers: &HeaderMap, _credentials: &Credentials) -> Option<Response> {
    None
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
