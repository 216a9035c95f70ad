//! The test record of a build, judged by the rule that the settings ask for.

use serde_json::Value;

use crate::core::context::Context;
use crate::core::statebox::records;
use crate::domain::acceptance::{self, RecordVerdict};
use crate::domain::build::Arch;
use crate::domain::job_registry::versions::RegistryName;
use crate::domain::release::Minor;
use crate::operators::error::TaskError;

/// A test record and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRecordView {
    /// The file as it is stored; null when it is no JSON.
    pub file: Value,
    /// What it says.
    pub verdict: RecordVerdict,
    /// Is there a registry of the jobs that it should have?
    pub has_registry: bool,
}

/// Reads the record of `build`; nothing when there is none. Reads only; repeat freely.
///
/// # Errors
///
/// The store does not answer. A registry that cannot be read counts as none.
pub async fn of(ctx: &Context, build: &str, arch: &str) -> Result<Option<TestRecordView>, TaskError> {
    let settings = &ctx.settings;
    let Some(text) = records::record(&ctx.repo, &settings.state.record_branch, build, arch).await? else {
        return Ok(None);
    };
    let minor = build.split('.').take(2).collect::<Vec<_>>().join(".").parse::<Minor>().ok();
    let registry = match minor.zip(Arch::named(arch)) {
        Some((minor, arch)) => records::registry(&ctx.repo, &RegistryName { minor, arch }).await.ok().flatten(),
        None => None,
    };
    let verdict = acceptance::judge(build, Some(&text), registry.as_deref(), settings.acceptance_policy);
    let file = serde_json::from_str(&text).unwrap_or_default();
    Ok(Some(TestRecordView { file, verdict, has_registry: registry.is_some() }))
}
