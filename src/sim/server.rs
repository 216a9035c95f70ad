//! The one server of the world: all services on one port and in memory, everything recorded, faults on the way.

mod connection;
pub mod in_memory;
mod play;
mod watch;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::{Router, middleware};
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::connection::{SimListener, Wire};
use self::in_memory::InMemory;
use self::watch::watch;
use crate::core::clock::VirtualClock;
use crate::sim::auth;
use crate::sim::elliott::{self, Ended};
use crate::sim::faults::rules::Faults;
use crate::sim::scenario::Scenario;
use crate::sim::services::table;
use crate::sim::wire::unmatched;
use crate::sim::world::World;
use crate::sim::{control, reactions};

/// Largest request or answer that is looked at.
const MOST_BYTES: usize = 32 << 20;

/// Where a simulator without a socket seems to be.
const NO_SOCKET: &str = "http://127.0.0.1:9";

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
    task: Option<JoinHandle<()>>,
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
        let world = reactions::world(&options.scenario, options.seed, options.clock, base_url, options.faults);
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
        Ok(Self { world, router, task: Some(task), stopped })
    }

    /// The same without a socket, for visitors in this process alone: no port of this machine shows anywhere.
    pub fn without_socket(options: StartOptions) -> Self {
        let StartOptions { scenario, seed, clock, faults, .. } = options;
        let world = reactions::world(&scenario, seed, clock, NO_SOCKET.to_owned(), faults);
        let router = router(world.clone());
        Self { world, router, task: None, stopped: Arc::new(AtomicBool::new(false)) }
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
        InMemory::new(self.router.clone(), self.stopped.clone(), self.world.clock().clone())
    }

    /// The stand-in for elliott in this process: exit code, output, log. Nothing when it never ends.
    pub fn elliott(&self) -> impl Fn(&[String], &BTreeMap<String, String>) -> Option<Ended> + Clone + use<> {
        let world = self.world.clone();
        move |args, env| elliott::in_process(&world, args, env)
    }

    /// The environment with which `oar` talks to this simulator; every credential is invented.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = vec![("OAR_SIM_URL".to_owned(), self.base_url().to_owned())];
        env.extend(auth::env());
        env
    }

    /// Plain text of the sealed settings that fit this world.
    pub fn sealed_settings_json(&self) -> String {
        auth::settings(self.base_url()).to_string()
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
        if let Some(task) = &mut self.task
            && let Err(error) = task.await
        {
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
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// All routes of all services.
fn router(world: World) -> Router {
    table::routes()
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_route)
        .layer(middleware::from_fn_with_state(world.clone(), watch))
        .layer(middleware::map_response_with_state(world.clone(), dated))
        .nest("/__sim", control::router())
        .with_state(world)
}

/// The time of the world, as every server says it with its answers.
async fn dated(State(world): State<World>, mut answer: Response) -> Response {
    let now = DateTimePrinter::new().timestamp_to_rfc9110_string(&world.clock().now());
    if let Some(now) = now.ok().and_then(|now| HeaderValue::from_str(&now).ok()) {
        answer.headers_mut().entry(header::DATE).or_insert(now);
    }
    answer
}

async fn no_route() -> Response {
    unmatched(StatusCode::NOT_FOUND)
}

async fn wrong_method() -> Response {
    unmatched(StatusCode::METHOD_NOT_ALLOWED)
}
