//! Triggers the runs of one build, one after the other, so that none is triggered twice whoever dies in between.
//!
//! Runs are announced in the record before they are asked for, a few at a time, and their ids are written with the next
//! announcement, in one commit: GitHub grants few commits an hour. An announcement that stands is looked for at the gateway: the
//! run is found by the label that it carries, or a look proves that there is none, or nobody knows, and then nothing is
//! triggered.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};

use crate::core::clients::error::{ClientError, Fault};
use crate::core::clients::gangway::GangwayOrder;
use crate::core::effects::ledger::Ledger;
use crate::core::effects::{Effect, EffectError, Effects, Look};
use crate::core::error::ErrorClass;
use crate::domain::absence::{Announced, ClockOf, Shown};
use crate::domain::dates::stamp;
use crate::domain::ids::ProwJobId;
use crate::domain::job_images;
use crate::domain::job_registry::RegistryJob;
use crate::domain::result_file::ResultFile;
use crate::domain::result_file::additions::{Event, EventKind, PlanState};
use crate::domain::result_file::change::ResultChange;
use crate::domain::result_file::name::ResultName;
use crate::domain::result_file::starts::{AnnouncedStart, JobStart, RunSlot};
use crate::domain::state::holder;
use crate::domain::subject::Subject;
use crate::operators::error::TaskError;
use crate::operators::jobs::job_files;
use crate::operators::jobs::job_writer::{HeldAgentLease, JobWriter, message};
use crate::operators::jobs::report::{Triggered, TriggeredRun, UntriggeredRun};
use crate::operators::jobs::start_label;

/// An announcement is good for the requests that follow it; behind a gateway that takes one every few seconds the last
/// of them waits a while. Another machine counts from when it took the lease, so the age of ours proves nothing to it.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// So many starts are announced together. More would have to be looked for after a crash.
const TOGETHER: usize = 3;

/// One build whose runs are triggered.
pub(super) struct BuildToTest<'a> {
    /// Which one.
    pub(super) of: &'a ResultName,
    /// Where it can be pulled.
    pub(super) pull_spec: &'a str,
    /// Its jobs.
    pub(super) jobs: &'a [RegistryJob],
    /// What the record says now.
    pub(super) file: ResultFile,
    /// The starts that we announced a moment ago, with the record.
    pub(super) announced: Vec<AnnouncedStart>,
    /// Does the record perhaps not say all that was triggered, so that each start is looked for first?
    pub(super) looks_first: bool,
}

/// Triggers `starts` in their order. What is triggered stands in the record when this returns, whatever else happens.
pub(super) async fn trigger(writer: &JobWriter<'_>, build: BuildToTest<'_>, starts: &[JobStart]) -> Triggered {
    if starts.is_empty() {
        return Triggered::default();
    }
    let _turn = writer.turn().await;
    trigger_in_turn(writer, build, starts).await
}

/// The same for whoever waited for the turn of this process.
pub(super) async fn trigger_in_turn(writer: &JobWriter<'_>, build: BuildToTest<'_>, starts: &[JobStart]) -> Triggered {
    let mut done = Triggered::default();
    let subject = match build.of.build.parse() {
        Ok(name) => Subject::Build(name),
        Err(bad) => {
            done.stopped = Some(Box::new(TaskError::Internal { assumed: bad.to_string() }));
            return done;
        }
    };
    let home = &writer.ctx.home;
    let part = format!("jobs-{}", build.of.arch.name());
    let does = format!("triggers the jobs of {}", build.of.build);
    let lock = TaskError::unless_busy(home, &subject, &part, does, "run it again when that has ended".to_owned());
    let opened = lock.and_then(|lock| Ok((lock, Ledger::open(home, &subject)?)));
    let (_lock, ledger) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            done.stopped = Some(Box::new(error));
            return done;
        }
    };
    let mut work = Work { writer, ledger, announced: build.announced.clone(), build, unwritten: Vec::new() };
    for at in 0..starts.len() {
        work.step(&starts[at..], &mut done).await;
        if done.stopped.is_some() || done.limited {
            break;
        }
    }
    if let Err(error) = work.write_down().await {
        done.stopped.get_or_insert(Box::new(error));
    }
    done
}

/// Those of `starts` that are announced together: the first ones, in their order.
pub(super) fn together<'s>(
    starts: impl IntoIterator<Item = &'s JobStart>,
    by: &str,
    now: Timestamp,
) -> Vec<(JobStart, AnnouncedStart)> {
    let announced = |start: &JobStart| AnnouncedStart { key: start.key(), by: by.to_owned(), at: whole(now) };
    starts.into_iter().take(TOGETHER).map(|start| (start.clone(), announced(start))).collect()
}

struct Work<'t, 'c> {
    writer: &'t JobWriter<'c>,
    ledger: Ledger,
    build: BuildToTest<'t>,
    /// Our own announcements, as they stand in the record.
    announced: Vec<AnnouncedStart>,
    /// What is triggered and has no id in the record yet.
    unwritten: Vec<ResultChange>,
}

impl Work<'_, '_> {
    fn key(&self, start: &JobStart) -> String {
        format!("{}/{}/{}", self.build.of.build, self.build.of.arch.name(), start.key())
    }

    /// When this start may have been tried before; nothing when it certainly was not.
    fn tried_before(
        &self,
        effects: &Effects<'_>,
        held: &HeldAgentLease,
        key: &str,
        start: &JobStart,
    ) -> Option<Announced> {
        if let Some(open) = effects.open(key).filter(|open| !self.is_denied(start, open.at)) {
            return Some(open);
        }
        let stored = self.build.file.announced_start(&start.key());
        // It was done, and the record lost it: it is looked for, and never done again blindly.
        if self.ledger.has(key) {
            let at = stored.map_or(held.since, |stored| stored.at);
            return Some(Announced { at, clock: ClockOf::Us });
        }
        let stored = stored.filter(|stored| !self.announced.contains(stored))?;
        // The ledger of this machine is written before the request leaves it.
        let by_us = holder::is_same(&stored.by, &held.us);
        (!by_us).then(|| Announced { at: stored.at.max(held.since), clock: ClockOf::Others })
    }

    /// Did a person say, since it was tried, that it did not happen?
    fn is_denied(&self, start: &JobStart, tried: Timestamp) -> bool {
        self.build.file.never_started_at(&start.key()).is_some_and(|denied| denied >= tried)
    }

    /// Triggers the first of `starts`, and notes what came of it.
    async fn step(&mut self, starts: &[JobStart], done: &mut Triggered) {
        let Some((start, rest)) = starts.split_first() else { return };
        match self.tried(start, rest).await {
            Ok(Some((id, is_new))) => {
                self.unwritten.push(self.started(start, &id));
                done.runs.push(TriggeredRun { job: start.job.clone(), id: id.to_string(), is_new });
            }
            Ok(None) => done.open.push(open(start, "another process triggers it", None, true)),
            Err(error) => self.not_started(start, error, done).await,
        }
    }

    fn started(&self, start: &JobStart, id: &ProwJobId) -> ResultChange {
        let (kind, detail) = match &start.slot {
            RunSlot::First => (EventKind::Triggered, format!("{id} of {}", start.job)),
            RunSlot::Retry(nth) => (EventKind::RetryTriggered, format!("{id} of {}, further run {nth}", start.job)),
            RunSlot::Instead { why, .. } => (EventKind::RunReplaced, why.clone()),
        };
        let event = Event { at: self.now(), actor: self.writer.actor(), kind, detail };
        ResultChange::Started { start: start.clone(), id: id.to_string(), event }
    }

    /// Triggers one run, or finds it. Nothing when somebody else announced it meanwhile.
    async fn tried(&mut self, start: &JobStart, rest: &[JobStart]) -> Result<Option<(ProwJobId, bool)>, TaskError> {
        let order = self.order(start)?;
        let held = self.writer.hold().await?;
        let (clock, cancel) = (held.ctx.clock.clone(), held.ctx.cancel.clone());
        let effects = Effects { ledger: &self.ledger, clock: &clock, cancel: &cancel };
        let key = self.key(start);
        let before = self.tried_before(&effects, &held, &key, start);
        let what = format!("trigger {}", order.job);
        let effect = Effect { key: &key, what: &what, announced: before };
        let skips = Cell::new(before.is_none() && !self.build.looks_first);
        let look = async || {
            if skips.take() { Ok(Look::Absent(Shown::default())) } else { self.look(&held, start, &order).await }
        };
        let gangway = held.ctx.gangway();
        let announced = Cell::new(None);
        let ready = async || {
            gangway.pacer().turn().await;
            let now = clock.now();
            let is_fresh = |ours: &AnnouncedStart| ours.key == start.key() && now.duration_since(ours.at) < FRESH;
            if before.is_none() && self.announced.iter().any(is_fresh) {
                return Ok(());
            }
            // It may have waited for its turn for long.
            let held = self.writer.hold().await?;
            announced.set(Some(self.announce(&held, start, rest).await?));
            Ok::<_, TaskError>(())
        };
        let done = effects.once(&effect, look, ready, async || gangway.start_in_turn(&order).await).await;
        if let Some((file, ours)) = announced.take() {
            (self.build.file, self.announced) = (file, ours);
            self.unwritten.clear();
        }
        match done {
            Ok(effected) => {
                let is_new = effected.is_new();
                Ok(Some((effected.into_inner(), is_new)))
            }
            Err(TaskError::Taken { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Announces a start, and those behind it that nobody tried, with the ids that are not written yet: one commit.
    async fn announce(
        &self,
        held: &HeldAgentLease,
        start: &JobStart,
        rest: &[JobStart],
    ) -> Result<(ResultFile, Vec<AnnouncedStart>), TaskError> {
        let free = rest.iter().filter(|next| self.nobody_tried(next));
        let mut ours = together(std::iter::once(start).chain(free), &held.us, self.now());
        loop {
            let announce = |(start, announced): &(JobStart, AnnouncedStart)| ResultChange::Announce {
                start: start.clone(),
                announced: announced.clone(),
                over: self.build.file.announced_start(&announced.key),
            };
            let changes: Vec<_> = self.unwritten.iter().cloned().chain(ours.iter().map(announce)).collect();
            match store(held, self.build.of, message::ANNOUNCE, &changes).await {
                // One of the others is somebody else's by now.
                Err(TaskError::Taken { .. }) if ours.len() > 1 => ours.truncate(1),
                stored => return Ok((stored?, ours.into_iter().map(|(_, announced)| announced).collect())),
            }
        }
    }

    fn order(&self, start: &JobStart) -> Result<GangwayOrder, TaskError> {
        let job = self.build.jobs.iter().find(|job| job.name == start.job);
        let job = job.cloned().unwrap_or_else(|| RegistryJob { name: start.job.clone(), ..RegistryJob::default() });
        let images = job_images::of_job(&job, self.build.pull_spec, start.upgrade_from.as_deref());
        let envs = images.variables(self.build.of.arch).map_err(|bad| TaskError::Refused {
            why: bad.to_string(),
            next: "give the architecture of the build with --arch".to_owned(),
        })?;
        Ok(start_label::order(&start.job, envs, self.key(start)))
    }

    /// Looks for a run with our label.
    async fn look(
        &self,
        held: &HeldAgentLease,
        start: &JobStart,
        order: &GangwayOrder,
    ) -> Result<Look<ProwJobId>, ClientError> {
        let jobs = self.build.file.jobs();
        let known: Vec<&str> = jobs.iter().flat_map(|item| item.runs().filter_map(|run| run.id)).collect();
        let seen = start_label::look(&held.ctx, order, |id| known.contains(&id.as_str())).await?;
        // It was triggered, and does not show: no look proves that it was not.
        let was_done = self.ledger.has(&self.key(start));
        Ok(seen.of_effect(self.now(), was_done))
    }

    async fn not_started(&mut self, start: &JobStart, error: TaskError, done: &mut Triggered) {
        let effect = match error {
            TaskError::Effect(effect) => effect,
            TaskError::Service(_)
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
            | TaskError::Internal { .. } => {
                done.open.push(open(start, &error.to_string(), None, false));
                done.stopped = Some(Box::new(error));
                return;
            }
        };
        match effect {
            EffectError::Client(client) => self.refused(start, client, done).await,
            EffectError::Unproven { look_again, cause, .. } => {
                done.open.push(open(start, "nobody knows yet whether it runs", Some(look_again), true));
                if let Some(cause) = cause {
                    self.note(start, PlanState::Uncertain, cause.to_string(), done).await;
                }
            }
            EffectError::OutOfSight { at, .. } => {
                let why = format!("it was tried at {}, and nobody can see any more whether it runs", stamp(at));
                done.open.push(open(start, &why, None, false));
                self.note(start, PlanState::Uncertain, why, done).await;
            }
            ledger @ EffectError::Ledger { .. } => {
                done.open.push(open(start, &ledger.to_string(), None, false));
                done.stopped = Some(Box::new(TaskError::Effect(ledger)));
            }
        }
    }

    /// The gateway said no, or was not asked. What it said of this job alone stands in the record; a limit, an outage
    /// and a refused credential say nothing about the job.
    async fn refused(&mut self, start: &JobStart, error: ClientError, done: &mut Triggered) {
        let why = error.to_string();
        match error.class() {
            ErrorClass::RateLimit | ErrorClass::Transient | ErrorClass::Corrupt => {
                let wait = error.retry_after_s.and_then(|seconds| i64::try_from(seconds).ok());
                let at = wait.and_then(|wait| self.now().checked_add(SignedDuration::from_secs(wait)).ok());
                done.open.push(open(start, &why, at, true));
                // A limit ends the work on this build, and is no trouble.
                if matches!(error.fault, Fault::RateLimited(_)) {
                    done.limited = true;
                } else {
                    done.stopped = Some(Box::new(TaskError::Service(error)));
                }
            }
            ErrorClass::Auth | ErrorClass::Config | ErrorClass::Conflict | ErrorClass::Internal => {
                done.open.push(open(start, &why, None, false));
                done.stopped = Some(Box::new(TaskError::Service(error)));
            }
            ErrorClass::NotFound
            | ErrorClass::Refused
            | ErrorClass::Forbidden
            | ErrorClass::InvalidInput
            | ErrorClass::NotReady
            | ErrorClass::NeedsPerson => {
                done.open.push(open(start, &why, None, false));
                self.note(start, PlanState::Refused, why, done).await;
            }
        }
    }

    /// Notes in the record how a start stands that has no run.
    async fn note(&mut self, start: &JobStart, state: PlanState, error: String, done: &mut Triggered) {
        self.unwritten.push(ResultChange::NotStarted { start: start.clone(), state, error });
        if let Err(error) = self.write_down().await {
            done.stopped = Some(Box::new(error));
        }
    }

    /// Writes down what is known and stands in no record. Without the lease whoever has it does that: the runs carry our
    /// label.
    async fn write_down(&mut self) -> Result<(), TaskError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let held = self.writer.hold().await?;
        self.build.file = store(&held, self.build.of, message::TRIGGERED, &self.unwritten).await?;
        self.unwritten.clear();
        Ok(())
    }

    fn nobody_tried(&self, start: &JobStart) -> bool {
        let key = self.key(start);
        let clock = self.writer.ctx.clock.clone();
        let effects = Effects { ledger: &self.ledger, clock: &clock, cancel: &self.writer.ctx.cancel };
        effects.open(&key).is_none()
            && !self.ledger.has(&key)
            && self.build.file.announced_start(&start.key()).is_none()
    }

    fn now(&self) -> Timestamp {
        self.writer.ctx.clock.now()
    }
}

/// Records spell times in whole seconds.
pub(super) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn open(start: &JobStart, why: &str, look_again: Option<Timestamp>, comes_by_itself: bool) -> UntriggeredRun {
    UntriggeredRun { job: start.job.clone(), why: why.to_owned(), look_again, comes_by_itself }
}

/// Applies changes to the newest version of a record, as one commit. [`TaskError::Taken`] when one does not fit it.
pub(super) async fn store(
    held: &HeldAgentLease,
    of: &ResultName,
    message: &str,
    changes: &[ResultChange],
) -> Result<ResultFile, TaskError> {
    let (path, message) = (of.path(), format!("{message} of {}", of.build));
    let changed = held.files.change(&path, &message, |text| {
        let text =
            text.ok_or_else(|| TaskError::Taken { why: format!("there is no record {} any more", of.path()) })?;
        let mut file = job_files::read(of, text)?;
        let mut is_new = false;
        for change in changes {
            is_new |= file.apply(change).map_err(|refused| TaskError::Taken { why: refused.to_string() })?;
        }
        Ok::<_, TaskError>(is_new.then(|| file.to_text()))
    });
    job_files::read(of, &changed.await?.text)
}
