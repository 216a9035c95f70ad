use oar::core::clients::error::Fault;
use oar::core::clients::jira::Jira;
use oar::core::clients::retry::Repeat::{Converges, LookFirst};
use oar::core::config::jira::JiraApi;
use oar::core::error::ErrorClass;
use oar::domain::ids::JiraKey;
use oar::domain::service::Service;
use oar::sim::facts::jira::{Issue, bugs};

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const SERVICE: Service = Service::Jira;

fn client(fixture: &Fixture) -> Jira {
    Jira::new(fixture.client(SERVICE), JiraApi::Cloud)
}

fn story(fixture: &Fixture) -> JiraKey {
    fixture.plan.art_ticket.parse().unwrap()
}

#[tokio::test]
async fn the_story_of_a_release_is_read_assigned_and_moved() {
    let fixture = Fixture::open().await;
    let jira = client(&fixture);

    assert!(jira.myself().await.unwrap().as_str().starts_with("712020:"));
    let found = jira.issue(&story(&fixture)).await.unwrap().unwrap();
    assert_eq!((found.summary.as_str(), found.status.as_str()), ("Release 4.20.17 [2026-Jun-10]", "In Progress"));
    let task = found.subtasks[2].clone();
    assert_eq!(found.subtasks.len(), 3);

    let lead = jira.find_user("release.lead@example.com").await.unwrap().unwrap();
    jira.assign(&task, &lead).await.unwrap();
    let steps = jira.transitions(&task).await.unwrap();
    let close = steps.iter().find(|step| step.to == "Closed").unwrap();
    jira.transition(&task, close).await.unwrap();
    let task = jira.issue(&task).await.unwrap().unwrap();
    assert_eq!((task.status.as_str(), task.assignee), ("Closed", Some(lead)));
    assert_eq!(task.issue_type.as_deref(), Some("Sub-task"));
}

#[tokio::test]
async fn an_issue_that_is_hidden_or_missing_is_no_error() {
    let fixture = Fixture::open().await;
    let jira = client(&fixture);
    let hidden: JiraKey = bugs(&fixture.plan)[0].key.parse().unwrap();
    fixture.facts().jira.issues.get_mut(hidden.as_str()).unwrap().visible = false;

    assert_eq!(jira.issue(&hidden).await.unwrap(), None);
    assert_eq!(jira.issue(&"OCPBUGS-1".parse().unwrap()).await.unwrap(), None);
    let keys: Vec<JiraKey> = bugs(&fixture.plan).iter().map(|bug| bug.key.parse().unwrap()).collect();
    assert_eq!(jira.issues(&keys).await.unwrap().len(), keys.len() - 1);
    // Server says 403 for the same, unless it is the account that is refused.
    let asked = async |http| Jira::new(http, JiraApi::Server).issue(&hidden).await;
    assert_eq!(canned(SERVICE, 403, "", asked).await.unwrap(), None);
}

#[tokio::test]
async fn a_search_reads_all_pages() {
    let fixture = Fixture::open().await;
    let made = fixture.plan.start;
    for n in 1..=230 {
        let issue = Issue::new(&format!("OCPBUGS-{}", 900_000 + n), 0, "Bug", "Many", "NEW", made);
        fixture.facts().jira.add_issue(issue);
    }

    let found = client(&fixture).search("project = OCPBUGS AND status = NEW").await.unwrap();

    assert_eq!((found.len(), fixture.asked().len()), (230, 3));
}

#[tokio::test]
async fn an_account_is_found_by_its_whole_address_only() {
    let fixture = Fixture::open().await;
    let jira = client(&fixture);
    assert!(jira.find_user("lead@example.com").await.unwrap().is_some());
    assert_eq!(jira.find_user("nobody@example.com").await.unwrap(), None);
    let id = fixture.facts().jira.account("lead@example.com").unwrap();
    fixture.facts().jira.hidden_mails.push(id.clone());
    assert_eq!(jira.find_user("lead@example.com").await.unwrap(), None, "an address that is not shown proves nothing");
    fixture.facts().jira.hidden_mails.clear();
    fixture.facts().jira.inactive.push(id);
    assert_eq!(jira.find_user("lead@example.com").await.unwrap(), None, "nobody works there any more");
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class_and_moves_nothing_twice() {
    let fixture = Fixture::open().await;
    let (jira, key) = (client(&fixture), story(&fixture));
    let reads = |path| Operation::reads(SERVICE, path);
    let writes = |repeat, path| Operation::new(SERVICE, repeat, path);

    reads("/myself$").in_outages(&fixture, async || jira.myself().await).await;
    let one = reads("/issue/[A-Z]+-[0-9]+\\?").on_404(Means::Answer);
    one.in_outages(&fixture, async || jira.issue(&key).await).await;
    let sweep = async || jira.search("project = OCPBUGS").await;
    reads("/search/jql").in_outages(&fixture, sweep).await;
    reads("/user/search").in_outages(&fixture, async || jira.find_user("lead@example.com").await).await;
    reads("/transitions$").in_outages(&fixture, async || jira.transitions(&key).await).await;
    let lead = jira.find_user("lead@example.com").await.unwrap().unwrap();
    writes(Converges, "/assignee$").in_outages(&fixture, async || jira.assign(&key, &lead).await).await;
    let step = jira.transitions(&key).await.unwrap().remove(0);
    writes(LookFirst, "/transitions$").in_outages(&fixture, async || jira.transition(&key, &step).await).await;
}

#[tokio::test]
async fn values_and_fields_of_the_future_do_no_harm() {
    const ISSUE: &str = r#"{"key":"OCPBUGS-1","aura":1,"fields":{"summary":"s","status":{"name":"Levitating","x":{}},
        "labels":null,"assignee":null,"colour":["red"]}}"#;
    let key: JiraKey = "OCPBUGS-1".parse().unwrap();
    let read = async |http| Jira::new(http, JiraApi::Cloud).issue(&key).await;
    assert_eq!(canned(SERVICE, 200, ISSUE, read).await.unwrap().unwrap().status, "Levitating");
    let without = ISSUE.replace("\"summary\":\"s\",", "");
    assert_eq!(canned(SERVICE, 200, &without, read).await.unwrap_err().class(), ErrorClass::Corrupt);

    let again = r#"{"issues":[],"nextPageToken":"x","isLast":false}"#;
    let search = async |http| Jira::new(http, JiraApi::Cloud).search("project = CVP").await;
    let error = canned(SERVICE, 200, again, search).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Unreadable(why) if why.contains("twice")), "a token that repeats is a loop");
}

#[tokio::test]
async fn the_simulator_refuses_what_jira_refuses() {
    let fixture = Fixture::open().await;
    let key = story(&fixture);
    let stranger = Jira::new(fixture.stranger(SERVICE), JiraApi::Cloud);
    assert_eq!(stranger.issue(&key).await.unwrap_err().fault, Fault::Unauthorized(401));
    fixture.refuses_strangers(SERVICE, "GET /rest/api/3/myself", 401, 401).await;
    let at = |method: &str, rest: &str| format!("{method} /rest/api/3/issue/{key}{rest}");
    fixture
        .answers(
            SERVICE,
            &[
                ("GET /rest/api/3/serverInfo", "", 200, "Cloud"),
                ("GET /rest/api/1/myself", "", 404, ""),
                ("GET /rest/api/3/issue/OCPBUGS-1", "", 404, "do not have permission to see it"),
                ("GET /rest/api/3/search?jql=project%20%3D%20CVP", "", 410, "has been removed"),
                ("GET /rest/api/3/search/jql", "", 400, "Unbounded JQL"),
                ("GET /rest/api/3/search/jql?jql=colour%20%3D%20red", "", 400, ""),
                ("GET /rest/api/3/search/jql?jql=project%3DOCPBUGS&nextPageToken=old", "", 400, "nextPageToken"),
                ("GET /rest/api/3/user/search", "", 400, "must be provided"),
                (&at("POST", "/transitions"), r#"{"transition":{"id":"999"}}"#, 400, ""),
                (&at("POST", "/transitions"), "{}", 400, ""),
                (&at("PUT", "/assignee"), r#"{"accountId":"712020:nobody"}"#, 400, ""),
                (&at("POST", "/comment"), r#"{"body":"plain text"}"#, 400, ""),
                (&at("PUT", ""), r#"{"fields":{"customfield_1":1}}"#, 400, "cannot be set"),
                ("POST /rest/api/3/issue", r#"{"fields":{"project":{"key":"NONE"}}}"#, 400, "valid project"),
                ("POST /rest/api/3/issue", r#"{"fields":{"project":{"key":"CVP"}}}"#, 400, "summary"),
            ],
        )
        .await;
}
