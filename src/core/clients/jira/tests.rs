use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response as Reply};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::core::clients::http::Http;
use crate::core::clients::http::auth::Auth;
use crate::core::clients::http::policy::HttpPolicy;
use crate::core::clients::loopback::policy;
use crate::core::clock::{Clock, VirtualClock};
use crate::domain::service::Service;

type Seen = Arc<Mutex<Vec<String>>>;
type Answers = fn(&str) -> Reply;

/// A Jira that notes what it was asked.
async fn jira(api: JiraApi, answers: Answers) -> (Jira, Seen) {
    async fn answer(State((answers, seen)): State<(Answers, Seen)>, request: Request) -> Reply {
        let line = format!("{} {}", request.method(), request.uri());
        let body = axum::body::to_bytes(request.into_body(), 10_000).await.unwrap();
        seen.lock().unwrap().push(format!("{line} {}", String::from_utf8_lossy(&body)).trim_end().to_owned());
        answers(&line)
    }
    let seen = Seen::default();
    let app = Router::new().fallback(answer).with_state((answers, Arc::clone(&seen)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "the other end of this test")]
    tokio::spawn(async move { axum::serve(listener, app).await });
    let limits = HttpPolicy { tries: 1, ..policy() };
    let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
    let http = Http::new(limits, clock, CancellationToken::new()).unwrap();
    (Jira::new(http.service(Service::Jira, &base, Auth::None), api), seen)
}

fn json(value: Value) -> Reply {
    axum::Json(value).into_response()
}

fn issue(key: &str) -> Value {
    json!({"key": key, "fields": {"summary": "s", "status": {"name": "ON_QA"}, "subtasks": [{"key": "ART-2"}],
        "assignee": {"accountId": "x1"}, "priority": null, "labels": null, "surprise": 1}})
}

fn key(text: &str) -> JiraKey {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_issue_that_is_hidden_is_an_answer_and_a_refused_account_is_not() {
    let (jira, seen) = jira(JiraApi::Cloud, |line| match line {
        line if line.contains("ART-1?") => json(issue("ART-1")),
        line if line.contains("ART-3?") => StatusCode::FORBIDDEN.into_response(),
        line if line.contains("ART-4?") => {
            (StatusCode::FORBIDDEN, [("x-authentication-denied-reason", "CAPTCHA")]).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await;

    let found = jira.issue(&key("ART-1")).await.unwrap().unwrap();
    assert_eq!((found.status.as_str(), found.subtasks), ("ON_QA", vec![key("ART-2")]));
    assert_eq!(found.assignee.as_ref().map(AccountId::as_str), Some("x1"));
    assert_eq!(jira.issue(&key("ART-3")).await.unwrap(), None);
    assert_eq!(jira.issue(&key("ART-5")).await.unwrap(), None);
    assert_eq!(jira.issue(&key("ART-4")).await.unwrap_err().fault, Fault::Unauthorized(403));
    assert!(seen.lock().unwrap()[0].starts_with("GET /rest/api/3/issue/ART-1?fields=summary"));
}

#[tokio::test]
async fn a_search_follows_the_page_tokens_to_the_end() {
    let (jira, seen) = jira(JiraApi::Cloud, |line| {
        if line.contains("nextPageToken=second") {
            json(json!({"issues": [issue("A-3")], "isLast": true}))
        } else {
            json(json!({"issues": [issue("A-1"), issue("A-2")], "nextPageToken": "second"}))
        }
    })
    .await;
    let found = jira.issues(&[key("A-1"), key("A-2"), key("A-3")]).await.unwrap();
    assert_eq!(found.len(), 3);
    assert!(seen.lock().unwrap()[0].starts_with("GET /rest/api/3/search/jql?jql=key+in+%28A-1%2C+A-2%2C+A-3%29"));
}

#[tokio::test]
async fn a_page_token_that_repeats_is_no_endless_loop() {
    let (jira, seen) =
        jira(JiraApi::Cloud, |_| json(json!({"issues": [issue("A-1")], "nextPageToken": "again"}))).await;
    assert!(jira.search("project = A").await.is_err());
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_pages_by_position() {
    let (jira, seen) = jira(JiraApi::Server, |line| {
        let key = if line.contains("startAt=0") { "A-1" } else { "A-2" };
        json(json!({"issues": [issue(key)], "total": 2}))
    })
    .await;
    assert_eq!(jira.search("project = A").await.unwrap().len(), 2);
    assert!(
        seen.lock().unwrap()[1].starts_with("GET /rest/api/2/search?") && seen.lock().unwrap()[1].contains("startAt=1")
    );
}

#[tokio::test]
async fn an_account_is_found_by_its_exact_address_only() {
    let (jira, seen) = jira(JiraApi::Cloud, |line| {
        let user = |id: &str, mail: &str, active: bool| json!({"accountId": id, "emailAddress": mail, "active": active});
        if line.contains("query=two") {
            return json(json!([user("1", "two@example.com", true), user("2", "TWO@example.com", true)]));
        }
        json(json!([user("1", "first.name@example.com", true), user("2", "name@example.com", false), user("3", "Name@example.com", true), {"accountId": "4"}]))
    })
    .await;
    assert_eq!(
        jira.find_user("name@example.com").await.unwrap().map(|found| found.as_str().to_owned()),
        Some("3".to_owned())
    );
    assert_eq!(jira.find_user("nobody@example.com").await.unwrap(), None);
    assert!(matches!(jira.find_user("two@example.com").await.unwrap_err().fault, Fault::Ambiguous(_)));
    assert!(seen.lock().unwrap()[0].contains("query=name%40example.com"));
}

#[tokio::test]
async fn a_step_is_known_by_the_status_it_leads_to() {
    let (jira, seen) = jira(JiraApi::Cloud, |line| {
        if line.starts_with("POST") || line.starts_with("PUT") {
            return StatusCode::NO_CONTENT.into_response();
        }
        json(json!({"transitions": [{"id": "31", "name": "Start", "to": {"name": "In Progress"}}, {"id": "4", "name": "Closed"}]}))
    })
    .await;
    let steps = jira.transitions(&key("ART-2")).await.unwrap();
    assert_eq!(steps.iter().map(|step| step.to.as_str()).collect::<Vec<_>>(), ["In Progress", "Closed"]);
    jira.transition(&key("ART-2"), &steps[0]).await.unwrap();
    jira.assign(&key("ART-2"), &AccountId("x1".to_owned())).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[1], r#"POST /rest/api/3/issue/ART-2/transitions {"transition":{"id":"31"}}"#);
    assert_eq!(seen[2], r#"PUT /rest/api/3/issue/ART-2/assignee {"accountId":"x1"}"#);
}
