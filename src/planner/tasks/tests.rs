//! Table tests of the rows that are the same for every task.

use super::*;
use crate::domain::state::overall::Overall;
use crate::planner::given::{actions, at, intent, issue, job, message_of, promoted, set};
use crate::planner::plan::Verdict;
use crate::planner::walk::plan;

const STAGE: Task = Task::StageTesting;

/// A promoted release whose gate is open and whose consistency check is done.
fn stage_is_next() -> crate::planner::input::Input {
    let mut input = promoted();
    crate::planner::given::pass(&mut input, &[Task::AnalyzePromotedBuild, Task::ImageConsistencyCheck]);
    input
}

#[test]
fn a_running_job_is_looked_at_and_never_started_again() {
    let mut input = stage_is_next();
    set(&mut input, STAGE, TaskStatus::InProgress).job_ref = Some(job());
    assert_eq!(actions(&input), [Action::Check(STAGE, job())]);
}

#[test]
fn a_job_that_was_just_looked_at_is_left_alone_until_its_time() {
    let mut input = stage_is_next();
    let facts = set(&mut input, STAGE, TaskStatus::InProgress);
    facts.job_ref = Some(job());
    facts.not_before = Some(at("2026-03-20T12:15:00Z"));
    assert_eq!(actions(&input), []);
    assert_eq!(plan(&input).verdict, Verdict::Waiting { recheck_at: at("2026-03-20T12:15:00Z") });
}

#[test]
fn a_job_that_nobody_knows_is_looked_for_once_every_list_must_show_it() {
    let mut input = stage_is_next();
    set(&mut input, STAGE, TaskStatus::InProgress).started_at = Some(at("2026-03-20T11:26:00Z"));
    assert_eq!(actions(&input), []);
    assert_eq!(plan(&input).recheck_at(), Some(at("2026-03-20T12:01:00Z")));

    set(&mut input, STAGE, TaskStatus::InProgress).started_at = Some(at("2026-03-20T11:25:00Z"));
    assert_eq!(
        actions(&input),
        [Action::Run(STAGE)],
        "the run starts another one only when its look proves that it may"
    );
}

#[test]
fn an_announced_job_is_looked_for_by_a_run() {
    let mut input = stage_is_next();
    set(&mut input, STAGE, TaskStatus::InProgress).intent = Some(intent());
    assert_eq!(actions(&input), [Action::Run(STAGE)]);
}

#[test]
fn a_check_that_another_process_may_be_running_is_left_alone_for_a_quarter_of_an_hour() {
    let mut input = promoted();
    let task = Task::CheckCveTrackerBug;
    set(&mut input, task, TaskStatus::InProgress).started_at = Some(at("2026-03-20T11:50:00Z"));
    assert!(!actions(&input).contains(&Action::Run(task)));
    set(&mut input, task, TaskStatus::InProgress).started_at = Some(at("2026-03-20T11:45:00Z"));
    assert!(actions(&input).contains(&Action::Run(task)));
}

#[test]
fn a_blocker_holds_a_task_that_is_not_running_and_only_that() {
    let mut input = stage_is_next();
    input.issues.blockers.insert(STAGE, vec![issue("quota exhausted", None)]);
    assert_eq!(actions(&input), []);
    let found = plan(&input);
    assert_eq!(found.verdict, Verdict::NeedsPerson);
    assert_eq!(found.overall, Overall::Green, "a blocker alone does not turn the release Red");
    assert!(message_of(&found, Kind::TaskBlocked).text.contains("quota exhausted"));

    set(&mut input, STAGE, TaskStatus::InProgress).job_ref = Some(job());
    assert_eq!(actions(&input), [Action::Check(STAGE, job())]);
}

#[test]
fn a_failed_job_is_repeated_only_when_a_person_asks() {
    let mut input = stage_is_next();
    set(&mut input, STAGE, TaskStatus::Fail).fail_cause = Some(FailCause::JobFailed);
    assert_eq!(actions(&input), []);
    assert_eq!(plan(&input).overall, Overall::Red);

    let mut retried = input.clone();
    retried.retry = Some(STAGE);
    assert_eq!(actions(&retried), [Action::Run(STAGE)]);

    input.issues.resolved_at.insert(STAGE, at("2026-03-20T08:59:00Z"));
    assert_eq!(actions(&input), [], "resolved before it failed");
    input.issues.resolved_at.insert(STAGE, at("2026-03-20T09:01:00Z"));
    assert_eq!(actions(&input), [Action::Run(STAGE)]);
}

#[test]
fn an_outage_is_retried_three_times_and_then_becomes_a_blocker() {
    let mut input = stage_is_next();
    let facts = set(&mut input, STAGE, TaskStatus::Fail);
    facts.fail_cause = Some(FailCause::Transient);
    facts.retries_used = 2;
    facts.not_before = Some(at("2026-03-20T12:04:00Z"));
    assert_eq!(actions(&input), []);
    assert_eq!(message_of(&plan(&input), Kind::RetryScheduled).recheck, Some(at("2026-03-20T12:04:00Z")));

    let facts = set(&mut input, STAGE, TaskStatus::Fail);
    facts.fail_cause = Some(FailCause::Transient);
    facts.retries_used = 2;
    assert_eq!(actions(&input), [Action::Run(STAGE)]);

    let facts = set(&mut input, STAGE, TaskStatus::Fail);
    facts.fail_cause = Some(FailCause::Transient);
    facts.retries_used = 3;
    assert!(matches!(&actions(&input)[..], [Action::AddBlocker { task: Some(STAGE), .. }]));
}

#[test]
fn a_task_that_never_got_to_a_verdict_fails_after_its_retries() {
    let mut input = stage_is_next();
    let facts = set(&mut input, STAGE, TaskStatus::NotStarted);
    facts.fail_cause = Some(FailCause::Transient);
    facts.retries_used = 2;
    assert_eq!(actions(&input), [Action::Run(STAGE)]);
    let facts = set(&mut input, STAGE, TaskStatus::NotStarted);
    facts.fail_cause = Some(FailCause::Transient);
    facts.retries_used = 3;
    assert!(matches!(&actions(&input)[..], [Action::MarkFail { task: STAGE, blocker: Some(_), .. }]));
}

#[test]
fn a_retry_lifts_the_blocker_of_exhausted_retries_but_none_of_a_person() {
    let mut input = stage_is_next();
    set(&mut input, STAGE, TaskStatus::Fail).fail_cause = Some(FailCause::Transient);
    input.retry = Some(STAGE);
    input.issues.blockers.insert(STAGE, vec![issue("outages", Some(RETRIES_SOURCE))]);
    assert!(matches!(&actions(&input)[..], [Action::ResolveIssue { .. }, Action::Run(STAGE)]));
    input.issues.blockers.insert(STAGE, vec![issue("do not run this", None)]);
    assert_eq!(actions(&input), []);
}

#[test]
fn a_wait_that_was_stored_as_failure_is_put_back() {
    let mut input = stage_is_next();
    set(&mut input, STAGE, TaskStatus::Fail).fail_cause = Some(FailCause::Prerequisite);
    assert!(matches!(&actions(&input)[..], [Action::ResetTask { task: STAGE, .. }]));
    assert_eq!(plan(&input).overall, Overall::Red, "as the state says it, until that is stored");
}

#[test]
fn a_task_that_was_refused_is_tried_again_when_time_opens_the_gate() {
    use crate::domain::closed_gate::ClosedGate;
    let mut input = stage_is_next();
    let facts = set(&mut input, STAGE, TaskStatus::NotStarted);
    facts.blocked_by = Some(ClosedGate::Queue { why: "build 12 of another release".into() });
    facts.not_before = Some(at("2026-03-20T12:10:00Z"));
    assert_eq!(actions(&input), []);
    assert_eq!(plan(&input).recheck_at(), Some(at("2026-03-20T12:10:00Z")));

    input.now = at("2026-03-20T12:10:00Z");
    assert_eq!(actions(&input), [Action::Run(STAGE)]);
}

#[test]
fn a_task_that_needs_a_person_names_what_to_do() {
    use crate::domain::closed_gate::ClosedGate;
    let mut input = stage_is_next();
    let facts = set(&mut input, STAGE, TaskStatus::NotStarted);
    facts.blocked_by = Some(ClosedGate::UnknownOutcome { what: "start of the stage pipeline".into() });
    let found = plan(&input);
    assert_eq!(found.recheck_at(), None);
    assert!(!message_of(&found, Kind::TaskBlocked).steps.is_empty());
    assert_eq!(found.verdict, Verdict::NeedsPerson);
}

#[test]
fn a_missing_credential_is_named_instead_of_running_the_task() {
    let mut input = stage_is_next();
    input.credentials_missing.insert(STAGE, "JENKINS_TOKEN is not set".into());
    assert_eq!(actions(&input), []);
    assert!(message_of(&plan(&input), Kind::CredentialMissing).text.contains("JENKINS_TOKEN"));
}

#[test]
fn a_push_that_a_dropped_advisory_stopped_goes_on_once_none_is_dropped() {
    let mut input = promoted();
    let advisories = vec![crate::domain::ids::AdvisoryId::new(101)];
    let push = set(&mut input, Task::PushToCdnStaging, TaskStatus::InProgress);
    push.blocked_by = Some(ClosedGate::AdvisoryDropped { advisories });
    assert!(actions(&input).contains(&Action::Run(Task::PushToCdnStaging)));
    input.advisories = None;
    assert!(!actions(&input).contains(&Action::Run(Task::PushToCdnStaging)), "nobody knows whether it is over");
}

#[test]
fn a_push_that_waited_for_art_goes_on_once_the_advisory_has_moved() {
    for status in [TaskStatus::InProgress, TaskStatus::NotStarted] {
        let mut input = promoted();
        let advisories = vec![(crate::domain::ids::AdvisoryId::new(101), "NEW_FILES (push refused: no)".to_owned())];
        let push = set(&mut input, Task::PushToCdnStaging, status);
        push.blocked_by = Some(ClosedGate::AdvisoryState { advisories });
        assert!(actions(&input).contains(&Action::Run(Task::PushToCdnStaging)), "{status}");
        let known = input.advisories.as_mut().unwrap();
        known.values_mut().for_each(|one| one.state = crate::domain::advisory::AdvisoryState::NewFiles);
        assert!(!actions(&input).contains(&Action::Run(Task::PushToCdnStaging)), "{status}: it is where it was");
        input.advisories = None;
        assert!(!actions(&input).contains(&Action::Run(Task::PushToCdnStaging)), "{status}: nobody knows");
    }
}
