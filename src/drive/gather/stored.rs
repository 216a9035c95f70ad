//! What the state file says, as the planner wants to see it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::core::context::Context;
use crate::domain::absence::{Announced, ClockOf};
use crate::domain::assembly::changes::REPLACED_SOURCE;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::dates;
use crate::domain::job_trace;
use crate::domain::outcome::Wait;
use crate::domain::owed;
use crate::domain::release::ZStream;
use crate::domain::state::entries::{StoppedBy, TaskEntry};
use crate::domain::state::holder;
use crate::domain::state::lease::{Lease, LeaseKey};
use crate::domain::state::oddities::unreadable_statuses;
use crate::domain::state::operation::Rejection;
use crate::domain::state::view::State;
use crate::domain::stopped;
use crate::domain::task::{Task, TaskStatus, Which};
use crate::domain::verdict::VerdictClass;
use crate::domain::withdrawal;
use crate::drive::memory::{CREDENTIAL_RECHECK, Memory};
use crate::drive::options::DriveOptions;
use crate::operators::steps::last_look;
use crate::planner::facts::{BuildVerdict, PromotionFact};
use crate::planner::input::{Input, Issues, OpenIssue, OwedStep, Replaced, StateSource, TaskFacts};
use crate::planner::limits::StallLimits;
use crate::planner::old_fail::{self, FailCause};

/// The stored facts alone; everything that a service would have to tell is unknown.
pub(in crate::drive) fn stored(ctx: &Context, release: &ZStream, state: &State) -> Input {
    let mut input = Input::unknown(&release.to_string(), ctx.clock.now(), ctx.clock.today());
    let nobody = DriveOptions::default();
    input.policy = ctx.settings.stage_policy;
    input.stall = stall_limits(ctx);
    input.owner = nobody.owner(ctx, release);
    input.source = StateSource::StateBox;
    from_state(&mut input, ctx, state, &Memory::of_others());
    // Nobody was asked: what is shown is as old as the file.
    input.release_date = state.metadata().release_date.as_deref().and_then(dates::release_date);
    input.flow = state.flow();
    if was_promoted(state) {
        input.promotion = PromotionFact::Accepted;
    }
    input.candidate_build = state.metadata().candidate_builds.get("x86_64").cloned();
    decided(&mut input, state, &nobody);
    input
}

/// Do the stored tasks show that the payload was promoted?
fn was_promoted(state: &State) -> bool {
    let begun = |task: Task| state.status(task) != TaskStatus::NotStarted;
    Task::ALL.into_iter().any(|task| task.begins_after_promotion() && begun(task))
}

pub(super) fn from_state(input: &mut Input, ctx: &Context, state: &State, memory: &Memory) {
    input.overall = Some(state.overall());
    for entry in state.tasks() {
        if let (Some(task), Some(status)) = (entry.task(), entry.status.known()) {
            // Of a task that stands twice the first entry counts, as everywhere.
            input.tasks.entry(task).or_insert_with(|| task_facts(task, status, &entry));
        }
    }
    input.notified.extend(state.notified());
    input.has_due = !state.due().is_empty() && memory.due_not_before.is_none_or(|at| at <= input.now);
    input.unreadable_statuses = unreadable_statuses(state);
    input.drive_epoch = state.lease(LeaseKey::Driver).map_or(0, |lease| lease.epoch);
    let leases = LeaseKey::ALL.iter().filter_map(|key| state.lease(*key));
    input.leases = leases.filter(|lease| lease.runs_at(input.now)).collect();
    for unreadable in &input.unreadable_statuses {
        // Nobody knows how far it is: neither repeated nor passed over.
        input.tasks.entry(unreadable.task).or_default().status = TaskStatus::InProgress;
    }
    input.owed = owed(state, memory, input.now);
    if memory.stored {
        looked(input, ctx, state);
        announced_elsewhere(input, ctx, state);
        stopped(input, ctx, state);
        input.other_driver = other_driver(ctx, state, input.now);
    }
    for (task, last) in &memory.last {
        let facts = input.tasks.entry(*task).or_default();
        facts.not_before = last.not_before;
        facts.blocked_by.clone_from(&last.blocked_by);
        facts.waiting_on.clone_from(&last.waiting_on);
        facts.failed_now = last.failed && facts.status == TaskStatus::Fail;
        if last.outages > 0 {
            facts.retries_used = last.outages - 1;
            facts.fail_cause = facts.fail_cause.or((facts.status == TaskStatus::Fail).then_some(FailCause::Transient));
        }
    }
    input.issues = issues(state);
    input.replaced = replaced(state);
    input.given_up = state.issues().into_iter().find_map(|issue| {
        let resolution = issue.resolution.filter(|_| issue.blocker && issue.resolved)?;
        withdrawal::gives_up(&input.release, &resolution).then_some(resolution)
    });
}

/// When the next look is due of what this machine looked at.
fn looked(input: &mut Input, ctx: &Context, state: &State) {
    for entry in state.tasks() {
        let Some(task) = entry.task() else { continue };
        if let Some(at) = last_look::due(ctx, state.release(), task, &entry) {
            input.tasks.entry(task).or_default().not_before = Some(at);
        }
    }
}

/// What another machine announced a moment ago is for that machine to do: a run from here would wait for it.
fn announced_elsewhere(input: &mut Input, ctx: &Context, state: &State) {
    let Ok(ours) = ctx.holder() else { return };
    for entry in state.tasks() {
        let (Some(task), Some(intent)) = (entry.task(), &entry.intent) else { continue };
        let Some(since) = intent.at.filter(|_| !holder::is_same(&intent.by, &ours)) else { continue };
        let until = Announced { at: since, clock: ClockOf::Others }.settled_at();
        if until > input.now && entry.status.known() != Some(TaskStatus::Pass) {
            let facts = input.tasks.entry(task).or_default();
            facts.not_before = Some(until);
            facts.blocked_by = Some(ClosedGate::RunElsewhere { task, by: intent.by.clone(), since, until });
        }
    }
}

/// The lease of a driver on another machine, while it keeps a drive from here away.
fn other_driver(ctx: &Context, state: &State, now: Timestamp) -> Option<Lease> {
    let ours = ctx.holder().ok()?;
    state.lease(LeaseKey::Driver).filter(|lease| Rejection::held(lease, &ours, now).is_some())
}

/// What stopped the last run of each task, as a drive that looked just now would know it.
fn stopped(input: &mut Input, ctx: &Context, state: &State) {
    let (soon, machine) = (input.now.checked_add(CREDENTIAL_RECHECK).ok(), ctx.machine());
    for entry in state.tasks() {
        let (Some(task), Some(stop)) = (entry.task(), entry.present_stop()) else { continue };
        if stop.on.is_some() && stop.on != machine {
            continue;
        }
        let owed = input.owed.get_mut(&task);
        if entry.status.known() == Some(TaskStatus::Pass) && owed.is_none() {
            continue;
        }
        let job = job_trace::job_of(task, &entry);
        let gate = stopped::gate(stop, task, job.as_ref(), soon.unwrap_or(input.now));
        match (gate, stop.by) {
            (Some(gate), _) => input.tasks.entry(task).or_default().blocked_by = Some(gate),
            (None, StoppedBy::Lacks) => {
                input.credentials_missing.insert(task, stop.what.clone());
                input.credentials_again.extend(soon.map(|at| (task, at)));
            }
            (None, StoppedBy::StepLeft) => {
                if let Some(owed) = owed {
                    owed.left = Some(stop.what.clone());
                }
            }
            (
                None,
                StoppedBy::Decision
                | StoppedBy::JobGone
                | StoppedBy::ResultUnknown
                | StoppedBy::AdvisoryDropped
                | StoppedBy::AdvisoryState
                | StoppedBy::UnknownOutcome
                | StoppedBy::Missing,
            ) => {}
        }
    }
}

/// What was decided about the two builds that are meant now.
pub(super) fn decided(input: &mut Input, state: &State, options: &DriveOptions) {
    let candidate = input.candidate_build.clone().unwrap_or_default();
    input.candidate_verdict = verdict(state, Which::Candidate, &candidate, options);
    input.promoted_verdict = verdict(state, Which::Promoted, &input.release, options);
}

pub(super) fn stall_limits(ctx: &Context) -> StallLimits {
    let set = &ctx.settings.stall;
    let length = |limit: std::time::Duration| SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
    StallLimits {
        promotion: length(set.promotion),
        test_file: length(set.test_file),
        aggregation: length(set.aggregation),
        analysis: length(set.analysis),
        push: length(set.push),
        stage_release: length(set.stage_release),
        image_consistency: length(set.image_consistency),
        stage_testing: length(set.stage_testing),
    }
}

fn task_facts(task: Task, status: TaskStatus, entry: &TaskEntry) -> TaskFacts {
    let last = entry.attempts.last();
    let fail_cause = (status == TaskStatus::Fail).then(|| match last.and_then(|attempt| attempt.class.as_deref()) {
        Some("transient" | "rate-limit" | "corrupt" | "conflict") => FailCause::Transient,
        Some(class) => match class.parse() {
            Ok(VerdictClass::Deadline) => FailCause::TimedOut,
            Ok(VerdictClass::DeadlineReleased) => FailCause::TimedOutReleased,
            Ok(VerdictClass::Job) => FailCause::JobFailed,
            Ok(VerdictClass::Verdict) | Err(()) => FailCause::Permanent,
        },
        None => old_fail::classify(entry.result.as_deref().unwrap_or_default()),
    });
    TaskFacts {
        status,
        started_at: entry.started(),
        completed_at: entry.completed(),
        job_ref: job_trace::job_of(task, entry),
        attempts: entry.attempts.len(),
        intent: entry.intent.clone(),
        question: entry.question.clone(),
        fail_cause,
        waiting_on: entry.present_reason().filter(|_| status == TaskStatus::InProgress).map(Wait::read),
        last_look: entry.result.as_deref().filter(|_| status == TaskStatus::InProgress).and_then(last_look),
        ..TaskFacts::default()
    }
}

/// The time of the last line of a stored log; every look at a running task stores its own log.
fn last_look(log: &str) -> Option<Timestamp> {
    log.lines().rev().find_map(|line| line.split_once(": ")?.0.parse().ok())
}

/// What was noted when build data replaced something that tasks had passed for.
fn replaced(state: &State) -> Vec<Replaced> {
    let noted = state.issues().into_iter().filter(|issue| {
        !issue.resolved && issue.source.as_deref().is_some_and(|source| source.starts_with(REPLACED_SOURCE))
    });
    let tasks = |names: &[String]| names.iter().filter_map(|name| name.parse().ok()).collect();
    noted
        .map(|issue| Replaced { tasks: tasks(&issue.related_tasks), text: issue.issue, issue: Some(issue.id) })
        .collect()
}

/// What tasks owe, with what the last run of this drive said of it.
fn owed(state: &State, memory: &Memory, now: Timestamp) -> BTreeMap<Task, OwedStep> {
    let noted = state.issues().into_iter().filter(|issue| !issue.resolved);
    let owed = noted.filter_map(|issue| {
        let task = owed::task_of(issue.source.as_deref()?)?;
        let left = memory.last.get(&task).and_then(|last| last.left.clone());
        let left = left.filter(|(_, until)| *until > now).map(|(next, _)| next);
        Some((task, OwedStep { text: issue.issue, issue: issue.id, left }))
    });
    owed.collect()
}

fn issues(state: &State) -> Issues {
    let mut issues = Issues::default();
    for issue in state.issues() {
        let tasks: Vec<Task> = issue.related_tasks.iter().filter_map(|name| name.parse().ok()).collect();
        if issue.resolved {
            let at: Option<Timestamp> = issue.resolved_at.as_deref().and_then(|text| text.parse().ok());
            for task in tasks.iter().filter(|_| issue.blocker) {
                if let Some(at) = at {
                    let last = issues.resolved_at.entry(*task).or_insert(at);
                    *last = (*last).max(at);
                }
            }
        } else if issue.blocker {
            let open = OpenIssue { id: issue.id.clone(), text: issue.issue.clone(), source: issue.source.clone() };
            if issue.related_tasks.is_empty() {
                issues.general.push(open);
            } else {
                for task in tasks {
                    issues.blockers.entry(task).or_default().push(open.clone());
                }
            }
        }
    }
    issues
}

fn verdict(state: &State, which: Which, build: &str, options: &DriveOptions) -> BuildVerdict {
    if let Some((_, decision)) = options.decide.as_ref().filter(|(meant, _)| *meant == which) {
        let reason = decision.reason.clone();
        return match decision.accept {
            true => BuildVerdict::Accept { reason, at: None },
            false => BuildVerdict::Reject { reason, at: None },
        };
    }
    match state.decision_about(which, build) {
        Some(decision) if decision.accept => BuildVerdict::Accept { reason: decision.reason, at: decision.at },
        Some(decision) => BuildVerdict::Reject { reason: decision.reason, at: decision.at },
        None => BuildVerdict::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_tasks_that_begin_after_promotion_tell_that_it_was_promoted() {
        for (tasks, promoted) in [
            ("[]", false),
            ("[{name: push-to-cdn-staging, status: Pass}, {name: analyze-candidate-build, status: Pass}]", false),
            ("[{name: stage-testing, status: Not Started}]", false),
            ("[{name: stage-testing, status: In Progress}]", true),
            ("[{name: image-consistency-check, status: Fail}]", true),
            ("[{name: analyze-promoted-build, status: Pass}]", true),
        ] {
            let text = format!(
                "schema_version: '1.0'\nrelease: 4.20.17\ncreated_at: '2026-06-01T12:00:00Z'\n\
                 updated_at: '2026-06-01T12:00:00Z'\nmetadata: {{}}\ntasks: {tasks}\nissues: []\n"
            );
            assert_eq!(was_promoted(&State::parse(&text, None).unwrap()), promoted, "{tasks}");
        }
    }
}
