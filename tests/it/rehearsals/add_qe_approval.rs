use oar::domain::task::{Task, TaskStatus};
use oar::sim::services::gitlab::MrState;

use crate::rehearsal::{promoted, reported};

const TASK: Task = Task::AddQeApproval;

#[tokio::test]
async fn the_merge_request_is_approved_once_and_nothing_else_happens() {
    let town = promoted().await;
    town.new_writes();

    let told = town.oar("add-qe-approval").await;
    assert!(told.contains("add-qe-approval Pass") && told.ends_with("exit 0"), "{told}");
    let writes = town.new_writes();
    assert!(writes.ends_with("/approve") && writes.lines().count() == 1, "{writes}");
    town.expect_task(TASK, TaskStatus::Pass);
    assert_eq!(town.advisory_state("rpm"), "QE");

    let again = town.oar("add-qe-approval").await;
    assert!(again.contains("passed already") && again.ends_with("exit 0"), "{again}");
    assert_eq!(town.new_writes(), "nothing");

    town.finish();
}

#[tokio::test]
async fn a_closed_merge_request_is_not_approved() {
    let town = reported().await;
    town.merge_request_becomes(MrState::Closed);
    town.new_writes();

    let told = town.oar("add-qe-approval").await;
    assert!(told.contains("was closed without being merged") && told.ends_with("exit 4"), "{told}");
    assert_eq!(town.new_writes(), "nothing");
    town.expect_task(TASK, TaskStatus::NotStarted);

    town.finish();
}
