use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{TestWorld, promoted};

const TASK: Task = Task::ImageSignedCheck;

async fn tested() -> TestWorld {
    let world = promoted().await;
    world.somebody_stores(&[Task::ImageConsistencyCheck, Task::StageTesting], TaskStatus::Pass);
    world
}

#[tokio::test]
async fn an_unsigned_payload_waits_and_passes_once_the_mirror_has_caught_up() {
    let world = tested().await;

    assert_snapshot!(world.oar("image-signed-check").await, @"
    image-signed-check In Progress: waiting for the signature, look again in 30 min
      next: in 30 min: oar -r 4.20.17 image-signed-check
    exit 0
    ");
    world.expect_task(TASK, TaskStatus::InProgress);

    world.signature_is_published();
    assert_snapshot!(world.oar("image-signed-check").await, @"
    image-signed-check Pass: the payload of 4.20.17 is signed
      next: nothing before 2026-06-09T00:00:00Z: the approval starts on 2026-06-09, one day before the release date
            then: oar -r 4.20.17 plan
    exit 0
    ");
    world.expect_task(TASK, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn an_unsigned_payload_on_the_release_date_is_a_verdict() {
    let world =
        TestWorld::founded("smooth", |plan| plan.timing.signature = jiff::SignedDuration::from_hours(1000)).await;
    world.has_report().await;
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
    world.payload_is_promoted();
    world.somebody_stores(&before, TaskStatus::Pass);
    world.days_pass(7);

    assert_snapshot!(world.oar("image-signed-check").await, @"
    image-signed-check Fail: the payload is still unsigned on the release date
      next: look into it; when it is mended: oar -r 4.20.17 drive --retry image-signed-check
            to accept it as it is: oar -r 4.20.17 update-task-status image-signed-check Pass --reason TEXT
    exit 5
    ");
    world.expect_task(TASK, TaskStatus::Fail);

    world.finish();
}

#[tokio::test]
async fn a_mirror_outage_is_reported_with_what_why_and_next() {
    let world = tested().await;
    world.break_service("signatures", 503);

    assert_snapshot!(world.oar("image-signed-check").await, @"
    error: image-signed-check of 4.20.17 could not be carried out
      why:  signatures answered HTTP 503 (look up signature)
      next: wait a few minutes and run it again
    exit 7
    ");
    assert_ne!(world.state().status(TASK), TaskStatus::Fail);

    world.finish();
}

#[tokio::test]
async fn a_second_look_never_lowers_a_pass_during_an_outage() {
    let world = tested().await;
    world.signature_is_published();
    world.oar("image-signed-check").await;
    let file = world.file();

    world.break_service("signatures", 503);
    let output = world.oar("image-signed-check").await;
    assert!(!output.contains("panic"), "{output}");
    world.expect_task(TASK, TaskStatus::Pass);
    assert_eq!(world.file(), file);

    world.finish();
}

#[tokio::test]
async fn a_second_look_never_lowers_a_pass_when_the_mirror_loses_the_file() {
    let world = tested().await;
    world.signature_is_published();
    world.oar("image-signed-check").await;

    world.facts().signatures.signed.clear();
    assert_snapshot!(world.oar("image-signed-check").await, @"
    image-signed-check Pass: nothing to do, image-signed-check passed already; this look found only a wait for the signature
      next: nothing before 2026-06-09T00:00:00Z: the approval starts on 2026-06-09, one day before the release date
            then: oar -r 4.20.17 plan
    exit 0
    ");
    world.expect_task(TASK, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_login_page_instead_of_an_answer_is_no_digest() {
    let world = tested().await;
    world.answers_a_login_page("release_controller");

    assert_snapshot!(world.oar("image-signed-check").await, @"
    error: image-signed-check of 4.20.17 could not be carried out
      why:  release_controller gave an answer we cannot read: a web page instead of JSON (read payload digest)
      next: open release_controller in a browser: a login or maintenance page looks like this; then run it again
    exit 7
    ");
    assert_ne!(world.state().status(TASK), TaskStatus::Pass);

    world.finish();
}
