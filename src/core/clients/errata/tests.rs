use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::push::PushStart;
use super::*;
use crate::core::clients::http::Http;
use crate::core::clients::http::auth::Auth;
use crate::core::clients::http::policy::HttpPolicy;
use crate::core::clients::loopback::policy;
use crate::core::clock::{Clock, VirtualClock};
use crate::domain::push::PushState;
use crate::domain::service::Service;

const ID: AdvisoryId = AdvisoryId::new(160_001);

/// Runs `ask` against a service that gives one answer to everything; the requests as `METHOD path body`.
async fn with_answer<T>(status: u16, body: &'static str, ask: impl AsyncFnOnce(Errata) -> T) -> (T, Vec<String>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let answer = move |method: http::Method, uri: http::Uri, sent: String| {
        record.lock().unwrap().push(format!("{method} {uri} {sent}").trim_end().to_owned());
        std::future::ready((http::StatusCode::from_u16(status).unwrap(), body))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let limits = HttpPolicy { tries: 1, ..policy() };
    let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
    let http = Http::new(limits, clock, CancellationToken::new()).unwrap();
    let errata = Errata::new(http.service(Service::Errata, &base, Auth::None));
    let server = axum::serve(listener, axum::Router::new().fallback(answer)).into_future();
    let value = tokio::select! {
        value = ask(errata) => value,
        ended = server => unreachable!("the server goes on: {ended:?}"),
    };
    let seen = seen.lock().unwrap().clone();
    (value, seen)
}

const ADVISORY: &str = r#"{"errata":{"rhsa":{"id":160001,"fulladvisory":"RHSA-2026:160001-02","status":"QE","rhnqa":0,
    "blocking_advisories":[160000],"dependent_advisories":[],"made_up":1}},"content":{},"bugs":{"bugs":[]},
    "jira_issues":{"jira_issues":[{"jira_issue":{"key":"OCPBUGS-1"}},{"jira_issue":{"key":"OCPBUGS-2"}}]}}"#;

#[tokio::test]
async fn an_advisory_is_read_with_one_request_whatever_its_kind() {
    let (advisory, seen) = with_answer(200, ADVISORY, async |errata| errata.advisory(ID).await).await;
    let advisory = advisory.unwrap();
    assert_eq!(seen, ["GET /api/v1/erratum/160001"]);
    assert_eq!((advisory.id, &advisory.kind, &advisory.state), (ID, &ErratumKind::Rhsa, &AdvisoryState::Qe));
    assert_eq!((advisory.blocking.as_slice(), advisory.staged), ([AdvisoryId::new(160_000)].as_slice(), Some(false)));
    assert_eq!(advisory.issues.iter().map(JiraKey::as_str).collect::<Vec<_>>(), ["OCPBUGS-1", "OCPBUGS-2"]);
}

#[tokio::test]
async fn unknown_states_are_kept_and_missing_fields_are_named() {
    const STRANGE: &str = r#"{"errata":{"rhba":{"id":1,"fulladvisory":"x","status":"UNHEARD_OF","blocking_advisories":null}},
        "jira_issues":{"jira_issues":[]}}"#;
    let (advisory, _) = with_answer(200, STRANGE, async |errata| errata.advisory(ID).await).await;
    let advisory = advisory.unwrap();
    assert_eq!((advisory.state, advisory.staged), (AdvisoryState::Other("UNHEARD_OF".to_owned()), None));
    const POOR: &str = r#"{"errata":{"rhba":{"id":1,"fulladvisory":"x"}},"jira_issues":{"jira_issues":[]}}"#;
    let (advisory, _) = with_answer(200, POOR, async |errata| errata.advisory(ID).await).await;
    assert!(advisory.unwrap_err().to_string().contains("missing field `status`"));
    let (advisory, _) = with_answer(200, r#"{"errata":{"rhba":{}}}"#, async |errata| errata.advisory(ID).await).await;
    assert!(advisory.unwrap_err().to_string().contains("missing field `jira_issues`"));
}

#[tokio::test]
async fn builds_of_all_products_are_reported_by_name_and_an_empty_advisory_has_none() {
    const BUILDS: &str =
        r#"{"P-1":{"name":"P-1","builds":[{"demo-1-1.el9":{"id":1}},{"demo-2-1.el9":{}}]},"P-2":{"builds":[]}}"#;
    let (builds, _) = with_answer(200, BUILDS, async |errata| errata.builds(ID).await).await;
    assert_eq!(builds.unwrap().into_iter().collect::<Vec<_>>(), ["demo-1-1.el9", "demo-2-1.el9"]);
    let (builds, _) = with_answer(200, "{}", async |errata| errata.builds(ID).await).await;
    assert!(builds.unwrap().is_empty());
}

/// Sending more than the one attribute would overwrite what others wrote meanwhile.
#[tokio::test]
async fn setting_the_owner_sends_that_attribute_alone() {
    let (done, seen) = with_answer(204, "", async |errata| errata.set_owner(ID, "qe@example.com").await).await;
    done.unwrap();
    assert_eq!(seen, ["PUT /api/v1/erratum/160001 advisory%5Bassigned_to_email%5D=qe%40example.com"]);
    const UNKNOWN: &str = r#"{"errors":{"assigned_to_email":["is not a user"]}}"#;
    let (done, _) = with_answer(422, UNKNOWN, async |errata| errata.set_owner(ID, "who@example.com").await).await;
    assert_eq!(done.unwrap_err().fault, Fault::Refused("assigned_to_email is not a user".to_owned()));
}

#[tokio::test]
async fn a_refused_move_tells_every_reason() {
    let to = AdvisoryState::RelPrep;
    let (done, seen) = with_answer(201, "", async |errata| errata.change_state(ID, &to).await).await;
    done.unwrap();
    assert_eq!(seen, ["POST /api/v1/erratum/160001/change_state new_state=REL_PREP"]);
    const GUARDS: &str = r#"{"errors":{"base":["Docs are not approved","Stage push is not complete"]}}"#;
    let (done, _) = with_answer(422, GUARDS, async |errata| errata.change_state(ID, &to).await).await;
    let error = done.unwrap_err();
    assert_eq!(error.fault, Fault::Refused("Docs are not approved; Stage push is not complete".to_owned()));
    assert!(!error.may_have_happened());
}

#[test]
fn complaints_are_read_in_all_their_forms() {
    for body in [r#"{"error":"no"}"#, r#"{"error":["no"]}"#, r#"{"errors":{"base":["no"]}}"#, r#"{"errors":["no"]}"#] {
        assert_eq!(complaints(body.as_bytes()), ["no"], "{body}");
    }
    assert!(complaints(b"<html>").is_empty() && complaints(b"{}").is_empty());
}

const JOBS: &str = r#"[{"id":901,"status":"WAITING_ON_PUB","target":{"id":4,"name":"cdn_stage"},"pub_task":null},
    {"id":902,"status":"UNHEARD_OF","target":{"id":5,"name":"cdn"}}]"#;

#[tokio::test]
async fn push_jobs_come_with_target_and_state() {
    let (jobs, seen) = with_answer(200, JOBS, async |errata| errata.push_jobs(ID).await).await;
    let jobs = jobs.unwrap();
    assert_eq!(seen, ["GET /api/v1/erratum/160001/push"]);
    assert_eq!((jobs[0].id, jobs[0].target.as_str(), &jobs[0].state), (901, "cdn_stage", &PushState::WaitingOnPub));
    assert_eq!(jobs[1].state, PushState::Other("UNHEARD_OF".to_owned()));
}

#[tokio::test]
async fn a_push_names_no_target_so_that_repeating_it_does_nothing_twice() {
    let (started, seen) = with_answer(201, JOBS, async |errata| errata.push_to_stage(ID).await).await;
    assert!(matches!(started.unwrap(), PushStart::Started(jobs) if jobs.len() == 2));
    assert_eq!(seen, ["POST /api/v1/erratum/160001/push?defaults=stage"]);
    let (started, _) = with_answer(200, "[]", async |errata| errata.push_to_stage(ID).await).await;
    assert_eq!(started.unwrap(), PushStart::NothingNeeded);
}

#[tokio::test]
async fn unpushed_dependencies_are_distinguished_from_other_refusals() {
    const FIRST: &str = r#"{"errors":{"base":["Must push dependencies first: 160000"]}}"#;
    let (started, _) = with_answer(400, FIRST, async |errata| errata.push_to_stage(ID).await).await;
    assert!(matches!(started.unwrap(), PushStart::DependenciesFirst { why } if why.ends_with("160000")));
    const OTHER: &str = r#"{"errors":{"base":["Builds are not signed"]}}"#;
    let (started, _) = with_answer(400, OTHER, async |errata| errata.push_to_stage(ID).await).await;
    assert_eq!(started.unwrap_err().fault, Fault::Refused("Builds are not signed".to_owned()));
}

#[tokio::test]
async fn alerts_that_were_never_fetched_say_nothing() {
    const EMPTY: &str = r#"{"id":1,"rhsa_id":160001,"has_yet_to_be_fetched":true,"alerts":{}}"#;
    let (alerts, seen) = with_answer(200, EMPTY, async |errata| errata.refresh_security_alerts(ID).await).await;
    assert!(matches!(alerts.unwrap(), alerts if !alerts.fetched && alerts.alerts.is_empty()));
    assert_eq!(seen, ["POST /api/v1/erratum/160001/security_alerts/refresh"]);
    let (alerts, _) = with_answer(400, "{}", async |errata| errata.refresh_security_alerts(ID).await).await;
    assert!(matches!(alerts.unwrap_err().fault, Fault::Refused(_)), "a refused refresh is no verdict");
}

#[tokio::test]
async fn each_alert_tells_whether_it_blocks() {
    const TWO: &str = r#"{"has_yet_to_be_fetched":false,"alerts":{"erratum_id":"RHSA-2026:1","blocking":false,"alerts":[
        {"name":"a","text":"t","description":"d","how_to_resolve":"h","blocking":false},{"name":"b","blocking":true}]}}"#;
    let (alerts, seen) = with_answer(200, TWO, async |errata| errata.security_alerts(ID).await).await;
    let alerts = alerts.unwrap();
    assert_eq!(seen, ["GET /api/v1/erratum/160001/security_alerts"]);
    assert_eq!(alerts.blocking_alerts().map(|alert| alert.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn a_missing_ticket_is_reported_as_a_refused_credential() {
    let (advisory, _) = with_answer(401, "<html>", async |errata| errata.advisory(ID).await).await;
    assert_eq!(advisory.unwrap_err().fault, Fault::Unauthorized(401));
}
