//! Machines that stand still beyond their lease while another one goes on, and are then revived: they change nothing
//! any more, end with exit 8, and the release ends as if they had never been.

use std::fs;
use std::path::Path;

use oar::domain::state::lease::LeaseKey;
use oar::domain::task::{Task, TaskStatus};

use super::crashes::{driven, founded};
use super::end::End;
use crate::rehearsal::machines::{Frozen, Machine, Moment, Point};
use crate::rehearsal::{TestWorld, points, promoted, ready_to_approve, with_state_file};
use crate::rehearsals::faults::happened_twice;

/// The points with a request that has left the machine, `count` of them spread over the run.
fn spread(points: Vec<Point>, count: usize) -> Vec<Point> {
    let sent = |point: &Point| matches!(point.moment, Moment::Unanswered | Moment::Unrecorded);
    let points: Vec<Point> = points.into_iter().filter(sent).collect();
    let last = points.len().saturating_sub(1);
    let count = count.min(points.len());
    (0..count).map(|index| points[index * last / count.saturating_sub(1).max(1)].clone()).collect()
}

async fn frozen<'m>(machine: &'m Machine<'_>, point: &Point, line: &'m str) -> Frozen<'m> {
    match machine.oar_frozen(point, line).await {
        Ok(frozen) => frozen,
        Err(ended) => panic!("{point:?} was never reached: {ended}"),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => copy(&path, &to.join(entry.file_name())),
            path => drop(fs::copy(path, to.join(entry.file_name())).expect("a copy")),
        }
    }
}

/// What is wrong after `one` was revived, which had sent `before`.
fn wrong(one: &Machine<'_>, before: usize, reported: &str) -> Vec<String> {
    let more: Vec<_> =
        one.sent().split_off(before).into_iter().map(|write| format!("it sent {}", write.what)).collect();
    let ended = (!reported.ends_with("exit 8")).then(|| format!("it did not end with exit 8:\n{reported}"));
    more.into_iter().chain(ended).collect()
}

/// A driver stands still at `count` points of a whole release; another one, with a home of its own or with a copy of
/// the first one's, goes on and is beside it when it is revived.
async fn drivers_stand_still(count: usize, copied: bool) {
    let calm = founded("smooth").await;
    let machine = calm.machine("one");
    let reported = machine.oar("drive --watch").await;
    let sent = machine.sent();
    // Before there is a state file there is no lease to lose.
    let first = 1 + sent.iter().take_while(|write| !write.is_state).count();
    let held = points(&sent).into_iter().filter(|point| point.number > first + 1);
    let points = spread(held.collect(), count);
    drop(machine);
    let calm = End::of(&calm, &reported);
    for point in points {
        let world = founded("smooth").await;
        let (one, other) = (world.machine("one"), world.machine("other"));
        let stopped = frozen(&one, &point, "drive --watch").await;
        if copied {
            copy(&one.home(), &other.home());
        }
        world.time_passes("3h");
        let before = one.sent().len();
        let (ended, revived) = futures::join!(driven(&world, &other), stopped.revived());
        let mut wrong = wrong(&one, before, &revived);
        drop((one, other));
        wrong.extend(End::of(&world, &ended).differs_from(&calm));
        assert!(wrong.is_empty(), "{point:?}: {}\n{ended}", wrong.join("\n"));
        world.finish();
    }
}

/// Two passes of the checker: the first approves, the second moves the advisories once their page is public.
const CHECKER: &str = "ctl approval-checker";

/// The checker stands still at `count` points of one of its passes, and another one goes on.
async fn checkers_stand_still(count: usize, world: impl AsyncFn() -> TestWorld) {
    let calm = world().await;
    let machine = calm.machine("one");
    machine.oar(CHECKER).await;
    let points = spread(points(&machine.sent()), count);
    drop(machine);
    assert!(points.len() >= count.min(4), "{points:?}");
    for point in points {
        let world = world().await;
        let (one, other) = (world.machine("one"), world.machine("other"));
        let stopped = frozen(&one, &point, CHECKER).await;
        world.time_passes("3h");
        world.advisory_page_opens();
        let (theirs, before) = (other.oar(CHECKER).await, one.sent().len());
        assert!(theirs.ends_with("exit 0"), "{point:?}: {theirs}");
        let file = world.file();

        let revived = stopped.revived().await;

        let wrong = wrong(&one, before, &revived);
        assert!(wrong.is_empty(), "{point:?}: {}", wrong.join("\n"));
        assert_eq!(world.file(), file, "{point:?}: {revived}");
        world.expect_task(Task::ChangeAdvisoryStatus, TaskStatus::Pass);
        assert_eq!(world.writes_to("/approve"), 1, "{point:?}");
        drop((one, other));
        world.finish();
    }
}

async fn approved() -> TestWorld {
    let world = ready_to_approve().await;
    world.machine("earlier").oar(CHECKER).await;
    world.advisory_page_opens();
    world
}

#[tokio::test]
async fn a_driver_revived_beside_its_successor_changes_nothing_any_more() {
    drivers_stand_still(2, false).await;
}

#[tokio::test]
async fn a_driver_revived_beside_one_with_a_copy_of_its_home_changes_nothing_any_more() {
    drivers_stand_still(1, true).await;
}

#[tokio::test]
async fn a_checker_revived_after_another_one_approved_changes_nothing_any_more() {
    checkers_stand_still(4, ready_to_approve).await;
}

#[tokio::test]
async fn a_checker_revived_after_another_one_moved_the_advisories_changes_nothing_any_more() {
    checkers_stand_still(4, approved).await;
}

/// Tasks by hand have no lease: whoever stood still finds out by the announcement, and by the messages that are there.
async fn tasks_stand_still(world: impl AsyncFn() -> TestWorld, line: &str) {
    let calm = world().await;
    let machine = calm.machine("one");
    machine.oar(line).await;
    let points = spread(points(&machine.sent()), usize::MAX);
    drop(machine);
    for point in points {
        let world = world().await;
        let (one, other) = (world.machine("one"), world.machine("other"));
        let stopped = frozen(&one, &point, line).await;
        world.time_passes("40m");
        let theirs = other.oar(line).await;
        assert!(theirs.ends_with("exit 0"), "{point:?}: {theirs}");
        world.time_passes("1h");

        let revived = stopped.revived().await;

        assert_eq!(happened_twice(&world), [""; 0], "{line} {point:?}: {revived}\n{theirs}");
        drop((one, other));
        world.finish();
    }
}

#[tokio::test]
async fn a_task_by_hand_revived_after_another_machine_did_it_tells_nobody_twice() {
    tasks_stand_still(with_state_file, "take-ownership").await;
    tasks_stand_still(async || founded("smooth").await, "create-test-report").await;
    tasks_stand_still(promoted, "image-consistency-check").await;
}

#[tokio::test]
async fn a_checker_that_only_looks_leaves_no_commit_and_takes_no_lease() {
    let world = ready_to_approve().await;
    world.oar(CHECKER).await;
    let lease = world.state().lease(LeaseKey::Checker).expect("the approval was a change");
    assert_eq!(lease.until, None, "given back");
    let file = world.file();
    for _ in 0..5 {
        world.time_passes("30m");
        let looked = world.oar(CHECKER).await;
        assert!(looked.ends_with("exit 0"), "{looked}");
        assert_eq!(world.file(), file);
    }
    world.finish();
}

mod long {
    #[tokio::test]
    async fn drivers_revived_beside_their_successors_change_nothing_any_more() {
        super::drivers_stand_still(20, false).await;
    }

    #[tokio::test]
    async fn drivers_revived_beside_a_copy_of_their_home_change_nothing_any_more() {
        super::drivers_stand_still(20, true).await;
    }

    #[tokio::test]
    async fn checkers_revived_after_their_successors_change_nothing_any_more() {
        super::checkers_stand_still(usize::MAX, super::ready_to_approve).await;
        super::checkers_stand_still(usize::MAX, super::approved).await;
    }
}
