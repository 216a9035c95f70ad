use oar::domain::task::{Task, TaskStatus};
use oar::sim::facts::gitlab::merge_requests::MrState;

use crate::rehearsal::{promoted, with_state_file};

const TASK: Task = Task::AddQeApproval;

#[tokio::test]
async fn the_merge_request_is_approved_once_and_nothing_else_happens() {
    let world = promoted().await;
    world.new_writes();

    let output = world.oar("add-qe-approval").await;
    assert!(output.contains("add-qe-approval Pass") && output.ends_with("exit 0"), "{output}");
    let writes = world.new_writes();
    assert!(writes.ends_with("/approve") && writes.lines().count() == 1, "{writes}");
    world.expect_task(TASK, TaskStatus::Pass);
    assert_eq!(world.advisory_state("rpm"), "QE");

    let again = world.oar("add-qe-approval").await;
    assert!(again.contains("passed already") && again.ends_with("exit 0"), "{again}");
    assert_eq!(world.new_writes(), "nothing");

    world.finish();
}

#[tokio::test]
async fn a_closed_merge_request_is_not_approved() {
    let world = with_state_file().await;
    world.merge_request_becomes(MrState::Closed);
    world.new_writes();

    let output = world.oar("add-qe-approval").await;
    assert!(output.contains("was closed without being merged") && output.ends_with("exit 4"), "{output}");
    assert_eq!(world.new_writes(), "nothing");
    world.expect_task(TASK, TaskStatus::NotStarted);

    world.finish();
}
