//! Carries a plan out: task runs through the one way in, marks through the state.

use jiff::Timestamp;

use super::event::DriveEvent;
use super::lease;
use super::memory::Memory;
use super::options::DriveOptions;
use crate::core::context::Context;
use crate::core::notices::of_plan::{self, PlanMessage};
use crate::domain::release::ZStream;
use crate::domain::state::operation::{AddIssue, Change, Operation, SetTask};
use crate::domain::task::{Task, TaskStatus, Which};
use crate::operators::error::TaskError;
use crate::operators::execute::run_task;
use crate::operators::notify;
use crate::operators::request::TaskRequest;
use crate::operators::run_log::{Level, RunLog};
use crate::planner::plan::{Action, Plan};

/// Carries out every action of `plan`, in its order. Outcomes are seen by the next plan.
///
/// # Errors
///
/// The state cannot be written or made, or the run was cancelled. Any other task that could not be carried out
/// is reported and remembered, not returned.
pub(super) async fn carry_out(
    ctx: &Context,
    release: &ZStream,
    options: &DriveOptions,
    plan: &Plan,
    memory: &mut Memory,
    tell: &mut (dyn FnMut(DriveEvent<'_>) + Send),
) -> Result<(), TaskError> {
    let mut arrived = Vec::new();
    for action in &plan.actions {
        if ctx.cancel.is_cancelled() {
            return Err(TaskError::Cancelled);
        }
        still_ours(ctx, release).await?;
        match action {
            Action::Run(task) => {
                // After its Pass a task only does what it owes; nobody takes anything over with that.
                let passed = plan.passed.contains(task);
                let options = if passed { &DriveOptions::default() } else { options };
                let Some(request) = request(*task, options) else { continue };
                run(ctx, release, request, memory, tell).await?;
            }
            Action::Check(task, _) => {
                let Some(request) = request(*task, options) else { continue };
                run(ctx, release, request, memory, tell).await?;
            }
            Action::Analyze(which) | Action::Conclude { which, .. } => {
                run(ctx, release, analysis(*which, options), memory, tell).await?;
            }
            Action::Notify { message, key } => {
                may_send(ctx, release).await?;
                let owner = options.owner(ctx, release);
                let text = PlanMessage {
                    text: &message.text,
                    steps: &message.steps,
                    links: &message.links,
                    owner: owner.as_deref(),
                };
                let sent = of_plan::send(ctx.notifier(&ctx.slack()), release, text, key).await;
                memory.notified.insert(key.clone(), sent.look_again);
                for trouble in sent.warnings {
                    tell(DriveEvent::Marked(format!("{trouble} ({})", message.text)));
                }
                if sent.is_settled {
                    arrived.push(Operation::Notified { task: message.task, key: key.clone() });
                }
            }
            Action::SendDue => {
                memory.due_not_before = Some(Timestamp::MAX);
                may_send(ctx, release).await?;
                if let Some(loaded) = ctx.statebox.load(release).await? {
                    let caught_up = notify::catch_up(ctx, release, &loaded.state).await;
                    memory.due_not_before = caught_up.look_again.or(memory.due_not_before);
                    caught_up.said.into_iter().for_each(|line| tell(DriveEvent::Marked(line)));
                }
            }
            Action::MarkFail { .. }
            | Action::ResetTask { .. }
            | Action::ResolveIssue { .. }
            | Action::AddBlocker { .. } => {
                mark(ctx, release, action, tell).await?;
                // Put back because a person wants it tried again: that is done with this.
                memory.retry = memory.retry.filter(|task| action.task() != Some(*task));
            }
        }
    }
    if let Some(trouble) = notify::store(ctx, release, &arrived).await {
        tell(DriveEvent::Marked(trouble));
    }
    still_ours(ctx, release).await
}

/// A message changes something for others, too: the lease is taken first, unless nobody would get one anyway.
async fn may_send(ctx: &Context, release: &ZStream) -> Result<(), TaskError> {
    if ctx.notifier(&ctx.slack()).may_send() {
        ctx.statebox.may_act(release).await?;
    }
    Ok(())
}

/// A run that lost the lease says so in words of its own; the drive ends with that.
async fn still_ours(ctx: &Context, release: &ZStream) -> Result<(), TaskError> {
    ctx.statebox.lost_lease(release).await.map_or(Ok(()), |error| Err(error.into()))
}

async fn run(
    ctx: &Context,
    release: &ZStream,
    request: TaskRequest,
    memory: &mut Memory,
    tell: &mut (dyn FnMut(DriveEvent<'_>) + Send),
) -> Result<(), TaskError> {
    let task = request.task();
    if memory.retry == Some(task) {
        memory.retry = None;
    }
    match run_task(ctx, release, request).await {
        Ok(report) => {
            memory.ran(&report, ctx.clock.now());
            tell(DriveEvent::Ran(&report));
        }
        Err(failure) if matches!(failure.error, TaskError::Cancelled) => return Err(failure.error),
        Err(failure) if lease::is_refused(&failure.error) => return Err(failure.error),
        // Without a state file there is nothing else to go on with, and nothing remembers the attempt.
        Err(failure) if task == Task::CreateTestReport => return Err(failure.error),
        Err(failure) => {
            memory.could_not(&failure, ctx.clock.now());
            tell(DriveEvent::CouldNot(&failure));
        }
    }
    Ok(())
}

/// The request for a task, with what the person asked for; nothing for tasks of the other flow
/// and for an approval that only a person starts.
fn request(task: Task, options: &DriveOptions) -> Option<TaskRequest> {
    let request = TaskRequest::of_task(task).pop()?;
    Some(match request {
        TaskRequest::TakeOwnership { reason, .. } => {
            TaskRequest::TakeOwnership { email: options.email.clone(), reason }
        }
        TaskRequest::AnalyzeBuild { which, .. } => analysis(which, options),
        TaskRequest::ChangeAdvisoryStatus { .. } => TaskRequest::ChangeAdvisoryStatus {
            ignore_release_date: options.early.is_some(),
            reason: options.early.clone(),
        },
        TaskRequest::AddQeApproval { .. } => return None,
        TaskRequest::CreateTestReport
        | TaskRequest::CheckCveTrackerBug
        | TaskRequest::CheckRhcosSecurityAlerts
        | TaskRequest::PushToCdnStaging { .. }
        | TaskRequest::CompareImages { .. }
        | TaskRequest::ImageConsistencyCheck { .. }
        | TaskRequest::StageTesting { .. }
        | TaskRequest::ImageSignedCheck => request,
    })
}

fn analysis(which: Which, options: &DriveOptions) -> TaskRequest {
    let decide = options.decide.as_ref().filter(|(meant, _)| *meant == which).map(|(_, verdict)| verdict.clone());
    TaskRequest::AnalyzeBuild { which, decide }
}

async fn mark(
    ctx: &Context,
    release: &ZStream,
    action: &Action,
    tell: &mut (dyn FnMut(DriveEvent<'_>) + Send),
) -> Result<(), TaskError> {
    let at = ctx.clock.now();
    let set = |task: Task, to: TaskStatus, note: &str| {
        let log = RunLog::masked_by(ctx.masker());
        log.add(at, Level::Info, note);
        log.mark(at, task, to);
        Operation::SetTask(SetTask {
            result: Some(log.text()),
            reason: Change::Set(note.to_owned()),
            intent: Change::Clear,
            ..SetTask::new(task, to, at)
        })
    };
    let (operations, what) = match action {
        Action::MarkFail { task, note, blocker } => {
            let mut operations = vec![set(*task, TaskStatus::Fail, note)];
            operations.extend(blocker.as_ref().map(|found| {
                Operation::AddIssue(AddIssue {
                    text: found.text.clone(),
                    blocker: true,
                    related: vec![*task],
                    source: Some(found.source.to_owned()),
                    at,
                })
            }));
            (operations, format!("{task} marked Fail: {note}"))
        }
        Action::ResetTask { task, note } => {
            let reset = Operation::SetTask(SetTask {
                reason: Change::Set(note.clone()),
                intent: Change::Clear,
                job_ref: Change::Clear,
                ..SetTask::new(*task, TaskStatus::NotStarted, at)
            });
            (vec![reset], format!("{task} put back to Not Started: {note}"))
        }
        Action::ResolveIssue { issue, resolution } => (
            vec![Operation::ResolveIssue { search: issue.clone(), resolution: resolution.clone(), at }],
            format!("issue {issue} resolved: {resolution}"),
        ),
        Action::AddBlocker { task, text, source } => (
            vec![Operation::AddIssue(AddIssue {
                text: text.clone(),
                blocker: true,
                related: task.iter().copied().collect(),
                source: Some(source.clone()),
                at,
            })],
            format!("blocker added: {text}"),
        ),
        Action::Run(_)
        | Action::Check(..)
        | Action::Analyze(_)
        | Action::Conclude { .. }
        | Action::Notify { .. }
        | Action::SendDue => {
            return Ok(());
        }
    };
    ctx.statebox.apply(release, &operations, what.as_str()).await?;
    tell(DriveEvent::Marked(what));
    Ok(())
}
