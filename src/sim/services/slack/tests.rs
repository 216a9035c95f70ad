use serde_json::json;
use slack_morphism::api;

use crate::sim::services::visitor::Visitor;

#[tokio::test]
async fn every_message_is_kept_with_channel_text_and_thread() {
    let visitor = Visitor::smooth();
    let first =
        visitor.post("/slack/chat.postMessage", &json!({ "channel": "#team-qe-release", "text": "hello" })).await;
    let ts = first.json()["ts"].clone();
    let form = format!("channel=team-qe-release&text=again&thread_ts={}", ts.as_str().expect("a ts"));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    visitor.ask(axum::http::Method::POST, "/slack/api/chat.postMessage", &kind, form.into_bytes()).await;
    let facts = visitor.world.facts();
    let kept: Vec<(&str, &str, bool)> = facts
        .slack
        .messages
        .iter()
        .map(|message| (message.channel_name.as_str(), message.text.as_str(), message.thread.is_some()))
        .collect();
    assert_eq!(kept, [("team-qe-release", "hello", false), ("team-qe-release", "again", true)]);
}

#[tokio::test]
async fn refusals_come_with_200_and_a_code() {
    let visitor = Visitor::smooth();
    {
        let mut facts = visitor.world.facts();
        facts.slack.unknown_channels.push("nowhere".to_owned());
        facts.slack.archived.push("team-art".to_owned());
    }
    for (method, body, code) in [
        ("chat.postMessage", json!({ "channel": "#nowhere", "text": "x" }), "channel_not_found"),
        ("chat.postMessage", json!({ "channel": "#team-art", "text": "x" }), "is_archived"),
        ("chat.postMessage", json!({ "channel": "#forum-qe", "text": "" }), "no_text"),
        ("chat.postMessage", json!({ "channel": "#forum-qe", "text": "x".repeat(40_001) }), "msg_too_long"),
        ("users.lookupByEmail", json!({ "email": "nobody@example.com" }), "users_not_found"),
        ("views.open", json!({}), "unknown_method"),
    ] {
        let answer = visitor.post(&format!("/slack/{method}"), &body).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "ok": false, "error": code })));
    }
    let wrong = [("authorization", "Bearer xoxb-wrong")];
    let answer = visitor.ask(axum::http::Method::POST, "/slack/auth.test", &wrong, Vec::new()).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"].clone()), (200, json!("invalid_auth")));
}

#[tokio::test]
async fn the_published_models_of_slack_morphism_read_the_answers() {
    let visitor = Visitor::smooth();
    let ask = async |method: &str, body: serde_json::Value| visitor.post(&format!("/slack/{method}"), &body).await.text;
    let posted = ask("chat.postMessage", json!({ "channel": "forum-qe", "text": "hello" })).await;
    let posted: api::SlackApiChatPostMessageResponse = serde_json::from_str(&posted).expect("a message");
    assert_eq!(posted.message.content.text.as_deref(), Some("hello"));
    let user = ask("users.lookupByEmail", json!({ "email": "owner+jira@example.com" })).await;
    let user: api::SlackApiUsersLookupByEmailResponse = serde_json::from_str(&user).expect("a user");
    assert_eq!(user.user.name.as_deref(), Some("owner"));
    let groups = ask("usergroups.list", json!({})).await;
    let groups: api::SlackApiUserGroupsListResponse = serde_json::from_str(&groups).expect("groups");
    assert_eq!(
        groups.usergroups.len(),
        crate::sim::facts::slack::GROUPS.len() + 1,
        "the groups of teams and the lead of the minor"
    );
    let channels = ask("conversations.list", json!({ "limit": 2 })).await;
    let channels: api::SlackApiConversationsListResponse = serde_json::from_str(&channels).expect("channels");
    assert_eq!(channels.channels.len(), 2);
    let history = ask("conversations.history", json!({ "channel": posted.channel.0 })).await;
    let history: api::SlackApiConversationsHistoryResponse = serde_json::from_str(&history).expect("a history");
    assert_eq!(history.messages.len(), 1);
    let me = ask("auth.test", json!({})).await;
    serde_json::from_str::<api::SlackApiAuthTestResponse>(&me).expect("an account");
}

#[tokio::test]
async fn a_second_message_within_a_second_is_put_off_when_limits_are_on() {
    let visitor = Visitor::smooth();
    visitor.world.facts().slack.limited = true;
    let body = json!({ "channel": "forum-qe", "text": "hello" });
    assert_eq!(visitor.post("/slack/chat.postMessage", &body).await.status, 200);
    let put_off = visitor.post("/slack/chat.postMessage", &body).await;
    assert_eq!((put_off.status.as_u16(), &put_off.headers["retry-after"]), (429, &"1".parse().expect("a value")));
    visitor.pass(1);
    assert_eq!(visitor.post("/slack/chat.postMessage", &body).await.status, 200);
}
