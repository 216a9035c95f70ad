//! What we add to records; older readers do not see it.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::starts::{AnnouncedStart, STARTS};
use super::{BadFile, ResultFile};
use crate::domain::dates::stamp;
use crate::domain::job_registry::RegistryJob;
use crate::domain::spelled::spelled;

spelled! {
    /// How far the triggering of a job is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    PlanState,
    /// As records spell it.
    name: &'static str {
        /// To be triggered.
        Planned = "planned",
        /// Its run has an id.
        Triggered = "triggered",
        /// The gateway did not take it; to be tried again.
        Refused = "refused",
        /// Nobody knows whether it runs; to be looked for, never to be tried again blindly.
        Uncertain = "uncertain",
    }
}

/// One job that is to be triggered for the build.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PlanEntry {
    /// Name as in the registry.
    #[serde(rename = "jobName")]
    pub job: String,
    /// How far it is.
    pub state: PlanState,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// What the last try said.
    #[serde(default)]
    pub last_error: Option<String>,
    /// Pull spec that its runs start from.
    #[serde(default)]
    pub upgrade_from: Option<String>,
}

impl PlanEntry {
    /// A job that nobody tried yet.
    pub fn new(job: &str, upgrade_from: Option<String>) -> Self {
        Self { job: job.to_owned(), state: PlanState::Planned, attempts: 0, last_error: None, upgrade_from }
    }

    pub(super) fn value(&self) -> Value {
        let mut entry = json!({ "jobName": self.job, "state": self.state.name(), "attempts": self.attempts });
        for (key, text) in [("last_error", &self.last_error), ("upgrade_from", &self.upgrade_from)] {
            if let Some(text) = text {
                entry[key] = text.as_str().into();
            }
        }
        entry
    }
}

/// The jobs that a build is judged by, as the registry had them when the build was planned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredPolicy {
    /// Digest of the registry.
    pub digest: String,
    /// Its enabled jobs for the stream of the build.
    pub jobs: Vec<RegistryJob>,
}

impl StoredPolicy {
    pub(super) fn value(&self) -> Value {
        let job = |job: &RegistryJob| json!({ "prowJob": job.name, "optional": job.optional, "retries": job.planned_retries(), "upgrade": job.upgrade });
        let enabled = self.jobs.iter().filter(|job| !job.disabled);
        json!({ "digest": self.digest, "jobs": enabled.map(job).collect::<Vec<_>>() })
    }
}

spelled! {
    /// What happened to a record.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    EventKind,
    /// As records spell it.
    name: &'static str {
        /// It was begun, with its plan.
        Created = "created",
        /// A first run was triggered.
        Triggered = "triggered",
        /// A further run was triggered.
        RetryTriggered = "retry_triggered",
        /// A run took the place of another one.
        RunReplaced = "run_replaced",
        /// A run is not known at Prow any more and never said how it ended.
        Lost = "lost",
        /// A person promoted the build.
        Promoted = "promoted",
        /// The payload carries the label.
        Labelled = "labelled",
        /// The label could not be set.
        LabelFailed = "label_failed",
        /// A person labels the payload as rejected.
        PayloadRejected = "payload_rejected",
        /// A person takes that back.
        RejectionTakenBack = "rejection_taken_back",
        /// A person says that a start did not happen.
        NeverStarted = "never_started",
        /// People were informed of the verdict.
        Announced = "announced",
        /// The release controller does not know the build any more.
        DeletedUpstream = "deleted_upstream",
    }
}

/// Who did something to a record, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub kind: EventKind,
    /// With what, or why.
    pub detail: String,
}

impl Event {
    pub(super) fn value(&self) -> Value {
        json!({ "at": stamp(self.at), "actor": self.actor, "kind": self.kind.name(), "detail": self.detail })
    }
}

/// An event as it is stored; kinds and times that nobody knows are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredEvent {
    /// When.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What.
    pub kind: String,
    /// With what, or why.
    #[serde(default)]
    pub detail: String,
}

/// A verdict with the rule by which it was reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredVerdict {
    /// As the evaluation spells it.
    pub decision: String,
    /// When the run ended that fixed it.
    #[serde(default)]
    pub decided_at: Option<String>,
    /// strict or compat.
    pub rule: String,
}

impl StoredVerdict {
    pub(super) fn value(&self) -> Value {
        json!({ "decision": self.decision, "decided_at": self.decided_at, "rule": self.rule })
    }
}

pub(super) const SCHEMA: &str = "schema";
pub(super) const REGISTRY: &str = "registry";
pub(super) const PLAN: &str = "plan";
pub(super) const EVENTS: &str = "events";
pub(super) const VERDICT: &str = "verdict";

impl ResultFile {
    /// The jobs by which the build was planned; older records do not say.
    pub fn policy(&self) -> Option<StoredPolicy> {
        self.addition(REGISTRY).ok().flatten()
    }

    /// What was to be triggered; older records do not say.
    pub fn plan(&self) -> Vec<PlanEntry> {
        self.addition(PLAN).ok().flatten().unwrap_or_default()
    }

    /// What happened to the record.
    pub fn events(&self) -> Vec<StoredEvent> {
        self.addition(EVENTS).ok().flatten().unwrap_or_default()
    }

    /// When a person said last that the start `key` did not happen.
    pub fn never_started_at(&self, key: &str) -> Option<Timestamp> {
        let about = format!("{key}: ");
        let of_it =
            |event: &StoredEvent| event.kind == EventKind::NeverStarted.name() && event.detail.starts_with(&about);
        self.events().iter().rfind(|event| of_it(event))?.at.parse().ok()
    }

    /// The verdict with its rule.
    pub fn verdict(&self) -> Option<StoredVerdict> {
        self.addition(VERDICT).ok().flatten()
    }

    /// A plan that is misread triggers jobs twice, so that wrong types are errors here, too.
    pub(super) fn check_additions(&self) -> Result<(), BadFile> {
        self.addition::<StoredPolicy>(REGISTRY)?;
        self.addition::<Vec<PlanEntry>>(PLAN)?;
        self.addition::<Vec<StoredEvent>>(EVENTS)?;
        self.addition::<StoredVerdict>(VERDICT)?;
        self.addition::<Vec<AnnouncedStart>>(STARTS)?;
        Ok(())
    }

    pub(super) fn addition<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, BadFile> {
        match self.document.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let read = T::deserialize(value).map(Some);
                read.map_err(|error| BadFile::record(format!("{key} is not of its form ({error})")))
            }
        }
    }
}
