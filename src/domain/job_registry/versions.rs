//! Names of registry files, as they stand on the branch and in a history with one file per version.

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::domain::build::{Arch, utc};
use crate::domain::release::Minor;

/// How the name of a registry file begins and ends, and what stands in it: `ocp-MINOR-test-jobs-ARCH.json`.
const BEGIN: &str = "ocp-";
const MIDDLE: &str = "-test-jobs-";
const END: &str = ".json";

/// Is a file of this name one of registries: on the branch, a version of a history, or one that nobody reads?
pub fn is_of_registries(name: &str) -> bool {
    name.ends_with(END) && name.contains(MIDDLE)
}

/// Is a file of this name meant as a registry of the branch, also where it names none that anybody reads?
pub fn is_on_branch(name: &str) -> bool {
    name.starts_with(BEGIN) && is_of_registries(name)
}

/// What the name of a registry file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryName {
    /// Whose builds.
    pub minor: Minor,
    /// Of which architecture.
    pub arch: Arch,
}

impl RegistryName {
    /// Reads `ocp-4.20-test-jobs-amd64.json`. Placeholders such as `ocp-4.x-…` are no registries.
    pub fn parse(name: &str) -> Option<Self> {
        let (minor, arch) = name.strip_prefix(BEGIN)?.strip_suffix(END)?.split_once(MIDDLE)?;
        Some(Self { minor: minor.parse().ok()?, arch: Arch::named(arch)? })
    }

    /// The name of the file.
    pub fn file(&self) -> String {
        format!("{BEGIN}{}{MIDDLE}{}{END}", self.minor, self.arch.name())
    }
}

/// One version of a registry in a history: `20250529T111709Z__ocp-4.12-test-jobs-amd64.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryVersion {
    /// Since when it holds.
    pub since: Timestamp,
    /// The same as the name spells it.
    pub stamp: String,
    /// Which registry.
    pub of: RegistryName,
    /// Was the registry removed? Then the file is empty, and its name ends with `.deleted`.
    pub removed: bool,
    /// The name of the file.
    pub file: String,
}

impl RegistryVersion {
    /// Reads the name of a version.
    pub fn parse(name: &str) -> Option<Self> {
        let (stamp, rest) = name.split_once("__")?;
        let (rest, removed) = match rest.strip_suffix(".deleted") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let since = utc(DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?)?;
        Some(Self { since, stamp: stamp.to_owned(), of: RegistryName::parse(rest)?, removed, file: name.to_owned() })
    }
}

/// The version of a registry that held at a time: the newest that is not younger; without a time the newest.
///
/// Nothing when there was none yet, or none any more.
pub fn at<'a>(
    versions: &'a [RegistryVersion],
    of: &RegistryName,
    time: Option<Timestamp>,
) -> Option<&'a RegistryVersion> {
    let held = |version: &&RegistryVersion| version.of == *of && time.is_none_or(|time| version.since <= time);
    versions.iter().filter(held).max_by_key(|version| version.since).filter(|version| !version.removed)
}
