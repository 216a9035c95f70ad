use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{promoted, with_state_file};

#[tokio::test]
async fn an_issue_is_added_listed_and_resolved() {
    let world = with_state_file().await;

    assert_snapshot!(world.oar("issue add \"the lab has no power\" --task stage-testing").await, @"
    reported blocker 383c8431 (stage-testing): the lab has no power
    exit 0
    ");
    assert_snapshot!(world.oar("issue list").await, @"
    383c8431  BLOCKER   the lab has no power (stage-testing)
    exit 0
    ");
    assert_snapshot!(world.oar("--yes issue resolve \"no power\" --resolution \"power is back\"").await, @"
    resolved blocker 383c8431 (stage-testing): the lab has no power
    exit 0
    ");
    assert_snapshot!(world.oar("issue list").await, @"
    383c8431  resolved  the lab has no power (stage-testing)
              -> power is back
    exit 0
    ");

    world.finish();
}

#[tokio::test]
async fn the_same_issue_twice_is_one_issue() {
    let world = with_state_file().await;
    world.oar("issue add \"the lab has no power\"").await;

    assert_snapshot!(world.oar("issue add \"the lab has no power\"").await, @"
    the issue is open already; nothing to do
    exit 0
    ");
    assert_eq!(world.state().issues().len(), 1);

    world.finish();
}

#[tokio::test]
async fn an_issue_that_nobody_knows_cannot_be_resolved() {
    let world = with_state_file().await;
    world.oar("issue add \"the lab has no power\"").await;
    world.oar("issue add \"the lab is too hot\"").await;

    assert_snapshot!(world.oar("--yes issue resolve flood --resolution done").await, @r#"
    error: the issues of 4.20.17 could not be handled
      why:  _releases/4.20/statebox/4.20.17.yaml could not be changed
            no open issue matches "flood"; open issues: 383c8431 "the lab has no power"; 634a4f16 "the lab is too hot"
      next: take an id from: oar -r 4.20.17 issue list
    exit 2
    "#);
    assert_snapshot!(world.oar("--yes issue resolve \"the lab\" --resolution done").await, @r#"
    error: the issues of 4.20.17 could not be handled
      why:  _releases/4.20/statebox/4.20.17.yaml could not be changed
            2 open issues match "the lab": 383c8431 "the lab has no power"; 634a4f16 "the lab is too hot"
      next: name one of them by its id (oar -r 4.20.17 issue list)
    exit 2
    "#);

    world.finish();
}

#[tokio::test]
async fn a_mail_address_in_an_issue_does_not_become_public() {
    let world = with_state_file().await;

    world.oar("issue add \"ask jane.doe@example.com about token glpat-abcdefghij0123456789\"").await;
    assert!(!world.file().contains("jane.doe"), "{}", world.file());
    assert!(!world.file().contains("glpat-abcdefghij"), "{}", world.file());

    world.finish();
}

#[tokio::test]
async fn a_blocker_on_a_task_keeps_the_drive_from_starting_it() {
    let world = promoted().await;
    world.oar("issue add \"the lab has no power\" --task stage-testing").await;

    let output = world.oar("drive --once").await;
    assert!(!output.contains("start the stage pipeline"), "{output}");
    world.expect_task(Task::StageTesting, TaskStatus::NotStarted);
    assert_eq!(world.writes_to("buildWithParameters"), 0);

    world.finish();
}
