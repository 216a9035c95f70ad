//! For tests: a client that talks to a router on this machine.

use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::http::auth::Auth;
use super::http::policy::HttpPolicy;
use super::http::{Http, ServiceHttp};
use crate::core::clock::{Clock, VirtualClock};
use crate::core::config::hosts::HostRule;
use crate::domain::service::Service;

/// Limits for requests that stay on this machine; one that is lost is tried once more.
pub(crate) fn policy() -> HttpPolicy {
    HttpPolicy {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(5),
        tries: 2,
        in_flight: 4,
        max_body_bytes: 1 << 20,
        hosts: HostRule::Loopback,
        rewrites: Vec::new(),
    }
}

/// Runs `test` with a client for `router`; the server ends with the test.
pub(crate) async fn talk_to<T>(router: Router, service: Service, test: impl AsyncFnOnce(ServiceHttp) -> T) -> T {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let clock = Clock::Virtual(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
    let http = Http::new(policy(), clock, CancellationToken::new()).unwrap();
    tokio::select! {
        answer = test(http.service(service, &base, Auth::None)) => answer,
        ended = axum::serve(listener, router) => panic!("the server ended: {ended:?}"),
    }
}
