use std::collections::BTreeMap;

use insta::assert_snapshot;
use oar::domain::service::Service;
use oar::domain::task::{Task, TaskStatus};
use oar::sim::facts::errata::rules::State;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use crate::rehearsal::{TestWorld, with_state_file};

async fn checked() -> TestWorld {
    let world = with_state_file().await;
    let done = [Task::TakeOwnership, Task::CheckCveTrackerBug, Task::CheckRhcosSecurityAlerts];
    world.somebody_stores(&done, TaskStatus::Pass);
    world.new_writes();
    world
}

#[tokio::test]
async fn a_push_starts_every_advisory_waits_and_passes() {
    let world = checked().await;

    assert_snapshot!(world.oar("push-to-cdn-staging").await, @"
    push-to-cdn-staging In Progress: waiting for push jobs (170171 cdn_stage READY, 170172 cdn_stage READY), look again in 10 min
      did:  push advisory 170171 to staging
      did:  push advisory 170172 to staging
      next: in 10 min: oar -r 4.20.17 push-to-cdn-staging
            meanwhile: oar -r 4.20.17 analyze-candidate-build
    exit 0
    ");
    assert_snapshot!(world.new_writes(), @"
    POST /errata/api/v1/erratum/170171/push?defaults=stage
    POST /errata/api/v1/erratum/170172/push?defaults=stage
    ");
    world.expect_task(Task::PushToCdnStaging, TaskStatus::InProgress);

    world.push_finishes();
    assert_snapshot!(world.oar("push-to-cdn-staging").await, @"
    push-to-cdn-staging Pass: 2 advisories are pushed to staging
      next: oar -r 4.20.17 analyze-candidate-build
    exit 0
    ");
    world.expect_task(Task::PushToCdnStaging, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_push_that_the_errata_tool_did_not_start_is_not_reported_as_done() {
    let world = checked().await;
    let nothing = InjectedFault::Answer { code: 200, headers: BTreeMap::new(), body: "[]".to_owned() };
    world.plan(Rule::on("errata", nothing).method("POST").path("/push").times(2));

    let asked = world.oar("push-to-cdn-staging").await;

    assert!(!asked.contains("did:"), "{asked}");
    assert!(asked.contains("170171 not pushed: the Errata Tool started nothing when it was asked"), "{asked}");
    assert!(asked.contains("next: in 10 min: oar -r 4.20.17 push-to-cdn-staging"), "{asked}");
    world.expect_task(Task::PushToCdnStaging, TaskStatus::InProgress);

    let again = world.oar("push-to-cdn-staging").await;
    assert!(again.contains("did:  push advisory 170171 to staging"), "{again}");
    world.finish();
}

#[tokio::test]
async fn looking_at_a_push_again_and_again_pushes_nothing_twice() {
    let world = checked().await;
    world.oar("push-to-cdn-staging").await;
    world.new_writes();

    for _ in 0..3 {
        world.time_passes("5m");
        world.oar("push-to-cdn-staging").await;
    }
    world.push_finishes();
    world.oar("push-to-cdn-staging").await;
    world.oar_changes_nothing("push-to-cdn-staging").await;

    world.finish();
}

#[tokio::test]
async fn a_second_press_of_the_button_never_lowers_a_pass() {
    let world = checked().await;
    world.somebody_stores(&[Task::PushToCdnStaging], TaskStatus::Pass);
    let output = world.oar_changes_nothing("push-to-cdn-staging").await;
    assert!(output.ends_with("exit 0"), "{output}");

    world.finish();
}

#[tokio::test]
async fn check_only_pushes_nothing() {
    let world = checked().await;

    assert_snapshot!(world.oar("push-to-cdn-staging --check-only").await, @"
    push-to-cdn-staging Not Started: nothing to do, 170171 not pushed, 170172 not pushed; run it without --check-only to push
      next: oar -r 4.20.17 push-to-cdn-staging
    exit 0
    ");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn an_advisory_in_new_files_is_not_pushed_and_not_a_failure() {
    let world = checked().await;
    world.advisory_becomes("rpm", State::NewFiles);

    assert_snapshot!(world.oar("push-to-cdn-staging").await, @"
    push-to-cdn-staging Not Started: blocked, advisories in a state that cannot be worked on: 170171 NEW_FILES
      next: ask ART to move the advisories to QE
            then: oar -r 4.20.17 push-to-cdn-staging
    exit 4
    ");
    assert_snapshot!(world.new_writes(), @"nothing");
    assert_ne!(world.state().status(Task::PushToCdnStaging), TaskStatus::Fail);

    world.finish();
}

#[tokio::test]
async fn a_failed_push_job_is_pushed_again_a_few_times_and_then_fails() {
    let world = checked().await;
    let rpm = world.facts().release.advisories["rpm"];
    world.facts().errata.hooks.push_fails.insert(rpm, 20);

    let mut output = String::new();
    for _ in 0..12 {
        output = world.oar("push-to-cdn-staging").await;
        if world.state().status(Task::PushToCdnStaging) == TaskStatus::Fail {
            break;
        }
        world.push_finishes();
    }
    assert_snapshot!(output, @"
    push-to-cdn-staging Fail: push jobs failed: 170171 cdn_stage FAILED
      did:  report blocker 99f973f2
      next: look into it; when it is mended: oar -r 4.20.17 drive --retry push-to-cdn-staging
            to accept it as it is: oar -r 4.20.17 update-task-status push-to-cdn-staging Pass --reason TEXT
    exit 5
    ");
    world.expect_task(Task::PushToCdnStaging, TaskStatus::Fail);
    assert_eq!(world.writes_to(&format!("{rpm}/push")), 4);

    world.finish();
}

#[tokio::test]
async fn a_lost_answer_of_a_push_starts_no_second_push() {
    let world = checked().await;
    world.answer_gets_lost("errata", "POST", "push");

    world.oar("push-to-cdn-staging").await;
    world.oar("push-to-cdn-staging").await;
    let jobs = world.facts().errata.pushes.len();
    assert_eq!(jobs, 2);

    world.finish();
}

/// Push jobs of each advisory.
fn pushes(world: &TestWorld) -> Vec<usize> {
    let facts = world.facts();
    let of = |id: &u64| facts.errata.pushes.values().filter(|push| push.advisory == *id).count();
    facts.release.advisories.iter().filter(|(kind, _)| *kind != "microshift").map(|(_, id)| of(id)).collect()
}

#[tokio::test]
async fn however_old_the_answers_are_and_whatever_answer_gets_lost_each_advisory_is_pushed_once() {
    for lost in [false, true] {
        let world = checked().await;
        world.answers_are_old(&[Service::Errata]);
        if lost {
            world.line_breaks("errata", "POST", "/push");
        }
        let (one, other) = (world.machine_with_clock("one", "10m"), world.machine_with_clock("other", "-10m"));
        for _ in 0..20 {
            futures::join!(one.oar("push-to-cdn-staging"), other.oar("push-to-cdn-staging"));
            world.time_passes("4m");
        }
        assert_eq!(pushes(&world), [1, 1], "lost answer: {lost}");
        world.time_passes("1h");
        let output = one.oar("push-to-cdn-staging").await;
        world.expect_task(Task::PushToCdnStaging, TaskStatus::Pass);
        assert!(output.ends_with("exit 0"), "{output}");
    }
}

#[tokio::test]
async fn advisories_that_art_dropped_empty_leave_nothing_to_push() {
    let world = checked().await;
    for kind in ["rpm", "rhcos"] {
        world.advisory_becomes(kind, State::DroppedNoShip);
        let id = world.facts().release.advisories[kind];
        world.facts().errata.advisories.get_mut(&id).unwrap().builds.clear();
    }

    assert_snapshot!(world.oar("push-to-cdn-staging").await, @"
    push-to-cdn-staging Pass: nothing to push: ART dropped all advisories of the release, and none holds builds
      next: oar -r 4.20.17 analyze-candidate-build
    exit 0
    ");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn an_advisory_that_art_dropped_with_builds_needs_a_person() {
    let world = checked().await;
    world.advisory_becomes("rpm", State::DroppedNoShip);

    assert_snapshot!(world.oar("push-to-cdn-staging").await, @"
    push-to-cdn-staging Not Started: blocked, advisories dropped although they hold builds: 170171
      did:  report blocker 0ca40b96
      next: ask ART why an advisory with builds was dropped
            then: oar -r 4.20.17 push-to-cdn-staging
    exit 4
    ");

    world.finish();
}

#[tokio::test]
async fn an_outage_of_the_errata_tool_keeps_a_running_push_running() {
    let world = checked().await;
    world.oar("push-to-cdn-staging").await;
    world.break_service("errata", 503);

    assert_snapshot!(world.oar("push-to-cdn-staging").await, @"
    error: push-to-cdn-staging of 4.20.17 could not be carried out
      why:  errata answered HTTP 503 (read an advisory)
      next: wait a few minutes and run it again
    exit 7
    ");
    world.expect_task(Task::PushToCdnStaging, TaskStatus::InProgress);

    world.finish();
}

#[tokio::test]
async fn nothing_is_pushed_before_trackers_and_alerts_were_checked() {
    let world = with_state_file().await;
    world.somebody_stores(&[Task::TakeOwnership], TaskStatus::Pass);
    world.new_writes();

    assert_snapshot!(world.oar("push-to-cdn-staging").await, @"
    push-to-cdn-staging Not Started: blocked, check-cve-tracker-bug has to pass first (it is Not Started)
      next: finish it first: oar -r 4.20.17 check-cve-tracker-bug
            then: oar -r 4.20.17 push-to-cdn-staging
    exit 4
    ");
    world.somebody_stores(&[Task::CheckCveTrackerBug], TaskStatus::Pass);
    let output = world.oar("push-to-cdn-staging").await;
    assert!(output.contains("check-rhcos-security-alerts has to pass first") && output.ends_with("exit 4"), "{output}");
    assert_eq!(world.new_writes(), "nothing");

    let output = world.oar("push-to-cdn-staging --force --reason \"alerts were looked at by hand\"").await;
    assert!(output.contains("In Progress") && output.ends_with("exit 0"), "{output}");
    assert!(world.state().issues().iter().any(|one| one.issue.ends_with("looked at by hand")), "{}", world.file());

    world.finish();
}
