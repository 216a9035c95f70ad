//! Helpers for reading requests and writing answers, shared by the simulated services.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

/// An answer with an HTML body, as proxies and login pages give it.
pub(crate) fn html(status: StatusCode, body: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], body.to_owned()).into_response()
}

/// An answer without a body, declared as JSON.
pub(in crate::sim) fn empty(status: StatusCode) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")]).into_response()
}

/// Mark on an answer: no route knew the request. [`unmatched`] makes one.
#[derive(Debug, Clone, Copy)]
pub(in crate::sim) struct Unmatched;

/// The answer for a request that a service's routes do not know; it is listed at `/__sim/unmatched`.
pub(in crate::sim) fn unmatched(status: StatusCode) -> Response {
    let body = Json(serde_json::json!({ "message": "the simulator has no such route" }));
    let mut response = (status, body).into_response();
    response.extensions_mut().insert(Unmatched);
    response
}

/// The text of a header, if there is one.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The pairs of a query or form, percent signs resolved; the last one of a name wins.
pub(crate) fn pairs(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// The fields of a body: a JSON object, else a form; `None` for JSON that is none.
pub(crate) fn fields(headers: &HeaderMap, body: &Bytes) -> Option<Map<String, Value>> {
    let kind = header_text(headers, "content-type").unwrap_or_default();
    if kind.starts_with("application/json") {
        if body.is_empty() {
            return Some(Map::new());
        }
        return serde_json::from_slice::<Value>(body).ok()?.as_object().cloned();
    }
    let text = std::str::from_utf8(body).ok()?;
    Some(pairs(text).into_iter().map(|(name, value)| (name, Value::String(value))).collect())
}

/// A page of a list: `page` counts from 1, `per_page` is at most 100.
pub(crate) fn page<'a, T>(all: &'a [T], query: &BTreeMap<String, String>) -> Page<'a, T> {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok()).filter(|n| *n > 0);
    let size = number("per_page").unwrap_or(20).min(100);
    let page = number("page").unwrap_or(1);
    let start = (page - 1).saturating_mul(size).min(all.len());
    let end = start.saturating_add(size).min(all.len());
    Page { items: &all[start..end], number: page, size, total: all.len() }
}

/// What [`page`] cut out.
pub(crate) struct Page<'a, T> {
    /// The entries of this page.
    pub(crate) items: &'a [T],
    /// Which page this is, from 1.
    pub(crate) number: usize,
    /// Entries per page.
    pub(crate) size: usize,
    /// Entries altogether.
    pub(crate) total: usize,
}

impl<T> Page<'_, T> {
    /// How many pages there are, at least one.
    pub(crate) fn pages(&self) -> usize {
        self.total.div_ceil(self.size).max(1)
    }
}

/// SHA-1 in hex.
pub(crate) fn sha1_hex(bytes: &[u8]) -> String {
    hex::encode(Sha1::digest(bytes))
}

/// SHA-256 in hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(bytes))
}

/// The id Git gives to a file with these bytes.
pub(crate) fn blob_sha(bytes: &[u8]) -> String {
    let mut whole = format!("blob {}\0", bytes.len()).into_bytes();
    whole.extend_from_slice(bytes);
    sha1_hex(&whole)
}

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Reads base64 and tolerates the line breaks that services and people put into it.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let clean: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(clean).ok()
}
