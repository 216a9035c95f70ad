//! Outside writes that must not happen twice: intent, look-up, ledger.
//!
//! The way to call an operation that may already have happened (class "look first") or that would happen
//! twice (class "never"); only the state file on GitHub has a way of its own (`statebox`). The order is always
//! the same: look whether it happened, write the intent, do it, look again when the answer got lost.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::clients::error::ClientError;
use super::clock::Clock;
use super::error::ErrorClass;

/// How often a lost answer is looked for before we say that nobody knows.
const LOOKS_AFTER_LOST_ANSWER: u32 = 3;

/// Time between two such looks: services show a new job within seconds.
const LOOK_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// How far a look-up that finds nothing can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing found means it did not happen: the effect may be tried again.
    Strong,
    /// It may still show up later: after a lost answer a person has to look.
    Eventual,
}

/// How an effect ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effected<T> {
    /// We did it now.
    Done(T),
    /// It had happened before; nothing was sent.
    AlreadyThere(T),
}

impl<T> Effected<T> {
    /// What the effect made or found.
    pub fn into_inner(self) -> T {
        match self {
            Self::Done(value) | Self::AlreadyThere(value) => value,
        }
    }

    /// Did this call do it?
    pub const fn is_new(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// An effect that did not end well.
#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// The service refused, or the look-up failed; nothing was changed by this call.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The request went out, the answer got lost, and nothing shows whether it happened.
    #[error("nobody knows whether this happened: {what}")]
    Unknown {
        /// The effect in words.
        what: String,
        /// How the answer got lost.
        #[source]
        cause: Option<Box<ClientError>>,
    },
    /// The ledger cannot be written, so nothing was tried.
    #[error("the ledger {path} cannot be written")]
    Ledger {
        /// The file.
        path: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl EffectError {
    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Client(error) => error.class(),
            Self::Unknown { .. } => ErrorClass::Transient,
            Self::Ledger { .. } => ErrorClass::Config,
        }
    }

    /// What to do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::Client(error) => error.next_step(),
            Self::Unknown { what, .. } => {
                format!("look at the service whether it happened ({what}); then run it again: it looks before it acts")
            }
            Self::Ledger { path, .. } => format!("make {path} writable (OAR_HOME names its folder)"),
        }
    }
}

/// What this machine tried and did for one release: one JSON line per step, flushed before going on.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    seen: Mutex<Vec<Line>>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Line {
    at: Timestamp,
    key: String,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    Intent,
    Done,
    Found,
    Refused,
}

impl Ledger {
    /// Opens the ledger of one release below `home`; a half-written last line is ignored.
    ///
    /// # Errors
    ///
    /// The file exists and cannot be read.
    pub fn open(home: &Path, release: &str) -> Result<Self, EffectError> {
        let path = home.join("effects").join(format!("{release}.jsonl"));
        let fail = |cause| EffectError::Ledger { path: path.display().to_string(), cause };
        let seen = match std::fs::read(&path) {
            // Damage costs its own line, not those behind it.
            Ok(bytes) => {
                bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(fail(cause)),
        };
        Ok(Self { path, seen: Mutex::new(seen) })
    }

    /// Was `key` tried, and what is the last thing known of it?
    fn last(&self, key: &str) -> Option<Step> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().rev().find(|line| line.key == key).map(|line| line.step)
    }

    /// Keys of everything that was done or may have been done.
    pub fn tried(&self) -> BTreeSet<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tried = BTreeSet::new();
        for line in seen.iter() {
            match line.step {
                Step::Intent | Step::Done | Step::Found => tried.insert(line.key.clone()),
                Step::Refused => tried.remove(&line.key),
            };
        }
        tried
    }

    fn write(&self, at: Timestamp, key: &str, step: Step) -> Result<(), EffectError> {
        let fail = |cause| EffectError::Ledger { path: self.path.display().to_string(), cause };
        let line = Line { at, key: key.to_owned(), step };
        let mut text = serde_json::to_string(&line).map_err(|cause| fail(io::Error::other(cause)))?;
        text.push('\n');
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        // A line that was cut off by a power cut must not swallow this one.
        if std::fs::read(&self.path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n')) {
            text.insert(0, '\n');
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).map_err(fail)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(fail)?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(())
    }
}

/// The surroundings of an effect.
#[derive(Debug, Clone, Copy)]
pub struct Effects<'a> {
    /// Where intents are kept.
    pub ledger: &'a Ledger,
    /// For time stamps and for the pause between two looks.
    pub clock: &'a Clock,
    /// Ends the pauses.
    pub cancel: &'a CancellationToken,
}

impl Effects<'_> {
    /// Does `perform` unless `look_up` shows that it happened. `key` names the effect for ever, `what`
    /// tells it in words.
    ///
    /// # Errors
    ///
    /// [`EffectError::Unknown`] when the answer got lost and the look-up does not settle it.
    pub async fn once<T>(
        &self,
        key: &str,
        what: &str,
        evidence: Evidence,
        look_up: impl AsyncFn() -> Result<Option<T>, ClientError>,
        perform: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<Effected<T>, EffectError> {
        if let Some(found) = look_up().await? {
            self.ledger.write(self.clock.now(), key, Step::Found)?;
            return Ok(Effected::AlreadyThere(found));
        }
        if evidence == Evidence::Eventual && self.ledger.last(key) == Some(Step::Intent) {
            // An earlier process sent this and died; what it made may still show up.
            if let Some(found) = self.look_again(&look_up).await? {
                self.ledger.write(self.clock.now(), key, Step::Found)?;
                return Ok(Effected::AlreadyThere(found));
            }
        }
        self.ledger.write(self.clock.now(), key, Step::Intent)?;
        match perform().await {
            Ok(value) => {
                self.ledger.write(self.clock.now(), key, Step::Done)?;
                Ok(Effected::Done(value))
            }
            Err(error) if error.may_have_happened() => match self.look_again(&look_up).await? {
                Some(found) => {
                    self.ledger.write(self.clock.now(), key, Step::Done)?;
                    Ok(Effected::Done(found))
                }
                None if evidence == Evidence::Strong => {
                    self.ledger.write(self.clock.now(), key, Step::Refused)?;
                    Err(EffectError::Client(error))
                }
                None => Err(EffectError::Unknown { what: what.to_owned(), cause: Some(Box::new(error)) }),
            },
            Err(error) => {
                self.ledger.write(self.clock.now(), key, Step::Refused)?;
                Err(EffectError::Client(error))
            }
        }
    }

    /// Does `perform` at most once for ever: for messages, where nothing can be looked up.
    ///
    /// `None` when an earlier run did it or may have done it.
    ///
    /// # Errors
    ///
    /// [`EffectError::Unknown`] when the answer got lost: it is not sent a second time.
    pub async fn at_most_once<T>(
        &self,
        key: &str,
        what: &str,
        perform: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<Option<T>, EffectError> {
        if matches!(self.ledger.last(key), Some(Step::Intent | Step::Done | Step::Found)) {
            return Ok(None);
        }
        self.ledger.write(self.clock.now(), key, Step::Intent)?;
        match perform().await {
            Ok(value) => {
                self.ledger.write(self.clock.now(), key, Step::Done)?;
                Ok(Some(value))
            }
            Err(error) if error.may_have_happened() => {
                Err(EffectError::Unknown { what: what.to_owned(), cause: Some(Box::new(error)) })
            }
            Err(error) => {
                self.ledger.write(self.clock.now(), key, Step::Refused)?;
                Err(EffectError::Client(error))
            }
        }
    }

    async fn look_again<T>(
        &self,
        look_up: &impl AsyncFn() -> Result<Option<T>, ClientError>,
    ) -> Result<Option<T>, EffectError> {
        for _ in 0..LOOKS_AFTER_LOST_ANSWER {
            self.clock.pause(LOOK_PAUSE, self.cancel).await;
            if let Some(found) = look_up().await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
