//! Snapshots of the world as the planner sees it, likely and unlikely ones.

use std::collections::BTreeMap;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use oar::domain::advisory::AdvisoryState;
use oar::domain::approval::Shipped;
use oar::domain::closed_gate::ClosedGate;
use oar::domain::ids::AdvisoryId;
use oar::domain::shipment::StageRelease;
use oar::domain::stage_testing::StageTestingPolicy;
use oar::domain::state::entries::Intent;
use oar::domain::task::{Flow, JobRef, JobSystem, Task, TaskStatus, Which};
use oar::planner::facts::{AdvisoryFact, BuildVerdict, MrFact, PageState, PromotionFact, RecordState, ReleaseFact};
use oar::planner::input::{Input, Issues, OpenIssue, StateSource, TaskFacts, Unread};
use oar::planner::old_fail::FailCause;
use proptest::prelude::*;
use proptest::sample::select;

const NOW: &str = "2026-03-24T12:00:00Z";

pub(super) fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

/// Some time in the four days around now, or none.
fn times() -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::weighted(0.7, (-2880_i64..2880).prop_map(|m| now() + SignedDuration::from_mins(m)))
}

fn past() -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::weighted(0.9, (-2880_i64..=0).prop_map(|m| now() + SignedDuration::from_mins(m)))
}

fn statuses() -> impl Strategy<Value = TaskStatus> {
    prop_oneof![
        4 => Just(TaskStatus::Pass),
        2 => Just(TaskStatus::NotStarted),
        1 => Just(TaskStatus::InProgress),
        1 => Just(TaskStatus::Fail),
    ]
}

pub(super) fn job() -> JobRef {
    JobRef { system: JobSystem::Prow, id: "1".into(), url: None, triggered_at: Some(now()) }
}

fn facts() -> impl Strategy<Value = TaskFacts> {
    let causes = [
        FailCause::TimedOut,
        FailCause::Prerequisite,
        FailCause::Transient,
        FailCause::JobFailed,
        FailCause::Permanent,
    ];
    let gates = [
        ClosedGate::Queue { why: "busy".into() },
        ClosedGate::UnknownOutcome { what: "a start".into() },
        ClosedGate::Decision { which: Which::Promoted, summary: "bad".into() },
    ];
    (
        (statuses(), past(), past(), prop::bool::weighted(0.6), prop::bool::weighted(0.2)),
        (prop::option::of(select(causes.to_vec())), any::<bool>(), 0_u32..5, times()),
        prop::option::weighted(0.2, select(gates.to_vec())),
    )
        .prop_map(|((status, started_at, completed_at, has_job, intent_open), rest, blocked_by)| {
            let (fail_cause, failed_now, retries_used, not_before) = rest;
            TaskFacts {
                status,
                started_at,
                completed_at,
                job_ref: has_job.then(job),
                question: None,
                intent: intent_open.then(|| Intent { key: "k".into(), at: None, by: "somebody".into() }),
                fail_cause,
                failed_now,
                attempts: 0,
                retries_used,
                last_look: None,
                not_before,
                blocked_by,
                waiting_on: None,
            }
        })
}

fn issue() -> impl Strategy<Value = OpenIssue> {
    let sources =
        [None, Some("mr-closed"), Some("retries-exhausted"), Some("abnormal-advisories"), Some("build-rejected")];
    (select(sources.to_vec()), 0..3).prop_map(|(source, n)| OpenIssue {
        id: format!("issue-{n}"),
        text: "something is wrong".into(),
        source: source.map(str::to_owned),
    })
}

fn task() -> impl Strategy<Value = Task> {
    select(Task::tracked(Flow::Konflux).collect::<Vec<_>>())
}

fn issues() -> impl Strategy<Value = Issues> {
    (
        prop::option::weighted(0.1, issue()),
        prop::collection::btree_map(task(), prop::collection::vec(issue(), 1..3), 0..2),
        prop::collection::btree_map(task(), past().prop_map(|at| at.unwrap_or_else(now)), 0..2),
    )
        .prop_map(|(general, blockers, resolved_at)| Issues {
            general: general.into_iter().collect(),
            blockers,
            resolved_at,
        })
}

fn records() -> impl Strategy<Value = RecordState> {
    prop_oneof![
        4 => Just(RecordState::Accepted),
        1 => select(vec![
            RecordState::Missing,
            RecordState::NotStarted,
            RecordState::Aggregating { missing: vec!["upgrade".into()] },
            RecordState::Rejected { summary: "2 of 6".into() },
            RecordState::Invalid { why: "1 of 6".into() },
            RecordState::Unknown { why: "timed out".into() },
        ]),
    ]
}

fn verdicts() -> impl Strategy<Value = BuildVerdict> {
    (0..5, times()).prop_map(|(kind, at)| match kind {
        0 => BuildVerdict::None,
        1 => BuildVerdict::Pending,
        2 => BuildVerdict::Accept { reason: "flake".into(), at },
        3 => BuildVerdict::Reject { reason: "bug".into(), at },
        _ => BuildVerdict::Error { why: "no analysis".into() },
    })
}

fn promotions() -> impl Strategy<Value = PromotionFact> {
    prop_oneof![
        6 => Just(PromotionFact::Accepted),
        1 => select(vec![
            PromotionFact::Pending("Ready".into()),
            PromotionFact::RejectedPhase("Rejected".into()),
            PromotionFact::NotFound,
            PromotionFact::Unknown("timed out".into()),
        ]),
    ]
}

fn releases() -> impl Strategy<Value = ReleaseFact> {
    prop_oneof![
        3 => Just(ReleaseFact::Known(StageRelease::Success)),
        1 => select(vec![
            ReleaseFact::Known(StageRelease::Running("running".into())),
            ReleaseFact::Known(StageRelease::Failed("failed".into())),
            ReleaseFact::Known(StageRelease::NotFound),
            ReleaseFact::Unknown("timed out".into()),
        ]),
    ]
}

fn advisories() -> impl Strategy<Value = Option<BTreeMap<String, AdvisoryFact>>> {
    let states = [
        AdvisoryState::Qe,
        AdvisoryState::Qe,
        AdvisoryState::NewFiles,
        AdvisoryState::RelPrep,
        AdvisoryState::DroppedNoShip,
        AdvisoryState::Other("ODD".into()),
    ];
    let one = (select(states.to_vec()), prop::option::of(Just(false))).prop_map(|(state, has_builds)| AdvisoryFact {
        id: AdvisoryId::new(1),
        state,
        has_builds,
    });
    prop::option::weighted(
        0.9,
        prop::collection::btree_map(select(vec!["rpm".to_owned(), "rhcos".to_owned()]), one, 0..3),
    )
}

prop_compose! {
    pub(super) fn inputs()(
        tasks in prop::collection::btree_map(task(), facts(), 0..11),
        all_done in prop::bool::weighted(0.3),
        approval in facts(),
        issues in issues(),
        (candidate_file, promoted_file) in (records(), records()),
        (candidate_verdict, promoted_verdict) in (verdicts(), verdicts()),
        (promotion, stage_release, prod_release) in (promotions(), releases(), releases()),
        (mr, page) in (
            prop_oneof![4 => Just(MrFact::Open), 1 => select(vec![MrFact::Merged, MrFact::Closed, MrFact::Unknown])],
            select(vec![PageState::Accessible, PageState::NotAccessible, PageState::Unknown]),
        ),
        advisories in advisories(),
        shipped in prop::option::of(any::<bool>()),
        retry in prop::option::weighted(0.1, task()),
        source in prop_oneof![
            9 => Just(StateSource::StateBox),
            1 => select(vec![StateSource::None, StateSource::Unavailable { what: Unread::State, why: "timed out".into() }]),
        ],
        (owner, candidate, overlap, kerberos) in (prop::bool::weighted(0.9), prop::bool::weighted(0.9), any::<bool>(), prop::bool::weighted(0.05)),
        due in prop::option::weighted(0.9, 20_i8..30),
        ignore_release_date in prop::bool::weighted(0.1),
    ) -> Input {
        let mut tasks = tasks;
        if all_done {
            let pass = TaskFacts { status: TaskStatus::Pass, ..TaskFacts::default() };
            tasks = Task::tracked(Flow::Konflux).map(|task| (task, pass.clone())).collect();
            tasks.insert(Task::ChangeAdvisoryStatus, approval);
        }
        Input {
            source,
            tasks,
            issues,
            candidate_file,
            promoted_file,
            candidate_verdict,
            promoted_verdict,
            promotion,
            stage_release,
            prod_release,
            mr,
            page,
            advisories,
            retry,
            ignore_release_date,
            kerberos_missing: kerberos,
            release_date: due.map(|day| date(2026, 3, day)),
            policy: if overlap { StageTestingPolicy::Overlap } else { StageTestingPolicy::Strict },
            owner: owner.then(|| "lead@example.com".to_owned()),
            candidate_build: candidate.then(|| "4.20.0-0.nightly-2026-03-15-000000".to_owned()),
            shipped: shipped.map(|shipped| Shipped { shipped, open: vec![] }),
            ..Input::unknown("4.20.17", now(), date(2026, 3, 24))
        }
    }
}
