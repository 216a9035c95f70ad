//! The page on which a person confirms what an agent asked for.
//!
//! Plain HTML without scripts: it reads well aloud and in a text browser, and nothing on it can act by itself.
//! The link shows the plan to whoever has it; deciding takes a token of one's own.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

use tokio_util::sync::CancellationToken;

use super::routes::{Access, Routes};
use crate::core::access::principal::{Principal, Scope};
use crate::core::access::tokens::Tokens;
use crate::core::clock::Clock;
use crate::domain::dates::stamp;
use crate::runs::approval::{Approval, LONGEST_REASON, RequestState};
use crate::runs::approval_store::{AnswerRefused, ApprovalStore};

/// Where requests are shown.
const PATH: &str = "/approvals/";

/// The cookie that ties a form to the browser it was shown in.
const COOKIE: &str = "oar_form";

const STYLE: &str = ":root{color-scheme:light dark}*{box-sizing:border-box}\
    body{font:1rem/1.5 sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}\
    h1{font-size:1.6rem;line-height:1.2}label{display:block;margin-top:1rem}input,textarea{width:100%;font:inherit}\
    button{font:inherit;margin:1rem 1rem 0 0;padding:.4rem 1rem}.problem{border-left:.3rem solid #b00;padding-left:1rem}";

struct ApprovalPage {
    approvals: ApprovalStore,
    tokens: Tokens,
    clock: Clock,
    key: [u8; 32],
}

/// The page. Tokens typed into its form are looked up in `tokens`.
///
/// # Errors
///
/// The system gives no random numbers: a forged form could not be recognised.
pub fn routes(approvals: ApprovalStore, tokens: Tokens, clock: Clock) -> std::io::Result<Routes> {
    let mut key = [0_u8; 32];
    openssl::rand::rand_bytes(&mut key)?;
    let page = Arc::new(ApprovalPage { approvals, tokens, clock, key });
    Ok(Routes::default().route("/approvals/style.css", Access::LinkHolder, get(style)).route(
        "/approvals/{id}",
        Access::LinkHolder,
        get(show).post(answer).with_state(page),
    ))
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn show(State(page): State<Arc<ApprovalPage>>, Path(id): Path<String>) -> Response {
    page.clock.refresh(&CancellationToken::new()).await;
    match page.approvals.get(&id) {
        None => message(StatusCode::NOT_FOUND, "No such request", "The link is wrong, or the request is long over."),
        Some(approval) => page.form(StatusCode::OK, &approval, None),
    }
}

#[derive(Deserialize)]
struct Filled {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    decision: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    reason: String,
}

async fn answer(
    State(page): State<Arc<ApprovalPage>>,
    Path(id): Path<String>,
    who: Option<Extension<Principal>>,
    headers: HeaderMap,
    Form(filled): Form<Filled>,
) -> Response {
    page.clock.refresh(&CancellationToken::new()).await;
    let Some(approval) = page.approvals.get(&id) else {
        return message(StatusCode::NOT_FOUND, "No such request", "The link is wrong, or the request is long over.");
    };
    let problem = |status, text: &str| page.form(status, &approval, Some(text));
    if !page.is_ours(&id, cookie(&headers).unwrap_or_default(), &filled.csrf) {
        return problem(StatusCode::FORBIDDEN, "This form was not made for this browser. Decide again below.");
    }
    let now = page.clock.now();
    let token = filled.token.trim();
    let who = match (token, who) {
        ("", Some(Extension(who))) => who,
        ("", None) => return problem(StatusCode::UNAUTHORIZED, "Your token is needed."),
        (token, _) => match page.tokens.check(token, now) {
            Ok(who) => who,
            Err(_) => return problem(StatusCode::UNAUTHORIZED, "This token is unknown or has expired."),
        },
    };
    let approve = match filled.decision.as_str() {
        "approve" => true,
        "reject" => false,
        _ => return problem(StatusCode::BAD_REQUEST, "Choose Approve or Reject."),
    };
    match page.approvals.answer(&id, &who, approve, Some(filled.reason), now) {
        Ok(_) if approve => message(
            StatusCode::OK,
            "Approved",
            "Nothing has run yet: the agent repeats its call, and it runs once, if the facts are still these.",
        ),
        Ok(_) => message(StatusCode::OK, "Rejected", "Nothing was done. The agent is informed when it asks again."),
        Err(refused) => {
            let status = match &refused {
                AnswerRefused::Own | AnswerRefused::Young | AnswerRefused::MayNot => StatusCode::FORBIDDEN,
                AnswerRefused::Unknown => StatusCode::NOT_FOUND,
                AnswerRefused::Expired | AnswerRefused::Answered => StatusCode::GONE,
                AnswerRefused::NeedsReason => StatusCode::BAD_REQUEST,
                AnswerRefused::Store(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => StatusCode::CONFLICT,
                AnswerRefused::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            problem(status, &format!("Nothing was decided: {refused}."))
        }
    }
}

impl ApprovalPage {
    fn form(&self, status: StatusCode, approval: &Approval, problem: Option<&str>) -> Response {
        let proposal = &approval.proposal;
        let facts: String = proposal.plan.lines().map(|line| format!("<li>{}</li>\n", escaped(line))).collect();
        let problem = problem
            .map(|text| format!("<p class=\"problem\" role=\"alert\">{}</p>\n", escaped(text)))
            .unwrap_or_default();
        let (what, cookie) = match &approval.state {
            RequestState::Open if self.clock.now() < approval.until => {
                let fields = random().and_then(|cookie| Some((self.fields(approval, &cookie)?, Some(cookie))));
                let Some(fields) = fields else {
                    return message(StatusCode::SERVICE_UNAVAILABLE, "Not now", "Come back in a minute.");
                };
                fields
            }
            RequestState::Open => ("<p>This request has expired. Let the agent ask again.</p>".to_owned(), None),
            RequestState::Approved(consent) | RequestState::Used(consent) => {
                (format!("<p>Approved by {} at {}.</p>", escaped(&consent.who), stamp(consent.at)), None)
            }
            RequestState::Rejected(consent) | RequestState::RejectionSeen(consent) => {
                (format!("<p>Rejected by {} at {}.</p>", escaped(&consent.who), stamp(consent.at)), None)
            }
            RequestState::Outdated => {
                ("<p>The facts have changed since; there is a newer request.</p>".to_owned(), None)
            }
        };
        let body = format!(
            "<h1>Confirm {tool} for {queue}?</h1>\n{problem}<p>{requester} asked for this at {asked}. It can be \
             answered until {until}. What is shown is as of {asked}; it is looked at again before anything is done.</p>\n<h2>What would be done</h2>\n<ul>\n{facts}</ul>\n{what}",
            tool = escaped(&proposal.tool),
            queue = escaped(&proposal.subject),
            requester = escaped(&proposal.requester),
            asked = stamp(approval.asked_at),
            until = stamp(approval.until),
        );
        let mut response = html(status, &format!("Confirm {} for {}", proposal.tool, proposal.subject), &body);
        if let Some(value) = cookie.and_then(|cookie| {
            HeaderValue::from_str(&format!("{COOKIE}={cookie}; Path={PATH}; HttpOnly; SameSite=Strict")).ok()
        }) {
            response.headers_mut().insert(header::SET_COOKIE, value);
        }
        response
    }

    /// The fields of the form; nothing when it cannot be sealed.
    fn fields(&self, approval: &Approval, cookie: &str) -> Option<String> {
        let seal = self.seal(&approval.id, cookie)?;
        let (needed, hint) = match approval.proposal.needs_reason {
            true => (" required", "Why (needed: this overrides a finding)"),
            false => ("", "Why (optional)"),
        };
        // A rejection needs no reason, so its button does not insist on one. Enter in a field would press the
        // first button: that one does nothing, so that nobody approves by accident.
        Some(format!(
            "<h2>Your decision</h2>\n<form method=\"post\" action=\"{PATH}{id}\">\n\
             <button disabled hidden></button>\n\
             <input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\n\
             <label for=\"token\">Your own token (not the agent's), with the scope {scope}</label>\n\
             <input id=\"token\" name=\"token\" type=\"password\" autocomplete=\"off\">\n\
             <label for=\"reason\">{hint}</label>\n\
             <textarea id=\"reason\" name=\"reason\" rows=\"3\" maxlength=\"{LONGEST_REASON}\"{needed}></textarea>\n\
             <button name=\"decision\" value=\"approve\">Approve</button>\n\
             <button name=\"decision\" value=\"reject\" formnovalidate>Reject</button>\n</form>",
            id = escaped(&approval.id),
            scope = Scope::Critical,
            csrf = seal,
        ))
    }

    fn mac(&self, id: &str, cookie: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(format!("{id}/{cookie}").as_bytes());
        Some(mac)
    }

    fn seal(&self, id: &str, cookie: &str) -> Option<String> {
        self.mac(id, cookie).map(|mac| hex::encode(mac.finalize().into_bytes()))
    }

    fn is_ours(&self, id: &str, cookie: &str, csrf: &str) -> bool {
        // The comparison of the crate reveals nothing by its time.
        hex::decode(csrf).ok().zip(self.mac(id, cookie)).is_some_and(|(bytes, mac)| mac.verify_slice(&bytes).is_ok())
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn random() -> Option<String> {
    let mut bytes = [0_u8; 16];
    openssl::rand::rand_bytes(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

fn message(status: StatusCode, title: &str, text: &str) -> Response {
    html(status, title, &format!("<h1>{}</h1>\n<p role=\"status\">{}</p>", escaped(title), escaped(text)))
}

fn html(status: StatusCode, title: &str, body: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/approvals/style.css\">\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n\
         </html>\n",
        escaped(title)
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address is the key to the plan, so no stranger hears of it. With "no-referrer" a browser would
        // not tell us either that the form came from here, and the guard would refuse it.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, page).into_response()
}

/// Text of strangers as text, inside and outside of attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
