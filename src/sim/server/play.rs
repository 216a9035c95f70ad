//! Plays the faults: what a visitor meets instead of the answer, or on the way to it.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use jiff::SignedDuration;
use tower::ServiceExt as _;

use super::connection::Wire;
use crate::domain::service::Service;
use crate::sim::faults::rules::Struck;
use crate::sim::faults::{InjectedFault, alter};
use crate::sim::journal::Raw;
use crate::sim::refusals;
use crate::sim::services::table;
use crate::sim::wire;
use crate::sim::world::World;

/// How long visitors wait for an answer: so much virtual time passes when none comes.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// How long they wait for the rest of an answer that has begun.
const LONG_PATIENCE: SignedDuration = SignedDuration::from_secs(180);

/// What comes of a request.
pub(super) enum Outcome {
    /// An answer.
    Answered(Response),
    /// A connection that ends so.
    Broken(io::ErrorKind),
    /// Silence.
    Silent,
}

/// Lets a request meet its fault or its service.
pub(super) async fn carried_out(
    world: &World,
    raw: &Raw,
    struck: Option<&Struck>,
    request: Request,
    next: Next,
) -> Outcome {
    let Some(Struck { fault, dice, .. }) = struck else {
        return Outcome::Answered(serve(world, raw, None, request, next).await);
    };
    if fault.is_carried_out() && !table::is_look_up(&raw.service, &raw.method, &raw.path) {
        world.before_change(&raw.service);
    }
    match fault {
        InjectedFault::Hang | InjectedFault::TlsTimeout => silence(world).await,
        InjectedFault::AppliedThenHang => {
            drop(serve(world, raw, None, request, next).await);
            silence(world).await
        }
        InjectedFault::Reset => Outcome::Broken(io::ErrorKind::ConnectionReset),
        InjectedFault::Refused | InjectedFault::TlsBadCert => Outcome::Broken(io::ErrorKind::ConnectionRefused),
        InjectedFault::AppliedThenReset => {
            drop(serve(world, raw, None, request, next).await);
            Outcome::Broken(io::ErrorKind::ConnectionReset)
        }
        InjectedFault::Status { code, retry_after_s } => Outcome::Answered(plain_status(*code, *retry_after_s)),
        InjectedFault::Answer { code, headers, body } => Outcome::Answered(exactly(*code, headers, body)),
        InjectedFault::RateLimit { headers } => Outcome::Answered(exactly(429, headers, "")),
        InjectedFault::Redirect => Outcome::Answered(redirect(world, raw)),
        InjectedFault::Html => Outcome::Answered(login_page()),
        InjectedFault::EmptyOk => Outcome::Answered(wire::empty(StatusCode::OK)),
        InjectedFault::AppliedThenError => {
            drop(serve(world, raw, None, request, next).await);
            Outcome::Answered(plain_status(502, None))
        }
        InjectedFault::Latency { ms, jitter_ms } => {
            world.clock().pause(SignedDuration::from_millis(some(*ms, *jitter_ms, *dice))).await;
            Outcome::Answered(serve(world, raw, None, request, next).await)
        }
        InjectedFault::StaleRead { age_s, jitter_s } => {
            let age = SignedDuration::from_secs(some(*age_s, *jitter_s, *dice));
            let old = !age.is_zero() || (*age_s, *jitter_s) == (0, 0);
            Outcome::Answered(serve(world, raw, old.then_some(age), request, next).await)
        }
        InjectedFault::SlowDrip { .. }
        | InjectedFault::ResetMidBody
        | InjectedFault::Truncated
        | InjectedFault::ChunkAbort
        | InjectedFault::MalformedJson
        | InjectedFault::UnknownEnum { .. }
        | InjectedFault::ExtraFields
        | InjectedFault::MissingField { .. }
        | InjectedFault::NullField { .. } => Outcome::Answered(serve(world, raw, None, request, next).await),
    }
}

/// `least`, and more by chance.
fn some(least: u32, more: u32, dice: u64) -> i64 {
    i64::from(least) + i64::try_from(dice % (u64::from(more) + 1)).unwrap_or_default()
}

/// Nothing comes; the visitor's time goes by.
async fn silence(world: &World) -> Outcome {
    world.clock().pause(PATIENCE).await;
    Outcome::Silent
}

/// What an answer's body has become of; nothing when the fault finds nothing to hit there.
pub(super) fn content(struck: &Struck, kind: &HeaderMap, body: &Bytes) -> Option<(InjectedFault, Bytes)> {
    let fault = &struck.fault;
    let is_json =
        kind.get(header::CONTENT_TYPE).is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.contains("json")));
    if *fault == InjectedFault::MalformedJson {
        // Cut JSON cannot be read; cut text often can, and no server cuts that and gives a right length: only a
        // rule asks for it.
        let truncated = struck.by_chance && !is_json;
        let half = || body.slice(..body.len() / 2);
        return Some(if truncated {
            (InjectedFault::Truncated, body.clone())
        } else {
            (InjectedFault::MalformedJson, half())
        });
    }
    if fault.changes_content() {
        return alter::altered(fault, body, struck.dice).map(|body| (fault.clone(), body.into()));
    }
    Some((fault.clone(), body.clone()))
}

/// Sends an answer as its fault lets it: whole, a little at a time, or only half of it.
pub(super) async fn sent(world: &World, wire: &Wire, fault: Option<&Struck>, answer: Response<Bytes>) -> Response {
    let (mut head, body) = answer.into_parts();
    let Some(Struck { fault, by_chance, .. }) = fault else { return Response::from_parts(head, Body::from(body)) };
    let half = body.slice(..body.len() / 2);
    if let InjectedFault::SlowDrip { bytes_per_s } = fault {
        // By chance only virtual time is taken.
        if wire.is_in_memory() || *by_chance {
            let length = i64::try_from(body.len()).unwrap_or(i64::MAX);
            let takes = SignedDuration::from_secs(length / i64::from((*bytes_per_s).max(1)));
            world.clock().pause(takes.min(LONG_PATIENCE)).await;
            if takes >= LONG_PATIENCE {
                wire.cut(io::ErrorKind::TimedOut);
            }
            return Response::from_parts(head, Body::from(body));
        }
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        return Response::from_parts(head, Body::from_stream(drips(body, *bytes_per_s)));
    }
    if *fault == InjectedFault::ChunkAbort {
        head.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(head, Body::from_stream(cut_short(half, None)));
    }
    if matches!(fault, InjectedFault::Truncated | InjectedFault::ResetMidBody) {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len().max(2)));
        let wire = (*fault == InjectedFault::ResetMidBody).then(|| wire.clone());
        return Response::from_parts(head, Body::from_stream(cut_short(half, wire)));
    }
    Response::from_parts(head, Body::from(body))
}

/// A tenth of a second's bytes at a time.
fn drips(body: Bytes, bytes_per_s: u32) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let piece = usize::try_from(bytes_per_s / 10).unwrap_or(1).max(1);
    let pieces = (0..body.len().div_ceil(piece)).map(move |n| body.slice(n * piece..body.len().min((n + 1) * piece)));
    futures::stream::iter(pieces).then(|piece| async move {
        #[expect(clippy::disallowed_methods, reason = "bytes on a real socket take real time")]
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok::<_, io::Error>(piece)
    })
}

/// These bytes, then an end that is none, or a reset of the connection; the pause lets head and bytes leave first.
fn cut_short(bytes: Bytes, reset: Option<Wire>) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let breaks = async move {
        tokio::task::yield_now().await;
        if let Some(wire) = reset {
            wire.cut(io::ErrorKind::ConnectionReset);
        }
        Err(io::ErrorKind::ConnectionReset.into())
    };
    futures::stream::iter([Ok(bytes)]).chain(futures::stream::once(breaks))
}

/// The honest answer: the service's refusal, or what its route says; with an age, what it would have said then.
async fn serve(world: &World, raw: &Raw, age: Option<SignedDuration>, request: Request, next: Next) -> Response {
    let refusal = table::refuse(&raw.service, &raw.path, request.headers()).or_else(|| {
        let mut facts = world.facts();
        let service = raw.service.parse::<Service>().ok();
        let refusal = service.and_then(|service| {
            refusals::others_write(&mut facts, service, &raw.method, &raw.path);
            refusals::refuse(&mut facts, service, &raw.method, &raw.path)
        });
        refusal.or_else(|| table::admit(&mut facts, &raw.service, &raw.method, &raw.path, request.headers()))
    });
    if let Some(refusal) = refusal {
        return refusal;
    }
    let headers = request.headers().clone();
    let mut response = routed(world, raw, age, request, next).await;
    table::answered(&mut world.facts(), &raw.service, &raw.path, &headers, &mut response);
    response
}

/// What the route says, of the world as it is or as it was.
async fn routed(world: &World, raw: &Raw, age: Option<SignedDuration>, mut request: Request, next: Next) -> Response {
    let old = age.and_then(|age| world.as_of(age, &raw.service));
    let Some(old) = old.filter(|_| table::is_look_up(&raw.service, &raw.method, &raw.path)) else {
        return next.run(request).await;
    };
    // What the first routing found would be found twice.
    request.extensions_mut().clear();
    let answer = table::routes().with_state(old.clone()).oneshot(request).await;
    // What an answer names exists, however old the rest of it is.
    let (mut now, mut then) = (world.facts(), old.facts());
    now.aliases.append(&mut then.aliases);
    now.jira.accounts.append(&mut then.jira.accounts);
    drop((now, then));
    answer.unwrap_or_else(|never| match never {})
}

pub(super) fn plain_status(code: u16, retry_after_s: Option<u32>) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = format!("<html><body><h1>{code} {}</h1></body></html>", status.canonical_reason().unwrap_or("Error"));
    let mut response = (status, [(header::CONTENT_TYPE, "text/html")], page).into_response();
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An answer to the letter. A body that begins like JSON is declared as such unless a header says otherwise.
fn exactly(code: u16, headers: &std::collections::BTreeMap<String, String>, body: &str) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    let kind = if body.starts_with(['{', '[']) { "application/json" } else { "text/plain; charset=utf-8" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The same address once more.
fn redirect(world: &World, raw: &Raw) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    if let Ok(there) = HeaderValue::from_str(&format!("{}/{}{}", world.base_url(), raw.service, raw.path)) {
        response.headers_mut().insert(header::LOCATION, there);
    }
    response
}

fn login_page() -> Response {
    const PAGE: &str =
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}
