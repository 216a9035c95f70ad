use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse as _;
use oar::core::clients::error::Fault;
use oar::core::clients::retry::Repeat::Never;
use oar::core::clients::slack::Slack;
use oar::core::error::ErrorClass;
use oar::domain::service::Service;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use super::fixture::{Fixture, canned, served};
use super::operation::Operation;

const SERVICE: Service = Service::Slack;

/// A group that the simulated workspace has from the start.
const GROUP: &str = "example-qe";

#[tokio::test]
async fn a_message_reaches_channel_and_thread_and_names_people() {
    let fixture = Fixture::open().await;
    let slack = Slack::new(fixture.client(SERVICE));

    let ts = slack.post_message("#team-qe-release", "hello", None, "one").await.unwrap();
    slack.post_message("#team-qe-release", "again", Some(&ts), "two").await.unwrap();
    assert!(slack.user_id("lead@example.com").await.unwrap().unwrap().starts_with('U'));
    assert_eq!(slack.user_id("nobody@example.com").await.unwrap(), None);
    assert!(slack.group_id(GROUP).await.unwrap().unwrap().starts_with('S'));
    assert_eq!(slack.group_id("no-such-group").await.unwrap(), None);

    let facts = fixture.facts();
    let posted: Vec<_> =
        facts.slack.messages.iter().map(|message| (message.text.as_str(), message.thread.clone())).collect();
    assert_eq!(posted, [("hello", None), ("again", Some(ts))]);
}

#[tokio::test]
async fn a_refusal_in_the_body_is_a_refusal() {
    let fixture = Fixture::open().await;
    let slack = Slack::new(fixture.client(SERVICE));
    fixture.facts().slack.unknown_channels.push("nowhere".to_owned());
    fixture.facts().slack.archived.push("forum-qe".to_owned());
    let post = async |channel: &str, text: &str| slack.post_message(channel, text, None, "x").await.unwrap_err().fault;

    assert_eq!(post("#nowhere", "x").await, Fault::Refused("channel_not_found".to_owned()));
    assert_eq!(post("#forum-qe", "x").await, Fault::Refused("is_archived".to_owned()));
    assert_eq!(post("#team-art", &"x".repeat(40_001)).await, Fault::Refused("msg_too_long".to_owned()));
    let stranger = Slack::new(fixture.stranger(SERVICE)).post_message("#team-art", "x", None, "x").await.unwrap_err();
    assert_eq!(stranger.class(), ErrorClass::Auth, "status 200, and still a refused credential");
    let expired = async |http| Slack::new(http).group_id("x").await;
    let expired = canned(SERVICE, 200, r#"{"ok":false,"error":"token_expired"}"#, expired).await;
    assert_eq!(expired.unwrap_err().class(), ErrorClass::Auth);
}

#[tokio::test]
async fn a_limit_in_the_body_is_waited_for_as_one_in_the_status_even_by_a_message() {
    for (wait, least) in [(None, 30), (Some("45"), 45)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let router = Router::new().fallback(async move || match counted.fetch_add(1, Ordering::Relaxed) {
            0 => {
                let mut answer = r#"{"ok":false,"error":"ratelimited"}"#.into_response();
                wait.map(|wait| answer.headers_mut().insert("retry-after", wait.parse().unwrap()));
                answer
            }
            _ => r#"{"ok":true,"channel":"C1","ts":"1.2","message":{"ts":"1.2"}}"#.into_response(),
        });
        let (ended, waited) = served(SERVICE, router, async |http| {
            let before = http.now();
            (Slack::new(http.clone()).post_message("C1", "x", None, "key").await, http.now().duration_since(before))
        })
        .await;
        assert_eq!(ended.unwrap(), "1.2");
        assert!(waited.as_secs() >= least, "{waited}");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
    let limited = async |http| Slack::new(http).group_id("x").await;
    let error = canned(SERVICE, 200, r#"{"ok":false,"error":"ratelimited"}"#, limited).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_happened()), (ErrorClass::RateLimit, false));
}

#[tokio::test]
async fn a_message_that_slack_refuses_says_what_to_do_about_the_channel() {
    for (code, step) in [
        ("not_in_channel", "invite the bot to the channel"),
        ("channel_not_found", "check the channel in the settings"),
        ("is_archived", "name another channel in the settings"),
        ("missing_scope", "give the bot of SLACK_BOT_TOKEN the scope"),
        ("something_new", "look at what slack says above"),
    ] {
        let body = format!(r#"{{"ok":false,"error":"{code}","needed":"chat:write"}}"#);
        let post = async |http| Slack::new(http).post_message("C1", "x", None, "key").await;
        let error = canned(SERVICE, 200, &body, post).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Refused, "{code}");
        let text = error.to_string();
        assert_eq!(text, format!("slack refused: \"{code}\" (post message), it says \"{code}; chat:write\""));
        assert!(error.next_step().starts_with(step), "{code}: {}", error.next_step());
    }
}

#[tokio::test]
async fn a_limited_channel_is_waited_for() {
    let fixture = Fixture::open().await;
    fixture.facts().slack.limited = true;
    let slack = Slack::new(fixture.client(SERVICE));
    slack.post_message("#team-art", "one", None, "x").await.unwrap();
    slack.post_message("#team-art", "two", None, "x").await.unwrap();
    assert_eq!((fixture.facts().slack.messages.len(), fixture.asked().len()), (2, 3), "one 429 in between");
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class_and_posts_nothing_twice() {
    let fixture = Fixture::open().await;
    let slack = Slack::new(fixture.client(SERVICE));
    let post = async || slack.post_message("#team-art", "once", None, "x").await;
    Operation::new(SERVICE, Never, "chat.postMessage").in_outages(&fixture, post).await;
    assert_eq!(fixture.facts().slack.messages.len(), 1, "in all that outage one message was posted");
    let reads = |path| Operation::reads(SERVICE, path);
    reads("users.lookupByEmail").in_outages(&fixture, async || slack.user_id("lead@example.com").await).await;
    reads("usergroups.list").in_outages(&fixture, async || slack.group_id(GROUP).await).await;
}

#[tokio::test]
async fn a_message_whose_answer_got_lost_is_sent_once_and_may_have_happened() {
    let fixture = Fixture::open().await;
    let slack = Slack::new(fixture.client(SERVICE));
    for fault in [
        InjectedFault::AppliedThenReset,
        InjectedFault::AppliedThenError,
        InjectedFault::Truncated,
        InjectedFault::MalformedJson,
    ] {
        fixture.goes_wrong(Rule::on("slack", fault).times(1));
        assert!(slack.post_message("#team-art", "x", None, "x").await.unwrap_err().may_have_happened());
    }
    assert_eq!(fixture.facts().slack.messages.len(), 4);
}

#[tokio::test]
async fn codes_and_fields_of_the_future_do_no_harm() {
    let look = async |http| Slack::new(http).user_id("lead@example.com").await;
    let error = canned(SERVICE, 200, r#"{"ok":false,"error":"bad_hair_day","extra":1}"#, look).await.unwrap_err();
    assert_eq!((error.class(), error.fault), (ErrorClass::Refused, Fault::Refused("bad_hair_day".to_owned())));
    for body in ["", "[]", "{}", r#"{"ok":true}"#] {
        assert_eq!(canned(SERVICE, 200, body, look).await.unwrap_err().class(), ErrorClass::Corrupt, "{body:?}");
    }
}

#[tokio::test]
async fn the_simulator_refuses_what_slack_refuses() {
    let fixture = Fixture::open().await;
    fixture.refuses_strangers(SERVICE, "POST /auth.test", 200, 200).await;
    fixture.facts().slack.unknown_channels.push("nowhere".to_owned());
    fixture
        .answers(
            SERVICE,
            &[
                ("POST /auth.test", "", 200, "\"ok\":true"),
                ("POST /chat.postMessage", r#"{"channel":"team-art"}"#, 200, "no_text"),
                ("POST /chat.postMessage", r#"{"text":"x"}"#, 200, "channel_not_found"),
                ("POST /chat.postMessage", "channel=%23nowhere&text=x", 200, "channel_not_found"),
                ("POST /chat.postMessage", "{\"channel\":", 200, "invalid_json"),
                ("POST /chat.postMessage", "channel=%23team-art&text=x", 200, "\"ok\":true"),
                ("POST /chat.update", r#"{"channel":"C1","ts":"1.1","text":"x"}"#, 200, "message_not_found"),
                ("GET /users.lookupByEmail?email=nobody@example.com", "", 200, "users_not_found"),
                ("GET /users.info", "", 200, "user_not_found"),
                ("POST /no.such", "", 200, "unknown_method"),
            ],
        )
        .await;
}
