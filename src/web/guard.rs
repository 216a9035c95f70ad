//! Who may come in: host, origin, credential and size of every request, before its route sees it. How much of that
//! is checked is what the route declares; paths are not known here.
//!
//! Whoever is refused is in the audit log. The credential ends here: nothing behind the guard sees it, so
//! nothing can hand it on.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any};
use hyper::body::Frame;
use indexmap::IndexMap;

use super::connections::Connection;
use super::protected_resource;
use super::routes::{Access, Route, Routes};
use crate::core::access::audit::{Audit, AuditEntry};
use crate::core::access::oauth::{OauthRefusal, Resource};
use crate::core::access::principal::{Principal, Scope};
use crate::core::access::quota::{HeldPlace, NoPlace, Quota};
use crate::core::access::tokens::{TokenRefusal, Tokens};
use crate::core::clock::Clock;

/// Bytes of a request.
const MOST_BYTES: usize = 1 << 20;

/// The header that ties requests of the protocol together.
const SESSION: &str = "mcp-session-id";

/// Sessions whose owner is remembered; older ones ended long ago.
const MOST_SESSIONS: usize = 10_000;

/// How callers show who they are.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Not at all: everybody on this machine is this one.
    Nobody(Principal),
    /// By a bearer token: one of ours, one of an OAuth server, or either.
    Bearer {
        /// Ours.
        tokens: Option<Tokens>,
        /// Those of an OAuth server.
        oauth: Option<Resource>,
    },
}

/// How much callers may hold, and how long their requests may take.
#[derive(Debug, Clone)]
pub struct RequestBounds {
    /// Connections.
    pub connections: Quota,
    /// Event streams that stay open without a request.
    pub streams: Quota,
    /// The body of a request takes at most so long.
    pub body: Duration,
}

/// Who may come in.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Host names (with port, when not the usual one) by which this server may be called.
    pub hosts: Vec<String>,
    /// Origins of pages that may call it.
    pub origins: Vec<String>,
    /// How callers show who they are.
    pub authentication: Authentication,
    /// How much they may hold.
    pub bounds: RequestBounds,
    /// Where refusals are kept.
    pub audit: Audit,
    /// The only "now".
    pub clock: Clock,
}

/// Why a request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    /// It does not say for whom it is.
    AmbiguousHost,
    ForeignHost,
    ForeignOrigin,
    TooLarge,
    /// Its body did not come in time.
    SlowBody,
    /// A known caller holds too many of these.
    TooMany(String, &'static str, NoPlace),
    NoToken,
    UnknownToken,
    ExpiredToken(String),
    InvalidToken(&'static str),
    /// A known caller in the session of another.
    ForeignSession(String),
    /// The issuer's keys are not known, so nobody can say.
    Undecided(String),
    /// A known caller who may not even look.
    NothingAllowed(String),
}

/// `routes` behind `guard`. Whoever asks for what is not there has to be a known caller to hear so.
pub fn behind(guard: Guard, routes: Routes) -> Router {
    let state = Arc::new(GuardState { guard, sessions: Mutex::default() });
    let guarded = |access: Access, methods: MethodRouter| match access {
        Access::Probe => methods.layer(from_fn(one_host)),
        Access::Public | Access::Anybody | Access::LinkHolder | Access::Caller => {
            methods.layer(from_fn_with_state((Arc::clone(&state), access), check))
        }
    };
    let mut router = Router::new();
    for Route { path, access, methods } in routes {
        router = router.route(&path, guarded(access, methods));
    }
    let nothing = any(async || StatusCode::NOT_FOUND);
    router
        .fallback_service(guarded(Access::Caller, nothing))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(map_response(kept_nowhere))
}

/// Every answer is about now: caches between us and the caller keep none.
async fn kept_nowhere(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Probes come with whatever address they know, but with one.
async fn one_host(request: Request, next: Next) -> Response {
    match request.headers().get_all(header::HOST).iter().count() {
        0 | 1 => next.run(request).await,
        _ => (Refusal::AmbiguousHost.status(), Refusal::AmbiguousHost.hint()).into_response(),
    }
}

/// The guard at work.
struct GuardState {
    guard: Guard,
    /// Who opened which session.
    sessions: Mutex<IndexMap<String, String>>,
}

impl GuardState {
    fn sessions(&self) -> std::sync::MutexGuard<'_, IndexMap<String, String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_of_another(&self, session: Option<&str>, who: &str) -> bool {
        session.is_some_and(|session| self.sessions().get(session).is_some_and(|owner| owner != who))
    }

    /// A session belongs to whoever opened it.
    fn remember(&self, response: &Response, who: &str) {
        let Some(opened) = response.headers().get(SESSION).and_then(|value| value.to_str().ok()) else { return };
        let mut sessions = self.sessions();
        sessions.entry(opened.to_owned()).or_insert_with(|| who.to_owned());
        if sessions.len() > MOST_SESSIONS {
            sessions.shift_remove_index(0);
        }
    }
}

async fn check(State((state, access)): State<(Arc<GuardState>, Access)>, mut request: Request, next: Next) -> Response {
    let guard = &state.guard;
    if let Err(refusal) = guard.place(&request) {
        return guard.refuse(&request, refusal);
    }
    let (needs_scopes, needs_credential) = match access {
        Access::Probe | Access::Public => return next.run(request).await,
        Access::Anybody => (false, false),
        Access::LinkHolder => (true, false),
        Access::Caller => (true, true),
    };
    let mut caller = None;
    match guard.who(request.headers()).await {
        // What a client may do is declared tool by tool; one that may do nothing at all needs another token.
        Ok(who) if who.scopes.is_empty() && needs_scopes => {
            return guard.refuse(&request, Refusal::NothingAllowed(who.name));
        }
        Ok(who) => {
            let session = request.headers().get(SESSION).and_then(|value| value.to_str().ok());
            if state.is_of_another(session, &who.name) {
                return guard.refuse(&request, Refusal::ForeignSession(who.name));
            }
            if let Some(connection) = request.extensions().get::<Connection>()
                && let Err(why) = connection.is_of(&who.name, &guard.bounds.connections)
            {
                return guard.refuse(&request, Refusal::TooMany(who.name, "connections", why));
            }
            caller = Some(who.name.clone());
            request.extensions_mut().insert(who);
        }
        Err(refusal) if needs_credential => return guard.refuse(&request, refusal),
        Err(_) => {}
    }
    request.headers_mut().remove(header::AUTHORIZATION);
    let request = match bounded(request, guard.bounds.body).await {
        Ok(request) => request,
        Err((request, refusal)) => return guard.refuse(&request, refusal),
    };
    let asked = AskedFor::from(&request);
    let response = next.run(request).await;
    let Some(who) = caller else { return response };
    state.remember(&response, &who);
    if !asked.opened_stream(&response) {
        return response;
    }
    match guard.bounds.streams.take(&who) {
        Ok(place) => response.map(|body| Body::new(StreamBody { body, _place: place })),
        Err(why) => guard.refused(asked, Refusal::TooMany(who, "event streams", why)),
    }
}

/// The request with its whole body, which is small and came in time.
async fn bounded(request: Request, time: Duration) -> Result<Request, (Request, Refusal)> {
    let (parts, body) = request.into_parts();
    let stated = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let read = match stated {
        Some(length) if length > MOST_BYTES => Err(Refusal::TooLarge),
        _ if body.is_end_stream() => return Ok(Request::from_parts(parts, body)),
        Some(_) | None => match tokio::time::timeout(time, axum::body::to_bytes(body, MOST_BYTES)).await {
            Ok(bytes) => bytes.map_err(|_| Refusal::TooLarge),
            Err(_) => Err(Refusal::SlowBody),
        },
    };
    match read {
        Ok(bytes) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Err(refusal) => Err((Request::from_parts(parts, Body::empty()), refusal)),
    }
}

/// An event stream that stays open, and its place among all.
struct StreamBody {
    body: Body,
    _place: HeldPlace,
}

impl hyper::body::Body for StreamBody {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

/// What the audit log keeps of a request, whoever answers it.
struct AskedFor {
    who: Option<String>,
    /// Without the query: it holds the id of a session.
    what: String,
    is_get: bool,
    client: String,
}

impl From<&Request> for AskedFor {
    fn from(request: &Request) -> Self {
        let client = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            who: request.extensions().get::<Principal>().map(|who| who.name.clone()),
            what: format!("{} {}", request.method(), request.uri().path()),
            is_get: request.method() == Method::GET,
            client: client.unwrap_or_default().to_owned(),
        }
    }
}

impl AskedFor {
    /// Is `response` a stream that is no answer to a message, and so may stay open for ever?
    fn opened_stream(&self, response: &Response) -> bool {
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        self.is_get && kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
    }
}

impl Guard {
    /// A page of a stranger can make a browser call this machine, but not hide its own address.
    fn place(&self, request: &Request) -> Result<(), Refusal> {
        let text = |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
        // A proxy in between may go by the other name than we do.
        if request.headers().get_all(header::HOST).iter().count() > 1 {
            return Err(Refusal::AmbiguousHost);
        }
        let (named, target) = (text(header::HOST), request.uri().authority().map(|authority| authority.as_str()));
        if let (Some(named), Some(target)) = (named, target)
            && !named.eq_ignore_ascii_case(target)
        {
            return Err(Refusal::AmbiguousHost);
        }
        let host = named.or(target);
        let known = |host: &str| self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        if !host.is_some_and(known) {
            return Err(if target.is_some() { Refusal::AmbiguousHost } else { Refusal::ForeignHost });
        }
        if let Some(origin) = text(header::ORIGIN) {
            let own = origin.split_once("://").is_some_and(|(_, host)| known(host));
            if !own && !self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
                return Err(Refusal::ForeignOrigin);
            }
        }
        Ok(())
    }

    async fn who(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let (tokens, oauth) = match &self.authentication {
            Authentication::Nobody(who) => return Ok(who.clone()),
            Authentication::Bearer { tokens, oauth } => (tokens, oauth),
        };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = shown.and_then(|shown| {
            let (scheme, token) = shown.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let (token, now) = (token.ok_or(Refusal::NoToken)?, self.clock.now());
        match (tokens, oauth) {
            // Ours have no dots, those of an OAuth server have two.
            (_, Some(oauth)) if token.contains('.') => oauth.check(token, now).await.map_err(Refusal::from),
            (Some(tokens), _) => tokens.check(token, now).map_err(Refusal::from),
            (None, _) => Err(Refusal::UnknownToken),
        }
    }

    fn refuse(&self, request: &Request, refusal: Refusal) -> Response {
        self.refused(AskedFor::from(request), refusal)
    }

    fn refused(&self, asked: AskedFor, refusal: Refusal) -> Response {
        let who = match &refusal {
            Refusal::ExpiredToken(name)
            | Refusal::NothingAllowed(name)
            | Refusal::ForeignSession(name)
            | Refusal::TooMany(name, ..) => name.clone(),
            Refusal::TooLarge | Refusal::SlowBody => asked.who.unwrap_or_else(|| "nobody".to_owned()),
            Refusal::AmbiguousHost
            | Refusal::ForeignHost
            | Refusal::ForeignOrigin
            | Refusal::NoToken
            | Refusal::UnknownToken
            | Refusal::InvalidToken(_)
            | Refusal::Undecided(_) => "nobody".to_owned(),
        };
        self.audit.refuse(AuditEntry {
            who,
            client: asked.client,
            transport: "http".to_owned(),
            tool: asked.what,
            outcome: refusal.code().to_owned(),
            ..AuditEntry::default()
        });
        let mut response = (refusal.status(), refusal.hint()).into_response();
        if let Some(challenge) = self.challenge(&refusal) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if matches!(refusal, Refusal::Undecided(_) | Refusal::TooMany(..)) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        // What is left of it does not become the next request.
        if matches!(refusal, Refusal::AmbiguousHost | Refusal::SlowBody | Refusal::TooMany(_, "connections", _)) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// How to come in: where the OAuth server is described, and which scope is the least.
    fn challenge(&self, refusal: &Refusal) -> Option<HeaderValue> {
        let error = match refusal {
            Refusal::NoToken => None,
            Refusal::UnknownToken | Refusal::ExpiredToken(_) | Refusal::InvalidToken(_) => Some("invalid_token"),
            Refusal::NothingAllowed(_) => Some("insufficient_scope"),
            Refusal::AmbiguousHost
            | Refusal::ForeignHost
            | Refusal::ForeignOrigin
            | Refusal::TooLarge
            | Refusal::SlowBody
            | Refusal::TooMany(..)
            | Refusal::ForeignSession(_)
            | Refusal::Undecided(_) => return None,
        };
        let mut parts = vec!["realm=\"oar\"".to_owned()];
        if let Authentication::Bearer { oauth: Some(oauth), .. } = &self.authentication {
            parts.push(format!("resource_metadata=\"{}\"", protected_resource::address(oauth.audience())));
        }
        parts.push(format!("scope=\"{}\"", Scope::Read));
        parts.extend(error.map(|error| format!("error=\"{error}\"")));
        HeaderValue::from_str(&format!("Bearer {}", parts.join(", "))).ok()
    }
}

impl From<TokenRefusal> for Refusal {
    fn from(refused: TokenRefusal) -> Self {
        match refused {
            TokenRefusal::Unknown => Self::UnknownToken,
            TokenRefusal::Expired { name } => Self::ExpiredToken(name),
        }
    }
}

impl From<OauthRefusal> for Refusal {
    fn from(refused: OauthRefusal) -> Self {
        match refused {
            OauthRefusal::Invalid(why) => Self::InvalidToken(why),
            OauthRefusal::Expired => Self::ExpiredToken("nobody".to_owned()),
            OauthRefusal::Unknown(why) => Self::Undecided(why),
        }
    }
}

impl Refusal {
    /// As the audit log spells it.
    const fn code(&self) -> &'static str {
        match self {
            Self::AmbiguousHost => "AMBIGUOUS_HOST",
            Self::ForeignHost => "FOREIGN_HOST",
            Self::ForeignOrigin => "FOREIGN_ORIGIN",
            Self::TooLarge => "TOO_LARGE",
            Self::SlowBody => "SLOW_BODY",
            Self::TooMany(..) => "TOO_MANY",
            Self::NoToken => "NO_TOKEN",
            Self::UnknownToken => "UNKNOWN_TOKEN",
            Self::ExpiredToken(_) => "EXPIRED_TOKEN",
            Self::InvalidToken(_) => "INVALID_TOKEN",
            Self::ForeignSession(_) => "FOREIGN_SESSION",
            Self::Undecided(_) => "UNDECIDED_TOKEN",
            Self::NothingAllowed(_) => "INSUFFICIENT_SCOPE",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::ForeignHost | Self::ForeignOrigin | Self::NothingAllowed(_) => StatusCode::FORBIDDEN,
            Self::AmbiguousHost => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany(..) => StatusCode::TOO_MANY_REQUESTS,
            Self::ForeignSession(_) => StatusCode::NOT_FOUND,
            Self::NoToken | Self::UnknownToken | Self::ExpiredToken(_) | Self::InvalidToken(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::Undecided(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// For the caller: what to do, and nothing about who exists here.
    fn hint(&self) -> String {
        match self {
            Self::AmbiguousHost => "a request names one host, in its Host header and its target alike".to_owned(),
            Self::ForeignHost => "this server is not called so; --allowed-host adds a name".to_owned(),
            Self::ForeignOrigin => {
                "pages of this origin may not call this server; --allowed-origin adds one".to_owned()
            }
            Self::TooLarge => "a request has at most 1 MiB".to_owned(),
            Self::SlowBody => "the body of the request did not come in time".to_owned(),
            Self::TooMany(_, what, why) => format!("too many {what}: {why}; close some and come back"),
            Self::NoToken => "a bearer token is needed; whoever runs this server gives one".to_owned(),
            Self::UnknownToken => "the token is unknown; whoever runs this server gives a new one".to_owned(),
            Self::ExpiredToken(_) => "the token has expired; get a new one".to_owned(),
            Self::InvalidToken(why) => format!("the token is not valid here: {why}"),
            Self::ForeignSession(_) => "no such session; open one with initialize".to_owned(),
            Self::Undecided(_) => "the keys of the token's issuer cannot be read now; come back".to_owned(),
            Self::NothingAllowed(_) => "the token allows nothing here; get one with more scopes".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
