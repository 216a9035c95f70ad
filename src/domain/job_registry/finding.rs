//! What can be wrong with a registry, how bad it is, and how it is said.

use std::fmt;

use crate::domain::build::Stream;
use crate::domain::foreign::{self, quoted, term};
use crate::domain::release::Minor;
use crate::domain::spelled::spelled;

spelled! {
    /// How bad a finding is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    Severity,
    /// As reports spell it.
    name: &'static str {
        /// The file has to be mended.
        Error = "error",
        /// It works, but perhaps not as it was meant.
        Warning = "warning",
    }
}

/// Which job of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlace {
    /// Counted from 1.
    pub number: usize,
    /// Its name; empty when it has none.
    pub name: String,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In this section; `None`: in the whole file.
    pub stream: Option<Stream>,
    /// At this job.
    pub job: Option<JobPlace>,
    /// What it is.
    pub flaw: Flaw,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// The file cannot be read at all.
    NoJson {
        /// What the parser says.
        why: String,
    },
    /// A key stands twice in one object, so that nobody can say which is meant.
    KeyTwice {
        /// Which, and where.
        why: String,
    },
    /// Prow has no job of such a name: it has blanks, or signs that no terminal shows.
    NoJobName,
    /// The file holds something else than sections.
    NoObject,
    /// A section is missing; one without jobs is an empty list.
    NoSection,
    /// A section is no list.
    NoList,
    /// A job is no object.
    JobIsNoObject,
    /// A job without `prowJob`.
    NoName,
    /// Nobody reads this key; it may be a misspelled one.
    UnknownKey {
        /// The key.
        key: String,
    },
    /// Neither true nor false.
    NoFlag {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
    },
    /// `retries` is no number of runs.
    NoCount {
        /// Its value.
        found: String,
    },
    /// Runs would be even in number, and a tie possible.
    OddRetries {
        /// As written.
        retries: usize,
    },
    /// The job stands in the section before.
    Twice,
    /// The job tests builds of another minor.
    OtherMinor {
        /// Which.
        found: Minor,
        /// The minor of the registry.
        wanted: Minor,
    },
    /// Name and `upgrade` contradict each other.
    UpgradeFlag {
        /// What `upgrade` says.
        set: bool,
    },
    /// A section that can accept no build.
    NothingRequired,
    /// The name of the file is not that of a registry.
    NeverRead,
}

impl Flaw {
    /// How bad it is.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::NoJson { .. }
            | Self::KeyTwice { .. }
            | Self::NoJobName
            | Self::NoObject
            | Self::NoSection
            | Self::NoList
            | Self::JobIsNoObject
            | Self::NoName
            | Self::UnknownKey { .. }
            | Self::NoFlag { .. }
            | Self::NoCount { .. }
            | Self::Twice
            | Self::OtherMinor { .. } => Severity::Error,
            Self::OddRetries { .. } | Self::UpgradeFlag { .. } | Self::NothingRequired | Self::NeverRead => {
                Severity::Warning
            }
        }
    }

    /// Could a job run, or count, by mistake? An unknown key changes nothing that is known.
    pub const fn is_fatal(&self) -> bool {
        matches!(self.severity(), Severity::Error) && !matches!(self, Self::UnknownKey { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stream) = self.stream {
            write!(f, "{}", stream.name())?;
            match &self.job {
                Some(JobPlace { number, name }) if name.is_empty() => write!(f, ", job {number}")?,
                Some(JobPlace { number, name }) => write!(f, ", job {number} ({})", foreign::name(name))?,
                None => {}
            }
            f.write_str(": ")?;
        }
        self.flaw.fmt(f)
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoJson { why } => write!(f, "it is no JSON ({why})"),
            Self::KeyTwice { why } => f.write_str(why),
            Self::NoJobName => f.write_str("this is the name of no job: it has blanks or unprintable signs"),
            Self::NoObject => f.write_str("it is no object with the lists nightly and stable"),
            Self::NoSection => f.write_str("the section is missing; write [] when it has no job"),
            Self::NoList => f.write_str("the section is no list"),
            Self::JobIsNoObject => f.write_str("it is no object"),
            Self::NoName => f.write_str("prowJob is missing or no text"),
            Self::UnknownKey { key } => write!(f, "the key {} is not known", term(key)),
            Self::NoFlag { key, found } => write!(f, "{key} is {}, neither true nor false", quoted(found)),
            Self::NoCount { found } => write!(f, "retries is {}, no number from 0 up", quoted(found)),
            Self::OddRetries { retries } => write!(f, "retries is {retries}; {} are used", retries - retries % 2),
            Self::Twice => f.write_str("the job stands in this section before"),
            Self::OtherMinor { found, wanted } => write!(f, "the job tests {found}, the registry is of {wanted}"),
            Self::UpgradeFlag { set: false } => f.write_str("its name is that of an upgrade, but upgrade is not true"),
            Self::UpgradeFlag { set: true } => f.write_str("upgrade is true, but its name is not that of an upgrade"),
            Self::NeverRead => {
                f.write_str("nothing reads a file of this name; registries are ocp-X.Y-test-jobs-ARCH.json")
            }
            Self::NothingRequired => f.write_str("no job is required, so no build can be accepted"),
        }
    }
}
