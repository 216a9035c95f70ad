//! Runs: what changes something lives here until it is recorded, whoever stops listening.
//!
//! One of the two places that spawn. Changes of one queue (a release, a unit of jobs) run one after the
//! other, in the order in which they came; an equal call of the same principal joins the one that runs.
//! Others get a run of their own behind it: their answer, their confirmation and their line in the audit log
//! are theirs, and the task itself does nothing twice. Every run leaves a file from its beginning on, so that
//! a run which a crash ended is found again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::logs::{OpenLog, RunLogs};
use super::store::Store;
use super::worker::{Lost, Worker};
use crate::core::access::principal::{Principal, Scope};
use crate::core::clock::Clock;
use crate::core::config::mcp::RunSettings;
use crate::domain::dates::stamp;
use crate::domain::mask::mask;
use crate::mcp::reply::{Code, Reply};
use crate::runs::consents::Evidence;

/// Changes that may wait in one queue; the next caller is asked to come back.
pub const MOST_WAITING: usize = 8;

/// Ended runs that stay in memory; older ones are read from their files.
const MOST_KEPT: usize = 100;

/// How a run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Waits for its turn.
    Queued,
    /// Runs.
    Running,
    /// Ended with an answer.
    Ended(Reply),
}

/// One run.
#[derive(Debug)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The tool.
    pub tool: &'static str,
    /// Changes of this queue run one after the other.
    pub queue: String,
    /// Who asked first.
    pub owner: String,
    /// When it was asked for, as texts carry it.
    pub asked_at: String,
    /// Ends it at the next safe point.
    pub cancel: CancellationToken,
    key: String,
    arguments: String,
    confirmed: Option<Evidence>,
    standing: watch::Sender<Standing>,
    steps: Option<watch::Receiver<String>>,
    began_at: OnceLock<String>,
    ended_at: OnceLock<String>,
    /// Fires when the next run of the queue may begin.
    released: CancellationToken,
}

impl Run {
    /// How it stands now.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Has it an answer?
    pub fn has_ended(&self) -> bool {
        matches!(*self.standing.borrow(), Standing::Ended(_))
    }

    /// Its steps, as it tells them.
    pub fn steps(&self) -> Option<watch::Receiver<String>> {
        self.steps.clone()
    }

    /// Waits for its end.
    pub async fn ended(&self) -> Reply {
        let mut standing = self.standing.subscribe();
        let ended = standing.wait_for(|standing| matches!(standing, Standing::Ended(_))).await;
        match ended.as_deref() {
            Ok(Standing::Ended(reply)) => reply.clone(),
            Ok(Standing::Queued | Standing::Running) | Err(_) => {
                Reply::error(Code::Internal, "the run was lost", "oar_get_run tells what is recorded of it")
            }
        }
    }

    /// As tools show it and files keep it.
    pub fn json(&self) -> Value {
        let standing = self.standing();
        let (state, answer) = match &standing {
            Standing::Queued => ("queued", Value::Null),
            Standing::Running => ("running", Value::Null),
            Standing::Ended(reply) => ("ended", Value::Object(reply.body.clone())),
        };
        let step = self.steps.as_ref().map(|steps| steps.borrow().clone()).filter(|step| !step.is_empty());
        json!({
            "run_id": self.id, "tool": self.tool, "queue": self.queue, "owner": self.owner,
            "arguments": self.arguments, "asked_at": self.asked_at, "began_at": self.began_at.get(),
            "ended_at": self.ended_at.get(), "state": state, "cancelling": self.cancel.is_cancelled(),
            "step": step, "confirmation": self.confirmed, "answer": answer,
        })
    }
}

/// What is asked to run.
pub struct Order {
    /// The tool.
    pub tool: &'static str,
    /// Equal keys are equal calls.
    pub key: String,
    /// Changes of this queue run one after the other.
    pub queue: String,
    /// Who asks.
    pub who: Principal,
    /// Its arguments, as people read them.
    pub arguments: String,
    /// Who confirmed it.
    pub confirmed: Option<Evidence>,
    /// What it does, given the token that cancels it.
    pub work: Work,
}

/// What a run does, given the token that cancels it.
pub type Work = Box<dyn FnOnce(CancellationToken) -> LocalBoxFuture<'static, Reply> + Send>;

/// Runs that go on at a time when nobody says otherwise.
const USUALLY_AT_ONCE: usize = 4;

/// How long runs may take and how long they stay on record.
#[derive(Debug, Clone)]
pub struct Limits {
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

impl From<&RunSettings> for Limits {
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

/// Runs by id, in the order in which they were asked for.
type Book = indexmap::IndexMap<String, Arc<Run>>;

/// All runs of this process.
#[derive(Debug)]
pub struct Runs {
    interrupted: Mutex<Vec<Value>>,
    book: Mutex<Book>,
    store: Store,
    logs: RunLogs,
    limits: Limits,
    clock: Clock,
    worker: Worker,
    slots: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Runs that have not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Open {
    /// That go on.
    pub running: usize,
    /// That wait for their turn.
    pub queued: usize,
    /// How long ago the oldest of them was asked for.
    pub oldest: Option<Duration>,
}

impl Runs {
    /// Runs that are recorded below `home` and end with `stop`. Runs of earlier processes that never ended are
    /// marked as interrupted.
    pub fn new(home: &Path, limits: Limits, clock: Clock, worker: Worker, stop: CancellationToken) -> Self {
        let store = Store::below(home);
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
            book: Mutex::default(),
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

    /// Records of runs that an earlier process left unfinished, found at the start; reported once.
    pub fn take_interrupted(&self) -> Vec<Value> {
        std::mem::take(&mut *self.interrupted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The run that an equal call may join: one that runs, or waits as the last of its queue.
    pub fn joinable(&self, key: &str) -> Option<Arc<Run>> {
        Self::joinable_of(&self.book(), key)
    }

    fn joinable_of(book: &Book, key: &str) -> Option<Arc<Run>> {
        let run = book.values().rev().find(|run| run.key == key && !run.has_ended() && !run.cancel.is_cancelled())?;
        let last = book.values().rev().find(|other| other.queue == run.queue && !other.has_ended());
        // A call that waits behind others must not move before them.
        let fits = *run.standing.borrow() == Standing::Running || last.is_some_and(|last| last.id == run.id);
        fits.then(|| Arc::clone(run))
    }

    /// Starts `order`, or joins the equal run.
    ///
    /// # Errors
    ///
    /// Too many wait already: the run at the head of the queue.
    pub fn submit(self: &Arc<Self>, order: Order) -> Result<Arc<Run>, Arc<Run>> {
        if let Some(equal) = self.joinable(&order.key) {
            return Ok(equal);
        }
        let id = format!("{:011x}{:08x}", self.clock.now().as_millisecond(), fastrand::u32(..));
        let log = self.logs.open(&id, &self.store.log_path(&id));
        let log = log.inspect_err(|error| tracing::warn!(%error, run = id, "the run has no log")).ok();
        let mut book = self.book();
        // An equal call may have come in meanwhile.
        if let Some(equal) = Self::joinable_of(&book, &order.key) {
            let _ = std::fs::remove_file(self.store.log_path(&id));
            return Ok(equal);
        }
        let before: Vec<_> =
            book.values().filter(|run| run.queue == order.queue && !run.released.is_cancelled()).cloned().collect();
        let open: Vec<_> = before.iter().filter(|run| !run.has_ended()).collect();
        if let Some(head) = open.first().filter(|_| open.len() > MOST_WAITING) {
            // It never began, so nobody has to find it.
            let _ = std::fs::remove_file(self.store.log_path(&id));
            return Err(Arc::clone(head));
        }
        let run = Arc::new(Run {
            id,
            tool: order.tool,
            queue: order.queue,
            owner: order.who.name,
            asked_at: stamp(self.clock.now()),
            cancel: self.stop.child_token(),
            key: order.key,
            arguments: mask(&order.arguments),
            confirmed: order.confirmed,
            standing: watch::Sender::new(Standing::Queued),
            steps: log.as_ref().map(OpenLog::steps),
            began_at: OnceLock::new(),
            ended_at: OnceLock::new(),
            released: CancellationToken::new(),
        });
        book.insert(run.id.clone(), Arc::clone(&run));
        while book.len() > MOST_KEPT {
            let Some(oldest) = book.values().position(|run| run.released.is_cancelled()) else { break };
            book.shift_remove_index(oldest);
        }
        drop(book);
        self.record(&run);
        let turn = before.last().map(|before| before.released.clone());
        #[expect(clippy::disallowed_methods, reason = "a run outlives the call that asked for it")]
        tokio::spawn(carry_out(Arc::clone(self), Arc::clone(&run), turn, log, order.work));
        Ok(run)
    }

    /// The run of an id, when this process knows it.
    pub fn get(&self, id: &str) -> Option<Arc<Run>> {
        self.book().get(id).cloned()
    }

    /// What is known of a run, of earlier processes too.
    pub fn known(&self, id: &str) -> Option<Value> {
        self.get(id).map(|run| run.json()).or_else(|| self.store.get(id))
    }

    /// Ids of all runs on record that `who` may see, newest first.
    pub fn ids(&self, sees: impl Fn(&str) -> bool) -> Vec<String> {
        let mut ids = self.store.ids();
        ids.retain(|id| self.known(id).and_then(|run| Some(sees(run.get("owner")?.as_str()?))) == Some(true));
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
        self.store.any(|run| run["tool"] == tool && run["queue"] == queue && run["answer"]["status"] == "Pass")
    }

    /// Ids of the runs that `who` may see, newest first.
    pub fn ids_of(&self, who: &Principal) -> Vec<String> {
        self.ids(|owner| owner == who.name || who.may(Scope::Admin))
    }

    /// Runs that have not ended.
    pub fn open(&self) -> Open {
        let now = self.clock.now();
        let mut open = Open::default();
        for run in self.book().values() {
            match *run.standing.borrow() {
                Standing::Running => open.running += 1,
                Standing::Queued => open.queued += 1,
                Standing::Ended(_) => continue,
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

    /// The file of a run whose record is there and cannot be read.
    pub fn damaged(&self, id: &str) -> Option<PathBuf> {
        self.store.damaged(id)
    }

    /// Lets open runs end, at most for `patience`; then tells them to.
    pub async fn settle(&self, patience: Duration) {
        let open: Vec<_> = self.book().values().filter(|run| !run.has_ended()).cloned().collect();
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

    fn record(&self, run: &Run) {
        if let Err(error) = self.store.put(&run.id, &run.json()) {
            tracing::warn!(%error, run = run.id, "the run could not be recorded on this machine");
        }
    }

    fn end(&self, run: &Run, reply: Reply) {
        let address = format!("oar://runs/{}/log", run.id);
        let mut reply = reply.with("run_id", json!(run.id)).linking(&address, "log of this run");
        if let Some(confirmed) = &run.confirmed {
            reply = reply.with("confirmation", json!(confirmed));
        }
        // Set once: a run ends once.
        let _ = run.ended_at.set(stamp(self.clock.now()));
        let ended = Standing::Ended(reply.fitting(|_| address.clone()));
        // On record before anybody is answered: an answer that is not on record could be lost with us.
        let mut record = run.json();
        if let Standing::Ended(reply) = &ended {
            record["state"] = json!("ended");
            record["answer"] = Value::Object(reply.body.clone());
        }
        if let Err(error) = self.store.put(&run.id, &record) {
            tracing::warn!(%error, run = run.id, "the end of the run could not be recorded on this machine");
        }
        run.standing.send_replace(ended);
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn carry_out(runs: Arc<Runs>, run: Arc<Run>, turn: Option<CancellationToken>, log: Option<OpenLog>, work: Work) {
    let _released = run.released.clone().drop_guard();
    let its_turn = async || {
        if let Some(turn) = &turn {
            turn.cancelled().await;
        }
    };
    let begins = async {
        its_turn().await;
        // Asked for only now: whoever waits for its release must not keep others from working. Nobody closes it.
        Arc::clone(&runs.slots).acquire_owned().await.ok()
    };
    let _slot = tokio::select! {
        slot = begins => slot,
        () = run.cancel.cancelled() => {
            let what = "the run was cancelled before it began; nothing was done";
            runs.end(&run, Reply::error(Code::Cancelled, what, "call it again"));
            drop(log);
            // Those behind this one wait for the same run.
            its_turn().await;
            return;
        }
    };
    // Set once: a run begins once.
    let _ = run.began_at.set(stamp(runs.clock.now()));
    run.standing.send_replace(Standing::Running);
    runs.record(&run);
    let (id, cancel) = (run.id.clone(), run.cancel.clone());
    let (longest, grace) = (runs.limit(run.tool), runs.limits.grace);
    let (tool, queue) = (run.tool, run.queue.clone());
    let ended = runs.worker.run(move || {
        let span = tracing::info_span!("run", run_id = id);
        async move {
            tracing::debug!("{tool} of {queue} begins");
            let reply = within(longest, grace, cancel, work).await;
            let summary = reply.body.get("summary").and_then(Value::as_str).unwrap_or_default();
            tracing::debug!("{tool} of {queue} ended: {summary}");
            reply
        }
        .instrument(span)
        .boxed_local()
    });
    let reply = ended.await.unwrap_or_else(|lost| match lost {
        Lost::Closed => Reply::error(Code::Cancelled, lost.to_string(), "call it again"),
        Lost::Panicked => {
            let hint = "look at the status of the release before you call it again, and report this as a bug";
            Reply::error(Code::Internal, "the run ended by a mistake of ours", hint)
        }
    });
    drop(log);
    runs.end(&run, reply);
    runs.store.tidy(runs.limits.keep, runs.limits.days, runs.clock.now());
}

/// Work is asked to end, never torn off: it ends at its next safe point and records what it did. Only work
/// that does not listen is left behind.
async fn within(longest: Duration, grace: Duration, cancel: CancellationToken, work: Work) -> Reply {
    let mut work = work(cancel.clone());
    let ends = async {
        tokio::select! {
            reply = &mut work => Some(reply),
            () = cancel.cancelled() => None,
        }
    };
    let out_of_time = match tokio::time::timeout(longest, ends).await {
        Ok(Some(reply)) => return reply,
        Ok(None) => false,
        Err(_) => true,
    };
    cancel.cancel();
    let seconds = longest.as_secs();
    let hint = "look at the status of the release, then call it again: it goes on where it is";
    match tokio::time::timeout(grace, work).await {
        Ok(reply) if out_of_time && reply.code() == Some("CANCELLED") => {
            let done = reply.body.get("done").cloned();
            let reported = Reply::error(Code::Timeout, format!("the run was ended after its {seconds} s"), hint);
            match done {
                Some(done) => reported.with("changed", json!(true)).with("done", done),
                None => reported,
            }
        }
        Ok(reply) => reply,
        Err(_) if out_of_time => {
            let what = format!("the run was ended after its {seconds} s and may have done a part");
            perhaps(Reply::error(Code::Timeout, what, hint))
        }
        Err(_) => perhaps(Reply::error(Code::Cancelled, "the run was cancelled and may have done a part", hint)),
    }
}

/// Nobody saw what the work did last, so nobody may count on nothing having changed.
fn perhaps(reply: Reply) -> Reply {
    reply.with("changed", json!(true)).with("done", json!(["perhaps a part: nobody waited for its last answer"]))
}

/// Lets the conversation of a session go on beside its stream; it ends with the session's token.
pub fn accompany(conversation: impl Future<Output = ()> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "it lives as long as its stream, which ends its token")]
    tokio::spawn(conversation);
}

#[cfg(test)]
mod tests;
