//! Simulated `release_controller`: streams and their tags; errors are plain text.
//!
//! After a promotion the change log, and with it the digest, is empty until it has been rendered.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::registry;
use crate::domain::dates::stamp;
use crate::sim::events::Event;
use crate::sim::facts::release_controller::{STABLE, Tag, payload, stable_stream};
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/release_controller`.
pub fn router() -> Router<World> {
    Router::new()
        .route("/api/v1/releasestream/{stream}/latest", get(latest))
        .route("/api/v1/releasestream/{stream}/tags", get(tags))
        .route("/api/v1/releasestream/{stream}/release/{tag}", get(release))
        .route("/api/v1/releasestreams/{which}", get(streams))
}

/// Promotion, its verification, and the rendering of the change log.
pub fn hear(facts: &mut Facts, event: &Event) {
    let release = facts.release.release.clone();
    let name = release.to_string();
    if *event == Event::Promote {
        let stream = stable_stream(&release);
        let now = facts.now;
        for (suffix, arch) in STABLE {
            let tags = facts.release_controller.streams.entry(format!("{stream}{suffix}")).or_default();
            if tags.iter().all(|tag| tag.name != name) {
                tags.insert(0, payload(&release, arch, "Ready", now));
            }
        }
    } else if *event == Event::PromotionAccepted {
        let _ = facts.release_controller.set_phase(&name, "Accepted");
    } else if *event == Event::ChangeLogReady {
        facts.release_controller.change_log = true;
    }
}

fn text(status: StatusCode, message: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{message}\n")).into_response()
}

fn no_stream() -> Response {
    text(StatusCode::NOT_FOUND, "no release configuration exists with the requested name")
}

async fn latest(State(world): State<World>, Path(stream): Path<String>, RawQuery(query): RawQuery) -> Response {
    let query = wire::pairs(&query.unwrap_or_default());
    let facts = world.facts();
    let controller = &facts.release_controller;
    let Some(tags) = controller.streams.get(&stream) else { return no_stream() };
    let prefix = query.get("prefix").map_or("", String::as_str);
    let mut fitting: Vec<&Tag> =
        tags.iter().filter(|tag| tag.phase == "Accepted" && tag.name.starts_with(prefix)).collect();
    fitting.sort_by_key(|tag| std::cmp::Reverse(semver::Version::parse(&tag.name).ok()));
    let back = query.get("rel").and_then(|n| n.parse().ok()).unwrap_or(0);
    let Some(tag) = fitting.get(back) else {
        return text(StatusCode::NOT_FOUND, "no tags exist within the release that satisfy the request");
    };
    match query.get("format").map(String::as_str) {
        None | Some("json" | "") => wire::json(StatusCode::OK, &controller.short(tag)),
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
    let Some(tags) = controller.streams.get(&stream) else { return no_stream() };
    let list: Vec<Value> = tags
        .iter()
        .filter(|tag| phases.is_empty() || phases.iter().any(|phase| phase == tag.phase))
        .map(|tag| controller.short(tag))
        .collect();
    wire::json(StatusCode::OK, &json!({ "name": stream, "tags": list }))
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
    wire::json(StatusCode::OK, &Value::Object(lists))
}

async fn release(
    State(world): State<World>,
    Path((stream, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let short = wire::pairs(&query.unwrap_or_default()).get("format").is_some_and(|format| format == "short");
    let mut facts = world.facts();
    let Some(tags) = facts.release_controller.streams.get(&stream) else { return no_stream() };
    let Some(tag) = tags.iter().find(|tag| tag.name == name).cloned() else {
        let elsewhere = facts.release_controller.streams.values().flatten().any(|tag| tag.name == name);
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
    wire::json(StatusCode::OK, &shown)
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
