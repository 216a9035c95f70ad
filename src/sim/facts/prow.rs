//! Runs of Prow jobs, behind Gangway and Deck.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::dates::stamp;
use crate::domain::task::{JobSystem, Task};
use crate::sim::records::{self, Stream};
use crate::sim::scenario::{Progress, ReleasePlan};

/// The job that compares payload and shipment.
pub const CONSISTENCY: &str = "periodic-ci-openshift-release-tests-main-image-consistency-check";

/// The mark of jobs whose repository is private.
const PRIVATE: &str = "-openshift-openshift-tests-private-";

pub(in crate::sim) const COLLECTED: SignedDuration = SignedDuration::from_hours(48);

/// Jobs that exist and runs that were started.
#[derive(Debug, Clone, Serialize)]
pub struct Prow {
    pub(in crate::sim) base: String,
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
    /// `scheduling`, `triggered`, `pending`, or a final state.
    pub state: &'static str,
    /// When it was started.
    pub started: Timestamp,
    /// When its pod was made.
    pub pending: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Number of the run in the bucket, once it is pending.
    pub build_id: Option<u64>,
    /// How it will end, and how long it takes from its pod on.
    #[serde(skip)]
    pub(in crate::sim) planned: PlannedRun,
}

/// What becomes of a run.
#[derive(Debug, Clone, Copy)]
pub(in crate::sim) struct PlannedRun {
    /// The final state.
    pub(in crate::sim) end: &'static str,
    /// From pod to end.
    pub(in crate::sim) length: SignedDuration,
    /// How many further looks find nothing although it is there.
    pub(in crate::sim) unseen: u32,
    /// It is gone for good half way.
    pub(in crate::sim) gets_lost: bool,
    /// It is gone.
    pub(in crate::sim) lost: bool,
}

impl PlannedRun {
    /// All goes well.
    pub(in crate::sim) const fn good(length: SignedDuration) -> Self {
        Self { end: "success", length, unseen: 0, gets_lost: false, lost: false }
    }
}

impl Run {
    /// Whether its job belongs to a repository that public lists leave out.
    pub(in crate::sim) fn is_hidden(&self) -> bool {
        self.job.contains(PRIVATE)
    }
}

/// Transitions of this service.
#[derive(Debug, Clone, PartialEq)]
pub enum ProwEvent {
    /// A run has found a cluster.
    Triggered {
        /// Run id.
        id: String,
    },
    /// A run gets its pod and its page.
    Pending {
        /// Run id.
        id: String,
    },
    /// A run ends as planned.
    Ends {
        /// Run id.
        id: String,
    },
    /// A run is gone before its time.
    Lost {
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

    pub(in crate::sim) fn remember(&mut self, plan: &ReleasePlan, task: Task, job: String, rng: &mut fastrand::Rng) {
        let Some(named) = plan.past.job(task.name()).filter(|named| named.system == JobSystem::Prow) else { return };
        let started = named.triggered_at.unwrap_or(plan.start);
        let (state, ended) = match plan.past.progress(task.name()) {
            Progress::Passed => ("success", Some(plan.start)),
            Progress::Failed => ("failure", Some(plan.start)),
            Progress::Running | Progress::Untouched => ("pending", None),
        };
        let payload = plan.release.payload(crate::sim::facts::images::PAYLOADS, "x86_64");
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
            planned: PlannedRun::good(SignedDuration::ZERO),
        };
        self.runs.insert(named.id.clone(), run);
    }

    /// All runs are gone before their time.
    pub fn forget_jobs(&mut self) -> Option<String> {
        let gone = self.runs.len();
        self.runs.clear();
        (gone > 0).then(|| format!("forgot {gone} jobs"))
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
    pub(in crate::sim) fn object(&self, run: &Run) -> Value {
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
                "scheduling" => "Job is waiting for a cluster.",
                "triggered" => "Job triggered.",
                "pending" => "Job in progress.",
                "success" => "Job succeeded.",
                "aborted" => "Aborted.",
                "error" => "Pod scheduling timeout.",
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
        let mut object = json!({
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
        });
        if run.is_hidden() {
            object["spec"]["hidden"] = true.into();
        }
        object
    }

    /// The run for somebody who asks Deck for it by name: some looks find nothing.
    pub(in crate::sim) fn look(&mut self, id: &str, now: Timestamp) -> Option<&Run> {
        let run = self.runs.get_mut(id).filter(|run| !collected(run, now))?;
        if run.pending.is_some() && run.planned.unseen > 0 {
            run.planned.unseen -= 1;
            return None;
        }
        Some(run)
    }
}

pub(in crate::sim) fn collected(run: &Run, now: Timestamp) -> bool {
    run.planned.lost || run.ended.is_some_and(|ended| now.duration_since(ended) > COLLECTED)
}

pub(in crate::sim) fn build_id(rng: &mut fastrand::Rng) -> u64 {
    rng.u64(1_900_000_000_000_000_000..1_999_999_999_999_999_999)
}
