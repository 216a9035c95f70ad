//! The three ways to a person: a newer client asks and repeats the call with the answer, an older one is asked
//! while the call waits, and one that cannot ask gets a link to the approval page.

use std::time::Duration;

use jiff::Timestamp;
use rmcp::model::{CallToolRequestParams, ElicitResult, InputRequest, InputRequiredResult, ProtocolVersion};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::json;

use super::form::{self, FormAnswer, NotConfirmed};
use super::unstored;
use crate::mcp::confirmations::{Confirmations, PATIENCE};
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::Tool;
use crate::render::text::clean;
use crate::runs::approval::{Approval, Proposal};

/// The name of the question within one answer.
const QUESTION: &str = "confirm";

/// What came of asking a person.
pub(super) enum AskOutcome {
    /// A yes, with its reason.
    Answered {
        /// Why, when they said so.
        reason: Option<String>,
    },
    /// A no.
    Refused(NotConfirmed),
    /// The client has to ask its user and call again.
    Later(InputRequiredResult),
    /// The caller hears where a person can answer, or why nobody could be asked.
    Elsewhere(Reply),
}

/// Asks a person about `proposal`, by the best way that the client knows.
pub(super) async fn ask(
    confirm: &Confirmations,
    tool: &Tool,
    proposal: &Proposal,
    now: Timestamp,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> AskOutcome {
    let version = context.protocol_version().unwrap_or(ProtocolVersion::V_2024_11_05);
    let is_modern = version.to_string() >= ProtocolVersion::V_2026_07_28.to_string();
    let asks_forms = context.client_capabilities().and_then(|can| can.elicitation.clone()).is_some_and(|can| {
        // Saying nothing about forms and addresses means forms.
        can.form.is_some() || can.url.is_none()
    });
    if is_modern {
        if let Some(state) = &request.request_state {
            return repeated(confirm, proposal, now, state, request);
        }
        if asks_forms {
            return carried(confirm, proposal, now);
        }
    } else if asks_forms && version != ProtocolVersion::V_2024_11_05 {
        return within_call(proposal, context).await;
    }
    AskOutcome::Elsewhere(on_the_page(confirm, tool, proposal, now))
}

/// A newer client came back with the answer.
fn repeated(
    confirm: &Confirmations,
    proposal: &Proposal,
    now: Timestamp,
    state: &str,
    request: &CallToolRequestParams,
) -> AskOutcome {
    let answer = request.input_responses.as_ref().and_then(|answers| answers.get(QUESTION)).cloned();
    let Some(answer) = answer.and_then(|answer| serde_json::from_value::<ElicitResult>(answer).ok()) else {
        return AskOutcome::Refused(NotConfirmed::No("the repeated call carries no answer".to_owned()));
    };
    match confirm.opened(state, proposal, now) {
        Ok(()) => judged(&answer, proposal),
        Err(why) => AskOutcome::Refused(NotConfirmed::No(why.to_owned())),
    }
}

/// A newer client asks its user and calls again.
fn carried(confirm: &Confirmations, proposal: &Proposal, now: Timestamp) -> AskOutcome {
    match confirm.carry(proposal, now) {
        Some(state) => {
            let questions = [(QUESTION.to_owned(), InputRequest::Elicitation(form::request(proposal)))];
            AskOutcome::Later(InputRequiredResult::new(Some(questions.into()), Some(state)))
        }
        None => {
            let what = "the question could not be asked";
            AskOutcome::Elsewhere(Reply::error(Code::Internal, what, "call it again"))
        }
    }
}

/// An older client asks its user while the call waits.
async fn within_call(proposal: &Proposal, context: &RequestContext<RoleServer>) -> AskOutcome {
    let patience = Duration::try_from(PATIENCE).unwrap_or(Duration::from_secs(600));
    let asked = context.peer.create_elicitation_with_timeout(form::params(proposal), Some(patience));
    let answer = tokio::select! {
        answer = asked => answer,
        () = context.ct.cancelled() => {
            let why = "the caller left before anybody answered".to_owned();
            return AskOutcome::Refused(NotConfirmed::No(why));
        }
    };
    match answer {
        Ok(answer) => judged(&answer, proposal),
        Err(_) => AskOutcome::Refused(NotConfirmed::Unanswered("nobody answered")),
    }
}

fn judged(answer: &ElicitResult, proposal: &Proposal) -> AskOutcome {
    match FormAnswer::from(answer).judged(proposal) {
        Ok(reason) => AskOutcome::Answered { reason },
        Err(why) => AskOutcome::Refused(why),
    }
}

fn on_the_page(confirm: &Confirmations, tool: &Tool, proposal: &Proposal, now: Timestamp) -> Reply {
    let page = match ConfirmationPage::asking(confirm, proposal, now) {
        Ok(page) => page,
        Err(cause) => return unstored(&cause),
    };
    let what = format!("a person has to confirm {} of {}:\n{}", tool.name, proposal.subject, proposal.plan);
    let reply = Reply::error(Code::ConfirmationRequired, what, page.hint("give this link to a person"));
    page.on(reply, proposal)
}

/// Where a person answers a request, whatever their client can do.
pub(super) struct ConfirmationPage {
    approval: Approval,
    link: String,
    is_whole: bool,
}

impl ConfirmationPage {
    /// Asks for `proposal` on the page.
    ///
    /// # Errors
    ///
    /// The request cannot be stored.
    pub(super) fn asking(confirm: &Confirmations, proposal: &Proposal, now: Timestamp) -> std::io::Result<Self> {
        let approval = confirm.approvals.ask(proposal, now)?;
        let link = confirm.link(&approval);
        Ok(Self { link, is_whole: confirm.site().is_some(), approval })
    }

    /// The next step. How a person gets a token is between them and whoever runs the server.
    pub(super) fn hint(&self, first: &str) -> String {
        format!(
            "{first} who has a token of their own from before this question (valid 24 h): {} - after they approved, \
             repeat the same call. Who has no token asks whoever runs this server",
            self.link
        )
    }

    /// `reply` with the request and what it is about.
    pub(super) fn on(self, reply: Reply, proposal: &Proposal) -> Reply {
        let id = &self.approval.id;
        let approval = match self.is_whole {
            true => json!({ "id": id, "url": self.link, "valid_hours": 24 }),
            false => json!({ "id": id, "valid_hours": 24 }),
        };
        reply.with("plan", json!(clean(&proposal.plan))).with("approval", approval)
    }
}
