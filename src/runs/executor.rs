//! Carries out what changes something: it lives here until it is recorded, whoever stops listening.
//!
//! One of the two places that spawn. Changes of one subject (a release, a unit of jobs) run one after the
//! other, in the order in which they came; an equal request of the same principal joins the run that runs.
//! Others get a run of their own behind it: their answer, their confirmation and their line in the audit log
//! are theirs, and the task itself does nothing twice. Every run leaves a file from its beginning on, so that
//! a run which a crash ended is found again.

mod work;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::logs::{self, OpenLog, RunLogs};
use super::record::{Document, RunRecord, RunState, TaskAnswer};
use super::run::{Order, RunStatus, TrackedRun};
use super::store::RunStore;
use super::worker::Worker;
use crate::core::access::principal::{Principal, Scope};
use crate::core::clock::Clock;
use crate::core::config::mcp::RunSettings;
use crate::domain::dates::stamp;
use crate::domain::mask::mask;
use crate::domain::task::TaskStatus;

/// Changes of one subject that may wait; the next caller is asked to come back.
pub const MOST_WAITING: usize = 8;

/// Ended runs that stay in memory; older ones are read from their files.
const MOST_KEPT: usize = 100;

/// Runs that go on at a time when nobody says otherwise.
const USUALLY_AT_ONCE: usize = 4;

/// How long runs may take and how long they stay on record.
#[derive(Debug, Clone)]
pub struct RunLimits {
    /// Runs that go on at a time; at least 1. Others wait, whatever their queue.
    pub at_once: usize,
    /// After so long a run is asked to end.
    pub longest: Duration,
    /// The same for single tools.
    pub by_tool: BTreeMap<String, Duration>,
    /// So long it may take to end.
    pub grace: Duration,
    /// Runs on record.
    pub keep: usize,
    /// Days on record.
    pub days: u32,
}

impl From<&RunSettings> for RunLimits {
    fn from(settings: &RunSettings) -> Self {
        Self {
            at_once: USUALLY_AT_ONCE,
            longest: settings.time_limit,
            by_tool: settings.time_limits.clone(),
            grace: settings.grace,
            keep: settings.keep_runs,
            days: settings.keep_days,
        }
    }
}

/// Why an order did not become a run.
#[derive(Debug)]
pub enum NotTaken {
    /// Too many wait already: the run at the head of the queue.
    QueueFull(Arc<TrackedRun>),
    /// The system gives no random numbers, and an id that can be guessed is none.
    NoId(io::Error),
    /// It could not be put on record that it begins.
    Unrecorded(io::Error),
}

/// Runs by id, in the order in which they were asked for.
type RunsById = indexmap::IndexMap<String, Arc<TrackedRun>>;

/// All runs of this process.
#[derive(Debug)]
pub struct Executor {
    interrupted: Mutex<Vec<RunRecord>>,
    by_id: Mutex<RunsById>,
    store: RunStore,
    logs: RunLogs,
    limits: RunLimits,
    clock: Clock,
    worker: Worker,
    slots: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Runs that have not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenRuns {
    /// That go on.
    pub running: usize,
    /// That wait for their turn.
    pub queued: usize,
    /// How long ago the oldest of them was asked for.
    pub oldest: Option<Duration>,
}

impl Executor {
    /// Runs that are recorded below `home` and end with `stop`. Runs of earlier processes that never ended are
    /// marked as interrupted.
    pub fn new(home: &Path, limits: RunLimits, clock: Clock, worker: Worker, stop: CancellationToken) -> Self {
        let store = RunStore::below(home);
        if let Err(error) = store.prepare() {
            tracing::warn!(%error, "runs cannot be recorded on this machine");
        }
        for path in store.ids().iter().filter_map(|id| store.damaged(id)) {
            tracing::warn!("{} is no record of a run; it stays as it is, look at its log beside it", path.display());
        }
        let interrupted = store.reconcile(clock.now());
        if !interrupted.is_empty() {
            let interrupted = interrupted.len();
            tracing::warn!("{interrupted} runs of an earlier process were interrupted; oar_get_run tells of each");
        }
        store.tidy(limits.keep, limits.days, clock.now());
        let slots = Arc::new(Semaphore::new(limits.at_once.clamp(1, Semaphore::MAX_PERMITS)));
        Self {
            by_id: Mutex::default(),
            store,
            logs: RunLogs::listening(),
            limits,
            clock,
            worker,
            slots,
            stop,
            interrupted: Mutex::new(interrupted),
        }
    }

    /// Records of runs that an earlier process left unfinished, found at the start; given out once.
    pub fn take_interrupted(&self) -> Vec<RunRecord> {
        std::mem::take(&mut *self.interrupted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The run that an equal request may join: one that runs, or waits as the last of its queue.
    pub fn joinable(&self, key: &str) -> Option<Arc<TrackedRun>> {
        Self::joinable_of(&self.by_id(), key)
    }

    fn joinable_of(by_id: &RunsById, key: &str) -> Option<Arc<TrackedRun>> {
        let run = by_id.values().rev().find(|run| run.key == key && !run.has_ended() && !run.cancel.is_cancelled())?;
        let last = by_id.values().rev().find(|other| other.queue == run.queue && !other.has_ended());
        // A request that waits behind others must not move before them.
        let fits = *run.status.borrow() == RunStatus::Running || last.is_some_and(|last| last.id == run.id);
        fits.then(|| Arc::clone(run))
    }

    /// Starts `order`, or joins the equal run.
    ///
    /// # Errors
    ///
    /// Too many wait already, or there is no id for it.
    pub fn submit(self: &Arc<Self>, order: Order) -> Result<Arc<TrackedRun>, NotTaken> {
        if let Some(equal) = self.joinable(&order.key) {
            return Ok(equal);
        }
        let id = new_id(self.clock.now()).map_err(NotTaken::NoId)?;
        let log = self.logs.open(&id, &self.store.log_path(&id));
        let log = log.inspect_err(|error| tracing::warn!(%error, run = id, "the run has no log")).ok();
        let mut by_id = self.by_id();
        // An equal request may have come in meanwhile.
        if let Some(equal) = Self::joinable_of(&by_id, &order.key) {
            let _ = std::fs::remove_file(self.store.log_path(&id));
            return Ok(equal);
        }
        let before: Vec<_> =
            by_id.values().filter(|run| run.queue == order.queue && !run.released.is_cancelled()).cloned().collect();
        let open: Vec<_> = before.iter().filter(|run| !run.has_ended()).collect();
        if let Some(head) = open.first().filter(|_| open.len() > MOST_WAITING) {
            // It never began, so nobody has to find it.
            let _ = std::fs::remove_file(self.store.log_path(&id));
            return Err(NotTaken::QueueFull(Arc::clone(head)));
        }
        if let Err(cause) = (order.begins)(&id) {
            let _ = std::fs::remove_file(self.store.log_path(&id));
            return Err(NotTaken::Unrecorded(cause));
        }
        let run = Arc::new(TrackedRun {
            id,
            tool: order.tool,
            queue: order.queue,
            owner: order.who.name,
            asked_at: stamp(self.clock.now()),
            confirmed: order.confirmed,
            cancel: self.stop.child_token(),
            key: order.key,
            arguments: mask(&order.arguments),
            status: watch::Sender::new(RunStatus::Queued),
            steps: log.as_ref().map(OpenLog::steps),
            began_at: OnceLock::new(),
            ended_at: OnceLock::new(),
            released: CancellationToken::new(),
        });
        by_id.insert(run.id.clone(), Arc::clone(&run));
        while by_id.len() > MOST_KEPT {
            let Some(oldest) = by_id.values().position(|run| run.released.is_cancelled()) else { break };
            by_id.shift_remove_index(oldest);
        }
        drop(by_id);
        self.keep(&run);
        let turn = before.last().map(|before| before.released.clone());
        let (runs, began) = (Arc::clone(self), Arc::clone(&run));
        #[expect(clippy::disallowed_methods, reason = "a run outlives the caller that asked for it")]
        tokio::spawn(work::carry_out(runs, began, turn, log, order.work, order.document));
        Ok(run)
    }

    /// The run of an id, when this process knows it.
    pub fn get(&self, id: &str) -> Option<Arc<TrackedRun>> {
        self.by_id().get(id).cloned()
    }

    /// What is known of a run, of earlier processes too.
    pub fn known(&self, id: &str) -> Option<RunRecord> {
        self.get(id).map(|run| run.record()).or_else(|| self.store.get(id))
    }

    /// Ids of all runs on record whose owner `sees` lets pass, newest first.
    pub fn ids(&self, sees: impl Fn(&str) -> bool) -> Vec<String> {
        let mut ids = self.store.ids();
        ids.retain(|id| self.known(id).is_some_and(|run| sees(&run.owner)));
        ids.sort();
        ids.reverse();
        ids
    }

    /// All that a run said so far, masked; whose run it is has to be checked before.
    pub fn log(&self, id: &str) -> Option<String> {
        self.store.log(id)
    }

    /// Did a run of ours end with a Pass of this tool's task?
    pub fn has_passed(&self, tool: &str, queue: &str) -> bool {
        let passed = |run: &RunRecord| {
            let answer = run.answer.as_ref().and_then(TaskAnswer::of);
            answer.is_some_and(|answer| answer.status == Some(TaskStatus::Pass))
        };
        self.store.any(|run| run.tool == tool && run.queue == queue && passed(run))
    }

    /// Ids of the runs that `who` may see, newest first.
    pub fn ids_of(&self, who: &Principal) -> Vec<String> {
        self.ids(|owner| owner == who.name || who.may(Scope::Admin))
    }

    /// Runs that have not ended.
    pub fn open(&self) -> OpenRuns {
        let now = self.clock.now();
        let mut open = OpenRuns::default();
        for run in self.by_id().values() {
            match *run.status.borrow() {
                RunStatus::Running => open.running += 1,
                RunStatus::Queued => open.queued += 1,
                RunStatus::Ended(_) => continue,
            }
            let asked: Option<Timestamp> = run.asked_at.parse().ok();
            let age = asked.and_then(|asked| Duration::try_from(now.duration_since(asked)).ok());
            open.oldest = open.oldest.max(age);
        }
        open
    }

    /// Runs that may go on at a time.
    pub const fn slots(&self) -> usize {
        self.limits.at_once
    }

    /// Does a living process hold this run?
    pub fn is_alive(&self, id: &str) -> bool {
        logs::is_alive(&self.store.log_path(id))
    }

    /// The file of a run whose record is there and cannot be read.
    pub fn damaged(&self, id: &str) -> Option<PathBuf> {
        self.store.damaged(id)
    }

    /// Lets open runs end, at most for `patience`; then they are asked to.
    pub async fn settle(&self, patience: Duration) {
        let open: Vec<_> = self.by_id().values().filter(|run| !run.has_ended()).cloned().collect();
        let all = || futures::future::join_all(open.iter().map(|run| run.ended()));
        if tokio::time::timeout(patience, all()).await.is_err() {
            open.iter().for_each(|run| run.cancel.cancel());
            // Whoever does not end now is found interrupted by the next process.
            let _ = tokio::time::timeout(self.limits.grace, all()).await;
        }
    }

    fn limit(&self, tool: &str) -> Duration {
        self.limits.by_tool.get(tool).copied().unwrap_or(self.limits.longest)
    }

    fn keep(&self, run: &TrackedRun) {
        if let Err(error) = self.store.put(&run.id, &run.record()) {
            tracing::warn!(%error, run = run.id, "the run could not be recorded on this machine");
        }
    }

    fn end(&self, run: &TrackedRun, document: Document) {
        // Set once: a run ends once.
        let _ = run.ended_at.set(stamp(self.clock.now()));
        // On record before anybody is answered: an answer that is not on record could be lost with us.
        let record = RunRecord { state: RunState::Ended, answer: Some(document.clone()), ..run.record() };
        if let Err(error) = self.store.put(&run.id, &record) {
            tracing::warn!(%error, run = run.id, "the end of the run could not be recorded on this machine");
        }
        run.status.send_replace(RunStatus::Ended(document));
    }

    fn by_id(&self) -> std::sync::MutexGuard<'_, RunsById> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id that sorts by time and that nobody guesses: it becomes a file name, and callers name runs by it.
fn new_id(now: Timestamp) -> io::Result<String> {
    let mut random = [0_u8; 4];
    openssl::rand::rand_bytes(&mut random)?;
    Ok(format!("{:011x}{:08x}", now.as_millisecond(), u32::from_be_bytes(random)))
}

/// Lets a conversation go on beside its stream; it ends with the token of its session.
pub fn accompany(conversation: impl Future<Output = ()> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "it lives as long as its stream, which ends its token")]
    tokio::spawn(conversation);
}

#[cfg(test)]
mod tests;
