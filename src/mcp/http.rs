//! Streamable HTTP: sessions for older clients, none for newer ones, on one address.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use rmcp::handler::server::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use super::connection::Connection;
use super::legacy_sse;
use super::request_ids::{self, RequestIds};
use super::shared::Shared;
use crate::core::access::principal::Principal;

/// A session without a word for so long is over; runs are longer, but they send progress.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Bytes of a request.
pub const MOST_BYTES: usize = 1 << 20;

/// Which transports are mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transports {
    /// `/sse` and `/messages/` of 2024.
    pub legacy_sse: bool,
    /// What the protocol's test suite looks for.
    #[cfg(feature = "conformance")]
    pub fixtures: bool,
}

/// The routes of the protocol. Who may come in is decided before: requests carry a [`Principal`].
pub fn routes(shared: &Arc<Shared>, transports: Transports) -> Router {
    let (factory, nobody) = (Arc::clone(shared), Principal::new("nobody", []));
    let connection = move || Ok(Connection::new(Arc::clone(&factory), nobody.clone(), "http"));
    #[cfg(feature = "conformance")]
    let router = if transports.fixtures {
        let fixtures = super::fixtures::handler::Fixtures::new().map(Arc::new);
        let around = move || match &fixtures {
            Ok(fixtures) => Ok(Arc::clone(fixtures).around(connection()?)),
            Err(why) => Err(std::io::Error::other(why.to_string())),
        };
        mounted(shared, around)
    } else {
        mounted(shared, connection)
    };
    #[cfg(not(feature = "conformance"))]
    let router = mounted(shared, connection);
    if transports.legacy_sse { router.merge(legacy_sse::routes(shared)) } else { router }
}

fn mounted<H: ServerHandler>(
    shared: &Shared,
    connection: impl Fn() -> std::io::Result<H> + Send + Sync + 'static,
) -> Router {
    let mut sessions = LocalSessionManager::default();
    sessions.session_config = SessionConfig::default();
    sessions.session_config.keep_alive = Some(IDLE);
    let config = StreamableHttpServerConfig::default()
        // Host and origin are checked for every route, before this one.
        .disable_allowed_hosts()
        .with_cancellation_token(shared.sessions.child_token())
        .with_max_request_body_bytes(MOST_BYTES);
    let sessions = Arc::new(sessions);
    shared.sessions_open.watch(Arc::clone(&sessions));
    Router::new()
        .route_service("/mcp", StreamableHttpService::new(connection, sessions, config))
        .layer(from_fn_with_state(RequestIds::default(), request_ids::check))
}
