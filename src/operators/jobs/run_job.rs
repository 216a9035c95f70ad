//! Runs one job that somebody names, once: the start is noted on this machine before it is asked for, and a run whose
//! start was not answered is found by the label that it carries.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};

use crate::core::clients::prow::{Prow, ProwJob};
use crate::core::context::Context;
use crate::core::effects::ledger::{LastTry, Ledger};
use crate::core::effects::{Effect, EffectError, Effected, Effects, Look};
use crate::core::error::ErrorClass;
use crate::domain::absence::{Announced, ClockOf, Shown};
use crate::domain::credential::Credential;
use crate::domain::dates::stamp;
use crate::domain::ids::{ProwJobId, RunName};
use crate::domain::job_order::JobOrder;
use crate::domain::service::Service;
use crate::domain::subject::Subject;
use crate::operators::error::TaskError;
use crate::operators::jobs::start_label;
use crate::operators::steps::effect_label::label;

/// Prow shows the page of a run some seconds after its start.
const PAGE_LOOKS: u32 = 5;
const PAGE_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// Letters of a name that we give to a run.
const NAME_LENGTH: usize = 12;

/// What a person says of an earlier start whose end nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// The job runs, or ran.
    Happened,
    /// It does not run.
    DidNotHappen,
}

/// One job to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobToRun {
    /// What is asked for.
    pub order: JobOrder,
    /// The name of the run, which is never started a second time; without one each call starts another run, unless it
    /// is unknown how the last one ended.
    pub run: Option<RunName>,
    /// What a person says of that.
    pub earlier: Option<Earlier>,
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedJob {
    /// What was asked for.
    pub order: JobOrder,
    /// The name of the run.
    pub run: String,
    /// Its id at Prow; nothing where a person says that it runs, and nobody saw it.
    pub id: Option<ProwJobId>,
    /// Did this call start it?
    pub is_new: bool,
    /// Its page, as far as it shows.
    pub page: Option<String>,
}

/// A job that somebody is about to run, for the question to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewedJob {
    /// What is asked for.
    pub order: JobOrder,
    /// The last time that this machine asked for the same.
    pub before: Option<Timestamp>,
    /// Is it unknown how that ended? Then it is looked for first.
    pub is_open: bool,
    /// Does it start anything? Not when a person says that the start happened.
    pub starts: bool,
}

/// What a start is about to do. Asks nobody.
///
/// # Errors
///
/// The notes of this machine cannot be read.
pub fn preview(ctx: &Context, start: &JobToRun) -> Result<PreviewedJob, TaskError> {
    let ledger = Ledger::open(&ctx.home, &subject(&start.order))?;
    let last = ledger.last_below(&key_of(&start.order, start.run.as_ref().map_or("", RunName::as_str)));
    let is_open = last.as_ref().is_some_and(|last| last.is_open);
    let starts = start.earlier != Some(Earlier::Happened);
    Ok(PreviewedJob { order: start.order.clone(), before: last.map(|last| last.at), is_open, starts })
}

/// Runs a job, or finds the run that was started for the same call before.
///
/// # Errors
///
/// The gateway refuses, or nobody knows yet, or any more, whether an earlier start happened.
pub async fn run(ctx: &Context, start: &JobToRun) -> Result<StartedJob, TaskError> {
    let order = &start.order;
    if ctx.options.dry_run {
        return Err(TaskError::DryRun { would: format!("it would start {}", order.job) });
    }
    ctx.require(&[Credential::ApiToken])?;
    let subject = subject(order);
    let does = format!("starts {}", order.job);
    let again = "run it again when that has ended".to_owned();
    let lock = TaskError::unless_busy(&ctx.home, &subject, "start", does, again)?;
    let ledger = Ledger::open(&ctx.home, &subject)?;
    let last = ledger.last_below(&key_of(order, ""));
    let run = match (&start.run, last) {
        (Some(run), _) => run.to_string(),
        // Whoever asks for the same again may mean the start that was not answered.
        (None, Some(LastTry { key, is_open: true, .. })) => key.rsplit('/').next().unwrap_or_default().to_owned(),
        (None, last) => fresh_name(ctx, last.map(|last| last.key).as_deref())?,
    };
    let key = key_of(order, &run);
    let exactly = || ledger.last_below(&key).filter(|last| last.key == key);
    let started = |id, is_new, page| StartedJob { order: order.clone(), run: run.clone(), id, is_new, page };
    match (start.earlier, exactly().filter(|last| last.is_open)) {
        (None, _) => {}
        (Some(_), None) => {
            return Err(TaskError::Refused {
                why: format!("there is no start of {} whose end nobody knows", order.job),
                next: "leave --answer out".to_owned(),
            });
        }
        (Some(Earlier::Happened), Some(_)) => {
            ledger.answered(ctx.clock.now(), &key, true)?;
            return Ok(started(None, false, None));
        }
        (Some(Earlier::DidNotHappen), Some(_)) => ledger.answered(ctx.clock.now(), &key, false)?,
    }
    let is_fresh = start.run.is_none() && exactly().is_none() && start.earlier.is_none();
    let done_at = exactly().filter(|last| !last.is_open).map(|last| last.at);
    let effected = once(ctx, &ledger, order, &key, StartBefore { is_fresh, done_at }).await?;
    drop(lock);
    let is_new = effected.is_new();
    let id = effected.into_inner();
    let page = page(ctx, &ctx.prow(), &id).await;
    Ok(started(Some(id), is_new, page))
}

/// What this machine knows of a run before it is started.
struct StartBefore {
    /// Nobody can have used its name.
    is_fresh: bool,
    /// When it was started, or found.
    done_at: Option<Timestamp>,
}

/// Starts it unless a look shows that it was started. A name that nobody can have used needs no look.
async fn once(
    ctx: &Context,
    ledger: &Ledger,
    order: &JobOrder,
    key: &str,
    before: StartBefore,
) -> Result<Effected<ProwJobId>, TaskError> {
    let asked = start_label::order(order.job.as_str(), order.variables.clone(), key.to_owned());
    let effects = Effects { ledger, clock: &ctx.clock, cancel: &ctx.cancel };
    let was_done = before.done_at.is_some();
    let done = before.done_at.map(|at| Announced { at, clock: ClockOf::Us });
    let what = format!("start {}", order.job);
    let effect = Effect { key, what: &what, announced: effects.open(key).or(done) };
    let skips = Cell::new(before.is_fresh);
    let look = async || {
        if skips.take() {
            return Ok(Look::Absent(Shown::default()));
        }
        let seen = start_label::look(ctx, &asked, |_| false).await?;
        Ok(seen.of_effect(ctx.clock.now(), was_done))
    };
    let gangway = ctx.gangway();
    let ready = async || Ok::<_, TaskError>(());
    let ended = effects.once(&effect, look, ready, async || gangway.start(&asked).await).await;
    ended.map_err(|error| {
        let TaskError::Effect(EffectError::OutOfSight { at, what, .. }) = error else { return error };
        if was_done {
            let at = stamp(at);
            return TaskError::Refused {
                why: format!("this run of {} was started at {at}, and Prow does not show it any more", order.job),
                next: "start another run under another --run-id".to_owned(),
            };
        }
        let place = ctx.settings.services.url(Service::Prow).unwrap_or_default();
        TaskError::Uncertain { what, at, look_at: format!("{}/?job={}", place.trim_end_matches('/'), order.job) }
    })
}

fn subject(order: &JobOrder) -> Subject {
    Subject::Job(order.job.clone())
}

/// What was asked for and which run of it; all runs of the same begin alike.
fn key_of(order: &JobOrder, run: &str) -> String {
    format!("start/{}/{run}", label(&order.canonical()))
}

/// A name that no other machine and no other call gives.
fn fresh_name(ctx: &Context, last: Option<&str>) -> Result<String, TaskError> {
    let by = ctx
        .holder()
        .map_err(|cause| TaskError::Effect(EffectError::Ledger { path: ctx.home.display().to_string(), cause }))?;
    let chance = ctx.clock.chance();
    let mut name = label(&format!("{by} {} {chance} {}", ctx.clock.now(), last.unwrap_or_default()));
    name.truncate(NAME_LENGTH);
    Ok(name)
}

/// The page of a run, when Prow shows it soon; the job runs with or without it.
async fn page(ctx: &Context, prow: &Prow, id: &ProwJobId) -> Option<String> {
    for look in 0..PAGE_LOOKS {
        if look > 0 {
            ctx.clock.pause(PAGE_PAUSE, &ctx.cancel).await;
        }
        match prow.job(id).await {
            Ok(Some(ProwJob { url: Some(url), .. })) => return Some(url),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("the job was started, but its page cannot be looked up: {error}");
                return None;
            }
        }
    }
    None
}

/// What came of one of several jobs.
#[derive(Debug)]
pub struct RequiredJob {
    /// What was asked for.
    pub order: JobOrder,
    /// The run, why there is none, or nothing when it was not tried any more.
    pub result: Option<Result<StartedJob, TaskError>>,
}

/// Runs several jobs, one after the other. What no job after it would be spared ends the work: a refused credential, a
/// gateway that is away.
pub async fn run_all(ctx: &Context, starts: &[JobToRun]) -> Vec<RequiredJob> {
    let mut done = Vec::new();
    let mut goes_on = true;
    for start in starts {
        let result = if goes_on { Some(run(ctx, start).await) } else { None };
        if let Some(Err(error)) = &result {
            goes_on = match error.class() {
                ErrorClass::NotFound
                | ErrorClass::NotReady
                | ErrorClass::NeedsPerson
                | ErrorClass::InvalidInput
                | ErrorClass::Conflict
                | ErrorClass::Refused => true,
                ErrorClass::Auth
                | ErrorClass::Config
                | ErrorClass::RateLimit
                | ErrorClass::Transient
                | ErrorClass::Forbidden
                | ErrorClass::Corrupt
                | ErrorClass::Internal => false,
            };
        }
        done.push(RequiredJob { order: start.order.clone(), result });
    }
    done
}
