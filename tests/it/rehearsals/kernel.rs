use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::ready_to_approve;

const TASK: Task = Task::ChangeAdvisoryStatus;

#[tokio::test]
async fn a_kernel_with_the_stop_ship_tag_stops_the_approval_before_its_first_step() {
    let world = ready_to_approve().await;
    world.facts().koji.tags.push("early-kernel-stop-ship".to_owned());
    world.new_writes();

    let output = world.oar("--yes change-advisory-status").await;
    assert!(output.contains("carries the stop-ship tag") && output.ends_with("exit 5"), "{output}");
    assert!(!world.new_writes().contains("approve"));
    world.expect_task(TASK, TaskStatus::Fail);
    assert!(
        world.state().issues().iter().any(|issue| issue.is_open_blocker() && issue.issue.contains("kernel-5.14.0"))
    );

    world.facts().koji.release_kernel();
    let output = world.oar("--yes change-advisory-status").await;
    assert!(output.contains("In Progress: waiting for the advisory page"), "{output}");
    assert!(!world.state().issues().iter().any(|issue| issue.is_open_blocker()), "{}", world.file());

    world.finish();
}

#[tokio::test]
async fn a_kernel_that_nobody_can_judge_waits_for_a_person() {
    let world = ready_to_approve().await;
    world.facts().koji.without_kernel = true;
    world.new_writes();

    for _ in 0..2 {
        let output = world.oar("--yes change-advisory-status").await;
        assert!(output.contains("lists no kernel") && output.ends_with("exit 4"), "{output}");
    }
    assert!(!world.new_writes().contains("approve"));
    let open: Vec<_> = world.state().issues().into_iter().filter(|issue| issue.is_open_blocker()).collect();
    assert_eq!(open.len(), 1, "{open:?}");

    world
        .oar(&format!("--yes issue resolve {} --resolution \"the kernel is 5.14.0-570 and may ship\"", open[0].id))
        .await;
    let output = world.oar("--yes change-advisory-status").await;
    assert!(output.contains("In Progress: waiting for the advisory page"), "{output}");
    assert!(output.contains("taken for good, because somebody looked"), "{output}");

    world.finish();
}

#[tokio::test]
async fn a_brew_hub_that_is_down_is_neither_a_pass_nor_a_blocker() {
    let world = ready_to_approve().await;
    world.new_writes();
    for service in ["koji", "brew_download"] {
        world.break_service(service, 503);
        let output = world.oar("--yes change-advisory-status").await;
        assert!(output.ends_with("exit 7"), "{service}: {output}");
        world.repair();
    }
    assert!(!world.new_writes().contains("approve"));
    world.expect_task(TASK, TaskStatus::NotStarted);
    assert!(world.state().issues().is_empty());

    world.finish();
}

#[tokio::test]
async fn a_login_page_in_place_of_a_kernel_is_an_outage_and_no_blocker() {
    let world = ready_to_approve().await;
    world.new_writes();
    for service in ["koji", "brew_download"] {
        world.answers_a_login_page(service);
        let output = world.oar("--yes change-advisory-status").await;
        assert!(output.contains("a web page instead of") && output.ends_with("exit 7"), "{service}: {output}");
        world.repair();
    }
    assert!(!world.new_writes().contains("approve"));
    world.expect_task(TASK, TaskStatus::NotStarted);
    assert!(world.state().issues().is_empty(), "{}", world.file());

    world.finish();
}
