//! Where calls are carried out: a thread of its own, beside the one that listens.
//!
//! What a release task does in one piece (reading a large file, comparing images) then delays other tasks
//! a little, and probes and the protocol not at all. Its futures never change threads, so operators need not
//! be able to.

use std::io;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use tokio::sync::{mpsc, oneshot};

/// Makes the future of one call; made here, carried out there.
type Piece = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>;

/// The thread. It ends when nobody holds it any more.
#[derive(Debug, Clone)]
pub struct Worker {
    pieces: mpsc::UnboundedSender<Piece>,
}

/// A piece that gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// The process is about to end.
    #[error("the server is stopping")]
    Closed,
    /// It panicked; others are not concerned.
    #[error("it ended by a mistake of ours")]
    Panicked,
}

impl Worker {
    /// Starts the thread. It logs to whoever listens here.
    ///
    /// # Errors
    ///
    /// The system gives no thread or no runtime.
    pub fn open() -> io::Result<Self> {
        let (pieces, mut incoming) = mpsc::unbounded_channel::<Piece>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listens = tracing::dispatcher::get_default(Clone::clone);
        let work = move || {
            let _listens = tracing::dispatcher::set_default(&listens);
            let here = tokio::task::LocalSet::new();
            here.block_on(&runtime, async {
                while let Some(piece) = incoming.recv().await {
                    tokio::task::spawn_local(piece());
                }
            });
        };
        std::thread::Builder::new().name("worker".to_owned()).spawn(work)?;
        Ok(Self { pieces })
    }

    /// Carries out what `make` makes, while nobody waits for it.
    pub fn begin(&self, make: impl FnOnce() -> LocalBoxFuture<'static, ()> + Send + 'static) {
        // A closed worker does nothing any more, and whoever does not wait need not know.
        let _ = self.pieces.send(Box::new(make));
    }

    /// Carries out what `make` makes. Dropping the returned future does not end it: whoever wants that hands
    /// in a token.
    ///
    /// # Errors
    ///
    /// The worker is closed, or the piece panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> LocalBoxFuture<'static, T> + Send + 'static,
    ) -> Result<T, WorkerError> {
        let (done, ended) = oneshot::channel();
        let piece: Piece = Box::new(move || {
            Box::pin(async move {
                // Made inside, so that a panic while making it ends this piece and not the thread.
                let ended = AssertUnwindSafe(async move { make().await }).catch_unwind().await;
                // Nobody listens any more: then the answer is not needed either.
                let _ = done.send(ended.map_err(|_| WorkerError::Panicked));
            })
        });
        self.pieces.send(piece).map_err(|_| WorkerError::Closed)?;
        ended.await.unwrap_or(Err(WorkerError::Closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_piece_and_not_the_thread() {
        let worker = Worker::open().unwrap();
        let making: Result<(), _> = worker.run(|| panic!("while it is made")).await;
        assert_eq!(making, Err(WorkerError::Panicked));
        let running: Result<(), _> = worker.run(|| async { panic!("while it runs") }.boxed_local()).await;
        assert_eq!(running, Err(WorkerError::Panicked));
        assert_eq!(worker.run(|| async { 7 }.boxed_local()).await, Ok(7));
    }
}
