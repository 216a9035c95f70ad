use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::ready_to_approve;

const TASK: Task = Task::ChangeAdvisoryStatus;

#[tokio::test]
async fn a_kernel_with_the_stop_ship_tag_stops_the_approval_before_its_first_step() {
    let town = ready_to_approve().await;
    town.world().koji.tags.push("early-kernel-stop-ship".to_owned());
    town.new_writes();

    let told = town.oar("--yes change-advisory-status").await;
    assert!(told.contains("carries the stop-ship tag") && told.ends_with("exit 5"), "{told}");
    assert!(!town.new_writes().contains("approve"));
    town.expect_task(TASK, TaskStatus::Fail);
    assert!(town.state().issues().iter().any(|issue| issue.is_open_blocker() && issue.issue.contains("kernel-5.14.0")));

    town.world().koji.release_kernel();
    let told = town.oar("--yes change-advisory-status").await;
    assert!(told.contains("In Progress: waiting for the advisory page"), "{told}");
    assert!(!town.state().issues().iter().any(|issue| issue.is_open_blocker()), "{}", town.file());

    town.finish();
}

#[tokio::test]
async fn a_kernel_that_nobody_can_judge_waits_for_the_word_of_a_person() {
    let town = ready_to_approve().await;
    town.world().koji.without_kernel = true;
    town.new_writes();

    for _ in 0..2 {
        let told = town.oar("--yes change-advisory-status").await;
        assert!(told.contains("lists no kernel") && told.ends_with("exit 4"), "{told}");
    }
    assert!(!town.new_writes().contains("approve"));
    let open: Vec<_> = town.state().issues().into_iter().filter(|issue| issue.is_open_blocker()).collect();
    assert_eq!(open.len(), 1, "{open:?}");

    town.oar(&format!("--yes issue resolve {} --resolution \"the kernel is 5.14.0-570 and may ship\"", open[0].id))
        .await;
    let told = town.oar("--yes change-advisory-status").await;
    assert!(told.contains("In Progress: waiting for the advisory page"), "{told}");
    assert!(told.contains("taken for good, because somebody looked"), "{told}");

    town.finish();
}

#[tokio::test]
async fn a_brew_hub_that_is_down_is_neither_a_pass_nor_a_blocker() {
    let town = ready_to_approve().await;
    town.new_writes();
    for service in ["koji", "brew_download"] {
        town.break_service(service, 503);
        let told = town.oar("--yes change-advisory-status").await;
        assert!(told.ends_with("exit 7"), "{service}: {told}");
        town.repair();
    }
    assert!(!town.new_writes().contains("approve"));
    town.expect_task(TASK, TaskStatus::NotStarted);
    assert!(town.state().issues().is_empty());

    town.finish();
}

#[tokio::test]
async fn a_login_page_in_place_of_a_kernel_is_an_outage_and_no_blocker() {
    let town = ready_to_approve().await;
    town.new_writes();
    for service in ["koji", "brew_download"] {
        town.answers_a_login_page(service);
        let told = town.oar("--yes change-advisory-status").await;
        assert!(told.contains("a web page instead of") && told.ends_with("exit 7"), "{service}: {told}");
        town.repair();
    }
    assert!(!town.new_writes().contains("approve"));
    town.expect_task(TASK, TaskStatus::NotStarted);
    assert!(town.state().issues().is_empty(), "{}", town.file());

    town.finish();
}
