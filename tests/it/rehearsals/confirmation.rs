//! What cannot be taken back is shown first, and done only after a yes; without a terminal nobody is asked.

use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{promoted, ready_to_approve, with_state_file};

#[tokio::test]
async fn the_approval_says_what_it_will_do_and_does_nothing_without_a_yes() {
    let world = ready_to_approve().await;
    world.new_writes();
    let file = world.file();

    assert_snapshot!(world.oar("change-advisory-status").await, @"
    error: the final approval of 4.20.17 was not done
      why:  it cannot be taken back, and nobody is at a terminal to be asked
            it would approve the merge request https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117, unless it is merged or approved already
            it would move advisories 170171 (rpm), 170172 (rhcos) to REL_PREP once their page is public, unless they are there already
            it would close the QE sub-tasks of ART-22017
      next: if that is meant, run it again with --yes: oar -r 4.20.17 change-advisory-status --yes
    exit 4
    ");
    assert_eq!((world.new_writes().as_str(), world.file()), ("nothing", file));

    let output = world.oar("change-advisory-status --yes --reason \"the lead said go\"").await;
    assert!(output.ends_with("exit 0"), "{output}");
    assert!(
        world.state().issues().iter().any(|one| one.issue.ends_with("reason: the lead said go")),
        "{}",
        world.file()
    );

    // A pass that goes on with what was agreed to asks no more; nor does the checker of cron.
    let output = world.oar("change-advisory-status").await;
    assert!(output.ends_with("exit 0"), "{output}");
    let output = world.oar("ctl approval-checker").await;
    assert!(output.ends_with("exit 0"), "{output}");

    world.finish();
}

#[tokio::test]
async fn an_approval_that_would_not_begin_asks_nobody() {
    let world = promoted().await;

    let output = world.oar("change-advisory-status").await;
    assert!(output.contains("has to pass first") && output.ends_with("exit 4"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_drive_approves_without_being_asked() {
    let world = ready_to_approve().await;

    let output = world.oar("drive").await;
    assert_eq!(world.writes_to("/approve"), 1, "{output}");

    world.finish();
}

#[tokio::test]
async fn taking_a_release_over_from_somebody_else_needs_a_yes() {
    let world = with_state_file().await;
    world.oar("take-ownership -e first@example.com").await;
    world.new_writes();

    let output = world.oar("take-ownership -e second@example.com").await;
    assert!(output.contains("it would take 4.20.17 over from @first") && output.ends_with("exit 4"), "{output}");
    assert_eq!(world.new_writes(), "nothing");

    let output = world.oar("take-ownership -e second@example.com --yes --reason \"first is on leave\"").await;
    assert!(output.ends_with("exit 0"), "{output}");
    assert!(
        world.state().issues().iter().any(|one| one.issue.ends_with("reason: first is on leave")),
        "{}",
        world.file()
    );

    world.finish();
}

#[tokio::test]
async fn changing_a_pass_needs_a_yes_beside_the_override() {
    let world = promoted().await;
    let args = "update-task-status push-to-cdn-staging Fail --override --reason \"pushed too early\"";

    let output = world.oar(args).await;
    assert!(output.contains("it would change push-to-cdn-staging of 4.20.17 from Pass to Fail"), "{output}");
    world.expect_task(Task::PushToCdnStaging, TaskStatus::Pass);

    let output = world.oar(&format!("{args} --yes")).await;
    assert!(output.ends_with("exit 0"), "{output}");
    world.expect_task(Task::PushToCdnStaging, TaskStatus::Fail);

    world.finish();
}

#[tokio::test]
async fn resolving_a_blocker_needs_a_yes_and_a_note_does_not() {
    let world = with_state_file().await;
    world.oar("issue add \"no power in the lab\"").await;
    world.oar("issue add \"buy cake\" --no-blocker").await;

    let output = world.oar("issue resolve power --resolution \"it is back\"").await;
    assert!(output.contains("it would resolve the blocker") && output.ends_with("exit 4"), "{output}");
    assert!(output.contains("issue resolve power --resolution 'it is back' --yes"), "{output}");
    assert!(world.state().issues().iter().any(|issue| issue.is_open_blocker()));

    let output = world.oar("issue resolve cake --resolution eaten").await;
    assert!(output.ends_with("exit 0"), "{output}");
    let output = world.oar("issue resolve power --resolution \"it is back\" --yes").await;
    assert!(output.ends_with("exit 0"), "{output}");
    assert!(world.state().issues().iter().all(|issue| issue.resolved));

    world.finish();
}

#[tokio::test]
async fn a_reason_without_what_it_is_for_is_an_error() {
    let world = promoted().await;
    for args in [
        "stage-testing --reason because",
        "push-to-cdn-staging --reason because",
        "analyze-promoted-build --reason because",
        "drive --reason because",
    ] {
        let output = world.oar(args).await;
        assert!(output.ends_with("exit 2"), "{args}: {output}");
    }
    assert_eq!(world.writes_to("buildWithParameters"), 0);

    world.finish();
}
