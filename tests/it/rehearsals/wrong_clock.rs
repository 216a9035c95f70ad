//! Machines whose clock is wrong by more than anything allows for, and the leases that such a machine left behind.

use jiff::SignedDuration;
use oar::domain::state::lease::{Lease, LeaseKey};
use oar::domain::state::operation::Operation;
use oar::domain::task::{Task, TaskStatus};

use crate::rehearsal::{TestWorld, promoted, ready_to_approve};

fn lease(world: &TestWorld, key: LeaseKey) -> Option<Lease> {
    world.state().lease(key)
}

/// A machine whose clock is a day fast took a lease before anybody looked at clocks.
fn a_fast_clock_took(world: &TestWorld, key: LeaseKey) {
    let at = world.now() + SignedDuration::from_hours(24);
    let holder = "lead on elsewhere, pid 1, id 0a".to_owned();
    let take = Operation::AcquireLease { key, holder, at, take_over: None };
    world.someone_else_edits_the_state(|state| world.applied(state, take));
}

#[tokio::test]
async fn a_machine_whose_clock_is_a_day_off_drives_nothing_and_locks_nobody_out() {
    for (skew, said) in [("24h", "24 h fast"), ("-25h", "25 h slow"), ("16m", "16 min fast")] {
        let world = promoted().await;
        let (wrong, right) = (world.machine_with_clock("wrong", skew), world.machine("right"));
        let before = world.file();

        let refused = wrong.oar("drive").await;

        assert!(refused.contains(&format!("the clock of this machine is {said}")), "{refused}");
        assert!(refused.contains("next: set the clock (timedatectl") && refused.ends_with("exit 4"), "{refused}");
        assert_eq!(world.file(), before, "{refused}");
        assert_eq!(wrong.sent(), [], "{refused}");
        let driven = right.oar("drive").await;
        assert!(!driven.ends_with("exit 8") && !driven.contains("clock"), "{driven}");
    }
}

#[tokio::test]
async fn a_clock_that_is_off_by_what_everything_allows_for_is_nobodys_business() {
    for skew in ["10m", "-10m"] {
        let world = promoted().await;
        let driven = world.machine_with_clock("off", skew).oar("drive").await;
        assert!(!driven.contains("clock") && lease(&world, LeaseKey::Driver).is_some(), "{skew}: {driven}");
    }
}

#[tokio::test]
async fn nothing_is_approved_early_by_a_clock_that_is_days_fast() {
    for line in ["--yes change-advisory-status", "ctl approval-checker", "--yes add-qe-approval"] {
        let world = promoted().await;
        world.signature_is_published();
        let done = [Task::ImageConsistencyCheck, Task::StageTesting, Task::ImageSignedCheck];
        world.somebody_stores(&done, TaskStatus::Pass);
        let fast = world.machine_with_clock("fast", "144h");

        let refused = fast.oar(line).await;

        assert!(refused.contains("the clock of this machine is 6 days fast"), "{line}: {refused}");
        assert!(refused.ends_with("exit 4"), "{line}: {refused}");
        world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::NotStarted);
        world.expect_task(Task::AddQeApproval, TaskStatus::NotStarted);
        assert_eq!(fast.sent().into_iter().filter(|write| !write.is_state).count(), 0, "{line}: {refused}");
    }
}

#[tokio::test]
async fn a_wait_is_not_failed_by_a_clock_that_is_past_its_deadline_already() {
    let world = ready_to_approve().await;
    world.oar("--yes change-advisory-status").await;
    world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::InProgress);
    let fast = world.machine_with_clock("fast", "120h");
    for line in ["ctl approval-checker", "--yes change-advisory-status", "drive"] {
        let refused = fast.oar(line).await;
        assert!(refused.contains("the clock of this machine is 5 days fast"), "{line}: {refused}");
        world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::InProgress);
    }
}

#[tokio::test]
async fn nothing_is_announced_by_a_wrong_clock() {
    let world = promoted().await;
    let wrong = world.machine_with_clock("wrong", "3h");
    let before = world.file();
    let refused = wrong.oar("stage-testing").await;
    assert!(refused.contains("the clock of this machine is 3 h fast") && refused.ends_with("exit 4"), "{refused}");
    let stored = world.state().task(Task::StageTesting).and_then(|entry| entry.intent);
    assert_eq!((wrong.sent().into_iter().filter(|write| !write.is_state).count(), stored), (0, None), "{before}");
}

#[tokio::test]
async fn a_lease_that_a_wrong_clock_wrote_for_a_day_is_named_as_such_and_taken_over_by_a_person() {
    let world = promoted().await;
    a_fast_clock_took(&world, LeaseKey::Driver);
    let machine = world.machine("one");

    let refused = machine.oar("drive").await;

    assert!(refused.contains("though a lease lasts two hours: the clock of that machine is wrong"), "{refused}");
    assert!(refused.contains("oar -r 4.20.17 drive --take-over --reason TEXT"), "{refused}");
    assert!(refused.ends_with("exit 8"), "{refused}");
    assert_eq!(machine.sent(), [], "two drivers are worse than none");
    let taken = machine.oar("drive --take-over --reason \"its clock was wrong\"").await;
    assert!(!taken.ends_with("exit 8"), "{taken}");
    let epoch = lease(&world, LeaseKey::Driver).expect("a lease").epoch;
    assert!(epoch > (world.now() + SignedDuration::from_hours(23)).as_second(), "the epoch grows");
    world.time_passes("3h");
    let next = world.machine("other").oar("drive").await;
    assert!(!next.ends_with("exit 8"), "{next}");
}

#[tokio::test]
async fn a_checker_that_a_wrong_clock_put_there_for_a_day_ends_with_the_same_take_over() {
    let world = ready_to_approve().await;
    a_fast_clock_took(&world, LeaseKey::Checker);
    let machine = world.machine("one");
    let refused = machine.oar("ctl approval-checker").await;
    assert!(refused.contains("though a lease lasts two hours"), "{refused}");
    assert!(refused.contains("oar -r 4.20.17 drive --take-over --reason TEXT"), "{refused}");
    world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::NotStarted);
    machine.oar("drive --take-over --reason \"its clock was wrong\"").await;
    let checked = machine.oar("ctl approval-checker").await;
    assert!(checked.contains("waiting for the advisory page"), "{checked}");
}
