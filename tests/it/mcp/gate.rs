//! Who may come in and what they may do: every refusal changes nothing and is in the audit log.

use std::path::PathBuf;

use josekit::jwk::KeyPair as _;
use josekit::jws::JwsHeader;
use josekit::jwt::JwtPayload;
use oar::core::access::principal::Scope;
use oar::core::access::tokens::Tokens;
use serde_json::{Value, json};

use super::served::{Served, last_message};
use crate::real_program::ProgramWorld;

const RELEASE: &str = "4.20.17";

fn home(world: &ProgramWorld) -> PathBuf {
    world.home.path().join("home")
}

/// A token that exists before the server starts.
fn token(world: &ProgramWorld, name: &str, scopes: &[Scope]) -> String {
    Tokens::below(&home(world)).add(name, scopes.iter().copied(), None).expect("a token")
}

/// The audit log.
fn audit(served: &Served) -> Vec<Value> {
    let text = std::fs::read_to_string(home(&served.world).join("mcp/audit.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Everything that could have changed: what services were sent, and the state file.
fn outside(served: &Served) -> (usize, String) {
    (served.world.writes().len(), served.world.state().to_yaml())
}

/// The last line of the log has these fields.
#[track_caller]
fn kept(served: &Served, fields: &[(&str, &str)]) {
    let lines = audit(served);
    let last = lines.last().expect("a line in the audit log");
    for (name, value) in fields {
        assert_eq!(last[name], *value, "{name} of {last}");
    }
}

/// A request with these headers only; its status.
async fn knock(served: &Served, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = served.http.get(format!("{}{path}", served.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer").status().as_u16()
}

/// A call of a tool as the bearer of `token`, without a session: as clients of 2026 call.
async fn call_as(served: &Served, token: &str, tool: &str, arguments: Value) -> reqwest::Response {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "story", "version": "2" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("mcp-session-id", ""),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", tool),
    ];
    served.post(&message, &headers).await
}

#[tokio::test]
async fn pages_of_strangers_and_callers_without_a_good_token_change_nothing_and_are_kept() {
    let served = Served::start(&[]).await;
    let before = outside(&served);
    let push = json!({ "release": RELEASE });

    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "oar_push_to_cdn_staging", "arguments": push } });
    assert_eq!(served.post(&message, &[("host", "evil.example.com")]).await.status(), 403);
    kept(&served, &[("outcome", "FOREIGN_HOST"), ("who", "nobody"), ("tool", "POST /mcp")]);
    assert_eq!(served.post(&message, &[("origin", "http://evil.example.com")]).await.status(), 403);
    kept(&served, &[("outcome", "FOREIGN_ORIGIN")]);
    for path in ["/sse", "/health", "/metrics"] {
        assert_eq!(knock(&served, path, &[("host", "evil.example.com")]).await, 403, "{path}");
    }
    assert_eq!(knock(&served, "/livez", &[("host", "10.1.2.3:8000")]).await, 200);
    assert_eq!(knock(&served, "/readyz", &[("host", "10.1.2.3:8000")]).await, 200);

    let answer = served.post(&message, &[("authorization", "")]).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], r#"Bearer realm="oar", scope="release:read""#);
    kept(&served, &[("outcome", "NO_TOKEN")]);
    assert_eq!(call_as(&served, "oar_guess", "oar_push_to_cdn_staging", push.clone()).await.status(), 401);
    kept(&served, &[("outcome", "UNKNOWN_TOKEN")]);
    let past = "2026-01-01T00:00:00Z".parse().expect("a time");
    let over = Tokens::below(&home(&served.world)).add("past", Scope::ALL, Some(past)).expect("a token");
    assert_eq!(call_as(&served, &over, "oar_push_to_cdn_staging", push.clone()).await.status(), 401);
    kept(&served, &[("outcome", "EXPIRED_TOKEN"), ("who", "past")]);
    for path in ["/sse", "/metrics", "/nowhere"] {
        assert_eq!(knock(&served, path, &[]).await, 401, "{path}");
    }

    let large = served.http.post(format!("{}/mcp", served.base)).bearer_auth(&served.token);
    let large = large.body(vec![b' '; 2 << 20]).send().await;
    // The server answers before everything is sent; whether the client sees that is up to the system.
    if let Ok(answer) = large {
        assert_eq!(answer.status(), 413);
    }
    kept(&served, &[("outcome", "TOO_LARGE"), ("who", "agent")]);

    assert_eq!(outside(&served), before);
    let text = served.world.oar(&["mcp", "audit", "verify"]).await.exits(0).out;
    assert!(text.contains("every one follows from the one before"), "{text}");
}

#[tokio::test]
async fn what_a_caller_may_not_do_is_a_tool_error_and_kept() {
    let world = ProgramWorld::created().await;
    let reader = token(&world, "reader", &[Scope::Read]);
    let served = Served::after(world, &["--toolsets", "all"], Some(reader), |_| {}).await;
    let before = outside(&served);
    let cases = [
        ("oar_push_to_cdn_staging", json!({ "release": RELEASE }), "DENIED"),
        ("oar_change_advisory_status", json!({ "release": RELEASE }), "DENIED"),
        ("oar_run_command", json!({ "release": RELEASE, "command": "config", "args": "decrypt a b" }), "DENIED"),
        ("oar_get_release_status", json!({ "release": "https://evil.example.com/4.20.17" }), "INVALID_ARGUMENT"),
        ("oar_get_release_status", json!({ "release": RELEASE, "extra": 1 }), "INVALID_ARGUMENT"),
    ];
    for (tool, arguments, code) in cases {
        let reply = served.call(tool, arguments).await;
        assert_eq!(reply["isError"], true, "{tool}: {reply}");
        assert_eq!(reply["structuredContent"]["error"]["code"], code, "{tool}: {reply}");
        kept(
            &served,
            &[("tool", tool), ("outcome", code), ("who", "reader"), ("client", "story 1"), ("transport", "http")],
        );
    }
    let unknown = served.ask("tools/call", json!({ "name": "oar_rm_rf", "arguments": {} })).await;
    assert!(unknown.get("error").is_some(), "{unknown}");
    kept(&served, &[("outcome", "UNKNOWN_TOOL"), ("who", "reader")]);
    let log = std::fs::read_to_string(home(&served.world).join("mcp/audit.jsonl")).expect("the log");
    assert!(!log.contains("evil.example.com") && !log.contains("decrypt"), "values are not kept: {log}");
    assert_eq!(outside(&served), before);

    // A runner refuses also whoever may use it.
    let writer = token(&served.world, "writer", &Scope::ALL);
    let arguments = json!({ "release": RELEASE, "command": "config", "args": "decrypt a b" });
    let body = call_as(&served, &writer, "oar_run_command", arguments).await.text().await.expect("a body");
    assert_eq!(last_message(&body)["result"]["isError"], true, "{body}");
    kept(&served, &[("tool", "oar_run_command"), ("who", "writer"), ("client", "story 2")]);
    assert_ne!(audit(&served).last().expect("a line")["outcome"], "OK");
    assert_eq!(outside(&served), before);

    // A session belongs to whoever opened it.
    let message = json!({ "jsonrpc": "2.0", "id": 8, "method": "tools/list" });
    let foreign = served.post(&message, &[("authorization", &format!("Bearer {writer}"))]).await;
    assert_eq!(foreign.status(), 404);
    kept(&served, &[("outcome", "FOREIGN_SESSION"), ("who", "writer")]);
}

#[tokio::test]
async fn a_change_is_kept_with_run_client_digest_and_state_before_and_after() {
    let served = Served::start(&[]).await;
    let reply = served.call("oar_add_issue", json!({ "release": RELEASE, "issue": "the mirror is slow" })).await;
    assert_eq!(reply["isError"], false, "{reply}");
    let lines = audit(&served);
    let line = lines.iter().filter(|line| line["tool"] == "oar_add_issue");
    let [began, line] = line.collect::<Vec<_>>()[..] else { panic!("a line for its beginning and one for its end") };
    assert_eq!((&began["outcome"], &began["run_id"]), (&json!("BEGAN"), &line["run_id"]), "{began}");
    let expected = [("who", "agent"), ("client", "story 1"), ("release", RELEASE), ("outcome", "OK")];
    for (name, value) in expected {
        assert_eq!(line[name], value, "{line}");
    }
    assert_eq!(line["run_id"], reply["structuredContent"]["run_id"], "{line}");
    let (before, after) = (line["before"].as_str().expect("before"), line["after"].as_str().expect("after"));
    assert_ne!(before, after, "{line}");
    assert_eq!(line["arguments"].as_str().map(str::len), Some(64));
    assert!(!line.to_string().contains("mirror"), "{line}");

    served.call("oar_get_issues", json!({ "release": RELEASE })).await;
    kept(&served, &[("tool", "oar_get_issues"), ("outcome", "OK")]);
    let path = home(&served.world).join("mcp/audit.jsonl");
    served.world.oar(&["mcp", "audit", "verify"]).await.exits(0);
    let text = std::fs::read_to_string(&path).expect("the log");
    std::fs::write(&path, text.replacen("\"agent\"", "\"lead\"", 1)).expect("the log");
    let reply = served.world.oar(&["mcp", "audit", "verify"]).await.exits(5);
    assert!(reply.err.contains("does not follow from the line before"), "{}", reply.err);
}

#[tokio::test]
async fn too_many_changes_in_a_minute_are_informed_when_to_come_back() {
    let world = ProgramWorld::created().await;
    let settings = world.home.path().join("oar.toml");
    std::fs::write(&settings, "[mcp]\nwrites_per_minute = 1\n").expect("a file");
    let settings = settings.display().to_string();
    let served = Served::before(world, &["--settings", &settings]).await;
    let issue = |text: &str| json!({ "release": RELEASE, "issue": text });
    assert_eq!(served.call("oar_add_issue", issue("first")).await["isError"], false);
    let before = outside(&served);
    let reply = served.call("oar_add_issue", issue("second")).await;
    let error = &reply["structuredContent"]["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&json!("CONFLICT"), &json!(true)), "{reply}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("call it again in")), "{reply}");
    kept(&served, &[("tool", "oar_add_issue"), ("outcome", "CONFLICT")]);
    assert_eq!(outside(&served), before);
    assert_eq!(served.call("oar_get_issues", json!({ "release": RELEASE })).await["isError"], false, "looks go on");
}

#[tokio::test]
async fn tokens_are_made_listed_and_ended_at_once() {
    let served = Served::start(&[]).await;
    let add = |args: &'static [&'static str]| {
        let tokens: Vec<_> = ["mcp", "token", "add"].iter().chain(args).copied().collect();
        let world = &served.world;
        async move { world.oar(&tokens).await }
    };
    for bad in [&["someone@example.com"][..], &["x", "--scopes", "release:all"], &["x", "--expires", "yesterday"]] {
        let reply = add(bad).await.exits(2);
        assert!(reply.err.contains("next:"), "{}", reply.err);
    }
    let made = add(&["lead", "--scopes", "release:read,release:write", "--expires", "30d"]).await.exits(0);
    let token = made.out.lines().next().expect("a token").to_owned();
    let list = served.world.oar(&["mcp", "token", "list"]).await.exits(0).out;
    assert!(list.contains("lead") && list.contains("release:read,release:write") && !list.contains(&token), "{list}");
    let metrics = |token: &str| format!("Bearer {token}");
    assert_eq!(knock(&served, "/metrics", &[("authorization", &metrics(&token))]).await, 200);
    served.world.oar(&["mcp", "token", "revoke", "lead"]).await.exits(0);
    assert_eq!(knock(&served, "/metrics", &[("authorization", &metrics(&token))]).await, 401);
    served.world.oar(&["mcp", "token", "revoke", "lead"]).await.exits(2);

    use std::os::unix::fs::PermissionsExt as _;
    let file = home(&served.world).join("mcp/agent.token");
    assert_eq!(std::fs::metadata(&file).expect("the first token").permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&file).expect("the first token").trim(), served.token);
}

#[tokio::test]
async fn other_machines_are_served_only_with_a_token_behind_a_named_proxy() {
    let world = ProgramWorld::empty().await;
    for (args, why) in [
        (&["--host", "0.0.0.0"][..], "--behind-proxy"),
        (&["--host", "0.0.0.0", "--auth", "none"], "this machine only"),
        (&["--host", "0.0.0.0", "--behind-proxy", "route"], "--allowed-host"),
        (&["--behind-proxy", "route", "--auth", "none"], "this machine only"),
        (&["--auth", "oauth"], "mcp.oauth.issuer"),
        (&["--tls-cert", "/nowhere.pem"], "--tls-key"),
        (&["--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.pem"], "/nowhere.pem"),
    ] {
        let tokens: Vec<_> = ["mcp", "serve", "--port", "0"].iter().chain(args).copied().collect();
        let reply = world.oar(&tokens).await.exits(2);
        assert!(reply.err.contains(why), "{}", reply.err);
    }
    let served = Served::before(world, &["--behind-proxy", "route", "--allowed-host", "oar.example.com"]).await;
    let health = served.http.get(format!("{}/health", served.base)).send().await.expect("an answer");
    let health: Value = health.json().await.expect("JSON");
    assert_eq!(health.as_object().map(serde_json::Map::len), Some(2), "behind a proxy everybody is near: {health}");
    assert_eq!(knock(&served, "/health", &[("host", "oar.example.com")]).await, 200);
}

#[tokio::test]
async fn without_its_variables_the_server_starts_only_when_asked_and_says_what_is_missing() {
    let world = ProgramWorld::created().await;
    let before = world.requests("GET");
    let mut command = world.command(&["mcp", "serve", "--port", "0"]);
    let output = command.env_remove("GITHUB_TOKEN").env_remove("OAR_JWK").output().await.expect("the program");
    let reply = crate::real_program::Ended::of(&output).exits(6);
    assert!(reply.err.contains("GITHUB_TOKEN") && reply.err.contains("OAR_JWK"), "{}", reply.err);
    assert!(reply.err.contains("to try it without any: oar sim serve"), "{}", reply.err);

    let served = Served::after(world, &["--allow-degraded"], None, |command| {
        command.env_remove("GITHUB_TOKEN").env_remove("JENKINS_TOKEN");
    })
    .await;
    assert_eq!(served.world.requests("GET"), before, "nobody is asked at the start");
    let reply = served.call("oar_get_release_status", json!({ "release": RELEASE })).await;
    let error = &reply["structuredContent"]["error"];
    assert_eq!(error["code"], "PRECONDITION", "{reply}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("GITHUB_TOKEN")), "{reply}");
    kept(&served, &[("tool", "oar_get_release_status"), ("outcome", "PRECONDITION")]);
    let health = served.http.get(format!("{}/health", served.base)).send().await.expect("an answer");
    assert_eq!(health.status(), 503);
    let health: Value = health.json().await.expect("JSON");
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["environment"]["missing_required"], json!(["GITHUB_TOKEN"]));
    assert_eq!(health["environment"]["missing_optional"], json!(["JENKINS_TOKEN"]));
    assert_eq!(health["environment"]["capabilities"]["stage_testing"], false);
    assert_eq!(knock(&served, "/readyz", &[]).await, 503);
    assert_eq!(knock(&served, "/livez", &[]).await, 200);
}

#[tokio::test]
async fn a_tool_whose_own_variables_are_missing_names_them() {
    let world = ProgramWorld::created().await;
    let served = Served::after(world, &[], None, |command| {
        command.env_remove("GITLAB_TOKEN");
    })
    .await;
    let before = outside(&served);
    let reply = served.call("oar_take_ownership", json!({ "release": RELEASE, "email": "lead@example.com" })).await;
    let error = &reply["structuredContent"]["error"];
    assert_eq!(error["code"], "PRECONDITION", "{reply}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("GITLAB_TOKEN")), "{reply}");
    kept(&served, &[("tool", "oar_take_ownership"), ("outcome", "PRECONDITION")]);
    assert_eq!(served.world.writes().len(), before.0);
}

#[tokio::test]
async fn health_and_metrics_tell_what_the_server_does() {
    let served = Served::start(&[]).await;
    served.call("oar_get_issues", json!({ "release": RELEASE })).await;
    let health = served.http.get(format!("{}/health", served.base)).send().await.expect("an answer");
    assert_eq!(health.status(), 200);
    let health: Value = health.json().await.expect("JSON");
    for field in [
        "status",
        "server",
        "version",
        "transport",
        "tools",
        "environment",
        "kerberos",
        "cache",
        "thread_pool",
        "timestamp",
    ] {
        assert!(health.get(field).is_some(), "{field} of {health}");
    }
    let tools = &health["tools"];
    assert_eq!(tools["total"].as_u64(), tools["cli"].as_u64().zip(tools["api"].as_u64()).map(|(a, b)| a + b));
    let metrics = served.http.get(format!("{}/metrics", served.base)).bearer_auth(&served.token).send().await;
    let metrics = metrics.expect("an answer").text().await.expect("a body");
    assert!(metrics.contains(r#"oar_calls_total{tool="oar_get_issues",outcome="OK"} 1"#), "{metrics}");
}

#[tokio::test]
async fn a_call_that_had_begun_is_answered_although_the_server_was_asked_to_stop() {
    let mut served = Served::start(&[]).await;
    let before = served.world.requests("GET");
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "oar_take_ownership", "arguments": { "release": RELEASE, "email": "lead@example.com" } } });
    let id = i32::try_from(served.child.id().expect("it runs")).expect("a process id");
    let stop = async {
        while served.world.requests("GET") == before {
            tokio::task::yield_now().await;
        }
        let id = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it runs");
    };
    let call = async { served.post(&message, &[]).await.text().await.expect("a whole answer") };
    let (body, ()) = tokio::join!(call, stop);
    assert_eq!(last_message(&body)["result"]["isError"], false, "{body}");
    let ended = served.child.wait().await.expect("it ends");
    assert_eq!(ended.code(), Some(143));
    kept(&served, &[("tool", "oar_take_ownership"), ("outcome", "OK")]);
    assert_eq!(served.world.state().to_yaml().matches("lead@example.com").count(), 0, "mail addresses are not stored");
}

/// An OAuth server that only publishes its key.
struct Issuer {
    key: josekit::jwk::alg::ec::EcKeyPair,
    address: String,
}

impl Issuer {
    async fn start() -> Self {
        let key = josekit::jws::ES256.generate_key_pair().expect("a key");
        let mut public = key.to_jwk_public_key();
        public.set_key_id("one");
        let keys = json!({ "keys": [public.as_ref()] });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let publish = axum::routing::get(move || async move { axum::Json(keys) });
        let router = axum::Router::new().route("/keys", publish);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { key, address }
    }

    fn token(&self, audience: &str, scope: &str) -> String {
        let mut header = JwsHeader::new();
        header.set_key_id("one");
        // The simulated world lives in 2026; the token outlives any world.
        let claims = json!({ "iss": self.address, "aud": audience, "sub": "pipeline", "scope": scope, "exp": 4_102_444_800_u64 });
        let payload = JwtPayload::from_map(claims.as_object().expect("an object").clone()).expect("claims");
        let signer = josekit::jws::ES256.signer_from_der(self.key.to_der_private_key()).expect("a signer");
        josekit::jwt::encode_with_signer(&payload, &header, &signer).expect("a token")
    }
}

#[tokio::test]
async fn a_token_of_the_oauth_server_comes_in_and_goes_nowhere_else() {
    const AUDIENCE: &str = "https://oar.example.com/mcp";
    let (issuer, world) = (Issuer::start().await, ProgramWorld::created().await);
    let settings = world.home.path().join("oar.toml");
    let text = format!("[mcp.oauth]\nissuer = '{0}'\naudience = '{AUDIENCE}'\njwks_url = '{0}/keys'\n", issuer.address);
    std::fs::write(&settings, text).expect("a file");
    let (settings, good) = (settings.display().to_string(), issuer.token(AUDIENCE, "release:read openid"));
    let served = Served::after(world, &["--auth", "oauth", "--settings", &settings], Some(good.clone()), |_| {}).await;

    let reply = served.call("oar_get_issues", json!({ "release": RELEASE })).await;
    assert_eq!(reply["isError"], false, "{reply}");
    kept(&served, &[("tool", "oar_get_issues"), ("who", "oauth:pipeline"), ("outcome", "OK")]);
    assert!(!served.world.sim.journal().contains(&good), "the token stays here");

    let resource = served.http.get(format!("{}/.well-known/oauth-protected-resource/mcp", served.base)).send().await;
    let resource: Value = resource.expect("an answer").json().await.expect("JSON");
    assert_eq!(resource["resource"], AUDIENCE);
    assert_eq!(resource["authorization_servers"], json!([issuer.address]));

    let before = outside(&served);
    let push = json!({ "release": RELEASE });
    let reply = served.call("oar_push_to_cdn_staging", push.clone()).await;
    assert_eq!(reply["structuredContent"]["error"]["code"], "DENIED", "{reply}");
    let other = issuer.token("https://other.example.com", "release:write");
    let answer = call_as(&served, &other, "oar_push_to_cdn_staging", push.clone()).await;
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
    let place = "https://oar.example.com/.well-known/oauth-protected-resource/mcp";
    assert!(challenge.contains(place) && challenge.contains("invalid_token"), "{challenge}");
    kept(&served, &[("outcome", "INVALID_TOKEN")]);
    let little = issuer.token(AUDIENCE, "openid");
    let answer = call_as(&served, &little, "oar_push_to_cdn_staging", push).await;
    assert_eq!(answer.status(), 403);
    let challenge = answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
    assert!(challenge.contains("insufficient_scope") && challenge.contains("scope=\"release:read\""), "{challenge}");
    kept(&served, &[("outcome", "INSUFFICIENT_SCOPE"), ("who", "oauth:pipeline")]);
    assert_eq!(outside(&served), before);
}

#[tokio::test]
async fn a_server_that_starts_again_tells_where_the_token_is_and_never_the_token() {
    let (world, token) = Served::start(&[]).await.killed().await;
    let mut command = world.command(&["mcp", "serve", "--port", "0"]);
    command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("the program starts");
    use tokio::io::AsyncBufReadExt as _;
    let mut lines = tokio::io::BufReader::new(child.stderr.take().expect("stderr")).lines();
    let reply = lines.next_line().await.expect("text").expect("a line");
    let path = home(&world).join("mcp/agent.token");
    assert_eq!(reply, format!("callers show a token; the one for agents is in {}", path.display()));
    assert!(!reply.contains(&token));
    child.kill().await.expect("it still runs");
    world.sim.shutdown().await;
}
