use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{TestWorld, with_state_file};

async fn in_world(scenario: &str) -> TestWorld {
    let world = TestWorld::founded(scenario, |_| {}).await;
    world.has_report().await;
    world
}

#[tokio::test]
async fn an_accepted_candidate_passes() {
    let world = with_state_file().await;

    assert_snapshot!(world.oar("analyze-candidate-build").await, @"
    analyze-candidate-build Pass: 4.20.0-0.nightly-2026-06-01-230000: 5 of 5 required jobs passed
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    world.expect_task(Task::AnalyzeCandidateBuild, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_rejected_candidate_asks_a_person_and_an_accept_with_reason_lets_it_ship() {
    let world = in_world("candidate-rejected").await;

    assert_snapshot!(world.oar("analyze-candidate-build").await, @"
    analyze-candidate-build Not Started: blocked, the candidate build was rejected (4 of 5 required jobs passed; failed: periodic-ci-openshift-openshift-tests-private-release-4.20-automated-release-aws-ipi-f999); a decision is needed
      next: look at the failed jobs and decide: oar -r 4.20.17 analyze-candidate-build --decide accept --reason TEXT
            then: oar -r 4.20.17 analyze-candidate-build
    exit 4
    ");
    assert_ne!(world.state().status(Task::AnalyzeCandidateBuild), TaskStatus::Pass);

    let output = world.oar("analyze-candidate-build --decide accept --reason \"known flake\"").await;
    assert_snapshot!(output, @"
    analyze-candidate-build Pass: 4.20.0-0.nightly-2026-06-01-230000 is waived (4 of 5 required jobs passed; failed: periodic-ci-openshift-openshift-tests-private-release-4.20-automated-release-aws-ipi-f999): known flake
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    world.expect_task(Task::AnalyzeCandidateBuild, TaskStatus::Pass);
    assert!(world.file().contains("known flake"), "{}", world.file());

    world.finish();
}

#[tokio::test]
async fn a_decision_without_a_reason_is_none() {
    let world = in_world("candidate-rejected").await;

    let output = world.oar("analyze-candidate-build --decide accept").await;
    assert!(output.ends_with("exit 2"), "{output}");
    assert_ne!(world.state().status(Task::AnalyzeCandidateBuild), TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_promoted_build_is_judged_only_when_its_tests_are_over() {
    let world = with_state_file().await;

    assert_snapshot!(world.oar("analyze-promoted-build").await, @"
    analyze-promoted-build Not Started: blocked, the promoted build is not tested yet: there is no record yet
      next: wait for the test jobs (look again in 10 min)
            then: oar -r 4.20.17 analyze-promoted-build
    exit 3
    ");
    world.payload_is_promoted();
    assert_snapshot!(world.oar("analyze-promoted-build").await, @"
    analyze-promoted-build Not Started: blocked, the promoted build is not tested yet: there is no record yet
      next: wait for the test jobs (look again in 10 min)
            then: oar -r 4.20.17 analyze-promoted-build
    exit 3
    ");
    world.time_passes("1h");
    assert_snapshot!(world.oar("analyze-promoted-build").await, @"
    analyze-promoted-build Not Started: blocked, the promoted build is not tested yet: tests are running
      next: wait for the test jobs (look again in 10 min)
            then: oar -r 4.20.17 analyze-promoted-build
    exit 3
    ");
    world.time_passes("6h");
    assert_snapshot!(world.oar("analyze-promoted-build").await, @"
    analyze-promoted-build Pass: 4.20.17: 5 of 5 required jobs passed
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");

    world.finish();
}

#[tokio::test]
async fn a_rejected_promoted_build_closes_the_gate_until_its_tests_are_accepted() {
    let world = in_world("promoted-rejected").await;
    world.payload_is_promoted();
    world.tests_of_the_promoted_build_are_accepted();

    assert_snapshot!(world.oar("analyze-promoted-build --decide reject --reason \"a real regression\"").await, @"
    analyze-promoted-build Fail: the promoted build is rejected: 4 of 5 required jobs passed; failed: periodic-ci-openshift-openshift-tests-private-release-4.20-automated-release-stable-upgrade-aws-ipi-f999; a real regression
      next: look into it; when it is mended: oar -r 4.20.17 drive --retry analyze-promoted-build
            to accept it as it is: oar -r 4.20.17 update-task-status analyze-promoted-build Pass --reason TEXT
    exit 5
    ");
    world.expect_task(Task::AnalyzePromotedBuild, TaskStatus::Fail);
    assert_snapshot!(world.oar("status").await, @"
    4.20.17  Red, held back by 1 blocker
    release date 2026-Jun-10, Konflux flow, updated 2026-06-03T06:00:00Z
    shipment https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117
      take-ownership              Not Started
      check-cve-tracker-bug       Not Started
      check-rhcos-security-alerts Not Started
      push-to-cdn-staging         Not Started
      analyze-candidate-build     Not Started
      analyze-promoted-build      Fail         2026-06-03T06:00:00Z
            the promoted build is rejected: 4 of 5 required jobs passed; failed:
            periodic-ci-openshift-openshift-tests-private-release-4.20-automated-release-stable-upgrade-aws-ipi-f999;
            a real regression
      image-consistency-check     Not Started
      stage-testing               Not Started
      image-signed-check          Not Started
      change-advisory-status      Not Started
    BLOCKER 0a9e9783: the promoted build is rejected: 4 of 5 required jobs passed;
            failed:
            periodic-ci-openshift-openshift-tests-private-release-4.20-automated-release-stable-upgrade-aws-ipi-f999;
            a real regression
    FAILED  the promoted build is rejected: a real regression
    next    oar -r 4.20.17 drive (take-ownership, analyze-candidate-build)
            nothing new is started; running jobs are still watched
            to waive it: oar -r 4.20.17 drive --decide promoted=accept --reason TEXT
            to have it analysed again: oar -r 4.20.17 drive --retry
            analyze-promoted-build
    exit 0
    ");

    world.finish();
}

#[tokio::test]
async fn a_rejected_gate_that_somebody_wants_judged_again_waits_for_a_new_decision() {
    let world = in_world("promoted-rejected").await;
    world.payload_is_promoted();
    world.tests_of_the_promoted_build_are_accepted();
    world.oar("analyze-promoted-build --decide reject --reason \"a real regression\"").await;
    world.time_passes("10m");

    let output = world.oar("drive --retry analyze-promoted-build").await;
    assert!(
        output.contains("the promoted build was rejected (4 of 5 required jobs passed); a person has to decide"),
        "{output}"
    );
    assert!(!output.contains("nothing new is started"), "the gate is pending: {output}");
    world.expect_task(Task::AnalyzePromotedBuild, TaskStatus::NotStarted);
    assert!(world.state().issues().iter().all(|issue| !issue.is_open_blocker()), "{}", world.file());
    world.expect_task(Task::TakeOwnership, TaskStatus::Pass);

    let output = world.oar("drive").await;
    assert!(output.contains("a person has to decide"), "the former decision counts no more: {output}");
    let output = world.oar("drive --decide promoted=accept --reason \"the lab was down\"").await;
    assert!(output.contains("analyze-promoted-build Pass"), "{output}");

    world.finish();
}

#[tokio::test]
async fn records_that_cannot_be_read_are_no_verdict() {
    let world = with_state_file().await;
    world.refuses("github", "GET", "ocp-test-result", 503);

    let output = world.oar("analyze-candidate-build").await;
    assert_snapshot!(output, @"
    error: analyze-candidate-build of 4.20.17 could not be carried out
      why:  _releases/ocp-test-result-4.20.0-0.nightly-2026-06-01-230000-amd64.json could not be read
            github answered HTTP 503 (read file)
      next: wait a few minutes and run it again
    exit 7
    ");
    assert_ne!(world.state().status(Task::AnalyzeCandidateBuild), TaskStatus::Fail);

    world.finish();
}

#[tokio::test]
async fn a_second_analysis_never_lowers_a_pass_that_a_person_gave() {
    let world = in_world("candidate-rejected").await;
    world.oar("analyze-candidate-build --decide accept --reason \"known flake\"").await;
    let file = world.file();

    assert_snapshot!(world.oar("analyze-candidate-build").await, @"
    analyze-candidate-build Pass: 4.20.0-0.nightly-2026-06-01-230000 is waived (4 of 5 required jobs passed; failed: periodic-ci-openshift-openshift-tests-private-release-4.20-automated-release-aws-ipi-f999): known flake
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    world.expect_task(Task::AnalyzeCandidateBuild, TaskStatus::Pass);
    assert_eq!(world.file(), file);

    world.finish();
}
