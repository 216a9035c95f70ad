//! The one way into any task: it brackets the run, so that no task can forget to record its end.
//!
//! `CreateTestReport` comes in here too, but has no bracket: before the state file exists there is nothing
//! that a start or an end could be recorded in.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

use super::dispatch::{dispatch, finish};
use super::error::{TaskError, TaskFailure};
use super::report::TaskReport;
use super::request::TaskRequest;
use super::run::{Notes, Run};
use super::steps::{last_look, owed};
use super::{notify, record};
use crate::core::context::Context;
use crate::core::effects::EffectError;
use crate::core::lock::Lock;
use crate::core::statebox::error::{StoreError, StoreFault};
use crate::domain::absence::{Announced, ClockOf};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::dates::stamp;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::entries::Question;
use crate::domain::state::oddities::unreadable_statuses;
use crate::domain::state::operation::{Operation, Rejection};
use crate::domain::task::{Task, TaskStatus};

/// Runs `request` for `release` and records its end, whatever the end is.
///
/// # Errors
///
/// Our inability to find out or to act; a verdict, a wait or a closed gate is an [`Outcome`].
pub async fn run_task(ctx: &Context, release: &ZStream, request: TaskRequest) -> Result<TaskReport, TaskFailure> {
    let task = request.task();
    let early = |error| TaskFailure { release: release.clone(), task, done: Vec::new(), error };
    ctx.clock.refresh(&ctx.cancel).await;
    if ctx.cancel.is_cancelled() {
        return Err(early(TaskError::Cancelled));
    }
    ctx.require(request.needs()).map_err(|error| early(error.into()))?;
    if let TaskRequest::CreateTestReport = request {
        return crate::operators::tasks::create_test_report::run(ctx, release).await.map_err(early);
    }
    let alone = alone(ctx, release, task).map_err(early)?;
    let mut run = Run::begin(ctx, release, task).await.map_err(early)?;
    if let Some(unreadable) = unreadable_statuses(&run.state).into_iter().find(|unreadable| unreadable.task == task) {
        return Err(early(TaskError::unreadable_status(release, &unreadable)));
    }
    if alone.is_some() {
        run.by = holder(ctx).map_err(early)?;
    }
    let before = run.state.status(task);
    let work = AssertUnwindSafe(carry_out(&run, &request)).catch_unwind();
    tokio::pin!(work);
    let panicked = |_| Err(TaskError::Internal { assumed: format!("{task} does not panic") });
    let ended = tokio::select! {
        ended = &mut work => ended.unwrap_or_else(panicked),
        () = ctx.cancel.cancelled() => {
            // An effect that is under way is finished and recorded first; the next one does not begin.
            let mut acting = run.acting.subscribe();
            tokio::select! {
                ended = &mut work => ended.unwrap_or_else(panicked),
                _ = acting.wait_for(|effects| *effects == 0) => Err(TaskError::Cancelled),
            }
        }
    };
    // A request that was cut off says so in words of its own.
    let cut_off = |error: &TaskError| ctx.cancel.is_cancelled() && !matches!(error, TaskError::Internal { .. });
    let ended = ended.map_err(|error| if cut_off(&error) { TaskError::Cancelled } else { error });
    let ended = ended.or_else(|error| as_outcome(&run, error));
    record::reason(&run, &request, ended.as_ref().ok());
    let posts = notify::of_end(&run, ended.as_ref());
    let recorded = record::end(&run, ended.as_ref()).await;
    // What another run made of the task is for that run to say.
    if !recorded.as_ref().is_err_and(is_refused) {
        let stored = recorded.as_ref().ok().and_then(|recorded| recorded.state.as_ref());
        Box::pin(notify::send(&run, posts, stored)).await;
    }
    let effects = run.effects_so_far();
    let failure = |error| TaskFailure { release: release.clone(), task, done: effects.clone(), error };
    let outcome = ended.map_err(&failure)?;
    let (outcome, after) = match recorded {
        Ok(recorded) => (outcome, recorded.after),
        Err(error) => {
            let outcome = as_outcome(&run, error).map_err(&failure)?;
            let after = if let Outcome::Unchanged { .. } = outcome { TaskStatus::Pass } else { before };
            (outcome, after)
        }
    };
    let Notes { warnings, effects, comparisons, advice, would, owed, .. } = std::mem::take(&mut *run.notes());
    let report = TaskReport {
        release: release.clone(),
        task,
        before,
        after,
        outcome,
        warnings,
        effects,
        started_at: run.started_at,
        ended_at: ctx.clock.now(),
        log: run.log.text(),
        comparisons,
        advice,
        would,
        owed,
    };
    if !ctx.options.dry_run {
        last_look::keep(ctx, &report);
    }
    Ok(report)
}

/// Two runs of one task would both look, find nothing, and both act; the second is refused instead.
fn alone(ctx: &Context, release: &ZStream, task: Task) -> Result<Option<Lock>, TaskError> {
    if !task.has_effects() || ctx.options.dry_run {
        return Ok(None);
    }
    let does = format!("runs {task} of {release} right now");
    let next = format!("wait until it ends, then: oar -r {release} status");
    TaskError::unless_busy(&ctx.home, &release.into(), task.name(), does, next).map(Some)
}

/// The name under which this process announces what it is about to do.
fn holder(ctx: &Context) -> Result<String, TaskError> {
    ctx.holder().map_err(|cause| {
        let path = ctx.home.join("machine").display().to_string();
        TaskError::Effect(EffectError::Ledger { path, cause })
    })
}

/// A task that is done stays done: pressing the button again changes nothing.
async fn carry_out(run: &Run<'_>, request: &TaskRequest) -> Result<Outcome, TaskError> {
    let passed = run.state.status(run.task) == TaskStatus::Pass;
    let owes = passed && request.may_finish() && owed::is_open(&run.state, run.task);
    if passed && !owes && !run.task.looks_again_after_pass() {
        return Ok(Outcome::Unchanged { why: format!("{} passed already", run.task) });
    }
    let worked = if owes { owed::of_finish(run, finish(run).await) } else { dispatch(run, request).await };
    let outcome = match worked {
        Err(stopped @ TaskError::DryRun { .. }) => {
            let why = stopped.to_string();
            if let TaskError::DryRun { would } = stopped {
                run.notes().would = Some(would);
            }
            return Ok(Outcome::Unchanged { why });
        }
        // A gate that was found closed on the way is one like any other.
        Err(TaskError::Closed { by, .. }) => Outcome::Blocked { by: *by },
        ended => ended?,
    };
    let wait = match &outcome {
        Outcome::Waiting { on, .. } => format!("a wait for {on}"),
        // Whoever runs it again has to know that it would be about another release; the Pass stays all the same.
        Outcome::Blocked { by: ClosedGate::NotReady { .. } } => return Ok(outcome),
        Outcome::Blocked { by } => by.to_string(),
        Outcome::Passed { .. } | Outcome::Failed { .. } | Outcome::Unchanged { .. } => return Ok(outcome),
    };
    if run.state.status(run.task) != TaskStatus::Pass {
        return Ok(outcome);
    }
    // Something that is not there any more is no verdict: the Pass was one.
    Ok(Outcome::Unchanged { why: format!("{} passed already; this look found only {wait}", run.task) })
}

/// What keeps a run from acting without being trouble: another run that is at the task or was faster, and an effect
/// of which nobody knows yet whether it happened.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other errors stay what they are")]
fn as_outcome(run: &Run<'_>, error: TaskError) -> Result<Outcome, TaskError> {
    let by = match error {
        TaskError::Effect(EffectError::Unproven { what, look_again, cause }) => {
            if let Some(cause) = cause {
                run.warn(format!("the answer got lost: {cause}"));
            }
            ClosedGate::Unproven { what, look_again }
        }
        TaskError::Effect(EffectError::OutOfSight { key, what, at }) => {
            let text =
                format!("did this happen: {what}? It was tried at {}, and no list reaches back so far", stamp(at));
            let open = run.state.task(run.task).and_then(|entry| entry.question).filter(|open| open.key == key);
            let question = open.unwrap_or_else(|| Question::whether(&key, text, run.ctx.clock.now()));
            run.with_the_end(Operation::Ask { task: run.task, question: question.clone() });
            ClosedGate::Asked { question }
        }
        TaskError::Store(store) => match store.fault {
            StoreFault::Rejected(Rejection::StartedElsewhere { task, by, at }) => {
                let until = Announced { at, clock: ClockOf::Others }.settled_at();
                ClosedGate::RunElsewhere { task, by, since: at, until }
            }
            StoreFault::Rejected(Rejection::PassStays { task, to: TaskStatus::InProgress }) if task == run.task => {
                return Ok(Outcome::Unchanged {
                    why: format!("somebody else was faster: {task} has passed meanwhile"),
                });
            }
            fault => return Err(StoreError { fault, ..*store }.into()),
        },
        error => return Err(error),
    };
    Ok(Outcome::Blocked { by })
}

/// Did the rules refuse what the run wanted to store?
fn is_refused(error: &TaskError) -> bool {
    matches!(error, TaskError::Store(store) if matches!(store.fault, StoreFault::Rejected(_)))
}
