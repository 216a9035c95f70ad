//! Queue and builds of the stage pipeline.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::task::{JobSystem, Task};
use crate::sim::scenario::{Progress, ReleasePlan};

pub(in crate::sim) const JOB: &str = "Stage-Pipeline";

pub(in crate::sim) const PARAMETERS: [&str; 3] = ["VERSION", "PULL_SPEC", "METADATA_AD"];

pub(in crate::sim) const QUIET: SignedDuration = SignedDuration::from_secs(8);

pub(in crate::sim) const REMEMBERED: SignedDuration = SignedDuration::from_mins(5);

/// Queue and builds of the one job.
#[derive(Debug, Clone, Serialize)]
pub struct Jenkins {
    pub(in crate::sim) base: String,
    pub(in crate::sim) queue: Vec<Item>,
    pub(in crate::sim) builds: Vec<Build>,
    /// What is left of the builds of other releases.
    #[serde(skip)]
    pub(in crate::sim) older: Option<Build>,
    pub(in crate::sim) next_item: u64,
    pub(in crate::sim) next_build: u64,
    /// Triggers need a crumb even with an API token, as on servers with the strict set-up.
    pub crumb_required: bool,
    /// What the queue says about why it waits, in place of the usual reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_reason: Option<String>,
}

/// A trigger that waits or has waited.
#[derive(Debug, Clone, Serialize)]
pub struct Item {
    pub(in crate::sim) id: u64,
    pub(in crate::sim) parameters: IndexMap<String, String>,
    pub(in crate::sim) since: Timestamp,
    /// The build it became, and when.
    pub(in crate::sim) left: Option<(u64, Timestamp)>,
}

/// One build.
#[derive(Debug, Clone, Serialize)]
pub struct Build {
    pub(in crate::sim) number: u64,
    pub(in crate::sim) queue_id: u64,
    pub(in crate::sim) parameters: IndexMap<String, String>,
    pub(in crate::sim) started: Timestamp,
    pub(in crate::sim) ended: Option<Timestamp>,
    pub(in crate::sim) result: Option<&'static str>,
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
    /// Did anybody ask for a build?
    pub fn was_asked(&self) -> bool {
        !self.queue.is_empty() || !self.builds.is_empty()
    }

    /// Jenkins with the build that the past names, if it names one.
    pub fn new(plan: &ReleasePlan, base_url: &str, rng: &mut fastrand::Rng) -> Self {
        let mut jenkins = Self {
            base: format!("{base_url}/jenkins"),
            queue: Vec::new(),
            builds: Vec::new(),
            older: None,
            next_item: rng.u64(20_000..30_000),
            next_build: rng.u64(900..1_900),
            crumb_required: false,
            queue_reason: None,
        };
        let job = plan.past.job(Task::StageTesting.name()).filter(|job| job.system == JobSystem::Jenkins);
        let first = job.and_then(|job| job.id.parse().ok()).unwrap_or(jenkins.next_build);
        jenkins.older = Some(jenkins.of_another_release(plan, first - 1));
        let Some(job) = job else { return jenkins };
        let parameters: IndexMap<String, String> = [
            ("VERSION".to_owned(), plan.release.minor().to_string()),
            ("PULL_SPEC".to_owned(), plan.release.payload(crate::sim::facts::images::PAYLOADS, "x86_64")),
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

    fn of_another_release(&self, plan: &ReleasePlan, number: u64) -> Build {
        let payload = plan.release.payload(crate::sim::facts::images::PAYLOADS, "x86_64");
        let payload = payload.replace(&plan.release.to_string(), "4.12.98");
        let parameters = [("VERSION".to_owned(), "4.12".to_owned()), ("PULL_SPEC".to_owned(), payload)].into();
        let started = plan.start - SignedDuration::from_hours(30);
        let ended = Some(started + SignedDuration::from_hours(4));
        Build { number, queue_id: self.next_item - 1, parameters, started, ended, result: Some("SUCCESS") }
    }

    /// All builds that Jenkins still has, newest first.
    pub(in crate::sim) fn kept(&self) -> impl Iterator<Item = &Build> {
        self.builds.iter().rev().chain(&self.older)
    }

    pub(in crate::sim) fn job_url(&self) -> String {
        format!("{}/job/zstreams/job/{JOB}/", self.base)
    }

    /// Ends the running build otherwise than well (stories call this).
    pub fn end_running(&mut self, result: &'static str, now: Timestamp) {
        if let Some(build) = self.builds.iter_mut().find(|build| build.result.is_none()) {
            (build.result, build.ended) = (Some(result), Some(now));
        }
    }

    /// The last build turns out to have ended otherwise.
    pub fn correct_last(&mut self, result: &'static str) {
        if let Some(build) = self.builds.iter_mut().rev().find(|build| build.result.is_some()) {
            build.result = Some(result);
        }
    }

    /// All builds and queue items are gone, as after the server was set up anew.
    pub fn forget_builds(&mut self) -> Option<String> {
        let gone = self.builds.len() + self.queue.len();
        self.builds.clear();
        self.older = None;
        self.queue.clear();
        (gone > 0).then(|| format!("forgot {gone} builds and queue items"))
    }

    /// Somebody else asks for a build of another release (stories call this).
    pub fn somebody_queues(&mut self, version: &str, pull_spec: &str, now: Timestamp) {
        let parameters =
            [("VERSION".to_owned(), version.to_owned()), ("PULL_SPEC".to_owned(), pull_spec.to_owned())].into();
        self.queue.push(Item { id: self.next_item, parameters, since: now, left: None });
        self.next_item += 1;
    }

    pub(in crate::sim) fn running(&self) -> Option<&Build> {
        self.builds.iter().find(|build| build.result.is_none())
    }

    pub(in crate::sim) fn item_json(&self, item: &Item) -> Value {
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
                (None, _) if self.queue_reason.is_some() => json!(self.queue_reason),
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

    pub(in crate::sim) fn build_json(&self, build: &Build) -> Value {
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
pub(in crate::sim) fn queue_number(url: &str) -> Option<u64> {
    url.split_once("/queue/item/")?.1.split('/').next()?.parse().ok()
}

pub(in crate::sim) fn parameters_json(parameters: &IndexMap<String, String>) -> Value {
    let list: Vec<Value> = parameters
        .iter()
        .map(|(name, value)| json!({ "_class": "hudson.model.StringParameterValue", "name": name, "value": value }))
        .collect();
    json!({ "_class": "hudson.model.ParametersAction", "parameters": list })
}
