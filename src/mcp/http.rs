//! Streamable HTTP: sessions for older clients, none for newer ones, on one address.

use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any_service};
use rmcp::handler::server::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use super::connection::ClientConnection;
use super::legacy_sse;
use super::message::MOST_BYTES;
use super::request_ids::{self, RequestIds};
use super::server::Server;
use super::session_limits::{self, SessionLimits};
use super::shared::ServerState;
use crate::core::access::principal::Principal;

/// A session that says nothing for so long is over; runs are longer, but they send progress.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Which transports are mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transports {
    /// `/sse` and `/messages/` of 2024.
    pub legacy_sse: bool,
    /// What the protocol's test suite looks for.
    #[cfg(feature = "conformance")]
    pub fixtures: bool,
}

/// The routes of the protocol, which let in known callers only: requests carry a [`Principal`].
pub fn routes(server: &Arc<Server>, transports: Transports) -> Vec<(&'static str, MethodRouter)> {
    let shared = &server.shared;
    let (factory, nobody) = (Arc::clone(server), Principal::new("nobody", []));
    let connection = move || Ok(ClientConnection::new(Arc::clone(&factory), nobody.clone(), "http"));
    #[cfg(feature = "conformance")]
    let endpoint = if transports.fixtures {
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
    let endpoint = mounted(shared, connection);
    let mut routes = vec![("/mcp", endpoint)];
    if transports.legacy_sse {
        routes.extend(legacy_sse::routes(server));
    }
    routes
}

fn mounted<H: ServerHandler>(
    shared: &ServerState,
    connection: impl Fn() -> std::io::Result<H> + Send + Sync + 'static,
) -> MethodRouter {
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
    let (ids, most) = (RequestIds::default(), &shared.ctx.settings.mcp.limits);
    let limits = SessionLimits::new(Arc::clone(&sessions), ids.clone(), most.sessions, most.sessions_each);
    any_service(StreamableHttpService::new(connection, sessions, config))
        .layer(from_fn_with_state(ids, request_ids::check))
        .layer(from_fn_with_state(limits, session_limits::check))
}
