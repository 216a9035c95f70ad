//! The original, still at work on the branch of test records: it looks once an hour, takes the newest
//! build of a minor for a new one whenever it is another, starts its jobs without a plan, reads every open record,
//! and writes it back whether or not anything has changed.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::domain::dates::stamp;
use crate::domain::release::Minor;
use crate::sim::events::Event;
use crate::sim::facts::release_controller::{Tag, latest_of};
use crate::sim::records;
use crate::sim::services::prow;
use crate::sim::world::Facts;

/// Whose commits they are.
const WHO: &str = "old-aggregator";
/// From the beginning of the world to the first look, and from one look to the next.
const FIRST: SignedDuration = SignedDuration::from_mins(15);
const EVERY: SignedDuration = SignedDuration::from_hours(1);

const BRANCH: &str = "record";
const CREATED: &str = "create new file";
const UPDATED: &str = "update file content";
const DELETED: &str = "delete file";

/// Lets it look, when the scenario has it.
pub fn hear(facts: &mut Facts, event: &Event) {
    let Some(minors) = facts.release.streams.original.clone() else { return };
    if *event == Event::Begin {
        facts.schedule_in(FIRST, Event::OriginalLooks);
    } else if *event == Event::OriginalLooks {
        for minor in minors {
            for stream in ["nightly", "stable"] {
                watch(facts, minor, stream);
            }
        }
        aggregate(facts);
        facts.schedule_in(EVERY, Event::OriginalLooks);
    }
}

/// Starts the jobs of the newest build, when that is another one than last time.
fn watch(facts: &mut Facts, minor: Minor, stream: &str) {
    let Some(tag) = newest(facts, minor, stream) else { return };
    let build = facts.release_controller.short(&tag);
    let pointer = format!("_releases/ocp-latest-{minor}-{stream}-amd64.json");
    let text = serde_json::to_string_pretty(&build).unwrap_or_default() + "\n";
    let before = facts.github.file(BRANCH, &pointer).map(ToOwned::to_owned);
    if before.as_deref() == Some(text.as_str()) {
        return;
    }
    let message = if before.is_none() { CREATED } else { UPDATED };
    facts.github.change_file(BRANCH, &pointer, Some(&text), message, WHO);
    let registry = facts.github.file("main", &records::registry_path(minor)).and_then(|text| {
        let registry: Value = serde_json::from_str(text).ok()?;
        Some(registry[stream].as_array()?.clone())
    });
    let mut result = Vec::new();
    for job in registry.iter().flatten().filter_map(|job| job["prowJob"].as_str()) {
        // One that is refused is left out for ever.
        if let Some(id) = start(facts, job, &tag.pull_spec) {
            result.push(json!({ "jobName": job, "firstJob": { "jobID": id } }));
        }
    }
    if !result.is_empty() {
        let path = records::record_path(&tag.name);
        let message = if facts.github.file(BRANCH, &path).is_none() { CREATED } else { UPDATED };
        let text = records::pretty(&json!({ "result": result, "build": build }));
        facts.github.change_file(BRANCH, &path, Some(&text), message, WHO);
    }
}

/// What the release controller says is the latest.
fn newest(facts: &Facts, minor: Minor, stream: &str) -> Option<Tag> {
    let (name, prefix) = match stream {
        "nightly" => (format!("{minor}.0-0.nightly"), String::new()),
        _ => (format!("{}-stable", minor.major()), format!("{minor}.")),
    };
    let tags = facts.release_controller.shown(&name, facts.now)?;
    latest_of(tags, &prefix, 0).cloned()
}

fn start(facts: &mut Facts, job: &str, pull_spec: &str) -> Option<String> {
    if facts.disturbances.gateway_refuses(facts.now).is_some() {
        return None;
    }
    let envs = BTreeMap::from([("RELEASE_IMAGE_LATEST".to_owned(), pull_spec.to_owned())]);
    Some(prow::start(facts, job.to_owned(), envs, BTreeMap::new(), BTreeMap::new()).id)
}

/// Reads every open record and writes it back.
fn aggregate(facts: &mut Facts) {
    let paths: Vec<String> = facts.github.branches.get(BRANCH).map_or_else(Vec::new, |branch| {
        let is_record =
            |path: &&String| path.starts_with("_releases/ocp-test-result-") && path.ends_with("-amd64.json");
        branch.files.keys().filter(is_record).cloned().collect()
    });
    for path in paths {
        let Some(mut file) = facts.github.file(BRANCH, &path).and_then(|text| serde_json::from_str::<Value>(text).ok())
        else {
            // Here it ends, and whatever stands behind this file waits.
            return;
        };
        let build = file["build"]["name"].as_str().unwrap_or_default().to_owned();
        let stream = build.rsplitn(5, '-').last().unwrap_or_default().to_owned();
        let shown = facts.release_controller.shown(&stream, facts.now);
        let is_gone = shown.is_some_and(|tags| tags.iter().all(|tag| tag.name != build));
        if build.contains("nightly") && is_gone {
            facts.github.change_file(BRANCH, &path, None, DELETED, WHO);
        } else if file["aggregated"] != true {
            read_runs(facts, &mut file);
            facts.github.change_file(BRANCH, &path, Some(&records::pretty(&file)), UPDATED, WHO);
        }
    }
}

fn read_runs(facts: &mut Facts, file: &mut Value) {
    let pull_spec = file["build"]["pullSpec"].as_str().unwrap_or_default().to_owned();
    let (mut completed, mut won) = (0, 0);
    let Some(items) = file["result"].as_array_mut() else { return };
    for item in items.iter_mut() {
        let job = item["jobName"].as_str().unwrap_or_default().to_owned();
        read_run(facts, &mut item["firstJob"]);
        let first = item["firstJob"]["jobState"].as_str().unwrap_or_default().to_owned();
        let mut retried = item["retriedJobs"].as_array().cloned().unwrap_or_default();
        if matches!(first.as_str(), "failure" | "aborted") && retried.is_empty() {
            let ids: Vec<String> = (0..2).filter_map(|_| start(facts, &job, &pull_spec)).collect();
            retried.extend(ids.into_iter().map(|id| json!({ "jobID": id })));
        }
        for run in &mut retried {
            read_run(facts, run);
        }
        let has_ended = |run: &Value| run.get("jobCompletionTime").is_some();
        let good = retried.iter().filter(|run| run["jobState"] == "success").count();
        let all = retried.iter().all(has_ended);
        completed += usize::from(has_ended(&item["firstJob"]) && all);
        won += usize::from(first == "success" || (!retried.is_empty() && all && good > retried.len() / 2));
        item["retriedJobs"] = retried.into();
    }
    let total = items.len();
    if total > 0 && completed == total {
        file["aggregated"] = true.into();
        file["accepted"] = (won == total).into();
    }
}

fn read_run(facts: &Facts, stored: &mut Value) {
    let id = stored["jobID"].as_str().unwrap_or_default().to_owned();
    let Some(run) = facts.prow.run(&id, facts.now).filter(|_| stored.get("jobCompletionTime").is_none()) else {
        return;
    };
    let Some(stored) = stored.as_object_mut() else { return };
    stored.insert("jobStartTime".to_owned(), stamp(run.started).into());
    if let Some(page) = facts.prow.page(run) {
        stored.insert("jobURL".to_owned(), page.into());
    }
    stored.insert("jobState".to_owned(), run.state.into());
    if let Some(ended) = run.ended {
        stored.insert("jobCompletionTime".to_owned(), stamp(ended).into());
    }
}
