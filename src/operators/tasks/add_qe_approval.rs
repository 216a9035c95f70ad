//! Approves the shipment merge request and nothing else: it is not merged, no advisory moves.
//!
//! The approval cannot be taken back, so a person is asked first, and shown what speaks against it.

use crate::core::context::Context;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::shipment::MrState;
use crate::domain::state::operation::{AddIssue, Operation};
use crate::domain::task::{Task, TaskStatus};
use crate::operators::error::TaskError;
use crate::operators::previewed::{Preview, PreviewedChange};
use crate::operators::run::Run;
use crate::operators::steps::{approval, objections, promotion, shipment};

/// Gives our approval unless it is there; a merge request that is not open cannot be approved. What speaks against it
/// stops it, unless a person has `confirmed` it.
///
/// # Errors
///
/// Build data or GitLab fail, the clock is wrong, or nobody knows whether GitLab took the approval.
pub(in crate::operators) async fn run(run: &Run<'_>, confirmed: bool) -> Result<Outcome, TaskError> {
    // Its day is read from the clock.
    run.unless_the_clock_is_wrong()?;
    let shipment = shipment::open(run).await?;
    let mr = shipment.mr.web_url.clone();
    match &shipment.mr.state {
        MrState::Open => {
            if !approval::is_given(run, &shipment).await?
                && let Some(by) = stopped(run, confirmed).await?
            {
                return Ok(Outcome::Blocked { by });
            }
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

/// What stops it: of what speaks against it, that which nobody can or did pass over.
async fn stopped(run: &Run<'_>, confirmed: bool) -> Result<Option<ClosedGate>, TaskError> {
    if let Some(by) = promotion::taken_back(run).await? {
        return Ok(Some(by));
    }
    let mut against = objections::standing(run, run.assembly().await?);
    if !confirmed && !against.is_empty() {
        let by = against.remove(0);
        against.iter().for_each(|more| run.warn(format!("this speaks against it, too: {more}")));
        return Ok(Some(by));
    }
    against.iter().for_each(|one| run.warn(format!("approved although this speaks against it: {one}")));
    record(run, &against);
    Ok(None)
}

/// Keeps with the release what the approval was given against, from before it is given.
fn record(run: &Run<'_>, against: &[ClosedGate]) {
    if against.is_empty() {
        return;
    }
    let against: Vec<_> = against.iter().map(ToString::to_string).collect();
    run.with_the_start(Operation::AddIssue(AddIssue {
        text: format!("{} approved the shipment by hand although: {}", run.ctx.actor, against.join("; ")),
        blocker: false,
        related: vec![Task::AddQeApproval],
        source: None,
        at: run.ctx.clock.now(),
    }));
}

/// What the approval would be now; nothing when it is given or none can be, or when the services do not answer: the task
/// itself says that.
pub(in crate::operators) async fn preview(ctx: &Context, release: &ZStream) -> Result<Preview, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let Some(loaded) = ctx.statebox.load(release).await? else { return Ok(Preview::Nothing) };
    let run = Run::observe(ctx, release, loaded.state)?;
    if run.state.status(Task::AddQeApproval) == TaskStatus::Pass {
        return Ok(Preview::Nothing);
    }
    let Ok(assembly) = run.assembly().await else { return Ok(Preview::Nothing) };
    let shipment = match shipment::open(&run).await {
        Ok(shipment) if shipment.mr.state == MrState::Open => shipment,
        Err(TaskError::Closed { by, .. }) => return Ok(Preview::Closed(*by)),
        Ok(_) | Err(_) => return Ok(Preview::Nothing),
    };
    if approval::is_given(&run, &shipment).await.unwrap_or(true) {
        return Ok(Preview::Nothing);
    }
    let mr = shipment.mr.web_url;
    let against = objections::standing(&run, assembly).iter().map(ToString::to_string).collect();
    Ok(Preview::Changes(PreviewedChange::ShipmentApproval { mr, against }))
}
