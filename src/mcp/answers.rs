//! What earlier calls found and later ones may read: whole answers, and the names of active releases.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::reply::Reply;

/// Answers that are kept for those who want to read the rest.
const MOST_ANSWERS: usize = 32;

/// How long the names of active releases are good enough for completion.
const NAMES_GOOD: SignedDuration = SignedDuration::from_secs(60);

/// Answers that were too large for one message, and names that were found lately; both are only in memory.
#[derive(Debug)]
pub struct Answers {
    key: [u8; 16],
    kept: Mutex<KeptAnswers>,
    names: Mutex<Option<(Timestamp, Vec<String>)>>,
}

#[derive(Debug, Default)]
struct KeptAnswers {
    answers: VecDeque<KeptAnswer>,
    next: u64,
}

#[derive(Debug)]
struct KeptAnswer {
    uri: String,
    owner: String,
    text: String,
}

impl Answers {
    /// No answers yet.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn new() -> std::io::Result<Self> {
        let mut key = [0_u8; 16];
        openssl::rand::rand_bytes(&mut key)?;
        Ok(Self { key, kept: Mutex::default(), names: Mutex::default() })
    }

    /// Keeps the whole of an answer for `owner`; its address.
    pub fn keep(&self, owner: &str, whole: &Reply) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.next += 1;
        let uri = format!("oar://answers/{:x}-{}", kept.next, self.suffix(kept.next));
        let text = Value::Object(whole.body.clone()).to_string();
        kept.answers.push_back(KeptAnswer { uri: uri.clone(), owner: owner.to_owned(), text });
        while kept.answers.len() > MOST_ANSWERS {
            kept.answers.pop_front();
        }
        uri
    }

    /// Unguessable for whoever does not have the key.
    fn suffix(&self, number: u64) -> String {
        let digest = Sha256::new().chain_update(self.key).chain_update(number.to_be_bytes()).finalize();
        hex::encode(&digest[..4])
    }

    /// The answer at `uri`, when it was `owner`'s.
    pub fn read(&self, owner: &str, uri: &str) -> Option<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.answers.iter().find(|kept| kept.uri == uri && kept.owner == owner);
        found.map(|kept| kept.text.clone())
    }

    /// Names of active releases, while they are good enough.
    pub fn names(&self, now: Timestamp) -> Option<Vec<String>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.as_ref().filter(|(at, _)| now.duration_since(*at) < NAMES_GOOD).map(|(_, names)| names.clone())
    }

    /// Keeps the names that were found at `now`.
    pub fn remember(&self, now: Timestamp, names: &[String]) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, names.to_vec()));
    }
}
