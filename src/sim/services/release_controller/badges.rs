//! What teams say of payloads by labels, as the release controller shows it.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::{document, text};
use crate::sim::wire;
use crate::sim::world::World;

/// The qualifiers of a payload: one whose label says nothing that is known is not there at all.
pub(super) async fn qualifiers(State(world): State<World>, Path(name): Path<String>) -> Response {
    let mut facts = world.facts();
    let known = facts.release_controller.streams.values().flatten().any(|tag| tag.name == name);
    if !known {
        let message = format!("unable to find release tag {name}, it may have been deleted");
        return text(StatusCode::NOT_FOUND, &message);
    }
    let seen = facts.kube.are_labels_seen();
    let mut shown = json!({ "qualifiers": {} });
    let (state, earned) = match facts.kube.state_of(&name, "qe").filter(|_| seen) {
        Some("Accepted") => ("Success", true),
        Some("Rejected") => ("Failure", false),
        Some(_) | None => return document(&shown),
    };
    shown["qualifiers"]["qe"] = json!({
        "aggregateState": state, "badgeName": "QE", "badgeEarned": earned, "badgePropagated": earned, "approval": true,
    });
    document(&shown)
}

/// The payloads that a team has accepted, newest first.
pub(super) async fn approvals(State(world): State<World>, RawQuery(query): RawQuery) -> Response {
    let query = wire::pairs(&query.unwrap_or_default());
    let Some(team) = query.get("team").filter(|team| !team.is_empty()) else {
        return text(StatusCode::BAD_REQUEST, "error: ?team must be specified");
    };
    let prefix = query.get("prefix").map_or("", String::as_str);
    let mut facts = world.facts();
    let seen = facts.kube.are_labels_seen();
    let controller = &facts.release_controller;
    let mut names = std::collections::BTreeSet::new();
    let accepted: Vec<Value> = controller
        .streams
        .values()
        .flatten()
        .filter(|tag| seen && tag.name.starts_with(prefix) && names.insert(&tag.name))
        .filter(|tag| facts.kube.state_of(&tag.name, team) == Some("Accepted"))
        .map(|tag| controller.short(tag))
        .collect();
    match query.get("index").map(|index| index.parse::<usize>()) {
        None => document(&Value::Array(accepted)),
        Some(Ok(index)) => document(&accepted.into_iter().nth(index).into_iter().collect()),
        Some(Err(_)) => text(StatusCode::BAD_REQUEST, "error: ?index must be non-negative integer"),
    }
}
