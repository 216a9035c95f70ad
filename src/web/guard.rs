//! Who may come in: host, origin, credential and size of every request, before its route sees it. How much of that
//! is checked is what the route declares; paths are not known here.
//!
//! Whoever is refused is in the audit log. The credential ends here: nothing behind the guard sees it, so
//! nothing can hand it on.

mod refusal;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any};
use indexmap::IndexMap;

use self::refusal::{AskedFor, Refusal};
use super::connections::Connection;
use super::holding_body::HoldingBody;
use super::routes::{Access, Route, Routes};
use crate::core::access::audit::Audit;
use crate::core::access::oauth::Resource;
use crate::core::access::principal::Principal;
use crate::core::access::quota::Quota;
use crate::core::access::tokens::Tokens;
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
        Ok(place) => response.map(|body| Body::new(HoldingBody::new(body, place))),
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
            let page: Uri = origin.parse().unwrap_or_default();
            // An origin is scheme and host; what has less or more is none.
            let is_origin = page.scheme().is_some() && page.path() == "/" && page.query().is_none();
            let own = is_origin && page.authority().is_some_and(|host| known(host.as_str()));
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
}

#[cfg(test)]
mod tests;
