//! Ids of requests under way in a session: whoever reuses one too early is told at once.
//!
//! Answers find their request by its id. Two requests with one id would take each other's answer, and one of
//! the two clients would wait for ever.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::http::MOST_BYTES;

/// Session and id of every request under way.
#[derive(Debug, Clone, Default)]
pub struct RequestIds(Arc<Mutex<HashSet<(String, String)>>>);

/// The right to an id, until the answer is out or its reader gone.
struct Taken {
    ids: RequestIds,
    key: (String, String),
}

#[derive(Deserialize)]
struct Head {
    id: Option<Value>,
    method: Option<IgnoredAny>,
}

impl RequestIds {
    fn take(&self, key: (String, String)) -> Option<Taken> {
        let fresh = self.book().insert(key.clone());
        fresh.then(|| Taken { ids: self.clone(), key })
    }

    fn book(&self) -> std::sync::MutexGuard<'_, HashSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.ids.book().remove(&self.key);
    }
}

/// Lets a request pass unless one with its id is under way in its session.
pub async fn check(State(ids): State<RequestIds>, request: Request, next: Next) -> Response {
    let session = request.headers().get("mcp-session-id").and_then(|value| value.to_str().ok());
    let Some(session) = session.filter(|_| request.method() == Method::POST).map(str::to_owned) else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MOST_BYTES).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {MOST_BYTES} bytes")).into_response();
    };
    let head = serde_json::from_slice::<Head>(&bytes).ok();
    let id = head.filter(|head| head.method.is_some()).and_then(|head| head.id).filter(|id| !id.is_null());
    let taken = match &id {
        None => None,
        Some(id) => match ids.take((session, id.to_string())) {
            Some(taken) => Some(taken),
            None => return in_use(id),
        },
    };
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let Some(taken) = taken else { return response };
    let (parts, body) = response.into_parts();
    let answer = body.into_data_stream().map(move |piece| {
        let _until_the_end = &taken;
        piece
    });
    Response::from_parts(parts, Body::from_stream(answer))
}

fn in_use(id: &Value) -> Response {
    let message = format!("a request with id {id} is under way in this session; give each request an id of its own");
    let answer = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32600, "message": message } });
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}
