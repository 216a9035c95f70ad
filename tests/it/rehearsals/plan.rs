//! What a plan promises: nothing that is not due, done, or not possible.

use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};
use oar::drive::options::{DriveOptions, Persistence};
use oar::drive::rounds::drive;

use crate::rehearsal::{fresh, prepared, promoted, ready_to_approve, with_state_file};

#[tokio::test]
async fn a_release_that_build_data_does_not_list_is_reported_once_and_ends_the_drive() {
    let world = fresh().await;

    assert_snapshot!(world.oar_about("4.20.99", "drive").await, @"
    error: 4.20.99 could not be driven
      why:  build data does not list 4.20.99 yet
      next: wait until ART lists the release in its build data, or check the release number
    exit 3
    ");
    for args in ["drive --watch", "drive --once", "plan"] {
        let output = world.oar_about("4.20.99", args).await;
        assert!(output.ends_with("exit 3") && output.matches("does not list").count() == 1, "{args}: {output}");
    }
    let output = world.oar_about("4.99.1", "drive").await;
    assert!(output.ends_with("exit 4") && output.contains("no branch for its minor"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_status_that_nobody_knows_is_reported_with_its_line_and_its_task_is_not_run() {
    let world = promoted().await;
    world.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);
    world.someone_else_edits_the_text(|text| text.replace("status: Fail", "status: fail"));
    let line = world.file().lines().position(|line| line.contains("status: fail")).unwrap() + 1;
    world.new_writes();

    for args in ["plan", "drive --once", "drive", "status", "stage-testing", "state check"] {
        let output = world.oar(args).await;
        let flat = output.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(&format!("line {line}: stage-testing has the status \"fail\"")), "{args}: {output}");
        assert!(flat.contains("did you mean Fail?"), "{args}: {output}");
        let code = match args {
            "plan" | "status" => "exit 0",
            "drive" | "drive --once" => "exit 4",
            _ => "exit 2",
        };
        assert!(output.ends_with(code), "{args}: {output}");
    }
    assert_eq!(world.writes_to("buildWithParameters"), 0);
    assert!(world.file().contains("status: fail"), "{}", world.file());

    world.oar("update-task-status stage-testing Fail --reason \"it broke\"").await;
    world.expect_task(Task::StageTesting, TaskStatus::Fail);

    world.finish();
}

#[tokio::test]
async fn what_is_not_due_is_a_wait_with_its_time() {
    let world = with_state_file().await;
    world.oar("drive").await;
    world.expect_task(Task::PushToCdnStaging, TaskStatus::InProgress);
    world.time_passes("5m");

    assert_snapshot!(world.oar_changes_nothing("plan").await, @"
    4.20.17  Green  waiting, look again at 2026-06-03T06:10:00Z
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, analyze-candidate-build
    running: push-to-cdn-staging
    note:    push-to-cdn-staging is running: push jobs (170171 cdn_stage READY, 170172 cdn_stage READY) (look again at 2026-06-03T06:10:00Z)
    wait:    4.20.17 is not promoted yet (not listed yet); this takes 6 to 24 h (look again at 2026-06-03T06:35:00Z)
    next:    analyze-promoted-build, image-consistency-check, stage-testing, image-signed-check, change-advisory-status
    exit 0
    ");
    let (plan, drive) = (world.oar("plan").await, world.oar_changes_nothing("--dry-run drive").await);
    assert_eq!(plan.strip_suffix("exit 0"), drive.strip_suffix("exit 3"), "{drive}");

    world.time_passes("6m");
    let output = world.oar("plan").await;
    assert!(output.contains("now:     oar -r 4.20.17 push-to-cdn-staging"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_message_that_was_posted_is_not_planned_again() {
    let world = promoted().await;
    world.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    let output = world.oar("plan").await;
    assert!(output.contains("tell people: stage-testing failed"), "{output}");
    world.oar("drive").await;
    let output = world.oar("plan").await;
    assert!(!output.contains("tell people"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_message_that_nobody_got_is_shown() {
    let world = promoted().await;
    world.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    let output = world.oar("drive --no-notify").await;
    assert!(output.contains("nobody was notified on Slack: --no-notify (stage-testing failed"), "{output}");
    let output = world.oar_without("SLACK_BOT_TOKEN", "drive").await;
    assert!(output.contains("SLACK_BOT_TOKEN is not set (stage-testing failed"), "{output}");
    assert!(world.oar("plan").await.contains("tell people: stage-testing failed"));

    world.finish();
}

#[tokio::test]
async fn passed_is_what_is_stored_and_nobody_waits_for_what_has_passed() {
    let world = with_state_file().await;
    let output = world.oar("plan").await;
    assert!(output.contains("(judge the candidate build"), "{output}");
    assert!(!output.lines().any(|line| line.starts_with("passed:") && line.contains("analyze-candidate")), "{output}");

    let world = promoted().await;
    world.somebody_stores(&[Task::ImageSignedCheck], TaskStatus::Pass);
    let output = world.oar("plan").await;
    assert!(output.contains("the approval waits for image-consistency-check, stage-testing"), "{output}");
    assert!(!output.contains("image-signed-check waits"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_reason_that_does_not_hold_any_more_is_not_reported() {
    let world = with_state_file().await;
    world.oar("--yes change-advisory-status --ignore-release-date --reason go").await;
    assert!(world.file().contains("has to pass first"), "{}", world.file());
    world.oar("take-ownership").await;
    world.oar("check-cve-tracker-bug").await;

    let output = world.oar("status").await;
    assert!(!output.contains("has to pass first"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_missing_credential_is_named_also_after_the_approval() {
    let world = ready_to_approve().await;
    world.somebody_stores(&[Task::ChangeAdvisoryStatus], TaskStatus::Pass);

    let output = world.oar_without("ERRATA_TOKEN", "plan").await;
    assert!(
        output.contains("whether it is shipped cannot be found out: ") && output.contains("ERRATA_TOKEN"),
        "{output}"
    );

    world.finish();
}

#[tokio::test]
async fn a_retry_of_what_has_passed_is_refused() {
    let world = promoted().await;
    world.somebody_stores(&[Task::StageTesting], TaskStatus::Pass);

    assert_snapshot!(world.oar_changes_nothing("drive --retry stage-testing").await, @"
    error: 4.20.17 could not be driven
      why:  stage-testing has passed; --retry tries again only what did not
      next: if the Pass is wrong: oar -r 4.20.17 update-task-status stage-testing Fail --override --reason TEXT, then --retry
    exit 2
    ");

    world.finish();
}

#[tokio::test]
async fn a_task_that_waits_for_one_that_nobody_has_started_needs_somebody() {
    let world = prepared().await;

    let output = world.oar("image-signed-check").await;
    assert!(output.contains("blocked, the payload is not promoted (phase not found)"), "{output}");
    assert!(output.ends_with("exit 3"), "{output}");
    world.expect_task(Task::ImageSignedCheck, TaskStatus::NotStarted);

    let world = with_state_file().await;
    let output = world.oar("--yes change-advisory-status --ignore-release-date --reason go").await;
    assert!(output.contains("has to pass first (it is Not Started)") && output.ends_with("exit 4"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_release_whose_date_has_passed_says_so() {
    let world = promoted().await;
    world.days_pass(12);

    let output = world.oar("plan").await;
    assert!(output.contains("the release date (2026-06-10) has passed, 5 days ago; the approval is open"), "{output}");
    let output = world.oar("active-releases").await;
    assert!(output.contains("6/10 done  (overdue: 4 tasks are open, the final approval among them)"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_watching_drive_ends_at_its_time_although_the_store_never_comes_back() {
    let world = promoted().await;
    world.answers_a_login_page("github");
    let end = world.now() + jiff::SignedDuration::from_hours(2);
    let options = DriveOptions { persistence: Persistence::Watch, until: Some(end), ..DriveOptions::default() };

    let ended = drive(&world.context(), &world.release, &options, &mut |_| {}).await;
    assert!(ended.is_err_and(|error| error.to_string().contains("could not be read")));
    assert!(world.now() >= end && world.now() < end + jiff::SignedDuration::from_hours(1), "{}", world.now());

    world.finish();
}

#[tokio::test]
async fn build_data_that_is_away_is_named_in_the_waits_of_a_watching_drive() {
    let world = promoted().await;
    world.break_service("build_data", 503);
    let end = world.now() + jiff::SignedDuration::from_hours(1);
    let options = DriveOptions { persistence: Persistence::Watch, until: Some(end), ..DriveOptions::default() };

    let plan = drive(&world.context(), &world.release, &options, &mut |_| {}).await.unwrap();
    let text = &plan.messages[0].text;
    assert!(text.starts_with("the build data of 4.20.17 cannot be read: build_data answered HTTP 503"), "{text}");

    world.finish();
}

#[tokio::test]
async fn right_after_the_approval_nothing_is_left_and_a_post_is_reported_as_what_it_is() {
    let world = ready_to_approve().await;
    world.oar("--yes change-advisory-status").await;
    world.advisory_page_opens();
    let output = world.oar("--yes change-advisory-status").await;
    assert!(output.contains("next: nothing before "), "{output}");
    world.merge_request_becomes(oar::sim::facts::gitlab::merge_requests::MrState::Merged);

    let output = world.oar("plan").await;
    assert!(output.contains("done: approved, nothing is left to do"), "{output}");
    assert!(output.contains("is approved and its images are out; not live yet: "), "{output}");
    assert!(output.contains("REL_PREP") && !output.contains("approved and shipped"), "{output}");
    assert!(output.contains("post:    the next drive would tell people: ") && !output.contains("now:"), "{output}");

    world.oar("drive").await;
    let output = world.oar("plan").await;
    assert!(output.contains("done: approved") && !output.contains("tell people"), "{output}");

    world.finish();
}

#[tokio::test]
async fn after_a_task_the_next_step_is_what_the_plan_would_do_first_or_when_to_look() {
    let world = prepared().await;
    let output = world.oar("analyze-candidate-build").await;
    assert!(output.contains("next: nothing before 2026-06-03T06:30:"), "{output}");
    assert!(output.contains("4.20.17 is not promoted yet") && output.contains("then: oar -r 4.20.17 plan"), "{output}");
    assert!(!output.contains("analyze-promoted-build"), "{output}");

    let world = promoted().await;
    world.oar("image-consistency-check").await;
    world.consistency_job_finishes();
    let first = world.oar("plan").await;
    let first = first.lines().find_map(|line| line.strip_prefix("now:     ")).unwrap().to_owned();
    assert!(first.starts_with("oar -r 4.20.17 image-consistency-check"), "{first}");
    let output = world.oar("image-consistency-check").await;
    assert!(output.contains("next: oar -r 4.20.17 stage-testing\n"), "{output}");

    let (_, output) = (world.oar("stage-testing").await, world.oar("--json check-cve-tracker-bug").await);
    assert!(output.contains("\"next\": \"nothing before "), "{output}");

    world.finish();
}

#[tokio::test]
async fn without_an_answer_of_the_services_a_task_sends_to_the_plan() {
    let world = prepared().await;
    world.break_service("build_data", 503);

    let output = world.oar("push-to-cdn-staging").await;
    assert!(output.ends_with("next: oar -r 4.20.17 plan\nexit 0"), "{output}");

    world.finish();
}
