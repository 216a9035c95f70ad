//! One driver of a release: who holds the lease, who is refused, and what becomes of a driver that was stopped.

use oar::domain::state::lease::{Lease, LeaseKey};

use crate::rehearsal::machines::{Frozen, Machine, Moment, Point};
use crate::rehearsal::{TestWorld, points, promoted};

/// Points of a drive in a promoted world at which its machine is stopped with a request answered or carried out.
async fn points_of_a_drive() -> Vec<Point> {
    let calm = promoted().await;
    let machine = calm.machine("one");
    machine.oar("drive").await;
    let points = points(&machine.sent()).into_iter();
    points.filter(|point| matches!(point.moment, Moment::Unanswered | Moment::Unrecorded)).collect()
}

async fn frozen<'m>(machine: &'m Machine<'_>, point: &Point, line: &'m str) -> Frozen<'m> {
    match machine.oar_frozen(point, line).await {
        Ok(frozen) => frozen,
        Err(ended) => panic!("{point:?} was never reached: {ended}"),
    }
}

fn lease(world: &TestWorld) -> Lease {
    world.state().lease(LeaseKey::Driver).expect("somebody drove")
}

#[tokio::test]
async fn a_driver_that_was_stopped_beyond_its_lease_changes_nothing_any_more() {
    let points = points_of_a_drive().await;
    assert!(points.len() >= 4, "{points:?}");
    for point in points {
        let world = promoted().await;
        let (one, other) = (world.machine("one"), world.machine("other"));
        let stopped = frozen(&one, &point, "drive").await;
        world.time_passes("3h");
        let theirs = other.oar("drive").await;
        assert!(!theirs.ends_with("exit 8"), "{point:?}: {theirs}");
        let (file, sent) = (world.file(), one.sent());

        let reported = stopped.revived().await;

        assert!(reported.ends_with("exit 8"), "{point:?}: {reported}");
        assert!(reported.contains("on simulator-2 held it since"), "{point:?}: {reported}");
        assert_eq!(one.sent(), sent, "{point:?}: it wrote: {reported}");
        assert_eq!(world.file(), file, "{point:?}: {reported}");
    }
}

#[tokio::test]
async fn a_driver_that_was_stopped_beyond_its_lease_ends_also_where_nobody_took_over() {
    let point = points_of_a_drive().await.remove(0);
    let world = promoted().await;
    let one = world.machine("one");
    let stopped = frozen(&one, &point, "drive").await;
    world.time_passes("3h");
    let sent = one.sent();
    let reported = stopped.revived().await;
    assert!(reported.ends_with("exit 8"), "{reported}");
    assert!(reported.contains("it ended, and nobody is known to have taken it since"), "{reported}");
    assert!(reported.contains("next: start it again: oar -r 4.20.17 drive"), "{reported}");
    assert_eq!(one.sent(), sent);
}

#[tokio::test]
async fn a_driver_stopped_for_less_than_its_lease_goes_on() {
    let point = points_of_a_drive().await.remove(0);
    let world = promoted().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    let stopped = frozen(&one, &point, "drive").await;
    world.time_passes("1h");
    let refused = other.oar("drive").await;
    assert!(refused.ends_with("exit 8"), "{refused}");
    let reported = stopped.revived().await;
    assert!(!reported.ends_with("exit 8"), "{reported}");
}

#[tokio::test]
async fn a_lease_is_taken_over_by_a_person_who_says_why() {
    let point = points_of_a_drive().await.remove(0);
    let world = promoted().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    let stopped = frozen(&one, &point, "drive").await;
    let held = lease(&world);

    let refused = other.oar("drive").await;
    assert!(refused.ends_with("exit 8"), "{refused}");
    assert!(refused.contains("on simulator-1 drives this release since 2026-06-"), "{refused}");
    assert!(refused.contains("oar -r 4.20.17 drive --take-over --reason TEXT"), "{refused}");
    let shown = other.oar("status").await;
    assert!(shown.contains("lease   ") && shown.contains("on simulator-1 drives this release"), "{shown}");
    let shown = other.oar("plan").await;
    assert!(shown.contains("lease:   ") && shown.contains("on simulator-1 drives this release"), "{shown}");

    let taken = other.oar("drive --take-over --reason \"its host is gone\"").await;
    assert!(!taken.ends_with("exit 8"), "{taken}");
    assert!(lease(&world).epoch > held.epoch);
    let notes: Vec<_> = world.state().issues().into_iter().filter(|issue| issue.issue.contains("lease")).collect();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].issue.ends_with("reason: its host is gone") && !notes[0].blocker, "{notes:?}");
    let outside = || one.sent().into_iter().filter(|write| !write.is_state).count();
    let (file, sent) = (world.file(), outside());

    let reported = stopped.revived().await;

    assert!(reported.ends_with("exit 8"), "{reported}");
    // By its own clock the lease still holds, so it tries to store what it did: the store refuses that.
    assert!(world.file() == file, "{reported}");
    assert_eq!(outside(), sent, "{reported}");
}

#[tokio::test]
async fn a_drive_from_cron_that_only_waits_leaves_no_commit() {
    let world = promoted().await;
    let machine = world.machine("one");
    let commits = || world.simulator().world().facts().github.branches["z-stream"].messages.clone();
    let mut idle = 0;
    for _ in 0..8 {
        let before = commits().len();
        machine.oar("drive --once").await;
        let ours = commits().split_off(before);
        idle += i32::from(ours.is_empty());
        assert!(ours.iter().all(|message| !message.contains("lease")) || !ours[0].contains("lease"), "{ours:?}");
        world.time_passes("1m");
    }
    assert!(idle >= 4, "the jobs run on for longer: {:?}", commits());
    assert_eq!(lease(&world).until, None, "the one before was given back");
}

#[tokio::test]
async fn a_driver_takes_its_lease_with_the_first_thing_that_it_changes_and_gives_it_back() {
    let world = promoted().await;
    let before = world.simulator().world().facts().github.branches["z-stream"].messages.len();
    world.machine("one").oar("drive --once").await;
    let messages = world.simulator().world().facts().github.branches["z-stream"].messages.clone();
    let ours = &messages[before..];
    assert!(ours.len() > 1 && ours[0] == "Update task: image-consistency-check", "{ours:?}");
    assert_eq!(ours.last().map(String::as_str), Some("Release driver lease"), "{ours:?}");
    assert_eq!(ours.iter().filter(|message| message.contains("lease")).count(), 1, "{ours:?}");
}

#[tokio::test]
async fn a_second_driver_is_refused_before_it_asks_or_changes_anything() {
    let point = points_of_a_drive().await.remove(0);
    let world = promoted().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    let _stopped = frozen(&one, &point, "drive").await;
    let file = world.file();
    let refused = other.oar("drive --once").await;
    assert!(refused.ends_with("exit 8") && refused.contains("drives this release since"), "{refused}");
    assert_eq!((other.sent(), world.file()), (Vec::new(), file));
}

#[tokio::test]
async fn the_epoch_of_a_lease_survives_giving_it_back() {
    let world = promoted().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    one.oar("drive").await;
    let first = lease(&world);
    assert_eq!(first.until, None, "given back");
    other.oar("drive --retry stage-testing").await;
    world.time_passes("5h");
    other.oar("drive").await;
    assert!(lease(&world).epoch > first.epoch);
}

#[tokio::test]
async fn a_watching_driver_holds_its_lease_while_jobs_run_and_needs_few_commits() {
    let world = promoted().await;
    let machine = world.machine("one");
    let before = world.simulator().world().facts().github.branches["z-stream"].messages.len();
    machine.oar("drive --watch").await;
    let messages = world.simulator().world().facts().github.branches["z-stream"].messages.clone();
    let ours = &messages[before..];
    assert!(ours.len() <= 60, "{} commits: {ours:?}", ours.len());
    let leases = ours.iter().filter(|message| message.contains("lease")).count();
    assert!(leases <= 12, "{leases} of them for the lease: {ours:?}");
}

/// Only the other machine's writes; the state of the world as far as the one that stood still could change it.
fn outside(machine: &Machine<'_>) -> usize {
    machine.sent().into_iter().filter(|write| !write.is_state).count()
}

#[tokio::test]
async fn a_driver_that_stood_still_before_its_first_change_says_that_its_facts_are_old() {
    let world = promoted().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    let first = Point { write: "the first change".to_owned(), moment: Moment::BeforeIntent, number: 1 };
    let stopped = frozen(&one, &first, "drive").await;
    world.time_passes("3h");
    other.oar("drive").await;
    let file = world.file();

    let reported = stopped.revived().await;

    assert!(reported.ends_with("exit 8") && !reported.contains("has lost"), "{reported}");
    assert!(reported.contains("what this run found is out of date, so nothing was changed"), "{reported}");
    assert!(reported.contains("on simulator-2 took the driver lease after it had looked"), "{reported}");
    assert!(reported.contains("next: start it again: oar -r 4.20.17 drive"), "{reported}");
    assert_eq!((outside(&one), world.file()), (0, file), "{reported}");
}

#[tokio::test]
async fn a_driver_that_was_stopped_after_its_last_change_says_that_another_one_drives() {
    let calm = promoted().await;
    let machine = calm.machine("one");
    machine.oar("drive").await;
    let last = machine.sent().len() - 1;
    let world = promoted().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    let point = Point { write: "the last change".to_owned(), moment: Moment::Unanswered, number: last };
    let stopped = frozen(&one, &point, "drive").await;
    other.oar("drive --take-over --reason \"its host does not answer\"").await;
    let (file, sent) = (world.file(), outside(&one));

    let reported = stopped.revived().await;

    assert!(reported.ends_with("exit 8") && reported.contains("has lost the driver lease"), "{reported}");
    assert_eq!((outside(&one), world.file()), (sent, file), "{reported}");
}

#[tokio::test]
async fn while_another_machine_drives_nobody_is_sent_to_drive_as_well() {
    let point = points_of_a_drive().await.remove(0);
    let world = promoted().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    let _stopped = frozen(&one, &point, "drive").await;
    for line in ["plan", "status"] {
        let shown = other.oar(line).await;
        let folded = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(folded.contains("what there is to do is done there"), "{line}: {shown}");
        assert!(!folded.contains("there is something to do") && !folded.contains("now: oar"), "{line}: {shown}");
        assert!(folded.contains("2026-06-03T08:00:00Z"), "{line} says until when: {shown}");
    }
    assert!(other.oar("plan").await.contains("driver:  the other driver is to run"), "{}", other.oar("plan").await);
    // Whoever holds it is not kept away by itself.
    assert!(one.oar("plan").await.contains("there is something to do"));
}

#[tokio::test]
async fn a_lease_that_no_clock_ends_is_said_by_everybody_and_ended_by_a_person() {
    for stored in [
        "driver:\n  holder: bob on x\n  epoch: 5\n  until: '2999-01-01T00:00:00Z'\n",
        "driver:\n  holder: bob on x\n  epoch: 5\n  until: tomorrow\n",
        "driver: bob\n",
    ] {
        let world = promoted().await;
        world.someone_else_edits_the_text(|text| format!("{text}{stored}"));
        for line in ["plan", "status"] {
            let shown = world.oar(line).await.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(shown.contains("oar -r 4.20.17 drive --take-over --reason TEXT"), "{stored}{line}: {shown}");
            assert!(!shown.contains("there is something to do"), "{stored}{line}: {shown}");
        }
        let checked = world.oar("state check").await;
        assert!(checked.contains("so it keeps every other machine away"), "{checked}");
        let refused = world.oar("drive").await;
        assert!(refused.ends_with("exit 8") && refused.contains("--take-over"), "{stored}{refused}");
        let driven = world.oar("drive --take-over --reason \"nobody is at work\"").await;
        assert!(!driven.ends_with("exit 8") && lease(&world).until.is_none(), "{stored}{driven}");
        assert!(world.oar("state check").await.ends_with("exit 0"), "{}", world.file());
        world.finish();
    }
}
