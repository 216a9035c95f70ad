use serde_json::{Value, json};

use crate::sim::services::visitor::Visitor;

fn ticket(visitor: &Visitor) -> String {
    visitor.world.facts().release.art_ticket.clone()
}

fn a_bug(visitor: &Visitor, status: &str) -> String {
    let facts = visitor.world.facts();
    facts.jira.issues.values().find(|issue| issue.status == status).expect("a bug").key.clone()
}

fn doc(text: &str) -> Value {
    json!({ "type": "doc", "version": 1, "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": text }] }] })
}

#[tokio::test]
async fn the_story_has_the_three_sub_tasks_of_qe() {
    let visitor = Visitor::smooth();
    let body = visitor.get(&format!("/jira/rest/api/3/issue/{}?fields=subtasks", ticket(&visitor))).await.json();
    assert_eq!(body["fields"].as_object().expect("fields").len(), 1);
    let subtasks = body["fields"]["subtasks"].as_array().expect("sub-tasks");
    let summaries: Vec<&str> = subtasks.iter().filter_map(|task| task["fields"]["summary"].as_str()).collect();
    assert_eq!(summaries, crate::sim::facts::jira::QE_SUBTASKS);
}

#[tokio::test]
async fn only_the_steps_of_the_workflow_are_offered_and_taken() {
    let visitor = Visitor::smooth();
    let path = format!("/jira/rest/api/3/issue/{}/transitions", a_bug(&visitor, "ON_QA"));
    let offered = visitor.get(&path).await.json()["transitions"].clone();
    let names: Vec<&str> =
        offered.as_array().expect("a list").iter().filter_map(|one| one["to"]["name"].as_str()).collect();
    assert_eq!(names, ["Verified", "ASSIGNED"]);
    let verified = json!({ "transition": { "id": offered[0]["id"] } });
    assert_eq!(visitor.post(&path, &verified).await.status, 204);
    assert_eq!(visitor.post(&path, &verified).await.status, 400);
}

#[tokio::test]
async fn comments_are_wiki_text_in_version_2_and_documents_in_version_3() {
    let visitor = Visitor::smooth();
    let key = ticket(&visitor);
    let path = |version: u8| format!("/jira/rest/api/{version}/issue/{key}/comment");
    assert_eq!(visitor.post(&path(3), &json!({ "body": "plain" })).await.status, 400);
    assert_eq!(visitor.post(&path(2), &json!({ "body": doc("no") })).await.status, 400);
    assert_eq!(visitor.post(&path(2), &json!({ "body": "from two" })).await.status, 201);
    assert_eq!(visitor.post(&path(3), &json!({ "body": doc("from three") })).await.json()["body"], doc("from three"));
    let seen = visitor.get(&path(2)).await.json();
    assert_eq!(
        (&seen["comments"][0]["body"], &seen["comments"][1]["body"]),
        (&json!("from two"), &json!("from three"))
    );
    assert_eq!(visitor.get(&path(3)).await.json()["comments"][0]["body"], doc("from two"));
}

#[tokio::test]
async fn an_assignee_is_found_by_mail_and_shown_at_the_issue() {
    let visitor = Visitor::smooth();
    let key = ticket(&visitor);
    let found = visitor.get("/jira/rest/api/3/user/search?query=owner%40example.com").await.json();
    assert_eq!((found.as_array().map(Vec::len), &found[0]["emailAddress"]), (Some(1), &json!("owner@example.com")));
    let path = format!("/jira/rest/api/3/issue/{key}/assignee");
    assert_eq!(visitor.put(&path, &json!({ "accountId": found[0]["accountId"] })).await.status, 204);
    assert_eq!(visitor.put(&path, &json!({ "accountId": "nobody" })).await.status, 400);
    let issue = visitor.get(&format!("/jira/rest/api/3/issue/{key}")).await.json();
    assert_eq!(issue["fields"]["assignee"]["emailAddress"], "owner@example.com");
    let none = visitor.get("/jira/rest/api/3/user/search?query=nobody%40example.com").await.json();
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn a_search_gives_pages_until_the_last() {
    let visitor = Visitor::smooth();
    let mut keys = Vec::new();
    let mut body = json!({ "jql": "project = OCPBUGS ORDER BY key", "fields": ["summary"], "maxResults": 5 });
    loop {
        let page = visitor.post("/jira/rest/api/3/search/jql", &body).await.json();
        keys.extend(page["issues"].as_array().expect("issues").iter().map(|issue| issue["key"].to_string()));
        match page.get("nextPageToken") {
            Some(token) => body["nextPageToken"] = token.clone(),
            None => {
                assert_eq!(page["isLast"], true);
                break;
            }
        }
    }
    assert_eq!(keys.len(), crate::sim::facts::jira::bugs(&visitor.world.facts().release).len());
    body["nextPageToken"] = json!("made-up");
    assert_eq!(visitor.post("/jira/rest/api/3/search/jql", &body).await.status, 400);
}

#[tokio::test]
async fn the_conditions_of_a_search_are_kept() {
    let visitor = Visitor::smooth();
    let bugs = crate::sim::facts::jira::bugs(&visitor.world.facts().release);
    let two = format!("{}, {}", bugs[0].key, bugs[1].key);
    for (jql, count) in [
        (format!("key in ({two})"), 2),
        (format!("key in ({two}) AND status = Verified"), 2),
        (format!("key in ({two}) AND summary ~ \"stale alert\""), 1),
        ("project = \"CVP\" AND summary ~ \"nothing\"".to_owned(), 0),
        ("project = OCPBUGS AND issuetype in (Bug, Vulnerability) AND status = ON_QA AND 'Target Version' in (4.20.z)".to_owned(), 2),
        ("project = OCPBUGS AND labels = CVE".to_owned(), 3),
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("jql", &jql).append_pair("fields", "*all").finish();
        let found = visitor.get(&format!("/jira/rest/api/2/search/jql?{query}")).await.json();
        assert_eq!(found["issues"].as_array().map(Vec::len), Some(count), "{jql}");
    }
    for jql in ["", "order by key", "nonsense = 1", "project OCPBUGS", "project = A OR project = B"] {
        let answer = visitor.post("/jira/rest/api/3/search/jql", &json!({ "jql": jql })).await;
        assert_eq!(answer.status, 400, "{jql}");
    }
}

#[tokio::test]
async fn an_issue_that_the_token_may_not_see_seems_not_to_exist() {
    let visitor = Visitor::smooth();
    let key = a_bug(&visitor, "Verified");
    visitor.world.facts().jira.issues.get_mut(&key).expect("the bug").visible = false;
    assert_eq!(visitor.get(&format!("/jira/rest/api/3/issue/{key}")).await.status, 404);
    let found = visitor.post("/jira/rest/api/3/search/jql", &json!({ "jql": format!("key in ({key})") })).await.json();
    assert_eq!(found["issues"], json!([]));
}

#[tokio::test]
async fn a_new_issue_can_be_found_by_its_summary() {
    let visitor = Visitor::smooth();
    let mut fields = json!({
        "project": { "key": "CVP" }, "summary": "[4.20.17] Greenwave CVP test failures in advisories",
        "issuetype": { "name": "Bug" }, "priority": { "name": "Blocker" }, "description": doc("failures"),
    });
    let created = visitor.post("/jira/rest/api/3/issue", &json!({ "fields": fields })).await;
    assert_eq!((created.status.as_u16(), &created.json()["key"]), (201, &json!("CVP-1")));
    let jql = "project = \"CVP\" AND summary ~ \"4.20.17 Greenwave CVP test failures in advisories\"";
    let found = visitor.post("/jira/rest/api/3/search/jql", &json!({ "jql": jql, "fields": ["summary"] })).await.json();
    assert_eq!(found["issues"][0]["key"], "CVP-1");
    fields["summary"] = json!("");
    assert_eq!(visitor.post("/jira/rest/api/3/issue", &json!({ "fields": fields })).await.status, 400);
}

#[tokio::test]
async fn the_old_search_is_gone_and_a_wrong_token_is_refused() {
    let visitor = Visitor::smooth();
    assert_eq!(visitor.get("/jira/rest/api/2/search?jql=key=A-1").await.status, 410);
    let wrong = [("authorization", "Basic d3Jvbmc6d3Jvbmc=")];
    let answer = visitor.ask(axum::http::Method::GET, "/jira/rest/api/3/myself", &wrong, Vec::new()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(visitor.get("/jira/rest/api/3/serverInfo").await.json()["deploymentType"], "Cloud");
}
