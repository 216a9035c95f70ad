//! The one way into any task: it brackets the run, so that no task can forget to record its end.
//!
//! `CreateTestReport` comes in here too, but has no bracket: before the state file exists there is nothing
//! that a start or an end could be recorded in.

use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::{OnceCell, watch};

use super::dispatch::dispatch;
use super::error::{TaskError, TaskFailure};
use super::record;
use super::request::TaskRequest;
use super::steps::notify::{self, Notice};
use crate::core::clients::error::{ClientError, Fault};
use crate::core::clock::Clock;
use crate::core::context::Context;
use crate::core::effects::{Effected, Effects, Evidence, Ledger};
use crate::core::lock::Lock;
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::check::unreadable_statuses;
use crate::domain::state::operation::Operation;
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus};
use crate::operators::run_log::{Level, RunLog};

/// What one run found out, with what a front end needs to show it.
#[derive(Debug)]
pub struct TaskReport {
    /// The release.
    pub release: ZStream,
    /// The task.
    pub task: Task,
    /// Stored status before the run.
    pub before: TaskStatus,
    /// Stored status after the run.
    pub after: TaskStatus,
    /// What the run found out.
    pub outcome: Outcome,
    /// Things that went wrong without stopping the task.
    pub warnings: Vec<String>,
    /// Outside effects of this run, in order.
    pub effects: Vec<String>,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The run's log, as stored.
    pub log: String,
    /// More than a line can say; shown, never stored.
    pub details: Option<Details>,
    /// What a person does next, where a look at the plan is not enough.
    pub advice: Option<String>,
    /// The first change that a dry run did not make.
    pub would: Option<String>,
}

/// A report of its own that a task makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    /// For people.
    pub text: String,
    /// For programs.
    pub json: serde_json::Value,
}

/// One run of one task: what an operator gets.
pub struct Run<'a> {
    /// The surroundings.
    pub ctx: &'a Context,
    /// The release.
    pub release: &'a ZStream,
    /// The task.
    pub task: Task,
    /// The state as it was when the run began.
    pub state: State,
    /// When the run began.
    pub started_at: Timestamp,
    /// What tells this machine from others in an announced intent.
    pub(super) machine: String,
    pub(super) log: RunLog,
    pub(super) notes: Mutex<Notes>,
    ledger: Ledger,
    assembly: OnceCell<Assembly>,
    /// Effects between their intent and their record.
    acting: watch::Sender<u32>,
}

/// An effect under way; dropped when it is recorded.
struct Acting<'a>(&'a watch::Sender<u32>);

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|effects| *effects -= 1);
    }
}

/// What a run collects on its way.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) warnings: Vec<String>,
    pub(super) effects: Vec<String>,
    pub(super) operations: Vec<Operation>,
    pub(super) notices: Vec<Notice>,
    pub(super) at_start: Vec<Operation>,
    pub(super) started: bool,
    pub(super) details: Option<Details>,
    pub(super) advice: Option<String>,
    pub(super) would: Option<String>,
}

/// Runs `request` for `release` and records its end, whatever the end is.
///
/// # Errors
///
/// Our inability to find out or to act; a verdict, a wait or a closed gate is an [`Outcome`].
pub async fn run_task(ctx: &Context, release: &ZStream, request: TaskRequest) -> Result<TaskReport, TaskFailure> {
    let task = request.task();
    let early = |error| TaskFailure { release: release.clone(), task, done: Vec::new(), error };
    ctx.clock.refresh(&ctx.cancel).await;
    if ctx.cancel.is_cancelled() {
        return Err(early(TaskError::Cancelled));
    }
    ctx.require(request.needs()).map_err(|error| early(error.into()))?;
    if let TaskRequest::CreateTestReport = request {
        return crate::operators::tasks::create_test_report::run(ctx, release).await.map_err(early);
    }
    let alone = alone(ctx, release, task).map_err(early)?;
    let mut run = Run::begin(ctx, release, task).await.map_err(early)?;
    if let Some(unreadable) = unreadable_statuses(&run.state).into_iter().find(|unreadable| unreadable.task == task) {
        return Err(early(TaskError::unreadable_status(release, &unreadable)));
    }
    // A rehearsal writes the same bytes each time.
    if let Some(lock) = alone.as_ref().filter(|_| !matches!(ctx.clock, Clock::Virtual(_))) {
        run.machine = lock.name().to_owned();
    }
    let before = run.state.status(task);
    let work = AssertUnwindSafe(carry_out(&run, &request)).catch_unwind();
    tokio::pin!(work);
    let panicked = |_| Err(TaskError::Internal { assumed: format!("{task} does not panic") });
    let ended = tokio::select! {
        ended = &mut work => ended.unwrap_or_else(panicked),
        () = ctx.cancel.cancelled() => {
            // An effect that is under way is finished and recorded first; the next one does not begin.
            let mut acting = run.acting.subscribe();
            tokio::select! {
                ended = &mut work => ended.unwrap_or_else(panicked),
                _ = acting.wait_for(|effects| *effects == 0) => Err(TaskError::Cancelled),
            }
        }
    };
    // A request that was cut off says so in words of its own.
    let cut_off = |error: &TaskError| ctx.cancel.is_cancelled() && !matches!(error, TaskError::Internal { .. });
    let ended = ended.map_err(|error| if cut_off(&error) { TaskError::Cancelled } else { error });
    record::reason(&run, &request, ended.as_ref().ok());
    notify::after(&run, ended.as_ref()).await;
    let recorded = record::end(&run, &request, ended.as_ref()).await;
    let effects = run.effects_so_far();
    let failure = |error| TaskFailure { release: release.clone(), task, done: effects.clone(), error };
    let outcome = ended.map_err(&failure)?;
    let after = recorded.map_err(&failure)?;
    let Notes { warnings, effects, details, advice, would, .. } = std::mem::take(&mut *run.notes());
    Ok(TaskReport {
        release: release.clone(),
        task,
        before,
        after,
        outcome,
        warnings,
        effects,
        started_at: run.started_at,
        ended_at: ctx.clock.now(),
        log: run.log.text(),
        details,
        advice,
        would,
    })
}

/// Two runs of one task would both look, find nothing, and both act; the second is reported instead.
fn alone(ctx: &Context, release: &ZStream, task: Task) -> Result<Option<Lock>, TaskError> {
    if !task.has_effects() || ctx.options.dry_run {
        return Ok(None);
    }
    let lock = format!("{release}.{task}");
    let does = format!("runs {task} of {release} right now");
    let next = format!("wait until it ends, then: oar -r {release} status");
    TaskError::unless_busy(&ctx.home, &lock, does, next).map(Some)
}

/// A task that is done stays done: pressing the button again changes nothing.
///
/// Pure checks look again, and so does take-ownership, which may find that an earlier finding is settled.
async fn carry_out(run: &Run<'_>, request: &TaskRequest) -> Result<Outcome, TaskError> {
    let finished = run.state.status(run.task) == TaskStatus::Pass && run.task.has_effects();
    if finished && run.task != Task::TakeOwnership {
        return Ok(Outcome::Unchanged { why: format!("{} passed already", run.task) });
    }
    let outcome = match dispatch(run, request).await {
        Err(stopped @ TaskError::DryRun { .. }) => {
            let why = stopped.to_string();
            if let TaskError::DryRun { would } = stopped {
                run.notes().would = Some(would);
            }
            return Ok(Outcome::Unchanged { why });
        }
        ended => ended?,
    };
    let wait = match &outcome {
        Outcome::Waiting { on, .. } => format!("a wait for {on}"),
        Outcome::Blocked { by } => by.to_string(),
        Outcome::Passed { .. } | Outcome::Failed { .. } | Outcome::Unchanged { .. } => return Ok(outcome),
    };
    if run.state.status(run.task) != TaskStatus::Pass {
        return Ok(outcome);
    }
    // Something that is not there any more is no verdict: the Pass was one.
    Ok(Outcome::Unchanged { why: format!("{} passed already; this look found only {wait}", run.task) })
}

impl<'a> Run<'a> {
    /// A run that only looks: it has no task of its own and may start nothing.
    ///
    /// # Errors
    ///
    /// The ledger of this machine cannot be read.
    pub fn observe(ctx: &'a Context, release: &'a ZStream, state: State) -> Result<Self, TaskError> {
        Self::new(ctx, release, Task::CreateTestReport, state)
    }

    async fn begin(ctx: &'a Context, release: &'a ZStream, task: Task) -> Result<Self, TaskError> {
        let state =
            ctx.statebox.load(release).await?.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state;
        Self::new(ctx, release, task, state)
    }

    fn new(ctx: &'a Context, release: &'a ZStream, task: Task, state: State) -> Result<Self, TaskError> {
        let ledger = Ledger::open(&ctx.home, &release.to_string())?;
        Ok(Self {
            ctx,
            release,
            task,
            state,
            started_at: ctx.clock.now(),
            machine: "simulator".to_owned(),
            log: RunLog::default(),
            notes: Mutex::new(Notes::default()),
            ledger,
            assembly: OnceCell::new(),
            acting: watch::Sender::new(0),
        })
    }

    /// Adds a step of this run to its log.
    pub fn info(&self, message: impl AsRef<str>) {
        self.log.add(self.ctx.clock.now(), Level::Info, message.as_ref());
    }

    /// Tells that something went wrong that does not stop the task.
    pub fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        self.log.add(self.ctx.clock.now(), Level::Warning, &message);
        self.notes().warnings.push(message);
    }

    /// Shows a report beside the outcome; it is not stored.
    pub fn show(&self, details: Details) {
        self.notes().details = Some(details);
    }

    /// Says what a person does next, in place of the usual look at the plan.
    pub fn advise(&self, advice: impl Into<String>) {
        self.notes().advice = Some(advice.into());
    }

    /// Build data of the release, fetched once per run.
    ///
    /// # Errors
    ///
    /// Build data cannot be fetched or does not know the release.
    pub async fn assembly(&self) -> Result<&Assembly, TaskError> {
        self.assembly
            .get_or_try_init(|| async {
                let text = self.ctx.build_data().releases(self.release.minor()).await?;
                let assembly = BuildData::parse(&text)?.resolve(self.release)?;
                for warning in &assembly.warnings {
                    self.warn(warning.to_string());
                }
                Ok(assembly)
            })
            .await
    }

    /// Build data, when this run has fetched it.
    pub(super) fn assembly_if_known(&self) -> Option<&Assembly> {
        self.assembly.get()
    }

    /// Lets `operation` be written together with the end of this run (issues, mostly).
    pub fn with_the_end(&self, operation: Operation) {
        self.notes().operations.push(operation);
    }

    /// Lets `operation` be written together with the start of this run, so that no crash loses it.
    pub fn with_the_start(&self, operation: Operation) {
        self.notes().at_start.push(operation);
    }

    /// Stores In Progress with the intent of this run; call it when the gates are open and before the
    /// first effect. The second call does nothing.
    ///
    /// # Errors
    ///
    /// The state cannot be written: then nothing may be started.
    pub async fn start(&self) -> Result<(), TaskError> {
        if self.notes().started {
            return Ok(());
        }
        record::start(self).await?;
        self.notes().started = true;
        Ok(())
    }

    /// One outside write, done once whatever crashes in between. `key` is unique within the release,
    /// `what` tells it in words ("start the stage pipeline").
    ///
    /// # Errors
    ///
    /// As [`Effects::once`].
    pub async fn effect<T>(
        &self,
        key: &str,
        what: &str,
        evidence: Evidence,
        look_up: impl AsyncFn() -> Result<Option<T>, ClientError>,
        perform: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<Effected<T>, TaskError> {
        self.unless_dry(what)?;
        self.start().await?;
        let _acting = self.act()?;
        let ended = self.effects().once(key, what, evidence, look_up, perform).await?;
        if ended.is_new() {
            self.notes().effects.push(what.to_owned());
        }
        Ok(ended)
    }

    /// A write that converges (setting an owner, say): reported among the effects, needs no look-up.
    ///
    /// # Errors
    ///
    /// The state cannot be written, or the service fails.
    pub async fn converge<T>(
        &self,
        what: &str,
        perform: impl AsyncFnOnce() -> Result<T, ClientError>,
    ) -> Result<T, TaskError> {
        self.unless_dry(what)?;
        self.start().await?;
        let _acting = self.act()?;
        let ended = perform().await;
        match &ended {
            Ok(_) => self.notes().effects.push(what.to_owned()),
            // It was on its way when the run was asked to end.
            Err(error) if matches!(error.fault, Fault::Cancelled) => {
                self.notes().effects.push(format!("perhaps {what}: nobody waited for the answer"));
            }
            Err(_) => {}
        }
        Ok(ended?)
    }

    /// Marks an effect as under way, unless the run is to end.
    fn act(&self) -> Result<Acting<'_>, TaskError> {
        if self.ctx.cancel.is_cancelled() {
            return Err(TaskError::Cancelled);
        }
        self.acting.send_modify(|effects| *effects += 1);
        Ok(Acting(&self.acting))
    }

    /// A dry run ends before its first change.
    ///
    /// # Errors
    ///
    /// [`TaskError::DryRun`] in a dry run.
    pub fn unless_dry(&self, what: &str) -> Result<(), TaskError> {
        if !self.ctx.options.dry_run {
            return Ok(());
        }
        Err(TaskError::DryRun { would: format!("it would {what}, then go on from there") })
    }

    /// The effect machinery, for pieces that need more than [`Run::effect`].
    pub fn effects(&self) -> Effects<'_> {
        Effects { ledger: &self.ledger, clock: &self.ctx.clock, cancel: &self.ctx.cancel }
    }

    /// Something that people are informed of once the run has ended.
    pub fn notices(&self, notices: Notice) {
        self.notes().notices.push(notices);
    }

    /// Tells an outside effect that was done through [`Run::effects`].
    pub fn tell_effect(&self, what: impl Into<String>) {
        self.notes().effects.push(what.into());
    }

    fn effects_so_far(&self) -> Vec<String> {
        self.notes().effects.clone()
    }

    pub(super) fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
