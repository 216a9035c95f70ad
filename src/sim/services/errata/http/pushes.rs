//! Push jobs over HTTP.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::answers;
use super::super::push::{self, Refused, Wanted};
use super::{id_of, not_found, ok, refused, with_advisory};
use crate::sim::wire;
use crate::sim::world::World;

pub(super) async fn pushes(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    with_advisory(&world, &id, |facts, advisory| {
        let jobs: Vec<Value> = facts
            .errata
            .pushes
            .values()
            .filter(|job| job.advisory == advisory.id)
            .map(|job| answers::push(&facts.base_url, job))
            .collect();
        ok(&Value::Array(jobs))
    })
}

pub(super) async fn one_push(Shared(world): Shared<World>, Path((id, push)): Path<(String, u64)>) -> Response {
    with_advisory(&world, &id, |facts, advisory| {
        match facts.errata.pushes.get(&push).filter(|job| job.advisory == advisory.id) {
            Some(job) => ok(&answers::push(&facts.base_url, job)),
            None => wire::json(StatusCode::NOT_FOUND, &json!({ "error": "Push job not found" })),
        }
    })
}

pub(super) async fn start_push(
    Shared(world): Shared<World>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut facts = world.facts();
    let Some(id) = id_of(&facts, &id) else { return not_found() };
    let query = wire::pairs(query.as_deref().unwrap_or_default());
    let defaults = query.get("defaults").cloned().or_else(|| {
        let sent = wire::fields(&headers, &body)?;
        Some(sent.get("defaults")?.as_str()?.to_owned())
    });
    let bad = |text: &str| refused(StatusCode::BAD_REQUEST, "base", &[text.to_owned()]);
    let wanted = match defaults.as_deref() {
        Some("stage") => Wanted::Defaults,
        Some("live") => {
            return wire::json(StatusCode::FORBIDDEN, &json!({ "error": "You do not have permission to push live" }));
        }
        Some(_) => return bad("Unknown defaults"),
        None => {
            let targets: Option<Vec<String>> = serde_json::from_slice::<Vec<Value>>(&body)
                .ok()
                .and_then(|list| list.iter().map(|entry| entry.get("target")?.as_str().map(str::to_owned)).collect());
            match targets {
                Some(targets) if !targets.is_empty() => Wanted::Targets(targets),
                Some(_) | None => return bad("No push target given"),
            }
        }
    };
    match push::start(&mut facts, id, &wanted) {
        Err(Refused(text)) => bad(&text),
        Ok(jobs) => {
            let status = if jobs.is_empty() { StatusCode::OK } else { StatusCode::CREATED };
            let list: Vec<Value> = jobs
                .iter()
                .filter_map(|job| facts.errata.pushes.get(job))
                .map(|job| answers::push(&facts.base_url, job))
                .collect();
            wire::json(status, &Value::Array(list))
        }
    }
}
