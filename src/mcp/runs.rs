//! Runs: what changes something lives here until it is recorded, whoever stops listening.
//!
//! One of the two places that spawn. Changes of one queue (a release, a unit of jobs) run one after the
//! other; an equal call joins the one that runs. Every run leaves a file below `OAR_HOME/runs`, from its
//! beginning on, so that a run which a crash ended is found again.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::reply::{Code, Reply};
use super::workshop::Workshop;
use crate::core::access::principal::{Principal, Scope};
use crate::core::clock::Clock;
use crate::domain::dates::stamp;

/// Changes that may wait in one queue; the next caller is told to come back.
pub const MOST_WAITING: usize = 8;

/// A run ends after so long, unless its tool says otherwise.
pub const LONGEST: Duration = Duration::from_secs(600);

/// Ended runs that stay in memory.
const MOST_KEPT: usize = 500;

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
    standing: watch::Sender<Standing>,
}

impl Run {
    /// How it stands now.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
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

    /// As tools show it.
    pub fn json(&self) -> Value {
        let standing = self.standing();
        let (state, answer) = match &standing {
            Standing::Queued => ("queued", Value::Null),
            Standing::Running => ("running", Value::Null),
            Standing::Ended(reply) => ("ended", Value::Object(reply.body.clone())),
        };
        json!({
            "run_id": self.id, "tool": self.tool, "queue": self.queue, "owner": self.owner,
            "asked_at": self.asked_at, "state": state, "answer": answer,
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
    /// What it does, given the token that cancels it.
    pub work: Box<dyn FnOnce(CancellationToken) -> LocalBoxFuture<'static, Reply> + Send>,
}

/// All runs of this process.
#[derive(Debug)]
pub struct Runs {
    book: Mutex<Book>,
    folder: PathBuf,
    clock: Clock,
    workshop: Workshop,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Book {
    runs: indexmap::IndexMap<String, Arc<Run>>,
    turns: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
}

impl Runs {
    /// Runs that are recorded below `home` and end with `stop`.
    pub fn new(home: &Path, clock: Clock, workshop: Workshop, stop: CancellationToken) -> Self {
        Self { book: Mutex::default(), folder: home.join("runs"), clock, workshop, stop }
    }

    /// Starts `order`, or joins the equal run that has not ended.
    ///
    /// # Errors
    ///
    /// Too many wait already: the run at the head of the queue.
    pub fn submit(self: &Arc<Self>, order: Order) -> Result<Arc<Run>, Arc<Run>> {
        let mut book = self.book();
        let open = |run: &&Arc<Run>| !matches!(run.standing(), Standing::Ended(_));
        if let Some(equal) = book.runs.values().filter(open).find(|run| run.key == order.key) {
            return Ok(Arc::clone(equal));
        }
        let before: Vec<_> = book.runs.values().filter(open).filter(|run| run.queue == order.queue).cloned().collect();
        if let Some(head) = before.first().filter(|_| before.len() > MOST_WAITING) {
            return Err(Arc::clone(head));
        }
        let turn = Arc::clone(book.turns.entry(order.queue.clone()).or_default());
        let run = Arc::new(Run {
            id: format!("{:011x}{:08x}", self.clock.now().as_millisecond(), fastrand::u32(..)),
            tool: order.tool,
            queue: order.queue,
            owner: order.who.name,
            asked_at: stamp(self.clock.now()),
            cancel: self.stop.child_token(),
            key: order.key,
            standing: watch::Sender::new(Standing::Queued),
        });
        book.runs.insert(run.id.clone(), Arc::clone(&run));
        while book.runs.len() > MOST_KEPT {
            let oldest = book.runs.values().position(|run| matches!(run.standing(), Standing::Ended(_)));
            let Some(oldest) = oldest else { break };
            book.runs.shift_remove_index(oldest);
        }
        drop(book);
        self.record(&run);
        tokio::spawn(carry_out(Arc::clone(self), Arc::clone(&run), turn, order.work));
        Ok(run)
    }

    /// The run of an id, when this process knows it.
    pub fn get(&self, id: &str) -> Option<Arc<Run>> {
        self.book().runs.get(id).cloned()
    }

    /// Ids of the runs that `who` may see, newest first.
    pub fn ids_of(&self, who: &Principal) -> Vec<String> {
        let book = self.book();
        let runs = book.runs.values().rev();
        runs.filter(|run| run.owner == who.name || who.may(Scope::Admin)).map(|run| run.id.clone()).collect()
    }

    /// Runs that have not ended: running and waiting ones.
    pub fn open(&self) -> (usize, usize) {
        self.book().runs.values().fold((0, 0), |(running, queued), run| match run.standing() {
            Standing::Running => (running + 1, queued),
            Standing::Queued => (running, queued + 1),
            Standing::Ended(_) => (running, queued),
        })
    }

    fn record(&self, run: &Run) {
        let write = || {
            std::fs::create_dir_all(&self.folder)?;
            let file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer(&file, &run.json())?;
            file.persist(self.folder.join(format!("{}.json", run.id))).map_err(|error| error.error)?;
            Ok::<_, std::io::Error>(())
        };
        if let Err(error) = write() {
            tracing::warn!(%error, run = run.id, "the run could not be recorded on this machine");
        }
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn carry_out(
    runs: Arc<Runs>,
    run: Arc<Run>,
    turn: Arc<tokio::sync::Mutex<()>>,
    work: Box<dyn FnOnce(CancellationToken) -> LocalBoxFuture<'static, Reply> + Send>,
) {
    let _turn = turn.lock().await;
    run.standing.send_replace(Standing::Running);
    let cancelled = || Reply::error(Code::Cancelled, "the run was cancelled before it began", "call it again");
    let reply = if run.cancel.is_cancelled() {
        cancelled()
    } else {
        let cancel = run.cancel.clone();
        let made = move || async move {
            let timed = tokio::time::timeout(LONGEST, work(cancel));
            match AssertUnwindSafe(timed).catch_unwind().await {
                Ok(Ok(reply)) => reply,
                Ok(Err(_)) => {
                    let hint = "look at the status, then call again";
                    Reply::error(Code::Timeout, "the run took too long and was ended", hint)
                }
                Err(_) => Reply::error(Code::Internal, "the run ended by a mistake of ours", "report it as a bug"),
            }
        };
        let ended = runs.workshop.run(move || made().boxed_local()).await;
        ended.unwrap_or_else(|closed| Reply::error(Code::Cancelled, closed.to_string(), "call it again"))
    };
    run.standing.send_replace(Standing::Ended(reply.with("run_id", json!(run.id))));
    runs.record(&run);
}

/// Lets the conversation of a session go on beside its stream; it ends with the session's token.
pub(super) fn accompany(conversation: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(conversation);
}
