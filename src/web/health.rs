//! Probes, `/health` and `/metrics`.
//!
//! `/livez`: the process answers. `/readyz`: it can take calls, as far as this machine knows; services are
//! not asked, because an outage of theirs does not end by taking this server away. `/health`: everything
//! together, with the Kerberos ticket as it was looked at within the last half minute.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::metrics::{self, Sample};
use super::routes::{Access, Routes};
use crate::core::access::principal::Principal;
use crate::core::clock::Clock;
use crate::core::context::Context;
use crate::core::context::ticket::Ticket;
use crate::domain::dates::stamp;

/// The ticket is looked at so often, so that what `/health` shows is at most half a minute old.
const TICKET_EVERY: Duration = Duration::from_secs(25);

/// Right after the start, `/health` waits so long for the first look at the ticket.
const FIRST_LOOK: Duration = Duration::from_millis(80);

/// A ticket that is valid for less is worth a warning.
const SOON: Duration = Duration::from_secs(3600);

/// What the server knows of itself.
#[derive(Debug, Clone, Default)]
pub struct ServerFacts {
    /// Are all variables there that every tool needs?
    pub well: bool,
    /// Fields of `/health` beside status, ticket and time.
    pub fields: Map<String, Value>,
}

/// Where the answers come from; each is asked anew for each request and must not wait.
#[derive(Clone)]
pub struct Health {
    /// What the server knows of itself, or why it does not work.
    pub facts: Arc<dyn Fn() -> Result<ServerFacts, String> + Send + Sync>,
    /// Can it take calls? Why not?
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// Numbers for `/metrics`.
    pub samples: Arc<dyn Fn() -> Vec<Sample> + Send + Sync>,
    /// The ticket, once it was looked at, and when that was.
    pub ticket: watch::Receiver<Option<(Timestamp, Ticket)>>,
    /// May whoever is on this machine see everything? Not behind a proxy, where everybody seems to be.
    pub trusts_machine: bool,
    /// The only "now".
    pub clock: Clock,
}

/// `/health`, `/livez`, `/readyz`, `/metrics`.
pub fn routes(health: Health) -> Routes {
    Routes::default()
        .route("/livez", Access::Probe, get(async || "ok"))
        .route("/readyz", Access::Probe, get(ready).with_state(health.clone()))
        .route("/health", Access::Anybody, get(show).with_state(health.clone()))
        .route("/metrics", Access::Caller, get(numbers).with_state(health))
}

/// Keeps `shown` up to date for as long as it is polled.
///
/// `cache` is the file of tickets, when there is one.
pub async fn watch_ticket(ctx: Context, cache: Option<PathBuf>, shown: watch::Sender<Option<(Timestamp, Ticket)>>) {
    let mut rounds = tokio::time::interval(TICKET_EVERY);
    loop {
        rounds.tick().await;
        let ticket = ctx.ticket(cache.as_deref()).await;
        shown.send_replace(Some((ctx.clock.now(), ticket)));
    }
}

async fn ready(State(health): State<Health>) -> Response {
    match (health.ready)() {
        Ok(()) => "ok".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}")).into_response(),
    }
}

async fn show(
    State(health): State<Health>,
    who: Option<Extension<Principal>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
) -> Response {
    let now = stamp(health.clock.now());
    let ServerFacts { well, mut fields } = match (health.facts)() {
        Ok(facts) => facts,
        Err(error) => {
            let body = json!({ "status": "unhealthy", "error": error, "timestamp": now });
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response();
        }
    };
    let (looked_at, ticket) = health.ticket().await;
    let healthy = well && ticket.valid;
    let here = health.trusts_machine && peer.is_some_and(|Extension(ConnectInfo(peer))| peer.ip().is_loopback());
    let mut body = Map::new();
    body.insert("status".to_owned(), json!(if healthy { "healthy" } else { "degraded" }));
    if who.is_some() || here {
        body.append(&mut fields);
        body.insert("kerberos".to_owned(), kerberos(&ticket, looked_at));
        body.insert("timestamp".to_owned(), json!(now));
    } else {
        body.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
    }
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Value::Object(body))).into_response()
}

async fn numbers(State(health): State<Health>) -> Response {
    let mut samples = (health.samples)();
    let (_, ticket) = health.ticket().await;
    let about = "Whether the Kerberos ticket is valid, or none is needed";
    samples.push(Sample::gauge("oar_kerberos_valid", about, if ticket.valid { 1.0 } else { 0.0 }));
    let mut response = metrics::text(&samples).into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

impl Health {
    async fn ticket(&self) -> (Option<Timestamp>, Ticket) {
        let mut known = self.ticket.clone();
        let first = tokio::time::timeout(FIRST_LOOK, known.wait_for(Option::is_some)).await;
        let ticket = first.ok().and_then(Result::ok).and_then(|ticket| ticket.clone());
        let nobody_knows = || (None, Ticket { status: "unknown".to_owned(), ..Ticket::default() });
        ticket.map_or_else(nobody_knows, |(at, ticket)| (Some(at), ticket))
    }
}

/// The ticket as it was when it was looked at, half a minute ago at most while looking works.
fn kerberos(ticket: &Ticket, looked_at: Option<Timestamp>) -> Value {
    let mut shown = json!({ "valid": ticket.valid, "status": ticket.status, "looked_at": looked_at.map(stamp) });
    let Some(fields) = shown.as_object_mut() else { return shown };
    if let Some(realm) = &ticket.realm {
        fields.insert("principal_realm".to_owned(), json!(realm));
    }
    if let Some(left) = ticket.left {
        let end = looked_at.and_then(|at| at.saturating_add(left).ok()).map(stamp);
        fields.insert("expires_at".to_owned(), json!(end));
        if let Some(until) = ticket.renew_until {
            fields.insert("renew_until".to_owned(), json!(stamp(until)));
        }
        if left < SOON {
            fields.insert("warning".to_owned(), json!("the ticket ends within the hour; run kinit"));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::core::clock::VirtualClock;

    fn health(ticket: Option<Ticket>, facts: Result<ServerFacts, String>) -> Health {
        let clock = Clock::Virtual(VirtualClock::starting_at("2026-06-01T00:00:00Z".parse().unwrap()));
        Health {
            facts: Arc::new(move || facts.clone()),
            ready: Arc::new(|| Err("the server is stopping".to_owned())),
            samples: Arc::new(Vec::new),
            ticket: watch::channel(ticket.map(|ticket| (clock.now(), ticket))).1,
            trusts_machine: true,
            clock,
        }
    }

    fn facts() -> ServerFacts {
        let fields = json!({ "server": "release-tests-mcp", "version": "1" });
        ServerFacts { well: true, fields: fields.as_object().unwrap().clone() }
    }

    fn ticket(left: u64) -> Ticket {
        Ticket { valid: true, status: "valid".to_owned(), left: Some(Duration::from_secs(left)), ..Ticket::default() }
    }

    async fn ask(health: Health, path: &str, peer: &str) -> (StatusCode, String) {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let router =
            routes(health).into_iter().fold(Router::new(), |router, route| router.route(&route.path, route.methods));
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn all_is_shown_on_this_machine_and_little_to_others() {
        let (status, body) = ask(health(Some(ticket(7200)), Ok(facts())), "/health", "127.0.0.1:9").await;
        let whole = r#"{"status":"healthy","server":"release-tests-mcp","version":"1","kerberos":{"valid":true,"status":"valid","looked_at":"2026-06-01T00:00:00Z","expires_at":"2026-06-01T02:00:00Z"},"timestamp":"2026-06-01T00:00:00Z"}"#;
        assert_eq!((status, body.as_str()), (StatusCode::OK, whole));
        let (_, body) = ask(health(Some(ticket(60)), Ok(facts())), "/health", "127.0.0.1:9").await;
        assert!(body.contains("within the hour"), "{body}");
        let renewable = Ticket {
            realm: Some("EXAMPLE.COM".to_owned()),
            renew_until: "2026-06-08T00:00:00Z".parse().ok(),
            ..ticket(7200)
        };
        let (_, body) = ask(health(Some(renewable), Ok(facts())), "/health", "127.0.0.1:9").await;
        let wanted = r#""principal_realm":"EXAMPLE.COM","expires_at":"2026-06-01T02:00:00Z","renew_until":"2026-06-08T00:00:00Z""#;
        assert!(body.contains(wanted), "{body}");
        let little = format!(r#"{{"status":"healthy","version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
        let (_, body) = ask(health(Some(ticket(60)), Ok(facts())), "/health", "10.0.0.1:9").await;
        assert_eq!(body, little);
        let proxied = Health { trusts_machine: false, ..health(Some(ticket(60)), Ok(facts())) };
        assert_eq!(ask(proxied, "/health", "127.0.0.1:9").await.1, little);
    }

    #[tokio::test]
    async fn a_missing_ticket_a_missing_variable_and_trouble_have_their_codes() {
        let none = Ticket { status: "no_ticket".to_owned(), ..Ticket::default() };
        let (status, body) = ask(health(Some(none), Ok(facts())), "/health", "127.0.0.1:9").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains(r#""status":"degraded""#) && body.contains("no_ticket"), "{body}");
        let lacking = ServerFacts { well: false, ..facts() };
        let (status, _) = ask(health(Some(ticket(60)), Ok(lacking)), "/health", "127.0.0.1:9").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let (status, body) = ask(health(None, Err("no audit log".to_owned())), "/health", "127.0.0.1:9").await;
        let wanted = r#"{"status":"unhealthy","error":"no audit log","timestamp":"2026-06-01T00:00:00Z"}"#;
        assert_eq!((status, body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, wanted));
    }

    #[tokio::test]
    async fn a_look_at_the_ticket_that_hangs_does_not_hang_the_answer() {
        let (shown, heard) = watch::channel(None);
        let hanging = Health { ticket: heard, ..health(None, Ok(facts())) };
        let (status, body) = ask(hanging, "/health", "127.0.0.1:9").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains(r#""status":"unknown""#), "{body}");
        drop(shown);
    }

    #[tokio::test]
    async fn probes_say_alive_and_why_not_ready() {
        assert_eq!(ask(health(None, Ok(facts())), "/livez", "10.0.0.1:9").await.0, StatusCode::OK);
        let answer = ask(health(None, Ok(facts())), "/readyz", "10.0.0.1:9").await;
        assert_eq!(answer, (StatusCode::SERVICE_UNAVAILABLE, "not ready: the server is stopping".to_owned()));
    }
}
