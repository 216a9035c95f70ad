//! The plan while its rows are being walked: what was decided so far, and the one way to add to it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::input::{Input, StateSource, TaskFacts};
use super::messages::{Kind, Message, Severity};
use super::plan::{Action, Blocker, Condition, Plan, ReleasePhase, Verdict};
use super::table::{approval_threads, recheck_after};
use crate::domain::state::overall::Overall;
use crate::domain::task::{Task, TaskStatus, Which};

/// After how many minutes it is worth a look whether somebody has renewed the Kerberos ticket.
const TICKET_RECHECK_MIN: i64 = 30;

/// Does the walk go on after a family of rows?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next family.
    Go,
    /// Nothing below may act.
    Halt,
}

/// Where a task stands after its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Pass.
    Done,
    /// Triggered, reset or marked by this plan.
    Acting,
    /// Running or waiting for something that comes by itself.
    Waiting,
    /// Something has to pass first.
    Unmet,
    /// A person is needed.
    Blocked,
    /// Fail, and nothing repeats it.
    Failed,
}

/// May triggers happen?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Triggers {
    /// Yes.
    Allowed,
    /// Only looking: an earlier chain has to be mended first.
    Withheld,
}

/// Verdict on the promoted build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GateVerdict {
    /// Not known yet.
    Pending,
    /// Good.
    Pass,
    /// Bad.
    Fail,
}

/// A plan in the making.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) input: &'a Input,
    pub(super) gate: GateVerdict,
    pub(super) triggers: Triggers,
    pub(super) done: bool,
    actions: Vec<Action>,
    messages: Vec<Message>,
    progress: BTreeMap<Task, Progress>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(input: &'a Input) -> Self {
        Self {
            input,
            gate: GateVerdict::Pending,
            triggers: Triggers::Allowed,
            done: false,
            actions: Vec::new(),
            messages: Vec::new(),
            progress: BTreeMap::new(),
        }
    }

    /// What is stored about `task`.
    pub(super) fn facts(&self, task: Task) -> TaskFacts {
        self.input.tasks.get(&task).cloned().unwrap_or_default()
    }

    /// Status of `task` once this plan's marks are stored.
    pub(super) fn status(&self, task: Task) -> TaskStatus {
        let marked = self.actions.iter().rev().find_map(|action| match action {
            Action::MarkFail { task: marked, .. } if *marked == task => Some(TaskStatus::Fail),
            Action::ResetTask { task: marked, .. } if *marked == task => Some(TaskStatus::NotStarted),
            Action::Conclude { which, .. } if which.task() == task => Some(TaskStatus::Pass),
            Action::Conclude { .. }
            | Action::MarkFail { .. }
            | Action::ResetTask { .. }
            | Action::Run(_)
            | Action::Check(..)
            | Action::ResolveIssue { .. }
            | Action::AddBlocker { .. }
            | Action::Analyze(_)
            | Action::SendDue
            | Action::Notify { .. } => None,
        });
        marked.unwrap_or_else(|| self.input.status(task))
    }

    pub(super) fn passed(&self, task: Task) -> bool {
        self.status(task) == TaskStatus::Pass
    }

    /// Where the rows left `task`; a task that no row reached has to wait for others.
    pub(super) fn progress(&self, task: Task) -> Progress {
        match self.progress.get(&task) {
            Some(progress) => *progress,
            None if self.passed(task) => Progress::Done,
            None => Progress::Unmet,
        }
    }

    pub(super) fn was_judged(&self, task: Task) -> bool {
        self.progress.contains_key(&task)
    }

    pub(super) fn leave(&mut self, task: Task, progress: Progress) -> Progress {
        self.progress.insert(task, progress);
        progress
    }

    /// A point in the future, for rechecks.
    pub(super) fn after(&self, wait: SignedDuration) -> Timestamp {
        self.input.now.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn in_minutes(&self, minutes: i64) -> Timestamp {
        self.after(SignedDuration::from_mins(minutes))
    }

    pub(super) fn say(&mut self, message: Message) {
        if !self.messages.contains(&message) {
            self.messages.push(message);
        }
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Does this plan act on `task`?
    pub(super) fn acts_on(&self, task: Task) -> bool {
        self.actions.iter().any(|action| action.task() == Some(task))
    }

    /// Takes back the promise that waits of this kind end by themselves.
    pub(super) fn stop_waiting_for(&mut self, kind: Kind) {
        self.messages.retain(|message| message.kind != kind);
    }

    /// Adds an action; a task gets at most one, the first.
    pub(super) fn act(&mut self, action: Action) {
        let taken = action.task().is_some_and(|task| self.actions.iter().any(|other| other.task() == Some(task)));
        if !taken && !self.actions.contains(&action) {
            self.actions.push(action);
        }
    }

    /// Has a build judged that is known to be good.
    pub(super) fn conclude(&mut self, which: Which, note: impl Into<String>) {
        if self.input.status(which.task()) != TaskStatus::Pass {
            self.act(Action::Conclude { which, note: note.into() });
        }
        self.leave(which.task(), Progress::Done);
    }

    /// Records a verdict, unless the task already passed or already is Fail.
    pub(super) fn mark_fail(&mut self, task: Task, note: impl Into<String>, blocker: Option<Blocker>) {
        if matches!(self.input.status(task), TaskStatus::NotStarted | TaskStatus::InProgress) {
            self.act(Action::MarkFail { task, note: note.into(), blocker });
        }
        self.leave(task, Progress::Failed);
    }

    /// Runs `task` now, unless a credential, a person or an earlier chain holds it back.
    pub(super) fn run(&mut self, task: Task) -> Progress {
        if let Some(message) = self.lacks(task) {
            self.say(message);
            return self.leave(task, Progress::Blocked);
        }
        if self.triggers == Triggers::Withheld {
            return self.leave(task, Progress::Unmet);
        }
        let kind = if task.comes_back_later() { Kind::AsyncStarted } else { Kind::TaskStarted };
        self.say(Message::new(kind, format!("{task} runs now")).task(task));
        self.act(Action::Run(task));
        self.leave(task, Progress::Acting)
    }

    /// What a person has to provide before `task` can run or be looked at.
    pub(super) fn lacks(&self, task: Task) -> Option<Message> {
        if let Some(what) = self.input.credentials_missing.get(&task) {
            let text = format!("{task} cannot run: {what}");
            let step = format!("provide it, then: oar -r {} drive", self.input.release);
            let message = Message::new(Kind::CredentialMissing, text).task(task).step(step);
            return Some(match self.input.credentials_again.get(&task) {
                Some(at) => message.recheck(*at),
                None => message,
            });
        }
        if self.input.ticket_missing.contains(&task) {
            let text = format!("{task} cannot run: there is no valid Kerberos ticket");
            let step = format!("kinit, then: oar -r {} drive", self.input.release);
            let at = self.in_minutes(TICKET_RECHECK_MIN);
            return Some(Message::new(Kind::KerberosNeeded, text).task(task).step(step).recheck(at));
        }
        if task == Task::TakeOwnership && self.input.owner.is_none() {
            let text = "nobody is named as owner of the release";
            let step = format!("oar -r {} take-ownership -e YOUR_ADDRESS, or run drive with -e", self.input.release);
            return Some(Message::new(Kind::OwnerNeeded, text).task(task).step(step));
        }
        None
    }

    /// Says that the Errata Tool refused us, when it did: `what` waits for somebody who renews the ticket.
    pub(super) fn say_errata_refuses(&mut self, task: Task, what: &str) -> bool {
        let Some(why) = &self.input.errata_refusal else { return false };
        let message = Message::new(Kind::KerberosNeeded, format!("{what} waits for a valid Kerberos ticket: {why}"))
            .task(task)
            .step(format!("kinit (or renew ERRATA_TOKEN where one is set), then: oar -r {} drive", self.input.release))
            .recheck(self.in_minutes(TICKET_RECHECK_MIN));
        self.say(message);
        true
    }

    /// Says that GitLab refused us, when it did: what could not be read waits for somebody who mends the credential.
    pub(super) fn say_gitlab_refuses(&mut self, task: Option<Task>, what: &str) -> bool {
        let Some(refused) = &self.input.shipment_refusal else { return false };
        let message = Message::new(Kind::CredentialMissing, format!("{what}: {}", refused.why))
            .occasion("gitlab")
            .step(refused.next.clone())
            .step(format!("then: oar -r {} drive", self.input.release))
            .recheck(self.in_minutes(TICKET_RECHECK_MIN));
        self.say(match task {
            Some(task) => message.task(task),
            None => message,
        });
        true
    }

    /// Reports `task` as running until its next look.
    pub(super) fn still_running(&mut self, task: Task, kind: Kind, recheck: Option<Timestamp>) -> Progress {
        let facts = self.facts(task);
        let what = facts.job_ref.as_ref().map(ToString::to_string);
        let url = facts.job_ref.as_ref().and_then(|job| job.url.clone());
        let text = match facts.waiting_on.as_ref().map(ToString::to_string).or(what) {
            Some(what) => format!("{task} is running: {what}"),
            None => format!("{task} is running"),
        };
        let since = facts.job_ref.as_ref().and_then(|job| job.triggered_at).or(facts.started_at);
        let recheck = recheck.unwrap_or_else(|| self.after(recheck_after(task, facts.job_ref.as_ref())));
        self.say(Message::new(kind, text).task(task).since(since).recheck(recheck).link(url.as_deref()));
        self.leave(task, Progress::Waiting)
    }

    /// Does a rule of ours hold an unresolved blocker of the whole release?
    pub(super) fn general_blocker_of(&self, source: &str) -> Option<String> {
        let open = self.input.issues.general.iter().find(|issue| issue.source.as_deref() == Some(source));
        open.map(|issue| issue.id.clone())
    }

    /// Closes the plan: verdict, phase, lists.
    pub(super) fn finish(mut self, conditions: Vec<Condition>) -> Plan {
        // Approved and shipped is not done while somebody or something still sees to a step of it.
        let owes = |message: &Message| matches!(message.kind, Kind::StepOwed | Kind::CredentialMissing);
        self.done &= !self.messages.iter().any(owes);
        if self.actions.is_empty() && self.messages.is_empty() {
            let text = "nothing to do was found, although the release is not finished; please report this";
            self.say(Message::new(Kind::PrereqMissing, text));
        }
        let earliest = self.messages.iter().filter(|m| m.comes_by_itself()).filter_map(|m| m.recheck).min();
        for message in &mut self.messages {
            // A wait for another task is looked at again when that task is.
            if message.severity() == Severity::Wait && message.recheck.is_none() {
                message.recheck = earliest;
            }
        }
        let verdict = self.verdict(earliest);
        let phase = self.phase(verdict, earliest);
        // What is stored, as `status` says it: a mark of this plan counts once it is stored, too.
        let overall =
            self.input.overall.unwrap_or_else(|| Overall::of(self.input.flow, |task| self.input.status(task)));

        let tracked: Vec<Task> = Task::tracked(self.input.flow).collect();
        let acted: Vec<Task> = self.actions.iter().filter_map(Action::task).collect();
        let running = tracked
            .iter()
            .filter(|task| self.status(**task) == TaskStatus::InProgress)
            .map(|task| (*task, self.facts(*task).job_ref))
            .collect();
        let next = tracked
            .iter()
            .filter(|task| self.status(**task) == TaskStatus::NotStarted && !acted.contains(task))
            .copied()
            .collect();
        // What is stored: a Pass that this plan is about to record stands among its actions.
        let passed = tracked.iter().filter(|task| self.input.status(**task) == TaskStatus::Pass).copied().collect();
        self.notify();
        let leases = self.input.leases.clone();
        Plan {
            phase,
            actions: self.actions,
            messages: self.messages,
            overall,
            verdict,
            passed,
            running,
            next,
            conditions,
            leases,
            other_driver: self.input.other_driver.clone(),
        }
    }

    fn notify(&mut self) {
        if self.input.has_due {
            self.act(Action::SendDue);
        }
        for message in self.messages.iter().filter(|message| message.is_notified()) {
            let key = message.key();
            let known = |action: &Action| matches!(action, Action::Notify { key: other, .. } if *other == key);
            if !self.input.notified.contains(&key) && !self.actions.iter().any(known) {
                self.actions.push(Action::Notify { message: message.clone(), key });
            }
        }
    }

    fn verdict(&self, earliest: Option<Timestamp>) -> Verdict {
        let failed_now =
            || Task::tracked(self.input.flow).any(|t| self.status(t) == TaskStatus::Fail && self.facts(t).failed_now);
        let person = || self.messages.iter().any(|message| message.severity() >= Severity::Action);
        if !self.actions.is_empty() && self.input.other_driver.is_none() {
            Verdict::Continue
        } else if self.done {
            Verdict::Done
        } else if failed_now() {
            Verdict::Failed
        } else {
            match earliest {
                Some(recheck_at) if !person() => Verdict::Waiting { recheck_at },
                Some(_) | None => Verdict::NeedsPerson,
            }
        }
    }

    fn phase(&self, verdict: Verdict, earliest: Option<Timestamp>) -> ReleasePhase {
        use Task::{CheckCveTrackerBug, CheckRhcosSecurityAlerts, PushToCdnStaging};
        let stopped = matches!(verdict, Verdict::NeedsPerson | Verdict::Failed) && earliest.is_none();
        let ended = |task| matches!(self.status(task), TaskStatus::Pass | TaskStatus::Fail);
        let push_begun = self.status(PushToCdnStaging) != TaskStatus::NotStarted
            || matches!(self.progress(PushToCdnStaging), Progress::Acting | Progress::Blocked);
        let synced = approval_threads().all(|task| self.passed(task));
        if self.done {
            ReleasePhase::Done
        } else if stopped {
            ReleasePhase::Stopped
        } else if self.passed(Task::ChangeAdvisoryStatus) || (self.gate == GateVerdict::Pass && synced) {
            ReleasePhase::FinalApproval
        } else if self.gate == GateVerdict::Pass {
            ReleasePhase::FinalSync
        } else if self.input.promotion == super::facts::PromotionFact::Accepted
            && self.input.source == StateSource::StateBox
        {
            ReleasePhase::AsyncAndEvaluation
        } else if self.passed(CheckCveTrackerBug) && ended(CheckRhcosSecurityAlerts) && push_begun {
            ReleasePhase::WaitingForPromotion
        } else {
            ReleasePhase::Initialisation
        }
    }
}
