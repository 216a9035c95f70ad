//! Records of builds that the release controller has forgotten.

use serde_json::{Value, json};

use super::{LOOK, calm_day, commits, records, stored, the_record, token};
use crate::rehearsal::machines::{Machine, Moment, points_of_all};
use crate::rehearsal::test_world::TestWorld;

const JUDGE: &str = "jobctl start-aggregator";

/// A day whose one nightly of 4.21 has a settled record, among enough others that one more or less is no tenth.
async fn settled() -> (TestWorld, String) {
    let world = calm_day().await;
    world.oar(LOOK).await;
    let token = token(&world);
    for _ in 0..60 {
        world.time_passes("10m");
        let said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, JUDGE).await;
        if !said.contains("4.21.0-0.nightly") {
            break;
        }
    }
    let (path, record) = the_record(&world, "4.21");
    let mut facts = world.simulator().world().facts();
    for patch in 1..20 {
        let mut other = record.clone();
        other["build"] = serde_json::json!({ "name": format!("4.21.{patch}"), "phase": "Accepted" });
        let path = format!("_releases/ocp-test-result-4.21.{patch}-amd64.json");
        facts.github.put_file("record", &path, &format!("{other:#}"));
    }
    drop(facts);
    (world, path)
}

/// The release controller forgets every nightly of 4.21 with this record.
fn forgets(world: &TestWorld, path: &str) {
    let build = path.trim_start_matches("_releases/ocp-test-result-").trim_end_matches("-amd64.json");
    world.simulator().world().facts().release_controller.forget(build);
}

#[tokio::test]
async fn a_record_is_archived_after_three_looks_over_a_day_and_not_on_one_answer() {
    let (world, path) = settled().await;
    let before = stored(&world, &path).expect("a record");
    forgets(&world, &path);
    for wait in ["10m", "12h", "6h"] {
        world.time_passes(wait);
        let said = world.oar(JUDGE).await;
        assert_eq!(stored(&world, &path).as_ref(), Some(&before), "{said}");
    }
    let shadow = {
        world.time_passes("12h");
        world.oar(&format!("{JUDGE} --shadow")).await
    };
    assert!(shadow.contains("would be archived"), "{shadow}");
    assert_eq!(stored(&world, &path).as_ref(), Some(&before));
    let said = world.oar(JUDGE).await;
    assert!(said.contains("is archived: its build is gone"), "{said}");
    assert_eq!(stored(&world, &path), None);
    let archive = path.replace("_releases/", "_releases/archive/");
    let copy: serde_json::Value = serde_json::from_str(&stored(&world, &archive).expect("a copy")).expect("JSON");
    let old: serde_json::Value = serde_json::from_str(&before).expect("JSON");
    assert_eq!(copy["result"], old["result"]);
    assert!(copy["events"].to_string().contains("deleted_upstream"));
    let after = commits(&world);
    world.time_passes("2h");
    world.oar(JUDGE).await;
    assert_eq!(commits(&world), after);
    assert_eq!(
        records(&world).keys().filter(|path| !path.contains("archive")).filter(|path| path.contains("4.21.")).count(),
        19
    );
}

#[tokio::test]
async fn a_release_controller_that_is_away_or_forgets_much_at_once_removes_nothing() {
    let (world, path) = settled().await;
    world
        .simulator()
        .world()
        .facts()
        .github
        .branches
        .get_mut("record")
        .expect("a branch")
        .files
        .retain(|name, _| !name.contains("ocp-test-result-4.21.") || *name == path || name.contains("4.21.1-"));
    forgets(&world, &path);
    let mut said = String::new();
    for _ in 0..4 {
        world.time_passes("12h");
        said = world.oar(JUDGE).await;
    }
    assert!(said.contains("that many at once look like an outage"), "{said}");
    assert!(stored(&world, &path).is_some());
}

/// The record of a nightly that the release controller of these stories never heard of.
const GONE: &str = "_releases/ocp-test-result-4.21.0-0.nightly-2026-05-20-100000-amd64.json";

/// A settled record whose run has this id.
fn settled_record(build: &str, id: &str) -> Value {
    let time = |hour| format!("2026-05-20T{hour}:00:00Z");
    let run = json!({ "jobID": id, "jobStartTime": time(11), "jobCompletionTime": time(13), "jobState": "failure" });
    json!({
        "result": [{ "jobName": "periodic-x-release-4.21-aws", "firstJob": run, "retriedJobs": [] }],
        "build": { "name": build, "phase": "Accepted", "pullSpec": format!("registry.example.com/r:{build}") },
        "aggregated": true,
        "accepted": false,
    })
}

fn put(world: &TestWorld, path: &str, record: &Value) {
    world.simulator().world().facts().github.put_file("record", path, &format!("{record:#}"));
}

/// A world with the record of a nightly that is gone, and enough others.
async fn with_a_gone_build() -> TestWorld {
    let world = calm_day().await;
    if let Some(branch) = world.simulator().world().facts().github.branches.get_mut("record") {
        branch.files.retain(|path, _| !path.contains("ocp-test-result-"));
    }
    for patch in 1..=20 {
        let build = format!("4.21.{patch}");
        put(&world, &format!("_releases/ocp-test-result-{build}-amd64.json"), &settled_record(&build, &build));
    }
    put(&world, GONE, &gone_record());
    world
}

fn gone_record() -> Value {
    settled_record("4.21.0-0.nightly-2026-05-20-100000", "run-1")
}

/// Two looks of each of these machines; with the third one, which has its time now, the build is gone for good.
async fn missed_twice(world: &TestWorld, machines: &[&Machine<'_>]) {
    for _ in 0..2 {
        for machine in machines {
            machine.oar(JUDGE).await;
        }
        world.time_passes("12h");
    }
}

/// Copies in the archive, by path.
fn copies(world: &TestWorld) -> Vec<(String, Value)> {
    let facts = world.simulator().world().facts();
    let files = facts.github.branches["record"].files.iter();
    let archived = files.filter(|(path, _)| path.starts_with("_releases/archive/"));
    archived.map(|(path, file)| (path.clone(), serde_json::from_str(file.text()).expect("JSON"))).collect()
}

/// What is wrong after the one record that was to be archived is.
fn wrongly_archived(world: &TestWorld, before: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let copies = copies(world);
    if copies.iter().map(|(path, _)| path.as_str()).ne([GONE.replace("_releases/", "_releases/archive/")]) {
        wrong.push(format!("not one copy: {copies:#?}"));
    }
    for (path, copy) in &copies {
        let kinds: Vec<_> = copy["events"].as_array().into_iter().flatten().map(|event| &event["kind"]).collect();
        let mut old = copy.clone();
        old.as_object_mut().expect("an object").remove("events");
        if kinds != ["deleted_upstream"] || old != *before {
            wrong.push(format!("{path} is not what was archived: {copy:#}"));
        }
    }
    // People put others there meanwhile.
    let others = records(world).into_keys().filter(|path| path.starts_with("_releases/ocp-test-result-4.21."));
    let others = others.collect::<Vec<_>>();
    if others.len() != 20 || others.iter().any(|path| path == GONE) {
        wrong.push(format!("other records: {others:?}"));
    }
    wrong
}

#[tokio::test]
async fn wherever_a_machine_dies_while_it_archives_the_next_round_of_whichever_leaves_one_copy_and_loses_nothing() {
    let calm = with_a_gone_build().await;
    let machine = calm.machine("one");
    missed_twice(&calm, &[&machine]).await;
    let said = machine.oar(JUDGE).await;
    let points = points_of_all(&machine.sent());
    drop(machine);
    assert_eq!(wrongly_archived(&calm, &gone_record()), [""; 0], "{said}");
    assert!(points.len() >= 8, "lease, copy and removal: {points:?}");
    let mut found = Vec::new();
    for (point, is_other) in points.iter().flat_map(|point| [(point, false), (point, true)]) {
        let world = with_a_gone_build().await;
        let (one, other) = (world.machine("one"), world.machine("other"));
        missed_twice(&world, &[&one, &other]).await;
        assert_eq!(one.oar_killed(point, JUDGE).await, None, "{point:?}");
        let in_the_middle = (stored(&world, GONE).is_some(), copies(&world).len());
        if in_the_middle == (false, 0) {
            found.push(format!("{point:?}: neither record nor copy"));
        }
        let said = if is_other {
            world.time_passes("2h5m");
            other.oar(JUDGE).await
        } else {
            one.oar(JUDGE).await
        };
        drop((one, other));
        let wrong = wrongly_archived(&world, &gone_record());
        found.extend(wrong.iter().map(|what| format!("{point:?}, another: {is_other}: {what}\n{said}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn two_machines_that_archive_at_once_leave_one_copy_and_lose_nothing() {
    let world = with_a_gone_build().await;
    let (one, other) = (world.machine("one"), world.machine_with_clock("other", "-9m"));
    missed_twice(&world, &[&one, &other]).await;
    let (said, also) = futures::join!(one.oar(JUDGE), other.oar(JUDGE));
    drop((one, other));
    assert_eq!(wrongly_archived(&world, &gone_record()), [""; 0], "{said}\n{also}");
}

/// The last thing that is known of the record, which somebody adds while a machine stands still.
fn seen_by_hand() -> Value {
    let mut last = gone_record();
    last["seen_by_hand"] = json!("it was the quota");
    last
}

#[tokio::test]
async fn a_machine_that_stood_still_while_another_archived_puts_nothing_old_over_the_copy() {
    let calm = with_a_gone_build().await;
    let machine = calm.machine("one");
    missed_twice(&calm, &[&machine]).await;
    machine.oar(JUDGE).await;
    let points = points_of_all(&machine.sent());
    drop(machine);
    for point in points.iter().filter(|point| point.moment == Moment::BeforeSending) {
        let world = with_a_gone_build().await;
        let (one, other) = (world.machine("one"), world.machine("other"));
        missed_twice(&world, &[&one, &other]).await;
        let Ok(frozen) = one.oar_frozen(point, JUDGE).await else { panic!("{point:?} was never reached") };
        put(&world, GONE, &seen_by_hand());
        world.time_passes("2h5m");
        let said = other.oar(JUDGE).await;
        world.time_passes("2h5m");
        let revived = frozen.revived().await;
        drop((one, other));
        assert_eq!(wrongly_archived(&world, &seen_by_hand()), [""; 0], "{point:?}\n{said}\n{revived}");
    }
}

#[tokio::test]
async fn a_machine_that_slept_after_it_had_read_the_record_puts_nothing_old_over_the_copy_of_another() {
    let world = with_a_gone_build().await;
    let (one, other) = (world.machine("one"), world.machine("other"));
    missed_twice(&world, &[&one, &other]).await;
    let Ok(frozen) = one.oar_frozen_at_look("/commits", "05-20-100000", JUDGE).await else {
        panic!("nobody asked who wrote the record last")
    };
    put(&world, GONE, &seen_by_hand());
    let said = other.oar(JUDGE).await;
    world.time_passes("2h5m");
    let revived = frozen.revived().await;
    drop((one, other));
    assert_eq!(wrongly_archived(&world, &seen_by_hand()), [""; 0], "{said}\n{revived}");
}

#[tokio::test]
async fn the_record_of_a_build_that_came_back_is_archived_beside_that_of_its_first_time() {
    let world = with_a_gone_build().await;
    let machine = world.machine("one");
    missed_twice(&world, &[&machine]).await;
    machine.oar(JUDGE).await;
    assert_eq!(copies(&world).len(), 1);
    put(&world, GONE, &settled_record("4.21.0-0.nightly-2026-05-20-100000", "run-2"));
    missed_twice(&world, &[&machine]).await;
    let said = machine.oar(JUDGE).await;
    let ids: Vec<_> = copies(&world)
        .iter()
        .map(|(path, copy)| {
            (path.rsplit('/').next().unwrap().to_owned(), copy["result"][0]["firstJob"]["jobID"].clone())
        })
        .collect();
    let name = GONE.trim_start_matches("_releases/");
    let second = name.replace(".json", ".2.json");
    drop(machine);
    assert_eq!(ids, [(second, json!("run-2")), (name.to_owned(), json!("run-1"))], "{said}");
    assert_eq!(stored(&world, GONE), None);
}

#[tokio::test]
async fn a_record_with_an_open_run_or_with_one_that_may_have_been_started_is_never_archived() {
    let world = with_a_gone_build().await;
    let mut announced = gone_record();
    announced["starts"] =
        json!([{ "key": "periodic-x-release-4.21-aws/retry-1", "by": "x", "at": "2026-05-20T13:00:00Z" }]);
    put(&world, GONE, &announced);
    let open = GONE.replace("05-20", "05-19");
    let mut record = settled_record("4.21.0-0.nightly-2026-05-19-100000", "run-3");
    record["result"][0]["firstJob"].as_object_mut().unwrap().remove("jobCompletionTime");
    put(&world, &open, &record);
    let machine = world.machine("one");
    for _ in 0..3 {
        missed_twice(&world, &[&machine]).await;
    }
    let said = machine.oar(JUDGE).await;
    drop(machine);
    assert!(stored(&world, GONE).is_some() && stored(&world, &open).is_some(), "{said}");
    assert_eq!(copies(&world), []);
}
