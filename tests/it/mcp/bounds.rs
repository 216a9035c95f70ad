//! What callers may hold and how long they may take, over sockets of this machine.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::served::Served;
use crate::real_program::ProgramWorld;

/// A server with these settings.
async fn bounded(env: &[(&str, &str)]) -> Served {
    Served::with(ProgramWorld::created().await, &[], env, None).await
}

/// Everything that a connection says until it ends, after `bytes`.
async fn said(served: &Served, bytes: &[u8]) -> String {
    let address = served.base.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_request_that_does_not_go_on_ends_its_connection() {
    let served = bounded(&[("OAR_MCP_HEAD", "1"), ("OAR_MCP_BODY", "1"), ("OAR_MCP_IDLE", "1")]).await;
    let host = served.base.strip_prefix("http://").expect("an address");
    let head = format!("POST /mcp HTTP/1.1\r\nHost: {host}\r\n");
    let body = format!("{head}Authorization: Bearer {}\r\nContent-Length: 50\r\n\r\n{{", served.token);
    let (silent, head, body) =
        futures::future::join3(said(&served, b""), said(&served, head.as_bytes()), said(&served, body.as_bytes()))
            .await;
    assert!(silent.is_empty() && head.is_empty(), "{silent} {head}");
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
}

#[tokio::test]
async fn a_request_with_two_hosts_or_a_foreign_target_is_refused() {
    let served = bounded(&[]).await;
    let host = served.base.strip_prefix("http://").expect("an address");
    let end = format!("Authorization: Bearer {}\r\nConnection: close\r\n\r\n", served.token);
    for (request, status) in [
        (format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n{end}"), "400"),
        (format!("GET /livez HTTP/1.1\r\nHost: {host}\r\nHost: evil.example.com\r\n{end}"), "400"),
        (format!("GET http://evil.example.com/metrics HTTP/1.1\r\nHost: {host}\r\n{end}"), "400"),
        (format!("GET http://evil.example.com/metrics HTTP/1.1\r\nHost: evil.example.com\r\n{end}"), "400"),
        (format!("GET http://{host}/metrics HTTP/1.1\r\nHost: {host}\r\n{end}"), "200"),
        (format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n{end}"), "200"),
    ] {
        let answer = said(&served, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{answer}");
        if status == "200" {
            assert!(answer.contains("cache-control: no-store"), "{answer}");
        }
    }
}

#[tokio::test]
async fn one_session_too_many_ends_the_one_that_was_used_least_lately() {
    let served = bounded(&[("OAR_MCP_SESSIONS_EACH", "3")]).await;
    let open = async || {
        let params = json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "short", "version": "1" },
        });
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let answer = served.post(&hello, &[("mcp-session-id", "")]).await;
        answer.headers()["mcp-session-id"].to_str().expect("a text").to_owned()
    };
    let lists = async |session: &str| {
        let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
        served.post(&list, &[("mcp-session-id", session)]).await.status().as_u16()
    };
    // The client of the fixture has the first one.
    let (second, third) = (open().await, open().await);
    assert_eq!((lists(&second).await, lists(&third).await), (200, 200));
    assert_eq!(served.call("oar_get_issues", json!({ "release": "4.20.17" })).await["isError"], false);
    let fourth = open().await;
    assert_eq!((lists(&second).await, lists(&third).await, lists(&fourth).await), (404, 200, 200));
}

#[tokio::test]
async fn looks_are_counted_and_what_is_known_is_answered_all_the_same() {
    let served = bounded(&[("OAR_MCP_LOOKS_PER_MINUTE", "2")]).await;
    let known = async || served.call("oar_get_release_metadata", json!({ "release": "4.20.17" })).await;
    assert_eq!(known().await["isError"], false);
    let look = async || served.call("oar_get_release_status", json!({ "release": "4.20.17" })).await;
    assert_eq!(look().await["isError"], false);
    let refused = look().await["structuredContent"].clone();
    assert_eq!((&refused["error"]["code"], &refused["error"]["retryable"]), (&json!("CONFLICT"), &json!(true)));
    assert!(refused["next"]["not_before_seconds"].as_u64().expect("seconds") <= 31, "{refused}");
    assert_eq!(known().await["isError"], false, "it is in memory");
    let read = served.ask("resources/read", json!({ "uri": "oar://releases" })).await;
    assert!(read["error"]["message"].as_str().expect("a text").contains("looks too often"), "{read}");
}
