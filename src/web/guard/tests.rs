use axum::http::Method;
use axum::routing::{get, post};
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use crate::core::access::oauth::Fetch;
use crate::core::access::principal::Scope;
use crate::core::clock::VirtualClock;

/// A guarded server, its token, and its audit log.
struct Fixture {
    _home: tempfile::TempDir,
    router: Router,
    /// The same routes for callers who may do nothing.
    idle: Router,
    token: String,
    other: String,
    over: String,
    audit: Audit,
}

fn fixture(oauth: Option<Resource>) -> Fixture {
    let home = tempfile::tempdir().unwrap();
    let clock = Clock::Virtual(VirtualClock::starting_at("2026-06-01T00:00:00Z".parse().unwrap()));
    let tokens = Tokens::below(home.path());
    let token = tokens.add("agent", [Scope::Read], None).unwrap();
    let other = tokens.add("other", [Scope::Read], None).unwrap();
    let over = tokens.add("past", [Scope::Read], Some("2026-05-31T00:00:00Z".parse().unwrap())).unwrap();
    let audit = Audit::below(home.path(), clock.clone(), true);
    let guard = Guard {
        hosts: vec!["localhost:8000".to_owned()],
        origins: vec!["https://pages.example.com".to_owned()],
        authentication: Authentication::Bearer { tokens: Some(tokens), oauth },
        bounds: RequestBounds {
            connections: Quota::new(4, 2),
            streams: Quota::new(3, 2),
            body: Duration::from_millis(20),
        },
        audit: audit.clone(),
        clock,
    };
    let who = |request: Request| async move {
        let who = request.extensions().get::<Principal>().map_or("nobody", |who| who.name.as_str()).to_owned();
        let shown = request.headers().contains_key(header::AUTHORIZATION);
        format!("{who} {shown}")
    };
    let length = |body: bytes::Bytes| async move { body.len().to_string() };
    let routes = Routes::default()
        .route("/mcp", Access::Caller, get(who).post(length))
        .route("/health", Access::Anybody, get(who))
        .route("/livez", Access::Probe, get(who))
        .route("/page", Access::LinkHolder, get(who))
        .route("/known", Access::Public, get(who))
        .route("/open", Access::Caller, get(async || [(SESSION, "one")]))
        .route("/events", Access::Caller, get(async || ([(header::CONTENT_TYPE, "text/event-stream")], "data: x\n\n")))
        .route("/other", Access::Caller, post(length));
    let idle = Guard { authentication: Authentication::Nobody(Principal::new("idle", [])), ..guard.clone() };
    let idle = behind(idle, routes.clone());
    Fixture { _home: home, router: behind(guard, routes), idle, token, other, over, audit }
}

fn request(path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:8000");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

impl Fixture {
    async fn ask(&self, request: Request) -> (u16, String, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let challenge = response.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap(), challenge)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// Outcomes that the audit log has, in order.
    fn refused(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.audit.path()).unwrap_or_default();
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let refusal = |line: serde_json::Value| {
            format!("{} {}", line["who"].as_str().unwrap(), line["outcome"].as_str().unwrap())
        };
        text.lines().map(line).map(refusal).collect()
    }
}

#[tokio::test]
async fn a_known_token_comes_in_and_goes_no_further() {
    let fixture = fixture(None);
    let answer = fixture.ask(request("/mcp", &[("authorization", &fixture.bearer())])).await;
    assert_eq!(answer, (200, "agent false".to_owned(), String::new()));
    assert_eq!(fixture.refused(), [""; 0]);
}

#[tokio::test]
async fn whoever_shows_no_good_token_reads_how_to_come_in_and_is_kept() {
    let fixture = fixture(None);
    let (status, _, challenge) = fixture.ask(request("/mcp?session_id=secret", &[])).await;
    assert_eq!((status, challenge.as_str()), (401, r#"Bearer realm="oar", scope="release:read""#));
    let invalid = r#"Bearer realm="oar", scope="release:read", error="invalid_token""#;
    for shown in [format!("Bearer {}", fixture.over), "Bearer oar_guess".to_owned(), "bearer a.b.c".to_owned()] {
        let (status, _, challenge) = fixture.ask(request("/mcp", &[("authorization", &shown)])).await;
        assert_eq!((status, challenge.as_str()), (401, invalid));
    }
    let wanted = ["nobody NO_TOKEN", "past EXPIRED_TOKEN", "nobody UNKNOWN_TOKEN", "nobody UNKNOWN_TOKEN"];
    assert_eq!(fixture.refused(), wanted);
    let text = std::fs::read_to_string(fixture.audit.path()).unwrap();
    assert!(!text.contains("secret") && !text.contains("guess"), "{text}");
}

#[tokio::test]
async fn pages_of_strangers_are_refused_on_every_route_but_the_probes() {
    let fixture = fixture(None);
    let token = fixture.bearer();
    for path in ["/mcp", "/health", "/nowhere", "/.well-known/oauth-protected-resource"] {
        let foreign = [("authorization", token.as_str()), ("host", "evil.example.com")];
        assert_eq!(fixture.ask(request(path, &foreign)).await.0, 403, "{path}");
        let page = [("authorization", token.as_str()), ("origin", "http://evil.example.com")];
        assert_eq!(fixture.ask(request(path, &page)).await.0, 403, "{path}");
    }
    assert_eq!(fixture.refused().len(), 8);
    assert_eq!(fixture.ask(request("/livez", &[("host", "10.0.0.7:8000")])).await.0, 200);
    for origin in
        ["localhost:8000", "http://x@localhost:8000", "http://localhost:8000/page", "http://localhost", "null"]
    {
        let other = [("authorization", token.as_str()), ("origin", origin)];
        assert_eq!(fixture.ask(request("/mcp", &other)).await.0, 403, "{origin}");
    }
    for origin in ["http://localhost:8000", "http://LOCALHOST:8000", "https://pages.example.com"] {
        let own = [("authorization", token.as_str()), ("origin", origin)];
        assert_eq!(fixture.ask(request("/mcp", &own)).await.0, 200, "{origin}");
    }
}

#[tokio::test]
async fn a_large_body_is_refused_also_when_it_does_not_say_how_large_it_is() {
    let fixture = fixture(None);
    let send = |body: Body, length: Option<usize>| {
        let mut request = request("/mcp", &[("authorization", &fixture.bearer())]);
        *request.method_mut() = axum::http::Method::POST;
        *request.body_mut() = body;
        if let Some(length) = length {
            request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        fixture.ask(request)
    };
    let chunks = |count: usize| {
        Body::from_stream(futures::stream::iter((0..count).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1 << 16]))))
    };
    assert_eq!(send(Body::from(vec![0; MOST_BYTES]), Some(MOST_BYTES)).await.1, MOST_BYTES.to_string());
    assert_eq!(send(chunks(16), None).await.1, MOST_BYTES.to_string());
    assert_eq!(send(Body::empty(), Some(MOST_BYTES + 1)).await.0, 413);
    assert_eq!(send(chunks(17), None).await.0, 413);
    assert_eq!(fixture.refused(), ["agent TOO_LARGE", "agent TOO_LARGE"]);
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_refused() {
    let fixture = fixture(None);
    let mut slow = request("/mcp", &[("authorization", &fixture.bearer())]);
    *slow.method_mut() = Method::POST;
    *slow.body_mut() = Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let (status, text, _) = fixture.ask(slow).await;
    assert_eq!((status, text.as_str()), (408, "the body of the request did not come in time"));
    assert_eq!(fixture.refused(), ["agent SLOW_BODY"]);
}

#[tokio::test]
async fn one_reader_cannot_take_all_event_streams_and_whoever_leaves_makes_space() {
    let fixture = fixture(None);
    let open = async |token: &str| {
        let events = request("/events", &[("authorization", &format!("Bearer {token}"))]);
        fixture.router.clone().oneshot(events).await.unwrap()
    };
    let held = [open(&fixture.token).await, open(&fixture.token).await];
    let refused = open(&fixture.token).await;
    assert_eq!((refused.status().as_u16(), &refused.headers()[header::RETRY_AFTER]), (429, &HeaderValue::from(30)));
    assert_eq!(open(&fixture.other).await.status(), 200, "another reader has a place");
    drop(held);
    assert_eq!(open(&fixture.token).await.status(), 200);
    assert_eq!(fixture.refused(), ["agent TOO_MANY"]);
}

#[tokio::test]
async fn a_caller_with_too_many_connections_is_refused_on_the_next_one() {
    let fixture = fixture(None);
    let connections = [(); 3].map(|()| Connection::default());
    let mut statuses = Vec::new();
    for connection in [0, 1, 0, 2].map(|at| connections[at].clone()) {
        let mut asked = request("/mcp", &[("authorization", &fixture.bearer())]);
        asked.extensions_mut().insert(connection);
        statuses.push(fixture.ask(asked).await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[tokio::test]
async fn a_request_that_names_two_hosts_or_a_foreign_target_is_refused_on_every_route() {
    let fixture = fixture(None);
    let token = fixture.bearer();
    for path in ["/mcp", "/health", "/known", "/page", "/nowhere", "/livez"] {
        for second in ["localhost:8000", "evil.example.com"] {
            let mut twice = request(path, &[("authorization", &token)]);
            twice.headers_mut().append(header::HOST, HeaderValue::from_static(second));
            assert_eq!(fixture.ask(twice).await.0, 400, "{path} {second}");
        }
        if path == "/livez" {
            continue;
        }
        for host in ["localhost:8000", "evil.example.com"] {
            let target = format!("http://evil.example.com{path}");
            let foreign = request(&target, &[("authorization", token.as_str()), ("host", host)]);
            assert_eq!(fixture.ask(foreign).await.0, 400, "{target} {host}");
        }
        let own = request(&format!("http://localhost:8000{path}"), &[("authorization", &token)]);
        assert_ne!(fixture.ask(own).await.0, 400, "{path}");
    }
    assert_eq!(fixture.refused()[0], "nobody AMBIGUOUS_HOST");
}

#[tokio::test]
async fn no_answer_may_be_kept_by_a_cache_and_no_refusal_says_how_tokens_are_made() {
    let fixture = fixture(None);
    for (path, token) in [("/mcp", None), ("/mcp", Some("oar_guess")), ("/health", None), ("/livez", None)] {
        let shown = token.map(|token| format!("Bearer {token}")).unwrap_or_default();
        let headers = [("authorization", shown.as_str())];
        let answer = fixture.router.clone().oneshot(request(path, &headers)).await.unwrap();
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store", "{path} {shown}");
        let text = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("oar mcp"), "{path} {shown}");
    }
}

#[tokio::test]
async fn the_session_of_another_does_not_exist() {
    let fixture = fixture(None);
    assert_eq!(fixture.ask(request("/open", &[("authorization", &fixture.bearer())])).await.0, 200);
    let own = [("authorization", fixture.bearer()), (SESSION, "one".to_owned())];
    let foreign = [("authorization", format!("Bearer {}", fixture.other)), (SESSION, "one".to_owned())];
    let mut statuses = Vec::new();
    for headers in [&own, &foreign] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        statuses.push(fixture.ask(request("/mcp", &headers)).await.0);
    }
    assert_eq!(statuses, [200, 404]);
    assert_eq!(fixture.refused(), ["other FOREIGN_SESSION"]);
}

#[tokio::test]
async fn health_lets_everybody_in_and_knows_who_showed_a_token() {
    let fixture = fixture(None);
    assert_eq!(fixture.ask(request("/health", &[])).await.1, "nobody false");
    assert_eq!(fixture.ask(request("/health", &[("authorization", "Bearer oar_guess")])).await.1, "nobody false");
    assert_eq!(fixture.ask(request("/health", &[("authorization", &fixture.bearer())])).await.1, "agent false");
}

#[tokio::test]
async fn with_an_oauth_server_the_challenge_names_it_and_an_issuer_that_is_away_decides_nothing() {
    let fetch: Fetch = Arc::new(|| Box::pin(async { Err("away".to_owned()) }));
    let oauth = Resource::new("https://login.example.com".to_owned(), "https://oar.example.com/mcp".to_owned(), fetch);
    let fixture = fixture(Some(oauth));
    let (status, _, challenge) = fixture.ask(request("/mcp", &[])).await;
    let wanted = "Bearer realm=\"oar\", resource_metadata=\"https://oar.example.com/.well-known/oauth-protected-resource/mcp\", scope=\"release:read\"";
    assert_eq!((status, challenge.as_str()), (401, wanted));
    let part = |value: serde_json::Value| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    let token = format!("Bearer {}.{}.AAAA", part(json!({ "alg": "RS256", "kid": "one" })), part(json!({})));
    assert_eq!(fixture.ask(request("/mcp", &[("authorization", &token)])).await.0, 503);
    assert_eq!(fixture.ask(request("/mcp", &[("authorization", &fixture.bearer())])).await.0, 200, "ours still work");
}

#[tokio::test]
async fn each_route_lets_in_whom_it_declares() {
    let fixture = fixture(None);
    let tokens = [None, Some("oar_guess".to_owned()), Some(fixture.token.clone())];
    let mut table = Vec::new();
    for path in ["/livez", "/known", "/health", "/page", "/mcp", "/nowhere"] {
        let mut statuses = Vec::new();
        for token in &tokens {
            let shown = token.as_ref().map(|token| format!("Bearer {token}"));
            let headers: Vec<_> = shown.iter().map(|shown| ("authorization", shown.as_str())).collect();
            statuses.push(fixture.ask(request(path, &headers)).await.0);
        }
        statuses.push(fixture.idle.clone().oneshot(request(path, &[])).await.unwrap().status().as_u16());
        statuses.push(fixture.ask(request(path, &[("host", "evil.example.com")])).await.0);
        table.push((path, statuses));
    }
    // Without credential, with an unknown one, with a known one, without any scope, by a foreign name.
    let wanted = [
        ("/livez", vec![200, 200, 200, 200, 200]),
        ("/known", vec![200, 200, 200, 200, 403]),
        ("/health", vec![200, 200, 200, 200, 403]),
        ("/page", vec![200, 200, 200, 403, 403]),
        ("/mcp", vec![401, 401, 200, 403, 403]),
        ("/nowhere", vec![401, 401, 404, 403, 403]),
    ];
    assert_eq!(table, wanted);
}
