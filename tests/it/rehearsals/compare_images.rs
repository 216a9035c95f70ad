use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{prepared, promoted};

const TASK: Task = Task::ImageConsistencyCheck;

#[tokio::test]
async fn nothing_is_compared_before_the_payload_is_promoted() {
    let world = prepared().await;
    world.new_writes();
    let output = world.oar("image-consistency-check --local").await;
    assert!(output.contains("blocked") && output.ends_with("exit 3"), "{output}");
    world.expect_task(TASK, TaskStatus::NotStarted);
    world.finish();
}

#[tokio::test]
async fn a_good_comparison_passes_without_any_job() {
    let world = promoted().await;
    let output = world.oar_without("APITOKEN", "image-consistency-check --local").await;
    assert!(output.contains("image-consistency-check Pass"), "{output}");
    assert!(output.contains("consistent: ") && output.contains(" 0 missing, 0 unknown"), "{output}");
    assert_eq!(world.writes_to("/gangway"), 0);
    world.expect_task(TASK, TaskStatus::Pass);
    world.finish();
}

#[tokio::test]
async fn a_registry_that_is_down_is_no_verdict() {
    let world = promoted().await;
    world.break_service("registry", 503);
    let output = world.oar("image-consistency-check --local").await;
    assert!(output.ends_with("exit 7"), "{output}");
    world.expect_task(TASK, TaskStatus::NotStarted);
    world.repair();
    world.finish();
}

#[tokio::test]
async fn payload_and_merge_request_are_compared_without_a_release() {
    let world = promoted().await;
    let payload = "registry.example.com/openshift-release-dev/ocp-release:4.20.17-x86_64";
    let output = world.oar(&format!("ctl image-consistency-check -p {payload} -m 2117")).await;
    assert!(output.contains(" 0 missing, 0 unknown") && output.ends_with("exit 0"), "{output}");
    let json = world.oar(&format!("--json ctl image-consistency-check -p {payload} -m 2117")).await;
    assert!(json.contains(r#""verdict": "consistent""#) && json.contains(r#""verdict": "shipment""#), "{json}");
    world.finish();
}
