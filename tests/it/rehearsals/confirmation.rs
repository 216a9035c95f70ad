//! What cannot be taken back is shown first, and done only after a yes; without a terminal nobody is asked.

use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{promoted, ready_to_approve, reported};

#[tokio::test]
async fn the_approval_says_what_it_will_do_and_does_nothing_without_a_yes() {
    let town = ready_to_approve().await;
    town.new_writes();
    let file = town.file();

    assert_snapshot!(town.oar("change-advisory-status").await, @"
    error: the final approval of 4.20.17 was not done
      why:  it cannot be taken back, and nobody is at a terminal to be asked
            it would approve the merge request https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117
            it would move advisories 170171 (rpm), 170172 (rhcos) to REL_PREP once their page is public
            it would close the QE sub-tasks of ART-22017
      next: if that is meant, run it again with --yes: oar -r 4.20.17 change-advisory-status --yes
    exit 4
    ");
    assert_eq!((town.new_writes().as_str(), town.file()), ("nothing", file));

    let told = town.oar("change-advisory-status --yes --reason \"the lead said go\"").await;
    assert!(told.ends_with("exit 0"), "{told}");
    assert!(town.state().issues().iter().any(|one| one.issue.ends_with("reason: the lead said go")), "{}", town.file());

    // A pass that goes on with what was agreed to asks no more; nor does the checker of cron.
    let told = town.oar("change-advisory-status").await;
    assert!(told.ends_with("exit 0"), "{told}");
    let told = town.oar("ctl approval-checker").await;
    assert!(told.ends_with("exit 0"), "{told}");

    town.finish();
}

#[tokio::test]
async fn an_approval_that_would_not_begin_asks_nobody() {
    let town = promoted().await;

    let told = town.oar("change-advisory-status").await;
    assert!(told.contains("has to pass first") && told.ends_with("exit 4"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_drive_approves_without_being_asked() {
    let town = ready_to_approve().await;

    let told = town.oar("drive").await;
    assert_eq!(town.writes_to("/approve"), 1, "{told}");

    town.finish();
}

#[tokio::test]
async fn taking_a_release_over_from_somebody_else_needs_a_yes() {
    let town = reported().await;
    town.oar("take-ownership -e first@example.com").await;
    town.new_writes();

    let told = town.oar("take-ownership -e second@example.com").await;
    assert!(told.contains("it would take 4.20.17 over from @first") && told.ends_with("exit 4"), "{told}");
    assert_eq!(town.new_writes(), "nothing");

    let told = town.oar("take-ownership -e second@example.com --yes --reason \"first is on leave\"").await;
    assert!(told.ends_with("exit 0"), "{told}");
    assert!(
        town.state().issues().iter().any(|one| one.issue.ends_with("reason: first is on leave")),
        "{}",
        town.file()
    );

    town.finish();
}

#[tokio::test]
async fn changing_a_pass_needs_a_yes_beside_the_override() {
    let town = promoted().await;
    let words = "update-task-status push-to-cdn-staging Fail --override --reason \"pushed too early\"";

    let told = town.oar(words).await;
    assert!(told.contains("it would change push-to-cdn-staging of 4.20.17 from Pass to Fail"), "{told}");
    town.expect_task(Task::PushToCdnStaging, TaskStatus::Pass);

    let told = town.oar(&format!("{words} --yes")).await;
    assert!(told.ends_with("exit 0"), "{told}");
    town.expect_task(Task::PushToCdnStaging, TaskStatus::Fail);

    town.finish();
}

#[tokio::test]
async fn resolving_a_blocker_needs_a_yes_and_a_note_does_not() {
    let town = reported().await;
    town.oar("issue add \"no power in the lab\"").await;
    town.oar("issue add \"buy cake\" --no-blocker").await;

    let told = town.oar("issue resolve power --resolution \"it is back\"").await;
    assert!(told.contains("it would resolve the blocker") && told.ends_with("exit 4"), "{told}");
    assert!(told.contains("issue resolve power --resolution 'it is back' --yes"), "{told}");
    assert!(town.state().issues().iter().any(|issue| issue.is_open_blocker()));

    let told = town.oar("issue resolve cake --resolution eaten").await;
    assert!(told.ends_with("exit 0"), "{told}");
    let told = town.oar("issue resolve power --resolution \"it is back\" --yes").await;
    assert!(told.ends_with("exit 0"), "{told}");
    assert!(town.state().issues().iter().all(|issue| issue.resolved));

    town.finish();
}

#[tokio::test]
async fn a_reason_without_what_it_is_for_is_an_error() {
    let town = promoted().await;
    for words in [
        "stage-testing --reason because",
        "push-to-cdn-staging --reason because",
        "analyze-promoted-build --reason because",
        "drive --reason because",
    ] {
        let told = town.oar(words).await;
        assert!(told.ends_with("exit 2"), "{words}: {told}");
    }
    assert_eq!(town.writes_to("buildWithParameters"), 0);

    town.finish();
}
