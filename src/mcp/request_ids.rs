//! What is looked at in a message before its session sees it: is it one, and is its id free? Whoever reuses an
//! id too early hears so at once.
//!
//! Answers find their request by its id. Two requests with one id would take each other's answer, and one of
//! the two clients would wait for ever.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::message::{self, MOST_BYTES, Malformed};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;

/// The id of an answer stands within its first bytes.
const HEAD: usize = 256;

/// What the protocol asks clients to accept.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// Session and id of every request under way.
#[derive(Debug, Clone, Default)]
pub struct RequestIds(Arc<Mutex<HashSet<(String, String)>>>);

/// The right to an id, until the answer is out or its reader gone.
struct Taken {
    ids: RequestIds,
    key: (String, String),
}

impl RequestIds {
    fn take(&self, key: (String, String)) -> Option<Taken> {
        let fresh = self.under_way().insert(key.clone());
        fresh.then(|| Taken { ids: self.clone(), key })
    }

    /// Is a request under way in `session`?
    pub(super) fn has_under_way(&self, session: &str) -> bool {
        self.under_way().iter().any(|(of, _)| of == session)
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

/// Lets a request pass unless it is no message, or one with its id is under way in its session.
pub async fn check(State(ids): State<RequestIds>, mut request: Request, next: Next) -> Response {
    widen(request.headers_mut());
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let session = parts.headers.get("mcp-session-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Ok(bytes) = to_bytes(body, MOST_BYTES).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {MOST_BYTES} bytes")).into_response();
    };
    let id = match message::request_id(&bytes) {
        Ok(id) => id,
        Err(malformed) => return refused(&malformed),
    };
    let taken = match (session, &id) {
        (None, _) | (_, None) => None,
        (Some(session), Some(id)) => match ids.take((session, id.to_string())) {
            Some(taken) => Some(taken),
            None => {
                let why = format!("a request with id {id} is under way in this session; give each an id of its own");
                return refused(&Malformed::invalid(id.clone(), why));
            }
        },
    };
    let is_json = is_json(&parts.headers);
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    if is_json && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // The protocol library says so of JSON that it cannot read, for example because it is nested too deeply.
        let why = "the message cannot be read: it is nested too deeply, or a field is not what the protocol says";
        return refused(&Malformed::invalid(id.unwrap_or_default(), why));
    }
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

/// Whoever accepts everything, or says nothing about it, accepts both forms of an answer. The protocol library looks
/// for their names.
fn widen(headers: &mut HeaderMap) {
    let given: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges = given.iter().flat_map(|value| value.split(','));
    let mut everything = ranges.filter(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        (kind == "*/*" || kind.eq_ignore_ascii_case("application/*")) && !is_refused
    });
    if given.is_empty() || everything.next().is_some() {
        headers.insert(header::ACCEPT, BOTH);
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// The answer to what is no message. One that its sender can tie to a request is an answer like others.
pub(super) fn refused(malformed: &Malformed) -> Response {
    let status = if malformed.is_answer_to_request() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    (status, [(header::CONTENT_TYPE, "application/json")], malformed.answer()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(given: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        widen(&mut headers);
        headers.get_all(header::ACCEPT).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(" + ")
    }

    #[test]
    fn whoever_accepts_everything_accepts_both_forms_and_whoever_names_one_gets_no_other() {
        let both = "application/json, text/event-stream";
        for wide in [&[][..], &["*/*"], &["application/*"], &["text/html, */*;q=0.8"], &["text/html", "*/*"]] {
            assert_eq!(accepted(wide), both, "{wide:?}");
        }
        for narrow in ["application/json", "text/event-stream", "text/html, */*;q=0", "text/*"] {
            assert_eq!(accepted(&[narrow]), narrow);
        }
    }
}
