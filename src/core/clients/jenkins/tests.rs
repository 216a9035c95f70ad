use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use serde_json::json;

use super::*;
use crate::core::clients::error::Quote;
use crate::core::clients::loopback::talk_to;
use crate::domain::service::Service;

#[test]
fn a_job_in_a_folder_has_a_path_of_its_own() {
    assert_eq!(job_path("zstreams/Stage-Pipeline"), "/job/zstreams/job/Stage-Pipeline");
}

#[test]
fn a_queue_item_is_ours_by_the_address_of_its_job_not_by_its_short_name() {
    let item = |url: &str| -> WireItem {
        serde_json::from_value(json!({"id": 7, "task": {"name": "Stage-Pipeline", "url": url}})).unwrap()
    };
    let path = job_path("zstreams/Stage-Pipeline");
    assert!(item("https://ci.example.com/job/zstreams/job/Stage-Pipeline/").is_of(&path));
    assert!(!item("https://ci.example.com/job/other/job/Stage-Pipeline/").is_of(&path));
}

#[test]
fn parameters_are_read_from_any_object_with_a_name_and_a_value() {
    let build: WireBuild = serde_json::from_value(json!({
        "number": 12, "url": "u", "building": false, "result": "SUCCESS", "timestamp": 1000,
        "actions": [{}, null, {"parameters": [
            {"_class": "DynamicReferenceParameterValue", "name": "PULL_SPEC", "value": "registry.example.com/x:1"},
            {"name": "FLAG", "value": true},
            {"name": "SECRET"},
        ]}],
    }))
    .unwrap();
    let build = build.into_build();
    assert_eq!(build.state, BuildState::Success);
    assert_eq!(build.parameters["PULL_SPEC"], "registry.example.com/x:1");
    assert_eq!(build.parameters["FLAG"], "true");
    assert_eq!(build.parameters.len(), 2);
}

#[test]
fn a_result_that_shows_up_while_the_build_runs_does_not_end_it() {
    for wire in [
        json!({"number": 1, "building": true, "result": "FAILURE"}),
        json!({"number": 1, "inProgress": true, "result": "UNSTABLE"}),
        json!({"number": 1, "building": false, "result": null}),
    ] {
        let build: WireBuild = serde_json::from_value(wire.clone()).unwrap();
        assert_eq!(build.into_build().state, BuildState::Building, "{wire}");
    }
}

#[test]
fn a_queue_item_tells_its_parameters_as_lines_too() {
    let item: WireItem =
        serde_json::from_value(json!({"id": 7, "params": "\nVERSION=4.20\nPULL_SPEC=registry.example.com/a:b=c"}))
            .unwrap();
    let item = item.into_item("https://ci.example.com");
    assert_eq!(item.parameters["PULL_SPEC"], "registry.example.com/a:b=c");
    assert_eq!(queue_id(&item.url), Some(7));
    assert_eq!(queue_id("https://ci.example.com/job/zstreams/job/Stage-Pipeline/12/"), None);
}

#[test]
fn only_a_refusal_that_names_the_crumb_is_answered_with_one() {
    let refused = |code, text: &str| ClientError {
        said: Some(Box::new(Quote { excerpt: Some(text.to_owned()), ..Quote::default() })),
        ..ClientError::new(Service::Jenkins, "start build", Fault::Unauthorized(code))
    };
    assert!(wants_crumb(&refused(403, "No valid crumb was included in the request")));
    assert!(!wants_crumb(&refused(403, "user is missing the Job/Build permission")));
    assert!(!wants_crumb(&refused(401, "No valid crumb")));
}

const TRIGGER: &str = "/job/zstreams/job/Stage-Pipeline/buildWithParameters";

async fn trigger(router: Router) -> Result<QueueItem, ClientError> {
    talk_to(router, Service::Jenkins, async |http| {
        Jenkins::new(http).trigger("zstreams/Stage-Pipeline", &[("PULL_SPEC", "registry.example.com/a:1")]).await
    })
    .await
}

#[tokio::test]
async fn a_build_is_ordered_with_its_parameters_in_the_query() {
    let router = Router::new().route(
        TRIGGER,
        post(|uri: Uri| async move {
            assert_eq!(uri.query(), Some("PULL_SPEC=registry.example.com%2Fa%3A1"));
            (StatusCode::CREATED, [("location", "https://ci.example.com/queue/item/31/")])
        }),
    );
    let item = trigger(router).await.unwrap();
    assert_eq!((item.id, item.url.as_str()), (31, "https://ci.example.com/queue/item/31/"));
}

#[tokio::test]
async fn a_server_that_wants_a_crumb_gets_one_with_its_session() {
    let tries = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&tries);
    let crumb = || async {
        let answer = json!({"crumbRequestField": "Jenkins-Crumb", "crumb": "c-1"}).to_string();
        ([("set-cookie", "JSESSIONID=s-1; Path=/; HttpOnly")], answer)
    };
    let build = |headers: HeaderMap| async move {
        seen.fetch_add(1, Ordering::Relaxed);
        let sent = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match (sent("jenkins-crumb").as_deref(), sent("cookie").as_deref()) {
            (Some("c-1"), Some("JSESSIONID=s-1")) => {
                (StatusCode::CREATED, [("location", "https://ci.example.com/queue/item/1/")]).into_response()
            }
            _ => (StatusCode::FORBIDDEN, "No valid crumb was included in the request").into_response(),
        }
    };
    let router = Router::new().route("/crumbIssuer/api/json", get(crumb)).route(TRIGGER, post(build));
    assert_eq!(trigger(router).await.unwrap().id, 1);
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_order_without_a_clear_answer_may_have_been_taken_and_is_not_repeated() {
    for (status, body) in [(201, ""), (200, "<html>please log in</html>"), (500, "stack trace")] {
        let tries = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&tries);
        let answer = move || async move {
            seen.fetch_add(1, Ordering::Relaxed);
            (StatusCode::from_u16(status).unwrap(), body)
        };
        let error = trigger(Router::new().route(TRIGGER, post(answer))).await.unwrap_err();
        assert!(error.may_have_happened(), "{error}");
        assert_eq!(tries.load(Ordering::Relaxed), 1, "{status}");
    }
}
