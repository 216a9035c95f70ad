//! What the test record of one build and the decision about it amount to; candidate and gate share it.

use jiff::Timestamp;

use super::draft::{Draft, Progress};
use super::facts::{BuildVerdict, RecordState};
use super::messages::{Kind, Message};
use super::plan::{Action, Blocker, REJECTED_SOURCE};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::foreign::quoted;
use crate::domain::task::{Task, TaskStatus, Which};

/// What came out for one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judged {
    /// Passed, in this plan or before.
    Good(String),
    /// Rejected for good, unless a person waives it.
    Bad(String),
    /// Nothing yet; a message says what it waits for.
    Open,
}

/// Judges the record of one build and the decision about it; marks what follows.
pub(super) fn judge_record(draft: &mut Draft<'_>, which: Which) -> Judged {
    let input = draft.input;
    let task = which.task();
    let again = input.retry == Some(task);
    let record = input.record(which);
    let verdict = if again { &BuildVerdict::None } else { input.verdict(which) };
    let facts = draft.facts(task);
    let is_fail = facts.status == TaskStatus::Fail && !again;
    if let BuildVerdict::Accept { reason, at } = verdict
        && (matches!(record, RecordState::Rejected { .. } | RecordState::Invalid { .. } | RecordState::Missing)
            || is_fail)
        && (!is_fail || newer(*at, facts.completed_at))
    {
        // A person's decision settles whatever was reported against the build.
        resolve_blockers(draft, task, Whose::Everybody, &format!("waived: {reason}"));
        draft.conclude(which, format!("waived: {reason}"));
        return Judged::Good(format!("waived: {reason}"));
    }
    if *record == RecordState::Accepted {
        if let Some(issue) = input.issues.blockers.get(&task).and_then(|open| open.iter().find(|i| i.source.is_none()))
        {
            let text = format!("the {which} build is accepted, but a blocker is open: {}", quoted(&issue.text));
            let resolve = format!("oar -r {} issue resolve {:?} --resolution TEXT", input.release, issue.id);
            draft.say(Message::new(Kind::TaskBlocked, text).task(task).step(resolve).occasion(&issue.id));
            draft.leave(task, Progress::Blocked);
            return Judged::Open;
        }
        resolve_blockers(draft, task, Whose::Ours, "the build is accepted now");
        draft.conclude(which, "all required tests of the build are accepted");
        return Judged::Good("all required tests are accepted".into());
    }
    if again && facts.status == TaskStatus::Fail {
        // What was decided before counts no more: the build is open again until somebody decides anew.
        resolve_blockers(draft, task, Whose::Ours, "a person asked to have the build judged again");
        draft.act(Action::ResetTask { task, note: "a person asked to have the build judged again".to_owned() });
        draft.leave(task, Progress::Acting);
        return Judged::Open;
    }
    if is_fail {
        draft.leave(task, Progress::Failed);
        let reason = match (record, verdict) {
            (_, BuildVerdict::Reject { reason, .. }) => reason.clone(),
            (RecordState::Rejected { summary }, _) => summary.clone(),
            (_, _) => "see its result".to_owned(),
        };
        return Judged::Bad(reason);
    }
    match record {
        RecordState::Rejected { summary } => rejected(draft, which, summary, verdict),
        RecordState::Missing
        | RecordState::NotStarted
        | RecordState::Aggregating { .. }
        | RecordState::Accepted
        | RecordState::Invalid { .. }
        | RecordState::Unknown { .. } => {
            open(draft, which, record);
            Judged::Open
        }
    }
}

/// Was the decision made after the Fail was recorded? Without both times it was: a Fail ends a decision.
fn newer(decided: Option<Timestamp>, failed: Option<Timestamp>) -> bool {
    match (decided, failed) {
        (Some(decided), Some(failed)) => decided >= failed,
        (None | Some(_), _) => true,
    }
}

/// A record that gives no verdict yet.
fn open(draft: &mut Draft<'_>, which: Which, record: &RecordState) {
    let task = which.task();
    let (kind, text, minutes) = match record {
        RecordState::Missing => (Kind::WaitTestFile, "has no test record yet".to_owned(), 10),
        RecordState::NotStarted => (Kind::WaitAggregation, "is being tested".to_owned(), 10),
        RecordState::Aggregating { missing } if missing.is_empty() => {
            (Kind::WaitAggregation, "is being tested".to_owned(), 10)
        }
        RecordState::Aggregating { missing } => {
            (Kind::WaitAggregation, format!("is being tested; no result yet of {}", missing.join(", ")), 10)
        }
        RecordState::Unknown { why } => {
            (Kind::RecordUnknown, format!("has a test record that cannot be read: {why}"), 5)
        }
        RecordState::Invalid { why } => {
            let text = format!("the test record of the {which} build is unusable: {why}");
            analysis_error(draft, which, &text);
            return;
        }
        RecordState::Accepted | RecordState::Rejected { .. } => return,
    };
    let kind = match which {
        Which::Candidate if kind != Kind::RecordUnknown => Kind::CandidateWaiting,
        Which::Candidate | Which::Promoted => kind,
    };
    let since = if which == Which::Promoted { draft.input.promoted_at } else { None };
    let at = draft.in_minutes(minutes);
    draft.say(Message::new(kind, format!("the {which} build {text}")).task(task).since(since).recheck(at));
    draft.leave(task, Progress::Waiting);
}

/// A rejected record: somebody has to look at it, then somebody has to decide.
fn rejected(draft: &mut Draft<'_>, which: Which, summary: &str, verdict: &BuildVerdict) -> Judged {
    let task = which.task();
    let facts = draft.facts(task);
    let asked = matches!(facts.blocked_by, Some(ClosedGate::Decision { .. })) && draft.input.retry != Some(task);
    match verdict {
        BuildVerdict::None if asked => decision_needed(draft, which, summary),
        BuildVerdict::Pending => decision_needed(draft, which, summary),
        BuildVerdict::None => {
            let text = format!("the {which} build was rejected ({summary}); it is being analysed");
            let message = Message::new(Kind::AnalysisStarted, text).task(task);
            match facts.not_before {
                Some(at) if at > draft.input.now => {
                    draft.say(message.since(facts.started_at).recheck(at));
                    draft.leave(task, Progress::Waiting);
                }
                Some(_) | None => match draft.lacks(task) {
                    Some(lacking) => {
                        draft.say(lacking);
                        draft.leave(task, Progress::Blocked);
                    }
                    None => {
                        draft.say(message);
                        draft.act(Action::Analyze(which));
                        draft.leave(task, Progress::Acting);
                    }
                },
            }
        }
        BuildVerdict::Error { why } => {
            analysis_error(draft, which, &format!("the {which} build could not be analysed: {why}"));
        }
        BuildVerdict::Reject { reason, .. } => {
            let note = format!("rejected: {reason}");
            draft.mark_fail(
                task,
                note.clone(),
                Some(Blocker { text: format!("the {which} build is {note}"), source: REJECTED_SOURCE }),
            );
            return Judged::Bad(reason.clone());
        }
        // Settled above.
        BuildVerdict::Accept { .. } => {}
    }
    Judged::Open
}

fn decision_needed(draft: &mut Draft<'_>, which: Which, summary: &str) {
    let task = which.task();
    let release = &draft.input.release;
    let text = format!("the {which} build was rejected ({summary}); a person has to decide");
    let message = Message::new(Kind::DecisionNeeded, text)
        .task(task)
        .step("look at the failed jobs in the test record")
        .step(format!("oar -r {release} drive --decide {which}=accept --reason TEXT"))
        .step(format!("or: oar -r {release} drive --decide {which}=reject --reason TEXT"));
    draft.say(message);
    draft.leave(task, Progress::Blocked);
}

fn analysis_error(draft: &mut Draft<'_>, which: Which, text: &str) {
    let task = which.task();
    let release = &draft.input.release;
    let message = Message::new(Kind::AnalysisError, text)
        .task(task)
        .step("mend the record, or have its tests run again")
        .step(format!("to try again: oar -r {release} drive --retry {task}"))
        .step(format!("to decide by hand: oar -r {release} drive --decide {which}=accept|reject --reason TEXT"));
    draft.say(message);
    draft.leave(task, Progress::Blocked);
}

/// Whose blockers a verdict resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Those that rules of ours reported.
    Ours,
    /// Also those of people.
    Everybody,
}

fn resolve_blockers(draft: &mut Draft<'_>, task: Task, whose: Whose, resolution: &str) {
    let Some(open) = draft.input.issues.blockers.get(&task) else { return };
    for issue in open.iter().filter(|issue| whose == Whose::Everybody || issue.source.is_some()) {
        draft.act(Action::ResolveIssue { issue: issue.id.clone(), resolution: resolution.to_owned() });
    }
}
