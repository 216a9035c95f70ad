//! Push jobs: what was pushed where, and starting the pushes that are missing.

use serde::Deserialize;

use super::{Errata, complaints, refusal};
use crate::core::clients::error::ClientError;
use crate::core::clients::http::answer::Answer;
use crate::core::clients::retry::Repeat;
use crate::domain::ids::AdvisoryId;
use crate::domain::push::PushJob;

/// How the service begins its complaint about blocking advisories.
const DEPENDENCIES_FIRST: &str = "Must push dependencies";

/// What asking for a push came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushStart {
    /// These jobs were made.
    Started(Vec<PushJob>),
    /// Every target has its content or a job at work.
    NothingNeeded,
    /// A blocking advisory has to be pushed first; nothing was started.
    DependenciesFirst {
        /// What the service says.
        why: String,
    },
}

#[derive(Deserialize)]
struct Job {
    id: u64,
    status: String,
    target: Target,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

impl From<Job> for PushJob {
    fn from(job: Job) -> Self {
        let state = job.status.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        Self { id: job.id, target: job.target.name, state }
    }
}

impl Errata {
    /// All push jobs of an advisory, staging and live, old and new: `GET /api/v1/erratum/{id}/push`. Reads.
    ///
    /// # Errors
    ///
    /// The service fails or does not know the number.
    pub async fn push_jobs(&self, id: AdvisoryId) -> Result<Vec<PushJob>, ClientError> {
        let path = format!("/api/v1/erratum/{id}/push");
        let jobs: Vec<Job> = self.http.get("read the push jobs of an advisory", &path).json_answer().await?;
        Ok(jobs.into_iter().map(PushJob::from).collect())
    }

    /// Pushes what is missing to the staging targets: `POST /api/v1/erratum/{id}/push?defaults=stage`.
    ///
    /// Converges: the service leaves out targets that have the content or a job at work and repeats
    /// failed ones.
    ///
    /// # Errors
    ///
    /// [`Fault::Refused`](crate::core::clients::error::Fault::Refused) with what stands in the way.
    pub async fn push_to_stage(&self, id: AdvisoryId) -> Result<PushStart, ClientError> {
        let path = format!("/api/v1/erratum/{id}/push");
        let call = self.http.post("push an advisory to staging", Repeat::Converges, &path);
        call.query(&[("defaults", "stage")]).accept(&[400, 422]).read(|answer| started(&answer)).await
    }
}

fn started(answer: &Answer) -> Result<PushStart, ClientError> {
    if let Some(refused) = refusal(answer) {
        let dependencies = complaints(&answer.body).into_iter().find(|text| text.starts_with(DEPENDENCIES_FIRST));
        return dependencies.map_or(Err(refused), |why| Ok(PushStart::DependenciesFirst { why }));
    }
    let jobs: Vec<Job> = answer.json()?;
    if jobs.is_empty() {
        return Ok(PushStart::NothingNeeded);
    }
    Ok(PushStart::Started(jobs.into_iter().map(PushJob::from).collect()))
}
