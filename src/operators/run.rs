//! What a task receives: the release and its state, and the ways to look, to write and to say what happened.
//!
//! Knows neither the tasks nor what runs them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OnceCell, watch};

use super::error::TaskError;
use super::report::Owed;
use super::run_log::{Level, RunLog};
use crate::core::clients::error::{ClientError, Fault};
use crate::core::context::Context;
use crate::core::effects::ledger::Ledger;
use crate::core::effects::{Effect, EffectError, Effected, Effects, Look};
use crate::core::notices::of_run::Notice;
use crate::core::statebox::error::{Doing, StoreError, StoreFault};
use crate::domain::absence::{Announced, ClockOf};
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::consistency::ConsistencyReport;
use crate::domain::dates::stamp;
use crate::domain::job_trace;
use crate::domain::release::ZStream;
use crate::domain::state::entries::Intent;
use crate::domain::state::operation::{Change, OfRun, Operation, Rejection, SetTask};
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus};

/// How long an announcement stands for the effects behind it; later ones are announced anew, so that another machine
/// never takes for old what is only slow, and a run that was stopped for hours finds out who goes on in its place.
const ANNOUNCED_FOR: SignedDuration = SignedDuration::from_secs(60);

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
    /// Who announces an intent: role, host and process.
    pub(super) by: String,
    pub(super) log: RunLog,
    pub(super) notes: Mutex<Notes>,
    ledger: Ledger,
    assembly: OnceCell<Assembly>,
    /// Effects between their intent and their record.
    pub(super) acting: watch::Sender<u32>,
}

/// An effect under way; dropped when it is recorded.
struct Acting<'a>(&'a watch::Sender<u32>);

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|effects| *effects -= 1);
    }
}

/// An announcement that the file held when the run began.
struct Open {
    /// Key of its intent; nothing when it stored none.
    key: Option<String>,
    by: String,
    announced: Announced,
}

/// Did the service say no, so that what was asked of it certainly did not happen?
fn is_plain_refusal(error: &TaskError) -> bool {
    match error {
        TaskError::Effect(EffectError::Client(error)) | TaskError::Service(error) => !error.may_have_happened(),
        TaskError::Effect(
            EffectError::Unproven { .. } | EffectError::OutOfSight { .. } | EffectError::Ledger { .. },
        )
        | TaskError::Store(_)
        | TaskError::Config(_)
        | TaskError::NoState { .. }
        | TaskError::Closed { .. }
        | TaskError::Refused { .. }
        | TaskError::Busy { .. }
        | TaskError::WrongClock(_)
        | TaskError::HeldElsewhere(_)
        | TaskError::Taken { .. }
        | TaskError::Uncertain { .. }
        | TaskError::DryRun { .. }
        | TaskError::Program { .. }
        | TaskError::Cancelled
        | TaskError::Internal { .. } => false,
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
    /// The announcement of this run, once it is stored.
    pub(super) announced: Option<Intent>,
    /// Key of the announcement in the file that this run may end: its own, or one that it has settled.
    pub(super) holds: Option<String>,
    /// May something that was announced have happened, or happen yet, without anybody knowing?
    pub(super) unsettled: bool,
    /// Another run was faster, or the clock is wrong: nothing of this one is stored.
    pub(super) gave_way: bool,
    pub(super) comparisons: Vec<ConsistencyReport>,
    pub(super) advice: Option<String>,
    pub(super) would: Option<String>,
    pub(super) owed: Option<Owed>,
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

    pub(super) async fn begin(ctx: &'a Context, release: &'a ZStream, task: Task) -> Result<Self, TaskError> {
        // What cannot be sent goes on waiting; whether the store answers shows in what follows.
        let _ = ctx.statebox.send_waiting(release).await;
        let state =
            ctx.statebox.load(release).await?.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state;
        let run = Self::new(ctx, release, task, state)?;
        // What nobody ended for so long is nobody's any more; a look may end it.
        let is_over =
            |open: &Open| open.announced.clock == ClockOf::Us || open.announced.settled_at() <= run.ctx.clock.now();
        let holds = run.before().filter(is_over).and_then(|open| open.key);
        run.notes().holds = holds;
        Ok(run)
    }

    fn new(ctx: &'a Context, release: &'a ZStream, task: Task, state: State) -> Result<Self, TaskError> {
        let ledger = Ledger::open(&ctx.home, &release.into())?;
        Ok(Self {
            ctx,
            release,
            task,
            state,
            started_at: ctx.clock.now(),
            by: ctx.actor.clone(),
            log: RunLog::masked_by(ctx.masker()),
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

    /// Adds the line by which older tools recognise that the task has `status` now.
    pub(super) fn mark(&self, status: TaskStatus) {
        self.log.mark(self.ctx.clock.now(), self.task, status);
    }

    /// Lets nothing go on by a wrong clock: it would judge dates wrongly, and announce what others cannot place.
    ///
    /// # Errors
    ///
    /// The store of the state says that the clock of this machine is wrong.
    pub fn unless_the_clock_is_wrong(&self) -> Result<(), TaskError> {
        let Some(wrong) = self.ctx.repo.wrong_clock() else { return Ok(()) };
        let mut notes = self.notes();
        // Its times would not fit into the file either; what is under way is stored all the same.
        notes.gave_way |= notes.announced.is_none();
        Err(wrong.into())
    }

    /// Says that something went wrong that does not stop the task.
    pub fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        self.log.add(self.ctx.clock.now(), Level::Warning, &message);
        self.notes().warnings.push(message);
    }

    /// Shows comparisons beside the outcome; they are not stored.
    pub fn show(&self, comparisons: &[ConsistencyReport]) {
        self.notes().comparisons = comparisons.to_vec();
    }

    /// Says what a person does next, in place of the usual look at the plan.
    pub fn advise(&self, advice: impl Into<String>) {
        self.notes().advice = Some(advice.into());
    }

    /// Reports a step that is still to be done although the task may pass.
    pub fn owes(&self, step: Owed) {
        self.notes().owed = Some(step);
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
    pub fn assembly_if_known(&self) -> Option<&Assembly> {
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

    /// What the file said of an earlier run when this one began: its announcement, or that it is In Progress without
    /// a job, which tells no more than that something may have been started.
    fn before(&self) -> Option<Open> {
        let entry = self.state.task(self.task)?;
        let begun = entry.started().unwrap_or(Timestamp::UNIX_EPOCH);
        if let Some(Intent { key, at, by }) = entry.intent {
            let clock = if self.ledger.announced(&key) { ClockOf::Us } else { ClockOf::Others };
            return Some(Open { key: Some(key), by, announced: Announced { at: at.unwrap_or(begun), clock } });
        }
        let lost = self.state.status(self.task) == TaskStatus::InProgress
            && self.task.job().is_some()
            && job_trace::job_of(self.task, &entry).is_none();
        let announced = Announced { at: begun, clock: ClockOf::Others };
        lost.then(|| Open { key: None, by: "somebody".to_owned(), announced })
    }

    /// When `key` may have been tried without anybody knowing how that ended. This machine knows of its own runs
    /// which effects they tried; of those of others only that they announced some.
    fn tried(&self, key: &str) -> Option<Announced> {
        let here = self.effects().open(key);
        match self.before() {
            Some(open) if open.announced.clock == ClockOf::Others => {
                here.into_iter().chain([open.announced]).max_by_key(|tried| tried.settled_at())
            }
            Some(_) => here,
            // Whoever ended the announcement knew how it ended; only what is younger than any end may still show up.
            None => here.filter(|here| self.ctx.clock.now() < here.settled_at()),
        }
    }

    /// Stores In Progress with the announcement of this run, in place of one that is `settled`; a task that has passed
    /// keeps its Pass. Does nothing while the announcement is fresh.
    ///
    /// # Errors
    ///
    /// Another run is at it, somebody stored Pass, or the state cannot be written: then nothing may be started.
    async fn announce(&self, settled: bool) -> Result<(), TaskError> {
        let ours = self.notes().announced.clone();
        if ours.is_some() {
            // Whoever stood still for hours does not know it otherwise.
            self.ctx.clock.refresh(&self.ctx.cancel).await;
        }
        let now = self.ctx.clock.now();
        let is_fresh = |intent: &Intent| intent.at.is_some_and(|at| now.duration_since(at) < ANNOUNCED_FOR);
        if ours.as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let before = self.before();
        if let (None, false, Some(Open { key: Some(_), by, announced })) = (&ours, settled, &before)
            && announced.clock == ClockOf::Others
            && now < announced.settled_at()
        {
            self.notes().gave_way = true;
            return Err(self.elsewhere(by.clone(), announced.at));
        }
        let to = match self.state.status(self.task) {
            TaskStatus::Pass => TaskStatus::Pass,
            TaskStatus::NotStarted | TaskStatus::InProgress | TaskStatus::Fail => TaskStatus::InProgress,
        };
        if ours.is_none() && to == TaskStatus::InProgress {
            self.mark(TaskStatus::InProgress);
        }
        let holds = ours.as_ref().map(|ours| ours.key.clone()).or(before.and_then(|open| open.key));
        let key = ours.map_or_else(|| format!("{}/{}", self.task, stamp(self.started_at)), |ours| ours.key);
        let intent = Intent { key: key.clone(), at: Some(now), by: self.by.clone() };
        self.ledger.announces(now, &key)?;
        let start = SetTask::new(self.task, to, self.started_at);
        let start = SetTask { intent: Change::Set(intent.clone()), of_run: Some(OfRun { holds }), ..start };
        let mut operations = vec![Operation::SetTask(start)];
        operations.append(&mut self.notes().at_start);
        let message = format!("Update task: {}", self.task);
        let stored = self.ctx.statebox.apply(self.release, &operations, &message).await;
        if let Err(error) = stored {
            let gave_way = matches!(
                error.fault,
                StoreFault::Rejected(
                    Rejection::StartedElsewhere { .. } | Rejection::EndedElsewhere { .. } | Rejection::PassStays { .. }
                )
            );
            self.notes().gave_way = gave_way;
            return Err(error.into());
        }
        let mut notes = self.notes();
        notes.announced = Some(intent);
        notes.holds = Some(key);
        Ok(())
    }

    /// What another run announced carries the name of that run, which may still be at it.
    fn with_whoever_announced(&self, error: EffectError) -> TaskError {
        match (error, self.before()) {
            (EffectError::Unproven { .. }, Some(Open { key: Some(_), by, announced }))
                if announced.clock == ClockOf::Others =>
            {
                self.notes().gave_way = true;
                self.elsewhere(by, announced.at)
            }
            (error, _) => error.into(),
        }
    }

    /// The refusal to act beside another run.
    fn elsewhere(&self, by: String, at: Timestamp) -> TaskError {
        let rejection = Rejection::StartedElsewhere { task: self.task, by, at };
        StoreError::new(&self.release.state_path(), Doing::Changing, StoreFault::Rejected(rejection)).into()
    }

    /// One outside write, done once whatever crashes in between. `key` is unique within the release,
    /// `what` says it in words ("start the stage pipeline").
    ///
    /// # Errors
    ///
    /// As [`Effects::once`]; another run is at it; the state cannot be written.
    pub async fn effect<T>(
        &self,
        key: &str,
        what: &str,
        look: impl AsyncFn() -> Result<Look<T>, ClientError>,
        perform: impl AsyncFnOnce() -> Result<T, ClientError>,
    ) -> Result<Effected<T>, TaskError> {
        self.unless_dry(what)?;
        self.unless_the_clock_is_wrong()?;
        let effect = Effect { key, what, announced: self.tried(key) };
        let settled = effect.announced.is_some() && self.notes().announced.is_none();
        let found = if settled { self.effects().found(&effect, &look).await } else { Ok(None) };
        if let Some(found) = found.map_err(|error| self.with_whoever_announced(error))? {
            // What was announced happened: this run ends it in the place of the one that announced it.
            self.notes().holds = self.before().and_then(|open| open.key);
            return Ok(Effected::AlreadyThere(found));
        }
        // Begins after the announcement, which may be cut off, and ends with this function.
        Box::pin(self.announce(settled)).await?;
        let _acting = self.act().await?;
        let ready = async || Box::pin(self.announce(true)).await;
        let ended = self.effects().once(&effect, look, ready, perform).await;
        if let Err(error) = &ended {
            self.notes().unsettled |= effect.announced.is_some() || !is_plain_refusal(error);
        }
        let ended = ended?;
        if ended.is_new() {
            self.notes().effects.push(what.to_owned());
        }
        Ok(ended)
    }

    /// A write that converges (setting an owner, say): noted and reported among the effects, needs no look-up.
    ///
    /// # Errors
    ///
    /// Another run is at it, the state cannot be written, or the service fails.
    pub async fn converge<T>(
        &self,
        key: &str,
        what: &str,
        perform: impl AsyncFnOnce() -> Result<T, ClientError>,
    ) -> Result<T, TaskError> {
        self.converge_unless(key, what, |_| false, perform).await
    }

    /// The same where the service may answer well and have changed nothing: `is_idle` tells, and then nothing is
    /// reported as done.
    ///
    /// # Errors
    ///
    /// As [`Run::converge`].
    pub async fn converge_unless<T>(
        &self,
        key: &str,
        what: &str,
        is_idle: impl Fn(&T) -> bool,
        perform: impl AsyncFnOnce() -> Result<T, ClientError>,
    ) -> Result<T, TaskError> {
        self.unless_dry(what)?;
        self.unless_the_clock_is_wrong()?;
        Box::pin(self.announce(false)).await?;
        let _acting = self.act().await?;
        let ended = self.effects().converge(key, perform).await;
        match &ended {
            Ok(answer) if is_idle(answer) => {}
            Ok(_) => self.notes().effects.push(what.to_owned()),
            // It was on its way when the run was asked to end.
            Err(EffectError::Client(ClientError { fault: Fault::Cancelled, .. })) => {
                self.notes().effects.push(format!("perhaps {what}: nobody waited for the answer"));
            }
            Err(_) => {}
        }
        let ended: Result<T, TaskError> =
            ended.map_err(|error| if let EffectError::Client(error) = error { error.into() } else { error.into() });
        self.notes().unsettled |= ended.as_ref().is_err_and(|error| !is_plain_refusal(error));
        ended
    }

    /// Marks an effect as under way, unless the run is to end, or the lease of its drive or its announcement is lost.
    async fn act(&self) -> Result<Acting<'_>, TaskError> {
        Box::pin(self.announce(true)).await?;
        self.ctx.statebox.may_act(self.release).await?;
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
    pub fn notify(&self, notice: Notice) {
        self.notes().notices.push(notice);
    }

    /// Adds an outside effect that was done through [`Run::effects`].
    pub fn add_effect(&self, what: impl Into<String>) {
        self.notes().effects.push(what.into());
    }

    pub(super) fn effects_so_far(&self) -> Vec<String> {
        self.notes().effects.clone()
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
