//! Approves the shipment merge request and nothing else: it is not merged, no advisory moves.

use crate::domain::closed_gate::ClosedGate;
use crate::domain::outcome::Outcome;
use crate::domain::shipment::MrState;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::{approval, shipment};

/// Gives our approval unless it is there; a merge request that is not open cannot be approved.
///
/// # Errors
///
/// Build data or GitLab fail, or nobody knows whether GitLab took the approval.
pub(in crate::operators) async fn run(run: &Run<'_>) -> Result<Outcome, TaskError> {
    let shipment = shipment::open(run).await?;
    let mr = shipment.mr.web_url.clone();
    match &shipment.mr.state {
        MrState::Open => {
            approval::approve(run, &shipment).await?;
            Ok(Outcome::Passed { summary: format!("{mr} is approved") })
        }
        MrState::Merged => Ok(Outcome::Passed { summary: format!("{mr} is merged; no approval is needed") }),
        MrState::Closed => Ok(Outcome::Blocked { by: ClosedGate::MergeRequestClosed { mr } }),
        MrState::Other(state) => {
            let what = format!("{mr} is {state}, which says nothing about its approval");
            Ok(Outcome::Blocked { by: ClosedGate::UnknownOutcome { what } })
        }
    }
}
