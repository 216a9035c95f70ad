//! Table tests of the rows of the approval.

use super::*;
use crate::domain::approval::Shipped;
use crate::domain::state::overall::Overall;
use crate::planner::given::{actions, at, issue, kinds, message_of, move_to, ready_to_approve, set};
use crate::planner::plan::{Action, ReleasePhase, Verdict};
use crate::planner::walk::plan;

const RUN: Action = Action::Run(APPROVAL);

#[test]
fn approval_starts_one_day_before_the_release_date() {
    let mut input = ready_to_approve();
    assert_eq!(actions(&input), [RUN]);
    move_to(&mut input, "2026-03-23T23:00:00Z");
    assert_eq!(actions(&input), []);
    assert_eq!(plan(&input).verdict, Verdict::Waiting { recheck_at: at("2026-03-24T00:00:00Z") });
    input.ignore_release_date = true;
    assert_eq!(actions(&input), [RUN]);
}

#[test]
fn a_late_approval_starts_and_says_that_it_is_late() {
    let mut input = ready_to_approve();
    move_to(&mut input, "2026-03-26T08:00:00Z");
    assert_eq!(actions(&input), [RUN]);
    assert!(kinds(&input).contains(&Kind::LateApproval));
}

#[test]
fn without_a_release_date_a_person_decides() {
    let mut input = ready_to_approve();
    input.release_date = None;
    assert_eq!(actions(&input), []);
    assert_eq!(plan(&input).verdict, Verdict::NeedsPerson);
}

#[test]
fn approval_needs_every_tracked_task() {
    for task in Task::tracked(input_flow()).filter(|task| *task != APPROVAL) {
        for status in [TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Fail] {
            let mut input = ready_to_approve();
            input.candidate_file = RecordState::Unknown { why: "timed out".into() };
            input.promoted_file = RecordState::Unknown { why: "timed out".into() };
            set(&mut input, task, status);
            assert!(!actions(&input).contains(&RUN), "{task} {status}");
        }
    }
}

fn input_flow() -> crate::domain::task::Flow {
    crate::domain::task::Flow::Konflux
}

#[test]
fn an_old_file_without_an_alert_check_gets_it_before_the_approval() {
    let mut input = ready_to_approve();
    input.tasks.remove(&Task::CheckRhcosSecurityAlerts);
    assert_eq!(actions(&input), [Action::Run(Task::CheckRhcosSecurityAlerts)]);
}

#[test]
fn a_candidate_that_nobody_judged_needs_a_waiver() {
    let mut input = ready_to_approve();
    input.tasks.remove(&Task::AnalyzeCandidateBuild);
    input.candidate_file = RecordState::Missing;
    let found = plan(&input);
    assert_eq!((found.verdict, found.recheck_at()), (Verdict::NeedsPerson, None));
    assert!(message_of(&found, Kind::CandidateWaiverNeeded).steps[0].contains("--decide candidate=accept"));

    input.candidate_file = RecordState::Aggregating { missing: vec!["upgrade".into()] };
    assert!(matches!(plan(&input).verdict, Verdict::Waiting { .. }), "tests that run are waited for");
}

#[test]
fn a_blocker_on_the_approval_holds_it_even_when_it_was_started() {
    for status in [TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Fail] {
        let mut input = ready_to_approve();
        set(&mut input, APPROVAL, status);
        input.issues.blockers.insert(APPROVAL, vec![issue("blocking security alerts", Some("rhcos-alerts"))]);
        input.retry = Some(APPROVAL);
        assert_eq!(actions(&input), [], "{status}");
    }
}

#[test]
fn an_unread_world_holds_the_approval() {
    let mut input = ready_to_approve();
    input.mr = MrFact::Unknown;
    assert_eq!(actions(&input), []);
    assert!(matches!(plan(&input).verdict, Verdict::Waiting { .. }));
    let mut input = ready_to_approve();
    input.advisories = None;
    assert_eq!(actions(&input), []);
}

#[test]
fn a_started_approval_looks_every_half_hour_until_two_days_after_the_date() {
    let mut input = ready_to_approve();
    let facts = set(&mut input, APPROVAL, TaskStatus::InProgress);
    facts.started_at = Some(at("2026-03-24T08:00:00Z"));
    facts.not_before = Some(at("2026-03-24T08:30:00Z"));
    assert_eq!(actions(&input), []);
    assert_eq!(plan(&input).recheck_at(), Some(at("2026-03-24T08:30:00Z")));
    move_to(&mut input, "2026-03-24T08:30:00Z");
    assert_eq!(actions(&input), [RUN]);
    move_to(&mut input, "2026-03-26T23:59:00Z");
    assert_eq!(actions(&input), [RUN]);
    move_to(&mut input, "2026-03-27T00:00:00Z");
    assert_eq!(actions(&input), [RUN], "the run looks at the page, and finds out itself that it is too late");
}

#[test]
fn a_running_approval_is_ended_by_its_own_look_alone() {
    let mut input = ready_to_approve();
    set(&mut input, APPROVAL, TaskStatus::InProgress);
    move_to(&mut input, "2026-03-28T00:00:00Z");
    for page in [PageState::Accessible, PageState::Unknown, PageState::NotAccessible] {
        input.page = page;
        assert_eq!(actions(&input), [RUN], "{page:?}");
    }
}

#[test]
fn a_time_out_is_tried_again_when_the_page_is_there_or_the_date_has_not_passed() {
    let mut input = ready_to_approve();
    set(&mut input, APPROVAL, TaskStatus::Fail).fail_cause = Some(FailCause::TimedOut);
    assert_eq!(actions(&input), [RUN], "the release date is still ahead");

    move_to(&mut input, "2026-03-28T08:00:00Z");
    let found = plan(&input);
    assert_eq!(actions(&input), []);
    assert_eq!((found.verdict, found.overall), (Verdict::NeedsPerson, Overall::Red));
    assert!(message_of(&found, Kind::ApprovalTimeout).steps.join(" ").contains("prod-release-triggers"));

    input.page = PageState::Accessible;
    assert_eq!(actions(&input), [RUN]);
    assert!(message_of(&plan(&input), Kind::ApprovalRetried).text.ends_with("its page is public now"));
}

#[test]
fn a_production_release_that_succeeded_later_is_a_reason_to_wait_once_more() {
    let released = crate::planner::facts::ReleaseFact::Known(crate::domain::shipment::StageRelease::Success);
    for (cause, found) in [(FailCause::TimedOut, vec![RUN]), (FailCause::TimedOutReleased, vec![])] {
        let mut input = ready_to_approve();
        set(&mut input, APPROVAL, TaskStatus::Fail).fail_cause = Some(cause);
        move_to(&mut input, "2026-03-28T08:00:00Z");
        assert_eq!(actions(&input), []);
        input.prod_release = released.clone();
        assert_eq!(actions(&input), found, "{cause:?}");
    }
}

#[test]
fn a_failed_approval_is_not_begun_anew_before_its_day() {
    for cause in [FailCause::TimedOut, FailCause::Transient] {
        let mut input = ready_to_approve();
        set(&mut input, APPROVAL, TaskStatus::Fail).fail_cause = Some(cause);
        input.release_date = Some(jiff::civil::date(2026, 4, 20));
        assert_eq!(actions(&input), [], "{cause:?}");
        assert!(kinds(&input).contains(&Kind::TooEarly), "{cause:?}");
    }
}

#[test]
fn another_failure_of_the_approval_follows_the_general_rules() {
    let mut input = ready_to_approve();
    set(&mut input, APPROVAL, TaskStatus::Fail).fail_cause = Some(FailCause::Transient);
    assert_eq!(actions(&input), [RUN]);
    set(&mut input, APPROVAL, TaskStatus::Fail).fail_cause = Some(FailCause::Permanent);
    assert_eq!(actions(&input), []);
    input.retry = Some(APPROVAL);
    assert_eq!(actions(&input), [RUN]);
}

#[test]
fn an_approved_release_waits_until_it_is_shipped() {
    let mut input = ready_to_approve();
    set(&mut input, APPROVAL, TaskStatus::Pass);
    let found = plan(&input);
    assert_eq!(found.verdict, Verdict::Waiting { recheck_at: at("2026-03-24T08:30:00Z") });
    input.shipped = None;
    assert!(matches!(plan(&input).verdict, Verdict::Waiting { .. }), "not knowing is not the end");
    input.shipped = Some(Shipped { shipped: true, open: vec![] });
    let found = plan(&input);
    assert_eq!((found.verdict, found.phase, found.overall), (Verdict::Done, ReleasePhase::Done, Overall::Green));
}

#[test]
fn an_approved_release_is_called_shipped_only_when_its_advisories_are_live() {
    let mut input = ready_to_approve();
    set(&mut input, APPROVAL, TaskStatus::Pass);
    input.shipped = Some(Shipped { shipped: true, open: vec![] });
    let becomes = |input: &mut Input, state: &AdvisoryState| {
        for one in input.advisories.iter_mut().flat_map(|all| all.values_mut()) {
            one.state = state.clone();
        }
    };
    becomes(&mut input, &AdvisoryState::RelPrep);
    assert_eq!(
        message_of(&plan(&input), Kind::Completed).text,
        "4.20.17 is approved and its images are out; not live yet: 102 REL_PREP, 101 REL_PREP; the release date is \
         2026-03-25"
    );
    assert_eq!(plan(&input).verdict, Verdict::Done);
    becomes(&mut input, &AdvisoryState::ShippedLive);
    assert_eq!(message_of(&plan(&input), Kind::Completed).text, "4.20.17 is approved and shipped");
}
