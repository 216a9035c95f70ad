//! How many clients have a session open.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

/// Sessions of both transports that know sessions.
#[derive(Debug, Default)]
pub struct SessionCount {
    http: OnceLock<Arc<LocalSessionManager>>,
    /// As it was when nobody held the list.
    last: AtomicUsize,
    older: AtomicUsize,
}

impl SessionCount {
    /// Counts those of `manager`, too.
    pub fn watch(&self, manager: Arc<LocalSessionManager>) {
        // There is one endpoint, so one manager.
        let _ = self.http.set(manager);
    }

    /// An older client opened its stream.
    pub fn opened(&self) {
        self.older.fetch_add(1, Ordering::Relaxed);
    }

    /// And closed it.
    pub fn closed(&self) {
        self.older.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are; never waits.
    pub fn count(&self) -> usize {
        if let Some(open) = self.http.get().and_then(|manager| manager.sessions.try_read().ok()) {
            self.last.store(open.len(), Ordering::Relaxed);
        }
        self.last.load(Ordering::Relaxed) + self.older.load(Ordering::Relaxed)
    }
}
