use axum::http::Method;
use serde_json::{Value, json};

use crate::domain::credential::Credential;
use crate::sim::auth::accepted;
use crate::sim::events::Event;
use crate::sim::services::visitor::Visitor;
use crate::sim::wire;

const PROJECT: &str = "/gitlab/api/v4/projects/hybrid-platforms%2Fart%2Focp-shipment-data";

fn shipment(visitor: &Visitor) -> String {
    format!("{PROJECT}/merge_requests/{}", visitor.world.facts().release.shipment_iid)
}

fn happens(visitor: &Visitor, event: Event) {
    let mut facts = visitor.world.facts();
    facts.happens(event);
}

/// The shipment file of a kind at the head of the merge request.
async fn file(visitor: &Visitor, kind: &str) -> (String, Value) {
    let mr = visitor.get(&shipment(visitor)).await.json();
    let diffs = visitor.get(&format!("{}/diffs?per_page=100", shipment(visitor))).await.json();
    let diffs = diffs.as_array().expect("diffs").clone();
    let path =
        diffs.iter().filter_map(|diff| diff["new_path"].as_str()).find(|path| path.contains(&format!(".{kind}.")));
    let path = path.expect("a file").to_owned();
    let encoded = path.replace('/', "%2F");
    let sha = mr["diff_refs"]["head_sha"].as_str().expect("a head").to_owned();
    (path, visitor.get(&format!("{PROJECT}/repository/files/{encoded}?ref={sha}")).await.json())
}

fn yaml(file: &Value) -> Value {
    let bytes = wire::from_base64(file["content"].as_str().expect("content")).expect("base64");
    serde_yaml::from_slice(&bytes).expect("YAML")
}

#[tokio::test]
async fn the_shipment_is_open_with_a_file_per_kind() {
    let visitor = Visitor::smooth();
    let mr = visitor.get(&shipment(&visitor)).await.json();
    assert_eq!((&mr["state"], &mr["title"]), (&json!("opened"), &json!("Shipment for 4.20.17")));
    let (_, image) = file(&visitor, "image").await;
    let image = yaml(&image);
    let components = image["shipment"]["snapshot"]["spec"]["components"].as_array().expect("components");
    assert_eq!(components.len(), 186);
    assert!(
        image["shipment"]["data"]["releaseNotes"]["issues"]["fixed"].as_array().is_some_and(|fixed| fixed.len() == 6)
    );
    let (_, fbc) = file(&visitor, "fbc").await;
    assert_eq!(yaml(&fbc)["shipment"]["metadata"]["fbc"], true);
}

#[tokio::test]
async fn the_stage_release_writes_urls_label_and_a_reachable_advisory() {
    let visitor = Visitor::smooth();
    let before = visitor.get(&format!("{}/pipelines", shipment(&visitor))).await.json();
    let bridges = format!("{PROJECT}/pipelines/{}/bridges?per_page=100", before[0]["id"]);
    let stage = |list: &Value| -> Vec<String> {
        let list = list.as_array().expect("bridges");
        let stage = list.iter().filter(|bridge| bridge["stage"] == super::STAGE_RELEASE);
        stage.map(|bridge| bridge["status"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(stage(&visitor.get(&bridges).await.json()), ["manual"; 4]);
    happens(&visitor, Event::StageReleaseStarts);
    assert_eq!(stage(&visitor.get(&bridges).await.json()), ["running"; 4]);
    happens(&visitor, Event::StageReleaseFails);
    assert!(stage(&visitor.get(&bridges).await.json()).contains(&"failed".to_owned()));
    happens(&visitor, Event::StageReleaseDone);
    assert_eq!(stage(&visitor.get(&bridges).await.json()), ["success"; 4]);

    let mr = visitor.get(&shipment(&visitor)).await.json();
    assert_eq!(mr["labels"], json!([super::STAGE_LABEL]));
    let after = visitor.get(&format!("{}/pipelines", shipment(&visitor))).await.json();
    assert_ne!(after[0]["id"], before[0]["id"], "a new head has a new pipeline");
    let mut images = 0;
    for kind in ["image", "extras", "metadata"] {
        let (_, found) = file(&visitor, kind).await;
        let url = yaml(&found)["shipment"]["environments"]["stage"]["advisory"]["internal_url"].clone();
        let path = url.as_str().expect("a URL").trim_start_matches("http://127.0.0.1:1").to_owned();
        let answer = visitor.ask(Method::GET, &path, &[("authorization", "")], Vec::new()).await;
        let advisory: Value = serde_yaml::from_str(&answer.text).expect("YAML");
        images += advisory["spec"]["content"]["images"].as_array().expect("images").len();
    }
    assert_eq!(images, 860);
}

#[tokio::test]
async fn an_approval_by_the_same_user_twice_is_refused() {
    let visitor = Visitor::smooth();
    let path = format!("{}/approve", shipment(&visitor));
    assert_eq!(visitor.post(&path, &json!({ "sha": "0".repeat(40) })).await.status, 409);
    let head = visitor.get(&shipment(&visitor)).await.json()["sha"].clone();
    assert_eq!(visitor.post(&path, &json!({ "sha": head })).await.status, 201);
    assert_eq!(visitor.post(&path, &json!({ "sha": head })).await.status, 401);
    let approvals = visitor.get(&format!("{}/approvals", shipment(&visitor))).await.json();
    assert_eq!(approvals["approved_by"][0]["user"]["username"], "release-bot");
    assert!(visitor.world.facts().actors.approved, "ART hears of it");
}

#[tokio::test]
async fn dropping_a_bug_goes_through_a_merge_request_of_its_own() {
    let visitor = Visitor::smooth();
    let (path, found) = file(&visitor, "extras").await;
    let branch = visitor.get(&shipment(&visitor)).await.json()["source_branch"].clone();
    let made =
        visitor.post(&format!("{PROJECT}/repository/branches"), &json!({ "branch": "drop", "ref": branch })).await;
    assert_eq!(made.status, 201);
    let text = String::from_utf8(wire::from_base64(found["content"].as_str().expect("content")).expect("base64"))
        .expect("text");
    let commit = |content: &str, seen: &Value| {
        json!({ "branch": "drop", "commit_message": "drop bugs", "actions": [
            { "action": "update", "file_path": path, "content": content, "last_commit_id": seen }] })
    };
    let commits = format!("{PROJECT}/repository/commits");
    let seen = &found["last_commit_id"];
    assert_eq!(visitor.post(&commits, &commit(&format!("{text}# dropped\n"), seen)).await.status, 201);
    let late = visitor.post(&commits, &commit(&text, seen)).await;
    assert_eq!((late.status.as_u16(), late.text.contains("has changed since")), (400, true));

    let asked =
        json!({ "source_branch": "drop", "target_branch": branch, "title": "4.20.17 drop bugs", "squash": true });
    let opened = visitor.post(&format!("{PROJECT}/merge_requests"), &asked).await;
    assert_eq!(opened.status, 201);
    assert_eq!(visitor.post(&format!("{PROJECT}/merge_requests"), &asked).await.status, 409);
    let mr = format!("{PROJECT}/merge_requests/{}", opened.json()["iid"]);
    let merge = json!({ "merge_when_pipeline_succeeds": true });
    assert_eq!(visitor.put(&format!("{mr}/merge"), &merge).await.status, 405, "still checking");
    visitor.pass(1);
    assert_eq!(visitor.get(&mr).await.json()["merge_status"], "can_be_merged");
    let head = visitor.get(&shipment(&visitor)).await.json()["sha"].clone();
    assert_eq!(visitor.put(&format!("{mr}/merge"), &merge).await.status, 200);
    visitor.pass(5);
    assert_eq!(visitor.get(&mr).await.json()["state"], "merged");
    assert_ne!(visitor.get(&shipment(&visitor)).await.json()["sha"], head);
    let (_, found) = file(&visitor, "extras").await;
    assert_ne!(found["last_commit_id"], *seen);
}

#[tokio::test]
async fn notes_are_listed_newest_first_and_in_pages() {
    let visitor = Visitor::smooth();
    let path = format!("{}/notes", shipment(&visitor));
    for n in 1..=3 {
        assert_eq!(visitor.post(&path, &json!({ "body": format!("note {n}") })).await.status, 201);
    }
    assert_eq!(visitor.post(&path, &json!({ "body": "" })).await.status, 400);
    let first = visitor.get(&format!("{path}?per_page=2")).await;
    assert_eq!(first.json()[0]["body"], "note 3");
    let next = first.headers["link"].to_str().expect("a link").to_owned();
    let url = next.trim_start_matches("<https://sim.example.com").split('>').next().expect("a URL").to_owned();
    let second = visitor.get(&url).await;
    assert_eq!((second.json()[0]["body"].clone(), second.headers.contains_key("link")), (json!("note 1"), false));
}

#[tokio::test]
async fn people_are_found_by_their_whole_mail_address_only() {
    let visitor = Visitor::smooth();
    let found = visitor.get("/gitlab/api/v4/users?search=owner%40example.com").await.json();
    assert_eq!(found[0]["username"], "owner");
    assert_eq!(visitor.get("/gitlab/api/v4/users?search=owner").await.json(), json!([]));
}

#[tokio::test]
async fn the_token_is_taken_in_its_own_header() {
    let visitor = Visitor::smooth();
    let token = accepted(Credential::GitlabToken);
    for (value, status) in [(token, 200), ("wrong", 401)] {
        let answer = visitor.ask(Method::GET, "/gitlab/api/v4/user", &[("private-token", value)], Vec::new()).await;
        assert_eq!(answer.status, status);
    }
    assert_eq!(visitor.get("/gitlab/api/v4/projects/none").await.status, 404);
}
