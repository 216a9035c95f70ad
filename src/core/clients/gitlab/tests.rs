use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse as _, Response as Reply};
use http::{HeaderName, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::core::clients::http::Http;
use crate::core::clients::http::auth::Auth;
use crate::core::clients::http::policy::HttpPolicy;
use crate::core::clients::loopback::policy;
use crate::core::clock::{Clock, VirtualClock};
use crate::domain::ids::MrIid;
use crate::domain::service::Service;

type Seen = Arc<Mutex<Vec<String>>>;
type Answers = fn(&str) -> Reply;

/// A GitLab that notes what it was asked, in a project `group/data`.
async fn gitlab(answers: Answers) -> (Gitlab, MrAddress, Seen) {
    async fn answer(State((answers, seen)): State<(Answers, Seen)>, request: Request) -> Reply {
        let token =
            request.headers().get("private-token").map_or(String::new(), |value| value.to_str().unwrap().to_owned());
        let line = format!("{} {}", request.method(), request.uri());
        let body = axum::body::to_bytes(request.into_body(), 10_000).await.unwrap();
        seen.lock().unwrap().push(format!("{line} {}", String::from_utf8_lossy(&body)).trim_end().to_owned());
        if token == "sesame" { answers(&line) } else { StatusCode::UNAUTHORIZED.into_response() }
    }
    let seen = Seen::default();
    let app = Router::new().fallback(answer).with_state((answers, Arc::clone(&seen)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/gitlab/", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "the other end of this test")]
    tokio::spawn(async move { axum::serve(listener, app).await });
    let limits = {
        let rewrites = vec![("https://gitlab.example.com".to_owned(), base.trim_end_matches('/').to_owned())];
        HttpPolicy { rewrites, ..policy() }
    };
    let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
    let http = Http::new(limits, clock, CancellationToken::new()).unwrap();
    let auth = Auth::Header { name: HeaderName::from_static("private-token"), secret: "sesame".to_owned().into() };
    let gitlab = Gitlab::new(http.service(Service::Gitlab, &base, auth));
    let address = MrAddress { project: "group/data".to_owned(), iid: MrIid::new(7) };
    (gitlab, address, seen)
}

fn json(value: Value) -> Reply {
    axum::Json(value).into_response()
}

#[tokio::test]
async fn addresses_in_data_are_read_after_the_rewrites() {
    let (gitlab, address, _) = gitlab(|_| json(json!(null))).await;
    assert_eq!(gitlab.address(" https://gitlab.example.com/group/data/-/merge_requests/7"), Ok(address));
    assert!(gitlab.address("https://gitlab.example.org/group/data/-/merge_requests/7").is_err());
}

#[tokio::test]
async fn a_merge_request_is_read_with_its_project_path_encoded() {
    let (gitlab, address, seen) = gitlab(|_| {
        json(json!({"state": "locked", "title": "Shipment for 4.20.17", "labels": ["x"], "sha": "old",
            "diff_refs": {"head_sha": "new"}, "source_branch": "b", "web_url": "https://gitlab.example.com/7", "extra": 1}))
    })
    .await;

    let mr = gitlab.merge_request(&address).await.unwrap();

    assert_eq!((mr.head_sha.as_str(), &mr.state), ("new", &MrState::Other("locked".to_owned())));
    assert_eq!(*seen.lock().unwrap(), ["GET /gitlab/api/v4/projects/group%2Fdata/merge_requests/7"]);
}

#[tokio::test]
async fn files_are_read_at_a_commit_and_decoded() {
    let (gitlab, _, seen) = gitlab(|_| json(json!({"encoding": "base64", "content": "c2hpcG1l\nbnQ6IHt9"}))).await;

    assert_eq!(gitlab.file("group/data", "shipment/a b.yaml", "abc").await.unwrap(), "shipment: {}");

    let wanted = "GET /gitlab/api/v4/projects/group%2Fdata/repository/files/shipment%2Fa%20b.yaml?ref=abc";
    assert_eq!(*seen.lock().unwrap(), [wanted]);
}

#[tokio::test]
async fn lists_are_read_to_the_last_page() {
    let (gitlab, address, seen) = gitlab(|line| {
        let count = if line.contains("page=1&") { 100 } else { 3 };
        json((0..count).map(|n| json!({"new_path": format!("{n}.yaml"), "deleted_file": n == 1})).collect())
    })
    .await;

    let files = gitlab.changed_files(&address).await.unwrap();

    assert_eq!(files.len(), 103);
    assert_eq!(files.iter().filter(|file| file.deleted).count(), 2);
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn an_endless_list_is_given_up() {
    let (gitlab, address, seen) =
        gitlab(|_| json((0..100).map(|n| json!({"new_path": format!("{n}.yaml")})).collect())).await;
    let error = gitlab.changed_files(&address).await.unwrap_err();
    assert!(matches!(&error.fault, Fault::Unreadable(why) if why.contains("pages")), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 50);
}

#[tokio::test]
async fn a_login_page_is_named_as_such_and_a_refusal_keeps_its_text() {
    let (gitlab, address, _) = gitlab(|line| match line {
        line if line.contains("/approvals") => Html("<!DOCTYPE html><title>Sign in</title>").into_response(),
        _ => (StatusCode::CONFLICT, "SHA does not match HEAD").into_response(),
    })
    .await;
    let page = gitlab.approvals(&address).await.unwrap_err();
    assert!(page.to_string().contains("a web page instead of JSON"), "{page}");
    let stale = gitlab.approve(&address, "abc").await.unwrap_err();
    assert_eq!((&stale.fault, stale.excerpt()), (&Fault::Status(409), Some("SHA does not match HEAD")));
}

#[tokio::test]
async fn an_approval_names_the_commit_and_a_comment_is_sent_once() {
    let (gitlab, address, seen) =
        gitlab(|line| if line.contains("/notes") { StatusCode::BAD_GATEWAY.into_response() } else { json(json!({})) })
            .await;

    gitlab.approve(&address, "abc").await.unwrap();
    assert!(gitlab.add_note(&address, "a & b").await.unwrap_err().may_have_happened());

    let base = "POST /gitlab/api/v4/projects/group%2Fdata/merge_requests/7";
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], format!("{base}/approve sha=abc"));
    assert_eq!(seen[1..], [format!("{base}/notes body=a+%26+b")]);
}

#[tokio::test]
async fn several_accounts_for_one_address_are_refused() {
    let (gitlab, _, seen) = gitlab(|_| {
        json(json!([{"id": 1, "username": "a", "state": "active"}, {"id": 2, "username": "b", "state": "active"},
            {"id": 3, "username": "c", "state": "blocked"}]))
    })
    .await;
    let error = gitlab.find_user("name@example.com").await.unwrap_err();
    assert!(matches!(error.fault, Fault::Ambiguous(_)), "{error}");
    assert!(seen.lock().unwrap()[0].contains("search=name%40example.com"), "the whole address is searched");
}

#[tokio::test]
async fn jobs_and_bridges_of_a_pipeline_come_together() {
    let (gitlab, _, _) = gitlab(|line| {
        if line.contains("/bridges") {
            json(json!([{"id": 2, "name": "b", "stage": "s", "status": "success", "downstream_pipeline": {"status": "failed"}}]))
        } else {
            json(json!([{"id": 1, "name": "a", "stage": "s", "status": "brand_new", "allow_failure": true}]))
        }
    })
    .await;
    let jobs = gitlab.stage_jobs("group/data", 5).await.unwrap();
    let found: Vec<_> = jobs.iter().map(|job| (job.id, job.status.as_str(), job.downstream.as_deref())).collect();
    assert_eq!(found, [(1, "brand_new", None), (2, "success", Some("failed"))]);
}
