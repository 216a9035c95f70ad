//! The shipment of a release as it stands in GitLab.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::belonging;
use crate::core::clients::gitlab::MergeRequest;
use crate::core::context::Context;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::ids::JiraKey;
use crate::domain::pipeline::{ReleaseStage, standing};
use crate::domain::shipment::StageRelease;
use crate::domain::shipment::{BadShipmentFile, MrAddress, ShipmentFile, is_shipment_file, stage_status};
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// Files read at once: GitLab counts requests per minute.
const AT_ONCE: usize = 4;

/// The shipment merge request with what was true when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// Project and number.
    pub address: MrAddress,
    /// What GitLab knows of it.
    pub mr: MergeRequest,
}

/// The gate that is closed while build data names no merge request.
pub fn unnamed() -> ClosedGate {
    ClosedGate::NotReady {
        missing: vec!["group.shipment.url (ART has not opened the shipment merge request yet)".to_owned()],
    }
}

/// Reads the shipment merge request of the release, which is proven to be its own. Reads only.
///
/// # Errors
///
/// Build data names no merge request of our GitLab, or another release's; or GitLab fails.
pub async fn open(run: &Run<'_>) -> Result<Shipment, TaskError> {
    let assembly = run.assembly().await?;
    let Some(url) = &assembly.shipment_mr else {
        return Err(TaskError::closed(run.release, unnamed()));
    };
    let gitlab = run.ctx.gitlab();
    let address = gitlab.address(url).map_err(|bad| TaskError::Refused {
        why: bad.to_string(),
        next: "correct the address in build data, or the address of GitLab (OAR_GITLAB_URL)".to_owned(),
    })?;
    let shipment = at(run.ctx, address).await?;
    belonging::of_shipment(run, &shipment.address, &shipment.mr).await?;
    Ok(shipment)
}

/// Reads a merge request by its address. Reads only.
///
/// # Errors
///
/// GitLab fails.
pub async fn at(ctx: &Context, address: MrAddress) -> Result<Shipment, TaskError> {
    let mr = ctx.gitlab().merge_request(&address).await?;
    Ok(Shipment { address, mr })
}

/// The shipment files that the merge request changes, as of its head commit. Reads only.
///
/// # Errors
///
/// GitLab fails, a file cannot be read, or there is none at all: a shorter list would look like less work.
pub async fn files(ctx: &Context, shipment: &Shipment) -> Result<Vec<ShipmentFile>, TaskError> {
    let gitlab = ctx.gitlab();
    let refuse = |why: String| TaskError::Refused {
        why,
        next: format!("have the file corrected in {} (ask ART), then run it again", shipment.mr.web_url),
    };
    let changed = gitlab.changed_files(&shipment.address).await?;
    let wanted = changed.into_iter().filter(|file| !file.deleted && is_shipment_file(&file.path));
    let read = wanted.map(|file| {
        let gitlab = &gitlab;
        async move {
            let text = gitlab.file(&shipment.address.project, &file.path, &shipment.mr.head_sha).await?;
            ShipmentFile::parse(&file.path, &text).map_err(|bad: BadShipmentFile| refuse(bad.to_string()))
        }
    });
    let files: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    let files: Vec<_> = files.into_iter().flatten().collect();
    if files.is_empty() {
        return Err(refuse(format!("the merge request {} changes no shipment file", shipment.mr.web_url)));
    }
    Ok(files)
}

/// Jira keys of the issues that the shipment fixes. Reads only.
///
/// # Errors
///
/// As [`open`] and [`files`].
pub async fn fixed_issues(run: &Run<'_>) -> Result<BTreeSet<JiraKey>, TaskError> {
    let shipment = open(run).await?;
    let sources: Vec<&str> = run.ctx.settings.issue_sources.iter().map(String::as_str).collect();
    let mut keys = BTreeSet::new();
    for file in files(run.ctx, &shipment).await? {
        keys.extend(file.fixed_issues(&sources).map_err(|bad| TaskError::Refused {
            why: bad.to_string(),
            next: format!("have the file corrected in {} (ask ART), then run it again", shipment.mr.web_url),
        })?);
    }
    Ok(keys)
}

/// Where the stage release stands. Reads only.
///
/// # Errors
///
/// GitLab fails.
pub async fn stage_release(run: &Run<'_>, shipment: &Shipment) -> Result<StageRelease, TaskError> {
    release(run, shipment, ReleaseStage::Stage).await
}

/// Where the production release stands. Reads only.
///
/// # Errors
///
/// GitLab fails.
pub async fn prod_release(run: &Run<'_>, shipment: &Shipment) -> Result<StageRelease, TaskError> {
    release(run, shipment, ReleaseStage::Prod).await
}

async fn release(run: &Run<'_>, shipment: &Shipment, stage: ReleaseStage) -> Result<StageRelease, TaskError> {
    let labels = || shipment.mr.labels.iter().map(String::as_str);
    if labels().any(|label| label == stage.success_label()) {
        return Ok(StageRelease::Success);
    }
    let gitlab = run.ctx.gitlab();
    let status = match gitlab.pipelines(&shipment.address).await?.first() {
        None => None,
        Some(newest) => {
            let jobs = gitlab.stage_jobs(&shipment.address.project, newest.id).await?;
            stage_status(&jobs, stage.stage_name())
        }
    };
    Ok(standing(stage, labels(), status.as_deref()))
}
