//! Identifiers as types, so that two numbers cannot be swapped by accident.

use std::fmt;
use std::str::FromStr;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a number that a service gave us.
            pub const fn new(id: u64) -> Self {
                Self(id)
            }

            /// The bare number, for paths and bodies.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self).map_err(|_| BadId { text: text.to_owned(), what: $what })
            }
        }
    };
}

number_id!(
    /// An advisory of the Errata Tool.
    AdvisoryId, "an advisory number"
);
number_id!(
    /// A merge request within its GitLab project.
    MrIid, "a merge request number"
);
number_id!(
    /// A build of one Jenkins job.
    BuildNumber, "a build number"
);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text as the service spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let rule: fn(&str) -> bool = $rule;
                if rule(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadId { text: text.to_owned(), what: $what })
                }
            }
        }
    };
}

text_id!(
    /// A Jira key such as `OCPBUGS-12`.
    JiraKey, "a Jira key (OCPBUGS-12)", |text| {
        text.split_once('-').is_some_and(|(project, number)| {
            project.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
                && project.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        })
    }
);
text_id!(
    /// The id Prow gives to one job run (a UUID).
    ProwJobId, "a Prow job id", |text| {
        text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
    }
);
text_id!(
    /// A `sha256:` digest with 64 hex digits.
    Digest, "a sha256 digest", |text| {
        text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    }
);
text_id!(
    /// Name of a nightly or stable payload, as release controller and record files spell it.
    BuildName, "a build name", |text| {
        text.len() <= 200
            && text.bytes().next().is_some_and(|b| b.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    }
);

text_id!(
    /// Name of a Prow job.
    JobName, "the name of a job", |text| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        text.len() <= 200 && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && text.bytes().all(allowed)
    }
);
text_id!(
    /// The name that somebody gives to one run, so that it is not started twice.
    RunName, "the name of a run (letters, digits, dots, hyphens, 60 at most)", |text| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        (1..=60).contains(&text.len()) && text.bytes().all(allowed)
    }
);

impl RunName {
    /// The one run that the required jobs of `release` have unless somebody names another.
    pub fn of_required(release: &str) -> Self {
        Self(format!("required-{release}"))
    }
}

impl JobName {
    /// A name of our own making.
    pub(super) fn of_ours(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Is it the full name of a periodic job? No other kind is started by hand.
    pub fn is_periodic(&self) -> bool {
        self.0.starts_with("periodic-ci-")
    }
}

impl Digest {
    /// The folder name on the signature mirror: `=` instead of `:`.
    pub fn mirror_folder(&self) -> String {
        self.0.replacen(':', "=", 1)
    }
}

/// A text that is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}")]
pub struct BadId {
    /// What was given.
    pub text: String,
    /// What it should have been.
    pub what: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_without_its_64_hex_digits_is_none() {
        assert!("sha256:abc".parse::<Digest>().is_err());
        assert!(format!("sha256:{}", "a".repeat(64)).parse::<Digest>().is_ok());
    }

    #[test]
    fn a_jira_key_has_a_project_and_a_number() {
        for text in ["OCPBUGS-1", "ART-20137", "CVP-7"] {
            assert!(text.parse::<JiraKey>().is_ok(), "{text}");
        }
        for text in ["", "OCPBUGS", "OCPBUGS-", "ocpbugs-1", "OCPBUGS-1x", "A-1\n"] {
            assert!(text.parse::<JiraKey>().is_err(), "{text}");
        }
    }
}
