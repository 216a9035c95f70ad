//! Pipelines of merge requests: validation jobs and the bridges of the two releases.

use jiff::Timestamp;
use serde::Serialize;

use super::{Gitlab, PROD_RELEASE, STAGE_RELEASE};

/// Status of a job or bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// Waits for earlier stages.
    Created,
    /// Waits for somebody to start it.
    Manual,
    /// Runs.
    Running,
    /// Went well.
    Success,
    /// Went badly.
    Failed,
}

impl JobStatus {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Manual => "manual",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }
}

/// A job, or a bridge to another pipeline.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its stage.
    pub stage: String,
    /// Its status.
    pub status: JobStatus,
    /// Whether it is a bridge.
    pub bridge: bool,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A pipeline.
#[derive(Debug, Clone, Serialize)]
pub struct Pipeline {
    /// Its number.
    pub id: u64,
    /// The merge request it is for.
    pub iid: u64,
    /// The commit it runs on.
    pub sha: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Its jobs and bridges in order.
    pub jobs: Vec<Job>,
}

/// Shipment kinds that are released, each by a bridge of its own.
const RELEASED: [&str; 4] = ["image", "extras", "metadata", "fbc"];

impl Pipeline {
    /// The status of the whole.
    pub fn status(&self) -> JobStatus {
        let has = |status| self.jobs.iter().any(|job| job.status == status);
        [JobStatus::Running, JobStatus::Failed, JobStatus::Manual]
            .into_iter()
            .find(|status| has(*status))
            .unwrap_or(JobStatus::Success)
    }
}

impl Gitlab {
    /// Makes a pipeline for the present head of a merge request; its validation is done at once.
    pub(in crate::sim) fn new_pipeline(&mut self, iid: u64, now: Timestamp) {
        let Some(mr) = self.merge_requests.get(&iid) else { return };
        let sha = self.head(mr);
        let id = self.pipelines.keys().next_back().map_or(8_800_001, |last| last + 1);
        let mut jobs = Vec::new();
        let mut add = |name: String, stage: &str, status: JobStatus, bridge: bool| {
            let done = (status == JobStatus::Success).then_some(now);
            jobs.push(Job {
                id: id * 100 + jobs.len() as u64,
                name,
                stage: stage.to_owned(),
                status,
                bridge,
                started_at: done,
                finished_at: done,
            });
        };
        add("validate-shipment".to_owned(), "validate", JobStatus::Success, false);
        if Some(iid) == self.shipment_iid {
            for kind in RELEASED {
                add(format!("stage-release-{kind}"), STAGE_RELEASE, JobStatus::Manual, true);
            }
            for kind in RELEASED {
                add(format!("prod-release-{kind}"), PROD_RELEASE, JobStatus::Created, true);
            }
        }
        self.pipelines.insert(id, Pipeline { id, iid, sha, created_at: now, updated_at: now, jobs });
    }

    /// Brings the bridges of a stage in the newest shipment pipeline to a status. Of a failure only
    /// the last bridge is the cause, the others went well, as one broken component breaks one release.
    pub(in crate::sim) fn set_stage(&mut self, stage: &str, status: JobStatus, now: Timestamp) {
        let iid = self.shipment_iid;
        let Some(pipeline) = self.pipelines.values_mut().rfind(|pipeline| Some(pipeline.iid) == iid) else { return };
        pipeline.updated_at = now;
        let bridges = pipeline.jobs.iter_mut().filter(|job| job.stage == stage);
        let mut bridges: Vec<&mut Job> = bridges.collect();
        let last = bridges.len().saturating_sub(1);
        for (n, job) in bridges.iter_mut().enumerate() {
            job.status = if status == JobStatus::Failed && n != last { JobStatus::Success } else { status };
            if status == JobStatus::Running {
                job.started_at = Some(now);
                job.finished_at = None;
            } else {
                job.started_at = job.started_at.or(Some(now));
                job.finished_at = Some(now);
            }
        }
    }
}
