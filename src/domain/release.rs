//! Which release, which minor: parsed once at the front end, never cut out of text again.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A y-stream such as `4.20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor {
    major: u64,
    minor: u64,
}

impl Minor {
    /// Puts a y-stream together from its two numbers.
    pub const fn new(major: u64, minor: u64) -> Self {
        Self { major, minor }
    }

    /// The number before the dot; names streams such as `4-stable`.
    pub const fn major(self) -> u64 {
        self.major
    }

    /// The number after the dot.
    pub const fn minor(self) -> u64 {
        self.minor
    }

    /// The branch of the build-data repository that describes this minor.
    pub fn build_data_branch(self) -> String {
        format!("openshift-{self}")
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Minor {
    type Err = NotAMinor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotAMinor { text: text.to_owned() };
        let (major, minor) = text.split_once('.').ok_or_else(refuse)?;
        Ok(Self { major: number(major).ok_or_else(refuse)?, minor: number(minor).ok_or_else(refuse)? })
    }
}

/// A text that is not a y-stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a minor version: write two numbers, for example 4.20")]
pub struct NotAMinor {
    /// What was given.
    pub text: String,
}

/// One release that we ship: a z-stream (`4.20.17`) or a candidate (`4.20.0-rc.1`, `5.0.0-ec.3`).
///
/// Nightlies and build metadata are refused: they name builds, and a build is never a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ZStream {
    version: semver::Version,
}

impl ZStream {
    /// The y-stream this release belongs to.
    pub fn minor(&self) -> Minor {
        Minor::new(self.version.major, self.version.minor)
    }

    /// The last of the three numbers.
    pub fn patch(&self) -> u64 {
        self.version.patch
    }

    /// `rc.8` or `ec.3` for a candidate, nothing for a z-stream.
    pub fn candidate(&self) -> Option<&str> {
        let pre = self.version.pre.as_str();
        (!pre.is_empty()).then_some(pre)
    }

    /// The key under which build data describes this release.
    ///
    /// Candidates are listed by their suffix alone when it starts with `rc` or `ec`.
    pub fn assembly_key(&self) -> String {
        match self.candidate() {
            Some(pre) if pre.starts_with("rc") || pre.starts_with("ec") => pre.to_owned(),
            Some(_) | None => self.to_string(),
        }
    }

    /// Pull spec of the promoted payload in `repository`; `arch` is spelled as in payload tags (`x86_64`).
    pub fn payload(&self, repository: &str, arch: &str) -> String {
        format!("{repository}:{self}-{arch}")
    }

    /// Path of the state file in the state repository.
    pub fn state_path(&self) -> String {
        format!("_releases/{}/statebox/{self}.yaml", self.minor())
    }
}

impl fmt::Display for ZStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.version.fmt(f)
    }
}

impl PartialOrd for ZStream {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ZStream {
    /// Semver precedence: numbers as numbers, candidates before the final release.
    fn cmp(&self, other: &Self) -> Ordering {
        self.version.cmp_precedence(&other.version)
    }
}

/// Characters of a release; real ones have up to 12.
const LONGEST_TEXT: usize = 64;

impl FromStr for ZStream {
    type Err = NotARelease;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why| NotARelease { text: text.chars().take(LONGEST_TEXT).collect(), why };
        if text.len() > LONGEST_TEXT {
            return Err(refuse(WhyNot::Length));
        }
        if text.contains("nightly") || text.contains("-0.ci") || text.contains("konflux") {
            return Err(refuse(WhyNot::Nightly));
        }
        let version = semver::Version::parse(text).map_err(|_| refuse(WhyNot::Form))?;
        if !version.build.is_empty() {
            return Err(refuse(WhyNot::BuildMetadata));
        }
        Ok(Self { version })
    }
}

/// A text that is not a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a release: {why}; {}write X.Y.Z (4.20.17) or a candidate (4.21.0-rc.1, 5.0.0-ec.3)",
    meant(text)
)]
pub struct NotARelease {
    /// What was given.
    pub text: String,
    /// Which rule it breaks.
    pub why: WhyNot,
}

/// The release inside a text with a letter or blanks too many.
fn meant(text: &str) -> String {
    let bare = text.trim().trim_start_matches(['v', 'V']);
    let release = bare.parse::<ZStream>().ok().filter(|_| bare != text);
    release.map(|release| format!("did you mean {release}? ")).unwrap_or_default()
}

/// The rule that a refused release text breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNot {
    /// Not three plain numbers with an optional suffix.
    Form,
    /// A nightly names a build.
    Nightly,
    /// `+something` at the end.
    BuildMetadata,
    /// No release is so long, and it becomes part of file names.
    Length,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "it does not consist of three plain numbers",
            Self::Nightly => "it names a nightly build",
            Self::BuildMetadata => "it carries build metadata (+…)",
            Self::Length => "it is too long",
        })
    }
}

/// Digits only, without a leading zero.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_and_candidates_are_accepted() {
        for text in ["4.19.1", "4.19.0-rc.1", "5.0.0-ec.3", "99.99.99", "4.19.0-rc1"] {
            assert_eq!(text.parse::<ZStream>().map(|r| r.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_text_that_no_file_could_be_named_by_is_no_release() {
        let suffix = "a".repeat(LONGEST_TEXT - "4.19.0-".len());
        assert!(format!("4.19.0-{suffix}").parse::<ZStream>().is_ok());
        let refused = format!("4.19.0-{suffix}a").parse::<ZStream>().unwrap_err();
        assert_eq!((refused.why, refused.text.len()), (WhyNot::Length, LONGEST_TEXT));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "4",
            "4.",
            "4.19",
            "4.19.1.2",
            "v4.19.1",
            "04.19.1",
            "4.019.1",
            "4.19.01",
            "4.19.x",
            "4.19.0-",
            "4.19.0-rc.01",
            " 4.19.1",
            "4.19.1\n",
            "4.19.1+build.5",
            "٤.19.1",
            "4.20.0-0.nightly-2025-01-28-123456",
        ] {
            assert!(text.parse::<ZStream>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_release_with_a_letter_too_many_is_recognised() {
        let text = "v4.20.17".parse::<ZStream>().unwrap_err().to_string();
        assert!(text.contains("did you mean 4.20.17? write X.Y.Z"), "{text}");
        let text = "4.20".parse::<ZStream>().unwrap_err().to_string();
        assert!(!text.contains("did you mean"), "{text}");
    }

    #[test]
    fn order_is_by_number_and_candidates_come_first() {
        let at = |text: &str| text.parse::<ZStream>().ok();
        assert!(at("4.20.9") < at("4.20.17"));
        assert!(at("4.22.0-rc.4") < at("4.22.0"));
    }

    #[test]
    fn candidates_are_listed_by_their_suffix() {
        let key = |text: &str| text.parse::<ZStream>().map(|r| r.assembly_key());
        assert_eq!(key("4.18.0-rc.8"), Ok("rc.8".to_owned()));
        assert_eq!(key("4.19.0-fc.1"), Ok("4.19.0-fc.1".to_owned()));
        assert_eq!(key("4.20.17"), Ok("4.20.17".to_owned()));
    }

    #[test]
    fn minors_are_two_plain_numbers() {
        assert_eq!("4.20".parse::<Minor>().map(|m| m.to_string()), Ok("4.20".to_owned()));
        for text in ["4", "4.20.1", "4.x", "04.20", "4.", ""] {
            assert!(text.parse::<Minor>().is_err(), "{text:?} was accepted");
        }
    }
}
