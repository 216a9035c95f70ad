//! The approval: all threads come together, the final approval, and shipping.

use std::collections::BTreeSet;

use super::draft::{Draft, GateVerdict, Next, Progress};
use super::facts::{MrFact, PageState, RecordState};
use super::input::{Input, OpenIssue};
use super::messages::{Kind, Message};
use super::old_fail::FailCause;
use super::plan::RETRIES_SOURCE;
use super::preparation::{advisories_known, say_advisories_unknown};
use super::table::approval_threads;
use super::tasks::{Needs, eval};
use crate::domain::advisory::{AdvisoryState, is_managed};
use crate::domain::approval;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::foreign::quoted;
use crate::domain::outcome::Wait;
use crate::domain::task::{Task, TaskStatus};

const APPROVAL: Task = Task::ChangeAdvisoryStatus;

/// Walks the rows of the approval.
pub(super) fn rows(draft: &mut Draft<'_>) -> Next {
    if draft.passed(APPROVAL) {
        draft.leave(APPROVAL, Progress::Done);
        return shipping(draft);
    }
    if all_threads(draft) == Next::Halt || ready_for_approval(draft) == Next::Halt {
        return Next::Halt;
    }
    match draft.status(APPROVAL) {
        TaskStatus::NotStarted => not_started(draft),
        TaskStatus::InProgress => in_progress(draft),
        TaskStatus::Fail => failed(draft),
        TaskStatus::Pass => {}
    }
    Next::Halt
}

/// What is known of the approval before its turn: what will hold it back, and that it is late.
pub(super) fn ahead(draft: &mut Draft<'_>) {
    let input = draft.input;
    if draft.passed(APPROVAL) || input.given_up.is_some() {
        return;
    }
    let said = |draft: &Draft<'_>, kind| draft.messages().iter().any(|message| message.kind == kind);
    let open = input.issues.blockers.get(&APPROVAL).into_iter().flatten();
    if !said(draft, Kind::ApprovalBlocked) {
        for issue in open {
            let text = format!("later: the approval is held back by a blocker: {}", quoted(&issue.text));
            draft.say(Message::new(Kind::ApprovalHeldLater, text).task(APPROVAL).step(lifted_by(input, issue)));
        }
    }
    if let Some(due) = input.release_date.filter(|due| *due < input.today)
        && !said(draft, Kind::LateApproval)
    {
        let days = due.until(input.today).map_or(0, |span| span.get_days());
        let ago = if days == 1 { "yesterday".to_owned() } else { format!("{days} days ago") };
        let text = format!("the release date ({due}) has passed, {ago}; the approval is open");
        draft.say(Message::new(Kind::DatePassed, text));
    }
}

/// How a blocker goes: the check that reported it takes it back itself.
fn lifted_by(input: &Input, issue: &OpenIssue) -> String {
    let release = &input.release;
    match issue.source.as_deref().and_then(|source| source.parse::<Task>().ok()) {
        Some(check) => format!("when it is solved: oar -r {release} {check}, which resolves the blocker"),
        None => format!("then: oar -r {release} issue resolve {:?} --resolution TEXT", issue.id),
    }
}

/// Push, consistency, stage testing and the gate, then the signature.
fn all_threads(draft: &mut Draft<'_>) -> Next {
    let failed: Vec<Task> = approval_threads().filter(|task| draft.progress(*task) == Progress::Failed).collect();
    if !failed.is_empty() {
        let text = format!("the approval cannot be reached: {} failed", names(&failed));
        draft.say(
            Message::new(Kind::SyncFailed, text).step("see what is said about each task").occasion(names(&failed)),
        );
        return Next::Halt;
    }
    let mut open: Vec<Task> = approval_threads().filter(|task| !draft.passed(*task)).collect();
    if draft.gate != GateVerdict::Pass {
        open.push(Task::AnalyzePromotedBuild);
    }
    if !open.is_empty() {
        let signed = draft.passed(Task::ImageSignedCheck);
        let waiting = if signed { "the approval" } else { Task::ImageSignedCheck.name() };
        draft.say(Message::new(Kind::SyncWaiting, format!("{waiting} waits for {}", names(&open))));
        return Next::Halt;
    }
    match eval(draft, Task::ImageSignedCheck, Needs::Met) {
        Progress::Done => Next::Go,
        Progress::Acting | Progress::Waiting | Progress::Unmet | Progress::Blocked | Progress::Failed => Next::Halt,
    }
}

/// Every other task, and the blockers of the approval.
fn ready_for_approval(draft: &mut Draft<'_>) -> Next {
    let tracked = Task::tracked(draft.input.flow).filter(|task| *task != APPROVAL);
    let open: Vec<Task> = tracked.filter(|task| !draft.passed(*task)).collect();
    if !open.is_empty() {
        missing_tasks(draft, &open);
        return Next::Halt;
    }
    if replaced(draft) == Next::Halt {
        return Next::Halt;
    }
    let retry = draft.input.retry == Some(APPROVAL);
    let open = draft.input.issues.blockers.get(&APPROVAL).into_iter().flatten();
    let mut open = open.filter(|issue| !(retry && issue.source.as_deref() == Some(RETRIES_SOURCE)));
    let Some(issue) = open.next() else { return Next::Go };
    let text = format!("the approval is held back by a blocker: {}", quoted(&issue.text));
    let lifted = lifted_by(draft.input, issue);
    let message = Message::new(Kind::ApprovalBlocked, text)
        .task(APPROVAL)
        .step("solve what the issue says")
        .step(lifted)
        .occasion(&issue.id);
    draft.say(message);
    draft.leave(APPROVAL, Progress::Blocked);
    Next::Halt
}

/// What passed for something that ART has replaced since says nothing about what ships.
fn replaced(draft: &mut Draft<'_>) -> Next {
    let input = draft.input;
    let checks: BTreeSet<Task> = input.replaced.iter().flat_map(|one| input.about_the_old(one)).collect();
    let checks: Vec<Task> = checks.into_iter().filter(|task| task.is_about_what_ships()).collect();
    if checks.is_empty() {
        return Next::Go;
    }
    let text = format!("the approval is held back: {} passed for what was replaced since", names(&checks));
    let message = Message::new(Kind::ApprovalBlocked, text)
        .task(APPROVAL)
        .step("do what is said about what was replaced")
        .occasion(names(&checks));
    draft.say(message);
    draft.leave(APPROVAL, Progress::Blocked);
    Next::Halt
}

fn missing_tasks(draft: &mut Draft<'_>, open: &[Task]) {
    let candidate = Task::AnalyzeCandidateBuild;
    let never_tested = matches!(draft.input.candidate_file, RecordState::Missing | RecordState::NotStarted);
    let candidate_moves = matches!(draft.progress(candidate), Progress::Acting | Progress::Waiting) && !never_tested;
    if open.contains(&candidate) && !candidate_moves {
        if never_tested && draft.progress(candidate) == Progress::Waiting {
            // Everything else is done days after the nightly was built: its tests will not come any more.
            draft.stop_waiting_for(Kind::CandidateWaiting);
        }
        let release = &draft.input.release;
        let text = "the approval needs a verdict on the candidate build, and there is none that lets it ship";
        let message = Message::new(Kind::CandidateWaiverNeeded, text)
            .task(candidate)
            .step(format!("oar -r {release} drive --decide candidate=accept --reason TEXT"));
        draft.say(message);
    }
    let (moving, stuck): (Vec<Task>, Vec<Task>) = open
        .iter()
        .filter(|task| **task != candidate || candidate_moves)
        .partition(|task| matches!(draft.progress(**task), Progress::Acting | Progress::Waiting));
    if !stuck.is_empty() {
        let text = format!("the approval needs {} to pass first", names(&stuck));
        let message = Message::new(Kind::PrereqMissing, text)
            .task(APPROVAL)
            .step("see what is said about each task")
            .occasion(names(&stuck));
        draft.say(message);
    }
    if !moving.is_empty() {
        draft.say(Message::new(Kind::SyncWaiting, format!("the approval waits for {}", names(&moving))).task(APPROVAL));
    }
}

/// The calendar, then the start.
fn not_started(draft: &mut Draft<'_>) {
    if is_due(draft) {
        start(draft, Kind::ApprovalStarted, "the final approval starts");
    } else {
        say_calendar(draft);
    }
}

/// May the approval begin today, as far as the calendar goes?
fn is_due(draft: &Draft<'_>) -> bool {
    let input = draft.input;
    approval::too_early(input.release_date, input.today, input.ignore_release_date).is_none()
}

/// Says what the calendar has against it.
fn say_calendar(draft: &mut Draft<'_>) {
    let input = draft.input;
    if let Some(ClosedGate::TooEarly { from }) = approval::too_early(input.release_date, input.today, false) {
        let text = format!("the approval starts on {from}, one day before the release date");
        let day = approval::start_of(from).filter(|at| *at > input.now);
        let at = day.unwrap_or_else(|| draft.in_minutes(30));
        draft.say(Message::new(Kind::TooEarly, text).task(APPROVAL).recheck(at));
        draft.leave(APPROVAL, Progress::Waiting);
        return;
    }
    let text = "build data names no usable release date, so nobody knows when the approval is due";
    draft.say(Message::new(Kind::ReleaseDateMissing, text).task(APPROVAL).step("ask ART for the date"));
    draft.leave(APPROVAL, Progress::Blocked);
}

/// Starts or repeats the approval; an unread world is a wait.
fn start(draft: &mut Draft<'_>, kind: Kind, text: &str) {
    if !world_known(draft) {
        return;
    }
    if eval(draft, APPROVAL, Needs::Met) != Progress::Acting {
        return;
    }
    draft.say(Message::new(kind, text).task(APPROVAL));
    if let Some(due) = draft.input.release_date
        && draft.input.today > due
        && kind == Kind::ApprovalStarted
    {
        let late = format!("the approval starts after the release date ({due})");
        draft.say(Message::new(Kind::LateApproval, late).task(APPROVAL).step("tell ART and the release lead"));
    }
}

/// Are merge request and advisories read? Says what is not.
fn world_known(draft: &mut Draft<'_>) -> bool {
    let known = advisories_known(draft);
    if !known {
        say_advisories_unknown(draft, APPROVAL);
    }
    let unread = "the approval waits: the shipment merge request could not be read";
    if draft.input.mr == MrFact::Unknown && !draft.say_gitlab_refuses(Some(APPROVAL), unread) {
        let at = draft.in_minutes(5);
        draft.say(Message::new(Kind::MrUnknown, unread).task(APPROVAL).recheck(at));
    }
    let known = known && draft.input.mr != MrFact::Unknown;
    if !known {
        draft.leave(APPROVAL, Progress::Waiting);
    }
    known
}

/// The approval waits for the advisory page; every run is one look, and finds out itself when it is too late.
fn in_progress(draft: &mut Draft<'_>) {
    let input = draft.input;
    let facts = draft.facts(APPROVAL);
    let deadline = input.approval_deadline();
    if let Some(at) = facts.not_before.filter(|at| *at > input.now) {
        scheduled(draft, deadline, at);
        return;
    }
    if !world_known(draft) {
        return;
    }
    if draft.run(APPROVAL) == Progress::Acting {
        let at = draft.after(approval::RECHECK);
        scheduled(draft, deadline, at);
        draft.leave(APPROVAL, Progress::Acting);
    }
}

fn scheduled(draft: &mut Draft<'_>, deadline: Option<jiff::Timestamp>, at: jiff::Timestamp) {
    let facts = draft.facts(APPROVAL);
    let wait = facts.waiting_on.unwrap_or_else(|| Wait { on: "the advisory page".to_owned(), until: None });
    let text = match deadline {
        // The wait names it.
        Some(end) if wait.until == Some(end) => format!("the approval waits for {wait}"),
        Some(end) => format!("the approval waits for {wait}, until {end}"),
        None => format!("the approval waits for {wait}"),
    };
    let at = deadline.filter(|end| *end > draft.input.now).map_or(at, |end| at.min(end));
    draft.say(Message::new(Kind::ApprovalScheduled, text).task(APPROVAL).since(facts.started_at).recheck(at));
    draft.leave(APPROVAL, Progress::Waiting);
}

/// A time-out is tried again only when something changed, and the plan says what; other failures follow the general
/// rules.
fn failed(draft: &mut Draft<'_>) {
    let input = draft.input;
    let facts = draft.facts(APPROVAL);
    if !facts.timed_out() || input.retry == Some(APPROVAL) {
        let due = Needs::met_if(is_due(draft));
        if world_known(draft) && eval(draft, APPROVAL, due) == Progress::Unmet {
            say_calendar(draft);
        }
        return;
    }
    let changed = if input.page == PageState::Accessible {
        Some("its page is public now")
    } else if input.prod_release.succeeded() && facts.fail_cause == Some(FailCause::TimedOut) {
        Some("the production release has succeeded since")
    } else if input.approval_deadline().is_some_and(|at| input.now < at) {
        Some("its time is not over")
    } else {
        None
    };
    let Some(changed) = changed else {
        draft.leave(APPROVAL, Progress::Failed);
        say_timeout(draft, facts.completed_at);
        return;
    };
    if !is_due(draft) {
        say_calendar(draft);
    } else if world_known(draft) && draft.run(APPROVAL) == Progress::Acting {
        draft
            .say(Message::new(Kind::ApprovalRetried, format!("the approval is tried again: {changed}")).task(APPROVAL));
    }
}

fn say_timeout(draft: &mut Draft<'_>, at: Option<jiff::Timestamp>) {
    let release = &draft.input.release;
    let text = "the advisory page did not become public in time; the approval goes on when it is";
    let message = Message::new(Kind::ApprovalTimeout, text)
        .task(APPROVAL)
        .since(at)
        .link(draft.input.mr_url.as_deref())
        .step("look at stage prod-release-triggers in the pipeline of the merge request")
        .step("ask ART when the release is published")
        .step(format!("then: oar -r {release} drive --retry {APPROVAL}"))
        .occasion(at.map(|at| at.to_string()).unwrap_or_default());
    draft.say(message);
}

/// Approved; is it with the customers?
fn shipping(draft: &mut Draft<'_>) -> Next {
    let approved_at = draft.facts(APPROVAL).completed_at;
    match &draft.input.shipped {
        Some(report) if report.shipped => {
            draft.done = true;
            let message = shipped_message(draft.input);
            draft.say(message);
        }
        Some(report) => {
            let at = draft.in_minutes(30);
            let text = format!("approved, but not shipped yet: {}", report.open.join("; "));
            draft.say(Message::new(Kind::ApprovedNotShipped, text).since(approved_at).recheck(at));
        }
        None => {
            let at = draft.in_minutes(5);
            if let Some(lacks) = draft.input.credentials_missing.get(&APPROVAL) {
                let text = format!("approved; whether it is shipped cannot be found out: {lacks}");
                let message = Message::new(Kind::CredentialMissing, text).task(APPROVAL);
                draft.say(message.step(format!("provide it, then: oar -r {} plan", draft.input.release)));
                return Next::Halt;
            }
            if draft.say_errata_refuses(APPROVAL, "approved; the look whether it is shipped") {
                return Next::Halt;
            }
            let text = "approved; whether it is shipped could not be found out";
            draft.say(Message::new(Kind::ApprovedNotShipped, text).since(approved_at).recheck(at));
        }
    }
    Next::Halt
}

/// The happy end, in the words of the record: an advisory in REL_PREP is approved and not with the customers.
pub(super) fn shipped_message(input: &Input) -> Message {
    let release = &input.release;
    let advisories = input.advisories.iter().flatten();
    let waiting: Vec<String> = advisories
        .filter(|(impetus, one)| is_managed(impetus, &one.state) && one.state != AdvisoryState::ShippedLive)
        .map(|(_, one)| format!("{} {}", one.id, one.state))
        .collect();
    let text = if waiting.is_empty() {
        format!("{release} is approved and shipped")
    } else {
        let due = input.release_date.map_or_else(String::new, |due| format!("; the release date is {due}"));
        format!("{release} is approved and its images are out; not live yet: {}{due}", waiting.join(", "))
    };
    Message::new(Kind::Completed, text).link(input.mr_url.as_deref())
}

fn names(tasks: &[Task]) -> String {
    tasks.iter().map(|task| task.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
