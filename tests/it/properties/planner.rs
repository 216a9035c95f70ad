//! What the planner must never do, whatever the world looks like.
#![expect(clippy::wildcard_enum_match_arm, reason = "each question is about one or two actions")]

use std::collections::BTreeSet;

use jiff::SignedDuration;
use oar::domain::stage_testing::StageTestingPolicy;
use oar::domain::state::overall::Overall;
use oar::domain::task::{Flow, Task, TaskStatus};
use oar::planner::facts::{BuildVerdict, MrFact, PageState, PromotionFact};
use oar::planner::input::{Input, OpenIssue, StateSource, TaskFacts};
use oar::planner::messages::Severity;
use oar::planner::plan::{Action, Plan, Verdict};
use oar::planner::walk::plan;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::inputs::{inputs, job, now};

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
        cases: 2 * ProptestConfig::default().cases, // PROPTEST_CASES scales it
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_260_324),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_same_input_gives_the_same_plan(input in inputs()) {
        prop_assert_eq!(plan(&input), plan(&input.clone()));
    }

    #[test]
    fn a_fact_that_is_not_needed_changes_no_plan(input in inputs(), other in inputs()) {
        let mut changed = input.clone();
        if !input.needs_promotion() {
            changed.promotion = other.promotion;
        }
        if !input.needs_candidate_file() {
            changed.candidate_file = other.candidate_file;
        }
        if !input.needs_promoted_file() {
            changed.promoted_file = other.promoted_file;
        }
        if !input.needs_stage_release() {
            changed.stage_release = other.stage_release;
        }
        prop_assert_eq!(plan(&input), plan(&changed));
    }

    #[test]
    fn every_plan_says_or_does_something(input in inputs()) {
        let found = plan(&input);
        if found.actions.is_empty() {
            prop_assert!(!found.messages.is_empty());
        }
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
        if !person && found.actions.is_empty() {
            prop_assert!(lost.is_none(), "{:?}", found);
        }
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
            prop_assert_eq!(&input.promotion, &PromotionFact::Accepted);
            prop_assert_eq!(input.status(Task::PushToCdnStaging), TaskStatus::Pass);
            prop_assert!(input.stage_release.succeeded());
            let gate = status_after(&input, &found, Task::AnalyzePromotedBuild);
            match input.policy {
                StageTestingPolicy::Strict => prop_assert_eq!(gate, TaskStatus::Pass),
                StageTestingPolicy::Overlap => prop_assert_ne!(gate, TaskStatus::Fail),
            }
        }
    }

    #[test]
    fn image_consistency_never_starts_before_promotion_and_stage_release(input in inputs()) {
        if runs(&plan(&input), Task::ImageConsistencyCheck) {
            prop_assert_eq!(&input.promotion, &PromotionFact::Accepted);
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
            prop_assert!(input.advisories.is_some() && input.mr != MrFact::Unknown && input.mr != MrFact::Closed);
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
