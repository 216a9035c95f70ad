//! What a person has to confirm, and how the answer comes back.
//!
//! Nothing is locked while somebody thinks; what was confirmed are the facts in the plan, and they are looked up
//! again when the turn of the call comes.

mod ask;
pub mod form;
pub mod questions;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use rmcp::model::{CallToolRequestParams, InputRequiredResult};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::arguments::Arguments;
use super::call::ToolCall;
use super::confirmations::Confirmations;
use super::reply::{Code, Reply};
use super::shared::ServerState;
use super::tool::{Asks, ConfirmationQuestion, Tool, ToolChange};
use crate::core::access::principal::Scope;
use crate::core::config::mcp::ConfirmPolicy;
use crate::core::context::Context;
use crate::render::text::clean;
use crate::runs::approval::{Consent, How, Proposal};
use crate::runs::approval_store::{ConsentNote, PersonsAnswer};
use ask::{AskOutcome, ConfirmationPage};
use form::NotConfirmed;

/// Looking up the facts takes at most so long.
const LONGEST_LOOK: Duration = Duration::from_secs(120);

/// What comes of asking.
pub enum Settled {
    /// The call may run.
    Go(Confirmed),
    /// The client has to ask its user and call again.
    Ask(InputRequiredResult),
    /// It may not run, or not yet.
    No(Reply),
}

/// Leave to run, and for what.
#[derive(Default)]
pub struct Confirmed {
    /// Who gave it; nobody when nothing had to be asked.
    pub consent: Option<Consent>,
    /// For what it was given.
    pub basis: Option<Basis>,
}

/// The call and the facts that leave was given for.
pub struct Basis {
    tool: &'static str,
    arguments: String,
    facts: String,
}

impl Basis {
    fn facts_of(&self, question: &ConfirmationQuestion) -> String {
        digest(&[self.tool, &self.arguments, &question.plan])
    }
}

/// A change of a tool that asks nobody by itself asks all the same when the settings say so.
pub fn by_policy(tool: &'static Tool, call: &ToolCall, change: ToolChange) -> ToolChange {
    let policy = call.shared.ctx.settings.runs.confirm.get(tool.name).copied();
    let asks_by_itself = change.asks.is_some() || change.policy_of.is_some();
    if asks_by_itself || matches!(policy, None | Some(ConfirmPolicy::Never)) {
        return change;
    }
    let plan = format!("{} of {} with {}", tool.title, change.queue, clean(&call.arguments.canonical()));
    change.asking(move |_| {
        let question = ConfirmationQuestion { plan: plan.clone(), covers: None, goes_on: false, needs_reason: false };
        async move { Ok(Some(question)) }.boxed_local()
    })
}

/// What may have to be confirmed.
pub struct Matter<'a> {
    /// The tool that is called.
    pub tool: &'static Tool,
    /// The call.
    pub call: &'a ToolCall,
    /// Finds out what would have to be confirmed.
    pub asks: &'a Asks,
    /// What would be changed.
    pub subject: &'a str,
    /// The tool whose confirmation policy counts.
    pub policy_of: &'a str,
}

/// Finds out whether `matter` has to be confirmed, and gets the confirmation.
pub async fn settle(
    shared: &ServerState,
    matter: Matter<'_>,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Settled {
    let question = match look(shared, &matter).await {
        Ok(Some(question)) => question,
        Ok(None) => return Settled::Go(Confirmed::default()),
        Err(refused) => return Settled::No(refused),
    };
    let now = shared.ctx.clock.now();
    let proposal = proposal(matter.tool, matter.call, matter.subject, &question);
    let permit = |consent: Option<Consent>| {
        let (arguments, facts) = (proposal.arguments.clone(), proposal.facts.clone());
        Settled::Go(Confirmed { consent, basis: Some(Basis { tool: matter.tool.name, arguments, facts }) })
    };
    match known(shared, &matter, &question, &proposal, now) {
        KnownAnswer::Nothing => {}
        KnownAnswer::Yes(consent) => return permit(consent),
        KnownAnswer::No(refused) => return Settled::No(refused),
    }
    let confirm = &shared.confirm;
    match ask::ask(confirm, matter.tool, &proposal, now, request, context).await {
        AskOutcome::Answered { reason } => {
            let who = format!("the user of {}", proposal.requester);
            let consent = Consent { who, how: How::Elicitation, at: now, reason };
            match confirm.approvals.keep(&proposal, &consent) {
                Ok(()) => permit(Some(consent)),
                Err(cause) => Settled::No(unstored(&cause)),
            }
        }
        AskOutcome::Refused(refusal) => {
            let why = match &refusal {
                NotConfirmed::Unanswered(why) => (*why).to_owned(),
                NotConfirmed::No(why) => why.clone(),
            };
            // Nothing is done, noted or not.
            let _ = confirm.approvals.note(&ConsentNote::of(&proposal, &proposal.requester, "refused", why.clone()));
            Settled::No(match refusal {
                NotConfirmed::Unanswered(why) => unanswered(confirm, &proposal, now, why),
                NotConfirmed::No(why) => denied(&why, None),
            })
        }
        AskOutcome::Later(question) => Settled::Ask(question),
        AskOutcome::Elsewhere(reply) => Settled::No(reply),
    }
}

/// Looks up what a person would have to confirm; nothing when it turns out to be harmless.
async fn look(shared: &ServerState, matter: &Matter<'_>) -> Result<Option<ConfirmationQuestion>, Reply> {
    let (asks, ctx) = (Arc::clone(matter.asks), matter.call.ctx.clone());
    let looks = move || {
        async move {
            let cancel = ctx.cancel.clone();
            tokio::select! {
                found = tokio::time::timeout(LONGEST_LOOK, asks(ctx)) => found.unwrap_or_else(|_| {
                    let what = "the facts that a person has to confirm could not be looked up in time";
                    Err(Reply::error(Code::Timeout, what, "nothing was done; call it again in a minute"))
                }),
                () = cancel.cancelled() => {
                    let what = "the caller left before anything was asked";
                    Err(Reply::error(Code::Cancelled, what, "nothing was done; call it again"))
                }
            }
        }
        .boxed_local()
    };
    let found = shared.worker.run(looks).await;
    found.unwrap_or_else(|error| Err(Reply::error(Code::Internal, error.to_string(), "call it again")))
}

/// What is known of a proposal without asking anybody now.
enum KnownAnswer {
    /// Nothing: somebody has to be asked.
    Nothing,
    /// It may be done; who said so, when somebody had to.
    Yes(Option<Consent>),
    /// It may not.
    No(Reply),
}

fn known(
    shared: &ServerState,
    matter: &Matter<'_>,
    question: &ConfirmationQuestion,
    proposal: &Proposal,
    now: Timestamp,
) -> KnownAnswer {
    let approvals = &shared.confirm.approvals;
    let who = &matter.call.who;
    if who.may(Scope::CriticalUnattended) {
        let consent = Consent { who: who.name.clone(), how: How::Unattended, at: now, reason: None };
        return match approvals.keep(proposal, &consent) {
            Ok(()) => KnownAnswer::Yes(Some(consent)),
            Err(cause) => KnownAnswer::No(unstored(&cause)),
        };
    }
    let policy = shared.ctx.settings.runs.confirm.get(matter.policy_of).copied().unwrap_or(ConfirmPolicy::Always);
    let earlier = match policy {
        ConfirmPolicy::Never => return KnownAnswer::Yes(None),
        ConfirmPolicy::OncePerRelease => approvals.earlier(proposal),
        ConfirmPolicy::Always => question.goes_on.then(|| approvals.covering(proposal, now)).flatten(),
    };
    if earlier.is_some() {
        return KnownAnswer::Yes(earlier);
    }
    match approvals.take(proposal, now) {
        Ok(Some(PersonsAnswer::Yes(consent))) => KnownAnswer::Yes(Some(consent)),
        Ok(Some(PersonsAnswer::No(rejection))) => {
            KnownAnswer::No(denied(&format!("{} said no", rejection.who), Some(&rejection)))
        }
        Ok(None) => KnownAnswer::Nothing,
        Err(cause) => KnownAnswer::No(unstored(&cause)),
    }
}

/// Are the facts those for which leave was given? Asked when the turn of the call has come.
///
/// # Errors
///
/// What the caller reads when they are not.
pub async fn still(permit: Confirmed, asks: Option<Asks>, ctx: Context) -> Result<(), Reply> {
    let (Some(basis), Some(asks)) = (permit.basis, asks) else { return Ok(()) };
    match asks(ctx).await? {
        // What is left needs nobody's leave.
        None => Ok(()),
        Some(question) if basis.facts_of(&question) == basis.facts => Ok(()),
        Some(_) => Err(denied("the facts changed before its turn came", None)),
    }
}

/// What `call` wants, as a person reads it.
fn proposal(tool: &Tool, call: &ToolCall, subject: &str, question: &ConfirmationQuestion) -> Proposal {
    let arguments = digest_of_arguments(&call.arguments);
    Proposal {
        tool: tool.name.to_owned(),
        subject: subject.to_owned(),
        facts: digest(&[tool.name, &arguments, &question.plan]),
        arguments,
        covers: question.covers.as_ref().map(|covers| digest(&[covers])),
        plan: call.ctx.masker().hide(&question.plan).into_owned(),
        needs_reason: question.needs_reason,
        requester: call.who.name.clone(),
    }
}

/// By which two calls of a tool are the same.
pub(super) fn digest_of_arguments(arguments: &Arguments) -> String {
    digest(&[&arguments.canonical()])
}

/// Parts cannot run into each other: each has its length before it.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// Nobody was there to ask: a person can still answer on the page.
fn unanswered(confirm: &Confirmations, proposal: &Proposal, now: Timestamp, why: &str) -> Reply {
    match ConfirmationPage::asking(confirm, proposal, now) {
        Ok(page) => {
            let hint = page.hint("nothing was done; if your user wants it, give this link to a person");
            page.on(Reply::error(Code::Denied, format!("not confirmed: {why}"), hint), proposal)
        }
        Err(cause) => unstored(&cause),
    }
}

fn denied(why: &str, rejection: Option<&Consent>) -> Reply {
    let hint = "nothing was done; tell your user, and call it again only when they ask for it";
    let reply = Reply::error(Code::Denied, format!("not confirmed: {why}"), hint);
    match rejection {
        Some(rejection) => reply.with("confirmation", json!(rejection)),
        None => reply,
    }
}

fn unstored(cause: &std::io::Error) -> Reply {
    if cause.kind() == std::io::ErrorKind::WouldBlock {
        return Reply::error(Code::Conflict, cause.to_string(), "nothing was done; call it again in a few seconds");
    }
    let hint = "make the home folder writable (OAR_HOME), or call it again in a minute";
    Reply::error(Code::Precondition, format!("the confirmation cannot be kept on this machine: {cause}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_digest_do_not_run_into_each_other() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
