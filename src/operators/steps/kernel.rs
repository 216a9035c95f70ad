//! The kernels that advisories ship, and whether their tags forbid it.

use super::advisories::Advisory;
use crate::core::clients::error::ClientError;
use crate::core::error::ErrorClass;
use crate::domain::ids::AdvisoryId;
use crate::domain::kernel::{Nvr, forbids_shipping, may_hold_rhcos, rhcos_builds};
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// What speaks against a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelObjection {
    /// It carries the stop-ship tag.
    StopShip {
        /// The kernel build.
        kernel: String,
    },
    /// Nobody can tell which kernel it is, or what its tags are: a person has to look.
    Unknown {
        /// The advisory.
        advisory: AdvisoryId,
        /// Its RHCOS build.
        build: String,
        /// Why nobody can tell.
        why: String,
    },
}

/// Looks at the kernels of all advisories that are still to be moved; a stop-ship tag comes before an unknown
/// kernel. Reads only.
///
/// # Errors
///
/// The Errata Tool, the brew hub or the files of builds fail.
pub async fn inspect(run: &Run<'_>, advisories: &[Advisory]) -> Result<Vec<KernelObjection>, TaskError> {
    let mut objections = Vec::new();
    for advisory in advisories.iter().filter(|one| may_hold_rhcos(&one.impetus) && !one.state().is_ready()) {
        let id = advisory.id();
        let builds = run.ctx.errata().builds(id).await?;
        let builds = rhcos_builds(builds.iter().map(String::as_str));
        if builds.is_empty() {
            run.info(format!("advisory {id} holds no RHCOS build, so no kernel is looked at"));
        }
        for build in builds {
            objections.extend(of_build(run, id, build).await?);
        }
    }
    objections.sort_by_key(|objection| matches!(objection, KernelObjection::Unknown { .. }));
    Ok(objections)
}

async fn of_build(run: &Run<'_>, advisory: AdvisoryId, build: &str) -> Result<Option<KernelObjection>, TaskError> {
    let unknown = |why: String| Ok(Some(KernelObjection::Unknown { advisory, build: build.to_owned(), why }));
    let Some(nvr) = Nvr::parse(build) else { return unknown(format!("{build:?} is no build name")) };
    let kernels = match run.ctx.brew_download().kernels(&nvr).await {
        Ok(Some(kernels)) => kernels,
        Ok(None) => return unknown(format!("brew has no metadata of {nvr}")),
        // It is there and says nothing that can be used: asking again would not help.
        Err(error) if says_nothing(&error) => return unknown(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    if kernels.is_empty() {
        return unknown(format!("the metadata of {nvr} lists no kernel"));
    }
    for kernel in kernels {
        let tags = match run.ctx.koji().tags(&kernel).await {
            Ok(Some(tags)) => tags,
            Ok(None) => return unknown(format!("the brew hub does not know {kernel}")),
            Err(error) if says_nothing(&error) => return unknown(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        if forbids_shipping(tags.iter().map(String::as_str)) {
            return Ok(Some(KernelObjection::StopShip { kernel: kernel.to_string() }));
        }
        run.info(format!("{kernel} of {nvr} carries no stop-ship tag"));
    }
    Ok(None)
}

/// An answer of the service itself that cannot be used. A login page in its place is an outage instead.
fn says_nothing(error: &ClientError) -> bool {
    error.class() == ErrorClass::Corrupt && !error.is_outage()
}
