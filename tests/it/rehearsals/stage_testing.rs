use insta::assert_snapshot;
use oar::domain::service::Service;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{TestWorld, prepared, promoted, with_state_file};

const TASK: Task = Task::StageTesting;

async fn building() -> TestWorld {
    let world = promoted().await;
    world.oar("stage-testing").await;
    world.time_passes("2m");
    world.oar("stage-testing").await;
    world.new_writes();
    world
}

#[tokio::test]
async fn stage_testing_that_may_not_start_is_not_a_failure() {
    let world = prepared().await;
    world.new_writes();

    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing Not Started: blocked, the payload is not promoted (phase not found)
      next: wait for ART to promote the payload (look again in 30 min)
            then: oar -r 4.20.17 stage-testing
    exit 3
    ");
    world.payload_is_promoted();
    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing Not Started: blocked, the stage release of https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117 has not succeeded (manual)
      next: wait for the stage release of https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117 (look again in 15 min)
            then: oar -r 4.20.17 stage-testing
    exit 3
    ");
    world.stage_release_succeeds();
    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing Not Started: blocked, analyze-promoted-build has to pass first (it is Not Started)
      next: finish it first: oar -r 4.20.17 analyze-promoted-build
            then: oar -r 4.20.17 stage-testing
    exit 4
    ");
    world.expect_task(TASK, TaskStatus::NotStarted);
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn stage_testing_waits_until_the_push_has_passed() {
    let world = with_state_file().await;
    world.payload_is_promoted();
    world.stage_release_succeeds();
    world.somebody_stores(&[Task::AnalyzePromotedBuild], TaskStatus::Pass);

    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing Not Started: blocked, push-to-cdn-staging has to pass first (it is Not Started)
      next: finish it first: oar -r 4.20.17 push-to-cdn-staging
            then: oar -r 4.20.17 stage-testing
    exit 4
    ");
    world.expect_task(TASK, TaskStatus::NotStarted);

    world.finish();
}

#[tokio::test]
async fn the_pipeline_is_started_once_followed_and_passes() {
    let world = promoted().await;
    world.new_writes();

    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing In Progress: waiting for the stage pipeline (queued), look again in 2 min
      job:  jenkins queue item <https://sim.example.com/jenkins/queue/item/26570/>
      did:  start the stage pipeline
      did:  tell qe-release on Slack
      next: in 2 min: oar -r 4.20.17 stage-testing
            meanwhile: oar -r 4.20.17 image-consistency-check
    exit 0
    ");
    assert_snapshot!(world.new_writes(), @"
    POST /jenkins/job/zstreams/job/Stage-Pipeline/buildWithParameters?VERSION=4.20&PULL_SPEC=registry.example.com%2Fopenshift-release-dev%2Focp-release%3A4.20.17-x86_64
    POST /slack/chat.postMessage
    ");
    world.time_passes("2m");
    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing In Progress: waiting for the stage pipeline (building), look again in 15 min
      job:  jenkins 1434 <https://sim.example.com/jenkins/job/zstreams/job/Stage-Pipeline/1434/>
      next: in 15 min: oar -r 4.20.17 stage-testing
            meanwhile: oar -r 4.20.17 image-consistency-check
    exit 0
    ");
    world.stage_pipeline_finishes();
    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing Pass: stage pipeline build 1434 succeeded
      next: oar -r 4.20.17 image-consistency-check
    exit 0
    ");
    world.expect_task(TASK, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn the_job_reference_survives_every_status_check() {
    let world = building().await;
    let job = world.job_of(TASK);
    assert!(job.as_ref().is_some_and(|id| !id.is_empty()));

    for _ in 0..3 {
        world.time_passes("15m");
        world.oar("stage-testing").await;
        assert_eq!(world.job_of(TASK), job);
    }
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn a_second_press_of_the_button_never_lowers_a_pass() {
    let world = building().await;
    world.stage_pipeline_finishes();
    world.oar("stage-testing").await;
    let file = world.file();

    world.break_service("jenkins", 503);
    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing Pass: nothing to do, stage-testing passed already
      next: oar -r 4.20.17 image-consistency-check
    exit 0
    ");
    assert_eq!(world.new_writes(), "nothing");
    assert_eq!(world.file(), file);

    world.finish();
}

#[tokio::test]
async fn a_lost_answer_of_the_trigger_starts_no_second_job() {
    for broken_line in [false, true] {
        let mut world = promoted().await;
        world.new_writes();
        if broken_line {
            world.line_breaks("jenkins", "POST", "buildWithParameters");
        } else {
            world.answer_gets_lost("jenkins", "POST", "buildWithParameters");
        }

        world.oar("stage-testing").await;
        world.time_passes("2m");
        world.elsewhere("stage-testing").await;
        world.time_passes("2m");
        world.oar("stage-testing").await;
        assert_eq!(world.writes_to("buildWithParameters"), 1);
        assert!(world.job_of(TASK).is_some_and(|id| !id.is_empty()));
        world.expect_task(TASK, TaskStatus::InProgress);

        world.finish();
    }
}

#[tokio::test]
async fn a_failed_pipeline_is_a_verdict_and_pressing_again_is_a_new_try() {
    let world = building().await;
    world.stage_pipeline_ends("FAILURE");

    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing Fail: jenkins 1434 <https://sim.example.com/jenkins/job/zstreams/job/Stage-Pipeline/1434/> ended with FAILURE
      next: look into it; when it is mended: oar -r 4.20.17 drive --retry stage-testing
            to accept it as it is: oar -r 4.20.17 update-task-status stage-testing Pass --reason TEXT
    exit 5
    ");
    world.expect_task(TASK, TaskStatus::Fail);

    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing In Progress: waiting for the stage pipeline (queued), look again in 2 min
      job:  jenkins queue item <https://sim.example.com/jenkins/queue/item/26571/>
      did:  start the stage pipeline
      did:  tell qe-release on Slack
      next: in 2 min: oar -r 4.20.17 stage-testing
            meanwhile: oar -r 4.20.17 image-consistency-check
    exit 0
    ");
    world.expect_task(TASK, TaskStatus::InProgress);

    world.finish();
}

#[tokio::test]
async fn a_result_that_nobody_knows_is_no_fail_and_is_looked_at_again() {
    let world = building().await;
    world.stage_pipeline_ends("MELTED");

    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing In Progress: blocked, the job jenkins 1434 <https://sim.example.com/jenkins/job/zstreams/job/Stage-Pipeline/1434/> ended with a result that this program does not know: “MELTED”; it is looked at again at 2026-06-03T06:17:00Z
      next: find out how the job ended (https://sim.example.com/jenkins/job/zstreams/job/Stage-Pipeline/1434/), then store it: oar -r 4.20.17 update-task-status stage-testing Pass --reason TEXT
            or: oar -r 4.20.17 update-task-status stage-testing Fail --reason TEXT
            to have another one started: oar -r 4.20.17 update-task-status stage-testing 'Not Started' --reason TEXT
            if another job is the right one: oar -r 4.20.17 stage-testing -n NUMBER
            then: oar -r 4.20.17 stage-testing
    exit 4
    ");
    world.expect_task(TASK, TaskStatus::InProgress);
    let output = world.oar("drive").await;
    let asked = "person:  stage-testing cannot go on: the job jenkins 1434";
    assert!(output.contains(asked) && output.contains("(look again at 2026-06-03T06:"), "{output}");

    world.facts().jenkins.correct_last("SUCCESS");
    let output = world.oar("stage-testing").await;
    assert!(output.starts_with("stage-testing Pass"), "{output}");
    assert_eq!(world.writes_to("buildWithParameters"), 1);

    world.finish();
}

#[tokio::test]
async fn a_build_that_does_not_show_yet_is_waited_for_and_one_that_never_shows_is_gone() {
    let world = promoted().await;
    world.oar("stage-testing").await;
    world.facts().jenkins.forget_builds();

    let output = world.oar("stage-testing").await;
    assert!(output.contains("waiting for the stage pipeline (not shown yet)"), "{output}");
    world.expect_task(TASK, TaskStatus::InProgress);

    world.time_passes("16m");
    let output = world.oar("stage-testing").await;
    assert!(output.contains("cannot be looked at any more") && output.ends_with("exit 4"), "{output}");
    assert_eq!(world.writes_to("buildWithParameters"), 1);

    world.finish();
}

#[tokio::test]
async fn somebody_elses_request_in_the_queue_goes_first() {
    let world = promoted().await;
    world.somebody_queues_a_stage_pipeline();
    world.new_writes();

    assert_snapshot!(world.oar("stage-testing").await, @"
    stage-testing Not Started: blocked, the job queue is busy: queue item 26570 waits before us
      next: wait for the queue (look again in 10 min)
            then: oar -r 4.20.17 stage-testing
    exit 3
    ");
    assert_eq!(world.new_writes(), "nothing");
    world.expect_task(TASK, TaskStatus::NotStarted);

    world.finish();
}

#[tokio::test]
async fn a_forced_start_needs_a_reason_and_keeps_it() {
    let world = prepared().await;
    world.payload_is_promoted();
    world.stage_release_succeeds();

    assert!(world.oar("stage-testing --force").await.ends_with("exit 2"));
    assert_snapshot!(world.oar("stage-testing --force --reason \"agreed with ART\"").await, @"
    stage-testing In Progress: waiting for the stage pipeline (queued), look again in 2 min
      job:  jenkins queue item <https://sim.example.com/jenkins/queue/item/26570/>
      did:  start the stage pipeline
      did:  tell qe-release on Slack
      note: started although analyze-promoted-build has to pass first (it is Not Started): agreed with ART
      next: in 2 min: oar -r 4.20.17 stage-testing
            meanwhile: oar -r 4.20.17 image-consistency-check
    exit 0
    ");
    assert_snapshot!(world.oar("issue list").await, @"
    4e0c81b9  note      stage-testing was started by force although analyze-promoted-build has to pass first (it is Not Started); reason: agreed with ART (stage-testing)
    exit 0
    ");

    world.finish();
}

#[tokio::test]
async fn a_build_that_does_not_exist_or_tests_another_release_is_refused() {
    let world = promoted().await;

    assert_snapshot!(world.oar("stage-testing -n 99999").await, @"
    error: stage-testing of 4.20.17 could not be carried out
      why:  Jenkins knows no build 99999 of zstreams/Stage-Pipeline
      next: take the number from the page of the build: oar -r 4.20.17 stage-testing -n NUMBER
    exit 2
    ");
    world.somebody_queues_a_stage_pipeline();
    world.expect_task(TASK, TaskStatus::NotStarted);

    world.finish();
}

#[tokio::test]
async fn an_outage_of_jenkins_keeps_a_running_job_running() {
    let world = building().await;
    let job = world.job_of(TASK);
    world.break_service("jenkins", 503);

    assert_snapshot!(world.oar("stage-testing").await, @"
    error: stage-testing of 4.20.17 could not be carried out
      why:  jenkins answered HTTP 503 (look at build)
      next: wait a few minutes and run it again
    exit 7
    ");
    world.expect_task(TASK, TaskStatus::InProgress);
    assert_eq!(world.job_of(TASK), job);

    world.finish();
}

#[tokio::test]
async fn a_start_of_which_jenkins_has_forgotten_everything_is_asked_about_and_not_made_again() {
    let mut world = promoted().await;
    world.line_breaks("jenkins", "POST", "buildWithParameters");
    world.answers_are_old(&[Service::Jenkins]);
    world.oar("stage-testing").await;
    oar::sim::people::act(oar::sim::act::Act::ForgetBuilds, &mut world.facts());
    world.time_passes("1h");

    let reported = world.elsewhere("stage-testing").await;

    assert!(reported.ends_with("exit 4") && reported.contains("oar -r 4.20.17 answer "), "{reported}");
    assert_eq!(world.writes_to("buildWithParameters"), 1, "{reported}");
    world.finish();
}

#[tokio::test]
async fn a_closed_merge_request_needs_a_person_whoever_comes_to_it() {
    let world = promoted().await;
    world.merge_request_becomes(oar::sim::facts::gitlab::merge_requests::MrState::Closed);
    for line in ["stage-testing", "image-consistency-check", "drive"] {
        let output = world.oar(line).await;
        assert!(output.contains("closed without being merged"), "{line}: {output}");
        assert!(output.ends_with("exit 4"), "{line}: {output}");
    }
    world.finish();
}

#[tokio::test]
async fn whoever_is_asked_says_the_same_time_of_the_next_look_at_a_queued_pipeline() {
    let world = promoted().await;
    world.somebody_stores(&[Task::ImageConsistencyCheck], TaskStatus::Pass);
    let driven = world.oar("drive").await;
    let again = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("note:") && line.contains("stage-testing is running"));
        let line = line.unwrap_or_else(|| panic!("no wait: {text}")).to_owned();
        line.rsplit_once("look again at ").map(|(_, at)| at.to_owned())
    };
    let planned = world.oar("plan").await;
    assert_eq!(again(&planned), again(&driven), "{driven}\n{planned}");
    let soon = world.now().checked_add(jiff::SignedDuration::from_mins(2)).unwrap();
    assert_eq!(again(&driven), Some(format!("{soon})")), "{driven}");
    world.finish();
}
