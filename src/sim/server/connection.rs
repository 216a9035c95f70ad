//! Connections to the simulator, which break when a fault says so or the simulator stops.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// A handle on one connection, so that an answer can be replaced by a broken line.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    end: Arc<Mutex<Option<io::ErrorKind>>>,
    /// There is no socket: the connection ends exactly as the fault says.
    in_memory: bool,
}

impl Wire {
    /// A connection without a socket.
    pub(super) fn in_memory() -> Self {
        Self { in_memory: true, ..Self::default() }
    }

    pub(super) fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    /// Ends the connection; over a socket it is reset, whatever the kind.
    pub(super) fn cut(&self, kind: io::ErrorKind) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind);
    }

    /// How the connection ended.
    pub(super) fn end(&self) -> Option<io::ErrorKind> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected<IncomingStream<'_, SimListener>> for Wire {
    fn connect_info(stream: IncomingStream<'_, SimListener>) -> Self {
        stream.io().wire.clone()
    }
}

pub(super) struct SimListener {
    pub(super) listener: TcpListener,
    pub(super) stopped: Arc<AtomicBool>,
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

pub(super) struct SimStream {
    stream: TcpStream,
    wire: Wire,
    stopped: Arc<AtomicBool>,
}

impl SimStream {
    fn broken(&self) -> bool {
        self.wire.end().is_some() || self.stopped.load(Ordering::Relaxed)
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
