//! Names of the files of the record: what each of them is about.

use super::BadFile;
use crate::domain::build::{Arch, Stream, minor_of};
use crate::domain::release::Minor;

/// Which build a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResultName {
    /// Its name.
    pub build: String,
    /// Its architecture.
    pub arch: Arch,
}

impl ResultName {
    /// The minor of the build.
    pub fn minor(&self) -> Option<Minor> {
        minor_of(&self.build)
    }

    /// The stream of the build.
    pub fn stream(&self) -> Stream {
        Stream::of(&self.build)
    }

    /// The path of the record in the repository.
    pub fn path(&self) -> String {
        format!("_releases/ocp-test-result-{}-{}.json", self.build, self.arch.name())
    }
}

/// What the name of a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordName {
    /// The record of a build.
    Result(ResultName),
    /// The build that a stream is at.
    Latest,
    /// Nothing that is known.
    Other,
}

impl RecordName {
    /// Reads a file name; a version in a history has its commit and `__` before the name.
    pub fn parse(name: &str) -> Self {
        let name = name.rsplit_once("__").map_or(name, |(_, name)| name);
        if name.starts_with("ocp-latest-") && name.ends_with(".json") {
            return Self::Latest;
        }
        let inside = name.strip_prefix("ocp-test-result-").and_then(|rest| rest.strip_suffix(".json"));
        let parts = inside.and_then(|inside| inside.rsplit_once('-'));
        let named = parts.and_then(|(build, arch)| Some((minor_of(build)?, build, Arch::named(arch)?)));
        match named {
            Some((_, build, arch)) => Self::Result(ResultName { build: build.to_owned(), arch }),
            None => Self::Other,
        }
    }
}

/// Checks the file that says which build a stream is at: the answer of the release controller as it came.
///
/// # Errors
///
/// No object, or one without the name of a build.
pub fn check_latest(text: &str) -> Result<(), BadFile> {
    let bad = |why: String| BadFile { what: "the file of the current build", why };
    let answer: serde_json::Value = serde_json::from_str(text).map_err(|error| bad(format!("no JSON ({error})")))?;
    let name = answer.get("name").and_then(serde_json::Value::as_str);
    name.map(|_| ()).ok_or_else(|| bad("it names no build".to_owned()))
}
