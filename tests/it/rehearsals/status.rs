//! Where a release stands, on one screen.

use insta::assert_snapshot;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{TestWorld, promoted, ready_to_approve};

fn fits(output: &str) {
    let lines: Vec<_> = output.lines().collect();
    // The last one is the story's own note of the exit code.
    assert!(lines.len() <= 25, "{} lines\n{output}", lines.len());
    let wide = lines.iter().filter(|line| line.chars().count() > 80 && !line.contains("http"));
    assert_eq!(wide.count(), 0, "{output}");
}

#[tokio::test]
async fn tasks_jobs_waits_and_the_next_step_are_on_one_screen() {
    let world = promoted().await;
    world.oar("drive").await;
    world.new_writes();

    let output = world.oar("status").await;
    fits(&output);
    assert_snapshot!(output.replace("1987246158235680170", "ID"), @"
    4.20.17  Green
    release date 2026-Jun-10, Konflux flow, updated 2026-06-03T06:00:15Z
    shipment https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117
      take-ownership              Pass         2026-06-03T06:00:00Z
      check-cve-tracker-bug       Pass         2026-06-03T06:00:00Z
      check-rhcos-security-alerts Pass         2026-06-03T06:00:00Z
      push-to-cdn-staging         Pass         2026-06-03T06:00:00Z
      analyze-candidate-build     Pass         2026-06-03T06:00:00Z
      analyze-promoted-build      Pass         2026-06-03T06:00:00Z
      image-consistency-check     In Progress  2026-06-03T06:00:00Z
            https://sim.example.com/prow/view/gs/qe-private-deck/logs/periodic-ci-openshift-release-tests-main-image-consistency-check/ID
      stage-testing               In Progress  2026-06-03T06:00:15Z
            https://sim.example.com/jenkins/queue/item/26570/
      image-signed-check          Not Started
      change-advisory-status      Not Started
    wait    image-consistency-check is running: the image-consistency job
            (triggered) (since 2026-06-03T06:00:15Z, look again at
            2026-06-03T06:15:15Z)
    wait    stage-testing is running: the stage pipeline (queued) (since
            2026-06-03T06:00:15Z, look again at 2026-06-03T06:02:15Z)
    next    nothing before 2026-06-03T06:02:15Z; then: oar -r 4.20.17 drive
    exit 0
    ");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn a_blocker_and_what_a_person_has_to_do_are_reported() {
    let world = ready_to_approve().await;
    world.oar("issue add \"the lab has no power\" --task change-advisory-status").await;

    let output = world.oar("status").await;
    fits(&output);
    assert!(output.contains("BLOCKER ") && output.contains("the lab has no power"), "{output}");
    assert!(output.contains("next    ") && output.contains("issue resolve"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_failed_task_says_why() {
    let world = promoted().await;
    world.oar("drive").await;
    world.time_passes("5m");
    world.oar("stage-testing").await;
    world.stage_pipeline_ends("FAILURE");
    world.oar("stage-testing").await;

    let output = world.oar("status").await;
    assert!(output.lines().count() <= 28, "{output}");
    assert!(output.contains("4.20.17  Red") && output.contains("ended with FAILURE"), "{output}");
    assert!(output.contains("drive --retry stage-testing"), "{output}");

    world.finish();
}

#[tokio::test]
async fn an_outage_of_services_does_not_make_it_fail() {
    let world = promoted().await;
    for service in ["gitlab", "release_controller", "errata", "build_data"] {
        world.break_service(service, 503);
    }

    let output = world.oar("status").await;
    fits(&output);
    assert!(output.ends_with("exit 0") && output.contains("next    "), "{output}");
    assert!(output.contains("503"), "{output}");

    world.finish();
}

#[tokio::test]
async fn while_the_store_is_away_it_shows_what_was_last_seen_and_says_so() {
    let world = promoted().await;
    world.oar("status").await;
    world.break_service("github", 503);

    let output = world.oar("status").await;
    fits(&output);
    assert!(output.ends_with("exit 0") && output.contains("old     "), "{output}");
    let shown: Vec<_> = output.split_whitespace().collect();
    assert!(shown.join(" ").contains("last seen here"), "{output}");

    world.finish();
}

#[tokio::test]
async fn programs_get_the_same_as_one_document() {
    let world = promoted().await;
    world.oar("drive").await;

    let output = world.oar("--json status").await;
    let (document, _) = output.rsplit_once("\nexit").unwrap();
    let json: serde_json::Value = serde_json::from_str(document).unwrap();
    assert_eq!(json["task_map"]["stage-testing"], "In Progress");
    assert!(json["waits"].as_array().is_some_and(|waits| waits.iter().any(|wait| wait["task"] == "stage-testing")));
    assert!(json["next"][0].as_str().is_some_and(|next| next.contains("oar -r 4.20.17 drive")), "{}", json["next"]);
    assert_eq!(json["old"], serde_json::json!([]));

    world.finish();
}

#[tokio::test]
async fn a_finished_release_has_nothing_left_to_do() {
    let world = TestWorld::founded("smooth", |_| {}).await;
    world.oar("drive --watch").await;

    let output = world.oar("status").await;
    fits(&output);
    assert!(output.contains("next    nothing is left to do: the release is approved"), "{output}");
    world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::Pass);

    world.finish();
}

#[tokio::test]
async fn a_reason_of_an_earlier_state_is_named_as_such() {
    let world = promoted().await;
    world.oar("drive").await;
    let reason = |output: &str, key: &str| {
        let (document, _) = output.rsplit_once("\nexit").unwrap();
        let output: serde_json::Value = serde_json::from_str(document).unwrap();
        let tasks = output["state"]["tasks"].as_array().unwrap().clone();
        let task = tasks.into_iter().find(|task| task["name"] == "stage-testing").unwrap();
        task.get(key).and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    let output = world.oar("--json status").await;
    assert!(reason(&output, "reason").is_some_and(|why| why.starts_with("waiting for ")), "{output}");

    // A tool that does not know the key moves the status past it.
    world.someone_else_edits_the_text(|text| {
        let at = text.find("name: stage-testing").unwrap();
        let (before, after) = text.split_at(at);
        format!("{before}{}", after.replacen("status: In Progress", "status: Pass", 1))
    });
    let output = world.oar("--json status").await;
    assert_eq!(reason(&output, "reason"), None, "{output}");
    assert!(reason(&output, "earlier_reason").is_some_and(|why| why.starts_with("waiting for ")), "{output}");

    world.finish();
}

#[tokio::test]
async fn nobody_is_sent_to_look_again_at_a_time_that_has_passed() {
    let world = promoted().await;
    world.somebody_stores(&[Task::StageTesting, Task::ImageConsistencyCheck], TaskStatus::InProgress);
    world.days_pass(3);
    for outage in [None, Some("build_data")] {
        if let Some(service) = outage {
            world.break_service(service, 503);
        }
        let output = world.oar("--json status").await;
        let json = output.split_once('{').map(|(_, rest)| format!("{{{rest}")).expect("JSON");
        let json: serde_json::Value = serde_json::from_str(json.rsplit_once("exit").expect("an exit").0).expect("JSON");
        let times: Vec<jiff::Timestamp> = json["waits"]
            .as_array()
            .expect("waits")
            .iter()
            .filter_map(|wait| wait["recheck_at"].as_str()?.parse().ok())
            .collect();
        assert!(!times.is_empty() && times.iter().all(|at| *at >= world.now()), "{outage:?}: {output}");
    }

    world.finish();
}

#[tokio::test]
async fn every_step_of_what_a_person_has_to_do_is_shown() {
    let world = promoted().await;
    world.oar("drive").await;
    oar::sim::people::act(oar::sim::act::Act::ForgetBuilds, &mut world.facts());
    world.time_passes("20m");
    world.oar("drive").await;
    let shown = world.oar("status").await.split_whitespace().collect::<Vec<_>>().join(" ");
    for step in
        ["then store it: oar", "stage-testing Fail --reason", "'Not Started' --reason", "stage-testing -n NUMBER"]
    {
        assert!(shown.contains(step), "{step}: {shown}");
    }
    world.finish();
}
