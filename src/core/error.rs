//! What kind of trouble an error is; exit code, retry and colour follow from it.

use std::error::Error;
use std::fmt;

use crate::domain::spelled::spelled;

spelled! {
    /// The kind of an error, the same for every layer.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
    #[serde(rename_all = "kebab-case")]
    ErrorClass,
    /// As documents and stored attempts spell it.
    as_str: &'static str {
        /// A credential is missing or was refused.
        Auth = "auth",
        /// Our settings are wrong.
        Config = "config",
        /// What we need does not exist yet, but will.
        NotReady = "not-ready",
        /// Something that we may read but not mend holds us back: a person has to mend it elsewhere first.
        NeedsPerson = "needs-person",
        /// What was named does not exist.
        NotFound = "not-found",
        /// Somebody else changed or holds the same thing.
        Conflict = "conflict",
        /// A service asks us to slow down.
        RateLimit = "rate-limit",
        /// Trying again later may help.
        Transient = "transient",
        /// What was given makes no sense.
        InvalidInput = "invalid-input",
        /// A service does not take what we sent, and no later try helps.
        Refused = "refused",
        /// Our account may not do this, although its credential is good: somebody who may does it, or gives us the right.
        Forbidden = "forbidden",
        /// Stored or sealed data is damaged.
        Corrupt = "corrupt",
        /// A mistake of ours.
        Internal = "internal",
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
