//! Sessions and arguments as careless clients use them.

use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;
use serde_json::{Value, json};

use super::served::{Served, last_message};

/// Opens a session; its id.
async fn opened(served: &Served) -> String {
    let params = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "short", "version": "1" },
    });
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let answer = served.post(&hello, &[("mcp-session-id", "")]).await;
    let session = answer.headers()["mcp-session-id"].to_str().expect("a text").to_owned();
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    served.post(&ready, &[("mcp-session-id", &session)]).await;
    session
}

async fn status(served: &Served, session: &str) -> Value {
    let params = json!({ "name": "oar_get_release_status", "arguments": { "release": "4.20.17" } });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    last_message(&served.post(&call, &[("mcp-session-id", session)]).await.text().await.expect("a body"))
}

#[tokio::test]
async fn many_short_sessions_at_once_are_all_served_and_an_ended_one_is_gone() {
    let served = Served::start(&[]).await;
    let one = async || {
        let session = opened(&served).await;
        let reply = status(&served, &session).await;
        assert_eq!(reply["result"]["structuredContent"]["ok"], true, "{reply}");
        let end = served.http.delete(format!("{}/mcp", served.base)).bearer_auth(&served.token);
        assert!(end.header("mcp-session-id", &session).send().await.expect("an answer").status().is_success());
        session
    };
    let sessions = futures::future::join_all((0..40).map(|_| one())).await;
    let hello = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    assert_eq!(served.post(&hello, &[("mcp-session-id", &sessions[0])]).await.status(), 404);
    assert_eq!(served.call("oar_get_release_status", json!({ "release": "4.20.17" })).await["isError"], false);
}

#[tokio::test]
async fn an_id_that_is_null_or_blank_counts_as_not_given() {
    let served = Served::start(&[]).await;
    for blank in [Value::Null, json!(""), json!("  ")] {
        let given = json!({ "release": "4.20.17", "build_number": blank });
        let reply = served.call("oar_stage_testing", given).await;
        let reply = &reply["structuredContent"];
        // As without one: it may not start yet, which is no mistake of the caller.
        assert_ne!(reply["error"]["code"], "INVALID_ARGUMENT", "{reply}");
        assert_eq!(reply["task"], "stage-testing", "{reply}");
    }
    for wrong in [json!("the last one"), json!(-3), json!({}), json!("https://ci.example.net/job/x/12/")] {
        let given = json!({ "release": "4.20.17", "build_number": wrong });
        let reply = served.call("oar_stage_testing", given).await;
        assert_eq!(reply["structuredContent"]["error"]["code"], "INVALID_ARGUMENT", "{reply}");
    }
}

#[tokio::test]
async fn broken_messages_get_the_answer_of_the_protocol_and_the_next_call_works() {
    let served = Served::start(&[]).await;
    let before = served.world.state().to_yaml();
    let raw = async |body: &'static str| {
        let request = served.http.post(format!("{}/mcp", served.base)).bearer_auth(&served.token).body(body);
        let request = request.header("accept", "application/json, text/event-stream");
        let answer = request.header("content-type", "application/json").send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    let broken = [("", -32700), ("{", -32700), ("\u{0}", -32700), ("[]", -32600), ("null", -32600), ("7", -32600)];
    for (body, code) in broken {
        let (status, reply) = raw(body).await;
        let reply: Value = serde_json::from_str(&reply).unwrap_or_else(|error| panic!("{body:?}: {error}: {reply}"));
        assert_eq!(
            (status, &reply["id"], &reply["error"]["code"]),
            (400, &Value::Null, &json!(code)),
            "{body:?}: {reply}"
        );
    }
    assert!((400..500).contains(&raw("{\"jsonrpc\":\"2.0\"}").await.0));
    let unknown = served.ask("tools/call", json!({ "name": "oar_ship_everything", "arguments": {} })).await;
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    let strange = served.ask("release/ship", json!({})).await;
    assert_eq!(strange["error"]["code"], -32601, "{strange}");
    assert_eq!(served.call("oar_get_release_status", json!({ "release": "4.20.17" })).await["isError"], false);
    assert_eq!(served.world.state().to_yaml(), before);
}

#[tokio::test]
async fn what_has_to_wait_for_another_task_names_the_tool_of_that_one() {
    let served = Served::start(&[]).await;
    let reply = served.call("oar_push_to_cdn_staging", json!({ "release": "4.20.17" })).await;
    let next = &reply["structuredContent"]["next"];
    assert_eq!(next["tool"], "oar_check_cve_tracker_bug", "{reply}");
    assert_eq!(next["arguments"], json!({ "release": "4.20.17" }));
}

#[tokio::test]
async fn a_second_request_with_the_id_of_one_under_way_is_refused_at_once() {
    let served = Served::start(&[]).await;
    served.world.sim.world().faults().add(Rule::on("errata", InjectedFault::Hang)).expect("a rule");
    let call = |tool: &str| {
        let params = json!({ "name": tool, "arguments": { "release": "4.20.17" } });
        json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params })
    };
    let (slow, quick) = (call("oar_check_rhcos_security_alerts"), call("oar_get_release_status"));
    let first = async { served.post(&slow, &[]).await.text().await.expect("a body") };
    let rest = async {
        served.world.sim.world().hangs().notified().await;
        let second = served.post(&quick, &[]).await;
        assert_eq!(second.status(), 400);
        let reply: Value = second.json().await.expect("a message");
        assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(7), &json!(-32600)), "{reply}");
        let runs = served.call("oar_get_release_status", json!({ "release": "4.20.17" })).await;
        assert_eq!(runs["isError"], false, "another id is served");
        let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
        served.post(&cancel, &[]).await;
    };
    let (first, ()) = futures::future::join(first, rest).await;
    assert!(!first.contains("result"), "a cancelled request has no answer: {first}");
    let free = json!({ "jsonrpc": "2.0", "id": 8, "method": "tools/list" });
    for _ in 0..20 {
        let again = last_message(&served.post(&free, &[]).await.text().await.expect("a body"));
        assert!(again["result"].is_object(), "whose answer is out leaves its id: {again}");
    }
}

#[tokio::test]
async fn headers_narrow_whatever_their_spelling_and_one_that_makes_no_sense_is_refused() {
    let served = Served::start(&["--toolsets", "all"]).await;
    let list = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" });
    let listed = async |headers: &[(&str, &str)]| {
        let reply = last_message(&served.post(&list, headers).await.text().await.expect("a body"));
        reply["result"]["tools"].as_array().map(Vec::len)
    };
    let all = listed(&[]).await.expect("a list");
    let looks = listed(&[("x-oar-read-only", "true")]).await.expect("a list");
    assert!(0 < looks && looks < all);
    for token in ["1", "yes", "ON"] {
        assert_eq!(listed(&[("x-oar-read-only", token)]).await, Some(looks), "{token}");
    }
    for token in ["banana", "true, please", "t\u{fc}r"] {
        assert_eq!(listed(&[("x-oar-read-only", token)]).await, None, "{token}");
    }
    assert_eq!(listed(&[("x-oar-read-only", "true"), ("x-oar-read-only", "false")]).await, Some(looks));
    let without = [("x-oar-exclude-tools", "oar_explain"), ("x-oar-exclude-tools", "oar_get_run")];
    assert_eq!(listed(&without).await, Some(all - 2), "both count");
}
