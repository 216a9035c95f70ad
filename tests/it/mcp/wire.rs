//! Messages as clients of many kinds send them: what is taken, and why the rest is refused.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::served::{Served, last_message};
use crate::real_program::ProgramWorld;

const RELEASE: &str = "4.20.17";

#[tokio::test]
async fn true_and_false_as_text_are_flags_and_every_other_text_is_refused() {
    let served = Served::start(&["--toolsets", "all"]).await;
    let flags = [
        ("oar_get_issues", "blockers_only"),
        ("oar_get_issues", "unresolved_only"),
        ("oar_get_active_releases", "details"),
    ];
    let call = async |tool: &str, name: &str, value: Value| {
        let mut given = json!({});
        if tool != "oar_get_active_releases" {
            given["release"] = json!(RELEASE);
        }
        given[name] = value;
        served.call(tool, given).await["structuredContent"].clone()
    };
    for (tool, name) in flags {
        for (text, flag) in [("true", true), ("false", false)] {
            let (as_text, as_flag) = (call(tool, name, json!(text)).await, call(tool, name, json!(flag)).await);
            assert_eq!(as_text, as_flag, "{tool} {name}");
            assert_eq!(as_text["ok"], true, "{as_text}");
        }
        for wrong in [json!("yes"), json!("True"), json!("1"), json!(1), json!(0), json!([true]), json!({})] {
            let reply = call(tool, name, wrong.clone()).await;
            assert_eq!(reply["error"]["code"], "INVALID_ARGUMENT", "{wrong}: {reply}");
            assert!(reply["error"]["message"].as_str().unwrap().contains("is true or false"), "{reply}");
        }
    }
}

#[tokio::test]
async fn a_message_that_is_none_is_refused_in_a_session_and_on_the_older_transport_alike() {
    let served = Served::start(&[]).await;
    let deep =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}1{}}}"#, "[".repeat(500), "]".repeat(500));
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let batch = format!("[{call},{call}]");
    let of_two = format!("[{call}]");
    let cases = [
        (batch.as_str(), 400, -32600),
        (of_two.as_str(), 400, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#, 400, -32600),
        (r#"{"id":1,"method":"tools/list"}"#, 400, -32600),
        (deep.as_str(), 400, -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{}}}"#, 200, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":"{}"}}"#, 200, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["x"]}"#, 200, -32602),
    ];
    for (body, status, code) in cases {
        let session = served.raw(body, &[]).await;
        let found = session.status().as_u16();
        let reply = last_message(&session.text().await.expect("a body"));
        // JSON that is nested too deeply is found by one reader or by the other.
        let code_fits = reply["error"]["code"] == code || (code == -32700 && reply["error"]["code"] == -32600);
        assert!(found == status && code_fits, "{body}: {found} {reply}");
        assert!(!reply["error"]["message"].as_str().unwrap().is_empty(), "{reply}");
    }
    let mut stream = served.http.get(format!("{}/sse", served.base)).bearer_auth(&served.token).send().await.unwrap();
    let first = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    let path = first.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned();
    for (body, status, code) in &cases[..4] {
        let sent = served.http.post(format!("{}{path}", served.base)).bearer_auth(&served.token);
        let answer = sent.body((*body).to_owned()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), *status, "{body}");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], *code, "{body}");
    }
}

#[tokio::test]
async fn whoever_accepts_anything_is_answered_and_whoever_accepts_one_form_reads_what_is_missing() {
    let served = Served::start(&[]).await;
    let list = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" }).to_string();
    for accept in ["*/*", "application/*", "application/json, */*;q=0.1", "application/json, text/event-stream"] {
        let answer = served.raw(&list, &[("accept", accept)]).await;
        assert_eq!(answer.status(), 200, "{accept}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(last_message(&answer.text().await.expect("a body"))["result"].is_object(), "{accept}");
    }
    for accept in ["application/json", "text/event-stream", "text/html"] {
        let answer = served.raw(&list, &[("accept", accept)]).await;
        assert_eq!(answer.status(), 406, "{accept}");
        assert!(answer.text().await.unwrap().contains("text/event-stream"));
    }
}

#[tokio::test]
async fn over_stdin_a_line_that_is_no_message_is_answered_and_the_next_one_is_served() {
    let world = ProgramWorld::created().await;
    let mut command = world.command(&["mcp", "serve", "--stdio"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("stdin");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let mut ask = async |line: &str| {
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let answer = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("{line}: the server left"));
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "story", "version": "1" } } });
    let before = [("{", -32700), ("hello", -32700), (r#"{"id":1,"method":"ping"}"#, -32600)];
    for (line, code) in before {
        let reply = ask(line).await;
        assert_eq!(reply["error"]["code"], code, "{line}: {reply}");
    }
    assert_eq!(ask(&hello.to_string()).await["result"]["serverInfo"]["name"], "release-tests");
    let after = [
        ("[]", -32600, Value::Null),
        ("\u{0}", -32700, Value::Null),
        (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}"#, -32602, json!(7)),
        (r#"{"jsonrpc":"2.0","id":8,"method":"release/ship"}"#, -32601, json!(8)),
    ];
    for (line, code, id) in after {
        let reply = ask(line).await;
        assert!(reply.as_object().unwrap().contains_key("id"), "{line}: {reply}");
        assert_eq!((&reply["error"]["code"], &reply["id"]), (&json!(code), &id), "{line}: {reply}");
    }
    let list = ask(r#"{"jsonrpc":"2.0","id":9,"method":"tools/list"}"#).await;
    assert!(list["result"]["tools"].is_array(), "{list}");
}
