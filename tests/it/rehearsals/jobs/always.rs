//! What holds of every round, whatever goes wrong around it.

use std::collections::BTreeMap;

use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;
use oar::sim::scenario::job_endings::JobEndings;
use oar::sim::scenario::streams::{Odd, Oddity};
use oar::sim::services::table;
use serde_json::{Value, json};

use super::{LOOK, calm_day, commits, records, starts, stored, the_record, token, wrong};
use crate::real_files::{counted, real};
use crate::rehearsal::machines::{Point, points_of_all};
use crate::rehearsal::test_world::TestWorld;

const JUDGE: &str = "jobctl start-aggregator";

/// Stable builds of the minor of [`LOOK`].
const STABLE: &str = "jobctl start-controller -r 4.21 --no-nightly";

/// A day on which one job of a nightly passes with its second further run, and another one is tried again in vain.
async fn day_with_retries() -> TestWorld {
    TestWorld::founded("job-day", |plan| {
        plan.disturbances.gateway = None;
        let ends: [(&str, &[&str]); 2] =
            [("gcp-ipi", &["failure", "success"]), ("azure-ipi-fips", &["success", "success"])];
        plan.job_endings = JobEndings { ends: ends.to_vec(), ..JobEndings::default() };
    })
    .await
}

/// Every file of the branch of records but the lease.
fn branch(world: &TestWorld) -> BTreeMap<String, String> {
    let facts = world.simulator().world().facts();
    let files = facts.github.branches.get("record").map(|branch| branch.files.clone()).unwrap_or_default();
    let rest = files.into_iter().filter(|(path, _)| !path.ends_with("agents.json"));
    rest.map(|(path, file)| (path, file.text().to_owned())).collect()
}

/// A record without what a crash may change: ids, times, pages, who noted an event, and the order of jobs and events (what
/// nobody knows yet is passed over, and comes later).
fn in_essence(record: &Value) -> Value {
    fn plain(value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let part = |part: &str| match part {
                    part if part.len() == 36 && part.matches('-').count() == 4 => "ID".to_owned(),
                    part if part.parse::<jiff::Timestamp>().is_ok() => "TIME".to_owned(),
                    part => part.to_owned(),
                };
                Value::String(text.split(' ').map(part).collect::<Vec<_>>().join(" "))
            }
            Value::Array(items) => items.iter().map(plain).collect(),
            Value::Object(keys) => {
                let kept = keys.iter().filter(|(key, _)| !["jobURL", "actor"].contains(&key.as_str()));
                Value::Object(kept.map(|(key, value)| (key.clone(), plain(value))).collect())
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other.clone(),
        }
    }
    let mut record = plain(record);
    for list in ["result", "events"] {
        if let Some(items) = record[list].as_array_mut() {
            items.sort_by_key(Value::to_string);
        }
    }
    record
}

/// Plays a story in which a machine dies at a point, if there is one: the record and the starts at its end, what its
/// machine wrote in the line in question, and what it said last.
async fn played(
    day: impl AsyncFn() -> TestWorld,
    before: &[&str],
    line: &str,
    dies: Option<&Point>,
) -> (Value, BTreeMap<String, usize>, Vec<Point>, Vec<String>) {
    let world = day().await;
    let machine = world.machine("one");
    for line in before {
        machine.oar(line).await;
        world.time_passes("4h");
    }
    match dies {
        Some(point) => assert_eq!(machine.oar_killed(point, line).await, None, "{point:?} was never reached"),
        None => drop(machine.oar(line).await),
    }
    let points = points_of_all(&machine.sent());
    for _ in 0..2 {
        machine.oar(line).await;
        world.time_passes("20m");
    }
    for _ in 0..5 {
        world.time_passes("4h");
        machine.oar(JUDGE).await;
    }
    drop(machine);
    let (_, record) = the_record(&world, "4.21");
    (in_essence(&record), starts(&world), points, wrong(&world, true))
}

/// At every so manieth point at which its machine can die in `line`: the same record at the end as undisturbed, and no
/// start twice.
async fn is_resumed(before: &[&str], line: &str, every: usize) {
    let (wanted, undisturbed, points, amiss) = played(async || day_with_retries().await, before, line, None).await;
    assert_eq!(amiss, [""; 0]);
    assert_eq!(wanted["aggregated"], true, "{wanted:#}");
    assert!(points.len() >= 8, "{points:?}");
    let mut found = Vec::new();
    for point in points.iter().step_by(every) {
        let (record, starts, _, amiss) = played(async || day_with_retries().await, before, line, Some(point)).await;
        if !amiss.is_empty() || starts != undisturbed {
            found.push(format!("{point:?}: {amiss:?}\n{starts:#?}"));
        }
        if record != wanted {
            found.push(format!("{point:?}: {record:#}\ninstead of\n{wanted:#}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn wherever_a_machine_dies_while_it_plans_and_triggers_the_record_ends_as_an_undisturbed_one() {
    is_resumed(&[], LOOK, 4).await;
}

#[tokio::test]
async fn wherever_a_machine_dies_while_it_judges_each_further_run_is_triggered_once_and_the_record_ends_the_same() {
    is_resumed(&[LOOK], JUDGE, 4).await;
}

mod long {
    use super::*;

    #[tokio::test]
    async fn wherever_a_machine_dies_while_it_plans_and_triggers_the_record_ends_as_an_undisturbed_one() {
        is_resumed(&[], LOOK, 1).await;
    }

    #[tokio::test]
    async fn wherever_a_machine_dies_while_it_judges_each_further_run_is_triggered_once_and_the_record_ends_the_same() {
        is_resumed(&[LOOK], JUDGE, 1).await;
    }
}

/// Keys of runs, and how runs ended, that `before` has and `after` lacks.
fn taken(before: &Value, after: &Value) -> Vec<String> {
    let runs = |record: &Value| {
        let items = record["result"].as_array().cloned().unwrap_or_default();
        let of = |item: Value| {
            let lists = ["retriedJobs", "history"].map(|key| item[key].as_array().cloned().unwrap_or_default());
            std::iter::once(item["firstJob"].clone()).chain(lists.concat()).collect::<Vec<_>>()
        };
        let by_id = |run: Value| Some((run["jobID"].as_str()?.to_owned(), run));
        items.into_iter().flat_map(of).filter_map(by_id).collect::<BTreeMap<_, _>>()
    };
    let (had, has) = (runs(before), runs(after));
    let mut taken = Vec::new();
    for (id, run) in had {
        for (key, value) in run.as_object().into_iter().flatten() {
            let is_end = !run["jobCompletionTime"].is_null();
            let now = has.get(&id).and_then(|run| run.get(key));
            if now.is_none() || is_end && now != Some(value) {
                taken.push(format!("{key} of {id}: {value} became {now:?}"));
            }
        }
    }
    taken
}

#[tokio::test]
async fn answers_that_know_less_than_the_record_take_no_key_no_id_and_no_end_from_it() {
    let world = day_with_retries().await;
    world.oar(LOOK).await;
    world.time_passes("2h30m");
    world.oar(JUDGE).await;
    let (_, before) = the_record(&world, "4.21");
    let ended = before.to_string().matches("jobCompletionTime").count();
    assert!((1..5).contains(&ended), "some ended, some are open: {before:#}");
    let answer = |code, body: &str| InjectedFault::Answer { code, headers: BTreeMap::new(), body: body.to_owned() };
    let states = ["scheduling", "triggered", "pending", ""];
    let older = states.map(|state| answer(200, &format!("metadata:\n  name: x\nstatus:\n  state: {state:?}\n")));
    let odd = [answer(200, ""), answer(200, "{}"), answer(404, ""), answer(503, "upstream"), answer(500, "")];
    let cut = [InjectedFault::ResetMidBody, InjectedFault::Reset];
    for fault in odd.into_iter().chain(older).chain(cut) {
        let shown = format!("{fault:?}");
        world.plan(Rule::on("prow", fault).method("GET").path("/prowjob"));
        let said = world.oar(JUDGE).await;
        world.repair();
        let (_, after) = the_record(&world, "4.21");
        assert_eq!(taken(&before, &after), [""; 0], "{shown}\n{said}");
        world.time_passes("1m");
    }
    // Prow forgets what ended, or remembers it otherwise.
    for run in world.simulator().world().facts().prow.runs.values_mut() {
        (run.state, run.ended) = ("pending", None);
    }
    let said = world.oar(JUDGE).await;
    assert_eq!(taken(&before, &the_record(&world, "4.21").1), [""; 0], "{said}");
    world.simulator().world().facts().prow.runs.clear();
    let said = world.oar(JUDGE).await;
    assert_eq!(taken(&before, &the_record(&world, "4.21").1), [""; 0], "{said}");
}

#[tokio::test]
async fn of_people_and_programs_who_change_one_record_at_once_nobody_loses_anything() {
    let world = calm_day().await;
    world.oar(LOOK).await;
    let (path, before) = the_record(&world, "4.21");
    let build = path.trim_start_matches("_releases/ocp-test-result-").trim_end_matches("-amd64.json");
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let machines = names.map(|name| world.machine(name));
    let mut lines = vec![format!("jobctl promote-test-results --build {build} --reason \"a test is wrong\"")];
    for (at, item) in before["result"].as_array().unwrap().iter().enumerate() {
        let (job, old) = (item["jobName"].as_str().unwrap(), item["firstJob"]["jobID"].as_str().unwrap());
        let new = format!("00000000-0000-4000-8000-00000000000{at}");
        lines.push(format!(
            "jobctl update-retried-job-run --build {build} --job-name {job} --current-job-id {old} --new-job-id {new} \
             --reason \"an outage\""
        ));
    }
    world.time_passes("5h");
    lines.push(JUDGE.to_owned());
    assert_eq!(lines.len(), machines.len());
    let said = futures::future::join_all(machines.iter().zip(&lines).map(|(machine, line)| machine.oar(line))).await;
    drop(machines);
    let (_, after) = the_record(&world, "4.21");
    assert_eq!(after["manual_promotion"], true, "{said:#?}");
    for (at, (old, new)) in
        before["result"].as_array().unwrap().iter().zip(after["result"].as_array().unwrap()).enumerate()
    {
        assert_eq!(new["firstJob"]["jobID"], format!("00000000-0000-4000-8000-00000000000{at}"), "{said:#?}");
        assert_eq!(new["history"][0]["jobID"], old["firstJob"]["jobID"], "{said:#?}");
    }
    let conflicts = world.requests_of(|raw| raw.status == 409).len();
    assert!(conflicts > 0, "nobody was in anybody's way");
}

#[tokio::test]
async fn two_passes_between_which_nothing_happened_outside_make_no_second_commit() {
    let world = day_with_retries().await;
    let token = token(&world);
    for _ in 0..10 {
        for line in [LOOK, STABLE, JUDGE] {
            // A round that waits for the gateway takes time, in which runs end.
            for _ in 0..5 {
                let began = world.now();
                world.oar_with("OAR_KUBE_TOKEN_FILE", &token, line).await;
                if world.now() == began {
                    break;
                }
            }
            let (before, files) = (commits(&world), branch(&world));
            let said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, line).await;
            assert_eq!((commits(&world), branch(&world)), (before, files), "{line}: {said}");
        }
        world.time_passes("2h");
    }
    assert!(commits(&world) > 20, "something happened in between: {} commits", commits(&world));
}

/// A day with these files beside the records, at its end.
async fn day_beside(others: &[(String, String)]) -> (BTreeMap<String, String>, String) {
    let world = day_with_retries().await;
    for (path, text) in others {
        world.simulator().world().facts().github.put_file("record", path, text);
    }
    world.oar(LOOK).await;
    let token = token(&world);
    let mut said = String::new();
    for _ in 0..5 {
        world.time_passes("4h");
        said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, JUDGE).await;
    }
    let mut files = branch(&world);
    files.retain(|path, _| others.iter().all(|(other, _)| other != path));
    (files, said)
}

#[tokio::test]
async fn a_record_that_cannot_be_read_changes_nothing_about_any_other_and_the_exit_says_that_there_is_one() {
    let damaged = ["", "{", "[]", "null", "{\"result\": 1}", "{\"result\": [{\"firstJob\": {}}], \"build\": 7}"];
    let path = |nth| format!("_releases/ocp-test-result-4.20.{nth}-amd64.json");
    let mut others: Vec<_> =
        damaged.iter().enumerate().map(|(nth, text)| (path(nth + 90), (*text).to_owned())).collect();
    let name = "a041a16c7__ocp-test-result-4.12.0-0.nightly-2024-08-12-154937-amd64.json";
    if let Some(file) = real("data/record/history").map(|folder| folder.join(name)) {
        others.push((path(89), std::fs::read_to_string(file).expect("a text")));
        counted(1, "damaged records");
    }
    let (alone, calm) = day_beside(&[]).await;
    let (beside, said) = day_beside(&others).await;
    assert_eq!(beside, alone, "{said}");
    assert!(alone.values().any(|text| text.contains("\"ACCEPTED\"")), "{calm}");
    assert!(calm.ends_with("exit 0"), "{calm}");
    assert_eq!(said.matches("could not be judged").count(), others.len(), "{said}");
    assert!(said.ends_with("exit 7"), "{said}");
}

#[tokio::test]
async fn a_latest_build_of_another_minor_triggers_nothing_and_overwrites_nothing() {
    let line = "jobctl start-controller -r 4.19 --no-nightly";
    let hours = jiff::SignedDuration::from_hours;
    let world = TestWorld::founded("job-day", |plan| {
        plan.disturbances.gateway = None;
        plan.streams.odd = vec![Odd { stream: "4-stable", what: Oddity::Foreign, from: hours(1), to: hours(9) }];
    })
    .await;
    world.oar(line).await;
    let before = (branch(&world), starts(&world));
    let pointer = stored(&world, "_releases/ocp-latest-4.19-stable-amd64.json").expect("a current build");
    assert!(pointer.contains("\"4.19."), "{pointer}");
    world.time_passes("2h");
    let said = world.oar(line).await;
    assert!(said.contains("it is no build of this stream") && said.ends_with("exit 0"), "{said}");
    assert_eq!((branch(&world), starts(&world)), before, "{said}");
    assert!(records(&world).keys().all(|path| !path.contains("-4.22.")), "a build of the highest minor");
}

/// Requests since the journal was cleared that mean to change something, at whatever service.
fn meant_to_change(world: &TestWorld) -> Vec<String> {
    let requests = world.requests_of(|raw| !table::is_look_up(&raw.service, &raw.method, &raw.path));
    let text = |request: &Value, key: &str| request[key].as_str().unwrap_or_default().to_owned();
    requests
        .iter()
        .map(|request| format!("{} {} {}", text(request, "method"), text(request, "service"), text(request, "path")))
        .collect()
}

#[tokio::test]
async fn a_dry_run_of_whatever_there_is_to_do_sends_nothing_that_changes_anything() {
    let world = day_with_retries().await;
    let token = token(&world);
    world.oar(LOOK).await;
    let (path, record) = the_record(&world, "4.21");
    let build = path.trim_start_matches("_releases/ocp-test-result-").trim_end_matches("-amd64.json");
    let item = &record["result"][0];
    let (job, old) = (item["jobName"].as_str().unwrap(), item["firstJob"]["jobID"].as_str().unwrap());
    let new = "00000000-0000-4000-8000-000000000000";
    let lines = [
        LOOK.to_owned(),
        STABLE.to_owned(),
        JUDGE.to_owned(),
        format!("jobctl trigger-jobs-for-build --build {build} --no-skip-existing --reason \"an outage\""),
        format!("jobctl promote-test-results --build {build} --reason \"an outage\""),
        format!(
            "jobctl update-retried-job-run --build {build} --job-name {job} --current-job-id {old} --new-job-id {new} \
             --reason \"an outage\""
        ),
        format!("jobctl reject-payload --build {build} --reason \"an outage\""),
        format!("job run {job} --payload registry.example.com/ocp/release:{build} --yes"),
    ];
    let mut busy = 0;
    for _ in 0..4 {
        world.time_passes("4h");
        let before = (branch(&world), starts(&world));
        for line in &lines {
            world.simulator().world().journal().clear();
            let said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, &format!("{line} --dry-run")).await;
            assert_eq!(meant_to_change(&world), [""; 0], "{line}: {said}");
            assert_eq!((branch(&world), starts(&world)), before, "{line}: {said}");
        }
        world.simulator().world().journal().clear();
        for line in [LOOK, STABLE, JUDGE] {
            world.oar_with("OAR_KUBE_TOKEN_FILE", &token, line).await;
        }
        busy += usize::from(!meant_to_change(&world).is_empty());
    }
    assert!(busy >= 3, "there was something to be done in {busy} of 4 rounds");
}

#[tokio::test]
async fn the_same_day_gives_the_same_texts_exits_and_records_byte_for_byte() {
    let day = async || {
        let world = TestWorld::founded("runs-vanish", |_| {}).await;
        let token = token(&world);
        let mut said = Vec::new();
        for _ in 0..4 {
            for line in [LOOK, STABLE, JUDGE, "jobctl --json start-aggregator --shadow"] {
                said.push(world.oar_with("OAR_KUBE_TOKEN_FILE", &token, line).await);
            }
            world.time_passes("3h");
        }
        (said, branch(&world))
    };
    let (one, other) = (day().await, day().await);
    assert_eq!(one.0, other.0);
    assert_eq!(one.1, other.1);
    assert!(one.1.len() > 3 && one.0.iter().any(|said| said.contains("IN_PROGRESS")), "{:#?}", one.0);
}

#[test]
fn a_key_that_is_gone_and_an_end_that_is_another_are_seen() {
    let record = |run: Value| json!({ "result": [{ "jobName": "a", "firstJob": run }] });
    let ended = json!({ "jobID": "1", "jobState": "success", "jobCompletionTime": "x" });
    assert_eq!(taken(&record(ended.clone()), &record(ended.clone())), [""; 0]);
    for other in
        [json!({}), json!({ "jobID": "1" }), json!({ "jobID": "1", "jobState": "y", "jobCompletionTime": "x" })]
    {
        assert!(!taken(&record(ended.clone()), &record(other.clone())).is_empty(), "{other}");
    }
    assert_eq!(taken(&record(json!({ "jobID": "1", "jobState": "pending" })), &record(ended)), [""; 0]);
}
