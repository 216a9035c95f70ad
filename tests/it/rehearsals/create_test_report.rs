use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{TestWorld, fresh, with_state_file};

#[tokio::test]
async fn a_report_is_created_once_and_the_release_channel_is_reported() {
    let world = fresh().await;

    let output = world.oar("create-test-report").await;
    assert_snapshot!(output, @"
    create-test-report Pass: created the state file _releases/4.20/statebox/4.20.17.yaml
      did:  create _releases/4.20/statebox/4.20.17.yaml
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    assert_snapshot!(world.posted_messages().join("\n"), @"#team-qe-release: <!subteam^SD329E44F7> *[4.20.17]* is prepared: the state file _releases/4.20/statebox/4.20.17.yaml was created.");

    world.finish();
}

#[tokio::test]
async fn a_second_report_leaves_the_file_as_it_is_and_tells_nobody() {
    let world = with_state_file().await;
    world.somebody_stores(&[Task::TakeOwnership], TaskStatus::Pass);
    let before = world.file();
    world.new_writes();

    let output = world.oar("create-test-report").await;
    assert_snapshot!(output, @"
    create-test-report Pass: nothing to do, the state file exists: _releases/4.20/statebox/4.20.17.yaml
      next: oar -r 4.20.17 check-cve-tracker-bug
    exit 0
    ");
    assert_eq!(world.file(), before);
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn a_report_needs_neither_gitlab_nor_jira() {
    let world = fresh().await;
    world.break_service("gitlab", 503);
    world.break_service("jira", 503);

    let output = world.oar("create-test-report").await;
    assert!(output.ends_with("exit 0"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_no_reason_to_create_a_file() {
    let world = with_state_file().await;
    let before = world.file();
    world.break_service("github", 503);

    let output = world.oar("create-test-report").await;
    assert_snapshot!(output, @"
    error: create-test-report of 4.20.17 could not be carried out
      why:  _releases/4.20/statebox/4.20.17.yaml could not be read
            github answered HTTP 503 (read file)
      next: wait a few minutes and run it again
    exit 7
    ");
    world.repair();
    assert_eq!(world.file(), before);

    world.finish();
}

#[tokio::test]
async fn a_report_whose_answer_got_lost_is_found_and_not_made_again() {
    let world = fresh().await;
    world.answer_gets_lost("github", "PUT", "contents");

    let output = world.oar("create-test-report").await;
    assert_snapshot!(output, @"
    create-test-report Pass: created the state file _releases/4.20/statebox/4.20.17.yaml
      did:  create _releases/4.20/statebox/4.20.17.yaml
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");
    assert_eq!(world.posted_messages().len(), 1);

    world.finish();
}

#[tokio::test]
async fn a_silent_slack_is_a_note_and_no_failure() {
    let world = fresh().await;
    world.break_service("slack", 500);

    let output = world.oar("create-test-report").await;
    assert_snapshot!(output, @"
    create-test-report Pass: created the state file _releases/4.20/statebox/4.20.17.yaml
      did:  create _releases/4.20/statebox/4.20.17.yaml
      note: nobody was notified on Slack: the message may have got lost (slack answered HTTP 500 (post message)); a run from 2026-06-03T06:15:04Z on looks for it before it is sent again
      next: oar -r 4.20.17 take-ownership
    exit 0
    ");

    world.finish();
}

#[tokio::test]
async fn a_missing_token_of_the_store_is_never_a_private_truth() {
    let world = fresh().await;

    let output = world.oar_without("GITHUB_TOKEN", "create-test-report").await;
    assert_snapshot!(output, @"
    error: the environment of this call cannot be used
      why:  credentials are missing: GITHUB_TOKEN
      next: set GITHUB_TOKEN (reads and writes the release state): create a token with contents read and write on the state repository, or name a GitHub App with the same rights (OAR_GITHUB_APP_ID, OAR_GITHUB_APP_KEY_FILE)
    exit 6
    ");

    world.finish();
}

#[tokio::test]
async fn a_release_that_art_does_not_know_gets_no_file() {
    let world = fresh().await;

    let output = world.oar_about("4.20.99", "create-test-report").await;
    assert_snapshot!(output, @"
    error: create-test-report of 4.20.99 could not be carried out
      why:  build data does not list 4.20.99 yet
      next: wait until ART lists the release in its build data, or check the release number
    exit 3
    ");

    world.finish();
}

#[tokio::test]
async fn a_text_that_is_no_release_is_refused_before_anything_is_asked() {
    let world = fresh().await;

    for text in ["4.20", "v4.20.1", "4.20.0-0.nightly-2026-06-01-230000"] {
        let output = world.oar_about(text, "create-test-report").await;
        assert!(output.ends_with("exit 2"), "{text}: {output}");
    }
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn every_task_of_a_release_without_a_file_asks_for_the_report_first() {
    let world = TestWorld::founded("smooth", |_| {}).await;

    assert_snapshot!(world.oar("take-ownership").await, @"
    error: take-ownership of 4.20.17 could not be carried out
      why:  4.20.17 has no state file
      next: create it: oar -r 4.20.17 create-test-report
    exit 4
    ");
    assert_snapshot!(world.oar("status").await, @"
    error: the status of 4.20.17 cannot be shown
      why:  4.20.17 has no state file
      next: create it: oar -r 4.20.17 create-test-report
    exit 4
    ");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn what_is_left_of_a_repository_gets_no_state_file_of_its_own() {
    let world = fresh().await;
    let store = world.path("store");
    std::fs::create_dir_all(store.join("objects")).unwrap();
    std::fs::create_dir_all(store.join("refs/heads")).unwrap();
    let place = store.display().to_string();
    let variables = [("OAR_STATE_DIR", place.as_str()), ("PATH", "/usr/bin:/bin")];

    let reported = world.oar_with_all(&variables, "create-test-report --no-notify").await;

    assert!(reported.contains("not a git repository") && reported.ends_with("exit 2"), "{reported}");
    assert!(!store.join("_releases").exists(), "{reported}");

    world.finish();
}
