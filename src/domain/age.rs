//! How old facts are that come from a memory, and not from whoever knows them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::dates::stamp;

/// Why facts may not be those of now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Stale {
    /// When they were known to be so; null when nobody knows
    pub since: Option<String>,
    /// Why they could not be asked for anew
    pub why: String,
}

impl Stale {
    /// Facts that were so at `since`.
    pub fn new(since: Option<Timestamp>, why: impl Into<String>) -> Self {
        Self { since: since.map(stamp), why: why.into() }
    }

    /// As people read it.
    pub fn text(&self) -> String {
        match &self.since {
            Some(since) => format!("as of {since}: {}", self.why),
            None => format!("of an unknown time: {}", self.why),
        }
    }
}

/// Facts that may be old. Whoever takes them out holds their age as well, and has to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "old facts are shown with their age"]
pub struct Aged<T> {
    facts: T,
    stale: Option<Stale>,
}

impl<T> Aged<T> {
    /// Facts of now.
    pub const fn current(facts: T) -> Self {
        Self { facts, stale: None }
    }

    /// Facts that may have changed.
    pub const fn stale(facts: T, stale: Stale) -> Self {
        Self { facts, stale: Some(stale) }
    }

    /// The facts, and why they may be old; nothing for facts of now.
    pub fn into_parts(self) -> (T, Option<Stale>) {
        (self.facts, self.stale)
    }

    /// The same facts in another form.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Aged<U> {
        Aged { facts: form(self.facts), stale: self.stale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_keep_their_age_in_every_form() {
        let stale = Stale::new("2026-06-01T00:00:00Z".parse().ok(), "GitHub does not answer");
        let (facts, age) = Aged::stale(7, stale.clone()).map(|facts| facts.to_string()).into_parts();
        assert_eq!((facts.as_str(), age.as_ref()), ("7", Some(&stale)));
        assert_eq!(stale.text(), "as of 2026-06-01T00:00:00Z: GitHub does not answer");
        assert_eq!(Aged::current(7).into_parts(), (7, None));
        assert_eq!(Stale::new(None, "why").text(), "of an unknown time: why");
    }
}
