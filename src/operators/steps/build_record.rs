//! Which builds of a release are judged, and what their test records say: the one place that asks.

use crate::core::statebox::records;
use crate::domain::acceptance::{self, RecordVerdict};
use crate::domain::build::Arch;
use crate::domain::job_registry::versions::RegistryName;
use crate::domain::task::Which;
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// Records are judged for this architecture; others follow it.
const ARCH: Arch = Arch::Amd64;

/// The build that `which` means; nothing when build data names no candidate.
///
/// The nightly that build data names now counts, never the copy in the state file.
///
/// # Errors
///
/// Build data cannot be read.
pub async fn build_of(run: &Run<'_>, which: Which) -> Result<Option<String>, TaskError> {
    if which == Which::Promoted {
        return Ok(Some(run.release.to_string()));
    }
    Ok(run.assembly().await?.candidate_builds.get("x86_64").cloned())
}

/// What the test record of `build` says, by the rule that the settings ask for.
///
/// # Errors
///
/// The record store does not answer.
pub async fn verdict(run: &Run<'_>, build: &str) -> Result<RecordVerdict, TaskError> {
    let settings = &run.ctx.settings;
    let Some(record) = records::record(&run.ctx.repo, &settings.state.record_branch, build, ARCH.name()).await? else {
        return Ok(RecordVerdict::Missing);
    };
    let registry = records::registry(&run.ctx.repo, &RegistryName { minor: run.release.minor(), arch: ARCH }).await?;
    Ok(acceptance::judge(build, Some(&record), registry.as_deref(), settings.acceptance_policy))
}
