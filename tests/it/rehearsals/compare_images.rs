use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{prepared, promoted};

const TASK: Task = Task::ImageConsistencyCheck;

#[tokio::test]
async fn nothing_is_compared_before_the_payload_is_promoted() {
    let town = prepared().await;
    town.new_writes();
    let told = town.oar("image-consistency-check --local").await;
    assert!(told.contains("blocked") && told.ends_with("exit 3"), "{told}");
    town.expect_task(TASK, TaskStatus::NotStarted);
    town.finish();
}

#[tokio::test]
async fn a_good_comparison_passes_without_any_job() {
    let town = promoted().await;
    let told = town.oar_without("APITOKEN", "image-consistency-check --local").await;
    assert!(told.contains("image-consistency-check Pass"), "{told}");
    assert!(told.contains("consistent: ") && told.contains(" 0 missing, 0 unknown"), "{told}");
    assert_eq!(town.writes_to("/gangway"), 0);
    town.expect_task(TASK, TaskStatus::Pass);
    town.finish();
}

#[tokio::test]
async fn a_registry_that_is_down_is_no_verdict() {
    let town = promoted().await;
    town.break_service("registry", 503);
    let told = town.oar("image-consistency-check --local").await;
    assert!(told.ends_with("exit 7"), "{told}");
    town.expect_task(TASK, TaskStatus::NotStarted);
    town.repair();
    town.finish();
}

#[tokio::test]
async fn payload_and_merge_request_are_compared_without_a_release() {
    let town = promoted().await;
    let payload = "registry.example.com/openshift-release-dev/ocp-release:4.20.17-x86_64";
    let told = town.oar(&format!("ctl image-consistency-check -p {payload} -m 2117")).await;
    assert!(told.contains(" 0 missing, 0 unknown") && told.ends_with("exit 0"), "{told}");
    let json = town.oar(&format!("--json ctl image-consistency-check -p {payload} -m 2117")).await;
    assert!(json.contains(r#""verdict": "consistent""#) && json.contains(r#""verdict": "shipment""#), "{json}");
    town.finish();
}
