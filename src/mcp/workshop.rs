//! Where calls are carried out: a thread of its own, beside the one that listens.
//!
//! What a release task does in one piece (reading a large file, comparing images) then delays other tasks
//! a little, and probes and the protocol not at all. Its futures never change threads, so operators need not
//! be able to.

use std::io;

use futures::future::LocalBoxFuture;
use tokio::sync::{mpsc, oneshot};

/// Makes the future of one call; made here, carried out there.
type Piece = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>;

/// The thread. It ends when nobody holds it any more.
#[derive(Debug, Clone)]
pub struct Workshop {
    pieces: mpsc::UnboundedSender<Piece>,
}

/// The workshop is gone: the process is about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server is stopping")]
pub struct Closed;

impl Workshop {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system gives no thread or no runtime.
    pub fn open() -> io::Result<Self> {
        let (pieces, mut incoming) = mpsc::unbounded_channel::<Piece>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            let here = tokio::task::LocalSet::new();
            here.block_on(&runtime, async {
                while let Some(piece) = incoming.recv().await {
                    tokio::task::spawn_local(piece());
                }
            });
        };
        std::thread::Builder::new().name("workshop".to_owned()).spawn(work)?;
        Ok(Self { pieces })
    }

    /// Carries out what `make` makes, while nobody waits for it.
    pub fn begin(&self, make: impl FnOnce() -> LocalBoxFuture<'static, ()> + Send + 'static) {
        // A closed workshop does nothing any more, and whoever does not wait need not know.
        let _ = self.pieces.send(Box::new(make));
    }

    /// Carries out what `make` makes. Dropping the returned future does not end it: whoever wants that hands
    /// in a token.
    ///
    /// # Errors
    ///
    /// The workshop is closed, or the piece panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> LocalBoxFuture<'static, T> + Send + 'static,
    ) -> Result<T, Closed> {
        let (done, ended) = oneshot::channel();
        let piece: Piece = Box::new(move || {
            let work = make();
            Box::pin(async move {
                // Nobody listens any more: then the answer is not needed either.
                let _ = done.send(work.await);
            })
        });
        self.pieces.send(piece).map_err(|_| Closed)?;
        ended.await.map_err(|_| Closed)
    }
}
