//! Runs the stage pipeline.

mod search;

use jiff::{SignedDuration, Timestamp};

use self::search::{BuildSearch, PAYLOAD, QueueLook, in_text, of_build, of_queue};
use crate::core::clients::jenkins::{Build, BuildState, Jenkins, QueueItem, queue_id};
use crate::core::context::Context;
use crate::core::effects::Look;
use crate::core::notices::of_run::Notice;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::evidence::About;
use crate::domain::foreign::{quoted, term};
use crate::domain::ids::BuildNumber;
use crate::domain::job_trace;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::release::ZStream;
use crate::domain::stage_testing;
use crate::domain::task::{JobRef, JobSystem, Task, TaskStatus, Which};
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::previewed::{Preview, PreviewedChange};
use crate::operators::run::Run;
use crate::operators::steps::{build_record, findings, job_of_run, stage_testing_facts};

const JOB: &str = "zstreams/Stage-Pipeline";
/// The pipeline takes two to four hours.
const RECHECK: SignedDuration = SignedDuration::from_mins(15);
/// Jenkins forgets a queue item five minutes after its build began.
const RECHECK_QUEUED: SignedDuration = SignedDuration::from_mins(2);

/// Starts the pipeline once everything that it tests is in place, or looks how a started one goes.
///
/// # Errors
///
/// Our inability to find out or to act.
pub(in crate::operators) async fn run(
    run: &Run<'_>,
    build: Option<BuildNumber>,
    force: Option<&str>,
) -> Result<Outcome, TaskError> {
    let jenkins = run.ctx.jenkins();
    if let Some(number) = build {
        return named(run, &jenkins, number).await;
    }
    match running_job(run) {
        Some(job) => follow(run, &jenkins, job).await,
        None => start(run, &jenkins, force).await,
    }
}

/// A start against a closed gate; nothing when the pipeline was started already.
pub(in crate::operators) async fn preview(
    ctx: &Context,
    release: &ZStream,
    reason: &str,
) -> Result<Preview, TaskError> {
    let task = Task::StageTesting;
    let loaded = ctx.statebox.load(release).await?;
    let before = loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state.status(task);
    Ok(match before {
        TaskStatus::InProgress | TaskStatus::Pass => Preview::Nothing,
        TaskStatus::NotStarted | TaskStatus::Fail => {
            Preview::Changes(PreviewedChange::ForcedStart { task, before, reason: reason.to_owned() })
        }
    })
}

async fn start(run: &Run<'_>, jenkins: &Jenkins, force: Option<&str>) -> Result<Outcome, TaskError> {
    let assembly = run.assembly().await?;
    let gathered = stage_testing_facts::gather(run).await?;
    if let Some(by) = gathered.closed() {
        return Ok(Outcome::Blocked { by });
    }
    let closed = stage_testing_facts::not_ready(assembly).or_else(|| stage_testing::closed(&gathered.facts(run)));
    if let (Some(by), None) = (&closed, force) {
        return Ok(Outcome::Blocked { by: by.clone() });
    }
    let search = BuildSearch::of(run);
    match search.look(jenkins).await?.0 {
        QueueLook::Ours(_) | QueueLook::Free => {}
        QueueLook::Busy(why) => return Ok(Outcome::Blocked { by: ClosedGate::Queue { why } }),
    }
    if let (Some(by), Some(reason)) = (&closed, force) {
        findings::forced(run, by, reason);
    }
    let minor = run.release.minor().to_string();
    let metadata = assembly.advisories.get("metadata").map(ToString::to_string);
    let mut parameters = vec![("VERSION", minor.as_str()), (PAYLOAD, search.payload.as_str())];
    parameters.extend(metadata.as_deref().map(|advisory| ("METADATA_AD", advisory)));
    let key = job_trace::start_key(run.task, &search.known);
    let started = run
        .effect(
            &key,
            "start the stage pipeline",
            async || {
                let (seen, shown) = search.look(jenkins).await?;
                Ok(match seen {
                    QueueLook::Ours(job) => Look::Found(job),
                    QueueLook::Busy(_) | QueueLook::Free => Look::Absent(shown),
                })
            },
            async || Ok(of_queue(&jenkins.trigger(JOB, &parameters).await?, run.ctx.clock.now())),
        )
        .await?;
    let verb = if started.is_new() { "triggered" } else { "found" };
    let job = started.into_inner();
    // Whoever started it may have died before saying so; one that was announced is not announced again.
    run.notify(Notice::JobStarted { start: key, job: job.clone() });
    run.info(format!("{verb} stage pipeline job: <{}>", job.url.as_deref().unwrap_or_default()));
    match follow(run, jenkins, job.clone()).await {
        Ok(outcome) => Ok(outcome),
        // The job runs whatever this look came to; its reference has to be stored.
        Err(error) => {
            run.warn(format!("the stage pipeline was started, but cannot be looked at yet: {error}"));
            Ok(waiting("started", job, RECHECK_QUEUED))
        }
    }
}

/// Looks at a job of ours: a build, or the queue item that becomes one.
async fn follow(run: &Run<'_>, jenkins: &Jenkins, job: JobRef) -> Result<Outcome, TaskError> {
    if job.system != JobSystem::Jenkins {
        let why = format!("it runs on {}, and this program looks at stage pipelines on Jenkins", job.system.as_str());
        return Ok(gone(run, job, why));
    }
    if let Ok(number) = job.id.parse() {
        return check(run, jenkins, number, Some(&job)).await;
    }
    let Some(id) = job.url.as_deref().and_then(queue_id) else {
        return Ok(gone(run, job, "its reference names neither a build nor a queue item".to_owned()));
    };
    match jenkins.queue_item(id).await? {
        Some(QueueItem { build: Some(number), .. }) => check(run, jenkins, number, Some(&job)).await,
        Some(QueueItem { cancelled: true, .. }) => {
            let reason = FailReason::Job { job, result: "CANCELLED in the queue".to_owned() };
            Ok(Outcome::Failed { reason })
        }
        Some(item) => {
            run.info(match &item.why {
                Some(why) => format!("queued: {}", quoted(why)),
                None => "queued: no reason given".to_owned(),
            });
            Ok(waiting("queued", job, RECHECK_QUEUED))
        }
        // The item is gone: its build began more than five minutes ago.
        None => match BuildSearch::of(run).look(jenkins).await?.0 {
            QueueLook::Ours(ours) => match ours.id.parse() {
                Ok(number) => {
                    let triggered_at = job.triggered_at;
                    check(run, jenkins, number, Some(&JobRef { triggered_at, ..ours })).await
                }
                // Still in the queue.
                Err(_) => Ok(waiting("queued", ours, RECHECK_QUEUED)),
            },
            QueueLook::Busy(_) | QueueLook::Free if job_of_run::may_still_show(run, job.triggered_at) => {
                Ok(waiting("not shown yet", job, RECHECK_QUEUED))
            }
            QueueLook::Busy(_) | QueueLook::Free => {
                Ok(gone(run, job, format!("queue item {id} is gone and no build of {JOB} tests {}", run.release)))
            }
        },
    }
}

/// Looks at a build that somebody named. One that Jenkins does not know is a slip, unless it is the stored one.
async fn named(run: &Run<'_>, jenkins: &Jenkins, number: BuildNumber) -> Result<Outcome, TaskError> {
    let is_known = BuildSearch::of(run).known.contains(&number.to_string());
    if !is_known && jenkins.build(JOB, number).await?.is_none() {
        return Err(TaskError::Refused {
            why: format!("Jenkins knows no build {number} of {JOB}"),
            next: format!("take the number from the page of the build: oar -r {} {} -n NUMBER", run.release, run.task),
        });
    }
    let stored = running_job(run).filter(|job| job.id == number.to_string());
    check(run, jenkins, number, stored.as_ref()).await
}

/// Looks at build `number`; `known` is what is known of its job, its page for instance, while Jenkins does not show it.
async fn check(
    run: &Run<'_>,
    jenkins: &Jenkins,
    number: BuildNumber,
    known: Option<&JobRef>,
) -> Result<Outcome, TaskError> {
    run.info(format!("check stage job status according to job id: {number}"));
    let Some(build) = jenkins.build(JOB, number).await? else {
        let id = number.to_string();
        let started = known.and_then(|job| job.triggered_at);
        let same = known.filter(|job| job.id == id).cloned().or_else(|| running_job(run).filter(|job| job.id == id));
        let job = same.unwrap_or(JobRef { system: JobSystem::Jenkins, id, url: None, triggered_at: started });
        if job_of_run::may_still_show(run, started) {
            return Ok(waiting("not shown yet", job, RECHECK_QUEUED));
        }
        let why =
            format!("Jenkins knows no build {number} of {JOB} any more, or the account of JENKINS_USER may not see it");
        return Ok(gone(run, job, why));
    };
    about_this_release(run, &build).await?;
    let job = of_build(&build);
    Ok(match build.state {
        BuildState::Building => {
            run.info(format!("build status of {JOB}/{number} is In Progress"));
            waiting("building", job, RECHECK)
        }
        BuildState::Success => {
            job_of_run::remember(run, job);
            run.info(format!("build status of {JOB}/{number} is SUCCESS"));
            Outcome::Passed { summary: format!("stage pipeline build {number} succeeded") }
        }
        BuildState::Ended(result) => {
            job_of_run::remember(run, job.clone());
            run.info(format!("build status of {JOB}/{number} is {}", term(&result)));
            Outcome::Failed { reason: FailReason::Job { job, result } }
        }
        BuildState::Unknown(result) => {
            job_of_run::remember(run, job.clone());
            let look_again = run.ctx.clock.now().checked_add(RECHECK).unwrap_or(Timestamp::MAX);
            Outcome::Blocked { by: ClosedGate::ResultUnknown { task: run.task, job, result, look_again } }
        }
    })
}

/// A wrong build number would pass one release with the tests of another.
async fn about_this_release(run: &Run<'_>, build: &Build) -> Result<(), TaskError> {
    let tested = ["PAYLOAD_URL", PAYLOAD].iter().find_map(|name| build.parameters.get(*name));
    let about = match tested {
        Some(spec) => About::Payload { spec, candidate: None },
        None => About::Unnamed { ours: BuildSearch::of(run).known.contains(&build.number.to_string()) },
    };
    if about.counts_for(run.release) {
        return Ok(());
    }
    // The nightly that build data names now counts, never the copy in the state file.
    if let Some(spec) = tested
        && let Some(candidate) = build_record::build_of(run, Which::Candidate).await?
        && (About::Payload { spec, candidate: Some(&candidate) }).counts_for(run.release)
    {
        return Ok(());
    }
    let tests = tested.map_or_else(|| "no payload at all".to_owned(), Clone::clone);
    Err(TaskError::Refused {
        why: format!("build {} of {JOB} tests {tests}, not {}", build.number, run.release),
        next: format!("give the build that tests {}: oar -r {} stage-testing -n NUMBER", run.release, run.release),
    })
}

/// The job of a task that is In Progress; a failed one is over, and running the task again starts anew.
fn running_job(run: &Run<'_>) -> Option<JobRef> {
    let entry = run.state.task(run.task).filter(|_| run.state.status(run.task) == TaskStatus::InProgress)?;
    job_trace::current(&entry, in_text)
}

fn waiting(state: &str, job: JobRef, recheck: SignedDuration) -> Outcome {
    Outcome::Waiting { on: WaitingOn::StagePipeline { state: state.to_owned() }, job: Some(job), recheck }
}

fn gone(run: &Run<'_>, job: JobRef, why: String) -> Outcome {
    Outcome::Blocked { by: ClosedGate::JobGone { task: run.task, job, why } }
}
