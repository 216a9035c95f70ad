//! Snapshots of the world as the planner sees it, likely and unlikely ones. The same seed gives the same snapshot.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use oar::domain::advisory::{ABNORMAL_SOURCE, AdvisoryState, DROPPED_SOURCE};
use oar::domain::approval::Shipped;
use oar::domain::closed_gate::ClosedGate;
use oar::domain::ids::AdvisoryId;
use oar::domain::outcome::Wait;
use oar::domain::shipment::StageRelease;
use oar::domain::stage_testing::StageTestingPolicy;
use oar::domain::state::entries::{Intent, Question};
use oar::domain::state::lease::{Lease, LeaseKey};
use oar::domain::state::oddities::UnreadableStatus;
use oar::domain::state::overall::Overall;
use oar::domain::task::{Flow, JobRef, JobSystem, Task, TaskStatus, Which};
use oar::planner::facts::{AdvisoryFact, BuildVerdict, MrFact, PageState, PromotionFact, RecordState, ReleaseFact};
use oar::planner::input::{Input, Issues, OpenIssue, OwedStep, Replaced, StateSource, TaskFacts, Unread};
use oar::planner::old_fail::FailCause;
use oar::planner::plan::{REJECTED_SOURCE, RETRIES_SOURCE};

const NOW: &str = "2026-03-24T12:00:00Z";

pub(super) fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

pub(super) fn job() -> JobRef {
    JobRef { system: JobSystem::Prow, id: "1".into(), url: None, triggered_at: Some(now()) }
}

/// The snapshot of a seed: half of them are somewhere on the usual way, the others anything at all.
pub(super) fn input(seed: u64) -> Input {
    let mut dice = Dice(Rng::with_seed(seed));
    let usual = dice.chance(60);
    let good = if usual { 90 } else { 60 };
    let mut input = Input::unknown("4.20.17", now(), date(2026, 3, 24));
    input.source = dice.one_or(96, StateSource::StateBox, &unread());
    input.flow = if dice.chance(1) { Flow::Errata } else { Flow::Konflux };
    input.tasks = tasks(&mut dice, usual);
    input.issues = issues(&mut dice, if usual { 4 } else { 20 });
    the_world(&mut input, &mut dice, good);
    build_data(&mut input, &mut dice, if usual { 2 } else { 6 });
    input.owner = dice.chance(95).then(|| "lead@example.com".to_owned());
    input.ignore_release_date = dice.chance(15);
    if dice.chance(4) {
        input.ticket_missing = BTreeSet::from([dice.task()]);
    }
    input.policy = dice.one_or(60, StageTestingPolicy::Strict, &[StageTestingPolicy::Overlap]);
    input.retry = dice.chance(10).then(|| dice.task());
    input.has_due = dice.chance(5);
    if dice.chance(5) {
        let what = "JIRA_TOKEN is not set".to_owned();
        input.credentials_missing = BTreeMap::from([(dice.task(), what)]);
    }
    if dice.chance(2) {
        input.given_up = Some("ART withdrew the release".to_owned());
    }
    if dice.chance(2) {
        let meant = dice.chance(50).then_some(TaskStatus::Pass);
        input.unreadable_statuses =
            vec![UnreadableStatus { task: dice.task(), line: 12, text: "Passed".to_owned(), meant }];
    }
    if dice.chance(5) {
        let until = dice.time();
        input.leases =
            vec![Lease { key: LeaseKey::Driver, holder: "drive@one:7".to_owned(), epoch: 1_774_000_000, until }];
    }
    if input.source == StateSource::None {
        // Nothing is stored yet.
        (input.tasks, input.issues) = (BTreeMap::new(), Issues::default());
        (input.given_up, input.unreadable_statuses, input.leases) = (None, Vec::new(), Vec::new());
    }
    if dice.chance(50) {
        input.overall = Some(Overall::of(input.flow, |task| input.status(task)));
    }
    if input.source == StateSource::StateBox && dice.chance(8) {
        let task = dice.one_or(50, Task::TakeOwnership, &[Task::ChangeAdvisoryStatus]);
        let left = dice.chance(30).then(|| "see to it in Jira".to_owned());
        let owed = OwedStep { text: "ART-1 was not closed".to_owned(), issue: "0a1b2c3d".to_owned(), left };
        input.owed = BTreeMap::from([(task, owed)]);
    }
    if input.source == StateSource::StateBox && dice.chance(4) {
        let length = dice.one_or(70, SignedDuration::from_hours(2), &[SignedDuration::from_hours(200)]);
        let until = now().checked_add(length).ok();
        let holder = "drive@two:9".to_owned();
        input.other_driver = Some(Lease { key: LeaseKey::Driver, holder, epoch: 1_774_000_000, until });
    }
    input
}

/// What services say.
fn the_world(input: &mut Input, dice: &mut Dice, good: u8) {
    let why = || "timed out".to_owned();
    let promotions = [
        PromotionFact::Pending("Ready".into()),
        PromotionFact::RejectedPhase("Rejected".into()),
        PromotionFact::NotFound,
        PromotionFact::Unknown(why()),
    ];
    let releases = [
        ReleaseFact::Known(StageRelease::Running("running".into())),
        ReleaseFact::Known(StageRelease::Failed("failed".into())),
        ReleaseFact::Known(StageRelease::NotFound),
        ReleaseFact::Unknown(why()),
    ];
    let success = || ReleaseFact::Known(StageRelease::Success);
    input.promotion = dice.one_or(good, PromotionFact::Accepted, &promotions);
    input.promoted_at = dice.past();
    input.stage_release = dice.one_or(good, success(), &releases);
    input.prod_release = dice.one_or(40, success(), &releases);
    input.mr = dice.one_or(good, MrFact::Open, &[MrFact::Merged, MrFact::Closed, MrFact::Unknown, MrFact::None]);
    input.mr_url = dice.chance(80).then(|| "https://gitlab.example.com/shipment/-/merge_requests/1".to_owned());
    input.page = dice.one_of(&[PageState::Accessible, PageState::NotAccessible, PageState::Unknown]);
    input.candidate_file = record(dice, good);
    input.promoted_file = record(dice, good.min(75));
    input.candidate_verdict = verdict(dice);
    input.promoted_verdict = verdict(dice);
    input.advisories = dice.chance(good.max(85)).then(|| advisories(dice, good));
    input.shipped = dice.chance(60).then(|| {
        let shipped = dice.chance(50);
        Shipped { shipped, open: if shipped { Vec::new() } else { vec!["the page is not public".to_owned()] } }
    });
}

/// What build data says, and what it says otherwise than before.
fn build_data(input: &mut Input, dice: &mut Dice, rare: u8) {
    input.release_date = dice.chance(92).then(|| date(2026, 3, dice.0.i8(20..30)));
    input.candidate_build = dice.chance(95).then(|| "4.20.0-0.nightly-2026-03-15-000000".to_owned());
    if dice.chance(rare) {
        input.not_ready = vec!["group.shipment.url is missing".to_owned()];
    }
    if dice.chance(rare) {
        input.inherited_from = Some("4.20.16".to_owned());
    }
    if dice.chance(rare) {
        input.changed = vec!["the state says 2026-Mar-20, build data 2026-Mar-24".to_owned()];
    }
    if dice.chance(rare) {
        let issue = dice.chance(50).then(|| "ee13f0ac".to_owned());
        let text = "advisory 101 was replaced by 102".to_owned();
        input.replaced = vec![Replaced { text, tasks: vec![Task::PushToCdnStaging, Task::TakeOwnership], issue }];
    }
}

fn unread() -> Vec<StateSource> {
    let unavailable = |what| StateSource::Unavailable { what, why: "timed out".into() };
    vec![StateSource::None, unavailable(Unread::State), unavailable(Unread::BuildData)]
}

/// Stored tasks: on the usual way all before some task have passed.
fn tasks(dice: &mut Dice, usual: bool) -> BTreeMap<Task, TaskFacts> {
    let order: Vec<Task> = Task::tracked(Flow::Konflux).collect();
    let mut tasks = BTreeMap::new();
    let last = order.len() - 1;
    let turn = if dice.chance(40) { last } else { dice.0.usize(..=order.len()) };
    // One that was left behind: it holds the approval back.
    let left_behind =
        dice.chance(15).then(|| dice.one_of(&[Task::AnalyzeCandidateBuild, Task::CheckRhcosSecurityAlerts]));
    for (place, task) in order.into_iter().enumerate() {
        let facts = match place {
            _ if !usual || left_behind == Some(task) => facts(dice, None),
            place if place < turn => facts(dice, Some(TaskStatus::Pass)),
            place if place > turn && dice.chance(70) => continue,
            _ => facts(dice, None),
        };
        tasks.insert(task, facts);
    }
    tasks
}

fn facts(dice: &mut Dice, status: Option<TaskStatus>) -> TaskFacts {
    let any = [TaskStatus::Pass, TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Fail];
    let status = status.unwrap_or_else(|| dice.one_of(&any));
    let fresh = status == TaskStatus::NotStarted && dice.chance(60);
    if status == TaskStatus::Pass || fresh {
        return TaskFacts { status, started_at: dice.past(), completed_at: dice.past(), ..TaskFacts::default() };
    }
    let causes = [
        FailCause::TimedOut,
        FailCause::TimedOut,
        FailCause::TimedOutReleased,
        FailCause::Prerequisite,
        FailCause::Transient,
        FailCause::JobFailed,
        FailCause::Permanent,
        FailCause::Unknown,
    ];
    TaskFacts {
        status,
        started_at: dice.past(),
        completed_at: dice.past(),
        job_ref: dice.chance(60).then(|| JobRef { triggered_at: dice.past(), ..job() }),
        intent: dice.chance(20).then(|| Intent { key: "k".into(), at: dice.past(), by: "somebody".into() }),
        question: dice.chance(4).then(|| Question::whether("k", "was the job started?".to_owned(), now())),
        fail_cause: dice.chance(70).then(|| dice.one_of(&causes)),
        failed_now: status == TaskStatus::Fail && dice.chance(50),
        attempts: dice.0.usize(..5),
        retries_used: dice.0.u32(..5),
        last_look: dice.past(),
        not_before: dice.chance(40).then(|| dice.time()).flatten(),
        blocked_by: dice.chance(15).then(|| closed_gate(dice)),
        waiting_on: dice.chance(30).then(|| Wait::read("waiting for the page")),
    }
}

fn closed_gate(dice: &mut Dice) -> ClosedGate {
    dice.one_of(&[
        ClosedGate::Queue { why: "busy".into() },
        ClosedGate::UnknownOutcome { what: "a start".into() },
        ClosedGate::Decision { which: Which::Promoted, summary: "bad".into() },
        ClosedGate::Decision { which: Which::Candidate, summary: "bad".into() },
        ClosedGate::Unproven { what: "a start".into(), look_again: now() + SignedDuration::from_mins(20) },
        ClosedGate::JobGone { task: Task::ImageConsistencyCheck, job: job(), why: "it is gone".into() },
    ])
}

fn issues(dice: &mut Dice, percent: u8) -> Issues {
    let mut issues = Issues::default();
    if dice.chance(percent / 2) {
        issues.general.push(issue(dice));
    }
    for _ in 0..2 {
        if dice.chance(percent) {
            let open = (0..dice.0.usize(1..3)).map(|_| issue(dice)).collect();
            issues.blockers.insert(dice.task(), open);
        }
        if dice.chance(15) {
            issues.resolved_at.insert(dice.task(), dice.past().unwrap_or_else(now));
        }
    }
    issues
}

fn issue(dice: &mut Dice) -> OpenIssue {
    let sources = [
        None,
        Some("mr-closed"),
        Some(DROPPED_SOURCE),
        Some(RETRIES_SOURCE),
        Some(ABNORMAL_SOURCE),
        Some(REJECTED_SOURCE),
    ];
    OpenIssue {
        id: format!("issue-{}", dice.0.u8(..3)),
        text: "something is wrong".into(),
        source: dice.one_of(&sources).map(str::to_owned),
    }
}

fn record(dice: &mut Dice, good: u8) -> RecordState {
    let others = [
        RecordState::Missing,
        RecordState::NotStarted,
        RecordState::Aggregating { missing: vec!["upgrade".into()] },
        RecordState::Aggregating { missing: Vec::new() },
        RecordState::Rejected { summary: "2 of 6".into() },
        RecordState::Rejected { summary: "3 of 6".into() },
        RecordState::Invalid { why: "1 of 6".into() },
        RecordState::Unknown { why: "timed out".into() },
    ];
    dice.one_or(good, RecordState::Accepted, &others)
}

fn verdict(dice: &mut Dice) -> BuildVerdict {
    match dice.0.u8(..6) {
        0 | 1 => BuildVerdict::None,
        2 => BuildVerdict::Pending,
        3 => BuildVerdict::Accept { reason: "flake".into(), at: dice.time() },
        4 => BuildVerdict::Reject { reason: "bug".into(), at: dice.time() },
        _ => BuildVerdict::Error { why: "no analysis".into() },
    }
}

fn advisories(dice: &mut Dice, good: u8) -> BTreeMap<String, AdvisoryFact> {
    let states = [
        AdvisoryState::NewFiles,
        AdvisoryState::RelPrep,
        AdvisoryState::ShippedLive,
        AdvisoryState::DroppedNoShip,
        AdvisoryState::Other("ODD".into()),
    ];
    let usual = dice.one_of(&[AdvisoryState::Qe, AdvisoryState::RelPrep]);
    let names = ["rpm", "rhcos", "microshift"].into_iter();
    names
        .filter(|_| dice.chance(90))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|name| {
            let has_builds = dice.one_of(&[None, Some(false), Some(true)]);
            let state = dice.one_or(good, usual.clone(), &states);
            (name.to_owned(), AdvisoryFact { id: AdvisoryId::new(1), state, has_builds })
        })
        .collect()
}

/// Chance that is the same again for the same seed.
struct Dice(Rng);

impl Dice {
    fn chance(&mut self, percent: u8) -> bool {
        self.0.u8(..100) < percent
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.0.usize(..all.len())].clone()
    }

    /// The usual one in so many of a hundred cases, else one of the others.
    fn one_or<T: Clone>(&mut self, percent: u8, usual: T, others: &[T]) -> T {
        if self.chance(percent) { usual } else { self.one_of(others) }
    }

    fn task(&mut self) -> Task {
        let all: Vec<Task> = Task::tracked(Flow::Konflux).collect();
        self.one_of(&all)
    }

    /// Some time in the four days around now, or none.
    fn time(&mut self) -> Option<Timestamp> {
        self.chance(70).then(|| now() + SignedDuration::from_mins(self.0.i64(-2880..2880)))
    }

    /// A time before, often a short one ago; or none.
    fn past(&mut self) -> Option<Timestamp> {
        let longest = self.one_of(&[20, 600, 2880, 5760]);
        self.chance(90).then(|| now() - SignedDuration::from_mins(self.0.i64(0..=longest)))
    }
}
