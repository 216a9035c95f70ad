//! What a pass of the final approval would do.

use super::closed;
use crate::core::context::Context;
use crate::domain::advisory::NOT_OURS;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::release::ZStream;
use crate::domain::shipment::MrState;
use crate::domain::task::{Flow, Task, TaskStatus};
use crate::operators::error::TaskError;
use crate::operators::foreseen::{ApprovalPass, Foreseen, ForeseenAdvisory, Preview, StoredApproval};
use crate::operators::run::Run;
use crate::operators::steps::advisories::{self, Advisory};
use crate::operators::steps::shipment;

/// What the first pass is going to do, as the state says; nothing when this pass would not begin one.
pub(in crate::operators) async fn stored(
    ctx: &Context,
    release: &ZStream,
    ignore_release_date: bool,
) -> Result<Preview, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let Some(loaded) = ctx.statebox.load(release).await? else { return Ok(Preview::Nothing) };
    let run = Run::observe(ctx, release, loaded.state)?;
    let status = run.state.status(Task::ChangeAdvisoryStatus);
    let metadata = run.state.metadata();
    let begins = matches!(status, TaskStatus::NotStarted | TaskStatus::Fail);
    let Some(mr) = metadata.shipment_mr.filter(|_| begins) else { return Ok(Preview::Nothing) };
    if closed(&run, Flow::Konflux, ignore_release_date).is_some() {
        return Ok(Preview::Nothing);
    }
    let managed = metadata.advisory_ids.into_iter().filter(|(impetus, _)| impetus.as_str() != NOT_OURS);
    let approval = StoredApproval { mr, advisories: managed.collect(), ticket: metadata.jira_ticket };
    Ok(Preview::Changes(Foreseen::StoredApproval(approval)))
}

/// What a pass would do, as the services say.
pub(in crate::operators) async fn looked(
    ctx: &Context,
    release: &ZStream,
    ignore_release_date: bool,
) -> Result<Preview, TaskError> {
    let loaded = ctx.statebox.load(release).await?;
    let state = loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state;
    let before = state.status(Task::ChangeAdvisoryStatus);
    if before == TaskStatus::Pass {
        return Ok(Preview::Nothing);
    }
    let run = Run::observe(ctx, release, state)?;
    let flow = run.assembly().await?.flow();
    if let Some(by) = closed(&run, flow, ignore_release_date) {
        return Ok(Preview::Closed(by));
    }
    let mr = shipment::open(&run).await?.mr;
    if mr.state == MrState::Closed {
        return Ok(Preview::Closed(ClosedGate::MergeRequestClosed { mr: mr.web_url }));
    }
    let managed = advisories::managed(&run).await?;
    if !managed.dropped_with_builds.is_empty() {
        let advisories = managed.dropped_with_builds.iter().map(Advisory::id).collect();
        return Ok(Preview::Closed(ClosedGate::AdvisoryDropped { advisories }));
    }
    let advisory = |one: Advisory| ForeseenAdvisory { id: one.id(), state: one.state().clone(), impetus: one.impetus };
    Ok(Preview::Changes(Foreseen::Approval(ApprovalPass {
        mr: mr.web_url,
        mr_state: mr.state,
        head: mr.head_sha.to_string(),
        advisories: managed.live.into_iter().map(advisory).collect(),
        ignores_release_date: ignore_release_date,
        goes_on: before == TaskStatus::InProgress,
    })))
}
