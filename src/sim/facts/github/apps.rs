//! GitHub Apps, where they are installed, and the tokens that were given out.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::REPOSITORY;

/// Who asks without an App.
pub(in crate::sim) const USER: &str = "user";

/// How long a token of an installation is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The number of the App that may write the repository of states and records.
pub const WRITER: u64 = 101;
/// The number of the App that may read every repository of the organization.
pub const READER: u64 = 102;

/// Apps, their installations and tokens.
#[derive(Debug, Clone, Serialize)]
pub struct Apps {
    /// Where Apps are installed.
    pub installations: Vec<Installation>,
    /// How far GitHub's clock is ahead of ours, in seconds.
    pub ahead_s: i64,
    #[serde(skip)]
    pub(in crate::sim) tokens: BTreeMap<String, Token>,
}

/// One App in one organization.
#[derive(Debug, Clone, Serialize)]
pub struct Installation {
    /// Its number.
    pub id: u64,
    /// The App.
    pub app: u64,
    /// The App's short name.
    pub slug: &'static str,
    /// The organization.
    pub account: &'static str,
    /// Names of the repositories; none means all.
    pub repositories: Option<Vec<&'static str>>,
    /// What it may do: `contents` to `write`, for example.
    pub permissions: BTreeMap<String, String>,
    /// An administrator has suspended it.
    pub suspended: bool,
}

/// A token that was given out.
#[derive(Debug, Clone)]
pub(in crate::sim) struct Token {
    pub(in crate::sim) installation: u64,
    pub(in crate::sim) expires: Timestamp,
    pub(in crate::sim) permissions: BTreeMap<String, String>,
    pub(in crate::sim) repositories: Option<Vec<String>>,
}

impl Default for Apps {
    fn default() -> Self {
        let may =
            |what: &[(&str, &str)]| what.iter().map(|(name, how)| ((*name).to_owned(), (*how).to_owned())).collect();
        let repository = REPOSITORY.split_once('/').map_or(REPOSITORY, |(_, name)| name);
        let writer = Installation {
            id: 5001,
            app: WRITER,
            slug: "release-writer",
            account: "openshift",
            repositories: Some(vec![repository]),
            permissions: may(&[("contents", "write"), ("metadata", "read")]),
            suspended: false,
        };
        let reader = Installation {
            id: 5002,
            app: READER,
            slug: "release-reader",
            account: "openshift",
            repositories: None,
            permissions: may(&[("contents", "read"), ("metadata", "read"), ("pull_requests", "read")]),
            suspended: false,
        };
        Self { installations: vec![writer, reader], ahead_s: 0, tokens: BTreeMap::new() }
    }
}

impl Installation {
    /// Does it reach the repository?
    pub(in crate::sim) fn reaches(&self, owner: &str, repo: &str) -> bool {
        self.account == owner && self.repositories.as_ref().is_none_or(|names| names.contains(&repo))
    }
}

impl Apps {
    /// Every token that was given out is taken back.
    pub fn take_tokens_back(&mut self) {
        self.tokens.clear();
    }

    /// The time on GitHub's clock.
    pub(in crate::sim) fn now(&self, now: Timestamp) -> i64 {
        now.as_second() + self.ahead_s
    }

    /// When a token that is given out now ends.
    pub(in crate::sim) fn end_of_token(now: Timestamp) -> Timestamp {
        now.saturating_add(GOOD_FOR).unwrap_or(now)
    }

    /// A token that is still good.
    pub(in crate::sim) fn token(&self, text: &str, now: Timestamp) -> Option<&Token> {
        self.tokens.get(text).filter(|token| now < token.expires)
    }
}

/// Is `asked` no more than `granted`? Nothing lies below `read`, which lies below `write`.
pub(in crate::sim) fn is_within(asked: &str, granted: Option<&String>) -> bool {
    let rank = |how: &str| ["read", "write", "admin"].iter().position(|known| *known == how);
    granted.and_then(|granted| rank(granted)).is_some_and(|most| rank(asked).is_some_and(|asked| asked <= most))
}
