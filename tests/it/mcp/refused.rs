//! What must never be let through: each is refused, changes nothing, and is in a log that still hangs together.

use oar::core::access::principal::Scope;
use oar::core::access::tokens::Tokens;
use oar::domain::task::{Flow, Task};
use serde_json::{Value, json};

use super::confirm::decide;
use super::served::{Served, last_message};
use crate::real_program::ProgramWorld;

const RELEASE: &str = "4.20.17";

pub(super) fn tokens(world: &ProgramWorld) -> Tokens {
    Tokens::below(&world.home.path().join("home"))
}

/// Everything that could have changed.
fn outside(served: &Served) -> (usize, String) {
    (served.world.writes().len(), served.world.state().to_yaml())
}

fn push(id: usize) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": { "name": "oar_push_to_cdn_staging", "arguments": { "release": RELEASE } } })
}

/// The last line of the log has these fields, nothing changed since `before`, and the log hangs together.
async fn kept(served: &Served, before: &(usize, String), fields: &[(&str, &str)]) {
    assert_eq!(&outside(served), before, "nothing changed");
    let log = served.world.home.path().join("home/mcp/audit.jsonl");
    let text = std::fs::read_to_string(log).expect("the log");
    let last: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    for (name, value) in fields {
        assert_eq!(last[name], *value, "{name} of {last}");
    }
    let reply = served.world.oar(&["mcp", "audit", "verify"]).await.exits(0).out;
    assert!(reply.contains("every one follows from the one before"), "{reply}");
}

async fn started() -> (Served, (usize, String)) {
    let served = Served::start(&["--toolsets", "all"]).await;
    let before = outside(&served);
    (served, before)
}

#[tokio::test]
async fn a_token_that_expired_since_it_was_given() {
    let (served, before) = started().await;
    let end = served.world.sim.world().clock().now() + jiff::SignedDuration::from_hours(1);
    let token = tokens(&served.world).add("visitor", Scope::ALL, Some(end)).expect("a token");
    let shown = format!("Bearer {token}");
    let looks = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let headers = [("authorization", shown.as_str()), ("mcp-session-id", "")];
    // The server asks the simulated world for its time when it looks at a release.
    let clock_is_read = async || served.call("oar_is_release_shipped", json!({ "release": RELEASE })).await;
    clock_is_read().await;
    assert_ne!(served.post(&looks, &headers).await.status(), 401, "it is good for an hour");
    served.world.hours_pass(1);
    clock_is_read().await;
    let answer = served.post(&push(2), &headers).await;
    assert_eq!(answer.status(), 401);
    assert!(answer.headers()["www-authenticate"].to_str().expect("a text").contains("invalid_token"));
    kept(&served, &before, &[("outcome", "EXPIRED_TOKEN"), ("who", "visitor"), ("tool", "POST /mcp")]).await;
}

#[tokio::test]
async fn a_scope_that_does_not_reach() {
    let world = ProgramWorld::created().await;
    let issues = tokens(&world).add("clerk", [Scope::Read, Scope::IssuesWrite], None).expect("a token");
    let served = Served::with(world, &[], &[], Some(&issues)).await;
    let before = outside(&served);
    let reply = served.call("oar_push_to_cdn_staging", json!({ "release": RELEASE })).await;
    assert_eq!((&reply["isError"], &reply["structuredContent"]["error"]["code"]), (&json!(true), &json!("DENIED")));
    assert!(reply["content"][0]["text"].as_str().expect("a text").contains("release:write"), "{reply}");
    kept(&served, &before, &[("outcome", "DENIED"), ("who", "clerk"), ("tool", "oar_push_to_cdn_staging")]).await;
    let added = served.call("oar_add_issue", json!({ "release": RELEASE, "issue": "what it may" })).await;
    assert_eq!(added["isError"], false, "{added}");
}

#[tokio::test]
async fn a_foreign_host() {
    let (served, before) = started().await;
    assert_eq!(served.post(&push(1), &[("host", "rebound.example.com:8000")]).await.status(), 403);
    kept(&served, &before, &[("outcome", "FOREIGN_HOST"), ("who", "nobody"), ("tool", "POST /mcp")]).await;
}

#[tokio::test]
async fn a_foreign_origin() {
    let (served, before) = started().await;
    for origin in ["https://evil.example.com", "null"] {
        assert_eq!(served.post(&push(1), &[("origin", origin)]).await.status(), 403, "{origin}");
        kept(&served, &before, &[("outcome", "FOREIGN_ORIGIN"), ("tool", "POST /mcp")]).await;
    }
}

#[tokio::test]
async fn a_runner_asked_to_decrypt_the_settings() {
    let world = ProgramWorld::created().await;
    let all = tokens(&world).add("robot", Scope::ALL, None).expect("a token");
    let served = Served::with(world, &["--toolsets", "all"], &[], Some(&all)).await;
    let before = outside(&served);
    let target = served.world.home.path().join("stolen.json");
    let (from, to) = (served.world.home.path().join("settings.json"), target.display().to_string());
    for (command, args) in [
        ("config decrypt", format!("{} {to}", from.display())),
        ("config", format!("decrypt {} {to}", from.display())),
        ("config\u{a0}decrypt", format!("{} {to}", from.display())),
    ] {
        let given = json!({ "release": RELEASE, "command": command, "args": args });
        let reply = served.call("oar_run_command", given).await;
        assert_eq!(reply["structuredContent"]["error"]["code"], "DENIED", "{reply}");
        kept(&served, &before, &[("outcome", "DENIED"), ("who", "robot"), ("tool", "oar_run_command")]).await;
    }
    for tool in ["oarctl_run_command", "jobctl_run_command"] {
        let reply = served.call(tool, json!({ "command": "config decrypt", "args": format!("x {to}") })).await;
        assert_eq!(reply["structuredContent"]["error"]["code"], "DENIED", "{reply}");
        kept(&served, &before, &[("outcome", "DENIED"), ("tool", tool)]).await;
    }
    assert!(!target.exists());
}

#[tokio::test]
async fn a_pasted_address_of_a_strangers_host() {
    let (served, before) = started().await;
    // Somebody who would notice being asked.
    let stranger = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let there = format!("http://{}", stranger.local_addr().expect("an address"));
    for (tool, arguments) in [
        ("oar_get_release_status", json!({ "release": format!("{there}/releases/{RELEASE}") })),
        ("oar_push_to_cdn_staging", json!({ "release": format!("https://evil.example.com/{RELEASE}") })),
        ("oar_stage_testing", json!({ "release": RELEASE, "build_number": format!("{there}/job/Stage-Pipeline/7/") })),
        (
            "oar_image_consistency_check",
            json!({ "release": RELEASE, "job_id": format!("{there}/prowjob?prowjob=0f3b9c1e-0000-4000-8000-000000000000") }),
        ),
    ] {
        let reply = served.call(tool, arguments).await;
        assert_eq!(reply["structuredContent"]["error"]["code"], "INVALID_ARGUMENT", "{tool}: {reply}");
        kept(&served, &before, &[("outcome", "INVALID_ARGUMENT"), ("tool", tool), ("who", "agent")]).await;
    }
    let heard = futures::FutureExt::now_or_never(stranger.accept());
    assert!(heard.is_none(), "nobody asked the stranger");
}

#[tokio::test]
async fn an_agent_that_approves_its_own_request() {
    let done: Vec<_> = Task::tracked(Flow::Konflux).filter(|task| *task != Task::ChangeAdvisoryStatus).collect();
    let world = ProgramWorld::promoted(&done).await;
    // Even one with every scope that a person has.
    let scopes = [Scope::Read, Scope::Write, Scope::Critical];
    let bold = tokens(&world).add("bold", scopes, None).expect("a token");
    let served = Served::with(world, &[], &[], Some(&bold)).await;
    let approval = json!({ "release": RELEASE, "ignore_release_date": true, "reason": "go" });
    let asked = served.call("oar_change_advisory_status", approval.clone()).await;
    let url = asked["structuredContent"]["approval"]["url"].as_str().expect("a link").to_owned();
    let before = outside(&served);
    let (status, page) = decide(&served, &url, &bold, "approve").await;
    assert_eq!(status, 403, "{page}");
    kept(&served, &before, &[("outcome", "REFUSED"), ("who", "bold"), ("tool", "oar_change_advisory_status")]).await;
    let reply = served.call("oar_change_advisory_status", approval).await;
    assert_eq!(reply["structuredContent"]["error"]["code"], "CONFIRMATION_REQUIRED", "nobody said yes: {reply}");
    assert_eq!(outside(&served), before);
}

#[tokio::test]
async fn bodies_and_arguments_of_a_hostile_client() {
    let (served, before) = started().await;
    let raw = async |body: Vec<u8>| {
        let request = served.http.post(format!("{}/mcp", served.base)).bearer_auth(&served.token).body(body);
        let request = request.header("accept", "application/json, text/event-stream");
        request.header("content-type", "application/json").send().await.map(|answer| answer.status().as_u16())
    };
    let large = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "oar_add_issue",
        "arguments": { "release": RELEASE, "issue": "x".repeat(2 << 20) } } });
    // The server answers before everything is sent; whether the client sees that is up to the system.
    if let Ok(status) = raw(large.to_string().into_bytes()).await {
        assert_eq!(status, 413);
    }
    kept(&served, &before, &[("outcome", "TOO_LARGE"), ("who", "agent")]).await;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    for body in [deep("[", "]"), deep("{\"a\":", "}")] {
        let status = raw(body.into_bytes()).await.expect("an answer");
        assert!((400..500).contains(&status), "{status}");
    }
    assert_eq!(outside(&served), before);
    let mut nested = json!("issue");
    for _ in 0..100 {
        nested = json!([nested]);
    }
    for arguments in [
        json!({ "release": RELEASE, "issue": nested }),
        json!({ "release": RELEASE, "issue": 7 }),
        json!({ "release": [RELEASE], "issue": "text" }),
        json!({ "release": RELEASE, "issue": "text", "blocker": "yes" }),
        json!({ "release": RELEASE, "issue": "text", "urgent": true }),
        json!({ "release": RELEASE, "issue": "x".repeat(1001) }),
        json!({ "release": RELEASE }),
        json!({ "release": "4.20", "issue": "text" }),
    ] {
        let reply = served.call("oar_add_issue", arguments).await;
        assert_eq!(reply["structuredContent"]["error"]["code"], "INVALID_ARGUMENT", "{reply}");
        kept(&served, &before, &[("outcome", "INVALID_ARGUMENT"), ("tool", "oar_add_issue")]).await;
    }
    let answer = served
        .post(
            &json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call",
        "params": { "name": "oar_add_issue", "arguments": ["not", "an", "object"] } }),
            &[],
        )
        .await;
    let body = answer.text().await.expect("a body");
    assert!(last_message(&body)["error"].is_object(), "{body}");
    let unknown = served.ask("tools/call", json!({ "name": "oar_ship", "arguments": {} })).await;
    assert_eq!(unknown["error"]["code"], -32_602, "{unknown}");
    kept(&served, &before, &[("outcome", "UNKNOWN_TOOL")]).await;
    assert_eq!(served.call("oar_get_issues", json!({ "release": RELEASE })).await["isError"], false, "it goes on");
}
