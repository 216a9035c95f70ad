use insta::assert_snapshot;
use oar::domain::state::lease::LeaseKey;
use oar::domain::state::operation::Operation;
use oar::domain::task::{Flow, Task, TaskStatus};

use crate::rehearsal::{TestWorld, fresh, promoted, ready_to_approve};

#[tokio::test]
async fn a_plan_writes_nothing() {
    let world = promoted().await;
    assert_snapshot!(world.oar_changes_nothing("plan").await, @"
    4.20.17  Green  there is something to do: oar -r 4.20.17 drive
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, push-to-cdn-staging, analyze-candidate-build, analyze-promoted-build
    now:     oar -r 4.20.17 image-consistency-check
    now:     oar -r 4.20.17 stage-testing
    note:    image-consistency-check runs now
    note:    stage-testing runs now
    wait:    image-signed-check waits for image-consistency-check, stage-testing
    next:    image-signed-check, change-advisory-status
    exit 0
    ");

    world.finish();
}

#[tokio::test]
async fn a_dry_drive_writes_nothing_and_says_what_a_plan_says() {
    let world = promoted().await;
    let plan = world.oar("plan").await;
    assert_eq!(world.oar_changes_nothing("--dry-run drive").await, plan);

    world.finish();
}

#[tokio::test]
async fn a_drive_goes_from_nothing_to_its_first_wait() {
    let world = fresh().await;

    assert_snapshot!(world.oar("drive").await, @"
    2026-06-03T06:00:00Z create-test-report Pass: created the state file _releases/4.20/statebox/4.20.17.yaml
    2026-06-03T06:00:00Z take-ownership Pass: 2 advisories and the shipment have their owner
    2026-06-03T06:00:00Z analyze-candidate-build Pass: 4.20.0-0.nightly-2026-06-01-230000: 5 of 5 required jobs passed
    2026-06-03T06:00:00Z check-cve-tracker-bug Pass: every CVE tracker of the release is attached
    2026-06-03T06:00:00Z check-rhcos-security-alerts Pass: the RHCOS advisory 170172 has no blocking security alert
    2026-06-03T06:00:00Z push-to-cdn-staging In Progress: waiting for push jobs (170171 cdn_stage READY, 170172 cdn_stage READY), look again in 10 min
    4.20.17  Green  waiting, look again at 2026-06-03T06:10:00Z
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, analyze-candidate-build
    running: push-to-cdn-staging
    note:    push-to-cdn-staging is running: push jobs (170171 cdn_stage READY, 170172 cdn_stage READY) (look again at 2026-06-03T06:10:00Z)
    wait:    4.20.17 is not promoted yet (not listed yet); this takes 6 to 24 h (look again at 2026-06-03T06:30:00Z)
    next:    analyze-promoted-build, image-consistency-check, stage-testing, image-signed-check, change-advisory-status
    exit 3
    ");

    world.finish();
}

#[tokio::test]
async fn a_drive_that_is_repeated_while_the_world_stands_still_does_nothing_twice() {
    let world = fresh().await;
    world.oar("drive").await;
    world.new_writes();

    let output = world.oar("drive").await;
    assert!(output.ends_with("exit 3"), "{output}");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn a_drive_starts_both_jobs_once_their_gates_are_open() {
    let world = promoted().await;
    world.new_writes();

    world.oar("drive").await;
    world.expect_task(Task::ImageConsistencyCheck, TaskStatus::InProgress);
    world.expect_task(Task::StageTesting, TaskStatus::InProgress);
    assert_snapshot!(world.new_writes(), @"
    POST /gangway/v1/executions
    POST /jenkins/job/zstreams/job/Stage-Pipeline/buildWithParameters?VERSION=4.20&PULL_SPEC=registry.example.com%2Fopenshift-release-dev%2Focp-release%3A4.20.17-x86_64
    POST /slack/chat.postMessage
    POST /slack/chat.postMessage
    ");

    world.finish();
}

#[tokio::test]
async fn a_watching_drive_brings_a_release_to_its_end() {
    let world = TestWorld::founded("smooth", |_| {}).await;

    let output = world.oar("drive --watch").await;
    assert_snapshot!(output.lines().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"), @"
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, push-to-cdn-staging, analyze-candidate-build, analyze-promoted-build, image-consistency-check, stage-testing, image-signed-check, change-advisory-status
    note:    4.20.17 is approved and its images are out; not live yet: 170172 REL_PREP, 170171 REL_PREP; the release date is 2026-06-10
             https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117
    exit 0
    ");
    for task in Task::tracked(Flow::Konflux) {
        world.expect_task(task, TaskStatus::Pass);
    }

    world.finish();
}

#[tokio::test]
async fn a_watching_drive_waits_for_a_ticket_and_goes_on_after_kinit() {
    let world = TestWorld::founded("kerberos-expired", |plan| {
        plan.problems.acts = vec![(jiff::SignedDuration::from_hours(140), oar::sim::act::Act::Kinit)];
    })
    .await;

    let output = world.oar("drive --watch").await;
    assert!(output.ends_with("exit 0"), "{output}");
    let waits = output.lines().filter(|line| line.contains("waits for a valid Kerberos ticket"));
    assert!(waits.count() > 1, "{output}");
    world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_broken_state_file_is_a_persons_task_with_its_place_and_the_way_out() {
    let world = promoted().await;
    oar::sim::people::act(oar::sim::act::Act::BreakState, &mut world.facts());
    world.new_writes();
    for line in ["drive", "plan", "status", "stage-testing", "issue list"] {
        let output = world.oar(line).await;
        assert!(output.ends_with("exit 4"), "{line}: {output}");
        assert!(output.contains("line ") && output.contains("oar -r 4.20.17 state check"), "{line}: {output}");
    }
    assert_eq!(world.new_writes(), "nothing");
    world.finish();
}

#[tokio::test]
async fn one_service_that_is_down_does_not_stop_the_other_threads() {
    let world = promoted().await;
    world.break_service("jenkins", 503);

    let output = world.oar("drive --once").await;
    world.expect_task(Task::ImageConsistencyCheck, TaskStatus::InProgress);
    assert_ne!(world.state().status(Task::StageTesting), TaskStatus::Fail);
    assert!(!output.contains("FAILED"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_store_that_cannot_be_read_stops_the_drive_before_it_assumes_anything() {
    let world = promoted().await;
    world.break_service("github", 503);
    world.new_writes();

    assert_snapshot!(world.oar("drive").await, @"
    error: 4.20.17 could not be driven
      why:  _releases/4.20/statebox/4.20.17.yaml could not be read
            github answered HTTP 503 (read file)
      next: wait a few minutes and run it again
    exit 7
    ");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn a_failed_task_is_tried_again_only_when_somebody_asks() {
    let world = promoted().await;
    world.somebody_stores(&[Task::StageTesting], TaskStatus::Fail);
    world.new_writes();

    let output = world.oar("drive").await;
    assert!(output.ends_with("exit 4"), "{output}");
    assert_eq!(world.writes_to("buildWithParameters"), 0);

    world.oar("drive --retry stage-testing").await;
    assert_eq!(world.writes_to("buildWithParameters"), 1);
    world.expect_task(Task::StageTesting, TaskStatus::InProgress);

    world.finish();
}

#[tokio::test]
async fn only_one_drives() {
    let world = promoted().await;
    world.someone_else_edits_the_state(|state| {
        let take = Operation::AcquireLease {
            key: LeaseKey::Driver,
            holder: "lead on bastion-2, pid 17, id 0a1b".to_owned(),
            at: world.now(),
            take_over: None,
        };
        world.applied(state, take)
    });
    world.new_writes();

    assert_snapshot!(world.oar("drive").await, @"
    error: 4.20.17 could not be driven
      why:  _releases/4.20/statebox/4.20.17.yaml could not be changed
            lead on bastion-2 (process 17) drives this release since 2026-06-03T06:00:00Z, until 2026-06-03T08:00:00Z
      next: let it go on; if it is dead, wait until 2026-06-03T08:00:00Z, or: oar -r 4.20.17 drive --take-over --reason TEXT
    exit 8
    ");
    assert_eq!(world.new_writes(), "nothing");

    world.time_passes("3h");
    let output = world.oar("drive --once").await;
    assert!(!output.ends_with("exit 8"), "{output}");

    world.finish();
}

#[tokio::test]
async fn an_edit_of_a_colleague_in_between_is_kept() {
    let world = ready_to_approve().await;
    world.oar("drive --once").await;
    world.oar("issue add \"seen by a colleague\" --no-blocker").await;
    world.advisory_page_opens();
    world.time_passes("40m");

    world.oar("drive").await;
    assert!(world.file().contains("seen by a colleague"));
    world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn status_and_plan_as_json_are_one_document() {
    let world = promoted().await;

    for args in ["--json status", "--json plan", "--json issue list", "--json image-signed-check"] {
        let output = world.oar(args).await;
        let (document, _) = output.rsplit_once("\nexit").unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(document).is_ok(), "{args}: {output}");
    }

    world.finish();
}

#[tokio::test]
async fn a_single_round_whose_only_action_failed_says_what_failed() {
    let world = fresh().await;
    world.break_service("build_data", 503);

    let output = world.oar("drive --once").await;
    assert!(output.ends_with("exit 7"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_missing_credential_ends_a_drive_like_the_task_that_lacks_it() {
    let world = promoted().await;
    world.somebody_stores(&[Task::ImageConsistencyCheck], TaskStatus::Pass);

    let alone = world.oar_without("JENKINS_TOKEN", "stage-testing").await;
    let driven = world.oar_without("JENKINS_TOKEN", "drive").await;
    assert!(alone.ends_with("exit 6") && driven.ends_with("exit 6"), "{alone}\n{driven}");

    world.finish();
}

#[tokio::test]
async fn a_decision_about_one_nightly_says_nothing_about_the_next() {
    let world = TestWorld::founded("candidate-rejected", |_| {}).await;
    world.has_report().await;
    world.someone_else_edits_the_state(|state| {
        let decide = oar::domain::state::operation::Operation::Decide {
            which: oar::domain::task::Which::Candidate,
            build: "4.20.0-0.nightly-2026-05-01-000000".to_owned(),
            accept: true,
            reason: "known flake".to_owned(),
            by: "lead".to_owned(),
            at: world.now(),
        };
        world.applied(state, decide)
    });

    let output = world.oar("analyze-candidate-build").await;
    assert!(output.ends_with("exit 4"), "{output}");
    let output = world.oar("drive").await;
    assert!(output.contains("a person has to decide"), "{output}");
    world.expect_task(Task::AnalyzeCandidateBuild, TaskStatus::NotStarted);

    let output = world.oar("analyze-candidate-build --decide accept --reason \"the lab was down\"").await;
    assert!(output.ends_with("exit 0"), "{output}");
    assert!(world.file().contains("build: 4.20.0-0.nightly-"), "{}", world.file());

    world.finish();
}

#[tokio::test]
async fn the_settings_say_after_how_long_a_wait_is_stalled() {
    let world = crate::rehearsal::prepared().await;
    world.time_passes("3h");

    let output = world.oar_with("OAR_STALL_PROMOTION_H", "2", "plan").await;
    assert!(output.contains("usual is less than 2 h"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_refused_credential_ends_a_drive_like_the_task_and_is_no_wait() {
    let world = promoted().await;
    world.somebody_stores(&[Task::ImageConsistencyCheck], TaskStatus::Pass);

    for args in ["stage-testing", "drive --once", "drive"] {
        let output = world.oar_with("JENKINS_TOKEN", "not-the-one", args).await;
        assert!(output.ends_with("exit 6"), "{args}: {output}");
        assert!(!output.contains("is tried again after a pause"), "{args}: {output}");
    }

    world.finish();
}

#[tokio::test]
async fn of_a_task_that_stands_twice_the_first_entry_counts_for_everybody() {
    let world = promoted().await;
    world.oar("stage-testing").await;
    let file = world.file();
    let twice = file.replacen(
        "tasks:\n",
        "tasks:\n- name: stage-testing\n  status: Pass\n  started_at: null\n  completed_at: null\n  result: null\n",
        1,
    );
    assert_ne!(file, twice);
    world.simulator().world().facts().github.put_file("z-stream", "_releases/4.20/statebox/4.20.17.yaml", &twice);

    let planned = world.oar("plan").await;
    assert!(!planned.contains("stage-testing is running"), "{planned}");
    let driven = world.oar("drive --watch").await;
    assert!(!driven.contains("times in a row"), "{driven}");
    world.finish();
}
