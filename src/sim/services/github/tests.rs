use axum::http::Method;
use serde_json::{Value, json};

use crate::domain::credential::Credential;
use crate::sim::auth::accepted;
use crate::sim::services::visitor::{Answer, Visitor};
use crate::sim::wire;

pub(super) const FILE: &str = "/github/repos/openshift/release-tests/contents/_releases/4.20/statebox/4.20.17.yaml";

pub(super) fn write(text: &str, sha: Option<&str>) -> Value {
    let mut body = json!({ "message": "Save", "branch": "z-stream", "content": wire::base64(text.as_bytes()) });
    if let Some(sha) = sha {
        body["sha"] = json!(sha);
    }
    body
}

pub(super) fn message(answer: &Answer) -> String {
    answer.json()["message"].as_str().expect("a message").to_owned()
}

#[tokio::test]
async fn a_write_with_a_stale_sha_is_refused_with_409() {
    let visitor = Visitor::smooth();
    let created = visitor.put(FILE, &write("one", None)).await;
    assert_eq!(created.status, 201);
    let first = created.json()["content"]["sha"].as_str().expect("a sha").to_owned();
    assert_eq!(first, wire::blob_sha(b"one"));
    assert_eq!(visitor.put(FILE, &write("two", Some(&first))).await.status, 200);
    let stale = visitor.put(FILE, &write("three", Some(&first))).await;
    assert_eq!(stale.status, 409);
    assert!(message(&stale).ends_with(&format!("does not match {first}")));
    assert_eq!(visitor.world.facts().github.file("z-stream", "_releases/4.20/statebox/4.20.17.yaml"), Some("two"));
}

#[tokio::test]
async fn a_write_without_a_sha_never_replaces_a_file() {
    let visitor = Visitor::smooth();
    visitor.put(FILE, &write("one", None)).await;
    let refused = visitor.put(FILE, &write("two", None)).await;
    assert_eq!(refused.status, 422);
    assert!(message(&refused).contains("\"sha\" wasn't supplied"));
}

#[tokio::test]
async fn a_head_that_moved_refuses_a_write_that_is_otherwise_right() {
    let visitor = Visitor::smooth();
    visitor.world.facts().github.head_moves = 1;
    assert_eq!(visitor.put(FILE, &write("one", None)).await.status, 409);
    assert_eq!(visitor.put(FILE, &write("one", None)).await.status, 201);
}

#[tokio::test]
async fn branches_and_references_that_do_not_exist_are_named() {
    let visitor = Visitor::smooth();
    let mut body = write("one", None);
    body["branch"] = json!("nowhere");
    let refused = visitor.put(FILE, &body).await;
    assert_eq!((refused.status.as_u16(), message(&refused)), (404, "Branch nowhere not found".to_owned()));
    let refused = visitor.get(&format!("{FILE}?ref=nowhere")).await;
    assert_eq!((refused.status.as_u16(), message(&refused)), (404, "No commit found for the ref nowhere".to_owned()));
}

#[tokio::test]
async fn an_unchanged_file_is_answered_with_304() {
    let visitor = Visitor::smooth();
    visitor.put(FILE, &write("one", None)).await;
    let path = format!("{FILE}?ref=z-stream");
    let read = visitor.get(&path).await;
    let etag = read.headers["etag"].to_str().expect("an etag").to_owned();
    let again = visitor.ask(Method::GET, &path, &[("if-none-match", &etag)], Vec::new()).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    visitor.put(FILE, &write("two", Some(&wire::blob_sha(b"one")))).await;
    let changed = visitor.ask(Method::GET, &path, &[("if-none-match", &etag)], Vec::new()).await;
    assert_eq!(changed.status, 200);
    let content = changed.json()["content"].as_str().expect("content").to_owned();
    assert_eq!(wire::from_base64(&content).expect("base64"), b"two");
}

#[tokio::test]
async fn credentials_are_taken_in_both_schemes_and_a_user_agent_is_needed() {
    let visitor = Visitor::smooth();
    let token = accepted(Credential::GithubToken);
    for (value, status) in [
        (format!("Bearer {token}"), 200),
        (format!("token {token}"), 200),
        ("Bearer something".to_owned(), 401),
        (String::new(), 401),
    ] {
        let answer = visitor.ask(Method::GET, "/github/rate_limit", &[("authorization", &value)], Vec::new()).await;
        assert_eq!(answer.status, status, "{value}");
    }
    let refusal = super::refuse("/rate_limit", &axum::http::HeaderMap::new());
    assert_eq!(refusal.map(|answer| answer.status().as_u16()), Some(403));
}

#[tokio::test]
async fn the_published_models_of_octocrab_read_the_answers() {
    let visitor = Visitor::smooth();
    let created = visitor.put(FILE, &write("one", None)).await;
    let update: octocrab::models::repos::FileUpdate = serde_json::from_str(&created.text).expect("an update");
    assert_eq!(update.content.path, "_releases/4.20/statebox/4.20.17.yaml");
    let read = visitor.get(&format!("{FILE}?ref=z-stream")).await;
    let content: octocrab::models::repos::Content = serde_json::from_str(&read.text).expect("a file");
    assert_eq!(content.decoded_content().as_deref(), Some("one"));
    let folder = visitor.get("/github/repos/openshift/release-tests/contents/_releases?ref=z-stream").await;
    let list: Vec<octocrab::models::repos::Content> = serde_json::from_str(&folder.text).expect("a folder");
    assert!(list.iter().any(|entry| entry.name == "4.20" && entry.r#type == "dir"));
    let repository = visitor.get("/github/repos/openshift/release-tests").await;
    serde_json::from_str::<octocrab::models::Repository>(&repository.text).expect("a repository");
    let limit = visitor.get("/github/rate_limit").await;
    serde_json::from_str::<octocrab::models::RateLimit>(&limit.text).expect("a limit");
    let gone = visitor
        .send(Method::DELETE, FILE, &json!({ "message": "Drop", "branch": "z-stream", "sha": wire::blob_sha(b"one") }))
        .await;
    assert_eq!(gone.status, 200);
    serde_json::from_str::<octocrab::models::repos::FileDeletion>(&gone.text).expect("a deletion");
    assert_eq!(visitor.get(&format!("{FILE}?ref=z-stream")).await.status, 404);
}

#[tokio::test]
async fn a_tree_lists_what_the_contents_list_with_gits_own_ids() {
    let visitor = Visitor::smooth();
    visitor.put(FILE, &write("one", None)).await;
    let body = visitor.get("/github/repos/openshift/release-tests/git/trees/z-stream?recursive=1").await.json();
    let list = body["tree"].as_array().expect("a tree");
    let file = list.iter().find(|entry| entry["path"] == "_releases/4.20/statebox/4.20.17.yaml").expect("the file");
    assert_eq!(file["sha"], wire::blob_sha(b"one"));
    let blob =
        visitor.get(&format!("/github/repos/openshift/release-tests/git/blobs/{}", wire::blob_sha(b"one"))).await;
    assert_eq!(blob.json()["size"], 3);
    // The id Git gives to a tree with one file `a` of the text "b".
    let files = std::collections::BTreeMap::from([("a".to_owned(), "b".to_owned().into())]);
    assert_eq!(
        crate::sim::facts::github::trees::Node::of(&files, "http://127.0.0.1:1").sha(),
        "00264970afd30838f2a3b17376e05f8ca03b658b"
    );
}

#[tokio::test]
async fn one_graphql_question_reads_many_files_and_misses_are_null() {
    let visitor = Visitor::smooth();
    visitor.put(FILE, &write("one", None)).await;
    let query = r#"query($owner: String!) { repository(owner: $owner, name: "release-tests") {
        a: object(expression: "z-stream:_releases/4.20/statebox/4.20.17.yaml") { ... on Blob { text byteSize isTruncated } }
        b: object(expression: "z-stream:_releases/none.yaml") { ... on Blob { text } }
        c: object(expression: "z-stream:_releases/4.20") { ... on Tree { entries { name type object {
            ... on Tree { entries { name object { ... on Blob { text } } } } ... on Blob { text } } } } }
    } }"#;
    let body = json!({ "query": query, "variables": { "owner": "openshift" } });
    let answer = visitor.post("/github/graphql", &body).await.json();
    let repository = &answer["data"]["repository"];
    assert_eq!(repository["a"], json!({ "text": "one", "byteSize": 3, "isTruncated": false }));
    assert_eq!(repository["b"], Value::Null);
    let folder = repository["c"]["entries"].as_array().expect("entries");
    let statebox = folder.iter().find(|entry| entry["name"] == "statebox").expect("the folder");
    assert_eq!(statebox["object"]["entries"][0]["object"]["text"], "one");
}

#[tokio::test]
async fn graphql_errors_come_with_200() {
    let visitor = Visitor::smooth();
    for query in ["{ repository(owner: \"a\", name: \"b\") { name } }", "{ nothing }", "{ repository(", "{ a { b }"] {
        let answer = visitor.post("/github/graphql", &json!({ "query": query })).await;
        assert_eq!(answer.status, 200, "{query}");
        assert!(answer.json()["errors"][0]["message"].is_string(), "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_used_up_allowance_is_refused_until_the_hour_is_over() {
    let visitor = Visitor::smooth();
    {
        let mut facts = visitor.world.facts();
        let reset = facts.now + jiff::SignedDuration::from_hours(1);
        let limit = crate::sim::facts::github::Limit { limit: 1, used: 1, reset };
        facts.github.budgets.insert("user".to_owned(), limit);
    }
    let refused = visitor.put(FILE, &write("one", None)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.headers["x-ratelimit-remaining"], "0");
    visitor.pass(60);
    assert_eq!(visitor.put(FILE, &write("one", None)).await.status, 201);
}

#[tokio::test]
async fn raw_files_need_no_credential() {
    let visitor = Visitor::smooth();
    visitor.world.facts().github.put_file("z-stream", "_releases/4.20/4.20.z.yaml", "releases: {}\n");
    let answer = visitor.get("/github_raw/openshift/release-tests/z-stream/_releases/4.20/4.20.z.yaml").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "releases: {}\n"));
    assert_eq!(visitor.get("/github_raw/openshift/release-tests/z-stream/none").await.status, 404);
}

#[test]
fn the_port_of_the_world_does_not_show_in_the_ids_of_trees() {
    let tree = |base_url: &str| {
        let files = std::collections::BTreeMap::from([("a/b".to_owned(), format!("url: {base_url}/x\n").into())]);
        crate::sim::facts::github::trees::Node::of(&files, base_url).sha().to_owned()
    };
    assert_eq!(tree("http://127.0.0.1:1"), tree("http://127.0.0.1:65000"));
}

#[tokio::test]
async fn the_last_commit_about_a_file_is_known_by_message_time_and_author() {
    let visitor = Visitor::smooth();
    let path = "_releases/4.20/statebox/4.20.17.yaml";
    visitor.put(FILE, &write("one", None)).await;
    visitor.pass(5);
    visitor.world.facts().github.change_file("z-stream", path, Some("two"), "update file content", "old-aggregator");
    visitor.pass(5);
    visitor.world.facts().github.put_file("z-stream", "other", "text");

    let url = format!("/github/repos/openshift/release-tests/commits?sha=z-stream&path={path}");
    let listed = visitor.get(&format!("{url}&per_page=1")).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let commit = &listed[0]["commit"];
    assert_eq!(
        (&commit["message"], &commit["author"]["name"]),
        (&json!("update file content"), &json!("old-aggregator"))
    );
    assert_eq!(commit["committer"]["date"], "2026-06-03T06:05:00Z");
    assert_eq!(visitor.get(&url).await.json()[1]["commit"]["message"], "Save");

    let query = format!(
        "{{ repository(owner: \"openshift\", name: \"release-tests\") {{ object(expression: \"z-stream\") {{ ... on Commit {{
           oid history(first: 1, path: \"{path}\") {{ nodes {{ messageHeadline committedDate author {{ name }} }} }} }} }} }} }}"
    );
    let answer = visitor.post("/github/graphql", &json!({ "query": query })).await.json();
    let object = &answer["data"]["repository"]["object"];
    assert_eq!(object["oid"], visitor.world.facts().github.branches["z-stream"].head);
    let expected = json!([{
        "messageHeadline": "update file content", "committedDate": "2026-06-03T06:05:00Z",
        "author": { "name": "old-aggregator" },
    }]);
    assert_eq!(object["history"]["nodes"], expected, "{answer}");
}

#[test]
fn a_file_keeps_its_id_and_the_one_without_an_address() {
    let file = |text: &str| crate::sim::facts::github::file::File::from(text.to_owned());
    let with = file("url: http://127.0.0.1:1/x\n");
    assert_eq!(with.id(), wire::blob_sha(with.as_bytes()));
    let without = with.id_without("http://127.0.0.1:1");
    assert_eq!(without, file("url: /x\n").id());
    assert_eq!(with.id_without("http://127.0.0.1:1"), without, "asked again");
    assert_eq!(with.id_without("http://127.0.0.1:2"), with.id());
}
