//! One run of a job as Prow shows it, and what that means.

use jiff::{SignedDuration, Timestamp};

use crate::core::clients::prow::{ProwJob, ProwState};
use crate::core::context::Context;
use crate::domain::ids::ProwJobId;
use crate::domain::job_images::Images;
use crate::domain::job_order::CONSISTENCY_PAYLOAD;
use crate::operators::error::TaskError;

/// Looks at a run that is waited for, and the time between two of them.
const LOOKS: u32 = 5;
const PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// A run as Prow shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRun {
    /// Its id.
    pub id: ProwJobId,
    /// Its job.
    pub job: String,
    /// The images that it was given; nothing where it was given none.
    pub images: Option<Images>,
    /// Where it stands, as Prow says it.
    pub state: String,
    /// What that means.
    pub ending: RunEnding,
    /// Its page.
    pub url: Option<String>,
    /// When it was created.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub completed: Option<Timestamp>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnding {
    /// It goes on.
    Open,
    /// Well.
    Passed,
    /// It failed, was aborted, or could not be run.
    Failed,
}

impl From<ProwJob> for ShownRun {
    fn from(run: ProwJob) -> Self {
        let compared = run.envs.get(CONSISTENCY_PAYLOAD).cloned().map(Images::Payload);
        let ending = match run.state {
            ProwState::Success => RunEnding::Passed,
            ProwState::Failure | ProwState::Aborted | ProwState::Error => RunEnding::Failed,
            ProwState::Scheduling | ProwState::Triggered | ProwState::Pending | ProwState::Other(_) => RunEnding::Open,
        };
        Self {
            images: Images::of_variables(&run.envs).or(compared),
            state: run.state.as_str().to_owned(),
            ending,
            id: run.id,
            job: run.job,
            url: run.url,
            started: run.started_at,
            completed: run.completed_at,
        }
    }
}

/// Looks at a run; `waits`: again for some seconds until it has ended.
///
/// # Errors
///
/// Prow does not answer, or knows no such run.
pub async fn look(ctx: &Context, id: &ProwJobId, waits: bool) -> Result<ShownRun, TaskError> {
    let prow = ctx.prow();
    let mut looks = 1;
    loop {
        let run = prow.job(id).await?.ok_or_else(|| TaskError::Refused {
            why: format!("Prow knows no run {id}; it forgets runs a day or two after their end"),
            next: "take the id from the page of the run; what counted for a build stands in its test record".to_owned(),
        })?;
        if !waits || run.state.is_final() || looks >= LOOKS || ctx.cancel.is_cancelled() {
            return Ok(run.into());
        }
        looks += 1;
        ctx.clock.pause(PAUSE, &ctx.cancel).await;
    }
}
