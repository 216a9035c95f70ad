//! What is wrong with registries of test jobs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::job_registry::finding::{Finding, Severity};
use crate::operators::views::registries::ReadRegistry;
use crate::render::text::clean;

/// What is wrong with registries.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Registries", deny_unknown_fields)]
pub struct CheckedRegistries {
    /// Is every registry without error?
    pub ok: bool,
    /// One per file
    pub files: Vec<CheckedRegistry>,
}

/// One registry.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Registry", deny_unknown_fields)]
pub struct CheckedRegistry {
    /// Its path
    pub file: String,
    /// Is it without error? Warnings are none
    pub ok: bool,
    /// SHA-256 of the file; null when it cannot be read
    pub digest: Option<String>,
    /// What was found
    pub findings: Vec<RegistryFinding>,
    /// It cannot be read: why
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RegistryFinding {
    /// error or warning
    pub severity: &'static str,
    /// nightly or stable; null: the whole file
    pub section: Option<&'static str>,
    /// Which job of the section, from 1; null: no single one
    pub job: Option<usize>,
    /// What it is, in one sentence
    pub text: String,
    /// Does it keep the section from being used?
    pub unusable: bool,
}

impl From<&[ReadRegistry]> for CheckedRegistries {
    fn from(read: &[ReadRegistry]) -> Self {
        let files: Vec<_> = read.iter().map(CheckedRegistry::from).collect();
        Self { ok: files.iter().all(|file| file.ok), files }
    }
}

impl From<&ReadRegistry> for CheckedRegistry {
    fn from(ReadRegistry { file, registry }: &ReadRegistry) -> Self {
        let file = clean(file);
        match registry {
            Ok(registry) => Self {
                file,
                ok: !registry.findings().iter().any(|finding| finding.flaw.severity() == Severity::Error),
                digest: Some(registry.digest().to_owned()),
                findings: registry.findings().iter().map(RegistryFinding::from).collect(),
                why: None,
            },
            Err(why) => Self { file, ok: false, digest: None, findings: Vec::new(), why: Some(clean(why)) },
        }
    }
}

impl From<&Finding> for RegistryFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            severity: finding.flaw.severity().name(),
            section: finding.stream.map(|stream| stream.name()),
            job: finding.job.as_ref().map(|job| job.number),
            text: clean(&finding.to_string()),
            unusable: finding.flaw.is_fatal(),
        }
    }
}
