//! The services of a world for clients in the same process: routes, faults and journal as behind a socket.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, header};
use bytes::Bytes;
use tokio::task::JoinSet;
use tower::{Service, ServiceExt as _};

use super::MOST_BYTES;
use super::connection::Wire;
use crate::core::clock::VirtualClock;

/// A world that is asked without a socket. Errors are those of a connection: refused or reset.
#[derive(Clone)]
pub struct InMemory {
    router: Router,
    stopped: Arc<AtomicBool>,
    clock: VirtualClock,
}

impl InMemory {
    pub(super) fn new(router: Router, stopped: Arc<AtomicBool>, clock: VirtualClock) -> Self {
        Self { router, stopped, clock }
    }

    async fn answer(self, mut request: Request<Body>) -> io::Result<Response<Bytes>> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let wire = Wire::in_memory();
        request.extensions_mut().insert(ConnectInfo(wire.clone()));
        // A task of its own, as behind a socket: the client's stack does not carry it, and it ends with the client.
        let mut task = JoinSet::new();
        task.spawn(self.router.oneshot(request));
        self.clock.stir();
        let joined = task.join_next().await;
        self.clock.stir();
        let Some(Ok(Ok(answer))) = joined else { return Err(io::ErrorKind::ConnectionReset.into()) };
        let stopped = self.stopped.load(Ordering::Relaxed).then_some(io::ErrorKind::ConnectionReset);
        if let Some(end) = wire.end().or(stopped) {
            return Err(end.into());
        }
        let (mut head, body) = answer.into_parts();
        // A body that breaks off is a connection that breaks.
        let body = to_bytes(body, MOST_BYTES).await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionReset))?;
        head.headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(body.len()));
        Ok(Response::from_parts(head, body))
    }
}

impl Service<Request<Bytes>> for InMemory {
    type Response = Response<Bytes>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<Bytes>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        Box::pin(self.clone().answer(request.map(Body::from)))
    }
}
