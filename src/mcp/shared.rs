//! What all calls of one server share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::confirmations::Confirmations;
use super::rechecks::Rechecks;
use super::session_count::SessionCount;
use crate::core::access::audit::{Audit, AuditEntry};
use crate::core::access::pace::Pace;
use crate::core::config::mcp::AuditedCalls;
use crate::core::context::Context;
use crate::domain::credential::Credential;
use crate::operators::views::build_data::BuildDataCache;
use crate::runs::approval_store::ApprovalStore;
use crate::runs::executor::{Executor, RunLimits};
use crate::runs::worker::Worker;

/// Calls and runs that have not ended, whoever waits for them.
#[derive(Debug, Default)]
pub struct InFlight(AtomicUsize);

impl InFlight {
    /// One more.
    pub fn began(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn ended(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What all calls share.
#[derive(Debug)]
pub struct ServerState {
    /// Surroundings without an actor of their own.
    pub ctx: Context,
    /// Runs of this process.
    pub runs: Arc<Executor>,
    /// What people confirm.
    pub confirm: Confirmations,
    /// Where calls are carried out.
    pub worker: Worker,
    /// Hosts whose pasted addresses are understood.
    pub hosts: Vec<String>,
    /// Where every call is kept.
    pub audit: Audit,
    /// Changes that a caller may ask for in a minute.
    pub pace: Pace,
    /// Looks that a caller may ask for in a minute.
    pub looks: Pace,
    /// Calls and runs that have not ended.
    pub in_flight: InFlight,
    /// Sessions of clients.
    pub sessions_open: SessionCount,
    /// Ends sessions and their streams; later than `ctx.cancel`, so that answers still go out.
    pub sessions: CancellationToken,
    /// The state store's credential, when it is missing and the server runs all the same.
    pub locked: Option<Credential>,
    /// What build data says, kept in memory.
    pub store: BuildDataCache,
    /// When tasks asked to be looked at again.
    pub rechecks: Rechecks,
    /// Answers that were too large for one message.
    pub answers: Answers,
}

impl ServerState {
    /// What calls share over `ctx`; `at_once` changes are carried out at a time.
    ///
    /// # Errors
    ///
    /// The system gives no thread, or no random numbers.
    pub fn new(ctx: Context, at_once: usize) -> std::io::Result<Self> {
        let worker = Worker::open()?;
        let settings = &ctx.settings.runs;
        let limits = RunLimits { at_once, ..settings.into() };
        let runs = Executor::new(&ctx.home, limits, ctx.clock.clone(), worker.clone(), ctx.cancel.clone());
        let confirm = Confirmations::new(ApprovalStore::below(&ctx.home), settings.approvals_url.clone())?;
        let hosts = ctx.settings.services.hosts();
        let mcp = &ctx.settings.mcp;
        let audit = Audit::below(&ctx.home, ctx.clock.clone(), mcp.audit == AuditedCalls::All);
        let log = audit.clone();
        confirm.approvals.heard_by(Arc::new(move |noted| {
            log.record_first(AuditEntry {
                who: noted.who.to_owned(),
                tool: noted.tool.to_owned(),
                release: Some(noted.subject.to_owned()),
                confirmation: Some(json!({ "what": noted.what, "text": noted.text })),
                outcome: noted.what.to_ascii_uppercase(),
                ..AuditEntry::default()
            })
        }));
        let (pace, looks) = (Pace::new(mcp.writes_per_minute), Pace::new(mcp.looks_per_minute));
        let locked = ctx.missing_for_all().into_iter().find(|missing| *missing == Credential::GithubToken);
        let runs = Arc::new(runs);
        let in_flight = InFlight::default();
        let (store, answers) = (BuildDataCache::new(ctx.clock.clone()), Answers::new()?);
        let rechecks = Rechecks::default();
        Ok(Self {
            ctx,
            runs,
            confirm,
            worker,
            hosts,
            audit,
            pace,
            looks,
            in_flight,
            sessions_open: SessionCount::default(),
            sessions: CancellationToken::new(),
            locked,
            store,
            rechecks,
            answers,
        })
    }
}
