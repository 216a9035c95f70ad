//! The line of the audit log that a call leaves.
//!
//! It is shared by the call and the run it starts, and written when the last of them lets go: so also a run
//! whose caller left has its end in the log, and a call that broke off has a line at all. A change has another one
//! before it begins; without that it does not.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::call::ToolCall;
use super::reply::{Code, Reply};
use super::shared::ServerState;
use super::tool::Tool;
use crate::core::access::audit::changes;
use crate::core::access::audit::{Audit, AuditEntry, BEGAN, OK, digest_of};
use crate::core::access::principal::Principal;
use crate::core::statebox::state_box::StateBox;
use crate::domain::release::ZStream;

/// The outcome of a call whose end nobody saw; its run's file tells more.
const UNFINISHED: &str = "UNFINISHED";

/// The outcome of a call that put a question to a person.
const ASKED: &str = "CONFIRMATION_REQUIRED";

/// One line, not yet written.
#[derive(Debug)]
pub struct AuditLine {
    shared: Arc<ServerState>,
    draft: Mutex<LineDraft>,
}

#[derive(Debug)]
struct LineDraft {
    entry: AuditEntry,
    store: Option<StateBox>,
}

impl AuditLine {
    /// The line of a call by `who` with the client program `client`.
    pub fn open(
        shared: &Arc<ServerState>,
        who: &Principal,
        transport: &str,
        client: String,
        tool: &Tool,
        given: &Map<String, Value>,
    ) -> Arc<Self> {
        let entry = AuditEntry {
            who: who.name.clone(),
            client,
            transport: transport.to_owned(),
            tool: tool.name.to_owned(),
            arguments: Some(digest_of(given)),
            outcome: UNFINISHED.to_owned(),
            is_change: tool.changes(),
            ..AuditEntry::default()
        };
        shared.in_flight.began();
        Arc::new(Self { shared: Arc::clone(shared), draft: Mutex::new(LineDraft { entry, store: None }) })
    }

    /// The arguments made sense: what they are about, and where its state is.
    pub fn about(&self, call: &ToolCall) {
        let mut draft = self.draft();
        draft.entry.release = call.arguments.release().map(ToString::to_string);
        draft.store = Some(call.ctx.statebox.clone());
    }

    /// It begins to change something, as the run `run` when it is one.
    ///
    /// # Errors
    ///
    /// The log cannot be written: nothing may be changed.
    pub fn begins(&self, run: Option<&str>) -> io::Result<()> {
        let mut entry = self.draft().entry.clone();
        entry.run_id = run.map(str::to_owned);
        entry.outcome = BEGAN.to_owned();
        self.shared.audit.record_first(entry)
    }

    /// It became this run.
    pub fn ran(&self, run: &str) {
        self.draft().entry.run_id = Some(run.to_owned());
    }

    /// How it ended; the first end counts.
    pub fn ended(&self, reply: &Reply) {
        let mut draft = self.draft();
        let entry = &mut draft.entry;
        if entry.outcome != UNFINISHED {
            return;
        }
        entry.outcome = reply.code.map_or_else(|| OK.to_owned(), Code::spelled);
        entry.confirmation = reply.body.get("confirmation").cloned();
        if let Some(run) = reply.body.get("run_id").and_then(Value::as_str) {
            entry.run_id = Some(run.to_owned());
        }
    }

    /// A person is asked; the caller comes back with the answer, and that is another line.
    pub fn asked(&self) {
        self.draft().entry.outcome = ASKED.to_owned();
    }

    /// What its caller got; says nothing of a run that goes on without its caller.
    pub fn answered(&self, reply: &Reply, caller_left: bool) {
        let goes_on = caller_left && self.draft().entry.run_id.is_some();
        if !goes_on {
            self.ended(reply);
        }
    }

    fn draft(&self) -> std::sync::MutexGuard<'_, LineDraft> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AuditLine {
    fn drop(&mut self) {
        let mut draft = self.draft();
        let mut entry = std::mem::take(&mut draft.entry);
        if entry.is_change
            && let Some(store) = &draft.store
        {
            let seen = store.seen();
            (entry.before, entry.after) = (seen.before.map(|seen| seen.0), seen.after.map(|seen| seen.0));
        }
        drop(draft);
        let audit: &Audit = &self.shared.audit;
        audit.record(entry);
        self.shared.in_flight.ended();
    }
}

/// Lines for runs that an earlier process began and never recorded the end of, and for ends that never came into the
/// log.
pub fn unfinished(shared: &ServerState) {
    let open = changes::read(shared.audit.path()).map(|logged| logged.open).unwrap_or_default();
    let interrupted = shared.runs.take_interrupted();
    let lost = open.into_keys().filter(|run| interrupted.iter().all(|one| one.run_id != *run));
    let lost: Vec<_> = lost.filter(|run| !shared.runs.is_alive(run)).collect();
    for run in interrupted.into_iter().chain(lost.iter().filter_map(|run| shared.runs.known(run))) {
        shared.audit.record(AuditEntry {
            release: run.queue.parse::<ZStream>().ok().map(|release| release.to_string()),
            who: run.owner,
            tool: run.tool,
            run_id: Some(run.run_id),
            outcome: UNFINISHED.to_owned(),
            is_change: true,
            ..AuditEntry::default()
        });
    }
}
