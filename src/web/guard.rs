//! Who may come in: host, origin, size and credential of every request, before any route sees it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

use super::approval_page;
use crate::core::access::principal::Principal;
use crate::core::access::tokens::{Refused, Tokens};
use crate::core::clock::Clock;

/// Bytes of a request.
const MOST_BYTES: usize = 1 << 20;

/// Routes for probes, which come with whatever address they know and without a credential.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Routes that answer without credential, but say less.
const OPEN: [&str; 1] = ["/health"];

/// How callers show who they are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Not at all: everybody on this machine is this one.
    Nobody(Principal),
    /// By a bearer token.
    Token(Tokens),
}

/// Who may come in.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Host names (with port, when not the usual one) by which this server may be called.
    pub hosts: Vec<String>,
    /// Origins of pages that may call it.
    pub origins: Vec<String>,
    /// How callers show who they are.
    pub credential: Credential,
    /// The only "now".
    pub clock: Clock,
}

/// `routes` behind `guard`.
pub fn behind(guard: Guard, routes: Router) -> Router {
    routes.layer(DefaultBodyLimit::max(MOST_BYTES)).layer(from_fn_with_state(Arc::new(guard), check))
}

async fn check(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if PROBES.contains(&path.as_str()) {
        return next.run(request).await;
    }
    if let Err(refused) = guard.place(&request) {
        return refused;
    }
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MOST_BYTES) {
        return (StatusCode::PAYLOAD_TOO_LARGE, "a request has at most 1 MiB").into_response();
    }
    match guard.who(request.headers()) {
        Ok(who) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(_) if OPEN.contains(&path.as_str()) || path.starts_with(approval_page::PATH) => next.run(request).await,
        Err(refused) => unauthorized(refused),
    }
}

impl Guard {
    /// A page of a stranger can make a browser call this machine, but not hide its own address.
    fn place(&self, request: &Request<Body>) -> Result<(), Response> {
        let refuse = |what: &'static str| Err((StatusCode::FORBIDDEN, what).into_response());
        let text = |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
        let host = text(header::HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        let known = |host: &str| self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        if !host.is_some_and(known) {
            return refuse("this server is not called so; --allowed-host adds a name");
        }
        if let Some(origin) = text(header::ORIGIN) {
            let own = origin.split_once("://").is_some_and(|(_, host)| known(host));
            if !own && !self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
                return refuse("pages of this origin may not call this server; --allowed-origin adds one");
            }
        }
        Ok(())
    }

    fn who(&self, headers: &HeaderMap) -> Result<Principal, Option<Refused>> {
        match &self.credential {
            Credential::Nobody(who) => Ok(who.clone()),
            Credential::Token(tokens) => {
                let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                let token = shown.and_then(|shown| {
                    let (scheme, token) = shown.split_once(' ')?;
                    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
                });
                tokens.check(token.ok_or(None)?, self.clock.now()).map_err(Some)
            }
        }
    }
}

fn unauthorized(refused: Option<Refused>) -> Response {
    let challenge = match refused {
        None => "Bearer realm=\"oar\"",
        Some(_) => "Bearer realm=\"oar\", error=\"invalid_token\"",
    };
    let why = match refused {
        None => "a bearer token is needed; oar mcp token add makes one".to_owned(),
        Some(refused) => format!("{refused}; oar mcp token add makes a new one"),
    };
    let mut response = (StatusCode::UNAUTHORIZED, why).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}
