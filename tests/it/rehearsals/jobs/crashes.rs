//! Machines that die or stand still while they trigger, on one machine and on two.

use serde_json::{Value, json};

use super::{LOOK, calm_day, job_day, starts, stored, the_record, wrong};
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
async fn a_record_that_somebody_set_back_triggers_nothing_a_second_time_elsewhere() {
    let mut world = calm_day().await;
    world.oar(LOOK).await;
    let (path, mut record) = the_record(&world, "4.21");
    let jobs = record["result"].as_array().expect("jobs").len();
    record["result"] = json!([]);
    for entry in record["plan"].as_array_mut().expect("a plan") {
        entry["state"] = json!("planned");
    }
    world.simulator().world().facts().github.put_file("record", &path, &record.to_string());
    world.time_passes("3h");
    let said = world.elsewhere(LOOK).await;
    assert_eq!(said.matches("  found ").count(), jobs, "{said}");
    assert_eq!(wrong(&world, true), [""; 0], "{said}");
}

#[tokio::test]
async fn what_a_person_knows_was_never_started_is_started_and_a_name_that_was_not_tried_is_refused() {
    let world = calm_day().await;
    world.refuses("gangway", "POST", "/v1/executions", 503);
    world.refuses("gangway", "GET", "/v1/executions", 503);
    world.oar(LOOK).await;
    let (path, record) = the_record(&world, "4.21");
    world.time_passes("40h");
    world.repair();
    let said = world.oar(LOOK).await;
    assert!(said.contains("nobody can see any more whether it runs") && said.ends_with("exit 7"), "{said}");
    let key = record["starts"][0]["key"].as_str().expect("an announcement").to_owned();
    let (job, build) = (key.trim_end_matches("/first"), path.rsplit('/').next().expect("a name"));
    let build = build.trim_start_matches("ocp-test-result-").trim_end_matches("-amd64.json");
    let line = format!("jobctl trigger-jobs-for-build --build {build} --reason looked --never-started");
    let refused = world.oar(&format!("{line} another-job")).await;
    assert!(refused.contains(&format!("give one of these: {job}")) && refused.ends_with("exit 2"), "{refused}");
    let said = world.oar(&format!("{line} {job}")).await;
    assert!(said.contains("triggered"), "{said}");
    world.oar(LOOK).await;
    assert_eq!(wrong(&world, false), [""; 0], "{said}");
    let record: Value = serde_json::from_str(&stored(&world, &path).expect("a record")).expect("JSON");
    assert!(record["result"].as_array().expect("jobs").iter().any(|item| item["jobName"] == job), "{record:#}");
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
