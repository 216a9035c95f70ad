//! Slack's Web API: messages, people, groups, channels.
//!
//! Every answer is HTTP 200; `ok: false` with a code says what went wrong. Everything posted is kept.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::domain::credential::Credential;
use crate::sim::auth;
use crate::sim::facts::accounts::Person;
use crate::sim::facts::slack::{BOT, BOT_USER, Message, TEAM, user_id};
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Longest text of one message.
const MOST_CHARACTERS: usize = 40_000;

/// Routes below `/slack`; the base URL may or may not end in `/api`.
pub fn router() -> Router<World> {
    Router::new().route("/{method}", get(call).post(call)).route("/api/{method}", get(call).post(call))
}

/// Slack's own refusal, with HTTP 200 like everything else.
pub fn refuse(_path: &str, headers: &HeaderMap) -> Option<Response> {
    if auth::bearer(headers, Credential::SlackBotToken) {
        return None;
    }
    let given = headers.contains_key("authorization");
    Some(failed(if given { "invalid_auth" } else { "not_authed" }))
}

fn failed(code: &str) -> Response {
    wire::json(StatusCode::OK, &json!({ "ok": false, "error": code }))
}

fn done(mut body: Value) -> Response {
    body["ok"] = json!(true);
    wire::json(StatusCode::OK, &body)
}

async fn call(
    State(world): State<World>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut sent: Map<String, Value> = wire::pairs(query.as_deref().unwrap_or_default())
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    match wire::fields(&headers, &body) {
        Some(fields) => sent.extend(fields),
        None => return failed("invalid_json"),
    }
    let mut facts = world.facts();
    if let Some(needed) = scopes_of(&method).iter().find(|scope| facts.slack.lacking.contains(scope)) {
        let body = json!({ "ok": false, "error": "missing_scope", "needed": needed, "provided": "chat:write" });
        return wire::json(StatusCode::OK, &body);
    }
    match method.as_str() {
        "auth.test" => done(json!({
            "url": "https://sim.slack.example.com/", "team": "Simulated", "user": "release-bot",
            "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT, "is_enterprise_install": false,
        })),
        "api.test" => done(json!({})),
        "chat.postMessage" => post_message(&mut facts, &sent),
        "chat.update" => update_message(&mut facts, &sent),
        "users.lookupByEmail" => match Person::by_mail(text(&sent, "email")) {
            Some(person) => done(json!({ "user": user(&person) })),
            None => failed("users_not_found"),
        },
        "users.info" => match text(&sent, "user") {
            BOT_USER => {
                done(json!({ "user": { "id": BOT_USER, "team_id": TEAM, "name": "release-bot", "is_bot": true } }))
            }
            "" => failed("user_not_found"),
            id => done(json!({ "user": { "id": id, "team_id": TEAM, "name": id.to_lowercase(), "is_bot": false } })),
        },
        "usergroups.list" => {
            let groups: Vec<Value> = facts.slack.groups.iter().map(|(id, handle)| group(&facts, id, handle)).collect();
            done(json!({ "usergroups": groups }))
        }
        "conversations.list" => list_channels(&facts, &sent),
        "conversations.history" => history(&mut facts, &sent),
        "conversations.replies" => replies(&mut facts, &sent),
        _ => failed("unknown_method"),
    }
}

/// What the token of the bot has to be allowed for a method.
fn scopes_of(method: &str) -> &'static [&'static str] {
    match method {
        "chat.postMessage" | "chat.update" => &["chat:write"],
        "users.lookupByEmail" => &["users:read.email"],
        "usergroups.list" => &["usergroups:read"],
        "conversations.list" => &["channels:read"],
        "conversations.history" | "conversations.replies" => &["channels:history"],
        _ => &[],
    }
}

fn text<'a>(sent: &'a Map<String, Value>, name: &str) -> &'a str {
    sent.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(sent: &Map<String, Value>, name: &str) -> Option<usize> {
    let value = sent.get(name)?;
    value.as_u64().and_then(|n| usize::try_from(n).ok()).or_else(|| value.as_str()?.parse().ok())
}

fn post_message(facts: &mut Facts, sent: &Map<String, Value>) -> Response {
    let now = facts.now;
    let wanted = text(sent, "channel");
    let Some((channel, channel_name)) = facts.slack.channel(wanted) else { return failed("channel_not_found") };
    if facts.slack.archived.contains(&channel_name) {
        return failed("is_archived");
    }
    if facts.slack.not_in.contains(&channel_name) {
        return failed("not_in_channel");
    }
    let body = text(sent, "text");
    let blocks = sent.get("blocks").is_some_and(|blocks| !blocks.is_null());
    if body.is_empty() && !blocks && text(sent, "markdown_text").is_empty() {
        return failed("no_text");
    }
    if body.chars().count() > MOST_CHARACTERS {
        return failed("msg_too_long");
    }
    let thread = Some(text(sent, "thread_ts").to_owned()).filter(|ts| !ts.is_empty());
    let last = facts.slack.messages.iter().rfind(|message| message.channel == channel);
    if facts.slack.limited && last.is_some_and(|last| last.at.as_second() == now.as_second()) {
        let mut response = wire::json(StatusCode::TOO_MANY_REQUESTS, &json!({ "ok": false, "error": "ratelimited" }));
        response.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
        return response;
    }
    let ts = format!("{}.{:06}", now.as_second(), facts.slack.messages.len() + 1);
    let message = Message {
        channel: channel.clone(),
        channel_name,
        text: body.to_owned(),
        thread,
        ts: ts.clone(),
        at: now,
        metadata: metadata(sent),
    };
    let answer = json!({ "channel": channel, "ts": ts, "message": message_json(&message, true) });
    facts.slack.messages.push(message);
    done(answer)
}

/// Metadata counts only with a type and a payload; forms carry it as JSON text.
fn metadata(sent: &Map<String, Value>) -> Option<Value> {
    let sent = sent.get("metadata")?;
    let metadata = sent.as_str().map_or_else(|| Some(sent.clone()), |text| serde_json::from_str(text).ok())?;
    let is_whole = metadata["event_type"].is_string() && metadata["event_payload"].is_object();
    is_whole.then_some(metadata)
}

fn update_message(facts: &mut Facts, sent: &Map<String, Value>) -> Response {
    let (channel, ts) = (text(sent, "channel"), text(sent, "ts"));
    let Some(message) = facts.slack.messages.iter_mut().find(|m| m.ts == ts && m.channel == channel) else {
        return failed("message_not_found");
    };
    text(sent, "text").clone_into(&mut message.text);
    done(json!({ "channel": channel, "ts": ts, "text": message.text, "message": message_json(message, false) }))
}

fn message_json(message: &Message, with_metadata: bool) -> Value {
    let mut body = json!({
        "type": "message", "subtype": "bot_message", "text": message.text, "ts": message.ts,
        "bot_id": BOT, "username": "release-bot",
    });
    if let Some(thread) = &message.thread {
        body["thread_ts"] = json!(thread);
    }
    if let Some(metadata) = message.metadata.as_ref().filter(|_| with_metadata) {
        body["metadata"] = metadata.clone();
    }
    body
}

fn user(person: &Person) -> Value {
    let name = person.display_name();
    json!({
        "id": user_id(person), "team_id": TEAM, "name": person.login, "deleted": false, "real_name": name,
        "tz": "Etc/UTC", "tz_label": "UTC", "tz_offset": 0,
        "profile": {
            "real_name": name, "real_name_normalized": name, "display_name": person.login,
            "display_name_normalized": person.login, "email": person.mail, "team": TEAM,
        },
        "is_admin": false, "is_owner": false, "is_primary_owner": false, "is_restricted": false,
        "is_ultra_restricted": false, "is_bot": false, "is_app_user": false,
    })
}

fn group(facts: &Facts, id: &str, handle: &str) -> Value {
    let since = facts.slack.since.map_or(0, Timestamp::as_second);
    json!({
        "id": id, "team_id": TEAM, "is_usergroup": true, "is_subteam": true, "name": handle.replace('-', " "),
        "description": "", "handle": handle, "is_external": false, "date_create": since, "date_update": since,
        "date_delete": 0, "auto_type": null, "auto_provision": false, "created_by": BOT_USER,
        "updated_by": BOT_USER, "deleted_by": null, "prefs": { "channels": [], "groups": [] }, "user_count": 1,
        "channel_count": 0,
    })
}

fn list_channels(facts: &Facts, sent: &Map<String, Value>) -> Response {
    let since = facts.slack.since.map_or(0, Timestamp::as_second);
    let start = text(sent, "cursor").parse::<usize>().unwrap_or(0);
    let size = number(sent, "limit").unwrap_or(100).clamp(1, 1000);
    let without = text(sent, "exclude_archived") == "true" || sent.get("exclude_archived") == Some(&json!(true));
    let all: Vec<Value> = facts
        .slack
        .channels
        .iter()
        .filter(|(_, name)| !(without && facts.slack.archived.contains(name)))
        .map(|(id, name)| {
            json!({
                "id": id, "name": name, "name_normalized": name, "created": since, "creator": BOT_USER,
                "is_channel": true, "is_group": false, "is_im": false, "is_mpim": false, "is_private": false,
                "is_archived": facts.slack.archived.contains(name), "is_general": false, "is_shared": false,
                "is_org_shared": false, "is_member": true, "num_members": 3,
                "topic": { "value": "", "creator": "", "last_set": 0 },
                "purpose": { "value": "", "creator": "", "last_set": 0 }, "previous_names": [],
            })
        })
        .collect();
    let page: Vec<Value> = all.iter().skip(start).take(size).cloned().collect();
    let end = start + page.len();
    let cursor = if end < all.len() { end.to_string() } else { String::new() };
    done(json!({ "channels": page, "response_metadata": { "next_cursor": cursor } }))
}

fn history(facts: &mut Facts, sent: &Map<String, Value>) -> Response {
    let Some((channel, name)) = facts.slack.channel(text(sent, "channel")) else { return failed("channel_not_found") };
    if facts.slack.not_in.contains(&name) {
        return failed("not_in_channel");
    }
    let of_channel = facts.slack.messages.iter().rev();
    let of_channel = of_channel.filter(|message| message.channel == channel && message.thread.is_none());
    let mut body = page_of(of_channel, sent);
    body["pin_count"] = json!(0);
    done(body)
}

fn replies(facts: &mut Facts, sent: &Map<String, Value>) -> Response {
    let Some((channel, _)) = facts.slack.channel(text(sent, "channel")) else { return failed("channel_not_found") };
    let ts = text(sent, "ts");
    let of_thread = |m: &&Message| m.channel == channel && (m.ts == ts || m.thread.as_deref() == Some(ts));
    let mut all = facts.slack.messages.iter().filter(of_thread).peekable();
    if all.peek().is_none() {
        return failed("thread_not_found");
    }
    done(page_of(all, sent))
}

/// One page of messages after `oldest`, with the metadata only when it was asked for.
fn page_of<'a>(all: impl Iterator<Item = &'a Message>, sent: &Map<String, Value>) -> Value {
    let oldest = text(sent, "oldest").parse::<f64>().unwrap_or(0.0);
    let latest = text(sent, "latest").parse::<f64>().unwrap_or(f64::MAX);
    let size = number(sent, "limit").unwrap_or(100).clamp(1, 999);
    let start = text(sent, "cursor").parse::<usize>().unwrap_or(0);
    let asked = sent.get("include_all_metadata");
    let with_metadata = asked.is_some_and(|asked| *asked == json!(true) || *asked == json!("true"));
    let within = |message: &&Message| message.ts.parse::<f64>().is_ok_and(|ts| ts > oldest && ts < latest);
    let all: Vec<Value> = all.filter(within).map(|message| message_json(message, with_metadata)).collect();
    let page: Vec<Value> = all.iter().skip(start).take(size).cloned().collect();
    let end = start + page.len();
    let more = end < all.len();
    let cursor = if more { end.to_string() } else { String::new() };
    json!({ "messages": page, "has_more": more, "response_metadata": { "next_cursor": cursor } })
}
