//! Connections: how many there may be, how long they may say nothing, and how they end.
//!
//! A connection on which no request is under way has to begin one within the idle time, and to finish its head within
//! the head time. What comes after the head is for the guard to bound. Whoever does not read its answer has left.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::holding_body::HoldingBody;
use crate::core::access::quota::{HeldPlace, NoPlace, Quota};
use crate::core::clock::Clock;
use crate::runs::executor::accompany;

/// Bytes of the head of a request.
const MOST_HEAD_BYTES: usize = 64 * 1024;

/// Bounds of connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionBounds {
    /// How many there may be; more callers wait in the system's queue.
    pub most: usize,
    /// The head of a request takes at most so long, from its first byte on.
    pub head: Duration,
    /// A connection without a request ends after so long, and so does one whose peer does not read.
    pub idle: Duration,
}

/// The connection that a request came over.
#[derive(Debug, Clone, Default)]
pub struct Connection(Arc<ConnectionUse>);

#[derive(Debug, Default)]
struct ConnectionUse {
    /// Requests that began.
    begun: AtomicU64,
    /// Requests whose answer is not out.
    open: AtomicUsize,
    /// Whoever reads meanwhile, without a limit; to be woken when there is one again.
    reader: Mutex<Option<Waker>>,
    /// Whose it is: the last caller that showed a credential.
    holder: Mutex<Option<HeldPlace>>,
}

impl Connection {
    /// The connection is `who`'s from now on.
    ///
    /// # Errors
    ///
    /// `who` has as many connections as one may have.
    pub fn is_of(&self, who: &str, quota: &Quota) -> Result<(), NoPlace> {
        let mut holder = self.0.holder.lock().unwrap_or_else(PoisonError::into_inner);
        if holder.as_ref().is_none_or(|held| held.holder() != who) {
            *holder = Some(quota.take(who)?);
        }
        Ok(())
    }

    fn begin(&self) -> OpenRequest {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.open.fetch_add(1, Ordering::Relaxed);
        OpenRequest(self.clone())
    }
}

/// A request whose answer is not out.
struct OpenRequest(Connection);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let shared = &self.0.0;
        shared.open.fetch_sub(1, Ordering::AcqRel);
        if let Some(reader) = shared.reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            reader.wake();
        }
    }
}

/// Without it, small answers wait 40 ms for an acknowledgement.
pub trait Nodelay {
    /// Sends what there is at once.
    fn no_delay(&self);
}

impl Nodelay for TcpStream {
    fn no_delay(&self) {
        let _ = self.set_nodelay(true);
    }
}

impl Nodelay for tokio_rustls::server::TlsStream<TcpStream> {
    fn no_delay(&self) {
        let _ = self.get_ref().0.set_nodelay(true);
    }
}

/// Serves whoever comes to `listener`, until `stop`; then the requests that are under way.
pub async fn serve<L>(mut listener: L, router: Router, bounds: ConnectionBounds, stop: CancellationToken)
where
    L: Listener<Addr = SocketAddr>,
    L::Io: Nodelay,
{
    let most = bounds.most.clamp(1, Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(most));
    loop {
        let place = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        // Nobody closes it.
        let Ok(place) = place else { break };
        let (stream, peer) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        stream.no_delay();
        accompany(converse(stream, peer, router.clone(), bounds, stop.clone(), place));
    }
    drop(listener);
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    let _ = places.acquire_many(all).await;
}

/// One connection until its end.
async fn converse<S>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    bounds: ConnectionBounds,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connection = Connection::default();
    let stream = BoundedStream::new(stream, connection.clone(), bounds);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (open, router) = (connection.begin(), router.clone());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(connection.clone());
        async move {
            let Ok(response) = router.oneshot(request).await;
            Ok::<_, Infallible>(response.map(|body| HoldingBody::new(body, open)))
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    let conversation = http.max_buf_size(MOST_HEAD_BYTES).serve_connection(TokioIo::new(stream), service);
    let mut conversation = std::pin::pin!(conversation);
    // However it ends, it ended: a peer that leaves is nothing new.
    tokio::select! {
        _ = conversation.as_mut() => return,
        () = stop.cancelled() => conversation.as_mut().graceful_shutdown(),
    }
    let _ = conversation.await;
}

/// A stream that ends when its peer says nothing for too long.
struct BoundedStream<S> {
    stream: S,
    connection: Connection,
    bounds: ConnectionBounds,
    /// Requests that had begun when the head that is being read began.
    begun: u64,
    /// Until when something has to come.
    reads_until: Option<Instant>,
    has_begun_head: bool,
    reading: Timer,
    writing: Timer,
}

/// Fires at a time, while one is set.
#[derive(Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<io::Error> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the peer says nothing"))
    }
}

impl<S> BoundedStream<S> {
    fn new(stream: S, connection: Connection, bounds: ConnectionBounds) -> Self {
        Self {
            stream,
            connection,
            bounds,
            begun: 0,
            reads_until: None,
            has_begun_head: false,
            reading: Timer::default(),
            writing: Timer::default(),
        }
    }

    /// A head that became a request is over.
    fn notice_requests(&mut self) {
        let begun = self.connection.0.begun.load(Ordering::Relaxed);
        if begun != self.begun {
            (self.begun, self.reads_until, self.has_begun_head) = (begun, None, false);
        }
    }

    /// Is a request under way? Its end wakes the reader.
    fn is_asked(&self, cx: &Context<'_>) -> bool {
        let shared = &self.connection.0;
        let mut reader = shared.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked = shared.open.load(Ordering::Acquire) > 0;
        if is_asked {
            *reader = Some(cx.waker().clone());
        }
        is_asked
    }

    fn wait_to_write<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = Timer::default();
            return written;
        }
        let until = self.writing.0.as_ref().map(|sleep| sleep.deadline());
        let until = until.unwrap_or_else(|| Clock::monotonic() + self.bounds.idle);
        self.writing.poll(until, cx).map(Err)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BoundedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.notice_requests();
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.is_asked(cx) {
            // The guard bounds what belongs to a request.
            self.reads_until = None;
            return read;
        }
        if read.is_ready() {
            if buf.filled().len() > before && !self.has_begun_head {
                self.has_begun_head = true;
                self.reads_until = Some(Clock::monotonic() + self.bounds.head);
            }
            return read;
        }
        let idle = self.bounds.idle;
        let until = *self.reads_until.get_or_insert_with(|| Clock::monotonic() + idle);
        self.reading.poll(until, cx).map(Err)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BoundedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wait_to_write(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wait_to_write(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(20);

    /// A server with `bounds`, as long as `client` talks to it.
    async fn with<T>(bounds: ConnectionBounds, client: impl AsyncFnOnce(SocketAddr) -> T) -> T {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let large = "x".repeat(8 << 20);
        let router = Router::new().route("/", get(async || "here")).route("/large", get(async move || large));
        let talk = async {
            let said = client(address).await;
            stop.cancel();
            said
        };
        futures::future::join(serve(listener, router, bounds, stop.clone()), talk).await.1
    }

    async fn ended(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn a_head_that_does_not_end_ends_its_connection_however_slowly_it_drips() {
        let bounds = ConnectionBounds { most: 10, head: SHORT, idle: LONG };
        let answer = with(bounds, async |address| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
            ended(stream).await
        });
        assert!(!answer.await.contains("200"), "nobody got an answer");
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_ends_also_after_a_request() {
        let bounds = ConnectionBounds { most: 10, head: LONG, idle: SHORT };
        let answers = with(bounds, async |address| {
            let silent = TcpStream::connect(address).await.unwrap();
            let mut once = TcpStream::connect(address).await.unwrap();
            once.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            (ended(silent).await, ended(once).await)
        });
        let (silent, once) = answers.await;
        assert!(silent.is_empty() && once.contains("200 OK") && once.ends_with("here"), "{silent} {once}");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_its_answer_ends() {
        let bounds = ConnectionBounds { most: 1, head: LONG, idle: SHORT };
        let answer = with(bounds, async |address| {
            let mut stalled = TcpStream::connect(address).await.unwrap();
            stalled.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            // There is one place: the next caller is served when the first is gone.
            let mut next = TcpStream::connect(address).await.unwrap();
            next.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
            let answer = ended(next).await;
            drop(stalled);
            answer
        });
        assert!(answer.await.ends_with("here"));
    }

    #[tokio::test]
    async fn one_caller_has_a_bounded_number_of_connections() {
        let quota = Quota::new(10, 2);
        let (first, second, third) = (Connection::default(), Connection::default(), Connection::default());
        assert!(first.is_of("agent", &quota).is_ok() && first.is_of("agent", &quota).is_ok());
        assert!(second.is_of("agent", &quota).is_ok());
        assert_eq!(third.is_of("agent", &quota), Err(NoPlace::OfCaller(2)));
        assert!(third.is_of("lead", &quota).is_ok());
        drop(first);
        assert!(Connection::default().is_of("agent", &quota).is_ok());
    }
}
