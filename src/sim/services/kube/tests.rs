use axum::http::Method;
use serde_json::{Value, json};

use crate::sim::services::visitor::{Answer, Visitor};

const PAYLOADS: &str = "/kube/apis/release.openshift.io/v1alpha1/namespaces/ocp/releasepayloads";
const LABEL: &str = "release.openshift.io/qe_state";

/// The nightly that everybody knows.
fn build(visitor: &Visitor) -> String {
    visitor.world.facts().release.nightly().expect("a nightly").to_owned()
}

async fn patch(visitor: &Visitor, name: &str, kind: &str, body: &Value) -> Answer {
    let path = format!("{PAYLOADS}/{name}");
    visitor.ask(Method::PATCH, &path, &[("content-type", kind)], body.to_string().into_bytes()).await
}

async fn label(visitor: &Visitor, name: &str, value: Value) -> Answer {
    let body = json!({ "metadata": { "labels": { LABEL: value } } });
    patch(visitor, name, "application/merge-patch+json", &body).await
}

/// Code, reason and message of a refusal, which all say the same.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    assert_eq!((body["kind"].as_str(), body["status"].as_str()), (Some("Status"), Some("Failure")));
    assert_eq!(body["code"], answer.status.as_u16());
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), text("reason"), text("message"))
}

async fn badge(visitor: &Visitor, tag: &str) -> Value {
    let answer = visitor.get(&format!("/release_controller/api/v1/releasetag/{tag}/qualifiers")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["qualifiers"]["qe"]["badgeEarned"].clone()
}

#[tokio::test]
async fn a_label_is_set_read_back_and_removed() {
    let visitor = Visitor::smooth();
    let name = build(&visitor);
    let first = visitor.get(&format!("{PAYLOADS}/{name}")).await.json();
    assert_eq!(first["metadata"]["labels"], json!({}));
    let written = label(&visitor, &name, json!("Accepted")).await;
    assert_eq!(written.status, 200, "{}", written.text);
    let read = visitor.get(&format!("{PAYLOADS}/{name}")).await.json();
    assert_eq!(read, written.json());
    assert_eq!(read["metadata"]["labels"][LABEL], "Accepted");
    assert_ne!(read["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert_eq!(label(&visitor, &name, json!("Accepted")).await.json(), read, "the same again is no change");
    let removed = label(&visitor, &name, Value::Null).await.json();
    assert_eq!(removed["metadata"]["labels"], json!({}));
}

#[tokio::test]
async fn a_json_patch_sets_a_label_and_a_failing_test_changes_nothing() {
    let visitor = Visitor::smooth();
    let name = build(&visitor);
    let path = "/metadata/labels/release.openshift.io~1qe_state";
    let kind = "application/json-patch+json";
    let add = json!([{ "op": "add", "path": path, "value": "Accepted" }]);
    let added = patch(&visitor, &name, kind, &add).await.json();
    assert_eq!(added["metadata"]["labels"][LABEL], "Accepted");
    let tested = json!([{ "op": "test", "path": path, "value": "Rejected" }, { "op": "remove", "path": path }]);
    assert_eq!(patch(&visitor, &name, kind, &tested).await.status, 422);
    assert_eq!(visitor.get(&format!("{PAYLOADS}/{name}")).await.json(), added);
}

#[tokio::test]
async fn refusals_are_status_objects_with_their_reason() {
    let visitor = Visitor::smooth();
    let name = build(&visitor);
    let wrong = visitor.ask(Method::GET, PAYLOADS, &[("authorization", "Bearer wrong")], Vec::new()).await;
    assert_eq!(refusal(&wrong), (401, "Unauthorized".to_owned(), "Unauthorized".to_owned()));
    let nobody = visitor.ask(Method::GET, PAYLOADS, &[("authorization", "")], Vec::new()).await;
    let (code, reason, message) = refusal(&nobody);
    assert_eq!((code, reason.as_str()), (403, "Forbidden"));
    assert!(message.contains("system:anonymous"), "{message}");

    let (code, reason, message) = refusal(&label(&visitor, "4.99.0", json!("Accepted")).await);
    let not_found = "releasepayloads.release.openshift.io \"4.99.0\" not found";
    assert_eq!((code, reason.as_str(), message.as_str()), (404, "NotFound", not_found));
    let (code, _, message) = refusal(&label(&visitor, &name, json!("not a label")).await);
    assert_eq!(code, 422);
    assert!(message.contains("a valid label must be"), "{message}");
    assert_eq!(refusal(&label(&visitor, &name, json!(7)).await).0, 422);
    let strategic = "application/strategic-merge-patch+json";
    assert_eq!(refusal(&patch(&visitor, &name, strategic, &json!({})).await).0, 415);
    assert_eq!(refusal(&patch(&visitor, &name, "application/merge-patch+json", &json!([])).await).0, 400);
    let elsewhere = PAYLOADS.replace("/ocp/", "/default/");
    assert_eq!(refusal(&visitor.get(&format!("{elsewhere}/{name}")).await).0, 403);
    visitor.world.facts().kube.read_only = true;
    assert_eq!(refusal(&label(&visitor, &name, json!("Accepted")).await).0, 403);
    assert!(visitor.world.facts().kube.objects.is_empty(), "nothing was written");
}

#[tokio::test]
async fn a_write_over_a_version_that_is_gone_is_a_conflict() {
    let visitor = Visitor::smooth();
    let name = build(&visitor);
    let body = json!({ "metadata": { "resourceVersion": "7", "labels": { LABEL: "Accepted" } } });
    let refused = patch(&visitor, &name, "application/merge-patch+json", &body).await;
    let (code, reason, message) = refusal(&refused);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert!(message.starts_with("Operation cannot be fulfilled on"), "{message}");
    visitor.world.facts().kube.conflicts = 1;
    assert_eq!(label(&visitor, &name, json!("Accepted")).await.status, 409);
    assert_eq!(label(&visitor, &name, json!("Accepted")).await.status, 200);
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let visitor = Visitor::smooth();
    let path = format!("{PAYLOADS}/{}?dryRun=All", build(&visitor));
    let body = json!({ "metadata": { "labels": { LABEL: "Accepted" } } }).to_string().into_bytes();
    let kind = ("content-type", "application/merge-patch+json");
    let answer = visitor.ask(Method::PATCH, &path, &[kind], body).await;
    assert_eq!(answer.json()["metadata"]["labels"][LABEL], "Accepted");
    assert!(visitor.world.facts().kube.objects.is_empty());
}

#[tokio::test]
async fn objects_are_listed_by_their_labels() {
    let visitor = Visitor::smooth();
    let name = build(&visitor);
    label(&visitor, &name, json!("Accepted")).await;
    let listed = visitor.get(&format!("{PAYLOADS}?labelSelector={LABEL}%3DAccepted")).await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["metadata"]["name"], name.as_str());
    assert!(visitor.get(PAYLOADS).await.json()["items"].as_array().is_some_and(|items| items.len() > 1));
}

#[tokio::test]
async fn the_release_controller_shows_the_badge_that_a_label_means() {
    let visitor = Visitor::smooth();
    let name = build(&visitor);
    assert_eq!(badge(&visitor, &name).await, Value::Null);
    label(&visitor, &name, json!("Accepted")).await;
    assert_eq!(badge(&visitor, &name).await, json!(true));
    let approved = visitor.get("/release_controller/api/v1/releasestreams/approvals?team=qe").await.json();
    assert_eq!((approved.as_array().map(Vec::len), approved[0]["name"].as_str()), (Some(1), Some(name.as_str())));
    label(&visitor, &name, json!("Rejected")).await;
    assert_eq!(badge(&visitor, &name).await, json!(false));
    label(&visitor, &name, json!("Undecided")).await;
    assert_eq!(badge(&visitor, &name).await, Value::Null);
    let unknown = visitor.get("/release_controller/api/v1/releasetag/4.99.0/qualifiers").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn a_badge_may_show_later_than_its_label() {
    let visitor = Visitor::smooth();
    let name = build(&visitor);
    label(&visitor, &name, json!("Accepted")).await;
    visitor.world.facts().kube.unseen = 2;
    assert_eq!(badge(&visitor, &name).await, Value::Null);
    assert_eq!(badge(&visitor, &name).await, Value::Null);
    assert_eq!(badge(&visitor, &name).await, json!(true));
}

#[tokio::test]
async fn badges_of_other_architectures_come_from_their_own_namespace() {
    let visitor = Visitor::smooth();
    let arm = visitor.world.facts().release.nightlies["aarch64"].clone();
    let path = format!("{}/{arm}", PAYLOADS.replace("/ocp/", "/ocp-arm64/"));
    let body = json!({ "metadata": { "labels": { LABEL: "Accepted" } } }).to_string().into_bytes();
    let kind = ("content-type", "application/merge-patch+json");
    assert_eq!(visitor.ask(Method::PATCH, &path, &[kind], body).await.status, 200);
    assert_eq!(badge(&visitor, &arm).await, json!(true));
    assert_eq!(label(&visitor, &arm, json!("Accepted")).await.status, 404);
}
