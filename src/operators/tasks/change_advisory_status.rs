//! Final approval: one pass, repeated until the advisory page is public and the advisories are moved.
//!
//! The pass starts from what the world shows, so a pass after a crash is like any other.

pub(in crate::operators) mod preview;

use crate::domain::advisory::DROPPED_SOURCE;
use crate::domain::approval::{RECHECK, deadline, too_early};
use crate::domain::assembly::Assembly;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::dates::stamp;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::release::ZStream;
use crate::domain::shipment::{MrState, StageRelease};
use crate::domain::state::operation::{AddIssue, Operation};
use crate::domain::task::{Flow, Task, TaskStatus};
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::advisories::Advisory;
use crate::operators::steps::approval::{self, Objection};
use crate::operators::steps::kernel::{self, KernelObjection};
use crate::operators::steps::{advisory_page, belonging, promotion, replaced, shipment};

/// Who reports objections.
const SOURCE: &str = "change-advisory-status";

/// Who reports kernels; advisory and build follow where a person's word counts for those only.
const KERNEL_SOURCE: &str = "kernel-stop-ship";

/// How an objection ends that is there no more; any other ending is a person's word.
const SETTLED: &str = "the next pass found nothing that speaks against the approval";

/// One pass of the final approval.
///
/// # Errors
///
/// GitLab, registry, customer portal or Errata Tool fail.
pub(in crate::operators) async fn run(run: &Run<'_>, ignore_release_date: bool) -> Result<Outcome, TaskError> {
    let assembly = run.assembly().await?;
    if assembly.flow() == Flow::Errata {
        return Err(not_of_shipments(run.release));
    }
    // Its day and its deadline are read from the clock.
    run.unless_the_clock_is_wrong()?;
    let closed = closed(run, assembly, ignore_release_date);
    if let Some(by) = if closed.is_some() { closed } else { promotion::taken_back(run).await? } {
        return Ok(Outcome::Blocked { by });
    }
    let shipment = shipment::open(run).await?;
    if shipment.mr.state == MrState::Closed {
        return Ok(Outcome::Blocked { by: ClosedGate::MergeRequestClosed { mr: shipment.mr.web_url } });
    }
    let begins = run.state.status(Task::ChangeAdvisoryStatus) != TaskStatus::InProgress;
    if begins {
        belonging::of_ticket(run).await?;
    }
    let advisories = match approval::inspect(run).await? {
        Ok(advisories) => advisories,
        Err(objection) => return Ok(blocked(run, objection)),
    };
    run.with_the_end(Operation::ResolveSource {
        source: SOURCE.to_owned(),
        resolution: SETTLED.to_owned(),
        at: run.ctx.clock.now(),
    });
    if let Some(outcome) = stopped_by_kernel(run, &advisories).await? {
        return Ok(outcome);
    }
    // Every pass looks at the alerts; they are fetched anew when the wait begins, and before the move.
    if begins && let Some(objection) = approval::new_alerts(run, &advisories).await? {
        return Ok(blocked(run, objection));
    }
    match &shipment.mr.state {
        MrState::Open => approval::approve(run, &shipment).await?,
        MrState::Merged => run.info(format!("{} is merged; no approval is needed", shipment.mr.web_url)),
        MrState::Closed | MrState::Other(_) => {
            let why = format!("the state of {} is not known", shipment.mr.web_url);
            return Ok(Outcome::Blocked { by: ClosedGate::UnknownOutcome { what: why } });
        }
    }
    // The advisories go out only together with the images: their page has to be public.
    // A pass after a failed one begins a new wait; one that goes on keeps the old end.
    let started = run.state.task(Task::ChangeAdvisoryStatus).filter(|_| !begins).and_then(|entry| entry.started());
    let until = deadline(assembly.due(), Some(started.unwrap_or(run.started_at))).unwrap_or(run.started_at);
    let page = advisory_page::look(run).await?;
    if !page.is_public {
        if run.state.status(run.task) == TaskStatus::Fail {
            run.warn(format!(
                "the approval had failed; a new wait for the advisory page begins, until {}",
                stamp(until)
            ));
        }
        if run.ctx.clock.now() > until {
            let released = shipment::prod_release(run, &shipment).await.is_ok_and(|prod| prod == StageRelease::Success);
            return Ok(Outcome::Failed { reason: FailReason::PageDeadline { deadline: until, released } });
        }
        let on = WaitingOn::AdvisoryPage { url: page.url, deadline: until };
        return Ok(Outcome::Waiting { on, job: None, recheck: RECHECK });
    }
    run.info("the advisory page is public");
    if !begins && let Some(objection) = approval::new_alerts(run, &advisories).await? {
        return Ok(blocked(run, objection));
    }
    if let Some(why) = approval::move_to_rel_prep(run, &advisories).await? {
        if run.ctx.clock.now() > until {
            let advisories = advisories.iter().map(|one| (one.id(), one.state().to_string())).collect();
            return Ok(Outcome::Failed { reason: FailReason::AdvisoriesNotMoved { advisories } });
        }
        let on = WaitingOn::AdvisoryMove { why, deadline: until };
        return Ok(Outcome::Waiting { on, job: None, recheck: RECHECK });
    }
    approval::close_sub_tasks(run).await?;
    let ids: Vec<_> = advisories.iter().map(|one| one.id().to_string()).collect();
    let summary = match ids.is_empty() {
        true => "the shipment is approved; every advisory was dropped empty".to_owned(),
        false => format!("the shipment is approved and advisories {} are in REL_PREP or later", ids.join(", ")),
    };
    Ok(Outcome::Passed { summary })
}

fn not_of_shipments(release: &ZStream) -> TaskError {
    TaskError::Refused {
        why: format!("{release} ships through advisories alone, which change-advisory-status does not know yet"),
        next: format!(
            "approve it by hand, then: oar -r {release} update-task-status change-advisory-status Pass --reason TEXT"
        ),
    }
}

/// What keeps the approval from starting. A pass that continues one asks the calendar no more.
fn closed(run: &Run<'_>, assembly: &Assembly, ignore_release_date: bool) -> Option<ClosedGate> {
    let unmet = Task::tracked(assembly.flow())
        .filter(|task| *task != Task::ChangeAdvisoryStatus)
        .map(|task| (task, run.state.status(task)))
        .find(|(_, status)| *status != TaskStatus::Pass);
    if let Some((task, status)) = unmet {
        return Some(ClosedGate::Prerequisite { task, status });
    }
    let issues = run.state.issues();
    let blocker = issues.iter().find(|issue| {
        let ours = issue
            .source
            .as_deref()
            .is_some_and(|source| source == SOURCE || source == DROPPED_SOURCE || source.starts_with(KERNEL_SOURCE));
        issue.is_open_blocker()
            && !ours
            && (issue.related_tasks.is_empty() || issue.concerns(Task::ChangeAdvisoryStatus))
    });
    if let Some(issue) = blocker {
        return Some(ClosedGate::Blocker { issue: issue.issue.clone(), id: Some(issue.id.clone()) });
    }
    if let Some(by) = replaced::unsettled(run, assembly) {
        return Some(by);
    }
    if run.state.status(Task::ChangeAdvisoryStatus) == TaskStatus::InProgress {
        return None;
    }
    too_early(assembly.due(), run.ctx.clock.today(), ignore_release_date)
}

/// Stores the objection as a blocker, so that it is seen and can be waived.
fn blocked(run: &Run<'_>, objection: Objection) -> Outcome {
    let by = match objection {
        Objection::Alerts { advisory, alerts } => ClosedGate::Blocker {
            issue: format!("advisory {advisory} has blocking security alerts: {}", alerts.join(", ")),
            id: None,
        },
        Objection::State(advisories) => ClosedGate::AdvisoryState { advisories },
        Objection::Dropped(by) => return Outcome::Blocked { by },
    };
    report(run, by.to_string(), SOURCE.to_owned());
    Outcome::Blocked { by }
}

fn report(run: &Run<'_>, text: String, source: String) {
    run.with_the_end(Operation::AddIssue(AddIssue {
        text,
        blocker: true,
        related: vec![Task::ChangeAdvisoryStatus],
        source: Some(source),
        at: run.ctx.clock.now(),
    }));
}

/// A kernel that must not ship ends the approval; one that nobody can judge waits for a person, whose word
/// (the resolved blocker) then counts for that build.
async fn stopped_by_kernel(run: &Run<'_>, advisories: &[Advisory]) -> Result<Option<Outcome>, TaskError> {
    let issues = run.state.issues();
    let mut standing = Vec::new();
    let mut stopped = None;
    for objection in kernel::inspect(run, advisories).await? {
        let (source, outcome) = match objection {
            KernelObjection::StopShip { kernel } => {
                (KERNEL_SOURCE.to_owned(), Outcome::Failed { reason: FailReason::KernelStopShip { kernel } })
            }
            KernelObjection::Unknown { advisory, build, why } => {
                let source = format!("{KERNEL_SOURCE}/{advisory}/{build}");
                let answer = issues.iter().rfind(|issue| issue.source.as_deref() == Some(&source));
                let answer = answer.filter(|issue| issue.resolved).and_then(|issue| issue.resolution.as_deref());
                if let Some(answer) = answer.filter(|answer| *answer != SETTLED) {
                    run.warn(format!("the kernel of {build} is taken for good, because somebody looked: {answer}"));
                    continue;
                }
                (source, Outcome::Blocked { by: ClosedGate::KernelUnknown { advisory, why } })
            }
        };
        report(run, text_of(&outcome), source.clone());
        standing.push(source);
        stopped = stopped.or(Some(outcome));
    }
    let open = issues.iter().filter(|issue| !issue.resolved).filter_map(|issue| issue.source.clone());
    for source in open.filter(|source| source.starts_with(KERNEL_SOURCE) && !standing.contains(source)) {
        run.with_the_end(Operation::ResolveSource { source, resolution: SETTLED.to_owned(), at: run.ctx.clock.now() });
    }
    Ok(stopped)
}

fn text_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed { reason } => reason.to_string(),
        Outcome::Blocked { by } => by.to_string(),
        Outcome::Passed { summary } => summary.clone(),
        Outcome::Unchanged { why } => why.clone(),
        Outcome::Waiting { on, .. } => on.to_string(),
    }
}
