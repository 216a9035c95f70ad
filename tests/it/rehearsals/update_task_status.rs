use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{promoted, with_state_file};

#[tokio::test]
async fn a_person_sets_a_status_with_a_reason() {
    let world = with_state_file().await;

    let output = world.oar("--yes update-task-status stage-testing Pass --reason \"tested by hand\"").await;
    assert_snapshot!(output, @"
    task [Stage Testing] status is changed to [Pass]
    stage-testing went from Not Started to Pass
    exit 0
    ");
    world.expect_task(Task::StageTesting, TaskStatus::Pass);
    assert!(world.file().contains("tested by hand"), "{}", world.file());

    world.finish();
}

#[tokio::test]
async fn a_pass_stays_unless_somebody_says_override_and_why() {
    let world = with_state_file().await;
    world.somebody_stores(&[Task::StageTesting], TaskStatus::Pass);
    let file = world.file();

    assert_snapshot!(world.oar("update-task-status stage-testing Fail --reason \"no\"").await, @"
    error: stage-testing of 4.20.17 could not be set
      why:  _releases/4.20/statebox/4.20.17.yaml could not be changed
            stage-testing is Pass; a Pass does not become Fail without an override
      next: when it really has to change: oar -r 4.20.17 update-task-status stage-testing 'Fail' --override --reason TEXT
    exit 2
    ");
    assert_eq!(world.file(), file);

    let output = world
        .oar("--yes update-task-status stage-testing Fail --override --reason \"it tested the wrong build\"")
        .await;
    assert_snapshot!(output, @"
    task [Stage Testing] status is changed to [Fail]
    stage-testing went from Pass to Fail
    exit 0
    ");
    world.expect_task(Task::StageTesting, TaskStatus::Fail);

    world.finish();
}

#[tokio::test]
async fn names_that_are_no_task_or_status_are_refused() {
    let world = with_state_file().await;

    assert_snapshot!(world.oar("update-task-status stage-test Pass").await, @r#"
    error: the command line makes no sense
      why:  invalid value 'stage-test' for '<TASK>': "stage-test" is not a task; did you mean "stage-testing"?; tasks are: create-test-report, take-ownership, update-bug-list, check-cve-tracker-bug, check-rhcos-security-alerts, check-greenwave-cvp-tests, push-to-cdn-staging, analyze-candidate-build, analyze-promoted-build, image-consistency-check, stage-testing, image-signed-check, drop-bugs, change-advisory-status, add-qe-approval
      next: oar update-task-status --help shows what is possible
    exit 2
    "#);
    assert_snapshot!(world.oar("update-task-status stage-testing Passed").await, @r#"
    error: the command line makes no sense
      why:  invalid value 'Passed' for '<STATUS>': "Passed" is not a status; did you mean "Pass"?; statuses are: "Not Started", "In Progress", Pass, Fail
      next: oar update-task-status --help shows what is possible
    exit 2
    "#);

    world.finish();
}

#[tokio::test]
async fn setting_the_same_status_twice_is_one_change() {
    let world = with_state_file().await;
    world.oar("--yes update-task-status stage-testing Pass --reason \"tested by hand\"").await;
    let file = world.file();

    assert_snapshot!(world.oar("--yes update-task-status stage-testing Pass --reason \"tested by hand\"").await, @"
    stage-testing is Pass already; nothing to do
    exit 0
    ");
    assert_eq!(world.file(), file);

    world.finish();
}

#[tokio::test]
async fn a_pass_by_hand_needs_a_reason_and_a_yes() {
    let world = with_state_file().await;
    let file = world.file();

    assert_snapshot!(world.oar("--yes update-task-status stage-testing Pass").await, @"
    error: stage-testing of 4.20.17 could not be set
      why:  a Pass by hand needs a reason; stage-testing is Not Started
      next: oar -r 4.20.17 update-task-status stage-testing Pass --reason TEXT
    exit 2
    ");
    assert_snapshot!(world.oar("update-task-status stage-testing Pass --reason \"tested by hand\"").await, @"
    error: changing stage-testing of 4.20.17 was not done
      why:  it cannot be taken back, and nobody is at a terminal to be asked
            it would change stage-testing of 4.20.17 from Not Started to Pass
            it would pass over this: no run of ours that is known here ended with a Pass of it
      next: if that is meant, run it again with --yes: oar -r 4.20.17 update-task-status stage-testing Pass --reason 'tested by hand' --yes
    exit 4
    ");
    assert_eq!(world.file(), file);
    world.expect_task(Task::StageTesting, TaskStatus::NotStarted);

    // Everything else stays a matter of one line.
    let reported = world.oar("update-task-status stage-testing \"In Progress\"").await;
    assert!(reported.ends_with("exit 0"), "{reported}");

    world.finish();
}

#[tokio::test]
async fn a_pass_by_hand_says_what_it_passes_over() {
    let world = with_state_file().await;
    world.oar("issue add \"no power in the lab\" --task analyze-promoted-build").await;
    world.oar("update-task-status change-advisory-status Fail --reason \"it broke\"").await;

    let reported = world.oar("update-task-status analyze-promoted-build Pass --reason \"looked at it\"").await;
    for fact in ["no run of ours", "is open: no power in the lab", "it is the gate"] {
        assert!(reported.contains(fact), "{fact}: {reported}");
    }
    assert!(reported.ends_with("exit 4"), "{reported}");

    let reported =
        world.oar("--json --yes update-task-status change-advisory-status Pass --reason \"approved elsewhere\"").await;
    let json: serde_json::Value = serde_json::from_str(reported.rsplit_once("exit").unwrap().0).expect("JSON");
    let overridden: Vec<&str> = json["overridden"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
    assert_eq!(
        overridden,
        [
            "its last verdict is a Fail",
            "no run of ours that is known here ended with a Pass of it",
            "it is the final approval: nothing is approved or moved by this"
        ]
    );

    world.finish();
}

#[tokio::test]
async fn a_fail_by_hand_says_why_like_a_pass() {
    let world = promoted().await;
    let file = world.file();
    for status in ["Pass", "Fail"] {
        let output = world.oar(&format!("--yes update-task-status stage-testing {status}")).await;
        assert!(output.contains(&format!("a {status} by hand needs a reason")), "{output}");
        assert!(output.contains(&format!("stage-testing {status} --reason TEXT")), "{output}");
        assert!(output.ends_with("exit 2"), "{output}");
    }
    assert_eq!(world.file(), file);
    world.oar("update-task-status stage-testing Fail --reason \"it tested the wrong build\"").await;
    world.expect_task(Task::StageTesting, TaskStatus::Fail);
    world.finish();
}

#[tokio::test]
async fn a_status_that_was_seen_last_does_not_go_to_itself_while_the_store_is_away() {
    let world = promoted().await;
    world.oar("status").await;
    world.break_service("github", 503);
    let output = world.oar("update-task-status take-ownership Pass --reason \"as it was\"").await;
    assert!(output.contains("take-ownership was Pass when it was last seen"), "{output}");
    assert!(!output.contains("from Pass to Pass"), "{output}");
    world.finish();
}
