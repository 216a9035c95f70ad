//! What the planner must never do, whatever the world looks like: every rule for every snapshot of `inputs`.
//!
//! `OAR_PLANNER_INPUTS` is the number of snapshots (a million in `long` and `make fuzz`), `OAR_SEED` tries one of them
//! again. What the snapshots reach is counted (`reached`): a row of the table that no snapshot reaches is not tested.
#![expect(clippy::wildcard_enum_match_arm, reason = "each question is about one or two actions")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::{SignedDuration, ToSpan as _};
use oar::core::config::env::Env;
use oar::domain::stage_testing::StageTestingPolicy;
use oar::domain::state::overall::Overall;
use oar::domain::task::{Task, TaskStatus};
use oar::planner::facts::{BuildVerdict, MrFact, PromotionFact, RecordState, ReleaseFact};
use oar::planner::input::{Input, OpenIssue, StateSource, TaskFacts};
use oar::planner::messages::Severity;
use oar::planner::plan::{Action, Plan, Verdict};
use oar::planner::walk::plan;

use super::inputs::{input, job, now};
use super::reached::Reached;

/// A rule, by its name: a snapshot and the plan of it.
type Rule = (&'static str, fn(&Input, &Plan));

macro_rules! rules {
    ($($rule:ident),* $(,)?) => { &[$((stringify!($rule), $rule)),*] };
}

const RULES: &[Rule] = rules![
    the_same_input_gives_the_same_plan,
    a_fact_that_is_not_needed_changes_no_plan,
    every_plan_says_or_does_something,
    a_wait_always_tells_a_time_or_whom_it_needs,
    what_needs_a_person_says_what_to_do,
    a_task_gets_at_most_one_action,
    stage_testing_never_starts_before_what_it_tests_is_there,
    image_consistency_never_starts_before_promotion_and_stage_release,
    the_approval_never_runs_before_every_other_task_has_passed,
    the_approval_never_starts_before_its_day,
    a_pass_is_never_lowered_or_repeated,
    a_wait_never_fails_a_task_or_turns_the_release_red,
    red_is_a_tracked_task_that_failed,
    a_running_job_is_watched_whatever_stops_the_rest,
    every_plan_lists_what_runs,
    every_task_that_has_not_passed_has_one_condition,
    a_blocker_of_the_release_starts_nothing,
    an_unread_state_changes_nothing,
    planning_again_in_a_frozen_world_starts_nothing_twice,
    planning_settles_in_a_frozen_world,
];

/// Tries every rule with every snapshot, on all processors.
fn try_all(usual: u64) -> Reached {
    let number = |name: &str| Env::from_process().get(name).map(|text| text.parse::<u64>().expect("a number"));
    let only = number("OAR_SEED");
    let seeds = only.map_or(0..number("OAR_PLANNER_INPUTS").unwrap_or(usual), |seed| seed..seed + 1);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let part = |first: usize| {
            let mut reached = Reached::default();
            for seed in seeds.clone().skip(first).step_by(threads) {
                try_one(seed, &mut reached);
            }
            reached
        };
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        let mut all = Reached { one_only: only.is_some(), ..Reached::default() };
        for part in running {
            all.add(&part.join().expect("rules do not end a thread"));
        }
        all
    })
}

fn try_one(seed: u64, reached: &mut Reached) {
    let input = input(seed);
    let found = plan(&input);
    for (rule, holds) in RULES {
        if catch_unwind(AssertUnwindSafe(|| holds(&input, &found))).is_err() {
            reached.wrong.entry(rule).or_insert_with(|| format!("OAR_SEED={seed}\n{input:#?}\n{found:#?}"));
        }
    }
    reached.count(&input, &found);
}

#[test]
fn every_rule_of_the_planner_holds_and_every_row_and_message_is_reached() {
    try_all(20_000).expect_everything();
}

mod long {
    #[test]
    fn every_rule_of_the_planner_holds_for_a_million_snapshots() {
        super::try_all(1_000_000).expect_everything();
    }
}

/// Status of a task once the plan's marks are stored.
fn status_after(input: &Input, plan: &Plan, task: Task) -> TaskStatus {
    let marked = plan.actions.iter().find_map(|action| match action {
        Action::Conclude { which, .. } if which.task() == task => Some(TaskStatus::Pass),
        Action::MarkFail { task: marked, .. } if *marked == task => Some(TaskStatus::Fail),
        Action::ResetTask { task: marked, .. } if *marked == task => Some(TaskStatus::NotStarted),
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
    (after.retry, after.overall) = (None, None);
    let later = Some(input.now + SignedDuration::from_mins(30));
    for action in &plan.actions {
        if let Some(task) = action.task() {
            let facts = after.tasks.entry(task).or_default();
            match action {
                // What it owes still cannot be done.
                Action::Run(_) if facts.status == TaskStatus::Pass => facts.not_before = later,
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

fn the_same_input_gives_the_same_plan(input: &Input, found: &Plan) {
    assert_eq!(plan(&input.clone()), *found);
}

fn a_fact_that_is_not_needed_changes_no_plan(input: &Input, found: &Plan) {
    let mut changed = input.clone();
    if !input.needs_promotion() {
        changed.promotion = PromotionFact::Unknown("not asked".into());
    }
    if !input.needs_candidate_file() {
        changed.candidate_file = RecordState::Unknown { why: "not asked".into() };
    }
    if !input.needs_promoted_file() {
        changed.promoted_file = RecordState::Unknown { why: "not asked".into() };
    }
    if !input.needs_stage_release() {
        changed.stage_release = ReleaseFact::Unknown("not asked".into());
    }
    assert_eq!(plan(&changed), *found);
}

fn every_plan_says_or_does_something(input: &Input, found: &Plan) {
    assert_ne!((found.actions.len(), found.messages.len()), (0, 0));
    assert!(found.messages.iter().all(|message| !message.text.contains("please report this")));
    if let Verdict::Waiting { recheck_at } = found.verdict {
        assert!(recheck_at > input.now, "a wait ends in the future");
    }
}

fn a_wait_always_tells_a_time_or_whom_it_needs(_: &Input, found: &Plan) {
    let lost = found.messages.iter().find(|m| m.severity() == Severity::Wait && m.recheck.is_none());
    let person = found.messages.iter().any(|m| m.severity() >= Severity::Action);
    if !person && found.actions.is_empty() {
        assert_eq!(lost, None);
    }
}

fn what_needs_a_person_says_what_to_do(_: &Input, found: &Plan) {
    let mute = found.messages.iter().find(|one| one.severity() >= Severity::Action && one.steps.is_empty());
    assert_eq!(mute, None);
}

fn a_task_gets_at_most_one_action(_: &Input, found: &Plan) {
    let tasks: Vec<Task> = found.actions.iter().filter_map(Action::task).collect();
    assert_eq!(tasks.iter().collect::<BTreeSet<_>>().len(), tasks.len());
}

fn stage_testing_never_starts_before_what_it_tests_is_there(input: &Input, found: &Plan) {
    if runs(found, Task::StageTesting) {
        assert_eq!(input.promotion, PromotionFact::Accepted);
        assert_eq!(input.status(Task::PushToCdnStaging), TaskStatus::Pass);
        assert!(input.stage_release.succeeded());
        let gate = status_after(input, found, Task::AnalyzePromotedBuild);
        match input.policy {
            StageTestingPolicy::Strict => assert_eq!(gate, TaskStatus::Pass),
            // A Fail that a person has judged again is open until it is.
            StageTestingPolicy::Overlap if input.retry == Some(Task::AnalyzePromotedBuild) => {}
            StageTestingPolicy::Overlap => assert_ne!(gate, TaskStatus::Fail),
        }
    }
}

fn image_consistency_never_starts_before_promotion_and_stage_release(input: &Input, found: &Plan) {
    if runs(found, Task::ImageConsistencyCheck) {
        assert_eq!(input.promotion, PromotionFact::Accepted);
        assert!(input.stage_release.succeeded());
        let gate = status_after(input, found, Task::AnalyzePromotedBuild);
        if input.retry != Some(Task::AnalyzePromotedBuild) {
            assert_ne!(gate, TaskStatus::Fail);
        }
    }
}

fn the_approval_never_runs_before_every_other_task_has_passed(input: &Input, found: &Plan) {
    if runs(found, Task::ChangeAdvisoryStatus) && input.status(Task::ChangeAdvisoryStatus) != TaskStatus::Pass {
        for task in Task::tracked(input.flow).filter(|task| *task != Task::ChangeAdvisoryStatus) {
            assert_eq!(status_after(input, found, task), TaskStatus::Pass, "{task}");
        }
        assert!(input.advisories.is_some() && input.mr != MrFact::Unknown && input.mr != MrFact::Closed);
        assert!(input.issues.general.is_empty());
    }
}

fn the_approval_never_starts_before_its_day(input: &Input, found: &Plan) {
    let status = input.status(Task::ChangeAdvisoryStatus);
    let begun = matches!(status, TaskStatus::InProgress | TaskStatus::Pass);
    if runs(found, Task::ChangeAdvisoryStatus) && !begun && !input.ignore_release_date {
        let day = input.release_date.expect("a release date");
        assert!(day.saturating_sub(1.days()) <= input.today);
    }
}

fn a_pass_is_never_lowered_or_repeated(input: &Input, found: &Plan) {
    for action in &found.actions {
        if let Some(task) = action.task() {
            let finishes = matches!(action, Action::Run(_)) && input.owed.contains_key(&task);
            assert!(input.status(task) != TaskStatus::Pass || finishes, "{action:?}");
        }
    }
}

fn a_wait_never_fails_a_task_or_turns_the_release_red(input: &Input, _: &Plan) {
    let rejected = |verdict: &BuildVerdict| matches!(verdict, BuildVerdict::Reject { .. });
    if rejected(&input.candidate_verdict) || rejected(&input.promoted_verdict) {
        return;
    }
    let mut input = input.clone();
    input.overall = None;
    for facts in input.tasks.values_mut() {
        if facts.status == TaskStatus::Fail {
            facts.status = TaskStatus::NotStarted;
        }
        facts.retries_used = 0;
    }
    let found = plan(&input);
    assert!(!found.actions.iter().any(|action| matches!(action, Action::MarkFail { .. })), "{found:?}");
    assert_eq!(found.overall, Overall::Green);
    assert_ne!(found.verdict, Verdict::Failed);
}

fn red_is_a_tracked_task_that_failed(input: &Input, found: &Plan) {
    let failed = Task::tracked(input.flow).any(|task| input.status(task) == TaskStatus::Fail);
    assert_eq!(found.overall == Overall::Red, failed);
}

fn a_running_job_is_watched_whatever_stops_the_rest(input: &Input, _: &Plan) {
    let mut input = input.clone();
    input.source = StateSource::StateBox;
    input.ticket_missing.clear();
    input.credentials_missing.clear();
    input.unreadable_statuses.clear();
    input.shipped = None;
    let facts = TaskFacts {
        status: TaskStatus::InProgress,
        job_ref: Some(job()),
        started_at: Some(now()),
        ..TaskFacts::default()
    };
    input.tasks.insert(Task::ImageConsistencyCheck, facts);
    let found = plan(&input);
    assert!(found.actions.contains(&Action::Check(Task::ImageConsistencyCheck, job())), "{found:?}");
}

fn every_plan_lists_what_runs(input: &Input, found: &Plan) {
    let listed: Vec<Task> = found.running.iter().map(|(task, _)| *task).collect();
    let after = |task: &Task| status_after(input, found, *task) == TaskStatus::InProgress;
    assert_eq!(listed, Task::tracked(input.flow).filter(after).collect::<Vec<_>>());
}

fn every_task_that_has_not_passed_has_one_condition(input: &Input, found: &Plan) {
    let open: Vec<Task> = Task::tracked(input.flow).filter(|task| input.status(*task) != TaskStatus::Pass).collect();
    assert_eq!(found.conditions.iter().map(|one| one.task).collect::<Vec<_>>(), open);
    assert!(found.conditions.iter().all(|one| !one.why.is_empty() && one.status == input.status(one.task)));
}

fn a_blocker_of_the_release_starts_nothing(input: &Input, found: &Plan) {
    if input.source == StateSource::StateBox && !input.issues.general.is_empty() {
        assert_eq!(triggers(input, found), []);
    }
}

fn an_unread_state_changes_nothing(input: &Input, found: &Plan) {
    if matches!(input.source, StateSource::Unavailable { .. }) {
        assert!(found.actions.iter().all(|action| matches!(action, Action::Notify { .. } | Action::SendDue)));
    }
}

fn planning_again_in_a_frozen_world_starts_nothing_twice(input: &Input, first: &Plan) {
    let after = carried_out(input, first);
    let again = plan(&after);
    let repeated: Vec<_> = triggers(&after, &again).into_iter().filter(|t| first.actions.contains(t)).collect();
    assert_eq!(repeated, [], "after {first:?}");
}

fn planning_settles_in_a_frozen_world(input: &Input, _: &Plan) {
    let mut world = input.clone();
    for _ in 0..8 {
        let found = plan(&world);
        if found.actions.is_empty() {
            return;
        }
        world = carried_out(&world, &found);
        world.source = if world.source == StateSource::None { StateSource::StateBox } else { world.source };
        world.has_due = false;
        for action in &found.actions {
            if let Action::ResolveIssue { issue, .. } = action {
                world.issues.general.retain(|open| open.id != *issue);
                world.issues.blockers.values_mut().for_each(|open| open.retain(|one| one.id != *issue));
            }
        }
    }
    assert_eq!(plan(&world).actions, []);
}
