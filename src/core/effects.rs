//! Outside writes that must not happen twice: intent, look-up, ledger.
//!
//! Every outside write comes through here; only the state file on GitHub has a way of its own (`statebox`). What
//! converges is noted and done. Everything else looks first, and is done only when the look proves that it did not
//! happen ([`crate::domain::absence`]); when an answer got lost, it is looked for, never asked for again.
//!
//! Refuses: knowing where an effect is announced (whoever calls knows) and what it is about (a [`Subject`] names the
//! ledger).
//!
//! [`Subject`]: crate::domain::subject::Subject

pub mod ledger;

use std::io;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use self::ledger::{Ledger, LedgerStep};
use super::clients::error::ClientError;
use super::clock::Clock;
use super::error::ErrorClass;
use crate::domain::absence::{Absence, Announced, ClockOf, Shown};
use crate::domain::dates::stamp;

/// How often a lost answer is looked for before the run ends and leaves it to a later one.
const LOOKS_AFTER_LOST_ANSWER: u32 = 3;

/// Time between two such looks: services show a new job within seconds.
const LOOK_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// An outside write.
#[derive(Debug, Clone, Copy)]
pub struct Effect<'a> {
    /// Names it for ever, within its subject.
    pub key: &'a str,
    /// The same in words ("start the stage pipeline").
    pub what: &'a str,
    /// When it may have been tried before.
    pub announced: Option<Announced>,
}

/// What a look at the world shows of an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<T> {
    /// It happened.
    Found(T),
    /// It does not show; what does tells how young the look is.
    Absent(Shown),
    /// Nobody can look.
    Blind,
}

impl<T> Look<T> {
    /// A look at the very thing that the effect changes.
    pub fn at_object(found: Option<T>) -> Self {
        found.map_or(Self::Absent(Shown { newest: None, reaches_back_to: None }), Self::Found)
    }
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
    /// It was tried, and nothing shows yet whether it happened.
    #[error("nobody knows yet whether this happened: {what}")]
    Unproven {
        /// The effect in words.
        what: String,
        /// From when on a look settles it.
        look_again: Timestamp,
        /// How the answer got lost, when it was this run that lost it.
        #[source]
        cause: Option<Box<ClientError>>,
    },
    /// It was tried, and nothing will show any more whether it happened.
    #[error("nobody can see any more whether this happened: {what}, tried at {}", stamp(*.at))]
    OutOfSight {
        /// Its key.
        key: String,
        /// The effect in words.
        what: String,
        /// When it was tried.
        at: Timestamp,
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
            Self::Unproven { .. } => ErrorClass::NotReady,
            Self::OutOfSight { .. } => ErrorClass::NotFound,
            Self::Ledger { .. } => ErrorClass::Config,
        }
    }

    /// What to do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::Client(error) => error.next_step(),
            Self::Unproven { look_again, .. } => {
                format!(
                    "nothing is tried a second time until {}; run it again then: it looks first",
                    stamp(*look_again)
                )
            }
            Self::OutOfSight { .. } => "look at the service whether it happened, and answer the question".to_owned(),
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
    /// When this machine tried `key` without learning how that ended.
    pub fn open(&self, key: &str) -> Option<Announced> {
        self.ledger.open_since(key).map(|at| Announced { at, clock: ClockOf::Us })
    }

    /// Does `perform` unless `look` shows that it happened. `ready` is the last check before the request goes out.
    ///
    /// # Errors
    ///
    /// That of `ready`: then nothing was done. [`EffectError::Unproven`] and [`EffectError::OutOfSight`] when an
    /// earlier try or a lost answer of this one leaves open whether it happened.
    pub async fn once<T, E: From<EffectError>>(
        &self,
        effect: &Effect<'_>,
        look: impl AsyncFn() -> Result<Look<T>, ClientError>,
        ready: impl AsyncFnOnce() -> Result<(), E>,
        perform: impl AsyncFnOnce() -> Result<T, ClientError>,
    ) -> Result<Effected<T>, E> {
        if let Some(found) = self.found(effect, &look).await? {
            return Ok(Effected::AlreadyThere(found));
        }
        ready().await?;
        Ok(self.done(effect, &look, perform).await.map(Effected::Done)?)
    }

    /// What the effect made, when it shows; nothing when it certainly did not happen.
    ///
    /// # Errors
    ///
    /// The look-up fails or proves neither.
    pub async fn found<T>(
        &self,
        effect: &Effect<'_>,
        look: &impl AsyncFn() -> Result<Look<T>, ClientError>,
    ) -> Result<Option<T>, EffectError> {
        let shown = match look().await? {
            Look::Found(found) => {
                self.ledger.settle(self.clock.now(), effect.key, LedgerStep::Found)?;
                return Ok(Some(found));
            }
            Look::Absent(shown) => Some(shown),
            Look::Blind => None,
        };
        let Some(announced) = effect.announced else { return Ok(None) };
        let (what, at) = (effect.what.to_owned(), announced.at);
        match shown.map_or(Absence::OutOfSight, |shown| announced.judge(shown, self.clock.now())) {
            Absence::Proven => Ok(None),
            Absence::NotYet { look_again } => Err(EffectError::Unproven { what, look_again, cause: None }),
            Absence::OutOfSight => Err(EffectError::OutOfSight { key: effect.key.to_owned(), what, at }),
        }
    }

    async fn done<T>(
        &self,
        effect: &Effect<'_>,
        look: &impl AsyncFn() -> Result<Look<T>, ClientError>,
        perform: impl AsyncFnOnce() -> Result<T, ClientError>,
    ) -> Result<T, EffectError> {
        let at = self.clock.now();
        self.ledger.write(at, effect.key, LedgerStep::Intent)?;
        match perform().await {
            Ok(value) => {
                self.ledger.write(self.clock.now(), effect.key, LedgerStep::Done)?;
                Ok(value)
            }
            Err(error) if error.may_have_happened() => match self.look_again(look).await {
                Some(found) => {
                    self.ledger.write(self.clock.now(), effect.key, LedgerStep::Done)?;
                    Ok(found)
                }
                None => Err(EffectError::Unproven {
                    what: effect.what.to_owned(),
                    look_again: Announced { at, clock: ClockOf::Us }.settled_at(),
                    cause: Some(Box::new(error)),
                }),
            },
            Err(error) => {
                self.ledger.write(self.clock.now(), effect.key, LedgerStep::Refused)?;
                Err(EffectError::Client(error))
            }
        }
    }

    /// Does `perform`, which gives the same end however often it is done: noted, never looked up.
    ///
    /// # Errors
    ///
    /// The service fails, or the ledger cannot be written: then nothing was done.
    pub async fn converge<T>(
        &self,
        key: &str,
        perform: impl AsyncFnOnce() -> Result<T, ClientError>,
    ) -> Result<T, EffectError> {
        self.ledger.write(self.clock.now(), key, LedgerStep::Intent)?;
        let ended = perform().await;
        let step = match &ended {
            Ok(_) => LedgerStep::Done,
            Err(error) if error.may_have_happened() => return Ok(ended?),
            Err(_) => LedgerStep::Refused,
        };
        self.ledger.write(self.clock.now(), key, step)?;
        Ok(ended?)
    }

    /// Looks for what a lost answer would have named. A look that fails shows nothing.
    async fn look_again<T>(&self, look: &impl AsyncFn() -> Result<Look<T>, ClientError>) -> Option<T> {
        for _ in 0..LOOKS_AFTER_LOST_ANSWER {
            self.clock.pause(LOOK_PAUSE, self.cancel).await;
            match look().await {
                Ok(Look::Found(found)) => return Some(found),
                Ok(Look::Absent(_) | Look::Blind) | Err(_) => {}
            }
        }
        None
    }
}
