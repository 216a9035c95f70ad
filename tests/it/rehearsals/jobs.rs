//! Test jobs of builds: what the job controller triggers, what the aggregator judges, what people change by hand.

mod aggregator;
mod always;
mod controller;
mod crashes;
mod day;
mod manual;
mod one_job;
mod retention;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::rehearsal::test_world::TestWorld;

/// Nightly builds of a minor that has six jobs.
const LOOK: &str = "jobctl start-controller --minor-release 4.21";

/// A day of test jobs at its beginning.
async fn job_day() -> TestWorld {
    TestWorld::founded("job-day", |_| {}).await
}

/// The same without anybody else at the gateway, and with a gateway that takes every call.
async fn calm_day() -> TestWorld {
    TestWorld::founded("job-day", |plan| plan.disturbances.gateway = None).await
}

/// The file with the token of the simulated cluster.
fn token(world: &TestWorld) -> String {
    let file = world.path("kube-token");
    std::fs::write(&file, format!("{}\n", oar::sim::auth::KUBE_TOKEN)).expect("a file");
    file.display().to_string()
}

/// The test records of a world, by path.
fn records(world: &TestWorld) -> BTreeMap<String, Value> {
    let facts = world.simulator().world().facts();
    let files = facts.github.branches.get("record").map(|branch| branch.files.clone()).unwrap_or_default();
    let ours = files.into_iter().filter(|(path, _)| path.contains("ocp-test-result-"));
    ours.filter_map(|(path, text)| Some((path, serde_json::from_str(text.text()).ok()?))).collect()
}

/// A file of the branch of records.
fn stored(world: &TestWorld, path: &str) -> Option<String> {
    let facts = world.simulator().world().facts();
    facts.github.branches.get("record").and_then(|branch| branch.files.get(path).map(|file| file.text().to_owned()))
}

/// How often each start of ours happened, by its key.
fn starts(world: &TestWorld) -> BTreeMap<String, usize> {
    let facts = world.simulator().world().facts();
    let mut starts = BTreeMap::new();
    for run in facts.prow.runs.values() {
        if let Some(key) = run.annotations.get("oar-effect") {
            *starts.entry(key.clone()).or_default() += 1;
        }
    }
    starts
}

/// Commits on the branch of records.
fn commits(world: &TestWorld) -> usize {
    world.simulator().world().facts().github.branches.get("record").map_or(0, |branch| branch.log.len())
}

/// What is wrong with the first runs of records: started twice, started and not recorded, planned and never started,
/// or still announced. `complete`: nothing may wait any more.
fn wrong(world: &TestWorld, complete: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let starts = starts(world);
    wrong.extend(starts.iter().filter(|(_, times)| **times > 1).map(|(key, times)| format!("{key} started {times}×")));
    let records = records(world);
    let recorded: Vec<String> = records.values().flat_map(ids).collect();
    let facts = world.simulator().world().facts();
    // The record of the release is one that the simulated people put there.
    let is_ours = |run: &&oar::sim::facts::prow::Run| {
        run.annotations.get("oar-effect").is_some_and(|key| !key.starts_with("4.20."))
    };
    for run in facts.prow.runs.values().filter(is_ours) {
        if !recorded.contains(&run.id) {
            wrong.push(format!("{} of {} is recorded nowhere", run.id, run.job));
        }
    }
    for (path, record) in records.iter().filter(|(_, record)| record["schema"] == 2) {
        for entry in record["plan"].as_array().into_iter().flatten() {
            let has_run =
                record["result"].as_array().into_iter().flatten().any(|item| item["jobName"] == entry["jobName"]);
            if complete && (!has_run || entry["state"] != "triggered") {
                wrong.push(format!("{path}: {entry}"));
            }
        }
        let announced = record["starts"].as_array().into_iter().flatten();
        let first = announced.filter(|start| start["key"].as_str().is_some_and(|key| key.ends_with("/first")));
        wrong.extend(first.filter(|_| complete).map(|start| format!("{path}: announced for ever: {start}")));
    }
    wrong
}

/// Every run that a record names, also those that were replaced.
fn ids(record: &Value) -> Vec<String> {
    let of_item = |item: &Value| {
        let lists = ["retriedJobs", "history"].map(|key| item[key].as_array().cloned().unwrap_or_default());
        std::iter::once(item["firstJob"].clone()).chain(lists.concat()).collect::<Vec<_>>()
    };
    let runs = record["result"].as_array().into_iter().flatten().flat_map(of_item);
    runs.filter_map(|run| run["jobID"].as_str().map(str::to_owned)).collect()
}

/// The one record of a minor.
fn the_record(world: &TestWorld, minor: &str) -> (String, Value) {
    let mut found: Vec<_> =
        records(world).into_iter().filter(|(path, _)| path.contains(&format!("ocp-test-result-{minor}."))).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// What the program says without ids, which differ from world to world.
fn without_ids(text: &str) -> String {
    let is_id = |part: &str| part.len() == 36 && part.bytes().filter(|byte| *byte == b'-').count() == 4;
    let shown = |part| if is_id(part) { "ID" } else { part };
    text.lines().map(|line| line.split(' ').map(shown).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}
