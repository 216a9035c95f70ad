//! Streams of builds, one per minor, kind and architecture, and which of two builds of a stream is the older one.
//!
//! The release controller goes back in time, and its newest build is at times one of another minor. Nothing but a
//! newer build of the very stream moves a stream on.

use std::cmp::Ordering;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::build::{Arch, Stream, made_at, minor_of};
use super::job_registry::versions::RegistryName;
use super::release::{Minor, ZStream};

/// One stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildStream {
    /// Of which minor.
    pub minor: Minor,
    /// Which builds.
    pub stream: Stream,
    /// Of which architecture.
    pub arch: Arch,
}

/// What a build that the release controller names means for its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamMove {
    /// The stream is at this build.
    Same,
    /// The stream goes on to it.
    Newer,
    /// The stream was further already.
    Older,
    /// It is none of this stream.
    Foreign,
}

impl BuildStream {
    /// The stream of a build; nothing for a name that is none of a build.
    pub fn of(build: &str, arch: Arch) -> Option<Self> {
        let stream = Self { minor: minor_of(build)?, stream: Stream::of(build), arch };
        stream.holds(build).then_some(stream)
    }

    /// Its name at the release controller.
    pub fn name(&self) -> String {
        let suffix = self.suffix();
        match self.stream {
            Stream::Nightly => format!("{}.0-0.nightly{suffix}", self.minor),
            Stream::Stable => format!("{}-stable{suffix}", self.minor.major()),
        }
    }

    /// The stream that has the first builds of a minor, before the stable one has any.
    pub fn early_name(&self) -> Option<String> {
        match self.stream {
            Stream::Nightly => None,
            Stream::Stable => Some(format!("{}-dev-preview{}", self.minor.major(), self.suffix())),
        }
    }

    /// What the names of its builds begin with, where a stream holds those of several minors. The final dot keeps
    /// `5.1` from being `5.10`.
    pub fn prefix(&self) -> Option<String> {
        match self.stream {
            Stream::Nightly => None,
            Stream::Stable => Some(format!("{}.", self.minor)),
        }
    }

    /// The file that says which build the stream is at.
    pub fn latest_path(&self) -> String {
        format!("_releases/ocp-latest-{}-{}-{}.json", self.minor, self.stream.name(), self.arch.name())
    }

    /// The registry of its jobs.
    pub fn registry(&self) -> RegistryName {
        RegistryName { minor: self.minor, arch: self.arch }
    }

    /// Is `build` one of its builds, as far as its name tells?
    pub fn holds(&self, build: &str) -> bool {
        match self.stream {
            Stream::Nightly => {
                let time = build.strip_prefix(&self.name()).and_then(|rest| rest.strip_prefix('-'));
                time.is_some_and(|time| time.len() == "2026-06-22-043624".len() && made_at(time).is_some())
            }
            Stream::Stable => build.parse::<ZStream>().is_ok_and(|release| release.minor() == self.minor),
        }
    }

    /// Is a build named after a time that has not come? No clock of a build machine is a day fast; a name that is would
    /// keep every later build away.
    pub fn is_of_the_future(build: &str, now: Timestamp) -> bool {
        made_at(build).is_some_and(|made| made.duration_since(now) > SignedDuration::from_hours(24))
    }

    /// What `found` means when the stream is at `current`. A current build whose name cannot be ordered gives way.
    pub fn compare(&self, found: &str, current: Option<&str>) -> StreamMove {
        if !self.holds(found) {
            return StreamMove::Foreign;
        }
        match current.filter(|current| self.holds(current)).and_then(|current| order(found, current)) {
            None | Some(Ordering::Greater) => StreamMove::Newer,
            Some(Ordering::Equal) => StreamMove::Same,
            Some(Ordering::Less) => StreamMove::Older,
        }
    }

    fn suffix(&self) -> String {
        match self.arch {
            Arch::Amd64 => String::new(),
            Arch::Arm64 | Arch::Ppc64le | Arch::S390x | Arch::Multi => format!("-{}", self.arch.name()),
        }
    }
}

/// `4.20 nightly amd64`
impl fmt::Display for BuildStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.minor, self.stream.name(), self.arch.name())
    }
}

/// Which of two builds of one stream is the older one: nightlies by their time, others by their version.
pub fn order(one: &str, other: &str) -> Option<Ordering> {
    match (made_at(one), made_at(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        (None, None) => Some(one.parse::<ZStream>().ok()?.cmp(&other.parse::<ZStream>().ok()?)),
        (Some(_), None) | (None, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(minor: &str, stream: Stream, arch: Arch) -> BuildStream {
        BuildStream { minor: minor.parse().unwrap(), stream, arch }
    }

    #[test]
    fn a_stream_is_named_as_the_release_controller_names_it() {
        let names = [
            (stream("4.20", Stream::Nightly, Arch::Amd64), "4.20.0-0.nightly", None),
            (stream("4.20", Stream::Nightly, Arch::Arm64), "4.20.0-0.nightly-arm64", None),
            (stream("5.1", Stream::Stable, Arch::Amd64), "5-stable", Some("5-dev-preview")),
            (stream("4.15", Stream::Stable, Arch::Multi), "4-stable-multi", Some("4-dev-preview-multi")),
        ];
        for (stream, name, early) in names {
            assert_eq!((stream.name().as_str(), stream.early_name().as_deref()), (name, early));
        }
        let stable = stream("5.1", Stream::Stable, Arch::Amd64);
        assert_eq!(stable.prefix().as_deref(), Some("5.1."));
        assert_eq!(stable.latest_path(), "_releases/ocp-latest-5.1-stable-amd64.json");
        assert_eq!(stable.to_string(), "5.1 stable amd64");
    }

    #[test]
    fn only_a_newer_build_of_the_very_stream_moves_it_on() {
        let nightly = stream("4.20", Stream::Nightly, Arch::Amd64);
        let (old, new) = ("4.20.0-0.nightly-2026-06-11-235959", "4.20.0-0.nightly-2026-06-12-000000");
        let arm = "4.20.0-0.nightly-arm64-2026-06-13-000000";
        for (found, current, wanted) in [
            (new, None, StreamMove::Newer),
            (new, Some(old), StreamMove::Newer),
            (new, Some(new), StreamMove::Same),
            (old, Some(new), StreamMove::Older),
            (arm, Some(old), StreamMove::Foreign),
            ("4.21.0-0.nightly-2026-06-13-000000", Some(old), StreamMove::Foreign),
            ("4.20.17", Some(old), StreamMove::Foreign),
            (new, Some("edited by hand"), StreamMove::Newer),
        ] {
            assert_eq!(nightly.compare(found, current), wanted, "{found} after {current:?}");
        }
        let stable = stream("5.1", Stream::Stable, Arch::Amd64);
        for (found, current, wanted) in [
            ("5.1.10", Some("5.1.9"), StreamMove::Newer),
            ("5.1.9", Some("5.1.10"), StreamMove::Older),
            ("5.1.0", Some("5.1.0-rc.4"), StreamMove::Newer),
            ("5.1.0-ec.3", Some("5.1.0-rc.0"), StreamMove::Older),
            ("5.10.3", Some("5.1.2"), StreamMove::Foreign),
            ("5.0.9", None, StreamMove::Foreign),
        ] {
            assert_eq!(stable.compare(found, current), wanted, "{found} after {current:?}");
        }
    }

    #[test]
    fn the_stream_of_a_build_follows_from_its_name_and_architecture() {
        let of = |build: &str, arch| BuildStream::of(build, arch).map(|stream| stream.to_string());
        assert_eq!(of("4.20.17", Arch::Arm64).as_deref(), Some("4.20 stable arm64"));
        let arm = "4.20.0-0.nightly-arm64-2026-06-13-000000";
        assert_eq!(of(arm, Arch::Arm64).as_deref(), Some("4.20 nightly arm64"));
        assert_eq!(of(arm, Arch::Amd64), None);
        for text in ["4.20", "nightly", "4.20.0-0.nightly-latest", "4.20.x"] {
            assert_eq!(of(text, Arch::Amd64), None, "{text}");
        }
    }
}
