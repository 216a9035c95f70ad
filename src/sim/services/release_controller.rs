//! Simulated `release_controller`: streams and their tags; errors are plain text, documents are indented.
//!
//! After a promotion the change log, and with it the digest, is empty until it has been rendered.

mod badges;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::registry;
use crate::domain::dates::stamp;
use crate::sim::events::Event;
use crate::sim::facts::release_controller::{
    StreamEvent, Tag, latest_of, nightly, nightly_name, nightly_stream, suffix_of,
};
use crate::sim::scenario::candidate::VERIFIED;
use crate::sim::scenario::streams::Oddity;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/release_controller`.
pub fn router() -> Router<World> {
    Router::new()
        .route("/api/v1/releasestream/{stream}/latest", get(latest))
        .route("/api/v1/releasestream/{stream}/tags", get(tags))
        .route("/api/v1/releasestream/{stream}/release/{tag}", get(release))
        .route("/api/v1/releasestreams/approvals", get(badges::approvals))
        .route("/api/v1/releasestreams/{which}", get(streams))
        .route("/api/v1/releasetag/{tag}/qualifiers", get(badges::qualifiers))
}

/// Promotion, its verification, the rendering of the change log, and builds of other minors.
pub fn hear(facts: &mut Facts, event: &Event) {
    let release = facts.release.release.clone();
    let now = facts.now;
    if let Event::Stream(event) = event {
        built(facts, event);
    } else if *event == Event::Begin {
        days_builds(facts);
    } else if *event == Event::CandidateMade {
        for name in facts.release_controller.add_candidates(&facts.release, "Ready") {
            facts.schedule_in(VERIFIED, Event::Stream(StreamEvent::Judged { name, phase: "Accepted" }));
        }
    } else if *event == Event::Promote {
        facts.release_controller.add_stable(Some(release), "Ready", now);
    } else if *event == Event::PromotionAccepted {
        let _ = facts.release_controller.set_phase(&release.to_string(), "Accepted");
    } else if *event == Event::ChangeLogReady {
        facts.release_controller.change_log = true;
    }
}

fn built(facts: &mut Facts, event: &StreamEvent) {
    let now = facts.now;
    match event {
        StreamEvent::Nightly { minor } => {
            let name = nightly_name(*minor, "", now);
            facts.release_controller.add(nightly_stream(&name), nightly(&name, "Ready", now));
            let mut dice = facts.rng_for(&format!("judged {name}"));
            let rejected = dice.u32(0..100) < facts.release.streams.rejected_percent;
            let phase = if rejected { "Rejected" } else { "Accepted" };
            let after = SignedDuration::from_mins(dice.i64(60..150));
            facts.schedule_in(after, Event::Stream(StreamEvent::Judged { name, phase }));
        }
        StreamEvent::Stable { release } => {
            facts.release_controller.add_stable(Some(release.clone()), "Ready", now);
            let judged = StreamEvent::Judged { name: release.to_string(), phase: "Accepted" };
            facts.schedule_in(facts.release.timing.acceptance, Event::Stream(judged));
        }
        StreamEvent::Judged { name, phase } => {
            let _ = facts.release_controller.set_phase(name, phase);
        }
    }
}

/// Spreads the builds of other minors over the first day.
fn days_builds(facts: &mut Facts) {
    const DAY_MIN: i64 = 24 * 60;
    let streams = facts.release.streams.clone();
    for minor in streams.minors {
        let mut dice = facts.rng_for(&format!("builds of {minor}"));
        let share = DAY_MIN / i64::from(streams.nightlies.max(1));
        for nth in 0..i64::from(streams.nightlies) {
            let at = SignedDuration::from_mins(nth * share + dice.i64(0..share));
            facts.schedule_in(at, Event::Stream(StreamEvent::Nightly { minor }));
        }
        let release = format!("{minor}.{}", minor.minor() + 3).parse();
        if let (true, Ok(release)) = (streams.stables && minor != facts.release.release.minor(), release) {
            let at = SignedDuration::from_mins(dice.i64(0..DAY_MIN));
            facts.schedule_in(at, Event::Stream(StreamEvent::Stable { release }));
        }
    }
}

fn text(status: StatusCode, message: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{message}\n")).into_response()
}

/// A document as this service writes it: indented, with a line break at the end.
fn document(body: &Value) -> Response {
    let text = serde_json::to_string_pretty(body).unwrap_or_default() + "\n";
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn no_stream() -> Response {
    text(StatusCode::NOT_FOUND, "no release configuration exists with the requested name")
}

/// The tags that a stream shows now; the refusal when there are none to show.
fn shown<'f>(facts: &'f Facts, stream: &str) -> Result<Vec<&'f Tag>, Box<Response>> {
    let controller = &facts.release_controller;
    if controller.oddity(stream, facts.now) == Some(Oddity::Broken) {
        let refusal =
            text(StatusCode::INTERNAL_SERVER_ERROR, "unable to list image streams: context deadline exceeded");
        return Err(Box::new(refusal));
    }
    controller.shown(stream, facts.now).ok_or_else(|| Box::new(no_stream()))
}

async fn latest(State(world): State<World>, Path(stream): Path<String>, RawQuery(query): RawQuery) -> Response {
    let query = wire::pairs(&query.unwrap_or_default());
    let facts = world.facts();
    let controller = &facts.release_controller;
    let tags = match shown(&facts, &stream) {
        Ok(tags) => tags,
        Err(refusal) => return *refusal,
    };
    let heeded = controller.oddity(&stream, facts.now) != Some(Oddity::Foreign);
    let prefix = query.get("prefix").filter(|_| heeded).map_or("", String::as_str);
    let Ok(back) = query.get("rel").map_or(Ok(0), |n| n.parse::<usize>()) else {
        return text(StatusCode::BAD_REQUEST, "error: ?rel must be non-negative integer");
    };
    let Some(tag) = latest_of(tags, prefix, back) else {
        return text(StatusCode::NOT_FOUND, "no tags exist within the release that satisfy the request");
    };
    match query.get("format").map(String::as_str) {
        None | Some("json" | "") => document(&controller.short(tag)),
        Some("pullSpec") => text(StatusCode::OK, &tag.pull_spec),
        Some("name") => text(StatusCode::OK, &tag.name),
        Some("downloadURL") => text(StatusCode::OK, &format!("{}/artifacts/{}", controller.base, tag.name)),
        Some(_) => text(StatusCode::BAD_REQUEST, "format must be one of json, pullSpec, name, or downloadURL"),
    }
}

async fn tags(State(world): State<World>, Path(stream): Path<String>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let phases: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "phase")
        .map(|(_, phase)| phase)
        .collect();
    let facts = world.facts();
    let controller = &facts.release_controller;
    let tags = match shown(&facts, &stream) {
        Ok(tags) => tags,
        Err(refusal) => return *refusal,
    };
    let list: Vec<Value> = tags
        .into_iter()
        .filter(|tag| phases.is_empty() || phases.iter().any(|phase| phase == tag.phase))
        .map(|tag| controller.short(tag))
        .collect();
    document(&json!({ "name": stream, "tags": list }))
}

async fn streams(State(world): State<World>, Path(which): Path<String>) -> Response {
    let phase = match which.as_str() {
        "accepted" => Some("Accepted"),
        "rejected" => Some("Rejected"),
        "ready" => Some("Ready"),
        "all" => None,
        _ => return text(StatusCode::NOT_FOUND, "404 page not found"),
    };
    let facts = world.facts();
    let lists: serde_json::Map<String, Value> = facts
        .release_controller
        .streams
        .iter()
        .map(|(name, tags)| {
            let names =
                tags.iter().filter(|tag| phase.is_none_or(|phase| phase == tag.phase)).map(|tag| tag.name.clone());
            (name.clone(), names.collect())
        })
        .collect();
    document(&Value::Object(lists))
}

async fn release(
    State(world): State<World>,
    Path((stream, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let short = wire::pairs(&query.unwrap_or_default()).get("format").is_some_and(|format| format == "short");
    let mut facts = world.facts();
    let found = match shown(&facts, &stream) {
        Ok(tags) => tags.into_iter().find(|tag| tag.name == name).cloned(),
        Err(refusal) => return *refusal,
    };
    let Some(tag) = found else {
        // Each architecture has a service of its own.
        let others = facts.release_controller.streams.iter();
        let others = others.filter(|(other, _)| **other != stream && suffix_of(other) == suffix_of(&stream));
        let elsewhere = others.flat_map(|(_, tags)| tags).any(|tag| tag.name == name);
        let message = if elsewhere {
            format!("release tag {name} does not belong to release {stream}")
        } else {
            format!("unable to find release tag {name}, it may have been deleted")
        };
        return text(StatusCode::NOT_FOUND, &message);
    };
    let jobs =
        json!({ "upgrade": { "state": if tag.phase == "Accepted" { "Succeeded" } else { "Pending" }, "url": "" } });
    let mut shown = json!({
        "name": tag.name,
        "phase": tag.phase,
        "results": { "blockingJobs": jobs, "informingJobs": {} },
        "upgradesTo": [],
        "upgradesFrom": [],
    });
    if !short {
        shown["changeLog"] = json!("");
        shown["changeLogJson"] = change_log(&mut facts, &tag);
    }
    document(&shown)
}

/// Empty digests and zero times as long as the change log has not been rendered.
fn change_log(facts: &mut Facts, tag: &Tag) -> Value {
    let ours = tag.name == facts.release.release.to_string();
    let rendered = !ours || facts.release_controller.change_log;
    let digest = match tag.arch {
        Some(arch) if rendered => registry::payload_digest(facts, &format!("{}-{arch}", tag.name)).unwrap_or_default(),
        _ => String::new(),
    };
    let created = if rendered { stamp(tag.created) } else { "0001-01-01T00:00:00Z".to_owned() };
    let from = facts.release.previous.as_ref().map(ToString::to_string).unwrap_or_default();
    let promoted_from = facts.release.nightly().filter(|_| ours).unwrap_or_default().to_owned();
    json!({
        "from": { "name": if rendered { from } else { String::new() }, "created": created, "digest": "" },
        "to": { "name": tag.name, "created": created, "digest": digest, "promotedFrom": promoted_from },
        "components": [],
        "updatedImages": [],
    })
}
