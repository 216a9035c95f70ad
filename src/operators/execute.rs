//! The one way into any task: it brackets the run, so that no task can forget to record its end.
//!
//! `CreateTestReport` comes in here too, but has no bracket: before the state file exists there is nothing
//! that a start or an end could be recorded in.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

use super::dispatch::dispatch;
use super::error::{TaskError, TaskFailure};
use super::record;
use super::report::TaskReport;
use super::request::TaskRequest;
use super::run::{Notes, Run};
use crate::core::context::Context;
use crate::core::effects::EffectError;
use crate::core::error::chain;
use crate::core::lock::Lock;
use crate::core::notices::of_run::{self, End, EndedRun};
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::oddities::unreadable_statuses;
use crate::domain::state::operation::Operation;
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
    record::reason(&run, &request, ended.as_ref().ok());
    notify(&run, ended.as_ref()).await;
    let recorded = record::end(&run, ended.as_ref()).await;
    let effects = run.effects_so_far();
    let failure = |error| TaskFailure { release: release.clone(), task, done: effects.clone(), error };
    let outcome = ended.map_err(&failure)?;
    let after = recorded.map_err(&failure)?;
    let Notes { warnings, effects, comparisons, advice, would, .. } = std::mem::take(&mut *run.notes());
    Ok(TaskReport {
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
    })
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
    if run.state.status(run.task) == TaskStatus::Pass && !run.task.looks_again_after_pass() {
        return Ok(Outcome::Unchanged { why: format!("{} passed already", run.task) });
    }
    let outcome = match dispatch(run, request).await {
        Err(stopped @ TaskError::DryRun { .. }) => {
            let why = stopped.to_string();
            if let TaskError::DryRun { would } = stopped {
                run.notes().would = Some(would);
            }
            return Ok(Outcome::Unchanged { why });
        }
        ended => ended?,
    };
    let wait = match &outcome {
        Outcome::Waiting { on, .. } => format!("a wait for {on}"),
        Outcome::Blocked { by } => by.to_string(),
        Outcome::Passed { .. } | Outcome::Failed { .. } | Outcome::Unchanged { .. } => return Ok(outcome),
    };
    if run.state.status(run.task) != TaskStatus::Pass {
        return Ok(outcome);
    }
    // Something that is not there any more is no verdict: the Pass was one.
    Ok(Outcome::Unchanged { why: format!("{} passed already; this look found only {wait}", run.task) })
}

/// Informs people of how the run ended, where that is worth a message.
async fn notify(run: &Run<'_>, ended: Result<&Outcome, &TaskError>) {
    let end = match ended {
        Ok(outcome) => End::Outcome(outcome),
        Err(error) if error.ends_the_run() => End::BrokeOff { why: chain(error), next: error.next_step() },
        Err(_) => End::Interrupted,
    };
    let (release, task, state, log) = (run.release, run.task, &run.state, run.log.text());
    let services = &run.ctx.settings.services;
    let notices = run.notes().notices.clone();
    let posts = of_run::posts(&EndedRun { release, task, state, end, log, services }, &notices);
    let slack = run.ctx.slack();
    for post in posts {
        if state.task(task).is_some_and(|entry| entry.notified.contains(&post.key)) {
            continue;
        }
        let sent = run.ctx.notifier(&slack).send(release, &post, run.effects()).await;
        if sent.is_new {
            run.add_effect(format!("tell {} on Slack", post.team));
            run.with_the_end(Operation::Notified { task, key: post.key.clone() });
        }
        for warning in sent.warnings {
            run.warn(warning);
        }
    }
}
