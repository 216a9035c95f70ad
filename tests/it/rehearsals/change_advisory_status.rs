use insta::assert_snapshot;
use oar::domain::task::{Flow, Task, TaskStatus};
use oar::sim::facts::gitlab::merge_requests::MrState;

use crate::rehearsal::{TestWorld, promoted, ready_to_approve};

const TASK: Task = Task::ChangeAdvisoryStatus;

#[tokio::test]
async fn the_approval_does_not_start_before_its_day() {
    let world = promoted().await;
    let done = [Task::ImageConsistencyCheck, Task::StageTesting, Task::ImageSignedCheck];
    world.somebody_stores(&done, TaskStatus::Pass);
    world.new_writes();

    assert_snapshot!(world.oar("--yes change-advisory-status").await, @"
    change-advisory-status Not Started: blocked, final approval starts on 2026-06-09
      next: wait until 2026-06-09
            then: oar -r 4.20.17 change-advisory-status
    exit 3
    ");
    world.expect_task(TASK, TaskStatus::NotStarted);
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn the_approval_needs_every_other_task() {
    let world = promoted().await;
    world.days_pass(6);
    world.new_writes();

    assert_snapshot!(world.oar("--yes change-advisory-status").await, @"
    change-advisory-status Not Started: blocked, image-consistency-check has to pass first (it is Not Started)
      next: finish it first: oar -r 4.20.17 image-consistency-check
            then: oar -r 4.20.17 change-advisory-status
    exit 4
    ");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn the_shipment_is_approved_and_the_advisories_follow_when_their_page_is_public() {
    let world = ready_to_approve().await;
    world.new_writes();

    assert_snapshot!(world.oar("--yes change-advisory-status").await, @"
    change-advisory-status In Progress: waiting for the advisory page https://sim.example.com/customer_portal/errata/RHBA-2026:12017 (until 2026-06-12T00:00:00Z), look again in 30 min
      did:  refresh the security alerts of advisory 170172
      did:  approve https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117
      next: in 30 min: oar -r 4.20.17 change-advisory-status
    exit 0
    ");
    assert_snapshot!(world.new_writes(), @"
    POST /errata/api/v1/erratum/170172/security_alerts/refresh
    POST /gitlab/api/v4/projects/hybrid-platforms%2Fart%2Focp-shipment-data/merge_requests/2117/approve
    ");
    world.expect_task(TASK, TaskStatus::InProgress);
    assert_eq!(world.advisory_state("rpm"), "QE");

    world.advisory_page_opens();
    assert_snapshot!(world.oar("--yes change-advisory-status").await, @"
    change-advisory-status Pass: the shipment is approved and advisories 170171, 170172 are in REL_PREP or later
      did:  refresh the security alerts of advisory 170172
      did:  move advisory 170171 to REL_PREP
      did:  move advisory 170172 to REL_PREP
      did:  close ART-22018
      did:  close ART-22019
      did:  close ART-22020
      did:  tell qe-release on Slack
      next: nothing before 2026-06-09T06:30:00Z: approved, but not shipped yet: production release of the shipment: created
            then: oar -r 4.20.17 plan
    exit 0
    ");
    assert_snapshot!(world.new_writes(), @"
    POST /errata/api/v1/erratum/170171/change_state
    POST /errata/api/v1/erratum/170172/change_state
    POST /errata/api/v1/erratum/170172/security_alerts/refresh
    POST /jira/rest/api/3/issue/ART-22018/transitions
    POST /jira/rest/api/3/issue/ART-22019/transitions
    POST /jira/rest/api/3/issue/ART-22020/transitions
    POST /slack/chat.postMessage
    ");
    world.expect_task(TASK, TaskStatus::Pass);
    assert_eq!((world.advisory_state("rpm"), world.advisory_state("rhcos")), ("REL_PREP", "REL_PREP"));

    world.finish();
}

#[tokio::test]
async fn every_pass_of_the_approval_does_only_what_is_missing() {
    let world = ready_to_approve().await;
    world.oar("--yes change-advisory-status").await;
    world.new_writes();

    for _ in 0..3 {
        world.time_passes("20m");
        world.oar("--yes change-advisory-status").await;
    }
    assert_eq!(world.new_writes(), "nothing");

    world.advisory_page_opens();
    world.oar("--yes change-advisory-status").await;
    assert_snapshot!(world.oar_changes_nothing("--yes change-advisory-status").await, @"
    change-advisory-status Pass: nothing to do, change-advisory-status passed already
      next: nothing before 2026-06-09T07:30:00Z: approved, but not shipped yet: production release of the shipment: created
            then: oar -r 4.20.17 plan
    exit 0
    ");

    world.finish();
}

#[tokio::test]
async fn a_wait_that_goes_on_as_before_is_not_stored_again() {
    let world = ready_to_approve().await;
    let commits = || world.facts().github.branches["z-stream"].messages.clone();
    let updates = || commits().iter().filter(|message| message.contains("Update task")).count();
    world.oar("drive").await;
    let (stored, before) = (world.state().task(TASK).expect("an entry"), updates());
    assert_eq!(stored.reason.as_deref().map(|reason| reason.contains("the advisory page")), Some(true));

    for _ in 0..3 {
        world.time_passes("30m");
        let looked = world.oar("drive").await;
        assert!(looked.contains("the approval waits for the advisory page"), "{looked}");
    }
    assert_eq!((world.state().task(TASK), updates()), (Some(stored), before));

    world.finish();
}

#[tokio::test]
async fn a_lost_answer_of_the_approval_approves_once() {
    let mut world = ready_to_approve().await;
    world.answer_gets_lost("gitlab", "POST", "approve");

    world.oar("--yes change-advisory-status").await;
    world.elsewhere("--yes change-advisory-status").await;
    assert_eq!(world.writes_to("/approve"), 1);
    world.expect_task(TASK, TaskStatus::InProgress);

    world.finish();
}

#[tokio::test]
async fn a_lost_answer_of_a_move_moves_once() {
    let mut world = ready_to_approve().await;
    world.advisory_page_opens();
    world.answer_gets_lost("errata", "POST", "change_state");

    world.oar("--yes change-advisory-status").await;
    world.elsewhere("--yes change-advisory-status").await;
    assert_eq!(world.writes_to("change_state"), 2);
    world.expect_task(TASK, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_closed_merge_request_is_not_a_merged_one() {
    let world = ready_to_approve().await;
    world.merge_request_becomes(MrState::Closed);
    world.new_writes();

    assert_snapshot!(world.oar("--yes change-advisory-status").await, @"
    change-advisory-status Not Started: blocked, https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117 was closed without being merged
      next: ask ART for the right merge request
            then: oar -r 4.20.17 change-advisory-status
    exit 4
    ");
    assert_eq!(world.new_writes(), "nothing");
    assert_eq!(world.advisory_state("rpm"), "QE");

    world.finish();
}

#[tokio::test]
async fn an_unreachable_merge_request_is_not_a_merged_one() {
    let world = ready_to_approve().await;
    world.advisory_page_opens();
    world.break_service("gitlab", 401);
    world.new_writes();

    assert_snapshot!(world.oar("--yes change-advisory-status").await, @r#"
    error: change-advisory-status of 4.20.17 could not be carried out
      why:  gitlab refused our credential with HTTP 401 (read the merge request), it says "401 Unauthorized"
      next: renew the credential: check GITLAB_TOKEN
    exit 6
    "#);
    assert_eq!(world.new_writes(), "nothing");
    assert_eq!(world.advisory_state("rpm"), "QE");

    world.finish();
}

#[tokio::test]
async fn a_blocker_holds_the_approval_back() {
    let world = ready_to_approve().await;
    world.oar("issue add \"do not ship yet\" --task change-advisory-status").await;
    world.new_writes();

    assert_snapshot!(world.oar("--yes change-advisory-status").await, @"
    change-advisory-status Not Started: blocked, open blocker: “do not ship yet”
      next: resolve the blocker: oar -r 4.20.17 issue resolve 82d0d0a0 --resolution TEXT
            then: oar -r 4.20.17 change-advisory-status
    exit 4
    ");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn all_advisories_are_looked_at_before_the_first_one_moves() {
    let world = ready_to_approve().await;
    world.advisory_page_opens();
    let rhcos = world.facts().release.advisories["rhcos"];
    world.advisory_becomes("rhcos", oar::sim::facts::errata::rules::State::NewFiles);
    world.new_writes();

    assert_snapshot!(world.oar("--yes change-advisory-status").await, @"
    change-advisory-status Not Started: blocked, advisories in a state that cannot be worked on: 170172 NEW_FILES
      next: ask ART to move the advisories to QE
            then: oar -r 4.20.17 change-advisory-status
    exit 4
    ");
    assert_eq!(world.writes_to(&format!("{rhcos}/change_state")), 0);
    assert_eq!(world.advisory_state("rpm"), "QE");

    world.finish();
}

#[tokio::test]
async fn a_page_that_stays_closed_two_days_after_the_release_date_is_a_verdict() {
    let world = TestWorld::founded("portal-never-opens", |_| {}).await;
    let world = approved_too_early(world).await;
    world.days_pass(4);

    assert_snapshot!(world.oar("--yes change-advisory-status").await, @"
    change-advisory-status Fail: the advisory page was not public by 2026-06-12T00:00:00Z
      did:  tell qe-release on Slack
      next: look into it; when it is mended: oar -r 4.20.17 drive --retry change-advisory-status
            to accept it as it is: oar -r 4.20.17 update-task-status change-advisory-status Pass --reason TEXT
    exit 5
    ");
    world.expect_task(TASK, TaskStatus::Fail);

    // A later try has two fresh days.
    assert_snapshot!(world.oar("--yes change-advisory-status").await, @"
    change-advisory-status In Progress: waiting for the advisory page https://sim.example.com/customer_portal/errata/RHBA-2026:12017 (until 2026-06-15T06:00:00Z), look again in 30 min
      did:  refresh the security alerts of advisory 170172
      note: the approval had failed; a new wait for the advisory page begins, until 2026-06-15T06:00:00Z
      next: in 30 min: oar -r 4.20.17 change-advisory-status
    exit 0
    ");
    world.expect_task(TASK, TaskStatus::InProgress);
    assert_eq!(world.writes_to("/approve"), 1);

    world.finish();
}

#[tokio::test]
async fn an_approval_that_does_not_come_is_one_fail_and_one_message_and_no_loop() {
    let world = TestWorld::founded("portal-never-opens", |_| {}).await;
    let world = approved_too_early(world).await;
    let started = world.now();

    let reported = world.oar("drive --watch").await;
    assert!(reported.contains("the advisory page was not public by"), "{reported}");
    world.expect_task(TASK, TaskStatus::Fail);
    assert!(world.now().duration_since(started) < jiff::SignedDuration::from_hours(24 * 8), "{reported}");
    let posted = world.posted_messages().iter().filter(|one| one.contains("not approved in time")).count();
    assert_eq!(posted, 1, "{:?}", world.posted_messages());
    let runs = reported.lines().filter(|line| line.contains("change-advisory-status Fail")).count();
    assert!(runs <= 2, "once by the date, once more if the production release succeeded since: {reported}");

    // Nothing changed, so nothing is tried, however often somebody drives; the page itself is looked at.
    for _ in 0..3 {
        world.days_pass(2);
        let file = world.file();
        let reported = world.oar("drive").await;
        assert!(reported.ends_with("exit 4") && reported.contains("did not become public in time"), "{reported}");
        let looked = world.oar_changes_nothing("ctl approval-checker").await;
        assert!(looked.contains("nothing has changed since") && looked.ends_with("exit 4"), "{looked}");
        assert_eq!(world.file(), file);
    }

    // Whoever runs it by hand begins a new wait, and knows that before.
    let asked = world.oar_changes_nothing("change-advisory-status").await;
    let until = world.now() + jiff::SignedDuration::from_hours(48);
    let wait = format!("begin a new wait for the advisory page, until {}", oar::domain::dates::stamp(until));
    assert!(asked.contains(&wait) && asked.ends_with("exit 4"), "{asked}");
    let begun = world.oar("--yes change-advisory-status").await;
    assert!(begun.contains("the approval had failed; a new wait for the advisory page begins, until"), "{begun}");
    assert!(begun.ends_with("exit 0"), "{begun}");
    world.expect_task(TASK, TaskStatus::InProgress);
    world.days_pass(3);
    assert!(world.oar("ctl approval-checker").await.ends_with("exit 5"), "the new wait ends, too");

    world.advisory_page_opens();
    let planned = world.oar_changes_nothing("plan").await;
    assert!(planned.contains("the approval is tried again: its page is public now"), "{planned}");
    let reported = world.oar("drive").await;
    world.expect_task(TASK, TaskStatus::Pass);
    assert_eq!(world.writes_to("/approve"), 1, "{reported}");

    world.finish();
}

#[tokio::test]
async fn an_approval_before_its_day_needs_a_reason_and_a_yes() {
    let world = promoted().await;
    world.signature_is_published();
    let done = [Task::ImageConsistencyCheck, Task::StageTesting, Task::ImageSignedCheck];
    world.somebody_stores(&done, TaskStatus::Pass);
    world.new_writes();

    for command in ["change-advisory-status --ignore-release-date --yes", "drive --ignore-release-date --yes"] {
        let reported = world.oar(command).await;
        assert!(reported.ends_with("exit 2") && reported.contains("--reason"), "{command}: {reported}");
    }
    for command in ["change-advisory-status", "drive"] {
        let reported = world.oar(&format!("{command} --ignore-release-date --reason \"embargo\"")).await;
        assert!(
            reported.ends_with("exit 4") && reported.contains("it would not wait for the day before the release date"),
            "{command}: {reported}"
        );
    }
    assert_eq!(world.new_writes(), "nothing");
    let planned = world.oar_changes_nothing("plan").await;
    assert!(!planned.contains("ignore-release-date"), "{planned}");

    let reported = world.oar("--yes drive --ignore-release-date --reason \"embargo\"").await;
    assert_eq!(world.writes_to("/approve"), 1, "{reported}");
    assert!(world.state().issues().iter().any(|one| one.issue.ends_with("reason: embargo")), "{}", world.file());

    world.finish();
}

pub(super) async fn approved_too_early(world: TestWorld) -> TestWorld {
    world.has_report().await;
    world.payload_is_promoted();
    world.stage_release_succeeds();
    let before: Vec<Task> = Task::tracked(Flow::Konflux).filter(|task| *task != TASK).collect();
    world.somebody_stores(&before, TaskStatus::Pass);
    world.everything_is_pushed();
    world.days_pass(6);
    let output = world.oar("--yes change-advisory-status").await;
    assert!(output.ends_with("exit 0"), "{output}");
    world
}

#[tokio::test]
async fn a_payload_that_art_took_back_is_approved_by_nobody() {
    let world = ready_to_approve().await;
    oar::sim::people::act(oar::sim::act::Act::RejectPromotion, &mut world.facts());

    for line in ["--yes change-advisory-status", "ctl approval-checker", "drive", "--yes add-qe-approval"] {
        let reported = world.oar(line).await;
        assert!(reported.contains("Rejected"), "{line}: {reported}");
        assert_eq!(world.writes_to("/approve"), 0, "{line}: {reported}");
    }

    let world = ready_to_approve().await;
    world.oar("ctl approval-checker").await;
    oar::sim::people::act(oar::sim::act::Act::RejectPromotion, &mut world.facts());
    world.advisory_page_opens();
    for line in ["--yes change-advisory-status", "ctl approval-checker", "drive"] {
        let reported = world.oar(line).await;
        assert_eq!(world.writes_to("change_state"), 0, "{line}: {reported}");
    }
    world.finish();
}

#[tokio::test]
async fn a_dropped_advisory_is_one_blocker_whoever_finds_it_and_goes_when_it_is_back() {
    let world = ready_to_approve().await;
    oar::sim::people::act(oar::sim::act::Act::DropAdvisory, &mut world.facts());
    let blockers = |world: &TestWorld| world.state().issues().iter().filter(|issue| issue.is_open_blocker()).count();
    for line in ["--yes change-advisory-status", "drive", "--yes change-advisory-status"] {
        let output = world.oar(line).await;
        assert!(output.ends_with("exit 4"), "{line}: {output}");
        assert_eq!(blockers(&world), 1, "{line}: {}", world.file());
    }
    oar::sim::people::act(oar::sim::act::Act::RestoreAdvisories, &mut world.facts());
    let output = world.oar("--yes change-advisory-status").await;
    assert!(output.ends_with("exit 0"), "{output}");
    assert_eq!(blockers(&world), 0, "{}", world.file());
    world.finish();
}
