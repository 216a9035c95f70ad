//! What a person has to confirm, and how the answer comes back.
//!
//! Three ways lead to a person: a newer client asks and repeats the call with the answer, an older one is
//! asked while the call waits, and one that cannot ask gets a link to the approval page. Nothing is locked
//! while somebody thinks; what was confirmed are the facts in the plan, and they are looked up again when the
//! turn of the call comes.

pub mod form;
pub mod questions;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures::FutureExt as _;
use hmac::{Hmac, Mac as _};
use jiff::{SignedDuration, Timestamp};
use rmcp::model::{CallToolRequestParams, ElicitResult, InputRequest, InputRequiredResult, ProtocolVersion};
use rmcp::service::{RequestContext, RoleServer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::call::Call;
use super::catalog;
use super::reply::{Code, Reply};
use super::runners;
use super::shared::Shared;
use super::tool::{Asks, Change, Question, Tool};
use crate::core::access::principal::Scope;
use crate::core::config::mcp::ConfirmPolicy;
use crate::core::context::Context;
use crate::domain::nearest;
use crate::render::text::clean;
use crate::runs::consents::{Approvals, Evidence, Found, How, Noted, Wanted};
use form::Token;

/// A question in a client waits so long for its answer.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Looking up the facts takes at most so long.
const LONGEST_LOOK: Duration = Duration::from_secs(120);

/// The name of the question within one answer.
const QUESTION: &str = "confirm";

/// Confirmations of this process.
pub struct Confirmations {
    /// Requests on the approval page.
    pub approvals: Approvals,
    key: [u8; 32],
    spent: Mutex<HashMap<String, Timestamp>>,
    site: OnceLock<String>,
}

impl std::fmt::Debug for Confirmations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confirmations").field("approvals", &self.approvals).finish_non_exhaustive()
    }
}

/// What comes of asking.
pub enum Settled {
    /// The call may run.
    Go(Permit),
    /// The client has to ask its user and call again.
    Ask(InputRequiredResult),
    /// It may not run, or not yet.
    No(Reply),
}

/// Leave to run, and for what.
#[derive(Default)]
pub struct Permit {
    /// Who gave it; nobody when nothing had to be asked.
    pub evidence: Option<Evidence>,
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
    fn facts_of(&self, question: &Question) -> String {
        digest(&[self.tool, &self.arguments, &question.plan])
    }
}

/// What a client carries from the question to its repeated call.
#[derive(Debug, Serialize, Deserialize)]
struct Carried {
    principal: String,
    tool: String,
    arguments: String,
    facts: String,
    nonce: String,
    until: Timestamp,
}

impl Confirmations {
    /// Confirmations on `approvals`, with a key that nobody else has.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn new(approvals: Approvals, site: Option<String>) -> std::io::Result<Self> {
        let mut key = [0_u8; 32];
        openssl::rand::rand_bytes(&mut key)?;
        let known = OnceLock::new();
        if let Some(site) = site {
            // Just made, so it is not set.
            let _ = known.set(site.trim_end_matches('/').to_owned());
        }
        Ok(Self { approvals, key, spent: Mutex::default(), site: known })
    }

    /// Tells where the approval page is; an address from the settings stays.
    pub fn shown_at(&self, site: &str) {
        // The settings know the name that people use.
        let _ = self.site.set(site.to_owned());
    }

    fn carry(&self, wanted: &Wanted, now: Timestamp) -> Result<String, Reply> {
        let mut nonce = [0_u8; 16];
        let failed = |_| Reply::error(Code::Internal, "the question could not be asked", "call it again");
        openssl::rand::rand_bytes(&mut nonce).map_err(|_| failed(()))?;
        let carried = Carried {
            principal: wanted.requester.clone(),
            tool: wanted.tool.clone(),
            arguments: wanted.arguments.clone(),
            facts: wanted.facts.clone(),
            nonce: nonce.iter().map(|byte| format!("{byte:02x}")).collect(),
            until: now.saturating_add(PATIENCE).unwrap_or(now),
        };
        let text = serde_json::to_vec(&carried).map_err(|_| failed(()))?;
        let mac = self.mac(&text).ok_or_else(|| failed(()))?.finalize().into_bytes();
        Ok(format!("{}.{}", BASE64.encode(&text), BASE64.encode(mac)))
    }

    fn mac(&self, text: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(text);
        Some(mac)
    }

    /// What we gave away ourselves.
    fn unsealed(&self, state: &str) -> Option<Carried> {
        let (text, seal) = state.split_once('.')?;
        let (text, seal) = (BASE64.decode(text).ok()?, BASE64.decode(seal).ok()?);
        // The comparison of the crate tells nothing by its time.
        self.mac(&text)?.verify_slice(&seal).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Checks what came back; a good one is good once.
    fn opened(&self, state: &str, wanted: &Wanted, now: Timestamp) -> Result<(), &'static str> {
        let carried = self.unsealed(state).ok_or("the request state is not ours")?;
        if carried.until <= now {
            return Err("the question has expired");
        }
        if carried.principal != wanted.requester {
            return Err("the question was asked of somebody else");
        }
        if carried.tool != wanted.tool || carried.arguments != wanted.arguments {
            return Err("the question was about another call");
        }
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.retain(|_, until| *until > now);
        if spent.insert(carried.nonce, carried.until).is_some() {
            return Err("the answer was used already");
        }
        if carried.facts != wanted.facts {
            return Err("the facts changed since the question was asked");
        }
        Ok(())
    }
}

/// A change of a tool that asks nobody by itself asks all the same when the settings say so.
pub fn by_policy(tool: &'static Tool, call: &Call, change: Change) -> Change {
    let policy = call.shared.ctx.settings.runs.confirm.get(tool.name).copied();
    let asks_by_itself = change.asks.is_some() || change.policy_of.is_some();
    if asks_by_itself || matches!(policy, None | Some(ConfirmPolicy::Never)) {
        return change;
    }
    let plan = format!("{} of {} with {}", tool.title, change.queue, clean(&call.arguments.canonical()));
    change.asking(move |_| {
        let question = Question { plan: plan.clone(), covers: None, goes_on: false, needs_reason: false };
        async move { Ok(Some(question)) }.boxed_local()
    })
}

/// Why the settings name something in `mcp.confirm` that cannot ask; nothing when every name is a tool that
/// changes something.
pub fn misnamed(policies: &BTreeMap<String, ConfirmPolicy>) -> Option<String> {
    let asks = |tool: &Tool| tool.changes() && !runners::is_runner(tool.name);
    policies.keys().find_map(|name| match catalog::all().find(|tool| tool.name == name.as_str()) {
        None => {
            let names = catalog::all().filter(|tool| asks(tool)).map(|tool| tool.name);
            Some(format!("mcp.confirm.{name} names no tool{}", nearest::hint(name, names)))
        }
        Some(tool) if runners::is_runner(tool.name) => {
            Some(format!("mcp.confirm.{name} would count for nothing: name the tools that it runs"))
        }
        Some(tool) if !tool.changes() => {
            Some(format!("mcp.confirm.{name} would ask about a tool that changes nothing"))
        }
        Some(_) => None,
    })
}

/// Finds out whether `call` has to be confirmed, and gets the confirmation.
pub async fn settle(
    shared: &Shared,
    tool: &'static Tool,
    call: &Call,
    (asks, queue, policy_of): (&Asks, &str, &str),
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Settled {
    let question = {
        let (asks, ctx) = (Arc::clone(asks), call.ctx.clone());
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
        match shared.worker.run(looks).await {
            Ok(Ok(Some(question))) => question,
            Ok(Ok(None)) => return Settled::Go(Permit::default()),
            Ok(Err(refused)) => return Settled::No(refused),
            Err(lost) => return Settled::No(Reply::error(Code::Internal, lost.to_string(), "call it again")),
        }
    };
    let wanted = wanted(tool, call, queue, &question);
    let confirm = &shared.confirm;
    let now = shared.ctx.clock.now();
    let go = |evidence: Option<Evidence>| {
        let basis = Basis { tool: tool.name, arguments: wanted.arguments.clone(), facts: wanted.facts.clone() };
        Settled::Go(Permit { evidence, basis: Some(basis) })
    };
    let kept = |evidence: Evidence| match confirm.approvals.keep(&wanted, &evidence) {
        Ok(()) => go(Some(evidence)),
        Err(cause) => Settled::No(unstored(&cause)),
    };
    if call.who.may(Scope::CriticalUnattended) {
        return kept(Evidence { who: call.who.name.clone(), how: How::Unattended, at: now, reason: None });
    }
    let policy = shared.ctx.settings.runs.confirm.get(policy_of).copied().unwrap_or(ConfirmPolicy::Always);
    let earlier = match policy {
        ConfirmPolicy::Never => return go(None),
        ConfirmPolicy::OncePerRelease => confirm.approvals.earlier(&wanted),
        ConfirmPolicy::Always => question.goes_on.then(|| confirm.approvals.covering(&wanted, now)).flatten(),
    };
    if let Some(evidence) = earlier {
        return go(Some(evidence));
    }
    match confirm.approvals.take(&wanted, now) {
        Ok(Some(Found::Yes(evidence))) => return go(Some(evidence)),
        Ok(Some(Found::No(evidence))) => {
            return Settled::No(denied(&format!("{} said no", evidence.who), Some(&evidence)));
        }
        Ok(None) => {}
        Err(cause) => return Settled::No(unstored(&cause)),
    }
    let refuse = |why: &str| {
        let noted = Noted::of(&wanted, &wanted.requester, "refused", why.to_owned());
        confirm.approvals.note(&noted);
        Settled::No(denied(why, None))
    };
    let version = context.protocol_version().unwrap_or(ProtocolVersion::V_2024_11_05);
    let is_modern = version.to_string() >= ProtocolVersion::V_2026_07_28.to_string();
    let person = format!("the user of {}", call.who.name);
    let judged = |token: Token| match token.judged(&wanted) {
        Ok(reason) => kept(Evidence { who: person.clone(), how: How::Elicitation, at: now, reason }),
        Err(why) => refuse(&why),
    };
    let asks_forms = context.client_capabilities().and_then(|can| can.elicitation.clone()).is_some_and(|can| {
        // Saying nothing about forms and addresses means forms.
        can.form.is_some() || can.url.is_none()
    });
    if is_modern {
        if let Some(state) = &request.request_state {
            let answer = request.input_responses.as_ref().and_then(|answers| answers.get(QUESTION)).cloned();
            let answer = answer.and_then(|answer| serde_json::from_value::<ElicitResult>(answer).ok());
            let Some(answer) = answer else { return refuse("the repeated call carries no answer") };
            return match confirm.opened(state, &wanted, now) {
                Ok(()) => judged(Token::from(&answer)),
                Err(why) => refuse(why),
            };
        }
        if asks_forms {
            return match confirm.carry(&wanted, now) {
                Ok(state) => {
                    let questions = [(QUESTION.to_owned(), InputRequest::Elicitation(form::request(&wanted)))];
                    Settled::Ask(InputRequiredResult::new(Some(questions.into()), Some(state)))
                }
                Err(failed) => Settled::No(failed),
            };
        }
    } else if asks_forms && version != ProtocolVersion::V_2024_11_05 {
        let patience = Duration::try_from(PATIENCE).unwrap_or(Duration::from_secs(600));
        let asked = context.peer.create_elicitation_with_timeout(form::params(&wanted), Some(patience));
        let answer = tokio::select! {
            answer = asked => answer,
            () = context.ct.cancelled() => return refuse("the caller left before anybody answered"),
        };
        return match answer {
            Ok(answer) => judged(Token::from(&answer)),
            Err(_) => refuse("nobody answered"),
        };
    }
    match confirm.approvals.ask(&wanted, now) {
        Ok(approval) => Settled::No(on_the_page(confirm, tool, &wanted, &approval.id)),
        Err(cause) => Settled::No(unstored(&cause)),
    }
}

/// Are the facts those for which leave was given? Asked when the turn of the call has come.
///
/// # Errors
///
/// What the caller is informed when they are not.
pub async fn still(permit: Permit, asks: Option<Asks>, ctx: Context) -> Result<(), Reply> {
    let (Some(basis), Some(asks)) = (permit.basis, asks) else { return Ok(()) };
    match asks(ctx).await? {
        // What is left needs nobody's leave.
        None => Ok(()),
        Some(question) if basis.facts_of(&question) == basis.facts => Ok(()),
        Some(_) => Err(denied("the facts changed before its turn came", None)),
    }
}

/// What `call` wants, in the words of the approval page.
pub fn wanted(tool: &Tool, call: &Call, queue: &str, question: &Question) -> Wanted {
    let arguments = digest(&[&call.arguments.canonical()]);
    Wanted {
        tool: tool.name.to_owned(),
        queue: queue.to_owned(),
        facts: digest(&[tool.name, &arguments, &question.plan]),
        arguments,
        covers: question.covers.as_ref().map(|covers| digest(&[covers])),
        plan: question.plan.clone(),
        needs_reason: question.needs_reason,
        requester: call.who.name.clone(),
    }
}

/// Parts cannot run into each other: each has its length before it.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn denied(why: &str, said: Option<&Evidence>) -> Reply {
    let hint = "nothing was done; tell your user, and call it again only when they ask for it";
    let reply = Reply::error(Code::Denied, format!("not confirmed: {why}"), hint);
    match said {
        Some(evidence) => reply.with("confirmation", json!(evidence)),
        None => reply,
    }
}

fn unstored(cause: &std::io::Error) -> Reply {
    let hint = "make the home folder writable (OAR_HOME), or call it again in a minute";
    Reply::error(Code::Precondition, format!("the confirmation cannot be kept on this machine: {cause}"), hint)
}

fn on_the_page(confirm: &Confirmations, tool: &Tool, wanted: &Wanted, id: &str) -> Reply {
    let path = format!("/approvals/{id}");
    let link = match confirm.site.get() {
        Some(site) => format!("{site}{path}"),
        None => format!("{path} on the address that oar mcp serve prints when it serves HTTP on this machine"),
    };
    let what = format!("a person has to confirm {} of {}:\n{}", tool.name, wanted.queue, wanted.plan);
    let hint = format!(
        "give this link to a person with a token of their own (valid 24 h): {link} - after they approved, repeat \
         the same call. Who has no token makes one: oar mcp token add NAME --scopes {read},{critical}",
        read = Scope::Read,
        critical = Scope::Critical,
    );
    let mut reply = Reply::error(Code::ConfirmationRequired, what, hint)
        .with("plan", json!(clean(&wanted.plan)))
        .with("approval", json!({ "id": id, "valid_hours": 24 }));
    if confirm.site.get().is_some() {
        reply = reply.with("approval", json!({ "id": id, "url": link, "valid_hours": 24 }));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        "2026-06-09T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
    }

    fn wanted(facts: &str) -> Wanted {
        Wanted {
            tool: "oar_change_advisory_status".into(),
            queue: "4.20.17".into(),
            arguments: "a".into(),
            facts: facts.into(),
            covers: None,
            plan: "p".into(),
            needs_reason: false,
            requester: "agent".into(),
        }
    }

    fn confirmations() -> (tempfile::TempDir, Confirmations) {
        let home = tempfile::tempdir().unwrap();
        let confirm = Confirmations::new(Approvals::below(home.path()), None).unwrap();
        (home, confirm)
    }

    #[test]
    fn a_carried_question_is_good_once_for_its_caller_its_call_and_its_facts() {
        let (_home, confirm) = confirmations();
        let state = |minute| confirm.carry(&wanted("f"), at(minute)).unwrap();
        let opened = |state: &str, wanted: &Wanted, minute| confirm.opened(state, wanted, at(minute));
        let good = state(0);
        assert_eq!(opened(&good, &wanted("f"), 9), Ok(()));
        assert_eq!(opened(&good, &wanted("f"), 9), Err("the answer was used already"));
        assert_eq!(opened(&state(0), &wanted("f"), 10), Err("the question has expired"));
        let other = Wanted { requester: "other".into(), ..wanted("f") };
        assert_eq!(opened(&state(0), &other, 1), Err("the question was asked of somebody else"));
        let other = Wanted { arguments: "b".into(), ..wanted("f") };
        assert_eq!(opened(&state(0), &other, 1), Err("the question was about another call"));
        let changed = "the facts changed since the question was asked";
        assert_eq!(opened(&state(0), &wanted("g"), 1), Err(changed));
        let (_elsewhere, stranger) = confirmations();
        let forged = stranger.carry(&wanted("f"), at(0)).unwrap();
        assert_eq!(opened(&forged, &wanted("f"), 1), Err("the request state is not ours"));
        assert_eq!(opened("", &wanted("f"), 1), Err("the request state is not ours"));
    }

    #[test]
    fn parts_of_a_digest_do_not_run_into_each_other() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
