use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{TestWorld, prepared, promoted};

const TASK: Task = Task::ImageConsistencyCheck;

async fn started() -> TestWorld {
    let world = promoted().await;
    world.oar("image-consistency-check").await;
    world.new_writes();
    world
}

#[tokio::test]
async fn the_check_waits_for_promotion_and_for_the_stage_release() {
    let world = prepared().await;
    world.new_writes();

    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check Not Started: blocked, the payload is not promoted (phase not found)
      next: wait for ART to promote the payload (look again in 30 min)
            then: oar -r 4.20.17 image-consistency-check
    exit 3
    ");
    world.payload_is_promoted();
    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check Not Started: blocked, the stage release of https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117 has not succeeded (manual)
      next: wait for the stage release of https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117 (look again in 15 min)
            then: oar -r 4.20.17 image-consistency-check
    exit 3
    ");
    world.expect_task(TASK, TaskStatus::NotStarted);
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn the_job_is_started_once_looked_at_and_passes_with_healthy_images() {
    let world = promoted().await;
    world.new_writes();

    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check In Progress: waiting for the image-consistency job (triggered), look again in 15 min
      job:  prow 526a2e87-a389-4e4f-8b93-a7a5bb269602 <https://sim.example.com/prow/view/gs/qe-private-deck/logs/periodic-ci-openshift-release-tests-main-image-consistency-check/1987246158235680170>
      did:  start the image consistency job
      did:  tell qe-release on Slack
      next: in 15 min: oar -r 4.20.17 image-consistency-check
            meanwhile: oar -r 4.20.17 stage-testing
    exit 0
    ");
    assert_snapshot!(world.new_writes(), @"
    POST /gangway/v1/executions
    POST /slack/chat.postMessage
    ");
    world.consistency_job_finishes();
    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check Pass: payload and shipment are consistent, 64 images are healthy
      did:  comment on image health
      next: oar -r 4.20.17 stage-testing
    exit 0
    ");
    assert_snapshot!(world.new_writes(), @"POST /gitlab/api/v4/projects/hybrid-platforms%2Fart%2Focp-shipment-data/merge_requests/2117/notes");
    world.expect_task(TASK, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn the_job_reference_survives_every_status_check() {
    let world = started().await;
    let job = world.job_of(TASK);
    assert!(job.is_some());

    for _ in 0..3 {
        world.time_passes("15m");
        world.oar("image-consistency-check").await;
        assert_eq!(world.job_of(TASK), job);
    }
    assert_eq!(world.writes_to("gangway"), 1);

    world.finish();
}

#[tokio::test]
async fn people_are_informed_about_a_job_once() {
    let world = started().await;
    for _ in 0..3 {
        world.time_passes("15m");
        world.oar("image-consistency-check").await;
    }
    assert_snapshot!(world.posted_messages().join("\n"), @"#team-qe-release: <!subteam^SD329E44F7> *[4.20.17]* the image-consistency job was started: https://sim.example.com/prow/view/gs/qe-private-deck/logs/periodic-ci-openshift-release-tests-main-image-consistency-check/1987246158235680170");

    world.finish();
}

#[tokio::test]
async fn a_second_press_of_the_button_never_lowers_a_pass() {
    let world = started().await;
    world.consistency_job_finishes();
    world.oar("image-consistency-check").await;
    let file = world.file();
    world.new_writes();

    world.break_service("prow", 503);
    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check Pass: nothing to do, image-consistency-check passed already
      next: oar -r 4.20.17 stage-testing
    exit 0
    ");
    assert_eq!(world.new_writes(), "nothing");
    assert_eq!(world.file(), file);

    world.finish();
}

#[tokio::test]
async fn a_lost_answer_of_the_trigger_starts_no_second_job() {
    let world = promoted().await;
    world.answer_gets_lost("gangway", "POST", "executions");

    world.oar("image-consistency-check").await;
    world.time_passes("2m");
    world.oar("image-consistency-check").await;
    let runs = world.facts().prow.runs.len();
    assert_eq!(runs, 1);
    assert!(world.job_of(TASK).is_some());
    world.expect_task(TASK, TaskStatus::InProgress);

    world.finish();
}

#[tokio::test]
async fn a_broken_line_during_the_trigger_is_looked_up_from_another_machine_too() {
    let mut world = promoted().await;
    world.line_breaks("gangway", "POST", "executions");

    world.oar("image-consistency-check").await;
    world.time_passes("2m");
    world.elsewhere("image-consistency-check").await;
    let runs = world.facts().prow.runs.len();
    assert_eq!(runs, 1);

    world.finish();
}

#[tokio::test]
async fn a_failed_job_is_a_verdict() {
    let world = started().await;
    world.time_passes("1m");
    world.consistency_job_ends("failure");

    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check Fail: prow 526a2e87-a389-4e4f-8b93-a7a5bb269602 <https://sim.example.com/prow/view/gs/qe-private-deck/logs/periodic-ci-openshift-release-tests-main-image-consistency-check/1987246158235680170> ended with failure
      next: look into it; when it is mended: oar -r 4.20.17 drive --retry image-consistency-check
            to accept it as it is: oar -r 4.20.17 update-task-status image-consistency-check Pass --reason TEXT
    exit 5
    ");
    world.expect_task(TASK, TaskStatus::Fail);

    world.finish();
}

#[tokio::test]
async fn an_aborted_job_is_started_again_once_and_is_no_verdict_of_the_images() {
    let world = started().await;
    world.time_passes("1m");
    world.consistency_job_ends("aborted");

    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check In Progress: waiting for the image-consistency job (triggered), look again in 15 min
      job:  prow 9da3af6a-fb53-43dd-88c3-793e5abbce30 <https://sim.example.com/prow/view/gs/qe-private-deck/logs/periodic-ci-openshift-release-tests-main-image-consistency-check/1900673419498600124>
      did:  start the image consistency job
      did:  tell qe-release on Slack
      next: in 15 min: oar -r 4.20.17 image-consistency-check
            meanwhile: oar -r 4.20.17 stage-testing
    exit 0
    ");
    world.time_passes("1m");
    world.oar("image-consistency-check").await;
    assert_eq!(world.facts().prow.runs.len(), 2);

    world.consistency_job_ends("aborted");
    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check Fail: prow 9da3af6a-fb53-43dd-88c3-793e5abbce30 <https://sim.example.com/prow/view/gs/qe-private-deck/logs/periodic-ci-openshift-release-tests-main-image-consistency-check/1900673419498600124> ended with aborted
      next: look into it; when it is mended: oar -r 4.20.17 drive --retry image-consistency-check
            to accept it as it is: oar -r 4.20.17 update-task-status image-consistency-check Pass --reason TEXT
    exit 5
    ");
    world.oar("image-consistency-check").await;

    world.finish();
}

#[tokio::test]
async fn images_that_nobody_could_look_at_are_not_healthy_images() {
    let world = started().await;
    world.consistency_job_finishes();
    world.break_service("catalog_stage", 502);

    assert_snapshot!(world.oar("image-consistency-check").await, @"
    image-consistency-check In Progress: waiting for image health: 20 of 64 images could not be looked up, 44 were not asked for (catalog_stage answered HTTP 502 (look up an image)), look again in 15 min
      job:  prow 526a2e87-a389-4e4f-8b93-a7a5bb269602 <https://sim.example.com/prow/view/gs/qe-private-deck/logs/periodic-ci-openshift-release-tests-main-image-consistency-check/1987246158235680170>
      next: in 15 min: oar -r 4.20.17 image-consistency-check
            meanwhile: oar -r 4.20.17 stage-testing
    exit 0
    ");
    world.expect_task(TASK, TaskStatus::InProgress);

    world.repair();
    world.oar("image-consistency-check").await;
    world.expect_task(TASK, TaskStatus::Pass);
    assert_eq!(world.writes_to("gangway"), 1);

    world.finish();
}

#[tokio::test]
async fn a_job_that_tests_something_else_is_refused() {
    let world = promoted().await;

    let output = world.oar("image-consistency-check -i 11111111-2222-4333-8444-555555555555").await;
    assert_snapshot!(output, @"
    error: image-consistency-check of 4.20.17 could not be carried out
      why:  Prow knows no job 11111111-2222-4333-8444-555555555555; it forgets jobs a day or two after their end
      next: take the id from the page of the job: oar -r 4.20.17 image-consistency-check -i ID; if it ended well and is forgotten: oar -r 4.20.17 update-task-status image-consistency-check Pass --reason TEXT
    exit 2
    ");
    world.expect_task(TASK, TaskStatus::NotStarted);

    world.finish();
}

#[tokio::test]
async fn a_gateway_that_is_down_is_an_outage_and_starts_nothing() {
    let world = promoted().await;
    world.break_service("gangway", 503);

    let said = world.oar("image-consistency-check").await;
    assert!(said.contains("the answer got lost: gangway answered HTTP 503"), "{said}");
    assert!(said.ends_with("exit 3"), "{said}");
    assert_ne!(world.state().status(TASK), TaskStatus::Fail);

    world.repair();
    world.time_passes("16m");
    world.oar("image-consistency-check").await;
    assert_eq!(world.facts().prow.runs.len(), 1);

    world.finish();
}

#[tokio::test]
async fn the_comment_on_image_health_is_updated_in_place() {
    let world = started().await;
    world.consistency_job_finishes();
    {
        let mut facts = world.facts();
        let (component, _) = facts.catalog_stage.images.values().next().expect("an image").clone();
        facts.catalog_stage.unhealthy.insert(component);
    }
    let about_health = || world.comments().into_iter().filter(|text| text.contains("image health")).collect::<Vec<_>>();

    let output = world.oar("image-consistency-check").await;
    assert!(output.contains("images are unhealthy") && output.ends_with("exit 5"), "{output}");
    let first = about_health();
    assert_eq!(first.len(), 1, "{first:?}");
    let again = world.oar("image-consistency-check").await;
    assert!(!again.contains("comment"), "an unchanged comment is left alone: {again}");

    world.facts().catalog_stage.unhealthy.clear();
    let output = world.oar("image-consistency-check").await;
    assert!(output.contains("did:  update the comment on image health") && output.ends_with("exit 0"), "{output}");
    let last = about_health();
    assert!(last.len() == 1 && last != first, "{last:?}");

    world.finish();
}
