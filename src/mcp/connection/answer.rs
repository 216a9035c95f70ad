//! From a call that makes sense to its reply: may the caller, may anybody now, what does it do, who is asked.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use rmcp::model::{CallToolRequestParams, InputRequiredResult};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;

use super::ClientConnection;
use crate::core::access::principal::Principal;
use crate::mcp::arguments::Arguments;
use crate::mcp::audit_line::AuditLine;
use crate::mcp::call::ToolCall;
use crate::mcp::catalog;
use crate::mcp::confirm::{self, Confirmed, Matter, Settled};
use crate::mcp::progress::wait_for;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::run_document;
use crate::mcp::runners;
use crate::mcp::tool::{Handler, Tool, ToolChange};
use crate::runs::executor::NotTaken;
use crate::runs::run::{Order, TrackedRun};
use crate::runs::worker::WorkerError;

/// A look ends after so long; services have their own, shorter limits.
const LONGEST_LOOK: Duration = Duration::from_secs(120);

impl ClientConnection {
    pub(super) async fn answer(
        &self,
        tool: &'static Tool,
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
        line: &Arc<AuditLine>,
    ) -> Result<Reply, InputRequiredResult> {
        let who = self.caller(context);
        if !who.may(tool.scope) {
            let hint = format!("ask for a token with scope {}", tool.scope);
            return Ok(Reply::error(Code::Denied, format!("{} may not call {}", who.name, tool.name), hint));
        }
        let nothing = Map::new();
        let given = request.arguments.as_ref().unwrap_or(&nothing);
        let arguments = match Arguments::read(tool.params, given, &self.shared.hosts) {
            Ok(arguments) => arguments,
            Err(error) => return Ok(Reply::bad_argument(&error)),
        };
        if let Some(refused) = self.held_back(tool) {
            return Ok(refused);
        }
        if let Handler::Known(known, _) = tool.work
            && let Some(reply) = known(&self.shared, &arguments)
        {
            return Ok(reply);
        }
        if let Some(refused) = self.too_fast(tool, &who) {
            return Ok(refused);
        }
        let call =
            ToolCall::new(Arc::clone(&self.shared), who, arguments, context.ct.child_token(), catalog::params_of);
        line.about(&call);
        // A simulator moves its time between calls, and questions and pauses count by it.
        call.ctx.clock.refresh(&call.ctx.cancel).await;
        let change = match tool.work {
            Handler::Look(look) | Handler::Known(_, look) => {
                // It is carried out like a look, but ends a run or empties something.
                if !tool.hints.read_only
                    && let Err(cause) = line.begins(None)
                {
                    return Ok(unaudited(&cause));
                }
                return Ok(self.look(call, look).await);
            }
            Handler::CommandHelp => return Ok(runners::help_of(&call)),
            Handler::Change(change) => change(&call),
            Handler::CommandLine(cli) => runners::run(&call, cli),
        };
        match change {
            Ok(change) => {
                let change = confirm::by_policy(tool, &call, change);
                self.change(tool, &call, change, (request, context), line).await
            }
            Err(refused) => Ok(refused),
        }
    }

    /// Why nobody may call this now, although the caller might.
    fn held_back(&self, tool: &Tool) -> Option<Reply> {
        if let Some(missing) = self.shared.locked.filter(|_| tool.hints.open_world) {
            let what = format!("{missing} is missing: {}", missing.purpose());
            let hint = format!("{}, set {missing} where the server runs and start it again", missing.how_to_get());
            return Some(Reply::error(Code::Precondition, what, hint));
        }
        None
    }

    /// Does the caller ask for more than one may in a minute? What is answered from memory is not counted.
    fn too_fast(&self, tool: &Tool, who: &Principal) -> Option<Reply> {
        let settings = &self.shared.ctx.settings.mcp;
        let (pace, most, what) = match tool.changes() {
            true => (&self.shared.pace, settings.writes_per_minute, "changes"),
            false => (&self.shared.looks, settings.looks_per_minute, "looks"),
        };
        let wait = pace.take(&who.name).err()?;
        let seconds = wait.as_secs() + 1;
        let what = format!("{} asked for more than {most} {what} within a minute", who.name);
        let next = json!({ "not_before_seconds": seconds, "text": format!("call it again in {seconds} s") });
        let refused = Reply::error(Code::Conflict, what, format!("call it again in {seconds} s"));
        Some(refused.with("next", next))
    }

    async fn look(&self, call: ToolCall, look: fn(ToolCall) -> LocalBoxFuture<'static, Reply>) -> Reply {
        let looked = self.shared.worker.run(move || {
            async move {
                let ended = call.ctx.cancel.clone();
                tokio::select! {
                    ended = tokio::time::timeout(LONGEST_LOOK, look(call)) => ended.unwrap_or_else(|_| {
                        Reply::error(Code::Timeout, "the look took too long", "call it again in a minute")
                    }),
                    () = ended.cancelled() => cancelled_look(),
                }
            }
            .boxed_local()
        });
        looked.await.unwrap_or_else(|error| match error {
            WorkerError::Closed => cancelled_look(),
            WorkerError::Panicked => Reply::error(Code::Internal, error.to_string(), "report it as a bug"),
        })
    }

    /// Asks whom it has to ask, then lets the change run.
    async fn change(
        &self,
        tool: &'static Tool,
        call: &ToolCall,
        change: ToolChange,
        (request, context): (&CallToolRequestParams, &RequestContext<RoleServer>),
        line: &Arc<AuditLine>,
    ) -> Result<Reply, InputRequiredResult> {
        let ToolChange { queue, asks, policy_of, work } = change;
        let arguments = call.arguments.canonical();
        let key = format!("{} {} {arguments}", call.who.name, tool.name);
        // What was confirmed and runs need not be confirmed again to hear of it.
        if let Some(run) = self.shared.runs.joinable(&key) {
            line.ran(&run.id);
            return Ok(self.wait_for(&run, context).await);
        }
        let policy_of = policy_of.unwrap_or(tool.name);
        let permit = match &asks {
            None => Confirmed::default(),
            Some(asks) => {
                let matter = Matter { tool, call, asks, subject: &queue.to_string(), policy_of };
                match confirm::settle(&self.shared, matter, request, context).await {
                    Settled::Go(permit) => permit,
                    Settled::Ask(question) => return Err(question),
                    Settled::No(refused) => return Ok(refused),
                }
            }
        };
        let (ctx, who) = (call.ctx.clone(), call.who.clone());
        let confirmed = permit.consent.clone();
        let audited = Arc::clone(line);
        let masker = ctx.masker().clone();
        let arguments = masker.hide(&arguments).into_owned();
        let work = Box::new(move |cancel: CancellationToken| {
            let (mut actor, options) = (ctx.actor.clone(), ctx.options);
            if let Some(consent) = &permit.consent {
                actor = format!("{actor}, confirmed by {}", consent.who);
            }
            let ctx = ctx.acting_for(actor, cancel, options);
            async move {
                // It may have waited for its turn.
                ctx.clock.refresh(&ctx.cancel).await;
                let reply = match confirm::still(permit, asks, ctx.clone()).await {
                    Ok(()) => work(ctx).await,
                    Err(refused) => refused,
                };
                let reply = reply.hiding(&masker);
                audited.ended(&reply);
                drop(audited);
                run_document::answer(reply)
            }
            .boxed_local()
        });
        let document = run_document::of;
        let first = Arc::clone(line);
        let begins = Box::new(move |run: &str| first.begins(Some(run)));
        let order = Order { tool: tool.name, key, queue, who, arguments, confirmed, begins, work, document };
        Ok(match self.shared.runs.submit(order) {
            Ok(run) => {
                line.ran(&run.id);
                self.wait_for(&run, context).await
            }
            Err(NotTaken::NoId(cause)) => {
                Reply::error(Code::Internal, format!("the run could not begin: {cause}"), "call it again in a minute")
            }
            Err(NotTaken::Unrecorded(cause)) => unaudited(&cause),
            Err(NotTaken::QueueFull(head)) => {
                let what = format!("too many changes of {} wait already; {} runs", head.queue, head.id);
                let hint = format!("call oar_get_run with {} and come back when it ended", head.id);
                Reply::error(Code::Conflict, what, hint).with("run_id", json!(head.id))
            }
        })
    }

    async fn wait_for(&self, run: &TrackedRun, context: &RequestContext<RoleServer>) -> Reply {
        wait_for(run, self.shared.ctx.settings.runs.progress, context).await
    }
}

/// No change without its line.
fn unaudited(cause: &std::io::Error) -> Reply {
    let what = format!("the audit log of this server cannot be written, and nothing is changed without it: {cause}");
    let hint =
        "nothing was done; whoever runs this server frees space for the log, /readyz tells when it is good again";
    Reply::error(Code::Precondition, what, hint)
}

fn cancelled_look() -> Reply {
    Reply::error(Code::Cancelled, "the look was cancelled", "call it again")
}
