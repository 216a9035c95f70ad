//! What was true a while ago, for answers that are old.
//!
//! Kept only while something asks for old answers: a version is a copy of all facts, made before they change.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// How long a version is kept after it stopped being true; the newest of each cause stays.
pub(in crate::sim) const KEPT: SignedDuration = SignedDuration::from_mins(15);

/// Versions of the world, oldest first.
#[derive(Debug)]
pub(in crate::sim) struct History<T> {
    versions: VecDeque<Version<T>>,
}

#[derive(Debug)]
struct Version<T> {
    /// Until when it was true.
    until: Timestamp,
    /// Whose change ended it: a service id, or nobody's for what happened by itself.
    by: String,
    what: T,
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { versions: VecDeque::new() }
    }
}

impl<T: Clone> History<T> {
    /// Keeps what was true until now, and forgets what nobody asks for any more.
    pub(in crate::sim) fn keep(&mut self, until: Timestamp, by: &str, what: T) {
        let oldest = until.saturating_sub(KEPT).unwrap_or(until);
        self.versions.retain(|version| version.until >= oldest || version.by != by);
        self.versions.push_back(Version { until, by: by.to_owned(), what });
    }

    /// What was true at this time; nothing when that is what is true now.
    pub(in crate::sim) fn as_of(&self, at: Timestamp) -> Option<T> {
        self.versions.iter().find(|version| version.until > at).map(|version| version.what.clone())
    }

    /// What was true before the last change of this service.
    pub(in crate::sim) fn before_change_of(&self, service: &str) -> Option<T> {
        let of_it = |version: &&Version<T>| version.by == service;
        self.versions.iter().rev().find(of_it).or(self.versions.back()).map(|version| version.what.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn a_time_shows_what_was_true_then() {
        let mut history = History::default();
        history.keep(at(1), "jira", "first");
        history.keep(at(5), "gitlab", "second");
        assert_eq!([at(0), at(1), at(4)].map(|at| history.as_of(at)), [Some("first"), Some("second"), Some("second")]);
        assert_eq!(history.as_of(at(5)), None, "the present is right");
        assert_eq!(history.before_change_of("jira"), Some("first"));
        assert_eq!(history.before_change_of("slack"), Some("second"));
    }

    #[test]
    fn what_is_older_than_anybody_asks_for_is_forgotten_but_for_the_last_change_of_each() {
        let mut history = History::default();
        history.keep(at(0), "jira", "old");
        history.keep(at(1), "gitlab", "older");
        history.keep(at(60), "jira", "new");
        assert_eq!(history.before_change_of("jira"), Some("new"));
        assert_eq!(history.before_change_of("gitlab"), Some("older"));
        assert_eq!(history.versions.len(), 2);
    }
}
