//! The end of a run, written once for all tasks.

use super::error::TaskError;
use super::report::Cause;
use super::request::TaskRequest;
use super::run::Run;
use super::run_log::Level;
use super::steps::replaced;
use crate::core::error::{ErrorClass, chain};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::outcome::{Outcome, Wait};
use crate::domain::state::entries::{Stopped, StoppedBy};
use crate::domain::state::operation::{AddIssue, Change, MetadataPatch, OfRun, Operation, Override, SetTask};
use crate::domain::state::view::State;
use crate::domain::stopped;
use crate::domain::task::{JobRef, TaskStatus};

/// Keeps the reason that somebody gave with what was done for it; later runs log over the result.
pub(super) fn reason(run: &Run<'_>, request: &TaskRequest, outcome: Option<&Outcome>) {
    let Some(reason) = request.reason() else { return };
    run.info(format!("reason given by {}: {reason}", run.ctx.actor));
    if !matches!(outcome, Some(Outcome::Passed { .. } | Outcome::Waiting { .. })) {
        return;
    }
    run.with_the_end(Operation::AddIssue(AddIssue {
        text: format!("{} was run by {}; reason: {reason}", run.task, run.ctx.actor),
        blocker: false,
        related: vec![run.task],
        source: None,
        at: run.ctx.clock.now(),
    }));
}

/// What stands in the file after a run.
pub(super) struct StoredEnd {
    /// Status of its task.
    pub(super) after: TaskStatus,
    /// The state as it was stored; nothing when nothing was.
    pub(super) state: Option<State>,
}

/// Records how the run ended.
pub(super) async fn end(run: &Run<'_>, ended: Result<&Outcome, &TaskError>) -> Result<StoredEnd, TaskError> {
    let before = run.state.status(run.task);
    let set = match ended {
        // What another run does is for that run to store.
        _ if run.notes().gave_way => None,
        Ok(outcome) => with_what_it_owes(run, of_outcome(run, outcome)),
        Err(error) => of_error(run, error),
    };
    let writes = set.is_some() || !run.notes().operations.is_empty();
    if writes {
        replaced::note(run, ended.ok());
    }
    // Its announcement has to be the one in the file, at the end as at the start.
    let of_run = OfRun { holds: run.notes().holds.clone() };
    let set = set.map(|set| SetTask { of_run: Some(of_run), ..set });
    let mut operations = std::mem::take(&mut run.notes().operations);
    if run.notes().gave_way {
        operations.clear();
    }
    if let Some(assembly) = run.assembly_if_known() {
        operations.push(Operation::PatchMetadata(MetadataPatch {
            jira_ticket: assembly.jira_ticket.clone(),
            advisory_ids: assembly.advisories.iter().map(|(impetus, id)| (impetus.clone(), number(id.get()))).collect(),
            release_date: assembly.release_date.clone(),
            candidate_builds: assembly.candidate_builds.clone(),
            shipment_mr: assembly.shipment_mr.clone(),
        }));
    }
    operations.extend(set.map(Operation::SetTask));
    // Changed metadata is written with the next real write, never by a run that only looked.
    if run.ctx.options.dry_run || operations.is_empty() || !writes {
        return Ok(StoredEnd { after: before, state: None });
    }
    let message = format!("Update task: {}", run.task);
    if ended.is_err() && run.notes().announced.is_none() {
        // Nothing happened that anybody would miss: not worth a change that waits.
        let state = run.ctx.statebox.apply(run.release, &operations, &message).await?.state;
        return Ok(StoredEnd { after: state.status(run.task), state: Some(state) });
    }
    let stored = run.ctx.statebox.apply_or_keep(run.release, &operations, &message).await?;
    if let Some(notice) = stored.notice() {
        run.warn(notice);
    }
    let state = stored.state().cloned();
    Ok(StoredEnd { after: state.as_ref().map_or(before, |state| state.status(run.task)), state })
}

fn of_outcome(run: &Run<'_>, outcome: &Outcome) -> Option<SetTask> {
    let now = run.ctx.clock.now();
    let before = run.state.status(run.task);
    let say = |status: TaskStatus| {
        run.mark(status);
        Some(run.log.text())
    };
    let base = |to| SetTask {
        began: Some(run.started_at),
        intent: Change::Clear,
        override_: override_of(run, before, to),
        ..SetTask::new(run.task, to, now)
    };
    match outcome {
        Outcome::Passed { summary } => {
            run.info(summary);
            Some(SetTask { result: say(TaskStatus::Pass), reason: Change::Clear, ..base(TaskStatus::Pass) })
        }
        Outcome::Waiting { on, job, recheck } => {
            let minutes = recheck.as_mins().max(1);
            run.info(format!("waiting for {on}, look again in {minutes} min"));
            let job_ref = job.clone().map_or(Change::Keep, Change::Set);
            let (result, reason) = (say(TaskStatus::InProgress), Wait::from(on).reason());
            if goes_on_as_stored(run, &reason, job.as_ref()) {
                return None;
            }
            Some(SetTask { result, job_ref, reason: Change::Set(reason), ..base(TaskStatus::InProgress) })
        }
        Outcome::Blocked { by } => {
            run.info(format!("blocked: {by}"));
            let reason = Change::Set(by.to_string());
            let announced = run.notes().announced.is_some();
            if let ClosedGate::Unproven { .. } | ClosedGate::Asked { .. } = by {
                // The announcement stays: it says since when nobody knows. One of another run is not ours to explain.
                let ours = announced || (before == TaskStatus::InProgress && run.notes().holds.is_some());
                return ours.then(|| SetTask { reason, intent: Change::Keep, ..base(TaskStatus::InProgress) });
            }
            // Whoever announced nothing and looked for nothing has settled nothing.
            let intent = if announced { Change::Clear } else { Change::Keep };
            let stopped = stopped::by_gate(by, run.ctx.machine().as_deref()).map_or(Change::Clear, Change::Set);
            let base = |to| SetTask { intent, stopped: stopped.clone(), ..base(to) };
            let started_now = announced && before == TaskStatus::NotStarted;
            match before {
                // Nothing was started: the task stays where it was, and says why.
                TaskStatus::NotStarted => Some(SetTask {
                    result: started_now.then(|| run.log.text()),
                    reason,
                    ..base(TaskStatus::NotStarted)
                }),
                TaskStatus::InProgress => Some(SetTask { reason, ..base(TaskStatus::InProgress) }),
                TaskStatus::Pass | TaskStatus::Fail => None,
            }
        }
        Outcome::Failed { reason } => {
            run.log.add(now, Level::Error, &reason.to_string());
            Some(SetTask {
                result: say(TaskStatus::Fail),
                class: Some(reason.class().as_str().to_owned()),
                reason: Change::Set(reason.to_string()),
                ..base(TaskStatus::Fail)
            })
        }
        Outcome::Unchanged { why } => {
            run.info(why);
            // What a run after a Pass announced is settled with its end.
            let announced = run.notes().announced.is_some() && before == TaskStatus::Pass;
            announced.then(|| base(TaskStatus::Pass))
        }
    }
}

/// What stops a step that the task owes is stored with its Pass, so that whoever only wants to know says it too.
fn with_what_it_owes(run: &Run<'_>, set: Option<SetTask>) -> Option<SetTask> {
    let machine = run.ctx.machine();
    let stop = run.notes().owed.as_ref().and_then(|owed| match &owed.cause {
        // The next run tries again.
        Cause::Outage => None,
        Cause::Refused { next } => stopped::on_machine(StoppedBy::Lacks, next, machine.as_deref()),
        Cause::Person { next } => Some(Stopped { by: StoppedBy::StepLeft, what: next.clone(), on: None }),
    });
    let to = set.as_ref().map_or(run.state.status(run.task), |set| set.to);
    let stored = run.state.task(run.task).and_then(|entry| entry.stopped);
    if to != TaskStatus::Pass || (set.is_none() && stop == stored) {
        return set;
    }
    let set = set.unwrap_or_else(|| SetTask::new(run.task, TaskStatus::Pass, run.ctx.clock.now()));
    Some(SetTask { stopped: stop.map_or(Change::Clear, Change::Set), ..set })
}

/// Is this the wait that is stored? A look that finds nothing new is no commit: a wait of days would be hundreds.
fn goes_on_as_stored(run: &Run<'_>, reason: &str, job: Option<&JobRef>) -> bool {
    let Some(stored) = run.state.task(run.task) else { return false };
    let same_job = |job: &JobRef| {
        let of_stored = stored.job_ref.as_ref();
        of_stored.is_some_and(|known| {
            (known.system, &known.id) == (job.system, &job.id) && (job.url.is_none() || job.url == known.url)
        })
    };
    run.state.status(run.task) == TaskStatus::InProgress
        && run.notes().announced.is_none()
        && stored.intent.is_none()
        && stored.reason.as_deref() == Some(reason)
        && job.is_none_or(same_job)
}

/// A run that could not be carried out. An outage keeps the stored status: it is no verdict.
fn of_error(run: &Run<'_>, error: &TaskError) -> Option<SetTask> {
    let now = run.ctx.clock.now();
    run.log.add(now, Level::Error, &chain(error));
    let before = run.state.status(run.task);
    let announced = run.notes().announced.is_some();
    // A plain refusal ends an announcement: whoever goes on elsewhere has nothing to wait for.
    let nothing_happened = announced && !run.notes().unsettled && run.notes().effects.is_empty();
    let is_taken_back = nothing_happened && before == TaskStatus::NotStarted;
    let stays = if announced && !is_taken_back { TaskStatus::InProgress } else { before };
    let to = if error.ends_the_run() { TaskStatus::Fail } else { stays };
    if before == TaskStatus::Pass {
        return None;
    }
    let result = (to == TaskStatus::Fail || is_taken_back).then(|| {
        run.mark(to);
        run.log.text()
    });
    // A setting is looked at by everybody anew.
    let lacks = error.lacks().filter(|_| to != TaskStatus::Fail && error.class() != ErrorClass::Config);
    let stopped = lacks.and_then(|what| stopped::on_machine(StoppedBy::Lacks, &what, run.ctx.machine().as_deref()));
    Some(SetTask {
        began: Some(run.started_at),
        result,
        stopped: stopped.map_or(Change::Clear, Change::Set),
        class: Some(error.class().to_string()),
        note: Some(chain(error)),
        reason: Change::Set(chain(error)),
        intent: if is_taken_back { Change::Clear } else { Change::Keep },
        ..SetTask::new(run.task, to, now)
    })
}

/// A second look at what has passed may replace the Pass.
fn override_of(run: &Run<'_>, before: TaskStatus, to: TaskStatus) -> Option<Override> {
    let recheck = run.task.may_lose_its_pass();
    (recheck && before == TaskStatus::Pass && to == TaskStatus::Fail)
        .then(|| Override { reason: "re-check".to_owned(), actor: run.ctx.actor.clone() })
}

fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
