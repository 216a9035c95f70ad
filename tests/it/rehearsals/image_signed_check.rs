use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{Town, promoted};

const TASK: Task = Task::ImageSignedCheck;

async fn tested() -> Town {
    let town = promoted().await;
    town.somebody_stores(&[Task::ImageConsistencyCheck, Task::StageTesting], TaskStatus::Pass);
    town
}

#[tokio::test]
async fn an_unsigned_payload_waits_and_passes_once_the_mirror_has_caught_up() {
    let town = tested().await;

    assert_snapshot!(town.oar("image-signed-check").await, @"
    image-signed-check In Progress: waiting for the signature, look again in 30 min
      next: in 30 min: oar -r 4.20.17 image-signed-check
    exit 0
    ");
    town.expect_task(TASK, TaskStatus::InProgress);

    town.signature_is_published();
    assert_snapshot!(town.oar("image-signed-check").await, @"
    image-signed-check Pass: the payload of 4.20.17 is signed
      next: nothing before 2026-06-09T00:00:00Z: the approval starts on 2026-06-09, one day before the release date
            then: oar -r 4.20.17 plan
    exit 0
    ");
    town.expect_task(TASK, TaskStatus::Pass);

    town.finish();
}

#[tokio::test]
async fn an_unsigned_payload_on_the_release_date_is_a_verdict() {
    let town = Town::founded("smooth", |plan| plan.timing.signature = jiff::SignedDuration::from_hours(1000)).await;
    town.has_report().await;
    let before = [
        Task::TakeOwnership,
        Task::CheckCveTrackerBug,
        Task::CheckRhcosSecurityAlerts,
        Task::PushToCdnStaging,
        Task::AnalyzeCandidateBuild,
        Task::AnalyzePromotedBuild,
        Task::ImageConsistencyCheck,
        Task::StageTesting,
    ];
    town.payload_is_promoted();
    town.somebody_stores(&before, TaskStatus::Pass);
    town.days_pass(7);

    assert_snapshot!(town.oar("image-signed-check").await, @"
    image-signed-check Fail: the payload is still unsigned on the release date
      next: look into it; when it is mended: oar -r 4.20.17 drive --retry image-signed-check
            to accept it as it is: oar -r 4.20.17 update-task-status image-signed-check Pass --reason TEXT
    exit 5
    ");
    town.expect_task(TASK, TaskStatus::Fail);

    town.finish();
}

#[tokio::test]
async fn a_mirror_outage_is_told_with_what_why_and_next() {
    let town = tested().await;
    town.break_service("signatures", 503);

    assert_snapshot!(town.oar("image-signed-check").await, @"
    error: image-signed-check of 4.20.17 could not be carried out
      why:  signatures answered HTTP 503 (look up signature)
      next: wait a few minutes and run it again
    exit 7
    ");
    assert_ne!(town.state().status(TASK), TaskStatus::Fail);

    town.finish();
}

#[tokio::test]
async fn a_second_look_never_lowers_a_pass_during_an_outage() {
    let town = tested().await;
    town.signature_is_published();
    town.oar("image-signed-check").await;
    let file = town.file();

    town.break_service("signatures", 503);
    let told = town.oar("image-signed-check").await;
    assert!(!told.contains("panic"), "{told}");
    town.expect_task(TASK, TaskStatus::Pass);
    assert_eq!(town.file(), file);

    town.finish();
}

#[tokio::test]
async fn a_second_look_never_lowers_a_pass_when_the_mirror_loses_the_file() {
    let town = tested().await;
    town.signature_is_published();
    town.oar("image-signed-check").await;

    town.world().signatures.signed.clear();
    assert_snapshot!(town.oar("image-signed-check").await, @"
    image-signed-check Pass: nothing to do, image-signed-check passed already; this look found only a wait for the signature
      next: nothing before 2026-06-09T00:00:00Z: the approval starts on 2026-06-09, one day before the release date
            then: oar -r 4.20.17 plan
    exit 0
    ");
    town.expect_task(TASK, TaskStatus::Pass);

    town.finish();
}

#[tokio::test]
async fn a_login_page_instead_of_an_answer_is_no_digest() {
    let town = tested().await;
    town.answers_a_login_page("release_controller");

    assert_snapshot!(town.oar("image-signed-check").await, @"
    error: image-signed-check of 4.20.17 could not be carried out
      why:  release_controller gave an answer we cannot read: a web page instead of JSON (read payload digest)
      next: open release_controller in a browser: a login or maintenance page looks like this; then run it again
    exit 7
    ");
    assert_ne!(town.state().status(TASK), TaskStatus::Pass);

    town.finish();
}
