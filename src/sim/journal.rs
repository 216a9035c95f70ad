//! Every request the world was asked, in a form that is the same for the same seed.
//!
//! Ports appear in absolute URLs, and through them in hashes of what contains such URLs. Both are
//! replaced when the journal is written: URLs by [`PLACEHOLDER`], hashes by registered aliases.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::domain::dates;

/// Bodies kept altogether; later ones are kept as their hash, so that a long-lived server stays small.
const MOST_KEPT: usize = 32 << 20;

/// Stands for the base URL of the simulator.
pub const PLACEHOLDER: &str = "https://sim.example.com";

/// One request and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Virtual time, whole seconds.
    pub t: String,
    /// Service id.
    pub service: String,
    /// Method.
    pub method: String,
    /// Path with query, below the service id.
    pub path: String,
    /// Request headers that carry meaning; secrets hashed.
    pub headers: BTreeMap<String, String>,
    /// Request body as text; null when there was none.
    pub body: Option<String>,
    /// Status of the answer; 0 when none was given.
    pub status: u16,
    /// Body of the answer as text; null when there was none.
    pub response: Option<String>,
    /// The fault that was played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// No route knew the request.
    #[serde(skip)]
    pub unmatched: bool,
    #[serde(skip)]
    at: Timestamp,
}

/// The record of requests.
#[derive(Debug, Default)]
pub struct Journal {
    base_url: String,
    entries: Vec<Raw>,
    kept: usize,
    without_bodies: bool,
    aliases: BTreeMap<String, String>,
}

/// What is kept while requests arrive; made readable only when somebody looks.
#[derive(Debug)]
pub struct Raw {
    /// Virtual time of arrival.
    pub at: Timestamp,
    /// Service id.
    pub service: String,
    /// Method.
    pub method: String,
    /// Path with query, below the service id.
    pub path: String,
    /// Request headers, secrets hashed.
    pub headers: BTreeMap<String, String>,
    /// Request body.
    pub body: bytes::Bytes,
    /// Status of the answer; 0 when none was given.
    pub status: u16,
    /// Body of the answer.
    pub response: bytes::Bytes,
    /// The fault that was played.
    pub fault: Option<&'static str>,
    /// No route knew the request.
    pub unmatched: bool,
}

impl Journal {
    /// An empty record of a world served at `base_url`.
    pub fn new(base_url: String) -> Self {
        Self { base_url, ..Self::default() }
    }

    /// Keeps requests without their bodies from now on: for worlds whose journal nobody is going to read.
    pub fn forget_bodies(&mut self) {
        self.without_bodies = true;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.kept = 0;
    }

    /// Keeps a request.
    pub fn push(&mut self, mut raw: Raw) {
        if self.without_bodies {
            (raw.body, raw.response) = (bytes::Bytes::new(), bytes::Bytes::new());
        }
        self.kept += raw.body.len() + raw.response.len();
        if self.kept > MOST_KEPT {
            for body in [&mut raw.body, &mut raw.response] {
                *body = full_hash(body).into();
            }
        }
        self.entries.push(raw);
    }

    /// How many requests were kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was asked yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Lets `real`, a hash of something that contains the port, be written as `stable`.
    pub fn alias(&mut self, real: &str, stable: &str) {
        if real != stable {
            self.aliases.insert(real.to_owned(), stable.to_owned());
        }
    }

    /// What tells this request from others, the same whatever the port is.
    pub fn key(&self, method: &str, service: &str, path: &str, body: &[u8]) -> u64 {
        let mut stable = Stable { base_url: &self.base_url, aliases: self.aliases.clone() };
        let body = stable.body(body);
        let body = body.map(|body| stable.text(&body)).unwrap_or_default();
        let text = format!("{method} /{service}{} {body}", stable.text(path));
        let digest = Sha256::digest(text);
        digest.iter().take(8).fold(0, |key, byte| (key << 8) | u64::from(*byte))
    }

    /// All requests in the order of virtual time, equal times by request, so arrival does not matter.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries_of(|_| true)
    }

    /// The requests that are `wanted`, as [`Journal::entries`] gives them; the rest is not even read, so blob ids that
    /// only the rest explains stay as they are.
    pub fn entries_of(&self, wanted: impl Fn(&Raw) -> bool) -> Vec<Entry> {
        self.sorted(wanted).into_iter().map(|(_, entry)| entry).collect()
    }

    /// Was any request like that?
    pub fn any(&self, wanted: impl Fn(&Raw) -> bool) -> bool {
        self.entries.iter().any(wanted)
    }

    /// One JSON line per request, without the faults: those are no part of what went over the wire.
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for (line, entry) in self.sorted(|_| true) {
            let line = match entry.fault {
                None => line,
                Some(_) => serde_json::to_string(&Entry { fault: None, ..entry }).unwrap_or_default(),
            };
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// The requests that are `wanted` in their order, each with its JSON.
    fn sorted(&self, wanted: impl Fn(&Raw) -> bool) -> Vec<(String, Entry)> {
        let mut stable = Stable { base_url: &self.base_url, aliases: self.aliases.clone() };
        // First pass: contents that hold the port teach the aliases of their blob ids.
        let bodies: Vec<_> = self
            .entries
            .iter()
            .filter(|raw| wanted(raw))
            .map(|raw| (raw, stable.body(&raw.body), stable.body(&raw.response)))
            .collect();
        let mut entries: Vec<(String, Entry)> = bodies
            .into_iter()
            .map(|(raw, body, response)| {
                let entry = Entry {
                    t: dates::stamp(raw.at),
                    service: raw.service.clone(),
                    method: raw.method.clone(),
                    path: stable.text(&raw.path),
                    headers: raw.headers.iter().map(|(name, value)| (name.clone(), stable.text(value))).collect(),
                    body: body.map(|body| stable.text(&body)),
                    status: raw.status,
                    response: response.map(|body| stable.text(&body)),
                    fault: raw.fault,
                    unmatched: raw.unmatched,
                    at: raw.at,
                };
                let key = serde_json::to_string(&entry).unwrap_or_default();
                (key, entry)
            })
            .collect();
        entries.sort_by(|(a_key, a), (b_key, b)| (a.at, a_key).cmp(&(b.at, b_key)));
        entries
    }

    /// Requests that no route knew, as `METHOD /service/path`.
    pub fn unmatched(&self) -> Vec<String> {
        let asked = |raw: &Raw| format!("{} /{}{}", raw.method, raw.service, raw.path);
        let mut list: Vec<_> = self.entries.iter().filter(|raw| raw.unmatched).map(asked).collect();
        list.sort();
        list.dedup();
        list
    }
}

/// A secret as the journal shows it: enough to tell two apart, never enough to use.
pub fn hashed(secret: &[u8]) -> String {
    let digest = Sha256::digest(secret);
    let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Git's id of a file with this content.
fn blob_sha(content: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", content.len()));
    hash.update(content);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Stable<'j> {
    base_url: &'j str,
    aliases: BTreeMap<String, String>,
}

impl Stable<'_> {
    /// A body as text, binary ones as their hash. JSON is written anew, so that spacing does not matter.
    fn body(&mut self, bytes: &[u8]) -> Option<String> {
        if bytes.is_empty() {
            return None;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Some(format!("binary {}", full_hash(bytes)));
        };
        let text = text.replace(self.base_url, PLACEHOLDER);
        Some(match serde_json::from_str(&text) {
            Ok(value) => self.contents(value).to_string(),
            Err(_) => text,
        })
    }

    /// Looks into base64 file contents, which hide the port from a plain replacement.
    fn contents(&mut self, value: Value) -> Value {
        match value {
            Value::Object(map) => map
                .into_iter()
                .map(|(name, value)| {
                    let content = value.as_str().filter(|_| name == "content").map(|text| self.content(text));
                    let value = content.map_or_else(|| self.contents(value), Value::String);
                    (name, value)
                })
                .collect(),
            Value::Array(list) => list.into_iter().map(|value| self.contents(value)).collect(),
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
        }
    }

    fn content(&mut self, text: &str) -> String {
        let packed: String = text.split_whitespace().collect();
        let Some(real) = STANDARD.decode(packed).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return text.to_owned();
        };
        let stable = real.replace(self.base_url, PLACEHOLDER);
        if stable == real {
            return text.to_owned();
        }
        self.aliases.insert(blob_sha(real.as_bytes()), blob_sha(stable.as_bytes()));
        STANDARD.encode(stable)
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.replace(self.base_url, PLACEHOLDER);
        for (real, stable) in &self.aliases {
            if text.contains(real.as_str()) {
                text = text.replace(real.as_str(), stable);
            }
        }
        text
    }
}

fn full_hash(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(path: &str, body: &str) -> Raw {
        Raw {
            at: Timestamp::UNIX_EPOCH,
            service: "github".to_owned(),
            method: "PUT".to_owned(),
            path: path.to_owned(),
            headers: BTreeMap::new(),
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
            status: 200,
            response: bytes::Bytes::new(),
            fault: None,
            unmatched: false,
        }
    }

    fn journal_at(base_url: &str, order: [usize; 2]) -> String {
        let file = format!("url: {base_url}/gitlab/x\n");
        let requests = [
            raw("/a", &serde_json::json!({ "content": STANDARD.encode(&file), "branch": "main" }).to_string()),
            raw(
                "/b",
                &serde_json::json!({ "sha": blob_sha(file.as_bytes()), "url": format!("{base_url}/q") }).to_string(),
            ),
        ];
        let mut journal = Journal::new(base_url.to_owned());
        let mut requests = requests.map(Some);
        for index in order {
            if let Some(request) = requests[index].take() {
                journal.push(request);
            }
        }
        journal.lines()
    }

    #[test]
    fn neither_the_port_nor_the_order_of_arrival_shows() {
        let one = journal_at("http://127.0.0.1:40001", [0, 1]);
        assert_eq!(one, journal_at("http://127.0.0.1:50002", [1, 0]));
        assert!(!one.contains("127.0.0.1"), "{one}");
        assert!(one.contains("https://sim.example.com/q"), "{one}");
    }

    #[test]
    fn secrets_are_distinguished_but_not_shown() {
        assert_ne!(hashed(b"one"), hashed(b"two"));
        assert_eq!(hashed(b"one").len(), "sha256:".len() + 12);
    }
}
