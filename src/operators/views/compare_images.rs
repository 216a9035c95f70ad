//! Compares a payload with a shipment merge request, without a release and without recording anything.

use crate::core::context::Context;
use crate::domain::consistency::ConsistencyReport;
use crate::domain::credential::Credential;
use crate::domain::ids::MrIid;
use crate::domain::pull_spec::PullSpec;
use crate::domain::shipment::MrAddress;
use crate::operators::error::TaskError;
use crate::operators::steps::{consistency, shipment};

/// Compares the images of `payload` for each of `arches` with merge request `mr` of the shipment project.
/// Reads only.
///
/// # Errors
///
/// As [`consistency::compare`]; a missing credential.
pub async fn run(
    ctx: &Context,
    payload: &PullSpec,
    mr: MrIid,
    arches: &[String],
) -> Result<Vec<ConsistencyReport>, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    ctx.require(&[Credential::GitlabToken])?;
    let address = MrAddress { project: ctx.settings.shipment_project.clone(), iid: mr };
    let shipment = shipment::at(ctx, address).await?;
    let mut reports = Vec::new();
    for arch in arches {
        reports.push(consistency::compare(ctx, payload, &shipment, arch).await?);
    }
    Ok(reports)
}
