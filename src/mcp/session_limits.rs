//! How many sessions there may be: of one caller, and in all. One more than that ends the one that was used least
//! lately, whose client hears 404 and opens another; sessions with a request under way stay.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rmcp::transport::streamable_http_server::session::SessionManager as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use super::request_ids::RequestIds;
use crate::core::access::principal::Principal;

/// The header that names the session of a message.
pub const SESSION: &str = "mcp-session-id";

/// The sessions of one endpoint. Clones share them.
#[derive(Debug, Clone)]
pub struct SessionLimits(Arc<BoundedSessions>);

#[derive(Debug)]
struct BoundedSessions {
    all: usize,
    each: usize,
    manager: Arc<LocalSessionManager>,
    ids: RequestIds,
    known: Mutex<HashMap<String, KnownSession>>,
    uses: AtomicU64,
}

#[derive(Debug)]
struct KnownSession {
    owner: String,
    /// The larger, the later it was used.
    used: u64,
}

impl SessionLimits {
    /// At most `all` sessions of `manager`, and `each` of one caller; `ids` knows which have a request under way.
    pub fn new(manager: Arc<LocalSessionManager>, ids: RequestIds, all: usize, each: usize) -> Self {
        let limits = BoundedSessions { all, each, manager, ids, known: Mutex::default(), uses: AtomicU64::default() };
        Self(Arc::new(limits))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, KnownSession>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.0.uses.fetch_add(1, Ordering::Relaxed)
    }

    /// The session that has to end, when there is one too many; nothing when none can.
    fn least_used(&self, opened: &str, owner: &str) -> Option<Result<String, String>> {
        let known = self.known();
        let of_owner = known.values().filter(|session| session.owner == owner).count();
        let (is_over, whose) = match (of_owner > self.0.each, known.len() > self.0.all) {
            (true, _) => (true, Some(owner)),
            (false, over) => (over, None),
        };
        if !is_over {
            return None;
        }
        let of_whom = known.iter().filter(|(_, session)| whose.is_none_or(|whose| whose == session.owner));
        let idle = of_whom.filter(|(id, _)| id.as_str() != opened && !self.0.ids.has_under_way(id));
        let least = idle.min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone());
        Some(least.ok_or_else(|| opened.to_owned()))
    }

    /// Notes the session `opened` of `owner`; no when it could not stay.
    async fn open(&self, opened: &str, owner: &str) -> bool {
        {
            let living = self.0.manager.sessions.read().await;
            let used = self.now();
            let mut known = self.known();
            known.retain(|id, _| living.contains_key(id.as_str()));
            known.insert(opened.to_owned(), KnownSession { owner: owner.to_owned(), used });
        }
        let mut stays = true;
        while let Some(one) = self.least_used(opened, owner).filter(|_| stays) {
            stays = one.is_ok();
            let (Ok(id) | Err(id)) = one;
            self.known().remove(&id);
            // One that ended meanwhile is gone, too.
            let _ = self.0.manager.close_session(&id.into()).await;
        }
        stays
    }
}

/// Counts sessions that are opened, and notes which are used.
pub async fn check(State(limits): State<SessionLimits>, request: Request, next: Next) -> Response {
    let owner = request.extensions().get::<Principal>().map(|who| who.name.clone()).unwrap_or_default();
    if let Some(session) = request.headers().get(SESSION).and_then(|value| value.to_str().ok()) {
        let used = limits.now();
        if let Some(known) = limits.known().get_mut(session) {
            known.used = used;
        }
    }
    let response = next.run(request).await;
    let opened = response.headers().get(SESSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(opened) = opened else { return response };
    if limits.open(&opened, &owner).await {
        return response;
    }
    let why = "too many sessions have a request under way; end one and come back";
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "5")], why).into_response()
}
