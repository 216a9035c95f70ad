//! Simulated `kube`: the payload objects of the release controller, with labels that can be changed.
//!
//! Refusals are Status objects. Whoever brings no token is anonymous and may do nothing; one that is not right is
//! refused. Patches are merge patches or JSON patches, as for every object that is not built in.

mod patch;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::domain::dates::stamp;
use crate::sim::auth;
use crate::sim::facts::kube::{Changed, payloads};
use crate::sim::facts::release_controller::Tag;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

const GROUP: &str = "release.openshift.io";
const PLURAL: &str = "releasepayloads";
const ACCOUNT: &str = "system:serviceaccount:ci:release-qe";

/// Routes below `/kube`.
pub fn router() -> Router<World> {
    Router::new()
        .route("/version", get(version))
        .route("/version/", get(version))
        .route("/api", get(core_versions))
        .route("/api/", get(core_versions))
        .route("/apis", get(groups))
        .route("/apis/", get(groups))
        .route("/apis/release.openshift.io/v1alpha1", get(resources))
        .route("/apis/release.openshift.io/v1alpha1/namespaces/{namespace}/releasepayloads", get(list))
        .route(
            "/apis/release.openshift.io/v1alpha1/namespaces/{namespace}/releasepayloads/{name}",
            get(read).patch(write),
        )
}

/// A bearer token, or none.
pub fn refuse(path: &str, headers: &HeaderMap) -> Option<Response> {
    match auth::scheme(headers, "bearer") {
        Some(token) if token == auth::KUBE_TOKEN => None,
        Some(_) => Some(status(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized", Value::Null)),
        None => {
            let what = format!("User \"system:anonymous\" cannot get path \"{path}\"");
            Some(status(StatusCode::FORBIDDEN, "Forbidden", &format!("forbidden: {what}"), json!({})))
        }
    }
}

/// A refusal as the API server spells it.
fn status(code: StatusCode, reason: &str, message: &str, details: Value) -> Response {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason,
    });
    if !details.is_null() {
        body["details"] = details;
    }
    body["code"] = code.as_u16().into();
    wire::json(code, &body)
}

/// The same about one object.
fn about(code: StatusCode, reason: &str, name: &str, message: &str) -> Response {
    let message = format!("{PLURAL}.{GROUP} \"{name}\" {message}");
    status(code, reason, &message, json!({ "name": name, "group": GROUP, "kind": PLURAL }))
}

fn forbidden(verb: &str, namespace: &str, name: &str) -> Response {
    let message = format!(
        "is forbidden: User \"{ACCOUNT}\" cannot {verb} resource \"{PLURAL}\" in API group \"{GROUP}\" in the namespace \
         \"{namespace}\""
    );
    about(StatusCode::FORBIDDEN, "Forbidden", name, &message)
}

async fn version() -> Response {
    let body = json!({
        "major": "1", "minor": "31", "gitVersion": "v1.31.0", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.22", "compiler": "gc", "platform": "linux/amd64",
    });
    wire::json(StatusCode::OK, &body)
}

async fn core_versions() -> Response {
    wire::json(StatusCode::OK, &json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] }))
}

async fn groups() -> Response {
    let version = json!({ "groupVersion": format!("{GROUP}/v1alpha1"), "version": "v1alpha1" });
    let group = json!({ "name": GROUP, "versions": [version], "preferredVersion": version });
    wire::json(StatusCode::OK, &json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [group] }))
}

async fn resources() -> Response {
    let resource = json!({
        "name": PLURAL, "singularName": "releasepayload", "namespaced": true, "kind": "ReleasePayload",
        "verbs": ["get", "list", "patch"],
    });
    let body = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{GROUP}/v1alpha1"),
        "resources": [resource],
    });
    wire::json(StatusCode::OK, &body)
}

/// The payload object of a tag.
fn object(namespace: &str, tag: &Tag, changed: &Changed) -> Value {
    let uid = wire::sha1_hex(format!("{namespace}/{}", tag.name).as_bytes());
    let accepted = if tag.phase == "Accepted" { "True" } else { "False" };
    json!({
        "apiVersion": format!("{GROUP}/v1alpha1"),
        "kind": "ReleasePayload",
        "metadata": {
            "name": tag.name,
            "namespace": namespace,
            "uid": format!("{}-{}-4{}-8{}-{}", &uid[..8], &uid[8..12], &uid[13..16], &uid[17..20], &uid[20..32]),
            "resourceVersion": (1000 + changed.version).to_string(),
            "generation": 1,
            "creationTimestamp": stamp(tag.created),
            "labels": changed.labels,
            "annotations": changed.annotations,
        },
        "spec": {
            "payloadCoordinates": {
                "namespace": namespace, "imagestreamName": "release", "imagestreamTagName": tag.name,
            },
        },
        "status": {
            "conditions": [{
                "type": "PayloadAccepted", "status": accepted, "reason": "PayloadAccepted", "message": "",
                "lastTransitionTime": stamp(tag.created),
            }],
        },
    })
}

/// The object of this name; else the refusal.
fn found(facts: &Facts, verb: &str, namespace: &str, name: &str) -> Result<(Value, Changed), Box<Response>> {
    let Some(tags) = payloads(&facts.release_controller, namespace) else {
        return Err(Box::new(forbidden(verb, namespace, name)));
    };
    let Some(tag) = tags.into_iter().find(|tag| tag.name == name) else {
        return Err(Box::new(about(StatusCode::NOT_FOUND, "NotFound", name, "not found")));
    };
    let changed = facts.kube.object(namespace, name);
    Ok((object(namespace, tag, &changed), changed))
}

async fn read(State(world): State<World>, Path((namespace, name)): Path<(String, String)>) -> Response {
    match found(&world.facts(), "get", &namespace, &name) {
        Ok((object, _)) => wire::json(StatusCode::OK, &object),
        Err(refusal) => *refusal,
    }
}

async fn list(State(world): State<World>, Path(namespace): Path<String>, RawQuery(query): RawQuery) -> Response {
    let query = wire::pairs(&query.unwrap_or_default());
    let facts = world.facts();
    let Some(tags) = payloads(&facts.release_controller, &namespace) else {
        return forbidden("list", &namespace, "");
    };
    let selector = query.get("labelSelector").map(String::as_str).unwrap_or_default();
    let is_wanted = |changed: &Changed| {
        selector.split(',').filter(|part| !part.is_empty()).all(|part| match part.split_once('=') {
            Some((key, value)) => changed.labels.get(key).is_some_and(|own| own == value.trim_start_matches('=')),
            None => changed.labels.contains_key(part),
        })
    };
    let items: Vec<Value> = tags
        .into_iter()
        .map(|tag| (tag, facts.kube.object(&namespace, &tag.name)))
        .filter(|(_, changed)| is_wanted(changed))
        .map(|(tag, changed)| object(&namespace, tag, &changed))
        .collect();
    let body = json!({
        "apiVersion": format!("{GROUP}/v1alpha1"), "kind": "ReleasePayloadList",
        "metadata": { "resourceVersion": (1000 + facts.kube.version).to_string(), "continue": "" }, "items": items,
    });
    wire::json(StatusCode::OK, &body)
}

async fn write(
    State(world): State<World>,
    Path((namespace, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = wire::pairs(&query.unwrap_or_default());
    let kind = wire::header_text(&headers, "content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let Some(patched) = patch::of_kind(kind) else {
        let message = "the body of the request was in an unknown format - accepted media types include: \
                       application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
        return status(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message, json!({}));
    };
    let mut facts = world.facts();
    let (before, mut changed) = match found(&facts, "patch", &namespace, &name) {
        Ok(found) => found,
        Err(refusal) => return *refusal,
    };
    if facts.kube.read_only {
        return forbidden("patch", &namespace, &name);
    }
    let after = match patched(&before, &body) {
        Ok(after) => after,
        Err(patch::Refused::Unreadable(why)) => {
            let message = format!("error decoding patch: {why}");
            return status(StatusCode::BAD_REQUEST, "BadRequest", &message, Value::Null);
        }
        Err(patch::Refused::Inapplicable(why)) => {
            return status(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", &why, json!({}));
        }
    };
    let same_version = after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"];
    if facts.kube.conflicts > 0 || !same_version {
        facts.kube.conflicts = facts.kube.conflicts.saturating_sub(1);
        let message = "the object has been modified; please apply your changes to the latest version and try again";
        let message = format!("Operation cannot be fulfilled on {PLURAL}.{GROUP} \"{name}\": {message}");
        let details = json!({ "name": name, "group": GROUP, "kind": PLURAL });
        return status(StatusCode::CONFLICT, "Conflict", &message, details);
    }
    let checked = patch::texts(&after["metadata"]["labels"], true)
        .and_then(|labels| Ok((labels, patch::texts(&after["metadata"]["annotations"], false)?)));
    let (labels, annotations) = match checked {
        Ok(checked) => checked,
        Err(why) => {
            let message =
                format!("ReleasePayload.{GROUP} \"{name}\" is invalid: metadata.labels: Invalid value: {why}");
            let cause = json!({ "reason": "FieldValueInvalid", "message": why, "field": "metadata.labels" });
            let details = json!({ "name": name, "group": GROUP, "kind": "ReleasePayload", "causes": [cause] });
            return status(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", &message, details);
        }
    };
    let is_new = (&changed.labels, &changed.annotations) != (&labels, &annotations);
    (changed.labels, changed.annotations) = (labels, annotations);
    let dry = query.get("dryRun").is_some_and(|how| how == "All");
    if is_new && !dry {
        facts.kube.write(&namespace, &name, changed.clone());
    }
    match found(&facts, "get", &namespace, &name) {
        Ok((_, _)) if dry => wire::json(StatusCode::OK, &after),
        Ok((object, _)) => wire::json(StatusCode::OK, &object),
        Err(refusal) => *refusal,
    }
}
