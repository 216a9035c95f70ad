//! One snapshot of the world, as far as the next step depends on it.
//!
//! Whatever could not be found out is `Unknown` with the reason; the planner answers it with a wait or a
//! message, never with a trigger.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::facts::{AdvisoryFact, BuildVerdict, MrFact, PageState, PromotionFact, RecordState, ReleaseFact};
use super::limits::StallLimits;
use super::old_fail::FailCause;
use super::table::recheck_after;
use crate::domain::advisory::{drop_needs_a_person, is_managed};
use crate::domain::approval::{self, Shipped};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::ids::AdvisoryId;
use crate::domain::outcome::Wait;
use crate::domain::stage_testing::StageTestingPolicy;
use crate::domain::state::entries::{Intent, Question};
use crate::domain::state::lease::Lease;
use crate::domain::state::oddities::UnreadableStatus;
use crate::domain::state::overall::Overall;
use crate::domain::task::{Flow, JobRef, Task, TaskStatus, Which};

/// Everything the plan depends on.
#[derive(Debug, Clone)]
pub struct Input {
    /// The release, for messages.
    pub release: String,
    /// How it ships.
    pub flow: Flow,
    /// Where the statuses come from.
    pub source: StateSource,
    /// The present.
    pub now: Timestamp,
    /// The calendar day of `now`, UTC unless configured otherwise.
    pub today: Date,
    /// When the release is due; nothing when build data names no usable date.
    pub release_date: Option<Date>,
    /// A person wants the approval to start whatever the date.
    pub ignore_release_date: bool,
    /// How strictly stage testing waits.
    pub policy: StageTestingPolicy,
    /// After how long a wait is worth a person's look.
    pub stall: StallLimits,
    /// Who takes the release; nothing when nobody is configured or named.
    pub owner: Option<String>,
    /// Green or Red as the state file says it; nothing without one.
    pub overall: Option<Overall>,
    /// What is stored about each task; an absent task is Not Started.
    pub tasks: BTreeMap<Task, TaskFacts>,
    /// Stored issues.
    pub issues: Issues,
    /// The nightly chosen for the release; nothing when build data names none.
    pub candidate_build: Option<String>,
    /// Test record of that nightly.
    pub candidate_file: RecordState,
    /// Test record of the promoted payload.
    pub promoted_file: RecordState,
    /// What was decided about a rejected nightly.
    pub candidate_verdict: BuildVerdict,
    /// What was decided about a rejected payload.
    pub promoted_verdict: BuildVerdict,
    /// Is the payload in the stable stream?
    pub promotion: PromotionFact,
    /// When it was first seen Accepted; only for the stall limits.
    pub promoted_at: Option<Timestamp>,
    /// Stage release of the shipment.
    pub stage_release: ReleaseFact,
    /// Production release of the shipment.
    pub prod_release: ReleaseFact,
    /// The shipment merge request.
    pub mr: MrFact,
    /// Page of the merge request.
    pub mr_url: Option<String>,
    /// Advisories by impetus; nothing when they could not be read.
    pub advisories: Option<BTreeMap<String, AdvisoryFact>>,
    /// Is the advisory page public?
    pub page: PageState,
    /// Is the release out of our hands? Nothing while that could not be found out or was not asked.
    pub shipped: Option<Shipped>,
    /// `--retry`: the task a person wants tried again. To be given once: the caller drops it after the plan
    /// that used it was carried out.
    pub retry: Option<Task>,
    /// Entries of build data that are not usable yet; each text names one.
    pub not_ready: Vec<String>,
    /// The release whose values build data gives this one, when it has none of its own.
    pub inherited_from: Option<String>,
    /// Stored values that build data does not confirm; each text names one.
    pub changed: Vec<String>,
    /// What was replaced although tasks had passed for it.
    pub replaced: Vec<Replaced>,
    /// Tasks for which there is no Kerberos ticket, although the Errata Tool asks for one.
    pub ticket_missing: BTreeSet<Task>,
    /// Credentials that a task lacks; the text names the variable and how to get it.
    pub credentials_missing: BTreeMap<Task, String>,
    /// Until when what a task lacks counts as missing: then it is tried again.
    pub credentials_again: BTreeMap<Task, Timestamp>,
    /// What the Errata Tool said when it refused our ticket or token.
    pub errata_refusal: Option<String>,
    /// Why GitLab shows us nothing until somebody sets or renews a credential, and what that takes.
    pub shipment_refusal: Option<RefusedLook>,
    /// Keys of notifications that were already sent.
    pub notified: BTreeSet<String>,
    /// Did earlier runs leave messages that are to be sent now?
    pub has_due: bool,
    /// Steps that tasks owe although they may have passed.
    pub owed: BTreeMap<Task, OwedStep>,
    /// How people closed a blocker when they gave the release up.
    pub given_up: Option<String>,
    /// Tasks whose stored status is a text that nobody knows.
    pub unreadable_statuses: Vec<UnreadableStatus>,
    /// Leases of others that run.
    pub leases: Vec<Lease>,
    /// For whoever only wants to know: the lease of another machine that drives, which does what there is to do. A
    /// drive does not ask for it: it is refused, or takes over.
    pub other_driver: Option<Lease>,
    /// Epoch of the driver's lease in the state that was read, whether it holds or not: whoever has taken it since has
    /// acted beside this plan.
    pub drive_epoch: i64,
}

/// A look that no time mends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLook {
    /// What was said.
    pub why: String,
    /// What a person does.
    pub next: String,
}

/// Where the statuses come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateSource {
    /// A state file.
    StateBox,
    /// There is none yet.
    None,
    /// It could not be read; nothing may be assumed.
    Unavailable {
        /// What could not be read.
        what: Unread,
        /// Why not.
        why: String,
    },
}

/// What a plan cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// The state file.
    State,
    /// Build data.
    BuildData,
}

/// What is stored about one task, and what the caller remembers of its last run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFacts {
    /// Stored status.
    pub status: TaskStatus,
    /// Begin of this attempt.
    pub started_at: Option<Timestamp>,
    /// When the verdict was known.
    pub completed_at: Option<Timestamp>,
    /// The job that runs for it.
    pub job_ref: Option<JobRef>,
    /// An outside effect that was announced and whose end is not recorded.
    pub intent: Option<Intent>,
    /// What only a person can answer before the task goes on.
    pub question: Option<Question>,
    /// Why a Fail is one.
    pub fail_cause: Option<FailCause>,
    /// The Fail was found in this run of the caller, not by an earlier one.
    pub failed_now: bool,
    /// Attempts that the state remembers.
    pub attempts: usize,
    /// Automatic retries so far.
    pub retries_used: u32,
    /// When the running task was looked at last, as its stored log says.
    pub last_look: Option<Timestamp>,
    /// Not before this time: the wait before a retry, or the recheck hint of the last run.
    pub not_before: Option<Timestamp>,
    /// What the last run was refused by, when it was. Without `not_before` the task is not tried again
    /// until the caller drops this.
    pub blocked_by: Option<ClosedGate>,
    /// What the last run waits for.
    pub waiting_on: Option<Wait>,
}

impl TaskFacts {
    /// Did it fail because something did not come in time?
    pub fn timed_out(&self) -> bool {
        matches!(self.fail_cause, Some(FailCause::TimedOut | FailCause::TimedOutReleased))
    }
}

impl Default for TaskFacts {
    fn default() -> Self {
        Self {
            status: TaskStatus::NotStarted,
            started_at: None,
            completed_at: None,
            job_ref: None,
            intent: None,
            question: None,
            fail_cause: None,
            failed_now: false,
            attempts: 0,
            retries_used: 0,
            last_look: None,
            not_before: None,
            blocked_by: None,
            waiting_on: None,
        }
    }
}

/// The stored issues, sorted by what they hold back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issues {
    /// Unresolved blockers of the whole release.
    pub general: Vec<OpenIssue>,
    /// Unresolved blockers of single tasks.
    pub blockers: BTreeMap<Task, Vec<OpenIssue>>,
    /// When the last blocker of a task was resolved.
    pub resolved_at: BTreeMap<Task, Timestamp>,
}

/// A shipment or advisory that ART replaced under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// What was replaced by what.
    pub text: String,
    /// The tasks that passed for the old one, and not for the new one yet.
    pub tasks: Vec<Task>,
    /// The note in the state file; nothing before the first write since.
    pub issue: Option<String>,
}

/// A step that does not decide about the Pass of its task and is still to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwedStep {
    /// What is not done, and why, as noted.
    pub text: String,
    /// Id of the note.
    pub issue: String,
    /// What a person has to do first, when no other try is worth it before.
    pub left: Option<String>,
}

/// One unresolved issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIssue {
    /// Its id, or its text when it has none.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Which rule reported it; nothing for issues of people.
    pub source: Option<String>,
}

impl Input {
    /// Tasks whose Pass is about what was replaced. Those that somebody set back, or that run again, are under way.
    pub fn about_the_old(&self, replaced: &Replaced) -> Vec<Task> {
        replaced.tasks.iter().copied().filter(|task| self.status(*task) == TaskStatus::Pass).collect()
    }

    /// A Konflux release about which nothing is stored and nothing is known yet.
    pub fn unknown(release: &str, now: Timestamp, today: Date) -> Self {
        let unasked = || "not asked".to_owned();
        Self {
            release: release.to_owned(),
            flow: Flow::Konflux,
            source: StateSource::None,
            now,
            today,
            release_date: None,
            ignore_release_date: false,
            policy: StageTestingPolicy::Strict,
            stall: StallLimits::default(),
            owner: None,
            overall: None,
            tasks: BTreeMap::new(),
            issues: Issues::default(),
            candidate_build: None,
            candidate_file: RecordState::Unknown { why: unasked() },
            promoted_file: RecordState::Unknown { why: unasked() },
            candidate_verdict: BuildVerdict::None,
            promoted_verdict: BuildVerdict::None,
            promotion: PromotionFact::Unknown(unasked()),
            promoted_at: None,
            stage_release: ReleaseFact::Unknown(unasked()),
            prod_release: ReleaseFact::Unknown(unasked()),
            mr: MrFact::Unknown,
            mr_url: None,
            advisories: None,
            page: PageState::Unknown,
            shipped: None,
            retry: None,
            not_ready: Vec::new(),
            inherited_from: None,
            changed: Vec::new(),
            replaced: Vec::new(),
            ticket_missing: BTreeSet::new(),
            credentials_missing: BTreeMap::new(),
            credentials_again: BTreeMap::new(),
            errata_refusal: None,
            shipment_refusal: None,
            notified: BTreeSet::new(),
            has_due: false,
            owed: BTreeMap::new(),
            given_up: None,
            unreadable_statuses: Vec::new(),
            leases: Vec::new(),
            other_driver: None,
            drive_epoch: 0,
        }
    }

    /// Stored status of `task`.
    pub fn status(&self, task: Task) -> TaskStatus {
        self.tasks.get(&task).map_or(TaskStatus::NotStarted, |facts| facts.status)
    }

    /// Lets every running task rest until its next look is due, counted from the last one that is stored.
    ///
    /// For those who only want to know; a look that comes early does no harm.
    pub fn rest_until_due(&mut self) {
        for (task, facts) in &mut self.tasks {
            let running = facts.status == TaskStatus::InProgress && facts.not_before.is_none();
            // Files of old hold local times that look like later ones.
            if let Some(last) = facts.last_look.filter(|last| running && *last <= self.now) {
                facts.not_before = last.checked_add(recheck_after(*task, facts.job_ref.as_ref())).ok();
            }
        }
    }

    /// The first unresolved blocker of `task`.
    pub fn blocker(&self, task: Task) -> Option<&OpenIssue> {
        self.issues.blockers.get(&task).and_then(|open| open.first())
    }

    /// What was decided about one of the two builds.
    pub fn verdict(&self, which: Which) -> &BuildVerdict {
        match which {
            Which::Candidate => &self.candidate_verdict,
            Which::Promoted => &self.promoted_verdict,
        }
    }

    /// Test record of one of the two builds.
    pub fn record(&self, which: Which) -> &RecordState {
        match which {
            Which::Candidate => &self.candidate_file,
            Which::Promoted => &self.promoted_file,
        }
    }

    /// Until when the running approval waits for the advisory page.
    pub fn approval_deadline(&self) -> Option<Timestamp> {
        let started = self.tasks.get(&Task::ChangeAdvisoryStatus).and_then(|facts| facts.started_at);
        approval::deadline(self.release_date, started)
    }

    /// Is it known that no advisory with builds is dropped?
    pub fn nothing_is_dropped(&self) -> bool {
        let fine =
            |impetus: &str, one: &AdvisoryFact| drop_needs_a_person(impetus, &one.state, one.has_builds) == Some(false);
        self.advisories.as_ref().is_some_and(|all| all.iter().all(|(impetus, one)| fine(impetus, one)))
    }

    /// Is one of `advisories` known to be in another state than the one that is said of it?
    pub fn has_moved(&self, advisories: &[(AdvisoryId, String)]) -> bool {
        let known = |id: &AdvisoryId| self.advisories.as_ref()?.values().find(|one| one.id == *id);
        advisories.iter().any(|(id, said)| known(id).is_some_and(|one| !said.starts_with(one.state.as_str())))
    }

    /// Are all advisories that we manage in REL_PREP or later? Nothing known is not yes.
    pub fn advisories_ready(&self) -> bool {
        self.advisories.as_ref().is_some_and(|all| {
            all.iter().all(|(impetus, one)| !is_managed(impetus, &one.state) || one.state.is_ready())
        })
    }
}
