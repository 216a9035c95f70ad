//! Rows that are the same for every task: how any single task goes on.

use jiff::SignedDuration;

use super::draft::{Draft, Progress};
use super::input::{Input, OpenIssue, TaskFacts};
use super::messages::{Kind, Message};
use super::old_fail::FailCause;
use super::plan::{Action, Blocker, RETRIES_SOURCE};
use super::table::{Running, approval_threads, running, wait_kind};
use crate::domain::absence::{Announced, ClockOf};
use crate::domain::closed_gate::{ClosedGate, OpenedBy, gone_steps};
use crate::domain::foreign::quoted;
use crate::domain::task::{Task, TaskStatus};

/// Automatic retries after the first try.
pub(super) const MAX_RETRIES: u32 = 3;

/// A check that began this recently may still be running in another process.
const OTHER_RUN: SignedDuration = SignedDuration::from_mins(15);

/// May a task be triggered, as far as other tasks and the world go?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Everything it needs is there.
    Met,
    /// Something is missing; the row that knows what says so.
    Unmet,
}

impl Needs {
    pub(super) fn met_if(met: bool) -> Self {
        if met { Self::Met } else { Self::Unmet }
    }
}

/// Judges `task` by what is stored about it; triggers it only when its needs are met.
pub(super) fn eval(draft: &mut Draft<'_>, task: Task, needs: Needs) -> Progress {
    let facts = draft.facts(task);
    let progress = match draft.status(task) {
        TaskStatus::Pass => Progress::Done,
        TaskStatus::NotStarted | TaskStatus::InProgress | TaskStatus::Fail if asked(draft, task, &facts) => {
            Progress::Blocked
        }
        TaskStatus::InProgress => in_progress(draft, task, &facts, needs),
        TaskStatus::NotStarted | TaskStatus::Fail if held_by_issue(draft, task) => Progress::Blocked,
        TaskStatus::NotStarted => not_started(draft, task, &facts, needs),
        TaskStatus::Fail => failed(draft, task, &facts, needs),
    };
    draft.leave(task, progress)
}

/// Looks at jobs that still run although the walk ended above their rows.
pub(super) fn check_running(draft: &mut Draft<'_>) {
    for task in approval_threads() {
        let facts = draft.facts(task);
        let watched = facts.job_ref.is_some() || running(task) == Running::LooksItself;
        if !draft.was_judged(task) && draft.status(task) == TaskStatus::InProgress && watched {
            eval(draft, task, Needs::Unmet);
        }
    }
}

fn in_progress(draft: &mut Draft<'_>, task: Task, facts: &TaskFacts, needs: Needs) -> Progress {
    let kind = wait_kind(task);
    if let Some(at) = facts.not_before
        && at > draft.input.now
    {
        return match &facts.blocked_by {
            Some(gate) if gate.opened_by() == OpenedBy::Person => {
                stopped(draft, task, facts);
                Progress::Blocked
            }
            Some(gate) if gate.look_again().is_some() => {
                let text = format!("{task} waits: {gate}");
                draft.say(Message::new(Kind::TaskWaiting, text).task(task).since(facts.started_at).recheck(at));
                Progress::Waiting
            }
            Some(_) | None => draft.still_running(task, kind, Some(at)),
        };
    }
    if stopped(draft, task, facts) {
        return Progress::Blocked;
    }
    if let Some(lacking) = draft.lacks(task) {
        draft.say(lacking);
        return Progress::Blocked;
    }
    match running(task) {
        Running::Job => match &facts.job_ref {
            // A look at a running job is not a trigger: it is made whatever was decided above.
            Some(job) => {
                draft.act(Action::Check(task, job.clone()));
                Progress::Waiting
            }
            None => job_unknown(draft, task, facts, needs),
        },
        Running::LooksItself => {
            draft.act(Action::Run(task));
            Progress::Waiting
        }
        Running::RunsAgain => {
            let since_start = facts.started_at.map(|at| draft.input.now.duration_since(at));
            match (since_start, facts.started_at.and_then(|at| at.checked_add(OTHER_RUN).ok())) {
                (Some(age), Some(free_at)) if !age.is_negative() && age < OTHER_RUN => {
                    draft.still_running(task, kind, Some(free_at))
                }
                (_, _) => trigger(draft, task, needs),
            }
        }
    }
}

/// A running task whose job nobody wrote down: its next run looks for the job, and starts one only when the look
/// proves that there is none.
fn job_unknown(draft: &mut Draft<'_>, task: Task, facts: &TaskFacts, needs: Needs) -> Progress {
    if facts.intent.is_some() {
        return trigger(draft, task, needs);
    }
    let settled_at = facts.started_at.map(|at| Announced { at, clock: ClockOf::Others }.settled_at());
    match (facts.started_at, settled_at) {
        (Some(at), Some(settled_at)) if at <= draft.input.now && draft.input.now < settled_at => {
            draft.still_running(task, Kind::AsyncRunning, Some(settled_at))
        }
        (_, _) => trigger(draft, task, needs),
    }
}

/// Does a person have to say first whether an effect of the task happened?
fn asked(draft: &mut Draft<'_>, task: Task, facts: &TaskFacts) -> bool {
    let Some(question) = &facts.question else { return false };
    let text = format!("{task} waits for the answer to question {}: {}", question.id, question.text);
    let message = Message::new(Kind::QuestionOpen, text).task(task).since(question.asked_at).occasion(&question.id);
    let message = message.step("look at the service, then answer:");
    let commands = question.commands(&draft.input.release);
    draft.say(commands.into_iter().fold(message, Message::step));
    true
}

/// Did the last look find something that only a person can mend? Looking again and again changes nothing.
fn stopped(draft: &mut Draft<'_>, task: Task, facts: &TaskFacts) -> bool {
    let release = &draft.input.release;
    let message = match &facts.blocked_by {
        // Somebody named another job since.
        Some(ClosedGate::JobGone { job, .. }) if facts.job_ref.as_ref().is_some_and(|stored| stored.id != job.id) => {
            return false;
        }
        Some(gate @ ClosedGate::JobGone { job, .. }) => {
            let message = Message::new(Kind::JobRefLost, format!("{task} is In Progress, but {gate}"));
            let message = message.link(job.url.as_deref()).occasion(format!("{} {}", job.system.as_str(), job.id));
            gone_steps(release, task, job).into_iter().fold(message, Message::step)
        }
        Some(gate) if is_over(draft.input, gate) => return false,
        // Its time has come.
        Some(gate) if gate.look_again().is_some_and(|at| at <= draft.input.now) => return false,
        Some(gate @ ClosedGate::ResultUnknown { job, look_again, .. }) => {
            let message = Message::new(Kind::TaskBlocked, format!("{task} cannot go on: {gate}"));
            let message = message.link(job.url.as_deref()).recheck(*look_again).occasion(job.id.as_str());
            gone_steps(release, task, job).into_iter().fold(message, Message::step)
        }
        Some(gate) if gate.opened_by() == OpenedBy::Person => {
            let message = Message::new(Kind::TaskBlocked, format!("{task} cannot go on: {gate}"));
            message.step(format!("solve this, then: oar -r {release} {task}")).occasion(gate.to_string())
        }
        Some(_) | None => return false,
    };
    draft.say(message.task(task).since(facts.started_at));
    true
}

/// Does the world show that what closed `gate` is over?
fn is_over(input: &Input, gate: &ClosedGate) -> bool {
    match gate {
        ClosedGate::AdvisoryDropped { .. } => input.nothing_is_dropped(),
        ClosedGate::AdvisoryState { advisories } => input.has_moved(advisories),
        ClosedGate::Promotion { .. }
        | ClosedGate::StageRelease { .. }
        | ClosedGate::Prerequisite { .. }
        | ClosedGate::Queue { .. }
        | ClosedGate::Shipped
        | ClosedGate::TooEarly { .. }
        | ClosedGate::NoReleaseDate
        | ClosedGate::NotReady { .. }
        | ClosedGate::Decision { .. }
        | ClosedGate::Blocker { .. }
        | ClosedGate::Missing { .. }
        | ClosedGate::MergeRequestClosed { .. }
        | ClosedGate::UnknownOutcome { .. }
        | ClosedGate::Unproven { .. }
        | ClosedGate::RunElsewhere { .. }
        | ClosedGate::Asked { .. }
        | ClosedGate::JobGone { .. }
        | ClosedGate::ResultUnknown { .. }
        | ClosedGate::Replaced { .. }
        | ClosedGate::TestRecord { .. }
        | ClosedGate::KernelUnknown { .. }
        | ClosedGate::BadRecord { .. } => false,
    }
}

fn not_started(draft: &mut Draft<'_>, task: Task, facts: &TaskFacts, needs: Needs) -> Progress {
    if let Some(issue) = draft.input.issues.general.first() {
        let text = format!("{task} waits: the release has an open blocker: {}", quoted(&issue.text));
        draft.say(Message::new(Kind::GeneralBlocked, text).task(task).occasion(&issue.id));
        return Progress::Blocked;
    }
    if needs == Needs::Unmet {
        return Progress::Unmet;
    }
    if draft.input.retry == Some(task) {
        return draft.run(task);
    }
    if facts.fail_cause == Some(FailCause::Transient) && facts.retries_used >= MAX_RETRIES {
        let text = exhausted_text(task);
        draft.mark_fail(task, text.clone(), Some(Blocker { text, source: RETRIES_SOURCE }));
        say_failed(draft, task, facts);
        return Progress::Failed;
    }
    let blocked_by = facts.blocked_by.as_ref().filter(|gate| !is_over(draft.input, gate));
    match (blocked_by, facts.not_before) {
        (None, Some(at)) if at > draft.input.now => retry_scheduled(draft, task, at),
        (Some(gate), Some(at)) if at > draft.input.now && gate.opened_by() == OpenedBy::Time => {
            let text = format!("{task} cannot start yet: {gate}");
            draft.say(Message::new(Kind::TaskWaiting, text).task(task).recheck(at));
            Progress::Waiting
        }
        (Some(gate), at) if at.is_none_or(|at| at > draft.input.now) => {
            let text = format!("{task} cannot start: {gate}");
            let step = format!("solve this, then: oar -r {} {task}", draft.input.release);
            draft.say(Message::new(Kind::TaskBlocked, text).task(task).step(step).occasion(gate.to_string()));
            Progress::Blocked
        }
        (None | Some(_), _) => draft.run(task),
    }
}

fn failed(draft: &mut Draft<'_>, task: Task, facts: &TaskFacts, needs: Needs) -> Progress {
    let lifted = match (draft.input.issues.resolved_at.get(&task), facts.completed_at) {
        (Some(resolved), Some(completed)) => *resolved > completed,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if lifted || draft.input.retry == Some(task) {
        return trigger(draft, task, needs);
    }
    match facts.fail_cause.unwrap_or(FailCause::Permanent) {
        FailCause::Prerequisite => {
            let note = "this was a wait, not a failure: what the task needs was not there yet";
            draft.act(Action::ResetTask { task, note: note.into() });
            Progress::Acting
        }
        FailCause::Transient if facts.retries_used >= MAX_RETRIES => exhausted(draft, task, facts),
        FailCause::Transient => match facts.not_before {
            Some(at) if at > draft.input.now => retry_scheduled(draft, task, at),
            Some(_) | None => trigger(draft, task, needs),
        },
        FailCause::TimedOut
        | FailCause::TimedOutReleased
        | FailCause::JobFailed
        | FailCause::Permanent
        | FailCause::Unknown => {
            say_failed(draft, task, facts);
            Progress::Failed
        }
    }
}

fn trigger(draft: &mut Draft<'_>, task: Task, needs: Needs) -> Progress {
    match needs {
        Needs::Met => draft.run(task),
        Needs::Unmet => Progress::Unmet,
    }
}

fn retry_scheduled(draft: &mut Draft<'_>, task: Task, at: jiff::Timestamp) -> Progress {
    draft
        .say(Message::new(Kind::RetryScheduled, format!("{task} is tried again after a pause")).task(task).recheck(at));
    Progress::Waiting
}

fn exhausted(draft: &mut Draft<'_>, task: Task, facts: &TaskFacts) -> Progress {
    draft.act(Action::AddBlocker { task: Some(task), text: exhausted_text(task), source: RETRIES_SOURCE.into() });
    say_failed(draft, task, facts);
    Progress::Failed
}

fn exhausted_text(task: Task) -> String {
    format!("{task} failed {} times because of outages", MAX_RETRIES + 1)
}

/// Says that `task` failed and what lifts that.
pub(super) fn say_failed(draft: &mut Draft<'_>, task: Task, facts: &TaskFacts) {
    let why = match facts.fail_cause {
        Some(FailCause::TimedOut | FailCause::TimedOutReleased) => "the time-out passed",
        Some(FailCause::JobFailed) => "its job failed",
        Some(FailCause::Transient) => "services kept failing",
        Some(FailCause::Prerequisite) => "what it needs was not there",
        Some(FailCause::Permanent | FailCause::Unknown) | None => "see its result",
    };
    let release = &draft.input.release;
    let url = facts.job_ref.as_ref().and_then(|job| job.url.as_deref());
    let message = Message::new(Kind::TaskFailed, format!("{task} failed: {why}"))
        .task(task)
        .since(facts.completed_at)
        .link(url)
        .step(format!("read the result: oar -r {release} status"))
        .step(format!("to try again: oar -r {release} drive --retry {task}"))
        .step(format!("to accept it as it is: oar -r {release} update-task-status {task} Pass --reason TEXT"))
        .occasion(occasion(facts));
    draft.say(message);
}

/// A blocker of the task holds it; a person's retry lifts the one that reports exhausted retries.
fn held_by_issue(draft: &mut Draft<'_>, task: Task) -> bool {
    let Some(open) = draft.input.issues.blockers.get(&task) else { return false };
    let lifted =
        |issue: &&OpenIssue| draft.input.retry == Some(task) && issue.source.as_deref() == Some(RETRIES_SOURCE);
    let (lifted, holding): (Vec<&OpenIssue>, Vec<&OpenIssue>) = open.iter().partition(lifted);
    let Some(first) = holding.first() else {
        for issue in lifted {
            let resolution = format!("{task} is tried again because a person asked");
            draft.act(Action::ResolveIssue { issue: issue.id.clone(), resolution });
        }
        return false;
    };
    let text = format!("{task} is held back by a blocker: {}", quoted(&first.text));
    let resolve = format!("oar -r {} issue resolve {:?} --resolution TEXT", draft.input.release, first.id);
    let message = Message::new(Kind::TaskBlocked, text)
        .task(task)
        .step("solve what the issue says")
        .step(format!("then: {resolve}"))
        .occasion(&first.id);
    draft.say(message);
    true
}

/// What marks one failure of a task among others.
pub(super) fn occasion(facts: &TaskFacts) -> String {
    facts.completed_at.or(facts.started_at).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
