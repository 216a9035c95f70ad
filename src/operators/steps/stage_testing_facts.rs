//! What both stage tasks look at before they start a job.

use super::promotion::{self, Promotion};
use super::{advisories, shipment};
use crate::domain::assembly::Assembly;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::shipment::{MrState, StageRelease};
use crate::domain::stage_testing::StageTestingFacts;
use crate::domain::task::{Flow, Task};
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// The facts, held for [`Gathered::facts`].
#[derive(Debug)]
pub struct Gathered {
    promotion: Promotion,
    stage_release: Option<StageRelease>,
    mr: Option<String>,
    closed: Option<ClosedGate>,
}

impl Gathered {
    /// Closed for a release that is with the customers, or whose merge request was given up, whatever else is there.
    pub fn closed(&self) -> Option<ClosedGate> {
        self.closed.clone()
    }

    /// The facts as the rule takes them.
    pub fn facts<'a>(&'a self, run: &Run<'_>) -> StageTestingFacts<'a> {
        StageTestingFacts {
            promotion: self.promotion.phase(),
            stage_release: self.stage_release.as_ref(),
            mr: self.mr.as_deref().unwrap_or("the shipment"),
            push: run.state.status(Task::PushToCdnStaging),
            gate: run.state.status(Task::AnalyzePromotedBuild),
            policy: run.ctx.settings.stage_policy,
        }
    }
}

/// Asks release controller and GitLab. A payload that is not promoted leaves the shipment unasked.
///
/// # Errors
///
/// Build data, release controller or GitLab do not answer.
pub async fn gather(run: &Run<'_>) -> Result<Gathered, TaskError> {
    let assembly = run.assembly().await?;
    let promotion = promotion::phase(run).await?;
    let promoted = promotion.phase() == Some("Accepted");
    let (stage_release, closed) = match assembly.flow() {
        Flow::Konflux if promoted && assembly.shipment_mr.is_some() => {
            let shipment = shipment::open(run).await?;
            let closed = match shipment.mr.state {
                MrState::Closed => Some(ClosedGate::MergeRequestClosed { mr: shipment.mr.web_url.clone() }),
                MrState::Open | MrState::Merged | MrState::Other(_) => {
                    advisories::shipped(run, &shipment.mr.state).await?
                }
            };
            (Some(shipment::stage_release(run, &shipment).await?), closed)
        }
        Flow::Konflux | Flow::Errata => (None, None),
    };
    Ok(Gathered { promotion, stage_release, mr: assembly.shipment_mr.clone(), closed })
}

/// Keeps a Konflux release without usable merge request from being taken for one that needs none.
pub fn not_ready(assembly: &Assembly) -> Option<ClosedGate> {
    if assembly.flow() == Flow::Errata || assembly.shipment_mr.is_some() {
        return None;
    }
    let mut missing: Vec<_> =
        assembly.not_ready.iter().map(|entry| format!("{}: {}", entry.entry, entry.why)).collect();
    if missing.is_empty() {
        missing.push("group.shipment.url: no shipment merge request yet".to_owned());
    }
    Some(ClosedGate::NotReady { missing })
}
