//! The simulated Errata Tool behind Kerberos.
//!
//! The acceptor's key table comes from the environment of its process, so it runs in a process of
//! its own: this test binary once more, with only [`serves`] in it.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libgssapi::context::{SecurityContext as _, ServerCtx};
use libgssapi::credential::{Cred, CredUsage};
use oar::core::clients::http::auth::Auth;
use oar::core::clients::http::policy::HttpPolicy;
use oar::core::clients::http::{Http, ServiceHttp};
use oar::core::clients::retry::Repeat;
use oar::core::clock::Clock;
use oar::core::config::env::Env;
use oar::core::config::hosts::HostRule;
use oar::domain::credential::Credential;
use oar::domain::service::Service;
use oar::sim::auth::accepted;
use oar::sim::server::Simulator;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::realm::Realm;

/// The only principal with access.
const TESTER: &str = "tester@OAR.TEST";

/// The stand-in of one test.
pub(super) struct StandIn {
    port: u16,
    /// Ends with its standard input, at the latest.
    _process: Child,
}

impl StandIn {
    pub(super) async fn start(realm: &Realm, sim: &Simulator) -> Self {
        let program = std::env::current_exe().expect("this program");
        #[expect(clippy::disallowed_methods, reason = "the stand-in is this program")]
        let mut command = Command::new(program);
        command
            .args(["--exact", "kerberos::stand_in::serves", "--nocapture"])
            .env_clear()
            .envs(realm.service())
            .env("STAND_IN_FOR", format!("{}/errata", sim.base_url()))
            .env("STAND_IN_TOKEN", accepted(Credential::ErrataToken))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().expect("the stand-in starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        while let Some(line) = lines.next_line().await.expect("a line") {
            if let Some((_, port)) = line.split_once("listening ") {
                return Self { port: port.parse().expect("a port"), _process: process };
            }
        }
        panic!("the stand-in does not listen");
    }

    /// Its address for a visitor that shall be treated in this manner.
    pub(super) fn url(&self, host: &str, manner: &str) -> String {
        format!("http://{host}:{}/{manner}", self.port)
    }
}

/// Requests that stay on this machine.
pub(super) fn http() -> Http {
    let policy = HttpPolicy {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(5),
        tries: 1,
        in_flight: 4,
        max_body_bytes: 1 << 24,
        hosts: HostRule::Loopback,
        rewrites: Vec::new(),
    };
    Http::new(policy, Clock::System, CancellationToken::new()).expect("a client")
}

/// Not a test of its own: the process beside the tests, which comes back at once when none of them started it.
#[tokio::test]
async fn serves() {
    let env = Env::from_process();
    let (Some(base), Some(token)) = (env.get("STAND_IN_FOR"), env.get("STAND_IN_TOKEN")) else { return };
    let errata = http().service(Service::Errata, base, Auth::Bearer(token.to_owned().into()));
    let app = Router::new().fallback(answer).with_state(Arc::new(errata));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    println!("\nlistening {}", listener.local_addr().expect("an address").port());
    tokio::select! {
        ended = axum::serve(listener, app) => panic!("the server ended: {ended:?}"),
        ended = async { tokio::io::stdin().read_u8().await } => drop(ended),
    }
}

/// The first part of the path is the manner; the rest goes to the simulated Errata Tool.
async fn answer(State(errata): State<Arc<ServiceHttp>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().expect("a path").as_str();
    let (manner, path) = path[1..].split_once('/').expect("a manner");
    let challenge = |token: &[u8]| {
        let text = format!("Negotiate {}", STANDARD.encode(token));
        HeaderValue::from_str(text.trim()).expect("a header")
    };
    let refuse = |status: StatusCode, token: &[u8]| {
        let mut response = (status, "<html><body>Authorization Required</body></html>").into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge(token));
        response
    };
    // A real one invites; this one makes sure that nobody has to be invited.
    let sent = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = sent.and_then(|text| text.strip_prefix("Negotiate ")) else {
        return (StatusCode::IM_A_TEAPOT, "the first request carries no token").into_response();
    };
    match manner {
        "down" => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "deaf" => return refuse(StatusCode::UNAUTHORIZED, b""),
        "moved" => return (StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:9/login")]).into_response(),
        _ => {}
    }
    let token = STANDARD.decode(token).expect("base64");
    let accepted = tokio::task::spawn_blocking(move || {
        let mut context = ServerCtx::new(Some(Cred::acquire(None, None, CredUsage::Accept, None)?));
        let reply = context.step(&token, None)?.map(|token| token.to_vec()).unwrap_or_default();
        Ok::<_, libgssapi::error::Error>((context.source_name()?.to_string(), reply))
    });
    let Ok((visitor, reply)) = accepted.await.expect("no panic") else {
        return refuse(StatusCode::UNAUTHORIZED, b"");
    };
    if visitor != TESTER {
        return refuse(StatusCode::FORBIDDEN, &reply);
    }
    // The bearer is the simulator's way in; the visitor's came with the ticket.
    let mut inner = errata.call("pass on", Repeat::Never, parts.method, &format!("/{path}"));
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        inner = inner.header("content-type", kind.to_str().expect("a type"));
    }
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let inner = inner.text(String::from_utf8(body.to_vec()).expect("a form"));
    let reported = inner.accept(&[400, 401, 403, 404, 409, 422, 429, 500, 502, 503]).send().await.expect("an answer");
    let mut response = (reported.status, reported.body).into_response();
    let proof = match manner {
        "silent" => return response,
        "forged" => challenge(b"a token of somebody else"),
        _ => challenge(&reply),
    };
    response.headers_mut().insert(header::WWW_AUTHENTICATE, proof);
    response
}
