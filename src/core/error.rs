//! What kind of trouble an error is; exit code, retry and colour follow from it.

use std::error::Error;
use std::fmt;

/// The kind of an error, the same for every layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// A credential is missing or was refused.
    Auth,
    /// Our settings are wrong.
    Config,
    /// What we need does not exist yet, but will.
    NotReady,
    /// A person has to mend something elsewhere first.
    NeedsPerson,
    /// What was named does not exist.
    NotFound,
    /// Somebody else changed or holds the same thing.
    Conflict,
    /// A service asks us to slow down.
    RateLimit,
    /// Trying again later may help.
    Transient,
    /// What was given makes no sense.
    InvalidInput,
    /// A service does not take what we sent, and no later try helps.
    Refused,
    /// Our account may not do this, although its credential is good.
    Forbidden,
    /// Stored or sealed data is damaged.
    Corrupt,
    /// A mistake of ours.
    Internal,
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auth => "auth",
            Self::Config => "config",
            Self::NotReady => "not-ready",
            Self::NeedsPerson => "needs-person",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::RateLimit => "rate-limit",
            Self::Transient => "transient",
            Self::InvalidInput => "invalid-input",
            Self::Refused => "refused",
            Self::Forbidden => "forbidden",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        })
    }
}

/// An error with its causes on one line, each said once: what is stored and logged.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(lower) = cause {
        let lower_text = lower.to_string();
        if !text.contains(&lower_text) {
            text.push_str(": ");
            text.push_str(&lower_text);
        }
        cause = lower.source();
    }
    text
}
