//! Builds as the release controller names them: stream, minor and time are read from the name.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::release::Minor;
use super::spelled::spelled;

spelled! {
    /// Which builds: each stream has jobs of its own.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    Stream,
    /// As sections of registries and names of files spell it.
    name: &'static str {
        /// Made every few hours, for tests.
        Nightly = "nightly",
        /// Made to be shipped.
        Stable = "stable",
    }
}

impl Stream {
    /// The stream that a build belongs to.
    pub fn of(build: &str) -> Self {
        if build.contains("nightly") { Self::Nightly } else { Self::Stable }
    }
}

spelled! {
    /// The architecture of a build.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    Arch,
    /// As names of files and of nightlies spell it.
    name: &'static str {
        /// x86_64.
        Amd64 = "amd64",
        /// aarch64.
        Arm64 = "arm64",
        /// POWER.
        Ppc64le = "ppc64le",
        /// IBM Z.
        S390x = "s390x",
        /// All in one payload.
        Multi = "multi",
    }
}

impl Arch {
    /// Their names, in the order of [`Arch::ALL`].
    pub const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].name();
            at += 1;
        }
        names
    };

    /// The architecture of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
    }
}

/// The minor that the name of a build begins with.
pub fn minor_of(build: &str) -> Option<Minor> {
    let mut numbers = build.splitn(3, '.');
    let (major, minor) = (numbers.next()?, numbers.next()?);
    numbers.next()?;
    format!("{major}.{minor}").parse().ok()
}

/// When a nightly was made, as its name says (UTC); names of stable builds do not.
pub fn made_at(build: &str) -> Option<Timestamp> {
    const LENGTH: usize = "2026-06-22-043624".len();
    let time = build.get(build.len().checked_sub(LENGTH)?..)?;
    utc(DateTime::strptime("%Y-%m-%d-%H%M%S", time).ok()?)
}

/// A time without zone, taken as UTC.
pub(super) fn utc(time: DateTime) -> Option<Timestamp> {
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_says_its_minor_stream_and_time_whatever_its_architecture() {
        for build in ["4.16.0-0.nightly-2024-07-26-225915", "4.16.0-0.nightly-arm64-2024-07-26-225915"] {
            assert_eq!((minor_of(build), Stream::of(build)), (Some(Minor::new(4, 16)), Stream::Nightly));
            assert_eq!(made_at(build).map(|at| at.to_string()), Some("2024-07-26T22:59:15Z".to_owned()));
        }
    }

    #[test]
    fn a_stable_build_says_its_minor_and_no_time() {
        for build in ["4.20.17", "4.21.0-rc.1", "5.0.0-ec.3"] {
            assert_eq!((Stream::of(build), made_at(build)), (Stream::Stable, None), "{build}");
        }
        assert_eq!(minor_of("5.0.0-ec.3"), Some(Minor::new(5, 0)));
        for text in ["", "4", "4.20", "v4.20.1", "4.x.1"] {
            assert_eq!((minor_of(text), made_at(text)), (None, None), "{text}");
        }
    }
}
