//! What the snapshots reach: every kind of message, every outcome of a plan, and every row of the table that acts.
//!
//! A row is recognised by what it does, so the planner needs no marks for its tests.
#![expect(clippy::wildcard_enum_match_arm, reason = "each row is about one action")]

use std::collections::BTreeMap;

use oar::domain::advisory::DROPPED_SOURCE;
use oar::domain::task::{Task, TaskStatus, Which};
use oar::planner::facts::RecordState;
use oar::planner::input::{Input, TaskFacts};
use oar::planner::messages::Kind;
use oar::planner::old_fail::FailCause;
use oar::planner::plan::{Action, Plan, RETRIES_SOURCE, Verdict};

/// How often each thing was reached.
#[derive(Default)]
pub(super) struct Reached {
    pub(super) counts: BTreeMap<String, u64>,
    /// A snapshot for each rule that does not hold.
    pub(super) wrong: BTreeMap<&'static str, String>,
    /// One snapshot was tried again: it cannot reach everything.
    pub(super) one_only: bool,
}

type Row = (&'static str, fn(&Input, &Plan) -> bool);

impl Reached {
    pub(super) fn count(&mut self, input: &Input, plan: &Plan) {
        for message in &plan.messages {
            self.add_one(message.kind.name());
        }
        self.add_one(phase(plan));
        self.add_one(verdict(plan));
        for condition in &plan.conditions {
            let standing = serde_json::to_value(condition.standing).expect("JSON");
            self.add_one(standing.as_str().expect("text"));
        }
        for (row, is_reached) in ROWS {
            if is_reached(input, plan) {
                self.add_one(row);
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, times) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += times;
        }
        for (rule, snapshot) in &other.wrong {
            self.wrong.entry(rule).or_insert_with(|| snapshot.clone());
        }
    }

    /// Says what was reached, and fails when something was not.
    pub(super) fn expect_everything(&self) {
        for (rule, snapshot) in &self.wrong {
            eprintln!("{rule} does not hold, why stands above: {snapshot}");
        }
        assert!(self.wrong.is_empty(), "these rules do not hold: {:?}", self.wrong.keys());
        let kinds = Kind::ALL.iter().map(|kind| kind.name());
        let rows = ROWS.iter().map(|(row, _)| *row);
        let wanted: Vec<&str> = kinds.chain(rows).chain(PHASES).chain(VERDICTS).chain(STANDINGS).collect();
        let times = |what: &str| self.counts.get(what).copied().unwrap_or_default();
        for what in &wanted {
            eprintln!("{:>9}  {what}", times(what));
        }
        let never: Vec<&str> = wanted.into_iter().filter(|what| times(what) == 0).collect();
        if !self.one_only {
            assert!(never.is_empty(), "never reached: {never:#?}");
        }
    }

    fn add_one(&mut self, what: &str) {
        match self.counts.get_mut(what) {
            Some(times) => *times += 1,
            None => drop(self.counts.insert(what.to_owned(), 1)),
        }
    }
}

const PHASES: [&str; 7] = [
    "initialisation",
    "waiting-for-promotion",
    "async-and-evaluation",
    "final-sync",
    "final-approval",
    "stopped",
    "done",
];
const VERDICTS: [&str; 5] =
    ["verdict done", "verdict waiting", "verdict needs a person", "verdict failed", "verdict continue"];
const STANDINGS: [&str; 6] = ["acting", "waiting", "needs-person", "failed", "comes-later", "passed-over"];

fn phase(plan: &Plan) -> &'static str {
    let phase = serde_json::to_value(plan.phase).expect("JSON");
    PHASES.into_iter().find(|name| phase == *name).expect("a phase that is listed")
}

fn verdict(plan: &Plan) -> &'static str {
    match plan.verdict {
        Verdict::Done => VERDICTS[0],
        Verdict::Waiting { .. } => VERDICTS[1],
        Verdict::NeedsPerson => VERDICTS[2],
        Verdict::Failed => VERDICTS[3],
        Verdict::Continue => VERDICTS[4],
    }
}

fn facts(input: &Input, task: Task) -> TaskFacts {
    input.tasks.get(&task).cloned().unwrap_or_default()
}

fn runs(plan: &Plan, task: Task) -> bool {
    plan.actions.contains(&Action::Run(task))
}

/// A task in this status is run.
fn runs_one(input: &Input, plan: &Plan, status: TaskStatus, which: impl Fn(Task, &TaskFacts) -> bool) -> bool {
    plan.actions.iter().any(|action| match action {
        Action::Run(task) => input.status(*task) == status && which(*task, &facts(input, *task)),
        _ => false,
    })
}

fn concludes(plan: &Plan, which: Which) -> Option<&str> {
    plan.actions.iter().find_map(|action| match action {
        Action::Conclude { which: judged, note } if *judged == which => Some(note.as_str()),
        _ => None,
    })
}

fn marks_fail(plan: &Plan, task: Task) -> bool {
    plan.actions.iter().any(|action| matches!(action, Action::MarkFail { task: marked, .. } if *marked == task))
}

/// A blocker is added, of the release or of a task.
fn adds_blocker(plan: &Plan, of_task: bool, from: &str) -> bool {
    plan.actions.iter().any(
        |action| matches!(action, Action::AddBlocker { task, source, .. } if task.is_some() == of_task && source == from),
    )
}

/// A blocker of this rule is resolved.
fn resolves(input: &Input, plan: &Plan, source: &str) -> bool {
    let blockers = input.issues.blockers.values().flatten().chain(&input.issues.general);
    let ids: Vec<&str> =
        blockers.filter(|open| open.source.as_deref() == Some(source)).map(|open| open.id.as_str()).collect();
    plan.actions
        .iter()
        .any(|action| matches!(action, Action::ResolveIssue { issue, .. } if ids.contains(&issue.as_str())))
}

fn said(plan: &Plan, kind: Kind, task: Task) -> bool {
    plan.messages.iter().any(|message| message.kind == kind && message.task == Some(task))
}

const OWN: Task = Task::TakeOwnership;
const PUSH: Task = Task::PushToCdnStaging;
const CONSISTENCY: Task = Task::ImageConsistencyCheck;
const STAGE: Task = Task::StageTesting;
const APPROVAL: Task = Task::ChangeAdvisoryStatus;

/// The rows that act, and those that tell themselves from others by more than the kind of their message.
const ROWS: &[Row] = &[
    ("the state file is created", |_, plan| runs(plan, Task::CreateTestReport)),
    ("each first task starts", |input, plan| runs_one(input, plan, TaskStatus::NotStarted, |task, _| task == OWN)),
    ("the tracker check starts", |_, plan| runs(plan, Task::CheckCveTrackerBug)),
    ("the alert check starts", |_, plan| runs(plan, Task::CheckRhcosSecurityAlerts)),
    ("the push starts", |input, plan| runs_one(input, plan, TaskStatus::NotStarted, |task, _| task == PUSH)),
    ("a running push is looked at", |input, plan| {
        runs_one(input, plan, TaskStatus::InProgress, |task, _| task == PUSH)
    }),
    ("a running job is looked at", |_, plan| plan.actions.iter().any(|action| matches!(action, Action::Check(..)))),
    ("a job that was announced is looked for", |input, plan| {
        let lost = |task, facts: &TaskFacts| task == STAGE && facts.job_ref.is_none() && facts.intent.is_some();
        runs_one(input, plan, TaskStatus::InProgress, lost)
    }),
    ("a job that nobody wrote down rests until it would show", |input, plan| {
        input.status(STAGE) == TaskStatus::InProgress
            && facts(input, STAGE).job_ref.is_none()
            && facts(input, STAGE).not_before.is_none()
            && said(plan, Kind::AsyncRunning, STAGE)
    }),
    ("a check that somebody runs is left alone", |input, plan| {
        input.status(OWN) == TaskStatus::InProgress
            && facts(input, OWN).not_before.is_none()
            && said(plan, Kind::AsyncRunning, OWN)
    }),
    ("an interrupted check runs again", |input, plan| {
        runs_one(input, plan, TaskStatus::InProgress, |task, _| task == OWN)
    }),
    ("a resolved blocker lifts a Fail", |input, plan| {
        let lifted = |task, _: &TaskFacts| input.retry != Some(task) && input.issues.resolved_at.contains_key(&task);
        runs_one(input, plan, TaskStatus::Fail, lifted)
    }),
    ("a person's retry lifts a Fail", |input, plan| {
        runs_one(input, plan, TaskStatus::Fail, |task, _| input.retry == Some(task))
    }),
    ("an outage is tried again", |input, plan| {
        let outage = |_, facts: &TaskFacts| facts.fail_cause == Some(FailCause::Transient);
        input.retry.is_none() && runs_one(input, plan, TaskStatus::Fail, outage)
    }),
    ("retries are used up", |_, plan| adds_blocker(plan, true, RETRIES_SOURCE)),
    ("retries are used up before a task ever started", |input, plan| {
        let given_up = |task: Task| input.status(task) == TaskStatus::NotStarted && marks_fail(plan, task);
        [OWN, Task::CheckCveTrackerBug, PUSH].into_iter().any(given_up)
    }),
    ("a person's retry resolves the blocker of used-up retries", |input, plan| {
        input.retry.is_some() && resolves(input, plan, RETRIES_SOURCE)
    }),
    ("a wait that was stored as Fail is taken back", |_, plan| {
        plan.actions.iter().any(|action| matches!(action, Action::ResetTask { .. }))
    }),
    ("a closed merge request blocks the release", |_, plan| adds_blocker(plan, false, "mr-closed")),
    ("a merge request that is open again lifts that", |input, plan| resolves(input, plan, "mr-closed")),
    ("a dropped advisory blocks the release", |_, plan| adds_blocker(plan, false, DROPPED_SOURCE)),
    ("an advisory that is back lifts that", |input, plan| resolves(input, plan, DROPPED_SOURCE)),
    ("advisories that left NEW_FILES lift the blocker of the push", |input, plan| {
        resolves(input, plan, oar::domain::advisory::ABNORMAL_SOURCE)
    }),
    ("no candidate: nothing to analyse", |input, plan| {
        input.candidate_build.is_none() && concludes(plan, Which::Candidate).is_some()
    }),
    ("the candidate is accepted", |input, plan| {
        input.candidate_file == RecordState::Accepted && concludes(plan, Which::Candidate).is_some()
    }),
    ("the candidate is waived", |_, plan| {
        concludes(plan, Which::Candidate).is_some_and(|note| note.starts_with("waived"))
    }),
    ("the candidate is analysed", |_, plan| plan.actions.contains(&Action::Analyze(Which::Candidate))),
    ("the candidate is rejected", |_, plan| marks_fail(plan, Task::AnalyzeCandidateBuild)),
    ("the gate opens", |input, plan| {
        input.promoted_file == RecordState::Accepted && concludes(plan, Which::Promoted).is_some()
    }),
    ("the gate is waived", |_, plan| concludes(plan, Which::Promoted).is_some_and(|note| note.starts_with("waived"))),
    ("the promoted build is analysed", |_, plan| plan.actions.contains(&Action::Analyze(Which::Promoted))),
    ("the gate closes", |_, plan| marks_fail(plan, Task::AnalyzePromotedBuild)),
    ("a closed gate stays closed", |input, plan| {
        input.status(Task::AnalyzePromotedBuild) == TaskStatus::Fail
            && said(plan, Kind::GateFailed, Task::AnalyzePromotedBuild)
    }),
    ("image consistency starts", |input, plan| {
        runs_one(input, plan, TaskStatus::NotStarted, |task, _| task == CONSISTENCY)
    }),
    ("stage testing starts", |input, plan| runs_one(input, plan, TaskStatus::NotStarted, |task, _| task == STAGE)),
    ("stage testing overlaps the gate", |input, plan| {
        let open = input.status(Task::AnalyzePromotedBuild) != TaskStatus::Pass;
        runs(plan, STAGE) && open && concludes(plan, Which::Promoted).is_none()
    }),
    ("the signature is looked for", |_, plan| runs(plan, Task::ImageSignedCheck)),
    ("the approval starts", |_, plan| runs(plan, APPROVAL) && said(plan, Kind::ApprovalStarted, APPROVAL)),
    ("the approval starts whatever the date", |input, plan| {
        input.ignore_release_date && input.release_date.is_none() && runs(plan, APPROVAL)
    }),
    ("the running approval is looked at", |input, plan| {
        runs_one(input, plan, TaskStatus::InProgress, |task, _| task == APPROVAL)
    }),
    ("the running approval rests", |input, plan| {
        !runs(plan, APPROVAL)
            && input.status(APPROVAL) == TaskStatus::InProgress
            && said(plan, Kind::ApprovalScheduled, APPROVAL)
    }),
    ("an approval that timed out goes on when something changed", |_, plan| {
        said(plan, Kind::ApprovalRetried, APPROVAL)
    }),
    ("a release that is approved and not shipped waits", |input, plan| {
        input.shipped.is_some() && plan.messages.iter().any(|one| one.kind == Kind::ApprovedNotShipped)
    }),
    ("a step that is owed is tried again", |input, plan| {
        let owes = |task: &Task| runs(plan, *task) && input.status(*task) == TaskStatus::Pass;
        input.owed.keys().any(owes)
    }),
    ("messages that earlier runs left are sent", |_, plan| plan.actions.contains(&Action::SendDue)),
    ("people are informed", |_, plan| plan.actions.iter().any(|action| matches!(action, Action::Notify { .. }))),
];
