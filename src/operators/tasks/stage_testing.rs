//! Runs the stage pipeline.

use jiff::{SignedDuration, Timestamp};

use crate::core::clients::error::ClientError;
use crate::core::clients::jenkins::{Build, BuildState, Jenkins, QueueItem, queue_id};
use crate::core::context::Context;
use crate::core::effects::Evidence;
use crate::core::notices::of_run::Notice;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::evidence::About;
use crate::domain::ids::BuildNumber;
use crate::domain::job_trace;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::release::ZStream;
use crate::domain::stage_testing;
use crate::domain::task::{JobRef, JobSystem, Task, TaskStatus};
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::foreseen::{Foreseen, Preview};
use crate::operators::run::Run;
use crate::operators::steps::{findings, job_of_run, stage_testing_facts};

const JOB: &str = "zstreams/Stage-Pipeline";
/// Parameter that names the payload.
const PAYLOAD: &str = "PULL_SPEC";
/// The pipeline takes two to four hours.
const RECHECK: SignedDuration = SignedDuration::from_mins(15);
/// Jenkins forgets a queue item five minutes after its build began.
const RECHECK_QUEUED: SignedDuration = SignedDuration::from_mins(2);
/// How far the clocks of Jenkins and ours may differ.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);
/// Old files store the local time of an engineer as UTC.
const LOCAL_TIME_SLACK: SignedDuration = SignedDuration::from_hours(14);

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
        return check(run, &jenkins, number).await;
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
            Preview::Changes(Foreseen::ForcedStart { task, before, reason: reason.to_owned() })
        }
    })
}

async fn start(run: &Run<'_>, jenkins: &Jenkins, force: Option<&str>) -> Result<Outcome, TaskError> {
    let assembly = run.assembly().await?;
    let gathered = stage_testing_facts::gather(run).await?;
    let closed = stage_testing_facts::not_ready(assembly).or_else(|| stage_testing::closed(&gathered.facts(run)));
    if let (Some(by), None) = (&closed, force) {
        return Ok(Outcome::Blocked { by: by.clone() });
    }
    let search = Search::of(run);
    match search.look(jenkins).await? {
        Look::Ours(_) | Look::Free => {}
        Look::Busy(why) => return Ok(Outcome::Blocked { by: ClosedGate::Queue { why } }),
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
            // The queue shows a request as soon as Jenkins has it.
            Evidence::Strong,
            async || match search.look(jenkins).await? {
                Look::Ours(job) => Ok(Some(job)),
                Look::Busy(_) | Look::Free => Ok(None),
            },
            async || Ok(of_queue(&jenkins.trigger(JOB, &parameters).await?, run.ctx.clock.now())),
        )
        .await?;
    let is_new = started.is_new();
    let verb = if is_new { "triggered" } else { "found" };
    let job = started.into_inner();
    if is_new {
        run.notify(Notice::JobStarted(job.clone()));
    }
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
    if let Ok(number) = job.id.parse() {
        return check(run, jenkins, number).await;
    }
    let Some(id) = job.url.as_deref().and_then(queue_id) else {
        return Ok(lost(format!("a stage pipeline job was started, but its reference names no build ({job})")));
    };
    match jenkins.queue_item(id).await? {
        Some(QueueItem { build: Some(number), .. }) => check(run, jenkins, number).await,
        Some(QueueItem { cancelled: true, .. }) => {
            let reason = FailReason::Job { job, result: "CANCELLED in the queue".to_owned() };
            Ok(Outcome::Failed { reason })
        }
        Some(item) => {
            run.info(format!("queued: {}", item.why.as_deref().unwrap_or("no reason given")));
            Ok(waiting("queued", job, RECHECK_QUEUED))
        }
        // The item is gone: its build began more than five minutes ago.
        None => match Search::of(run).look(jenkins).await? {
            Look::Ours(JobRef { id, .. }) if !id.is_empty() => match id.parse() {
                Ok(number) => check(run, jenkins, number).await,
                Err(_) => Ok(waiting("queued", job, RECHECK_QUEUED)),
            },
            Look::Ours(job) => Ok(waiting("queued", job, RECHECK_QUEUED)),
            Look::Busy(_) | Look::Free => {
                Ok(lost(format!("queue item {id} is gone and no build of {JOB} tests {}", run.release)))
            }
        },
    }
}

async fn check(run: &Run<'_>, jenkins: &Jenkins, number: BuildNumber) -> Result<Outcome, TaskError> {
    run.info(format!("check stage job status according to job id: {number}"));
    let Some(build) = jenkins.build(JOB, number).await? else {
        return Ok(lost(format!("build {number} of {JOB} is gone from Jenkins")));
    };
    about_this_release(run, &build)?;
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
            run.info(format!("build status of {JOB}/{number} is {result}"));
            Outcome::Failed { reason: FailReason::Job { job, result } }
        }
    })
}

/// A wrong build number would pass one release with the tests of another.
fn about_this_release(run: &Run<'_>, build: &Build) -> Result<(), TaskError> {
    let tested = ["PAYLOAD_URL", PAYLOAD].iter().find_map(|name| build.parameters.get(*name));
    let candidate = run.state.metadata().candidate_builds.get("x86_64").cloned();
    let about = match tested {
        Some(spec) => About::Payload { spec, candidate: candidate.as_deref() },
        None => About::Unnamed { ours: Search::of(run).known.contains(&build.number.to_string()) },
    };
    if about.counts_for(run.release) {
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

fn in_text(result: &str) -> Option<(JobSystem, String)> {
    job_trace::stage_build(result).map(|number| (JobSystem::Jenkins, number.to_string()))
}

/// What marks a job of this release.
struct Search {
    payload: String,
    /// A finished build counts only when it began after this.
    since: Timestamp,
    /// Builds whose verdict was already taken.
    known: Vec<String>,
    now: Timestamp,
}

/// What Jenkins shows of our job.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Ours(JobRef),
    /// Somebody else's request waits; the text says which.
    Busy(String),
    Free,
}

impl Search {
    fn of(run: &Run<'_>) -> Self {
        let entry = run.state.task(run.task);
        let crashed = entry.as_ref().filter(|_| run.state.status(run.task) == TaskStatus::InProgress);
        let before = |at: Timestamp, slack: SignedDuration| at.checked_sub(slack).unwrap_or(at);
        Self {
            payload: run.release.payload(&run.ctx.settings.payload_repository, "x86_64"),
            since: crashed
                .and_then(|entry| entry.started())
                .map_or_else(|| before(run.started_at, CLOCK_SLACK), |at| before(at, LOCAL_TIME_SLACK)),
            known: entry.as_ref().map(|entry| job_trace::known(entry, in_text)).unwrap_or_default(),
            now: run.ctx.clock.now(),
        }
    }

    /// The queue is read first: a request that becomes a build in between is then among the builds.
    async fn look(&self, jenkins: &Jenkins) -> Result<Look, ClientError> {
        let queued = jenkins.queued(JOB).await?;
        let builds = jenkins.recent_builds(JOB).await?;
        Ok(self.pick(&queued, &builds))
    }

    fn pick(&self, queued: &[QueueItem], builds: &[Build]) -> Look {
        let mine = |parameters: &std::collections::BTreeMap<String, String>| {
            parameters.get(PAYLOAD).is_some_and(|spec| *spec == self.payload)
        };
        let waits = queued.iter().find(|item| !item.cancelled && mine(&item.parameters));
        if let Some(item) = waits {
            return Look::Ours(of_queue(item, self.now));
        }
        let fresh = |build: &&Build| match build.state {
            BuildState::Building => true,
            BuildState::Success | BuildState::Ended(_) => {
                build.started_at.is_some_and(|at| at >= self.since) && !self.known.contains(&build.number.to_string())
            }
        };
        if let Some(build) = builds.iter().filter(|build| mine(&build.parameters)).find(fresh) {
            return Look::Ours(of_build(build));
        }
        match queued.iter().find(|item| !item.cancelled) {
            Some(item) => Look::Busy(format!("queue item {} waits before us", item.id)),
            None => Look::Free,
        }
    }
}

fn of_queue(item: &QueueItem, now: Timestamp) -> JobRef {
    JobRef {
        system: JobSystem::Jenkins,
        id: item.build.map(|number| number.to_string()).unwrap_or_default(),
        url: Some(item.url.clone()),
        triggered_at: Some(now),
    }
}

fn of_build(build: &Build) -> JobRef {
    JobRef {
        system: JobSystem::Jenkins,
        id: build.number.to_string(),
        url: Some(build.url.clone()).filter(|url| !url.is_empty()),
        triggered_at: build.started_at,
    }
}

fn waiting(state: &str, job: JobRef, recheck: SignedDuration) -> Outcome {
    Outcome::Waiting { on: WaitingOn::StagePipeline { state: state.to_owned() }, job: Some(job), recheck }
}

fn lost(what: String) -> Outcome {
    Outcome::Blocked { by: ClosedGate::UnknownOutcome { what } }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const OURS: &str = "registry.example.com/x:4.20.1-x86_64";

    fn search() -> Search {
        let at = |hours: i64| Timestamp::from_second(hours * 3600).unwrap();
        Search { payload: OURS.into(), since: at(10), known: vec!["7".into()], now: at(12) }
    }

    fn parameters(spec: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(PAYLOAD.to_owned(), spec.to_owned())])
    }

    fn item(id: u64, spec: &str) -> QueueItem {
        let url = format!("https://ci.example.com/queue/item/{id}/");
        QueueItem { id, url, why: None, cancelled: false, build: None, parameters: parameters(spec) }
    }

    fn build(number: u64, spec: &str, state: BuildState, hour: i64) -> Build {
        Build {
            number: BuildNumber::new(number),
            url: String::new(),
            state,
            started_at: Timestamp::from_second(hour * 3600).ok(),
            parameters: parameters(spec),
        }
    }

    fn found(look: Look) -> Option<String> {
        match look {
            Look::Ours(job) => Some(job.id),
            Look::Busy(_) | Look::Free => None,
        }
    }

    #[test]
    fn a_request_of_ours_in_the_queue_is_not_made_again() {
        assert_eq!(found(search().pick(&[item(3, OURS)], &[])), Some(String::new()));
        let cancelled = QueueItem { cancelled: true, ..item(3, OURS) };
        assert_eq!(search().pick(&[cancelled], &[]), Look::Free);
    }

    #[test]
    fn a_running_build_of_the_same_payload_is_taken_over_whoever_started_it() {
        let running = build(5, OURS, BuildState::Building, 1);
        assert_eq!(found(search().pick(&[], &[running])), Some("5".to_owned()));
        let other = build(5, "registry.example.com/x:4.20.17-x86_64", BuildState::Building, 11);
        assert_eq!(search().pick(&[], &[other]), Look::Free);
    }

    #[test]
    fn a_finished_build_counts_only_when_it_began_in_this_attempt_and_was_not_judged_before() {
        let ended = |number, hour| build(number, OURS, BuildState::Ended("FAILURE".into()), hour);
        assert_eq!(found(search().pick(&[], &[ended(8, 11)])), Some("8".to_owned()));
        assert_eq!(search().pick(&[], &[ended(8, 9)]), Look::Free, "before this attempt");
        assert_eq!(search().pick(&[], &[ended(7, 11)]), Look::Free, "judged before");
    }

    #[test]
    fn somebody_elses_request_in_the_queue_goes_first() {
        assert!(matches!(search().pick(&[item(3, "registry.example.com/x:4.19.2-x86_64")], &[]), Look::Busy(_)));
    }
}
