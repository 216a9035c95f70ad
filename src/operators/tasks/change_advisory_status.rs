//! Final approval: one pass, repeated until the advisory page is public and the advisories are moved.
//!
//! The pass starts from what the world shows, so a pass after a crash is like any other.

use crate::core::context::Context;
use crate::domain::advisory::NOT_OURS;
use crate::domain::approval::{RECHECK, deadline, too_early};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::dates;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::release::ZStream;
use crate::domain::shipment::MrState;
use crate::domain::state::operation::{AddIssue, Operation};
use crate::domain::task::{Flow, Task, TaskStatus};
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::request::TaskRequest;
use crate::operators::run::Run;
use crate::operators::steps::advisories::{self, Advisory};
use crate::operators::steps::approval::{self, Objection};
use crate::operators::steps::kernel::{self, KernelObjection};
use crate::operators::steps::shipment;

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
    let flow = assembly.flow();
    if flow == Flow::Errata {
        return Err(TaskError::Refused {
            why: format!(
                "{} ships through advisories alone, which change-advisory-status does not know yet",
                run.release
            ),
            next: format!(
                "approve it by hand, then: oar -r {} update-task-status change-advisory-status Pass --reason TEXT",
                run.release
            ),
        });
    }
    if let Some(by) = closed(run, flow, ignore_release_date) {
        return Ok(Outcome::Blocked { by });
    }
    let shipment = shipment::open(run).await?;
    if shipment.mr.state == MrState::Closed {
        return Ok(Outcome::Blocked { by: ClosedGate::MergeRequestClosed { mr: shipment.mr.web_url } });
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
    let goes_on = run.state.status(Task::ChangeAdvisoryStatus) == TaskStatus::InProgress;
    let started = run.state.task(Task::ChangeAdvisoryStatus).filter(|_| goes_on).and_then(|entry| entry.started());
    let due = run.state.metadata().release_date.as_deref().and_then(dates::release_date);
    let until = deadline(due, Some(started.unwrap_or(run.started_at))).unwrap_or(run.started_at);
    let page = advisory_page(run).await?;
    let public = match &page {
        Some(url) => run.ctx.customer_portal().is_public(url).await?,
        None => false,
    };
    if !public {
        if run.ctx.clock.now() > until {
            return Ok(Outcome::Failed { reason: FailReason::PageDeadline { deadline: until } });
        }
        let on = WaitingOn::AdvisoryPage { url: page, deadline: until };
        return Ok(Outcome::Waiting { on, job: None, recheck: RECHECK });
    }
    run.info("the advisory page is public");
    if let Some(why) = approval::move_to_rel_prep(run, &advisories).await? {
        if run.ctx.clock.now() > until {
            let advisories = advisories.iter().map(|one| (one.id(), one.state().to_string())).collect();
            return Ok(Outcome::Failed { reason: FailReason::AdvisoriesNotMoved { advisories } });
        }
        let on = WaitingOn::AdvisoryMove { why, deadline: until };
        return Ok(Outcome::Waiting { on, job: None, recheck: RECHECK });
    }
    approval::close_sub_tasks(run).await;
    let ids: Vec<_> = advisories.iter().map(|one| one.id().to_string()).collect();
    let summary = match ids.is_empty() {
        true => "the shipment is approved; every advisory was dropped empty".to_owned(),
        false => format!("the shipment is approved and advisories {} are in REL_PREP or later", ids.join(", ")),
    };
    Ok(Outcome::Passed { summary })
}

/// What the first pass of an approval is going to do that nobody takes back; nothing when this pass would not
/// begin one. Reads the stored state only: a service that is down is for the pass to tell and to record, and a
/// person who started it by hand knows the rest. Whoever confirms for somebody else gets [`foresee`].
///
/// # Errors
///
/// The state cannot be read.
pub async fn will(ctx: &Context, release: &ZStream, ignore_release_date: bool) -> Result<Vec<String>, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    let Some(loaded) = ctx.statebox.load(release).await? else { return Ok(Vec::new()) };
    let run = Run::observe(ctx, release, loaded.state)?;
    let status = run.state.status(Task::ChangeAdvisoryStatus);
    let metadata = run.state.metadata();
    let begins = matches!(status, TaskStatus::NotStarted | TaskStatus::Fail);
    let Some(mr) = metadata.shipment_mr.filter(|_| begins) else { return Ok(Vec::new()) };
    if closed(&run, Flow::Konflux, ignore_release_date).is_some() {
        return Ok(Vec::new());
    }
    let managed = metadata.advisory_ids.iter().filter(|(impetus, _)| impetus.as_str() != NOT_OURS);
    let advisories: Vec<_> = managed.map(|(impetus, id)| format!("{id} ({impetus})")).collect();
    let mut will = vec![
        format!("approve the merge request {mr}"),
        format!("move advisories {} to REL_PREP once their page is public", advisories.join(", ")),
    ];
    will.extend(metadata.jira_ticket.map(|ticket| format!("close the QE sub-tasks of {ticket}")));
    Ok(will)
}

/// What a pass would do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreseen {
    /// It is done.
    Nothing,
    /// It would do nothing, because of this.
    Closed(ClosedGate),
    /// It would do this.
    Plan(Plan),
}

/// What a pass would do, for whoever has to confirm it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One fact a line.
    pub lines: Vec<String>,
    /// What stays the same from the first pass to the last.
    pub covers: String,
    /// Is it a later pass of one that began?
    pub goes_on: bool,
}

/// Looks what a pass would do. Changes nothing, and asks no service to look again.
///
/// # Errors
///
/// As `run`.
pub async fn foresee(ctx: &Context, release: &ZStream, ignore_release_date: bool) -> Result<Foreseen, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    ctx.require(TaskRequest::ChangeAdvisoryStatus { ignore_release_date, reason: None }.needs())?;
    let loaded = ctx.statebox.load(release).await?;
    let state = loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state;
    let before = state.status(Task::ChangeAdvisoryStatus);
    if before == TaskStatus::Pass {
        return Ok(Foreseen::Nothing);
    }
    let run = Run::observe(ctx, release, state)?;
    let flow = run.assembly().await?.flow();
    if let Some(by) = closed(&run, flow, ignore_release_date) {
        return Ok(Foreseen::Closed(by));
    }
    let shipment = shipment::open(&run).await?;
    let mr = &shipment.mr;
    if mr.state == MrState::Closed {
        return Ok(Foreseen::Closed(ClosedGate::MergeRequestClosed { mr: mr.web_url.clone() }));
    }
    let managed = advisories::managed(&run).await?;
    if !managed.dropped_with_builds.is_empty() {
        let advisories = managed.dropped_with_builds.iter().map(Advisory::id).collect();
        return Ok(Foreseen::Closed(ClosedGate::AdvisoryDropped { advisories }));
    }
    let mut lines = vec![format!("final approval of {release}")];
    lines.push(match mr.state {
        MrState::Open => format!("approve merge request {} at commit {}", mr.web_url, mr.head_sha),
        MrState::Merged | MrState::Closed | MrState::Other(_) => {
            format!("merge request {} is {:?}; no approval is given", mr.web_url, mr.state)
        }
    });
    for advisory in &managed.live {
        let (kind, id, from) = (&advisory.impetus, advisory.id(), advisory.state());
        lines.push(match advisory.state().is_ready() {
            true => format!("advisory {id} ({kind}) is in {from} already"),
            false => format!("advisory {id} ({kind}) from {from} to REL_PREP, once its page is public"),
        });
    }
    lines.push("close the QE sub-tasks in Jira and tell the release's Slack channel".to_owned());
    if ignore_release_date {
        lines.push("the release date is ignored".to_owned());
    }
    lines.push("cannot be undone by us: REL_PREP hands the advisories over to be shipped".to_owned());
    let ids: Vec<_> = managed.live.iter().map(|advisory| advisory.id().to_string()).collect();
    let covers = format!("{} {} {}", mr.web_url, mr.head_sha, ids.join(" "));
    Ok(Foreseen::Plan(Plan { lines, covers, goes_on: before == TaskStatus::InProgress }))
}

/// What keeps the approval from starting. A pass that continues one asks the calendar no more.
fn closed(run: &Run<'_>, flow: Flow, ignore_release_date: bool) -> Option<ClosedGate> {
    let unmet = Task::tracked(flow)
        .filter(|task| *task != Task::ChangeAdvisoryStatus)
        .map(|task| (task, run.state.status(task)))
        .find(|(_, status)| *status != TaskStatus::Pass);
    if let Some((task, status)) = unmet {
        return Some(ClosedGate::Prerequisite { task, status });
    }
    let issues = run.state.issues();
    let blocker = issues.iter().find(|issue| {
        let ours = issue.source.as_deref().is_some_and(|source| source == SOURCE || source.starts_with(KERNEL_SOURCE));
        issue.is_open_blocker()
            && !ours
            && (issue.related_tasks.is_empty() || issue.concerns(Task::ChangeAdvisoryStatus))
    });
    if let Some(issue) = blocker {
        return Some(ClosedGate::Blocker { issue: issue.issue.clone() });
    }
    if run.state.status(Task::ChangeAdvisoryStatus) == TaskStatus::InProgress {
        return None;
    }
    let due = run.state.metadata().release_date.as_deref().and_then(dates::release_date);
    too_early(due, run.ctx.clock.today(), ignore_release_date)
}

/// Stores the objection as a blocker, so that it is seen and can be waived.
fn blocked(run: &Run<'_>, objection: Objection) -> Outcome {
    let by = match objection {
        Objection::Alerts { advisory, alerts } => ClosedGate::Blocker {
            issue: format!("advisory {advisory} has blocking security alerts: {}", alerts.join(", ")),
        },
        Objection::State(advisories) => ClosedGate::AdvisoryState { advisories },
        Objection::Dropped(advisories) => ClosedGate::AdvisoryDropped { advisories },
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
        report(run, reported(&outcome), source.clone());
        standing.push(source);
        stopped = stopped.or(Some(outcome));
    }
    let open = issues.iter().filter(|issue| !issue.resolved).filter_map(|issue| issue.source.clone());
    for source in open.filter(|source| source.starts_with(KERNEL_SOURCE) && !standing.contains(source)) {
        run.with_the_end(Operation::ResolveSource { source, resolution: SETTLED.to_owned(), at: run.ctx.clock.now() });
    }
    Ok(stopped)
}

fn reported(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed { reason } => reason.to_string(),
        Outcome::Blocked { by } => by.to_string(),
        Outcome::Passed { summary } => summary.clone(),
        Outcome::Unchanged { why } => why.clone(),
        Outcome::Waiting { on, .. } => on.to_string(),
    }
}

/// The page that the payload of exactly this release names; another release's page would be a trap.
async fn advisory_page(run: &Run<'_>) -> Result<Option<String>, TaskError> {
    let repository = &run.ctx.settings.payload_repository;
    let repository = repository.split_once('/').map_or(repository.as_str(), |(_, path)| path);
    let tag = format!("{}-x86_64", run.release);
    let Some(reported) = run.ctx.registry().payload_metadata(repository, &tag).await? else {
        run.info(format!("the registry has no payload {tag} yet"));
        return Ok(None);
    };
    if reported.version != run.release.to_string() {
        return Err(TaskError::Refused {
            why: format!("the payload {tag} calls itself {}", reported.version),
            next: "tell ART: the payload is not the release".to_owned(),
        });
    }
    Ok(reported.advisory_url)
}
