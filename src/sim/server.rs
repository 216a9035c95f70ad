//! The one server of the world: all services on one port, everything recorded, faults on the way.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use axum::{Json, Router};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::core::clock::VirtualClock;
use crate::sim::events;
use crate::sim::faults::{Fault, Faults};
use crate::sim::in_memory::InMemory;
use crate::sim::journal::{self, Raw};
use crate::sim::scenario::Scenario;
use crate::sim::world::World;
use crate::sim::{control, disturbances, services};

/// Largest request or answer that is looked at.
pub(super) const MOST_BYTES: usize = 32 << 20;

/// Headers that say nothing about the request or change with the machine.
const NOISE: &[&str] =
    &["host", "if-none-match", "content-length", "connection", "accept-encoding", "user-agent", "date"];

/// Headers whose values are secrets.
const SECRET: &[&str] = &["authorization", "private-token", "cookie", "job-token"];

/// What a simulator is started with.
#[derive(Debug)]
pub struct StartOptions {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The world.
    pub scenario: Scenario,
    /// Seed of all chance.
    pub seed: u64,
    /// The clock; start it at [`Scenario::start`].
    pub clock: VirtualClock,
    /// What goes wrong on the way.
    pub faults: Faults,
}

/// A running simulator. It stops when dropped.
pub struct Simulator {
    world: World,
    router: Router,
    task: JoinHandle<()>,
    stopped: Arc<AtomicBool>,
}

impl Simulator {
    /// Binds the port and begins to serve.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(options: StartOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let world = World::new(&options.scenario, options.seed, options.clock, base_url, options.faults);
        let stopped = Arc::new(AtomicBool::new(false));
        let listener = SimListener { listener, stopped: stopped.clone() };
        let router = router(world.clone());
        let app = router.clone().into_make_service_with_connect_info::<Wire>();
        #[expect(clippy::disallowed_methods, reason = "the server runs beside its visitors; Simulator owns the handle")]
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the simulator stopped serving");
            }
        });
        Ok(Self { world, router, task, stopped })
    }

    /// Where it listens, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.world.base_url()
    }

    /// The world behind it.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The same world for clients in this process, without a socket in between.
    pub fn in_memory(&self) -> InMemory {
        InMemory::new(self.router.clone(), self.stopped.clone())
    }

    /// The environment with which `oar` talks to this simulator; every credential is invented.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = vec![("OAR_SIM_URL".to_owned(), self.base_url().to_owned())];
        env.extend(self.world.credentials().env());
        env
    }

    /// Plain text of the sealed settings that fit this world.
    pub fn sealed_settings_json(&self) -> String {
        self.world.credentials().settings(self.base_url()).to_string()
    }

    /// All requests so far, one JSON line each.
    pub fn journal(&self) -> String {
        self.world.journal().lines()
    }

    /// Requests that no route knew.
    pub fn unmatched(&self) -> Vec<String> {
        self.world.journal().unmatched()
    }

    /// Waits until the server ends by itself, which it does only when its port breaks.
    pub async fn serve(&mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::debug!(%error, "the simulator's task ended");
        }
    }

    /// Stops serving: new connections are refused, open ones break with the next byte.
    pub async fn shutdown(mut self) {
        self.stop();
        self.serve().await;
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// All routes of all services.
pub fn router(world: World) -> Router {
    Router::new()
        .nest("/errata", services::errata::router())
        .nest("/jira", services::jira::router())
        .nest("/gitlab", services::gitlab::router())
        .nest("/jenkins", services::jenkins::router())
        .nest("/slack", services::slack::router())
        .nest("/github", services::github::router())
        .nest("/github_raw", services::github::raw_router())
        .nest("/build_data", services::build_data::router())
        .nest("/release_controller", services::release_controller::router())
        .nest("/gangway", services::gangway::router())
        .nest("/prow", services::prow::router())
        .nest("/signatures", services::signatures::router())
        .nest("/catalog_stage", services::catalog_stage::router())
        .nest("/customer_portal", services::customer_portal::router())
        .nest("/koji", services::koji::router())
        .nest("/brew_download", services::koji::download_router())
        .nest("/catalog", services::catalog::router())
        .nest("/registry", services::registry::router())
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_route)
        .layer(middleware::from_fn_with_state(world.clone(), watch))
        .nest("/__sim", control::router())
        .with_state(world)
}

/// Mark on an answer: no route knew the request. [`unmatched`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Unmatched;

/// The answer for a request that a service's routes do not know; it is listed at `/__sim/unmatched`.
pub fn unmatched(status: StatusCode) -> Response {
    let body = Json(serde_json::json!({ "message": "the simulator has no such route" }));
    let mut response = (status, body).into_response();
    response.extensions_mut().insert(Unmatched);
    response
}

async fn no_route() -> Response {
    unmatched(StatusCode::NOT_FOUND)
}

async fn wrong_method() -> Response {
    unmatched(StatusCode::METHOD_NOT_ALLOWED)
}

/// Stands between visitors and services: faults, credentials, record.
async fn watch(
    State(world): State<World>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let (service, path) = place(&parts.uri);
    let mut raw = Raw {
        at: world.clock().now(),
        method: parts.method.to_string(),
        headers: meaningful(&parts.headers),
        body: body.clone(),
        status: 0,
        response: Bytes::new(),
        fault: None,
        unmatched: false,
        service,
        path,
    };
    let random = world.faults().is_random() || world.facts().disturbances.slow;
    let key = if random { world.journal().key(&raw.method, &raw.service, &raw.path, &raw.body) } else { 0 };
    let fault = world.faults().strike(&raw.service, &raw.method, &raw.path, key);
    let fault = fault.or_else(|| disturbances::fault(&world.facts(), &raw.service, key));
    raw.fault = fault.as_ref().map(Fault::name);
    let again = Request::from_parts(parts, Body::from(body));
    let answer = match fault {
        Some(Fault::Hang) => {
            world.journal().push(raw);
            world.hangs().notify_one();
            return std::future::pending().await;
        }
        Some(Fault::AppliedThenHang) => {
            drop(serve(&world, &raw, again, next).await);
            world.journal().push(raw);
            world.hangs().notify_one();
            return std::future::pending().await;
        }
        Some(Fault::Reset) => None,
        Some(Fault::Status { code, retry_after_s }) => Some(plain_status(code, retry_after_s)),
        Some(Fault::Html) => Some(login_page()),
        Some(Fault::AppliedThenError) => {
            drop(serve(&world, &raw, again, next).await);
            Some(plain_status(502, None))
        }
        Some(Fault::AppliedThenReset) => {
            drop(serve(&world, &raw, again, next).await);
            None
        }
        Some(Fault::Latency { ms }) => {
            world.clock().advance(jiff::SignedDuration::from_millis(ms.into()));
            Some(serve(&world, &raw, again, next).await)
        }
        None | Some(Fault::Truncated | Fault::MalformedJson) => Some(serve(&world, &raw, again, next).await),
    };
    let Some(answer) = answer else {
        world.journal().push(raw);
        wire.cut();
        return StatusCode::NO_CONTENT.into_response();
    };
    let (mut head, body) = answer.into_parts();
    let body = to_bytes(body, MOST_BYTES).await.unwrap_or_default();
    // Cut JSON cannot be read; cut text often can, and no server cuts that and gives a right length: only a
    // rule asks for it.
    let is_json = head
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.contains("json")));
    let fault = match fault {
        Some(Fault::MalformedJson) if random && !is_json => Some(Fault::Truncated),
        fault => fault,
    };
    raw.fault = fault.as_ref().map(Fault::name);
    let body = match fault {
        Some(Fault::MalformedJson) => {
            head.headers.remove(header::CONTENT_LENGTH);
            body.slice(..body.len() / 2)
        }
        _ => body,
    };
    raw.status = head.status.as_u16();
    raw.unmatched = head.extensions.get::<Unmatched>().is_some();
    raw.response = body.clone();
    let aliases = std::mem::take(&mut world.facts().aliases);
    let mut journal = world.journal();
    for (real, stable) in aliases {
        journal.alias(&real, &stable);
    }
    journal.push(raw);
    drop(journal);
    if fault == Some(Fault::Truncated) {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len().max(2)));
        return Response::from_parts(head, Body::from_stream(cut_short(body.slice(..body.len() / 2))));
    }
    Response::from_parts(head, Body::from(body))
}

/// These bytes, then a broken line; the pause lets head and bytes leave first.
fn cut_short(bytes: Bytes) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let breaks = async {
        tokio::task::yield_now().await;
        Err(io::ErrorKind::ConnectionReset.into())
    };
    futures::stream::iter([Ok(bytes)]).chain(futures::stream::once(breaks))
}

/// The honest answer: the service's refusal, or what its route says.
async fn serve(world: &World, raw: &Raw, request: Request, next: Next) -> Response {
    let refusal = events::refuse(&raw.service, &raw.path, request.headers(), world.credentials()).or_else(|| {
        let mut facts = world.facts();
        disturbances::others_write(&mut facts, &raw.service, &raw.method, &raw.path);
        disturbances::refuse(&mut facts, &raw.service, &raw.method, &raw.path)
    });
    match refusal {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

/// Service id and the rest of the path with its query.
fn place(uri: &Uri) -> (String, String) {
    let whole = uri.path_and_query().map_or("/", |path| path.as_str());
    let inner = whole.strip_prefix('/').unwrap_or(whole);
    let end = inner.find(['/', '?']).unwrap_or(inner.len());
    let rest = &inner[end..];
    (inner[..end].to_owned(), if rest.is_empty() { "/".to_owned() } else { rest.to_owned() })
}

fn meaningful(headers: &HeaderMap) -> BTreeMap<String, String> {
    let shown = |name: &str, value: &HeaderValue| {
        if SECRET.contains(&name) {
            journal::hashed(value.as_bytes())
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        }
    };
    headers
        .iter()
        .filter(|(name, _)| !NOISE.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), shown(name.as_str(), value)))
        .collect()
}

fn plain_status(code: u16, retry_after_s: Option<u32>) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = format!("<html><body><h1>{code} {}</h1></body></html>", status.canonical_reason().unwrap_or("Error"));
    let mut response = (status, [(header::CONTENT_TYPE, "text/html")], page).into_response();
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn login_page() -> Response {
    const PAGE: &str =
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}

/// A handle on one connection, so that an answer can be replaced by a broken line.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire(Arc<AtomicBool>);

impl Wire {
    fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Connected<IncomingStream<'_, SimListener>> for Wire {
    fn connect_info(stream: IncomingStream<'_, SimListener>) -> Self {
        stream.io().wire.clone()
    }
}

struct SimListener {
    listener: TcpListener,
    stopped: Arc<AtomicBool>,
}

impl Listener for SimListener {
    type Io = SimStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Without it answers stall 40 ms: Nagle's algorithm waits for a delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        (SimStream { stream, wire: Wire::default(), stopped: self.stopped.clone() }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

struct SimStream {
    stream: TcpStream,
    wire: Wire,
    stopped: Arc<AtomicBool>,
}

impl SimStream {
    fn broken(&self) -> bool {
        self.wire.is_cut() || self.stopped.load(Ordering::Relaxed)
    }
}

impl AsyncRead for SimStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.broken() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.broken() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
