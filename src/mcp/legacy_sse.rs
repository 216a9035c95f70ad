//! HTTP with server-sent events as of 2024-11-05: the crate ships none any more, older clients still use it.
//!
//! One stream per session; requests come by POST and are answered on the stream. The session's id in the
//! address is the only tie between the two, so it is random, bound to the caller, and never logged.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::stream::{self, Stream, StreamExt as _};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connection::ClientConnection;
use super::message;
use super::request_ids;
use super::server::Server;
use crate::core::access::principal::Principal;

/// Messages on their way in each direction.
const IN_FLIGHT: usize = 64;

/// Proxies close streams that say nothing.
const PING_EVERY: Duration = Duration::from_secs(15);

#[derive(Debug, Clone)]
struct Sessions {
    server: Arc<Server>,
    open: Arc<Mutex<HashMap<String, Session>>>,
}

#[derive(Debug)]
struct Session {
    owner: String,
    inbox: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
    in_flight: Vec<String>,
}

/// `GET /sse` and `POST /messages/`.
pub fn routes(server: &Arc<Server>) -> [(&'static str, MethodRouter); 2] {
    let sessions = Sessions { server: Arc::clone(server), open: Arc::default() };
    [("/sse", get(open).with_state(sessions.clone())), ("/messages/", post(take).with_state(sessions))]
}

async fn open(State(sessions): State<Sessions>, Extension(who): Extension<Principal>) -> Response {
    let Ok(id) = session_id() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "no session can be opened now; come back").into_response();
    };
    let (inbox, incoming) = mpsc::channel::<RxJsonRpcMessage<RoleServer>>(IN_FLIGHT);
    let (outgoing, answers) = mpsc::channel::<TxJsonRpcMessage<RoleServer>>(IN_FLIGHT);
    {
        // The guard bounds how many streams there are, and each session is one.
        sessions.by_id().insert(id.clone(), Session { owner: who.name.clone(), inbox, in_flight: Vec::new() });
        sessions.server.shared.sessions_open.opened();
    }
    let ended = sessions.server.shared.sessions.child_token();
    let connection = ClientConnection::new(Arc::clone(&sessions.server), who, "sse");
    crate::runs::executor::accompany(serve(connection, outgoing, incoming, ended.clone()));
    let leaving = Leaving { sessions, id: id.clone(), _ended: ended.clone().drop_guard() };
    let endpoint = Event::default().event("endpoint").data(format!("/messages/?session_id={id}"));
    let first = stream::once(async move { Ok::<_, Infallible>(endpoint) });
    let rest = answers.filter_map(move |answer| {
        leaving.answered(&answer);
        let event = serde_json::to_string(&answer).ok().map(|text| Event::default().event("message").data(text));
        async move { event.map(Ok) }
    });
    let stream = first.chain(rest).take_until(ended.cancelled_owned());
    let mut response =
        Sse::new(Boxed(Box::pin(stream))).keep_alive(KeepAlive::new().interval(PING_EVERY)).into_response();
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}

struct Boxed<S>(std::pin::Pin<Box<S>>);

impl<S: Stream> Stream for Boxed<S> {
    type Item = S::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

async fn serve(
    connection: ClientConnection,
    outgoing: mpsc::Sender<TxJsonRpcMessage<RoleServer>>,
    incoming: mpsc::Receiver<RxJsonRpcMessage<RoleServer>>,
    ended: CancellationToken,
) {
    if let Ok(running) = rmcp::service::serve_server_with_ct(connection, (outgoing, incoming), ended).await {
        // The end of a session is nothing new; runs go on without it.
        let _ = running.waiting().await;
    }
}

#[derive(Debug, serde::Deserialize)]
struct Address {
    session_id: Option<String>,
}

async fn take(
    State(sessions): State<Sessions>,
    Extension(who): Extension<Principal>,
    Query(address): Query<Address>,
    body: Bytes,
) -> Response {
    let Some(id) = address.session_id.filter(|id| id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit())) else {
        return (StatusCode::BAD_REQUEST, "session_id is missing or none; open /sse first").into_response();
    };
    let request = match message::request_id(&body) {
        Ok(request) => request.map(|id| id.to_string()),
        // Answers of this transport come on the stream, but a mistake is better found where it was made.
        Err(malformed) => return request_ids::refused(&malformed),
    };
    let Ok(message) = serde_json::from_slice::<RxJsonRpcMessage<RoleServer>>(&body) else {
        return (StatusCode::BAD_REQUEST, "the body is no message of the protocol").into_response();
    };
    let mut inbox = {
        let mut open = sessions.by_id();
        // Somebody else's session does not exist.
        let Some(session) = open.get_mut(&id).filter(|session| session.owner == who.name) else {
            return (StatusCode::NOT_FOUND, "no such session; open /sse again").into_response();
        };
        if let Some(request) = request {
            if session.in_flight.contains(&request) {
                return (StatusCode::BAD_REQUEST, "a request with this id is still being answered").into_response();
            }
            session.in_flight.push(request);
        }
        session.inbox.clone()
    };
    match futures::SinkExt::send(&mut inbox, message).await {
        Ok(()) => (StatusCode::ACCEPTED, "Accepted").into_response(),
        Err(_) => (StatusCode::GONE, "the session is over; open /sse again").into_response(),
    }
}

/// Removes the session when its stream ends, however it ends.
struct Leaving {
    sessions: Sessions,
    id: String,
    _ended: DropGuard,
}

impl Leaving {
    fn answered(&self, answer: &TxJsonRpcMessage<RoleServer>) {
        let id = serde_json::to_value(answer).ok().filter(|answer| answer.get("method").is_none());
        let Some(id) = id.and_then(|answer| answer.get("id").map(ToString::to_string)) else { return };
        if let Some(session) = self.sessions.by_id().get_mut(&self.id) {
            session.in_flight.retain(|open| *open != id);
        }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.sessions.by_id().remove(&self.id);
        self.sessions.server.shared.sessions_open.closed();
    }
}

impl Sessions {
    fn by_id(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Unguessable: it is all that ties a request to its session.
fn session_id() -> Result<String, openssl::error::ErrorStack> {
    let mut bytes = [0_u8; 16];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(hex::encode(bytes))
}
