use serde_json::json;

use crate::sim::services::visitor::Visitor;

const RPM: &str = "/errata/api/v1/erratum/152171";

fn first(visitor: &Visitor) -> (String, String) {
    let facts = visitor.world.facts();
    let ids: Vec<&u64> = facts.errata.advisories.keys().collect();
    (format!("/errata/api/v1/erratum/{}", ids[0]), format!("/errata/api/v1/erratum/{}", ids[1]))
}

async fn status(visitor: &Visitor, advisory: &str) -> String {
    let body = visitor.get(advisory).await.json();
    let details = body["errata"].as_object().expect("errata").values().next().expect("a kind").clone();
    details["status"].as_str().expect("a status").to_owned()
}

#[tokio::test]
async fn without_a_credential_the_tool_invites_to_kerberos() {
    let answer = Visitor::smooth().ask(axum::http::Method::GET, RPM, &[("authorization", "")], Vec::new()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.headers["www-authenticate"], "Negotiate");
}

#[tokio::test]
async fn a_push_takes_its_time_and_is_complete_in_the_end() {
    let visitor = Visitor::smooth();
    let (rpm, _) = first(&visitor);
    let started = visitor.post(&format!("{rpm}/push?defaults=stage"), &json!(null)).await;
    assert_eq!((started.status.as_u16(), &started.json()[0]["status"]), (201, &json!("READY")));
    let mut seen = Vec::new();
    for _ in 0..70 {
        visitor.pass(1);
        let now = visitor.get(&format!("{rpm}/push")).await.json()[0]["status"].clone();
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    assert_eq!(seen, ["RUNNING", "WAITING_ON_PUB", "POST_PUSH_PROCESSING", "COMPLETE"]);
    let again = visitor.post(&format!("{rpm}/push?defaults=stage"), &json!(null)).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (200, "[]"));
}

#[tokio::test]
async fn a_push_of_an_advisory_whose_dependency_is_not_pushed_is_refused() {
    let visitor = Visitor::smooth();
    let (rpm, rhcos) = first(&visitor);
    {
        let mut facts = visitor.world.facts();
        let ids: Vec<u64> = facts.errata.advisories.keys().copied().collect();
        facts.errata.advisories.get_mut(&ids[1]).expect("rhcos").blocking_advisories.push(ids[0]);
    }
    let refused = visitor.post(&format!("{rhcos}/push?defaults=stage"), &json!(null)).await;
    assert_eq!(refused.status, 400);
    let text = refused.json()["errors"]["base"][0].as_str().expect("a text").to_owned();
    assert!(text.starts_with("Must push dependencies"), "{text}");
    visitor.post(&format!("{rpm}/push?defaults=stage"), &json!(null)).await;
    visitor.pass(120);
    assert_eq!(visitor.post(&format!("{rhcos}/push?defaults=stage"), &json!(null)).await.status, 201);
}

#[tokio::test]
async fn a_failed_push_can_be_started_again() {
    let visitor = Visitor::of("push-fails-once");
    let (rpm, _) = first(&visitor);
    for wanted in ["FAILED", "COMPLETE"] {
        assert_eq!(visitor.post(&format!("{rpm}/push?defaults=stage"), &json!(null)).await.status, 201);
        visitor.pass(120);
        let jobs = visitor.get(&format!("{rpm}/push")).await.json();
        assert_eq!(jobs.as_array().and_then(|jobs| jobs.last()).expect("a job")["status"], wanted);
    }
}

#[tokio::test]
async fn the_way_to_rel_prep_names_every_obstacle() {
    let visitor = Visitor::of("blocking-alert");
    let (_, rhcos) = first(&visitor);
    let refused = visitor.post(&format!("{rhcos}/change_state"), &json!({ "new_state": "REL_PREP" })).await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.json()["errors"]["base"],
        json!(["Advisory has blocking security alerts", "Staging push is not complete"])
    );
    assert_eq!(status(&visitor, &rhcos).await, "QE");
}

#[tokio::test]
async fn an_advisory_in_rel_prep_ships_on_its_day() {
    let visitor = Visitor::smooth();
    let (rpm, _) = first(&visitor);
    visitor.post(&format!("{rpm}/push?defaults=stage"), &json!(null)).await;
    visitor.pass(120);
    assert_eq!(visitor.post(&format!("{rpm}/change_state"), &json!({ "new_state": "REL_PREP" })).await.status, 201);
    assert_eq!(status(&visitor, &rpm).await, "REL_PREP");
    visitor.pass(8 * 24 * 60);
    assert_eq!(status(&visitor, &rpm).await, "SHIPPED_LIVE");
}

#[tokio::test]
async fn states_that_belong_to_the_tool_are_refused_to_people() {
    let visitor = Visitor::smooth();
    let (rpm, _) = first(&visitor);
    for state in ["PUSH_READY", "SHIPPED_LIVE", "QE", "SOMETHING"] {
        let answer = visitor.post(&format!("{rpm}/change_state"), &json!({ "new_state": state })).await;
        assert_eq!(answer.status, 422, "{state}");
    }
}

#[tokio::test]
async fn a_respin_takes_the_stage_push_away() {
    let visitor = Visitor::smooth();
    let (rpm, _) = first(&visitor);
    visitor.post(&format!("{rpm}/push?defaults=stage"), &json!(null)).await;
    visitor.pass(120);
    for state in ["NEW_FILES", "QE"] {
        assert_eq!(visitor.post(&format!("{rpm}/change_state"), &json!({ "new_state": state })).await.status, 201);
    }
    let again = visitor.post(&format!("{rpm}/push?defaults=stage"), &json!(null)).await;
    assert_eq!(again.status, 201);
}

#[tokio::test]
async fn an_owner_is_set_by_form_and_seen_in_the_older_answer() {
    let visitor = Visitor::smooth();
    let (rpm, _) = first(&visitor);
    let id = rpm.rsplit('/').next().expect("an id");
    let form = |mail: &str| format!("advisory%5Bassigned_to_email%5D={mail}").into_bytes();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let answer = visitor.ask(axum::http::Method::PUT, &rpm, &kind, form("owner%40example.com")).await;
    assert_eq!(answer.status, 204);
    let legacy = visitor.get(&format!("/errata/advisory/{id}.json")).await.json();
    assert_eq!(legacy["people"]["assigned_to"], "owner@example.com");
    let unknown = visitor.ask(axum::http::Method::PUT, &rpm, &kind, form("nobody%40example.com")).await;
    assert_eq!(unknown.status, 422);
}

#[tokio::test]
async fn alerts_of_an_advisory_that_is_not_fetched_yet_are_empty() {
    let visitor = Visitor::smooth();
    let (_, rhcos) = first(&visitor);
    let id: u64 = rhcos.rsplit('/').next().expect("an id").parse().expect("a number");
    let body = visitor.get(&format!("{rhcos}/security_alerts")).await.json();
    assert_eq!((&body["has_yet_to_be_fetched"], &body["alerts"]["blocking"]), (&json!(false), &json!(false)));
    visitor.world.facts().errata.hooks.not_yet_fetched.insert(id);
    let body = visitor.post(&format!("{rhcos}/security_alerts/refresh"), &json!(null)).await.json();
    assert_eq!((&body["has_yet_to_be_fetched"], &body["alerts"]), (&json!(true), &json!({})));
    visitor.world.facts().errata.hooks.refresh_refused.insert(id);
    assert_eq!(visitor.post(&format!("{rhcos}/security_alerts/refresh"), &json!(null)).await.status, 400);
}

#[tokio::test]
async fn removing_a_bug_asks_docs_to_look_again() {
    let visitor = Visitor::smooth();
    let (_, rhcos) = first(&visitor);
    let key = visitor.get(&rhcos).await.json()["jira_issues"]["jira_issues"][0]["jira_issue"]["key"].clone();
    let path = format!("{rhcos}/remove_jira_issue");
    assert_eq!(visitor.post(&path, &json!({ "jira_issue": key })).await.status, 204);
    assert_eq!(visitor.post(&path, &json!({ "jira_issue": key })).await.status, 422);
    let details = visitor.get(&rhcos).await.json()["errata"]["rhsa"].clone();
    assert_eq!((&details["doc_complete"], &details["security_approved"]), (&json!(0), &json!(null)));
    let asked = json!({ "advisory": { "text_ready": 1, "security_approved": false } });
    assert_eq!(visitor.put(&rhcos, &asked).await.status, 204);
    visitor.pass(300);
    let details = visitor.get(&rhcos).await.json()["errata"]["rhsa"].clone();
    assert_eq!((&details["doc_complete"], &details["security_approved"]), (&json!(1), &json!(true)));
}
