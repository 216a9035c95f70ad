//! Look, plan, act, again: until only waits remain, or through them.

use jiff::{SignedDuration, Timestamp};

use super::event::DriveEvent;
use super::lease::{self, HeldLease, SeenLeases};
use super::memory::Memory;
use super::options::{DriveOptions, OUTAGE_WAIT, Persistence, is_broken_file, passes_by};
use super::{act, broken_file, gather};
use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::domain::state::lease::LeaseKey;
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus};
use crate::operators::error::TaskError;
use crate::planner::input::{Input, StateSource};
use crate::planner::messages::{Kind, Message};
use crate::planner::plan::{Action, Plan, Verdict};
use crate::planner::walk::plan;

/// Rounds without a wait in between; more than that means that plan and world do not fit together.
const MOST_ROUNDS: u32 = 100;

/// The shortest wait of a watching drive: nothing we wait for changes faster.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// A process that wakes up so much later than it wanted was stopped.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// Drives `release`; the last plan says where it stands.
///
/// # Errors
///
/// The state cannot be read or written, somebody else drives, or the run was cancelled.
pub async fn drive(
    ctx: &Context,
    release: &ZStream,
    options: &DriveOptions,
    tell: &mut (dyn FnMut(DriveEvent<'_>) + Send),
) -> Result<Plan, TaskError> {
    let mut memory = Memory::default();
    let mut held = None;
    let ended = Box::pin(rounds(ctx, release, options, &mut memory, &mut held, tell)).await;
    if let Some(lease) = held {
        lease.give_back(ctx).await;
    }
    ended
}

/// What is next, without doing anything.
///
/// # Errors
///
/// Build data cannot be read.
pub async fn look(ctx: &Context, release: &ZStream, options: &DriveOptions) -> Result<Plan, TaskError> {
    ctx.clock.refresh(&ctx.cancel).await;
    if ctx.cancel.is_cancelled() {
        return Err(TaskError::Cancelled);
    }
    let mut input = gather::input(ctx, release, options, &Memory::of_others()).await?;
    input.rest_until_due();
    Ok(plan(&input))
}

/// What is next as far as the stored state goes: no service is asked.
pub fn stored(ctx: &Context, release: &ZStream, state: &State) -> Plan {
    plan(&gather::stored::stored(ctx, release, state))
}

/// What is next, as far as it can be found out now: from the stored state alone when that is `old` already or a look
/// fails, with why it failed.
pub async fn look_or_stored(ctx: &Context, release: &ZStream, state: &State, old: bool) -> (Plan, Option<TaskError>) {
    let looked = if old { None } else { Some(look(ctx, release, &DriveOptions::default()).await) };
    let trouble = match looked {
        Some(Ok(plan)) => return (plan, None),
        Some(Err(error)) => Some(error),
        None => None,
    };
    let mut planned = stored(ctx, release, state);
    // Nobody was asked; that is said once, not per service.
    planned.messages.retain(|message| !message.kind.is_about_an_outage());
    (planned, trouble)
}

async fn rounds(
    ctx: &Context,
    release: &ZStream,
    options: &DriveOptions,
    memory: &mut Memory,
    held: &mut Option<HeldLease>,
    tell: &mut (dyn FnMut(DriveEvent<'_>) + Send),
) -> Result<Plan, TaskError> {
    memory.retry = options.retry;
    memory.stored = ctx.options.dry_run;
    let mut asked_again = options.retry;
    let mut rounds_without_wait = 0;
    // What cannot be sent goes on waiting; whether the store answers shows in what follows.
    let _ = ctx.statebox.send_waiting(release).await;
    let over = || options.until.is_some_and(|end| ctx.clock.now() >= end);
    if options.take_over.is_some() && !ctx.options.dry_run {
        *held = lease::take(ctx, release, LeaseKey::Driver, options.take_over.clone()).await?;
    }
    loop {
        ctx.clock.refresh(&ctx.cancel).await;
        if ctx.cancel.is_cancelled() {
            return Err(TaskError::Cancelled);
        }
        if let Some(lease) = held.as_ref().filter(|lease| lease.is_over(ctx)) {
            // Nobody may have taken it while the store was away; after a stop of ours it is lost.
            lease.keep(ctx).await?;
        }
        let mut input = match gather::input(ctx, release, options, memory).await {
            Err(error) if sits_out(options, &error) && !over() => {
                broken_file::say(ctx, release, options, &error, memory, tell).await;
                sit_out(ctx, held.as_ref()).await?;
                continue;
            }
            input => input?,
        };
        broken_file::is_mended(memory, tell);
        if let Some(wrong) = ctx.repo.wrong_clock().filter(|_| !ctx.options.dry_run) {
            return Err(wrong.into());
        }
        without_ours(ctx, &mut input, held.as_ref()).await?;
        if let Some(task) = asked_again.take().filter(|task| input.status(*task) == TaskStatus::Pass) {
            return Err(nothing_to_retry(release, task));
        }
        if ctx.options.dry_run {
            input.rest_until_due();
        }
        let now_plan = plan(&input);
        if now_plan.actions.is_empty() {
            // A plan that needs a person may still wait for something that comes by itself or that a look finds mended,
            // and a release can be done while nobody knows yet whether its last message arrived.
            let looks = if options.asks_people { now_plan.recheck_at() } else { now_plan.look_again_at() };
            let looks = looks.filter(|_| !matches!(now_plan.verdict, Verdict::Done));
            let watches = options.persistence == Persistence::Watch && !over();
            let recheck_at = looks.into_iter().chain(memory.settles_a_notification(ctx.clock.now())).min();
            let Some(recheck_at) = recheck_at.filter(|_| watches) else { return Ok(now_plan) };
            let until = recheck_at.max(ctx.clock.now().checked_add(SHORTEST_WAIT).unwrap_or(recheck_at));
            tell(DriveEvent::Waits { until, plan: &now_plan });
            wait(ctx, until, !now_plan.running.is_empty(), held).await?;
            rounds_without_wait = 0;
            continue;
        }
        if ctx.options.dry_run {
            return Ok(now_plan);
        }
        let acted = async {
            hold(ctx, release, &input, held)?;
            let under = held.as_ref().map(|lease| lease.context(ctx));
            act::carry_out(under.as_ref().unwrap_or(ctx), release, options, &now_plan, memory, tell).await
        };
        let acted = acted.await;
        // Nothing was changed under it, so there is nothing to keep or to give back.
        *held = held.take().filter(|lease| lease.held().fence().is_some());
        if let Err(error) = acted {
            if !sits_out(options, &error) || over() {
                return Err(error);
            }
            // The store of the state is away for a moment, or its file is broken; who watches looks again.
            sit_out(ctx, held.as_ref()).await?;
        }
        rounds_without_wait += 1;
        if options.persistence == Persistence::Once {
            let mut input = gather::input(ctx, release, options, memory).await?;
            without_ours(ctx, &mut input, held.as_ref()).await?;
            return after_one_round(ctx, release, options, input, memory, held, tell).await;
        }
        if rounds_without_wait >= MOST_ROUNDS {
            return Ok(in_circles(release, now_plan));
        }
    }
}

/// Holds the lease that the first change takes, unless one is held or there is no file to hold it.
fn hold(ctx: &Context, release: &ZStream, input: &Input, held: &mut Option<HeldLease>) -> Result<(), TaskError> {
    if held.is_none() && input.source != StateSource::None {
        let seen = SeenLeases { running: &input.leases, epoch: Some(input.drive_epoch) };
        *held = Some(lease::with_first_change(ctx, release, LeaseKey::Driver, seen)?);
    }
    Ok(())
}

/// The plan after a single round. What that round found is posted now: the next one begins without knowing it.
async fn after_one_round(
    ctx: &Context,
    release: &ZStream,
    options: &DriveOptions,
    mut input: Input,
    memory: &mut Memory,
    held: &mut Option<HeldLease>,
    tell: &mut (dyn FnMut(DriveEvent<'_>) + Send),
) -> Result<Plan, TaskError> {
    let mut now_plan = plan(&input);
    now_plan.actions.retain(|action| matches!(action, Action::Notify { .. } | Action::SendDue));
    if now_plan.actions.is_empty() {
        return Ok(plan(&input));
    }
    hold(ctx, release, &input, held)?;
    let under = held.as_ref().map(|lease| lease.context(ctx));
    act::carry_out(under.as_ref().unwrap_or(ctx), release, options, &now_plan, memory, tell).await?;
    input.notified.extend(memory.notified(ctx.clock.now()));
    input.has_due = false;
    Ok(plan(&input))
}

/// The plan of a drive that would do the same for ever: a person has to see why it changes nothing.
fn in_circles(release: &ZStream, mut plan: Plan) -> Plan {
    let repeated: Vec<_> = plan.actions.iter().filter_map(Action::task).map(|task| task.to_string()).collect();
    let what = if repeated.is_empty() { "the same changes of the state".to_owned() } else { repeated.join(", ") };
    let text = format!("{what} came {MOST_ROUNDS} times in a row and changed nothing; the drive stops here");
    let mut message = Message::new(Kind::Stalled, text).occasion(&what);
    for task in plan.actions.iter().filter_map(Action::task) {
        message = message.step(format!("see what it says: oar -r {release} {task}"));
    }
    plan.messages.push(message.step("if that is no reason to stop, report it as a bug of oar, with its output"));
    plan.actions.clear();
    plan.verdict = Verdict::NeedsPerson;
    plan
}

/// A plan of ours says who else is at work. Who was stopped and continued finds here, too, that somebody else drives.
async fn without_ours(ctx: &Context, input: &mut Input, held: Option<&HeldLease>) -> Result<(), TaskError> {
    if let Some(ours) = held.filter(|_| input.source == StateSource::StateBox) {
        ours.is_still_ours(ctx, input.drive_epoch).await?;
    }
    input.leases.retain(|lease| held.is_none_or(|ours| ours.held().key() != lease.key));
    Ok(())
}

/// Does this drive wait for the end of such trouble?
fn sits_out(options: &DriveOptions, error: &TaskError) -> bool {
    options.persistence == Persistence::Watch && (passes_by(error) || is_broken_file(error))
}

/// Leaves a store alone that did not answer, or whose file has to be mended.
async fn sit_out(ctx: &Context, held: Option<&HeldLease>) -> Result<(), TaskError> {
    ctx.clock.pause(OUTAGE_WAIT, &ctx.cancel).await;
    match held {
        Some(lease) if !ctx.cancel.is_cancelled() => lease.keep(ctx).await,
        Some(_) | None => Ok(()),
    }
}

/// Waits until `until`. While jobs of ours run, the lease is prolonged when nothing else was written; a driver
/// that only waits for others lets it end, and takes it again before it changes anything.
async fn wait(ctx: &Context, until: Timestamp, jobs_run: bool, held: &mut Option<HeldLease>) -> Result<(), TaskError> {
    loop {
        let next = match held.as_ref().filter(|_| jobs_run) {
            Some(lease) => until.min(lease.held().renew_at()),
            None => until,
        };
        ctx.clock.pause(next.duration_since(ctx.clock.now()), &ctx.cancel).await;
        ctx.clock.refresh(&ctx.cancel).await;
        if ctx.cancel.is_cancelled() {
            return Ok(());
        }
        if let Some(lease) = held.as_ref() {
            let late = ctx.clock.now().duration_since(next) > LATE;
            if jobs_run || late {
                // Stopped and continued hours later, we find here that somebody else drives.
                lease.keep(ctx).await?;
            } else if lease.is_over(ctx) {
                *held = None;
            }
        }
        if ctx.clock.now() >= until {
            return Ok(());
        }
    }
}

/// `--retry` names what failed. A Pass is kept, and whoever asks for it is answered so.
fn nothing_to_retry(release: &ZStream, task: Task) -> TaskError {
    let next = match task.looks_again_after_pass() {
        true => format!("to look once more: oar -r {release} {task}"),
        false => format!(
            "if the Pass is wrong: oar -r {release} update-task-status {task} Fail --override --reason TEXT, then \
             --retry"
        ),
    };
    TaskError::Refused { why: format!("{task} has passed; --retry tries again only what did not"), next }
}
