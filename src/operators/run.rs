//! What a task receives: the release and its state, and the ways to look, to write and to say what happened.
//!
//! Knows neither the tasks nor what runs them.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{OnceCell, watch};

use super::error::TaskError;
use super::run_log::{Level, RunLog};
use crate::core::clients::error::{ClientError, Fault};
use crate::core::context::Context;
use crate::core::effects::ledger::Ledger;
use crate::core::effects::{Effected, Effects, Evidence};
use crate::core::notices::of_run::Notice;
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::consistency::ConsistencyReport;
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::state::entries::Intent;
use crate::domain::state::operation::{Change, Operation, SetTask};
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus, marker};

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

/// What a run collects on its way.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) warnings: Vec<String>,
    pub(super) effects: Vec<String>,
    pub(super) operations: Vec<Operation>,
    pub(super) notices: Vec<Notice>,
    pub(super) at_start: Vec<Operation>,
    pub(super) started: bool,
    pub(super) comparisons: Vec<ConsistencyReport>,
    pub(super) advice: Option<String>,
    pub(super) would: Option<String>,
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
        Self::new(ctx, release, task, state)
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
        if self.ctx.options.dry_run {
            return Err(TaskError::DryRun { would: format!("{} would start", self.task) });
        }
        self.info(marker(self.task, TaskStatus::InProgress));
        let intent = Intent {
            key: format!("{}/{}", self.task, stamp(self.started_at)),
            at: Some(self.started_at),
            by: self.by.clone(),
        };
        let start = SetTask::new(self.task, TaskStatus::InProgress, self.started_at);
        let mut operations = vec![Operation::SetTask(SetTask { intent: Change::Set(intent), ..start })];
        operations.append(&mut self.notes().at_start);
        let message = format!("Update task: {}", self.task);
        self.ctx.statebox.apply(self.release, &operations, &message).await?;
        self.notes().started = true;
        Ok(())
    }

    /// One outside write, done once whatever crashes in between. `key` is unique within the release,
    /// `what` says it in words ("start the stage pipeline").
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
        // Begins after the announcement, which may be cut off, and ends with this function.
        let acting = Cell::new(None);
        let announce = async || {
            self.start().await?;
            acting.set(Some(self.act().await?));
            Ok::<_, TaskError>(())
        };
        let ended = self.effects().announced(key, what, evidence, announce, look_up, perform).await?;
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
        let _acting = self.act().await?;
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

    /// Marks an effect as under way, unless the run is to end or the lease of its drive is lost.
    async fn act(&self) -> Result<Acting<'_>, TaskError> {
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
