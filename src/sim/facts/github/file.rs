//! A file of a branch, with the ids that Git gives to it: a branch of a thousand files is not hashed for each question.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Serialize, Serializer};

use crate::sim::wire;

/// A text with its id.
#[derive(Debug, Clone)]
pub struct File {
    text: String,
    id: String,
    /// Ids of the text as if an address were not in it.
    without: Arc<Mutex<BTreeMap<String, String>>>,
}

impl File {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The id of its bytes.
    pub(in crate::sim) fn id(&self) -> &str {
        &self.id
    }

    /// The id that it would have if this address were not in it.
    pub(in crate::sim) fn id_without(&self, address: &str) -> String {
        let mut known = self.without.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known.get(address) {
            return id.clone();
        }
        let id = if self.text.contains(address) {
            wire::blob_sha(self.text.replace(address, "").as_bytes())
        } else {
            self.id.clone()
        };
        known.insert(address.to_owned(), id.clone());
        id
    }
}

impl From<String> for File {
    fn from(text: String) -> Self {
        Self { id: wire::blob_sha(text.as_bytes()), text, without: Arc::default() }
    }
}

impl Deref for File {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Serialize for File {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
