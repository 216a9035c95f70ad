//! Stands between visitors and services: faults, credentials, record.

use std::collections::BTreeMap;
use std::io;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt as _;

use super::MOST_BYTES;
use super::connection::Wire;
use crate::sim::faults::InjectedFault;
use crate::sim::journal::{self, Raw};
use crate::sim::refusals;
use crate::sim::services::table;
use crate::sim::wire::Unmatched;
use crate::sim::world::World;

/// Headers that say nothing about the request or change with the machine.
const NOISE: &[&str] =
    &["host", "if-none-match", "content-length", "connection", "accept-encoding", "user-agent", "date"];

/// Headers whose values are secrets.
const SECRET: &[&str] = &["authorization", "private-token", "cookie", "job-token"];

/// What comes of a request.
enum Outcome {
    /// An answer.
    Answered(Response),
    /// A broken connection.
    Broken,
    /// Silence.
    Silent,
}

/// Lets a request meet its fault or its service, and keeps it.
pub(super) async fn watch(
    State(world): State<World>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let mut raw = arrived(&world, &parts, &body);
    let random = world.faults().is_random() || world.facts().disturbances.slow;
    let fault = fault_of(&world, &raw, random);
    raw.fault = fault.as_ref().map(InjectedFault::name);
    let again = Request::from_parts(parts, Body::from(body));
    match carried_out(&world, &raw, fault.as_ref(), again, next).await {
        Outcome::Answered(answer) => kept(&world, raw, fault, random, answer).await,
        Outcome::Broken => {
            world.journal().push(raw);
            wire.cut();
            StatusCode::NO_CONTENT.into_response()
        }
        Outcome::Silent => {
            world.journal().push(raw);
            world.hangs().notify_one();
            std::future::pending().await
        }
    }
}

/// The request as the journal shows it, still without an answer.
fn arrived(world: &World, parts: &Parts, body: &Bytes) -> Raw {
    let (service, path) = place(&parts.uri);
    Raw {
        at: world.clock().now(),
        method: parts.method.to_string(),
        headers: meaningful(&parts.headers),
        body: body.clone(),
        status: 0,
        response: Bytes::new(),
        fault: None,
        unmatched: false,
        service,
        path,
    }
}

/// What goes wrong with the request: by a rule, by chance, or because its service is out.
fn fault_of(world: &World, raw: &Raw, random: bool) -> Option<InjectedFault> {
    let key = if random { world.journal().key(&raw.method, &raw.service, &raw.path, &raw.body) } else { 0 };
    let fault = world.faults().strike(&raw.service, &raw.method, &raw.path, key);
    fault.or_else(|| refusals::fault(&world.facts(), &raw.service, key))
}

async fn carried_out(world: &World, raw: &Raw, fault: Option<&InjectedFault>, request: Request, next: Next) -> Outcome {
    match fault {
        Some(InjectedFault::Hang) => Outcome::Silent,
        Some(InjectedFault::AppliedThenHang) => {
            drop(serve(world, raw, request, next).await);
            Outcome::Silent
        }
        Some(InjectedFault::Reset) => Outcome::Broken,
        Some(InjectedFault::AppliedThenReset) => {
            drop(serve(world, raw, request, next).await);
            Outcome::Broken
        }
        Some(InjectedFault::Status { code, retry_after_s }) => Outcome::Answered(plain_status(*code, *retry_after_s)),
        Some(InjectedFault::Html) => Outcome::Answered(login_page()),
        Some(InjectedFault::AppliedThenError) => {
            drop(serve(world, raw, request, next).await);
            Outcome::Answered(plain_status(502, None))
        }
        Some(InjectedFault::Latency { ms }) => {
            world.clock().advance(jiff::SignedDuration::from_millis((*ms).into()));
            Outcome::Answered(serve(world, raw, request, next).await)
        }
        None | Some(InjectedFault::Truncated | InjectedFault::MalformedJson) => {
            Outcome::Answered(serve(world, raw, request, next).await)
        }
    }
}

/// Keeps the request with its answer, cut where the fault says so.
async fn kept(world: &World, mut raw: Raw, fault: Option<InjectedFault>, random: bool, answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let mut body = to_bytes(body, MOST_BYTES).await.unwrap_or_default();
    // Cut JSON cannot be read; cut text often can, and no server cuts that and gives a right length: only a
    // rule asks for it.
    let is_json = head
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.contains("json")));
    let fault = match fault {
        Some(InjectedFault::MalformedJson) if random && !is_json => Some(InjectedFault::Truncated),
        fault => fault,
    };
    if fault == Some(InjectedFault::MalformedJson) {
        head.headers.remove(header::CONTENT_LENGTH);
        body.truncate(body.len() / 2);
    }
    raw.fault = fault.as_ref().map(InjectedFault::name);
    raw.status = head.status.as_u16();
    raw.unmatched = head.extensions.get::<Unmatched>().is_some();
    raw.response = body.clone();
    let aliases = std::mem::take(&mut world.facts().aliases);
    let mut journal = world.journal();
    for (real, stable) in aliases {
        journal.alias(&real, &stable);
    }
    journal.push(raw);
    drop(journal);
    if fault == Some(InjectedFault::Truncated) {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len().max(2)));
        return Response::from_parts(head, Body::from_stream(cut_short(body.slice(..body.len() / 2))));
    }
    Response::from_parts(head, Body::from(body))
}

/// These bytes, then a broken line; the pause lets head and bytes leave first.
fn cut_short(bytes: Bytes) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let breaks = async {
        tokio::task::yield_now().await;
        Err(io::ErrorKind::ConnectionReset.into())
    };
    futures::stream::iter([Ok(bytes)]).chain(futures::stream::once(breaks))
}

/// The honest answer: the service's refusal, or what its route says.
async fn serve(world: &World, raw: &Raw, request: Request, next: Next) -> Response {
    let refusal = table::refuse(&raw.service, &raw.path, request.headers(), world.credentials()).or_else(|| {
        let mut facts = world.facts();
        refusals::others_write(&mut facts, &raw.service, &raw.method, &raw.path);
        refusals::refuse(&mut facts, &raw.service, &raw.method, &raw.path)
    });
    match refusal {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

/// Service id and the rest of the path with its query.
fn place(uri: &Uri) -> (String, String) {
    let whole = uri.path_and_query().map_or("/", |path| path.as_str());
    let inner = whole.strip_prefix('/').unwrap_or(whole);
    let end = inner.find(['/', '?']).unwrap_or(inner.len());
    let rest = &inner[end..];
    (inner[..end].to_owned(), if rest.is_empty() { "/".to_owned() } else { rest.to_owned() })
}

fn meaningful(headers: &HeaderMap) -> BTreeMap<String, String> {
    let shown = |name: &str, value: &HeaderValue| {
        if SECRET.contains(&name) {
            journal::hashed(value.as_bytes())
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        }
    };
    headers
        .iter()
        .filter(|(name, _)| !NOISE.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), shown(name.as_str(), value)))
        .collect()
}

fn plain_status(code: u16, retry_after_s: Option<u32>) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = format!("<html><body><h1>{code} {}</h1></body></html>", status.canonical_reason().unwrap_or("Error"));
    let mut response = (status, [(header::CONTENT_TYPE, "text/html")], page).into_response();
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn login_page() -> Response {
    const PAGE: &str =
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}
