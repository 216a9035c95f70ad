//! Stands between visitors and services: what hits each request, and the record of it. `play` plays it.

use std::collections::BTreeMap;
use std::io;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::MOST_BYTES;
use super::connection::Wire;
use super::play::{Outcome, carried_out, content, plain_status, sent};
use crate::sim::faults::rules::Struck;
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
    let struck = struck(&world, &raw);
    raw.fault = struck.as_ref().map(|struck| struck.fault.name());
    if struck.is_none() && !table::is_look_up(&raw.service, &raw.method, &raw.path) {
        world.before_change(&raw.service);
    }
    let again = Request::from_parts(parts, Body::from(body));
    match carried_out(&world, &raw, struck.as_ref(), again, next).await {
        Outcome::Answered(answer) => kept(&world, raw, struck.as_ref(), &wire, answer).await,
        Outcome::Broken(end) => {
            world.journal().push(raw);
            wire.cut(end);
            StatusCode::NO_CONTENT.into_response()
        }
        Outcome::Silent => {
            world.journal().push(raw);
            world.hangs().notify_one();
            // Without a socket nobody waits in real time: the visitor's patience has run out already.
            if wire.is_in_memory() {
                wire.cut(io::ErrorKind::TimedOut);
                return StatusCode::NO_CONTENT.into_response();
            }
            // By chance only virtual time is taken: in the end a proxy gives up.
            if struck.is_some_and(|struck| struck.by_chance) {
                return plain_status(504, None);
            }
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
fn struck(world: &World, raw: &Raw) -> Option<Struck> {
    let (mut random, mut old) = {
        let faults = world.faults();
        (faults.is_random(), faults.may_be_old())
    };
    {
        let facts = world.facts();
        random |= facts.disturbances.are_random();
        old |= facts.disturbances.may_be_old();
    }
    world.keep_history(old);
    let key = if random { world.journal().key(&raw.method, &raw.service, &raw.path, &raw.body) } else { 0 };
    let struck = {
        let mut faults = world.faults();
        let dice = if random { faults.dice(key) } else { 0 };
        faults.strike(&raw.service, &raw.method, &raw.path, dice).ok_or(dice)
    };
    struck.map_or_else(
        |dice| refusals::fault(&world.facts(), raw.service.parse().ok()?, &raw.method, &raw.path, dice),
        Some,
    )
}

/// Keeps the request with its answer, and sends that as its fault lets it.
async fn kept(world: &World, mut raw: Raw, struck: Option<&Struck>, wire: &Wire, answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let mut body = to_bytes(body, MOST_BYTES).await.unwrap_or_default();
    let mut hit = None;
    if let Some(struck) = struck
        && let Some((fault, hurt)) = content(struck, &head.headers, &body)
    {
        if hurt.len() != body.len() {
            head.headers.remove(header::CONTENT_LENGTH);
        }
        (hit, body) = (Some(Struck { fault, ..*struck }), hurt);
    }
    raw.fault = hit.as_ref().map(|struck| struck.fault.name());
    raw.status = head.status.as_u16();
    raw.unmatched = head.extensions.get::<Unmatched>().is_some();
    raw.response = body.clone();
    let aliases = std::mem::take(&mut world.facts().aliases);
    {
        let mut journal = world.journal();
        for (real, stable) in aliases {
            journal.alias(&real, &stable);
        }
        journal.push(raw);
    }
    sent(world, wire, hit.as_ref(), Response::from_parts(head, body)).await
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
