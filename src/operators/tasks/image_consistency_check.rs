//! Compares the payload with the shipment and looks at image health.

pub mod local;

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::core::clients::error::ClientError;
use crate::core::clients::gangway::GangwayOrder;
use crate::core::clients::prow::{Prow, ProwJob, ProwState};
use crate::core::effects::Look;
use crate::core::notices::of_run::Notice;
use crate::domain::absence::Shown;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::evidence::About;
use crate::domain::ids::{MrIid, ProwJobId};
use crate::domain::image_health::HealthVerdict;
use crate::domain::job_order::{CONSISTENCY_JOB, CONSISTENCY_MERGE_REQUEST, CONSISTENCY_PAYLOAD};
use crate::domain::job_trace;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::stage_testing;
use crate::domain::task::{JobRef, JobSystem, TaskStatus};
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::effect_label::{LABEL, label};
use crate::operators::steps::{image_health, job_of_run, stage_testing_facts};

/// The job takes 90 to 120 minutes; image health is asked again at the same pace.
const RECHECK: SignedDuration = SignedDuration::from_mins(15);
/// Prow shows the page of a job some seconds after the start.
const PAGE_LOOKS: u32 = 5;
const PAGE_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// Prow shows a job for at least this long after its end.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// Running jobs of others that are looked into for our payload; there are rarely more than two.
const STRANGERS: usize = 5;

/// Starts the job once payload and stage release are there, or looks how a started one goes; a good job
/// is followed by a look at image health.
///
/// # Errors
///
/// Our inability to find out or to act.
pub(in crate::operators) async fn run(run: &Run<'_>, job: Option<&ProwJobId>) -> Result<Outcome, TaskError> {
    let prow = run.ctx.prow();
    let entry = run.state.task(run.task);
    let stored = entry.as_ref().and_then(|entry| job_trace::current(entry, job_trace::consistency_job));
    let to_check = match (run.state.status(run.task), job, stored) {
        (_, Some(given), stored) => Some(named(run, &prow, given, stored.as_ref()).await?),
        (TaskStatus::InProgress, None, Some(job)) if job.system == JobSystem::Jenkins => {
            let why = "it runs on Jenkins, as those of earlier tools did, and this program looks at Prow".to_owned();
            return Ok(gone_for_good(run, job, why));
        }
        (TaskStatus::InProgress, None, Some(stored)) => match stored.id.parse() {
            Ok(id) => Some(id),
            Err(_) => return Ok(gone_for_good(run, stored, "nobody stored which one it is".to_owned())),
        },
        // What failed may have been image health: then the job need not run again.
        (TaskStatus::Fail, None, Some(stored)) => match stored.id.parse() {
            Ok(id) if is_worth_keeping(&prow, &id).await? => Some(id),
            Ok(_) | Err(_) => None,
        },
        (TaskStatus::InProgress | TaskStatus::Fail, None, None) => None,
        (TaskStatus::NotStarted | TaskStatus::Pass, None, _) => None,
    };
    let Some(id) = to_check else { return start(run, &prow).await };
    match check(run, &prow, &id).await? {
        JobLook::Ended(outcome) => Ok(outcome),
        JobLook::NoVerdict(state, job) if entry.is_some_and(|entry| job_trace::was_replaced(&entry)) => {
            Ok(failed(&state, job))
        }
        JobLook::NoVerdict(state, _) => {
            run.info(format!("the job ended with {state}, which is no verdict: it is started once more"));
            start(run, &prow).await
        }
    }
}

async fn start(run: &Run<'_>, prow: &Prow) -> Result<Outcome, TaskError> {
    if let Some(by) = unready(run).await? {
        return Ok(Outcome::Blocked { by });
    }
    let Some(mr) = run.assembly().await?.shipment_mr.as_deref().and_then(merge_request) else {
        let missing = vec!["a shipment merge request: the Prow job compares the payload with one".to_owned()];
        return Ok(Outcome::Blocked { by: ClosedGate::NotReady { missing } });
    };
    let search = JobSearch::of(run);
    let order = search.order(run, mr);
    let started = run
        .effect(
            &search.key,
            "start the image consistency job",
            async || search.look(prow, run).await,
            async || Ok((run.ctx.gangway().start(&order).await?, ProwState::Triggered)),
        )
        .await?;
    let verb = if started.is_new() { "Triggered" } else { "Found" };
    let (id, state) = started.into_inner();
    run.info(format!("{verb} image consistency check Prow job: {id}"));
    let url = page(run, prow, &id).await;
    run.info(format!("Prow job URL: {}", url.as_deref().unwrap_or("not shown yet")));
    let job = JobRef { url, triggered_at: Some(run.ctx.clock.now()), ..bare(&id) };
    // Whoever started it may have died before saying so; one that was announced is not announced again.
    run.notify(Notice::JobStarted { start: search.key.clone(), job: job.clone() });
    if state.is_final() {
        return Ok(match check(run, prow, &id).await? {
            JobLook::Ended(outcome) => outcome,
            // The next look starts it once more, now that its reference is stored.
            JobLook::NoVerdict(state, job) => waiting(&state, job),
        });
    }
    Ok(waiting(&state, job))
}

/// What keeps the check from starting: payload and stage release have to be there.
async fn unready(run: &Run<'_>) -> Result<Option<ClosedGate>, TaskError> {
    let assembly = run.assembly().await?;
    let gathered = stage_testing_facts::gather(run).await?;
    if let Some(by) = gathered.closed() {
        return Ok(Some(by));
    }
    Ok(stage_testing_facts::not_ready(assembly).or_else(|| stage_testing::consistency_closed(&gathered.facts(run))))
}

/// What a look at a job found.
enum JobLook {
    Ended(Outcome),
    /// Aborted, or Prow could not run it: nothing was found out about the release.
    NoVerdict(ProwState, JobRef),
}

async fn check(run: &Run<'_>, prow: &Prow, id: &ProwJobId) -> Result<JobLook, TaskError> {
    run.info(format!("Checking image consistency check Prow job status for job ID: {id}"));
    let Some(job) = prow.job(id).await? else {
        return gone(run, id).await.map(JobLook::Ended);
    };
    about_this_release(run, &job)?;
    run.info(format!("Job state: {}, URL: {}", job.state, job.url.as_deref().unwrap_or("not yet")));
    let job_ref = of_job(&job);
    Ok(match job.state {
        ProwState::Success => JobLook::Ended(health(run, job_ref).await?),
        ProwState::Scheduling | ProwState::Triggered | ProwState::Pending | ProwState::Other(_) => {
            JobLook::Ended(waiting(&job.state, job_ref))
        }
        ProwState::Failure => {
            job_of_run::remember(run, job_ref.clone());
            JobLook::Ended(failed(&job.state, job_ref))
        }
        ProwState::Aborted | ProwState::Error => JobLook::NoVerdict(job.state, job_ref),
    })
}

/// Prow forgets a job after a day or two; what an earlier look stored still counts.
async fn gone(run: &Run<'_>, id: &ProwJobId) -> Result<Outcome, TaskError> {
    let stored = run.state.task(run.task).and_then(|entry| entry.result);
    if stored.is_some_and(|result| job_trace::says_success(&result, id)) {
        run.info(format!("Prow has forgotten job {id}; Job state: success, as seen earlier"));
        return health(run, bare(id)).await;
    }
    let entry = run.state.task(run.task);
    let stored = entry.and_then(|entry| job_trace::current(&entry, job_trace::consistency_job));
    let job = stored.filter(|job| job.id == id.as_str()).unwrap_or_else(|| bare(id));
    if job_of_run::may_still_show(run, job.triggered_at) {
        let on = WaitingOn::ConsistencyJob { state: "not shown yet".to_owned() };
        return Ok(Outcome::Waiting { on, job: Some(job), recheck: RECHECK });
    }
    Ok(gone_for_good(run, job, "Prow has forgotten it, and nobody looked at its end".to_owned()))
}

fn bare(id: &ProwJobId) -> JobRef {
    JobRef { system: JobSystem::Prow, id: id.to_string(), url: None, triggered_at: None }
}

/// A job that somebody named. One that Prow does not know is a slip, unless it is the stored one.
async fn named(run: &Run<'_>, prow: &Prow, given: &ProwJobId, stored: Option<&JobRef>) -> Result<ProwJobId, TaskError> {
    if stored.is_some_and(|job| job.id == given.as_str()) || prow.job(given).await?.is_some() {
        return Ok(given.clone());
    }
    Err(TaskError::Refused {
        why: format!("Prow knows no job {given}; it forgets jobs a day or two after their end"),
        next: format!(
            "take the id from the page of the job: oar -r {0} {1} -i ID; if it ended well and is forgotten: oar -r {0} \
             update-task-status {1} Pass --reason TEXT",
            run.release, run.task
        ),
    })
}

async fn health(run: &Run<'_>, job: JobRef) -> Result<Outcome, TaskError> {
    let outcome = health_of(image_health::check(run).await?, Some(job.clone()));
    if matches!(outcome, Outcome::Passed { .. } | Outcome::Failed { .. }) {
        job_of_run::remember(run, job);
    }
    Ok(outcome)
}

/// What image health makes of a good comparison; while it waits, the reference of its job is kept.
fn health_of(verdict: HealthVerdict, job: Option<JobRef>) -> Outcome {
    let waits = |why| Outcome::Waiting { on: WaitingOn::ImageHealth { why }, job, recheck: RECHECK };
    match verdict {
        HealthVerdict::Healthy { scanned } => {
            Outcome::Passed { summary: format!("payload and shipment are consistent, {scanned} images are healthy") }
        }
        HealthVerdict::Unhealthy { unhealthy, scanned, .. } => {
            Outcome::Failed { reason: FailReason::UnhealthyImages { unhealthy, scanned } }
        }
        HealthVerdict::Unknown { why } => waits(why),
        HealthVerdict::NotReleased(state) => waits(format!("the stage release is {state}")),
    }
}

/// Is the job of a failed task good or still running, so that another one would be in vain?
async fn is_worth_keeping(prow: &Prow, id: &ProwJobId) -> Result<bool, ClientError> {
    Ok(prow.job(id).await?.is_some_and(|job| job.state == ProwState::Success || !job.state.is_final()))
}

/// The job's page, when Prow shows it soon; the job runs with or without it.
async fn page(run: &Run<'_>, prow: &Prow, id: &ProwJobId) -> Option<String> {
    for look in 0..PAGE_LOOKS {
        if look > 0 {
            run.ctx.clock.pause(PAGE_PAUSE, &run.ctx.cancel).await;
        }
        match prow.job(id).await {
            Ok(Some(ProwJob { url: Some(url), .. })) => return Some(url),
            Ok(_) => {}
            Err(error) => {
                run.warn(format!("the job was started, but its page cannot be looked up: {error}"));
                return None;
            }
        }
    }
    None
}

/// A wrong job id would pass one release with the check of another.
fn about_this_release(run: &Run<'_>, job: &ProwJob) -> Result<(), TaskError> {
    let about = match job.envs.get(CONSISTENCY_PAYLOAD) {
        _ if job.job != CONSISTENCY_JOB => About::OtherJob,
        Some(spec) => About::Payload { spec, candidate: None },
        None => About::Unnamed { ours: JobSearch::of(run).known.contains(&job.id.to_string()) },
    };
    if about.counts_for(run.release) {
        return Ok(());
    }
    let compared = job.envs.get(CONSISTENCY_PAYLOAD).map_or("no payload", String::as_str);
    Err(TaskError::Refused {
        why: format!("Prow job {} is a run of {} with {compared}, not a check of {}", job.id, job.job, run.release),
        next: format!("give the job of {}: oar -r {} image-consistency-check --job-id ID", run.release, run.release),
    })
}

/// How the job of this start is found again.
struct JobSearch {
    key: String,
    label: String,
    known: Vec<String>,
}

impl JobSearch {
    fn of(run: &Run<'_>) -> Self {
        let entry = run.state.task(run.task);
        let known = entry.map(|entry| job_trace::known(&entry, job_trace::consistency_job)).unwrap_or_default();
        let key = job_trace::start_key(run.task, &known);
        Self { label: label(&format!("{}/{key}", run.release)), key, known }
    }

    fn order(&self, run: &Run<'_>, mr: MrIid) -> GangwayOrder {
        GangwayOrder {
            job: CONSISTENCY_JOB.to_owned(),
            envs: BTreeMap::from([
                (CONSISTENCY_PAYLOAD.to_owned(), run.release.payload(&run.ctx.settings.payload_repository, "x86_64")),
                (CONSISTENCY_MERGE_REQUEST.to_owned(), mr.to_string()),
            ]),
            labels: BTreeMap::from([(LABEL.to_owned(), self.label.clone())]),
            annotations: BTreeMap::from([(LABEL.to_owned(), format!("{}/{}", run.release, self.key))]),
        }
    }

    /// A job with our label, else a running one that somebody else started for this payload.
    async fn look(&self, prow: &Prow, run: &Run<'_>) -> Result<Look<(ProwJobId, ProwState)>, ClientError> {
        let jobs = prow.jobs_named(CONSISTENCY_JOB).await?;
        if let Some(job) = jobs.iter().find(|job| job.labels.get(LABEL) == Some(&self.label)) {
            return Ok(Look::Found((job.id.clone(), job.state.clone())));
        }
        let strangers = jobs.iter().filter(|job| {
            !job.state.is_final() && !job.labels.contains_key(LABEL) && !self.known.contains(&job.id.to_string())
        });
        for stranger in strangers.take(STRANGERS) {
            let job = prow.job(&stranger.id).await?;
            let spec = job.as_ref().and_then(|job| job.envs.get(CONSISTENCY_PAYLOAD));
            if spec.is_some_and(|spec| About::Payload { spec, candidate: None }.counts_for(run.release)) {
                return Ok(Look::Found((stranger.id.clone(), stranger.state.clone())));
            }
        }
        let remembers_from = run.ctx.clock.now().checked_sub(REMEMBERED).ok();
        Ok(Look::Absent(Shown {
            newest: jobs.iter().filter_map(|job| job.started_at).max(),
            reaches_back_to: remembers_from,
        }))
    }
}

/// The number at the end of a merge request's address.
fn merge_request(url: &str) -> Option<MrIid> {
    let (_, rest) = url.rsplit_once("/merge_requests/")?;
    rest.split(['/', '?', '#']).next()?.parse().ok()
}

fn of_job(job: &ProwJob) -> JobRef {
    JobRef { system: JobSystem::Prow, id: job.id.to_string(), url: job.url.clone(), triggered_at: job.started_at }
}

fn waiting(state: &ProwState, job: JobRef) -> Outcome {
    Outcome::Waiting { on: WaitingOn::ConsistencyJob { state: state.to_string() }, job: Some(job), recheck: RECHECK }
}

fn failed(state: &ProwState, job: JobRef) -> Outcome {
    Outcome::Failed { reason: FailReason::Job { job, result: state.to_string() } }
}

fn gone_for_good(run: &Run<'_>, job: JobRef, why: String) -> Outcome {
    Outcome::Blocked { by: ClosedGate::JobGone { task: run.task, job, why } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_merge_request_is_the_number_in_its_address() {
        let page = "https://gitlab.example.com/ocp-shipment-data/-/merge_requests/426";
        assert_eq!(merge_request(page), Some(MrIid::new(426)));
        assert_eq!(merge_request(&format!("{page}/diffs")), Some(MrIid::new(426)));
        assert_eq!(merge_request("https://gitlab.example.com/ocp-shipment-data"), None);
    }
}
