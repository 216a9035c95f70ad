//! The services of a world for clients in the same process: routes, faults and journal as behind a socket.

use std::convert::Infallible;
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
use tower::{Service, ServiceExt as _};

use super::server::{MOST_BYTES, Wire};

/// A world that is asked without a socket. Errors are those of a connection: refused or reset.
#[derive(Clone)]
pub struct InMemory {
    router: Router,
    stopped: Arc<AtomicBool>,
}

impl InMemory {
    pub(super) fn new(router: Router, stopped: Arc<AtomicBool>) -> Self {
        Self { router, stopped }
    }

    async fn answer(self, mut request: Request<Body>) -> io::Result<Response<Bytes>> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let wire = Wire::default();
        request.extensions_mut().insert(ConnectInfo(wire.clone()));
        let answer = self.router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
        if wire.is_cut() || self.stopped.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionReset.into());
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
