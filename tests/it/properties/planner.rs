//! What the planner must never do, whatever the world looks like.
#![expect(clippy::wildcard_enum_match_arm, reason = "each question is about one or two actions")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use oar::domain::advisory::AdvisoryState;
use oar::domain::approval::Shipped;
use oar::domain::closed_gate::ClosedGate;
use oar::domain::ids::AdvisoryId;
use oar::domain::shipment::StageRelease;
use oar::domain::stage::StagePolicy;
use oar::domain::state::view::Overall;
use oar::domain::task::{Flow, JobRef, JobSystem, Task, TaskStatus, Which};
use oar::planner::input::{
    Advisory, BuildVerdict, Input, Issues, MrState, OpenIssue, PageState, Promotion, RecordState, ReleaseFact,
    StateSource, TaskFacts, Unread,
};
use oar::planner::messages::Severity;
use oar::planner::old_fail::FailCause;
use oar::planner::plan::{Action, Plan, Verdict, plan};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

const NOW: &str = "2026-03-24T12:00:00Z";

fn now() -> Timestamp {
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

fn job() -> JobRef {
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
                intent_open,
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

fn promotions() -> impl Strategy<Value = Promotion> {
    prop_oneof![
        6 => Just(Promotion::Accepted),
        1 => select(vec![
            Promotion::Pending("Ready".into()),
            Promotion::RejectedPhase("Rejected".into()),
            Promotion::NotFound,
            Promotion::Unknown("timed out".into()),
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

fn advisories() -> impl Strategy<Value = Option<BTreeMap<String, Advisory>>> {
    let states = [
        AdvisoryState::Qe,
        AdvisoryState::Qe,
        AdvisoryState::NewFiles,
        AdvisoryState::RelPrep,
        AdvisoryState::DroppedNoShip,
        AdvisoryState::Other("ODD".into()),
    ];
    let one = (select(states.to_vec()), prop::option::of(Just(false))).prop_map(|(state, has_builds)| Advisory {
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
    fn inputs()(
        tasks in prop::collection::btree_map(task(), facts(), 0..11),
        all_done in prop::bool::weighted(0.3),
        approval in facts(),
        issues in issues(),
        (candidate_file, promoted_file) in (records(), records()),
        (candidate_verdict, promoted_verdict) in (verdicts(), verdicts()),
        (promotion, stage_release, prod_release) in (promotions(), releases(), releases()),
        (mr, page) in (
            prop_oneof![4 => Just(MrState::Open), 1 => select(vec![MrState::Merged, MrState::Closed, MrState::Unknown])],
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
            policy: if overlap { StagePolicy::Overlap } else { StagePolicy::Strict },
            owner: owner.then(|| "lead@example.com".to_owned()),
            candidate_build: candidate.then(|| "4.20.0-0.nightly-2026-03-15-000000".to_owned()),
            shipped: shipped.map(|shipped| Shipped { shipped, open: vec![] }),
            ..Input::unknown("4.20.17", now(), date(2026, 3, 24))
        }
    }
}

/// Status of a task once the plan's marks are stored.
fn status_after(input: &Input, plan: &Plan, task: Task) -> TaskStatus {
    let marked = plan.actions.iter().find_map(|action| match action {
        Action::Conclude { which, .. } if which.task() == task => Some(TaskStatus::Pass),
        Action::MarkFail { task: marked, .. } if *marked == task => Some(TaskStatus::Fail),
        _ => None,
    });
    marked.unwrap_or_else(|| input.status(task))
}

fn runs(plan: &Plan, task: Task) -> bool {
    plan.actions.contains(&Action::Run(task))
}

/// Does the plan start anything, as opposed to looking at what runs?
fn triggers(input: &Input, plan: &Plan) -> Vec<Action> {
    let started = |action: &&Action| match action {
        Action::Run(Task::PushToCdnStaging) => input.status(Task::PushToCdnStaging) != TaskStatus::InProgress,
        Action::Run(_) | Action::Analyze(_) => true,
        _ => false,
    };
    plan.actions.iter().filter(started).cloned().collect()
}

/// The world after the plan was carried out while time and every service stood still.
fn carried_out(input: &Input, plan: &Plan) -> Input {
    let mut after = input.clone();
    after.retry = None;
    let later = Some(input.now + SignedDuration::from_mins(30));
    for action in &plan.actions {
        if let Some(task) = action.task() {
            let facts = after.tasks.entry(task).or_default();
            match action {
                Action::Run(_) | Action::Check(..) => {
                    facts.status = TaskStatus::InProgress;
                    facts.started_at = Some(input.now);
                    facts.job_ref = Some(job());
                    facts.not_before = later;
                    facts.blocked_by = None;
                    if task == Task::CreateTestReport {
                        facts.status = TaskStatus::Pass;
                    }
                }
                Action::Analyze(_) => facts.not_before = later,
                Action::Conclude { .. } => facts.status = TaskStatus::Pass,
                Action::MarkFail { .. } => {
                    facts.status = TaskStatus::Fail;
                    facts.completed_at = Some(input.now);
                }
                Action::ResetTask { .. } => *facts = TaskFacts { not_before: later, ..TaskFacts::default() },
                _ => {}
            }
        }
        match action {
            Action::Notify { key, .. } => drop(after.notified.insert(key.clone())),
            Action::AddBlocker { task: Some(task), text, source } => {
                let issue = OpenIssue { id: text.clone(), text: text.clone(), source: Some(source.clone()) };
                after.issues.blockers.entry(*task).or_default().push(issue);
            }
            Action::AddBlocker { task: None, text, source } => {
                let issue = OpenIssue { id: text.clone(), text: text.clone(), source: Some(source.clone()) };
                after.issues.general.push(issue);
            }
            _ => {}
        }
    }
    after
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4 * ProptestConfig::default().cases, // PROPTEST_CASES scales it
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_260_324),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_same_input_gives_the_same_plan(input in inputs()) {
        prop_assert_eq!(plan(&input), plan(&input.clone()));
    }

    #[test]
    fn every_plan_says_or_does_something(input in inputs()) {
        let found = plan(&input);
        prop_assert!(!found.actions.is_empty() || !found.messages.is_empty());
        prop_assert!(found.messages.iter().all(|message| !message.text.contains("please report this")), "{:?}", found);
        if let Verdict::Waiting { recheck_at } = found.verdict {
            prop_assert!(recheck_at > input.now, "a wait ends in the future: {:?}", found);
        }
    }

    #[test]
    fn a_wait_always_tells_a_time_or_whom_it_needs(input in inputs()) {
        let found = plan(&input);
        let lost = found.messages.iter().find(|m| m.severity() == Severity::Wait && m.recheck.is_none());
        let person = found.messages.iter().any(|m| m.severity() >= Severity::Action);
        prop_assert!(lost.is_none() || person || !found.actions.is_empty(), "{:?}", found);
    }

    #[test]
    fn a_task_gets_at_most_one_action(input in inputs()) {
        let found = plan(&input);
        let tasks: Vec<Task> = found.actions.iter().filter_map(Action::task).collect();
        prop_assert_eq!(tasks.iter().collect::<BTreeSet<_>>().len(), tasks.len());
    }

    #[test]
    fn stage_testing_never_starts_before_what_it_tests_is_there(input in inputs()) {
        let found = plan(&input);
        if runs(&found, Task::StageTesting) {
            prop_assert_eq!(&input.promotion, &Promotion::Accepted);
            prop_assert_eq!(input.status(Task::PushToCdnStaging), TaskStatus::Pass);
            prop_assert!(input.stage_release.succeeded());
            let gate = status_after(&input, &found, Task::AnalyzePromotedBuild);
            match input.policy {
                StagePolicy::Strict => prop_assert_eq!(gate, TaskStatus::Pass),
                StagePolicy::Overlap => prop_assert_ne!(gate, TaskStatus::Fail),
            }
        }
    }

    #[test]
    fn image_consistency_never_starts_before_promotion_and_stage_release(input in inputs()) {
        if runs(&plan(&input), Task::ImageConsistencyCheck) {
            prop_assert_eq!(&input.promotion, &Promotion::Accepted);
            prop_assert!(input.stage_release.succeeded());
        }
    }

    #[test]
    fn the_approval_never_runs_before_every_other_task_has_passed(input in inputs()) {
        let found = plan(&input);
        if runs(&found, Task::ChangeAdvisoryStatus) {
            for task in Task::tracked(Flow::Konflux).filter(|task| *task != Task::ChangeAdvisoryStatus) {
                prop_assert_eq!(status_after(&input, &found, task), TaskStatus::Pass, "{}", task);
            }
            prop_assert!(input.advisories.is_some() && input.mr != MrState::Unknown && input.mr != MrState::Closed);
            prop_assert!(input.issues.general.is_empty());
        }
    }

    #[test]
    fn a_pass_is_never_lowered_or_repeated(input in inputs()) {
        for action in plan(&input).actions {
            if let Some(task) = action.task() {
                prop_assert_ne!(input.status(task), TaskStatus::Pass, "{:?}", action);
            }
        }
    }

    #[test]
    fn a_wait_never_fails_a_task_or_turns_the_release_red(input in inputs()) {
        let mut input = input;
        for facts in input.tasks.values_mut().filter(|facts| facts.status == TaskStatus::Fail) {
            facts.status = TaskStatus::NotStarted;
        }
        for facts in input.tasks.values_mut() {
            facts.retries_used = 0;
        }
        let rejected = |verdict: &BuildVerdict| matches!(verdict, BuildVerdict::Reject { .. });
        let verdict = rejected(&input.candidate_verdict) || rejected(&input.promoted_verdict);
        let missing_page = input.page == PageState::NotAccessible;
        let found = plan(&input);
        if !verdict && !missing_page {
            let failing = found.actions.iter().any(|action| matches!(action, Action::MarkFail { .. }));
            prop_assert!(!failing, "{:?}", found);
            prop_assert_eq!(found.overall, Overall::Green);
            prop_assert_ne!(found.verdict, Verdict::Failed);
        }
    }

    #[test]
    fn a_running_job_is_watched_whatever_stops_the_rest(input in inputs()) {
        let mut input = input;
        input.source = StateSource::StateBox;
        input.kerberos_missing = false;
        input.shipped = None;
        let facts = TaskFacts {
            status: TaskStatus::InProgress,
            job_ref: Some(job()),
            started_at: Some(now()),
            ..TaskFacts::default()
        };
        input.tasks.insert(Task::ImageConsistencyCheck, facts);
        let found = plan(&input);
        prop_assert!(found.actions.contains(&Action::Check(Task::ImageConsistencyCheck, job())), "{:?}", found);
    }

    #[test]
    fn planning_again_in_a_frozen_world_starts_nothing_twice(input in inputs()) {
        let first = plan(&input);
        let after = carried_out(&input, &first);
        let again = plan(&after);
        let repeated: Vec<_> = triggers(&after, &again).into_iter().filter(|t| first.actions.contains(t)).collect();
        prop_assert!(repeated.is_empty(), "{:?}\nfirst {:?}", repeated, first);
    }

    #[test]
    fn planning_settles_in_a_frozen_world(input in inputs()) {
        let mut world = input;
        for _ in 0..8 {
            let found = plan(&world);
            if found.actions.is_empty() {
                return Ok(());
            }
            world = carried_out(&world, &found);
            world.source = if world.source == StateSource::None { StateSource::StateBox } else { world.source };
            for action in &found.actions {
                if let Action::ResolveIssue { issue, .. } = action {
                    world.issues.general.retain(|open| open.id != *issue);
                    world.issues.blockers.values_mut().for_each(|open| open.retain(|one| one.id != *issue));
                }
            }
        }
        prop_assert!(plan(&world).actions.is_empty(), "{:?}", plan(&world));
    }
}
