//! What is looked at in a message before its session sees it: is it one, and is its id free? Whoever reuses an
//! id too early hears so at once.
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

/// Bytes of a request.
pub const MOST_BYTES: usize = 1 << 20;

/// The id of an answer stands within its first bytes.
const HEAD: usize = 256;

/// Session and id of every request under way.
#[derive(Debug, Clone, Default)]
pub struct RequestIds(Arc<Mutex<HashSet<(String, String)>>>);

/// The right to an id, until the answer is out or its reader gone.
struct Taken {
    ids: RequestIds,
    key: (String, String),
}

#[derive(Deserialize)]
struct MessageHead {
    id: Option<Value>,
    method: Option<IgnoredAny>,
}

impl RequestIds {
    fn take(&self, key: (String, String)) -> Option<Taken> {
        let fresh = self.under_way().insert(key.clone());
        fresh.then(|| Taken { ids: self.clone(), key })
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, HashSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.ids.under_way().remove(&self.key);
    }
}

/// Lets a request pass unless one with its id is under way in its session.
pub async fn check(State(ids): State<RequestIds>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let session = parts.headers.get("mcp-session-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Ok(bytes) = to_bytes(body, MOST_BYTES).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {MOST_BYTES} bytes")).into_response();
    };
    let head = match serde_json::from_slice::<MessageHead>(&bytes) {
        Ok(head) => head,
        Err(why) if why.is_data() => {
            return refused(&Value::Null, -32600, "a message is one JSON object with a method");
        }
        Err(_) => return refused(&Value::Null, -32700, "the message is no JSON"),
    };
    let id = head.method.and(head.id).filter(|id| !id.is_null());
    let taken = match (session, &id) {
        (None, _) | (_, None) => None,
        (Some(session), Some(id)) => match ids.take((session, id.to_string())) {
            Some(taken) => Some(taken),
            None => {
                let why = format!("a request with id {id} is under way in this session; give each an id of its own");
                return refused(id, -32600, &why);
            }
        },
    };
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let Some(taken) = taken else { return response };
    let (parts, body) = response.into_parts();
    let ends = [format!("\"id\":{},\"result\"", taken.key.1), format!("\"id\":{},\"error\"", taken.key.1)];
    let mut taken = Some(taken);
    let answer = body.into_data_stream().map(move |piece| {
        // Free before the answer is out: whoever has read it may use the id again, although we would not.
        let head = piece.as_ref().map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]));
        if head.is_ok_and(|head| ends.iter().any(|end| head.contains(end))) {
            drop(taken.take());
        }
        piece
    });
    Response::from_parts(parts, Body::from_stream(answer))
}

fn refused(id: &Value, code: i32, why: &str) -> Response {
    let answer = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": why } });
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}
