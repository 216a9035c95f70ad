//! What a pass of the final approval would do.

use jiff::Timestamp;

use super::closed;
use crate::core::context::Context;
use crate::domain::advisory::NOT_OURS;
use crate::domain::approval::deadline;
use crate::domain::assembly::Assembly;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::release::ZStream;
use crate::domain::shipment::MrState;
use crate::domain::task::{Task, TaskStatus};
use crate::operators::error::TaskError;
use crate::operators::previewed::{ApprovalPass, Preview, PreviewedAdvisory, PreviewedChange, StoredApproval};
use crate::operators::run::Run;
use crate::operators::steps::advisories::{self, Advisory};
use crate::operators::steps::state_file;
use crate::operators::steps::{approval, shipment};

/// What the first pass is going to do, as state and build data say; nothing when this pass would not begin one, or
/// when build data cannot be read: the pass itself says that.
pub(in crate::operators) async fn stored(
    ctx: &Context,
    release: &ZStream,
    ignore_release_date: bool,
) -> Result<Preview, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let Some(loaded) = ctx.statebox.load(release).await? else { return Ok(Preview::Nothing) };
    let run = Run::observe(ctx, release, loaded.state)?;
    let status = run.state.status(Task::ChangeAdvisoryStatus);
    if !matches!(status, TaskStatus::NotStarted | TaskStatus::Fail) {
        return Ok(Preview::Nothing);
    }
    let Ok(assembly) = run.assembly().await else { return Ok(Preview::Nothing) };
    let Some(mr) = assembly.shipment_mr.clone() else { return Ok(Preview::Nothing) };
    if closed(&run, assembly, ignore_release_date).is_some() {
        return Ok(Preview::Nothing);
    }
    Ok(begins(&run, assembly, mr, ignore_release_date))
}

/// What an approval earlier than its day is going to do once a drive comes to it; nothing when it has begun.
pub(in crate::operators) async fn early(ctx: &Context, release: &ZStream) -> Result<Preview, TaskError> {
    let Some(loaded) = ctx.statebox.load(release).await? else { return Ok(Preview::Nothing) };
    let run = Run::observe(ctx, release, loaded.state)?;
    let begun = matches!(run.state.status(Task::ChangeAdvisoryStatus), TaskStatus::InProgress | TaskStatus::Pass);
    let assembly = run.assembly().await?;
    Ok(match assembly.shipment_mr.clone().filter(|_| !begun) {
        Some(mr) => begins(&run, assembly, mr, true),
        None => Preview::Nothing,
    })
}

/// When the wait ends that begins now after one that failed.
fn new_wait(run: &Run<'_>, assembly: &Assembly) -> Option<Timestamp> {
    let failed = run.state.status(Task::ChangeAdvisoryStatus) == TaskStatus::Fail;
    if failed { deadline(assembly.due(), Some(run.ctx.clock.now())) } else { None }
}

fn begins(run: &Run<'_>, assembly: &Assembly, mr: String, ignores_release_date: bool) -> Preview {
    let managed = assembly.advisories.iter().filter(|(impetus, _)| impetus.as_str() != NOT_OURS);
    let advisories = managed.map(|(impetus, id)| (impetus.clone(), *id)).collect();
    let ticket = assembly.jira_ticket.clone();
    let new_wait_until = new_wait(run, assembly);
    let approval = StoredApproval { mr, advisories, ticket, ignores_release_date, new_wait_until };
    Preview::Changes(PreviewedChange::StoredApproval(approval))
}

/// What a pass would do, as the services say.
pub(in crate::operators) async fn looked(
    ctx: &Context,
    release: &ZStream,
    ignore_release_date: bool,
) -> Result<Preview, TaskError> {
    let state = state_file::of(ctx, release).await?;
    let before = state.status(Task::ChangeAdvisoryStatus);
    if before == TaskStatus::Pass {
        return Ok(Preview::Nothing);
    }
    let run = Run::observe(ctx, release, state)?;
    let assembly = run.assembly().await?;
    let builds = assembly.candidate_builds.iter().map(|(arch, build)| format!("{arch} {build}")).collect();
    if let Some(by) = closed(&run, assembly, ignore_release_date) {
        return Ok(Preview::Closed(by));
    }
    let shipment = shipment::open(&run).await?;
    let is_approved = approval::is_given(&run, &shipment).await?;
    let mr = shipment.mr;
    if mr.state == MrState::Closed {
        return Ok(Preview::Closed(ClosedGate::MergeRequestClosed { mr: mr.web_url }));
    }
    let managed = advisories::managed(&run).await?;
    if !managed.dropped_with_builds.is_empty() {
        let advisories = managed.dropped_with_builds.iter().map(Advisory::id).collect();
        return Ok(Preview::Closed(ClosedGate::AdvisoryDropped { advisories }));
    }
    let advisory = |one: Advisory| PreviewedAdvisory { id: one.id(), state: one.state().clone(), impetus: one.impetus };
    Ok(Preview::Changes(PreviewedChange::Approval(ApprovalPass {
        mr: mr.web_url,
        mr_state: mr.state,
        is_approved,
        builds,
        advisories: managed.live.into_iter().map(advisory).collect(),
        ignores_release_date: ignore_release_date,
        goes_on: before == TaskStatus::InProgress,
        new_wait_until: new_wait(&run, assembly),
    })))
}
