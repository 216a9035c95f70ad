//! The line of the audit log that a call leaves.
//!
//! It is shared by the call and the run it starts, and written when the last of them lets go: so also a run
//! whose caller left has its end in the log, and a call that broke off has a line at all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::call::Call;
use super::reply::Reply;
use super::shared::Shared;
use super::tool::Tool;
use crate::core::access::audit::{Audit, Entry, OK, digest_of};
use crate::core::access::principal::Principal;
use crate::core::statebox::cas::StateBox;
use crate::domain::release::ZStream;

/// The outcome of a call whose end nobody saw; its run's file tells more.
const UNFINISHED: &str = "UNFINISHED";

/// The outcome of a call that put a question to a person.
const ASKED: &str = "CONFIRMATION_REQUIRED";

/// One line, not yet written.
#[derive(Debug)]
pub struct Line {
    shared: Arc<Shared>,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    entry: Entry,
    store: Option<StateBox>,
}

/// Calls and runs that have not ended, whoever waits for them.
#[derive(Debug, Default)]
pub struct InFlight(AtomicUsize);

impl InFlight {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Line {
    /// The line of a call by `who` with the client program `client`.
    pub fn open(
        shared: &Arc<Shared>,
        who: &Principal,
        transport: &str,
        client: String,
        tool: &Tool,
        given: &Map<String, Value>,
    ) -> Arc<Self> {
        let entry = Entry {
            who: who.name.clone(),
            client,
            transport: transport.to_owned(),
            tool: tool.name.to_owned(),
            arguments: Some(digest_of(given)),
            outcome: UNFINISHED.to_owned(),
            is_change: tool.changes(),
            ..Entry::default()
        };
        shared.in_flight.0.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { shared: Arc::clone(shared), written: Mutex::new(Written { entry, store: None }) })
    }

    /// The arguments made sense: what they are about, and where its state is.
    pub fn about(&self, call: &Call) {
        let mut written = self.written();
        written.entry.release = call.arguments.release().map(ToString::to_string);
        written.store = Some(call.ctx.statebox.clone());
    }

    /// It became this run.
    pub fn ran(&self, run: &str) {
        self.written().entry.run_id = Some(run.to_owned());
    }

    /// How it ended; the first end counts.
    pub fn ended(&self, reply: &Reply) {
        let mut written = self.written();
        let entry = &mut written.entry;
        if entry.outcome != UNFINISHED {
            return;
        }
        let code = reply.body.get("error").and_then(|error| error.get("code")).and_then(Value::as_str);
        entry.outcome = code.unwrap_or(OK).to_owned();
        entry.confirmation = reply.body.get("confirmation").cloned();
        if let Some(run) = reply.body.get("run_id").and_then(Value::as_str) {
            entry.run_id = Some(run.to_owned());
        }
    }

    /// A person is asked; the caller comes back with the answer, and that is another line.
    pub fn asked(&self) {
        self.written().entry.outcome = ASKED.to_owned();
    }

    /// What its caller was reported; says nothing of a run that goes on without its caller.
    pub fn reported(&self, reply: &Reply, caller_left: bool) {
        let goes_on = caller_left && self.written().entry.run_id.is_some();
        if !goes_on {
            self.ended(reply);
        }
    }

    fn written(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut written = self.written();
        let mut entry = std::mem::take(&mut written.entry);
        if entry.is_change
            && let Some(store) = &written.store
        {
            let seen = store.seen();
            (entry.before, entry.after) = (seen.before.map(|seen| seen.0), seen.after.map(|seen| seen.0));
        }
        drop(written);
        let audit: &Audit = &self.shared.audit;
        audit.record(entry);
        self.shared.in_flight.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lines for runs that an earlier process began and never reported the end of.
pub fn unfinished(shared: &Shared) {
    for run in shared.runs.take_interrupted() {
        let text = |name: &str| run.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        shared.audit.record(Entry {
            who: text("owner"),
            tool: text("tool"),
            release: text("queue").parse::<ZStream>().ok().map(|release| release.to_string()),
            run_id: Some(text("run_id")),
            outcome: UNFINISHED.to_owned(),
            is_change: true,
            ..Entry::default()
        });
    }
}
