//! The registry of test jobs of one minor: which jobs judge its builds, and what is wrong with the file.
//!
//! People write it. Whatever is wrong is a finding and never ends the reading; a section with a finding that could
//! make a job run or count by mistake cannot be used.

pub mod finding;
#[cfg(test)]
mod tests;
pub mod versions;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use self::finding::{Finding, Flaw, JobPlace};
use self::versions::{RegistryName, RegistryVersion};
use super::build::Stream;
use super::release::Minor;
use super::repeated_key::repeated_key;

/// Runs after a failed first one, unless the registry asks for another number.
const USUAL_RETRIES: usize = 2;

/// One job of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct RegistryJob {
    /// Full periodic name.
    #[serde(rename = "prowJob")]
    pub name: String,
    /// Not triggered, not counted.
    #[serde(default, skip_serializing)]
    pub disabled: bool,
    /// Triggered, not counted.
    #[serde(default)]
    pub optional: bool,
    /// Runs after a failed first one, as written.
    #[serde(default)]
    pub retries: Option<usize>,
    /// Installs an older version first.
    #[serde(default)]
    pub upgrade: bool,
}

impl RegistryJob {
    /// Must it pass?
    pub const fn is_required(&self) -> bool {
        !self.disabled && !self.optional
    }

    /// Runs after a failed first one: as many as asked for, even 0; odd numbers are rounded down.
    pub fn planned_retries(&self) -> usize {
        let wanted = self.retries.unwrap_or(USUAL_RETRIES);
        wanted - wanted % 2
    }

    /// The same as the original reads it: never fewer than two.
    pub fn retries_of_the_original(&self) -> usize {
        let wanted = self.retries.unwrap_or(USUAL_RETRIES).max(USUAL_RETRIES);
        wanted - wanted % 2
    }
}

/// A registry as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRegistry {
    digest: String,
    nightly: Vec<RegistryJob>,
    stable: Vec<RegistryJob>,
    findings: Vec<Finding>,
}

/// A section that nothing may be triggered or judged by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the job registry is unusable: {}", why.join("; "))]
pub struct UnusableSection {
    /// Every finding that makes it so.
    pub why: Vec<String>,
}

impl JobRegistry {
    /// Reads the registry of `minor`; without a minor the names of jobs are not compared with it.
    pub fn read(text: &str, minor: Option<Minor>) -> Self {
        let mut reading = Reading { minor, findings: Vec::new() };
        let repeated = repeated_key(text);
        let [nightly, stable] = match serde_json::from_str(text) {
            Ok(_) if repeated.is_some() => {
                reading.note(None, None, Flaw::KeyTwice { why: repeated.unwrap_or_default() });
                Default::default()
            }
            Ok(Value::Object(file)) => {
                reading.top(&file);
                [Stream::Nightly, Stream::Stable].map(|stream| reading.section(&file, stream))
            }
            Ok(_) => {
                reading.note(None, None, Flaw::NoObject);
                Default::default()
            }
            Err(error) => {
                reading.note(None, None, Flaw::NoJson { why: error.to_string() });
                Default::default()
            }
        };
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(text)));
        Self { digest, nightly, stable, findings: reading.findings }
    }

    /// Reads a file by its name, which says the minor; a file of another name is read by nobody.
    pub fn named(name: &str, text: &str) -> Self {
        let version = RegistryVersion::parse(name).map(|version| version.of);
        match version.or_else(|| RegistryName::parse(name)) {
            Some(of) => Self::read(text, Some(of.minor)),
            None => {
                let mut registry = Self::read(text, None);
                registry.findings.push(Finding { stream: None, job: None, flaw: Flaw::NeverRead });
                registry
            }
        }
    }

    /// SHA-256 of the file, so that a verdict can name what it was reached by.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What is wrong with it, from the beginning to the end of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The jobs of a stream, in the order of the file.
    ///
    /// # Errors
    ///
    /// A finding about this section, or about the whole file, after which nobody can say which jobs are meant.
    pub fn section(&self, stream: Stream) -> Result<&[RegistryJob], UnusableSection> {
        let concerns = |finding: &&Finding| finding.stream.is_none_or(|of| of == stream) && finding.flaw.is_fatal();
        let why: Vec<String> = self.findings.iter().filter(concerns).map(ToString::to_string).collect();
        if !why.is_empty() {
            return Err(UnusableSection { why });
        }
        Ok(match stream {
            Stream::Nightly => &self.nightly,
            Stream::Stable => &self.stable,
        })
    }
}

const JOB_KEYS: [&str; 5] = ["prowJob", "disabled", "optional", "upgrade", "retries"];

/// One reading with what was found so far.
struct Reading {
    minor: Option<Minor>,
    findings: Vec<Finding>,
}

impl Reading {
    fn note(&mut self, stream: Option<Stream>, job: Option<JobPlace>, flaw: Flaw) {
        self.findings.push(Finding { stream, job, flaw });
    }

    fn top(&mut self, file: &Map<String, Value>) {
        let known = Stream::ALL.map(Stream::name);
        for key in file.keys().filter(|key| !known.contains(&key.as_str())) {
            self.note(None, None, Flaw::UnknownKey { key: key.clone() });
        }
    }

    fn section(&mut self, file: &Map<String, Value>, stream: Stream) -> Vec<RegistryJob> {
        let items = match file.get(stream.name()) {
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.note(Some(stream), None, Flaw::NoList);
                return Vec::new();
            }
            None => {
                self.note(Some(stream), None, Flaw::NoSection);
                return Vec::new();
            }
        };
        let mut jobs: Vec<RegistryJob> = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let Some(job) = self.job(stream, at + 1, item) else { continue };
            if jobs.iter().any(|earlier| earlier.name == job.name) {
                self.note(Some(stream), Some(JobPlace { number: at + 1, name: job.name.clone() }), Flaw::Twice);
            }
            jobs.push(job);
        }
        if !items.is_empty() && !jobs.iter().any(RegistryJob::is_required) {
            self.note(Some(stream), None, Flaw::NothingRequired);
        }
        jobs
    }

    fn job(&mut self, stream: Stream, number: usize, item: &Value) -> Option<RegistryJob> {
        let place = |name: &str| Some(JobPlace { number, name: name.to_owned() });
        let Value::Object(item) = item else {
            self.note(Some(stream), place(""), Flaw::JobIsNoObject);
            return None;
        };
        let name = item.get("prowJob").and_then(Value::as_str).unwrap_or_default().trim();
        if name.is_empty() {
            self.note(Some(stream), place(""), Flaw::NoName);
        }
        let mut flaws: Vec<Flaw> = Vec::new();
        let unknown = item.keys().filter(|key| !JOB_KEYS.contains(&key.as_str()));
        flaws.extend(unknown.map(|key| Flaw::UnknownKey { key: key.clone() }));
        let mut flag = |key: &'static str| match item.get(key) {
            None => false,
            Some(Value::Bool(set)) => *set,
            Some(other) => {
                flaws.push(Flaw::NoFlag { key, found: other.to_string() });
                false
            }
        };
        let (disabled, optional, upgrade) = (flag("disabled"), flag("optional"), flag("upgrade"));
        let retries = item.get("retries").and_then(|value| match value.as_u64().map(usize::try_from) {
            Some(Ok(retries)) => Some(retries),
            Some(Err(_)) | None => {
                flaws.push(Flaw::NoCount { found: value.to_string() });
                None
            }
        });
        flaws.extend(retries.filter(|retries| retries % 2 == 1).map(|retries| Flaw::OddRetries { retries }));
        if !name.is_empty() {
            flaws.extend(self.about_name(name, upgrade));
        }
        for flaw in flaws {
            self.note(Some(stream), place(name), flaw);
        }
        (!name.is_empty()).then(|| RegistryJob { name: name.to_owned(), disabled, optional, retries, upgrade })
    }

    /// What the name of a job says beside its keys.
    fn about_name(&self, name: &str, upgrade: bool) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if !name.chars().all(|c| c.is_ascii_graphic()) {
            flaws.push(Flaw::NoJobName);
        }
        if let (Some(wanted), Some(found)) = (self.minor, minor_in(name))
            && wanted != found
        {
            flaws.push(Flaw::OtherMinor { found, wanted });
        }
        if name.contains("upgrade") != upgrade {
            flaws.push(Flaw::UpgradeFlag { set: upgrade });
        }
        flaws
    }
}

/// The minor that a job tests: what follows its first `release-`.
fn minor_in(name: &str) -> Option<Minor> {
    let versions = name.match_indices("release-").filter_map(|(at, begin)| name.get(at + begin.len()..));
    versions.filter_map(|rest| rest.split('-').next()?.parse().ok()).next()
}
