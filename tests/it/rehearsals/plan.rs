//! What a plan promises: nothing that is not due, done, or not possible.

use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};
use oar::drive::rounds::{Persistence, Wishes, drive};

use crate::rehearsal::{fresh, prepared, promoted, ready_to_approve, reported};

#[tokio::test]
async fn a_release_that_build_data_does_not_list_is_told_once_and_ends_the_drive() {
    let town = fresh().await;

    assert_snapshot!(town.oar_about("4.20.99", "drive").await, @"
    error: 4.20.99 could not be driven
      why:  build data does not list 4.20.99 yet
      next: wait until ART lists the release in its build data, or check the release number
    exit 3
    ");
    for words in ["drive --watch", "drive --once", "plan"] {
        let told = town.oar_about("4.20.99", words).await;
        assert!(told.ends_with("exit 3") && told.matches("does not list").count() == 1, "{words}: {told}");
    }
    let told = town.oar_about("4.99.1", "drive").await;
    assert!(told.ends_with("exit 4") && told.contains("no branch for its minor"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_status_that_nobody_knows_is_told_with_its_line_and_its_task_is_not_run() {
    let town = promoted().await;
    town.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);
    town.someone_else_edits_the_text(|text| text.replace("status: Fail", "status: fail"));
    let line = town.file().lines().position(|line| line.contains("status: fail")).unwrap() + 1;
    town.new_writes();

    for words in ["plan", "drive --once", "drive", "status", "stage-testing", "state check"] {
        let told = town.oar(words).await;
        let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(&format!("line {line}: stage-testing has the status \"fail\"")), "{words}: {told}");
        assert!(flat.contains("did you mean Fail?"), "{words}: {told}");
        let code = match words {
            "plan" | "status" => "exit 0",
            "drive" | "drive --once" => "exit 4",
            _ => "exit 2",
        };
        assert!(told.ends_with(code), "{words}: {told}");
    }
    assert_eq!(town.writes_to("buildWithParameters"), 0);
    assert!(town.file().contains("status: fail"), "{}", town.file());

    town.oar("update-task-status stage-testing Fail").await;
    town.expect_task(Task::StageTesting, TaskStatus::Fail);

    town.finish();
}

#[tokio::test]
async fn what_is_not_due_is_a_wait_with_its_time() {
    let town = reported().await;
    town.oar("drive").await;
    town.expect_task(Task::PushToCdnStaging, TaskStatus::InProgress);
    town.time_passes("5m");

    assert_snapshot!(town.oar_changes_nothing("plan").await, @"
    4.20.17  Green  waiting, look again at 2026-06-03T06:10:00Z
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, analyze-candidate-build
    running: push-to-cdn-staging
    note:    push-to-cdn-staging is running: push jobs (170171 cdn_stage READY, 170172 cdn_stage READY) (look again at 2026-06-03T06:10:00Z)
    wait:    4.20.17 is not promoted yet (not listed yet); this takes 6 to 24 h (look again at 2026-06-03T06:35:00Z)
    next:    analyze-promoted-build, image-consistency-check, stage-testing, image-signed-check, change-advisory-status
    exit 0
    ");
    let (plan, drive) = (town.oar("plan").await, town.oar_changes_nothing("--dry-run drive").await);
    assert_eq!(plan.strip_suffix("exit 0"), drive.strip_suffix("exit 3"), "{drive}");

    town.time_passes("6m");
    let told = town.oar("plan").await;
    assert!(told.contains("now:     oar -r 4.20.17 push-to-cdn-staging"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_message_that_was_posted_is_not_planned_again() {
    let town = promoted().await;
    town.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    let told = town.oar("plan").await;
    assert!(told.contains("tell people: stage-testing failed"), "{told}");
    town.oar("drive").await;
    let told = town.oar("plan").await;
    assert!(!told.contains("tell people"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_message_that_nobody_got_is_shown() {
    let town = promoted().await;
    town.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);

    let told = town.oar("drive --no-notify").await;
    assert!(told.contains("nobody was told on Slack: --no-notify (stage-testing failed"), "{told}");
    let told = town.oar_without("SLACK_BOT_TOKEN", "drive").await;
    assert!(told.contains("SLACK_BOT_TOKEN is not set (stage-testing failed"), "{told}");
    assert!(town.oar("plan").await.contains("tell people: stage-testing failed"));

    town.finish();
}

#[tokio::test]
async fn passed_is_what_is_stored_and_nobody_waits_for_what_has_passed() {
    let town = reported().await;
    let told = town.oar("plan").await;
    assert!(told.contains("(judge the candidate build"), "{told}");
    assert!(!told.lines().any(|line| line.starts_with("passed:") && line.contains("analyze-candidate")), "{told}");

    let town = promoted().await;
    town.somebody_stores(&[Task::ImageSignedCheck], TaskStatus::Pass);
    let told = town.oar("plan").await;
    assert!(told.contains("the approval waits for image-consistency-check, stage-testing"), "{told}");
    assert!(!told.contains("image-signed-check waits"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_reason_that_does_not_hold_any_more_is_not_told() {
    let town = reported().await;
    town.oar("--yes change-advisory-status --ignore-release-date").await;
    assert!(town.file().contains("has to pass first"), "{}", town.file());
    town.oar("take-ownership").await;
    town.oar("check-cve-tracker-bug").await;

    let told = town.oar("status").await;
    assert!(!told.contains("has to pass first"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_missing_credential_is_named_also_after_the_approval() {
    let town = ready_to_approve().await;
    town.somebody_stores(&[Task::ChangeAdvisoryStatus], TaskStatus::Pass);

    let told = town.oar_without("ERRATA_TOKEN", "plan").await;
    assert!(told.contains("whether it is shipped cannot be found out: ") && told.contains("ERRATA_TOKEN"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_retry_of_what_has_passed_is_refused() {
    let town = promoted().await;
    town.somebody_stores(&[Task::StageTesting], TaskStatus::Pass);

    assert_snapshot!(town.oar_changes_nothing("drive --retry stage-testing").await, @"
    error: 4.20.17 could not be driven
      why:  stage-testing has passed; --retry tries again only what did not
      next: if the Pass is wrong: oar -r 4.20.17 update-task-status stage-testing Fail --override --reason TEXT, then --retry
    exit 2
    ");

    town.finish();
}

#[tokio::test]
async fn a_task_that_waits_for_one_that_nobody_has_started_needs_somebody() {
    let town = prepared().await;

    let told = town.oar("image-signed-check").await;
    assert!(told.contains("blocked, the payload is not promoted (phase not found)"), "{told}");
    assert!(told.ends_with("exit 3"), "{told}");
    town.expect_task(Task::ImageSignedCheck, TaskStatus::NotStarted);

    let town = reported().await;
    let told = town.oar("--yes change-advisory-status --ignore-release-date").await;
    assert!(told.contains("has to pass first (it is Not Started)") && told.ends_with("exit 4"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_release_whose_date_has_passed_says_so() {
    let town = promoted().await;
    town.days_pass(12);

    let told = town.oar("plan").await;
    assert!(told.contains("the release date (2026-06-10) has passed, 5 days ago; the approval is open"), "{told}");
    let told = town.oar("active-releases").await;
    assert!(told.contains("6/10 done  (overdue: 4 tasks are open, the final approval among them)"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_watching_drive_ends_at_its_time_although_the_store_never_comes_back() {
    let town = promoted().await;
    town.answers_a_login_page("github");
    let end = town.now() + jiff::SignedDuration::from_hours(2);
    let wishes = Wishes { persistence: Persistence::Watch, until: Some(end), ..Wishes::default() };

    let ended = drive(&town.context(), &town.release, &wishes, &mut |_| {}).await;
    assert!(ended.is_err_and(|error| error.to_string().contains("could not be read")));
    assert!(town.now() >= end && town.now() < end + jiff::SignedDuration::from_hours(1), "{}", town.now());

    town.finish();
}

#[tokio::test]
async fn build_data_that_is_away_is_named_in_the_waits_of_a_watching_drive() {
    let town = promoted().await;
    town.break_service("build_data", 503);
    let end = town.now() + jiff::SignedDuration::from_hours(1);
    let wishes = Wishes { persistence: Persistence::Watch, until: Some(end), ..Wishes::default() };

    let plan = drive(&town.context(), &town.release, &wishes, &mut |_| {}).await.unwrap();
    let text = &plan.messages[0].text;
    assert!(text.starts_with("the build data of 4.20.17 cannot be read: build_data answered HTTP 503"), "{text}");

    town.finish();
}

#[tokio::test]
async fn right_after_the_approval_nothing_is_left_and_a_post_is_told_as_what_it_is() {
    let town = ready_to_approve().await;
    town.oar("--yes change-advisory-status").await;
    town.advisory_page_opens();
    let told = town.oar("--yes change-advisory-status").await;
    assert!(told.contains("next: nothing before ") || told.contains("next: nothing is left to do"), "{told}");
    town.merge_request_becomes(oar::sim::services::gitlab::MrState::Merged);

    let told = town.oar("plan").await;
    assert!(told.contains("done: approved, nothing is left to do"), "{told}");
    assert!(told.contains("is approved and its images are out; not live yet: "), "{told}");
    assert!(told.contains("REL_PREP") && !told.contains("approved and shipped"), "{told}");
    assert!(told.contains("post:    the next drive would tell people: ") && !told.contains("now:"), "{told}");

    town.oar("drive").await;
    let told = town.oar("plan").await;
    assert!(told.contains("done: approved") && !told.contains("tell people"), "{told}");

    town.finish();
}

#[tokio::test]
async fn after_a_task_the_next_step_is_what_the_plan_would_do_first_or_when_to_look() {
    let town = prepared().await;
    let told = town.oar("analyze-candidate-build").await;
    assert!(told.contains("next: nothing before 2026-06-03T06:30:"), "{told}");
    assert!(told.contains("4.20.17 is not promoted yet") && told.contains("then: oar -r 4.20.17 plan"), "{told}");
    assert!(!told.contains("analyze-promoted-build"), "{told}");

    let town = promoted().await;
    town.oar("image-consistency-check").await;
    town.consistency_job_finishes();
    let first = town.oar("plan").await;
    let first = first.lines().find_map(|line| line.strip_prefix("now:     ")).unwrap().to_owned();
    assert!(first.starts_with("oar -r 4.20.17 image-consistency-check"), "{first}");
    let told = town.oar("image-consistency-check").await;
    assert!(told.contains("next: oar -r 4.20.17 stage-testing\n"), "{told}");

    let (_, told) = (town.oar("stage-testing").await, town.oar("--json check-cve-tracker-bug").await);
    assert!(told.contains("\"next\": \"nothing before "), "{told}");

    town.finish();
}

#[tokio::test]
async fn without_an_answer_of_the_services_a_task_sends_to_the_plan() {
    let town = prepared().await;
    town.break_service("build_data", 503);

    let told = town.oar("push-to-cdn-staging").await;
    assert!(told.ends_with("next: oar -r 4.20.17 plan\nexit 0"), "{told}");

    town.finish();
}
