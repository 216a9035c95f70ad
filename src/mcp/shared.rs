//! The server: what all its connections share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::ToolAnnotations;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::audit_line::InFlight;
use super::catalog::{self, Choice};
use super::confirm::Confirmations;
use super::rechecks::Rechecks;
use super::resources::Answers;
use super::session_count::SessionCount;
use super::tool::{Tool, output_schema};
use crate::core::access::audit::{Audit, Entry};
use crate::core::access::pace::Pace;
use crate::core::clients::build_data::cache::BuildDataCache;
use crate::core::config::mcp::AuditedCalls;
use crate::core::context::Context;
use crate::domain::credential::Credential;
use crate::runs::consents::Approvals;
use crate::runs::executor::{Limits, Runs};
use crate::runs::worker::Worker;

/// Choices whose list of tools is kept.
const MOST_LISTS: usize = 64;

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    /// Surroundings without an actor of their own.
    pub ctx: Context,
    /// What this server offers.
    pub choice: Choice,
    /// Runs of this process.
    pub runs: Arc<Runs>,
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
    lists: Mutex<HashMap<Choice, Vec<rmcp::model::Tool>>>,
}

impl Shared {
    /// A server over `ctx` that offers `choice` and carries out `at_once` changes at a time.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn new(ctx: Context, choice: Choice, at_once: usize) -> std::io::Result<Self> {
        let worker = Worker::open()?;
        let settings = &ctx.settings.runs;
        let limits = Limits { at_once, ..settings.into() };
        let runs = Runs::new(&ctx.home, limits, ctx.clock.clone(), worker.clone(), ctx.cancel.clone());
        let confirm = Confirmations::new(Approvals::below(&ctx.home), settings.approvals_url.clone())?;
        let hosts = ctx.settings.services.hosts();
        let mcp = &ctx.settings.mcp;
        let audit = Audit::below(&ctx.home, ctx.clock.clone(), mcp.audit == AuditedCalls::All);
        let log = audit.clone();
        confirm.approvals.witnessed_by(Arc::new(move |noted| {
            log.record(Entry {
                who: noted.who.to_owned(),
                tool: noted.tool.to_owned(),
                release: Some(noted.queue.to_owned()),
                confirmation: Some(json!({ "what": noted.what, "text": noted.text })),
                outcome: noted.what.to_ascii_uppercase(),
                ..Entry::default()
            });
        }));
        let pace = Pace::new(mcp.writes_per_minute);
        let locked = ctx.missing_for_all().into_iter().find(|missing| *missing == Credential::GithubToken);
        let runs = Arc::new(runs);
        let in_flight = InFlight::default();
        let (store, answers) = (BuildDataCache::new(ctx.clock.clone()), Answers::default());
        let (rechecks, lists) = (Rechecks::default(), Mutex::default());
        Ok(Self {
            ctx,
            choice,
            runs,
            confirm,
            worker,
            hosts,
            audit,
            pace,
            in_flight,
            sessions_open: SessionCount::default(),
            sessions: CancellationToken::new(),
            locked,
            store,
            rechecks,
            answers,
            lists,
        })
    }

    /// The tools of `choice` as the protocol shows them; made once for each choice.
    pub(super) fn list(&self, choice: &Choice) -> Vec<rmcp::model::Tool> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.get(choice) {
            return list.clone();
        }
        let list: Vec<_> = catalog::all().filter(|tool| choice.offers(tool)).map(shown).collect();
        // Headers make choices: whoever invents many gets a slower answer, not our memory.
        if lists.len() >= MOST_LISTS {
            lists.clear();
        }
        lists.insert(choice.clone(), list.clone());
        list
    }
}

/// A tool as the protocol shows it.
fn shown(tool: &Tool) -> rmcp::model::Tool {
    let hints = tool.hints;
    let annotations = ToolAnnotations::from_raw(
        Some(tool.title.to_owned()),
        Some(hints.read_only),
        Some(hints.destructive),
        Some(hints.idempotent),
        Some(hints.open_world),
    );
    rmcp::model::Tool::new(tool.name, tool.description(), Arc::new(tool.input_schema()))
        .with_title(tool.title)
        .with_raw_output_schema(Arc::new(output_schema()))
        .with_annotations(annotations)
}
