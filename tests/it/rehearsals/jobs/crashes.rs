//! Machines that die or stand still while they trigger, on one machine and on two.

use super::{LOOK, calm_day, job_day, starts, wrong};
use crate::rehearsal::machines::{Moment, Point, at_every_point, points};

#[tokio::test]
async fn wherever_a_machine_dies_the_next_round_triggers_each_job_once() {
    let points = at_every_point(async || calm_day().await, LOOK, |world| wrong(world, true)).await;
    assert!(points >= 20, "{points} points");
}

#[tokio::test]
async fn another_machine_goes_on_when_the_lease_is_over_and_triggers_nothing_twice() {
    let calm = calm_day().await;
    let machine = calm.machine("one");
    machine.oar(LOOK).await;
    let points = points(&machine.sent());
    drop(machine);
    let mut found = Vec::new();
    for point in &points {
        let world = calm_day().await;
        let (one, other) = (world.machine("one"), world.machine("other"));
        assert_eq!(one.oar_killed(point, LOOK).await, None, "{point:?}");
        let early = other.oar(LOOK).await;
        let begun = !starts(&world).is_empty() || early.contains("looks after the test jobs");
        world.time_passes("2h5m");
        let mut said = other.oar(LOOK).await;
        for _ in 0..3 {
            if said.ends_with("exit 0") {
                break;
            }
            world.time_passes("40m");
            said = other.oar(LOOK).await;
        }
        drop((one, other));
        let what = wrong(&world, true);
        if !what.is_empty() || !begun {
            found.push(format!("{point:?}: {what:?}\n{early}\n{said}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn a_machine_that_stood_still_until_another_took_over_sends_nothing_any_more() {
    let calm = calm_day().await;
    let machine = calm.machine("one");
    machine.oar(LOOK).await;
    let points = points(&machine.sent());
    drop(machine);
    // A request that left the machine before it stood still is not held back by anybody; it is the next one, too, that
    // stands still behind an answer.
    let held = |point: &&Point| matches!(point.moment, Moment::BeforeIntent | Moment::Unanswered);
    for point in points.iter().filter(held) {
        let world = calm_day().await;
        let (one, other) = (world.machine("one"), world.machine("other"));
        let Ok(frozen) = one.oar_frozen(point, LOOK).await else { panic!("{point:?} was never reached") };
        world.time_passes("2h5m");
        let mut said = other.oar(LOOK).await;
        for _ in 0..3 {
            if said.ends_with("exit 0") {
                break;
            }
            world.time_passes("40m");
            said = other.oar(LOOK).await;
        }
        let revived = frozen.revived().await;
        drop((one, other));
        assert_eq!(wrong(&world, true), [""; 0], "{point:?}\n{said}\n{revived}");
    }
}

#[tokio::test]
async fn while_nothing_shows_what_became_of_a_start_nothing_is_triggered_in_its_place() {
    let world = calm_day().await;
    world.answer_gets_lost("gangway", "POST", "/v1/executions");
    world.refuses("gangway", "GET", "/v1/executions", 503);
    let said = world.oar(LOOK).await;
    assert!(said.contains("nobody knows yet whether it runs"), "{said}");
    let first = starts(&world);
    assert_eq!(wrong(&world, false).len(), 1, "one run that no record names yet: {said}");
    world.time_passes("3h");
    world.oar(LOOK).await;
    assert_eq!(starts(&world), first, "the gateway still does not show what runs");
    world.repair();
    let said = world.oar(LOOK).await;
    assert!(said.contains("1 found"), "{said}");
    assert_eq!(wrong(&world, true), [""; 0], "{said}");
}

#[tokio::test]
async fn two_machines_side_by_side_trigger_each_job_once() {
    let world = job_day().await;
    let (one, other) = (world.machine("one"), world.machine_with_clock("other", "-9m"));
    let (said, also) = futures::join!(one.oar(LOOK), other.oar(LOOK));
    drop((one, other));
    assert_eq!(wrong(&world, false), [""; 0], "{said}\n{also}");
}

#[tokio::test]
async fn a_start_whose_answer_got_lost_is_found_and_never_repeated() {
    let world = calm_day().await;
    world.answer_gets_lost("gangway", "POST", "/v1/executions");
    world.line_breaks("gangway", "POST", "/v1/executions");
    let said = world.oar(LOOK).await;
    let mut last = said.clone();
    for _ in 0..4 {
        if last.ends_with("exit 0") {
            break;
        }
        world.time_passes("20m");
        last = world.oar(LOOK).await;
    }
    assert_eq!(wrong(&world, true), [""; 0], "{said}\n{last}");
}
