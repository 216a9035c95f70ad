//! Marks of our messages, by which a later look finds them among those of others.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::More;

/// The markers of our messages that a look at a channel found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markers {
    /// The markers.
    pub keys: BTreeSet<String>,
    /// When the newest message of anybody was posted.
    pub newest: Option<Timestamp>,
    /// When the oldest message of the look was posted.
    pub oldest: Option<Timestamp>,
    /// Were there more messages than one look reads?
    pub is_cut: bool,
}

impl Markers {
    pub(super) fn add(&mut self, messages: &[HistoryMessage]) {
        for message in messages {
            let seconds = message.ts.split('.').next().and_then(|whole| whole.parse().ok());
            let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
            self.newest = self.newest.max(at);
            self.oldest = match (self.oldest, at) {
                (Some(oldest), Some(at)) => Some(oldest.min(at)),
                (known, at) => known.or(at),
            };
            let metadata = message.metadata.as_ref().filter(|metadata| metadata.event_type == NOTICE);
            let key = metadata.and_then(|metadata| metadata.event_payload.get("key")?.as_str());
            self.keys.extend(key.map(str::to_owned));
        }
    }
}

/// Type of the metadata that marks our messages.
pub(super) const NOTICE: &str = "oar_notice";

#[derive(Deserialize)]
pub(super) struct HistoryPage {
    #[serde(default)]
    pub(super) messages: Vec<HistoryMessage>,
    pub(super) response_metadata: Option<More>,
}

#[derive(Deserialize)]
pub(super) struct HistoryMessage {
    ts: String,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    event_type: String,
    #[serde(default)]
    event_payload: Value,
}
