//! Outside writes that must not happen twice: intent, look-up, ledger.
//!
//! The way to call an operation that may already have happened (class "look first") or that would happen
//! twice (class "never"); only the state file on GitHub has a way of its own (`statebox`). The order is always
//! the same: announce it, look whether it happened, write the intent, do it, look again when the answer got lost.
//!
//! Refuses: knowing where an effect is announced (a parameter) and what it is about (a [`Subject`] names the ledger).
//!
//! [`Subject`]: crate::domain::subject::Subject

pub mod ledger;

use std::io;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use self::ledger::{Ledger, LedgerStep};
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
    /// tells it in words. `announce` records where others see it that something is about to be done.
    ///
    /// # Errors
    ///
    /// That of `announce`: then nothing was asked or done. [`EffectError::Unknown`] when the answer got lost and
    /// the look-up does not settle it.
    pub async fn announced<T, E: From<EffectError>>(
        &self,
        key: &str,
        what: &str,
        evidence: Evidence,
        announce: impl AsyncFnOnce() -> Result<(), E>,
        look_up: impl AsyncFn() -> Result<Option<T>, ClientError>,
        perform: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<Effected<T>, E> {
        announce().await?;
        Ok(self.once(key, what, evidence, look_up, perform).await?)
    }

    /// The same for what needs no announcement.
    ///
    /// # Errors
    ///
    /// As [`Effects::announced`].
    pub async fn once<T>(
        &self,
        key: &str,
        what: &str,
        evidence: Evidence,
        look_up: impl AsyncFn() -> Result<Option<T>, ClientError>,
        perform: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<Effected<T>, EffectError> {
        if let Some(found) = look_up().await? {
            self.ledger.write(self.clock.now(), key, LedgerStep::Found)?;
            return Ok(Effected::AlreadyThere(found));
        }
        if evidence == Evidence::Eventual && self.ledger.last(key) == Some(LedgerStep::Intent) {
            // An earlier process sent this and died; what it made may still show up.
            if let Some(found) = self.look_again(&look_up).await? {
                self.ledger.write(self.clock.now(), key, LedgerStep::Found)?;
                return Ok(Effected::AlreadyThere(found));
            }
        }
        self.ledger.write(self.clock.now(), key, LedgerStep::Intent)?;
        match perform().await {
            Ok(value) => {
                self.ledger.write(self.clock.now(), key, LedgerStep::Done)?;
                Ok(Effected::Done(value))
            }
            Err(error) if error.may_have_happened() => match self.look_again(&look_up).await? {
                Some(found) => {
                    self.ledger.write(self.clock.now(), key, LedgerStep::Done)?;
                    Ok(Effected::Done(found))
                }
                None if evidence == Evidence::Strong => {
                    self.ledger.write(self.clock.now(), key, LedgerStep::Refused)?;
                    Err(EffectError::Client(error))
                }
                None => Err(EffectError::Unknown { what: what.to_owned(), cause: Some(Box::new(error)) }),
            },
            Err(error) => {
                self.ledger.write(self.clock.now(), key, LedgerStep::Refused)?;
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
        if matches!(self.ledger.last(key), Some(LedgerStep::Intent | LedgerStep::Done | LedgerStep::Found)) {
            return Ok(None);
        }
        self.ledger.write(self.clock.now(), key, LedgerStep::Intent)?;
        match perform().await {
            Ok(value) => {
                self.ledger.write(self.clock.now(), key, LedgerStep::Done)?;
                Ok(Some(value))
            }
            Err(error) if error.may_have_happened() => {
                Err(EffectError::Unknown { what: what.to_owned(), cause: Some(Box::new(error)) })
            }
            Err(error) => {
                self.ledger.write(self.clock.now(), key, LedgerStep::Refused)?;
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
