//! Files of releases: read, written back byte for byte, judged as recorded. Invented ones are always here, real
//! ones where [`crate::real_files`] finds them.

use std::path::Path;

use insta::assert_snapshot;
use oar::domain::acceptance::{AcceptancePolicy, judge};
use oar::domain::ids::BuildNumber;
use oar::domain::job_trace;
use oar::domain::state::document::{Map, Node, Scalar};
use oar::domain::state::emitter::emit;
use oar::domain::state::view::State;
use oar::domain::state::{oddities, reader};
use oar::domain::task::{JobSystem, Task, TaskStatus};
use oar::planner::old_fail::{self, FailCause};

use crate::real_files::{counted, invented, real, states};

/// Name and text of every invented state file, in order.
fn invented_states() -> Vec<(String, String)> {
    texts(&invented("statebox"))
}

/// The same of the real ones; none only where they are absent, which is noted.
pub(crate) fn real_states() -> Vec<(String, String)> {
    let Some(folder) = real("data/statebox") else { return Vec::new() };
    let found = texts(&folder);
    counted(found.len(), "state files");
    found
}

fn texts(folder: &Path) -> Vec<(String, String)> {
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    states(folder).iter().map(|path| (name(path), std::fs::read_to_string(path).expect("a text"))).collect()
}

fn node_of(value: &serde_json::Value) -> Node {
    match value {
        serde_json::Value::Null => Node::null(),
        serde_json::Value::Bool(value) => Node::bool(*value),
        serde_json::Value::Number(number) => Node::int(number.as_i64().expect("an integer")),
        serde_json::Value::String(text) => Node::text(text),
        serde_json::Value::Array(items) => Node::List(items.iter().map(node_of).collect()),
        serde_json::Value::Object(map) => {
            Node::Map(Map { entries: map.iter().map(|(key, value)| (Scalar::text(key), node_of(value))).collect() })
        }
    }
}

/// The three places in which a vector shows its text.
pub(crate) fn as_value(text: &str) -> Node {
    Node::Map(Map::from([("k", Node::text(text)), ("z", Node::int(1))]))
}

pub(crate) fn in_list(text: &str) -> Node {
    Node::Map(Map::from([("l", Node::List(vec![Node::text(text)])), ("z", Node::int(1))]))
}

pub(crate) fn nested(text: &str) -> Node {
    let task = Map::from([("name", Node::text("n")), ("result", Node::text(text))]);
    Node::Map(Map::from([("tasks", Node::List(vec![Node::Map(task)])), ("z", Node::int(1))]))
}

fn written_back_byte_for_byte(states: Vec<(String, String)>) {
    for (name, text) in states {
        let release = name.parse().expect("a release");
        let state = State::parse(&text, Some(&release)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(state.to_yaml(), text, "{name}");
    }
}

#[test]
fn every_invented_state_is_written_back_byte_for_byte() {
    written_back_byte_for_byte(invented_states());
}

#[test]
fn every_real_state_is_written_back_byte_for_byte() {
    written_back_byte_for_byte(real_states());
}

#[test]
fn every_vector_is_written_and_read_as_the_original_does() {
    let Some(path) = real("data/statebox-vectors/emitter.json") else { return };
    let vectors: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("a text")).expect("vectors");
    for vector in vectors["scalars"].as_array().expect("a list") {
        let text = vector["value"].as_str().expect("a text");
        for (node, key) in [(as_value(text), "as_value"), (in_list(text), "in_list"), (nested(text), "nested")] {
            let wanted = vector[key].as_str().expect("a text");
            assert_eq!(emit(&node), wanted, "{key} of {text:?}");
            assert_eq!(reader::read(wanted).as_ref(), Ok(&node), "{key} of {text:?}");
        }
    }
    for vector in vectors["documents"].as_array().expect("a list") {
        let (node, wanted) = (node_of(&vector["value"]), vector["yaml"].as_str().expect("a text"));
        assert_eq!(emit(&node), wanted);
        assert_eq!(reader::read(wanted), Ok(node));
    }
}

fn oddities_of(states: &[(String, String)]) -> Vec<String> {
    let of_one = |(name, text): &(String, String)| {
        let state = State::parse(text, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = oddities::oddities(&state).into_iter();
        found.map(|oddity| format!("{name}: {oddity}")).collect::<Vec<_>>()
    };
    states.iter().flat_map(of_one).collect()
}

#[test]
fn the_oddities_of_invented_states_are_reported_and_not_repaired() {
    assert_snapshot!(oddities_of(&invented_states()).join("\n"), @"
    4.20.94: line 37: image-consistency-check is In Progress and has completed_at
    4.20.94: line 37: image-consistency-check started at 2026-03-17T12:56:22Z, after it was completed at 2026-03-17T12:26:22Z
    ");
}

#[test]
fn the_oddities_of_real_states_are_reported_and_not_repaired() {
    let states = real_states();
    if states.is_empty() {
        return;
    }
    let found = oddities_of(&states);
    let known = "4.15.65: line 56: image-consistency-check started at";
    assert!(found.iter().any(|line| line.starts_with(known)), "{found:#?}");
}

#[test]
fn the_running_jobs_of_invented_states_are_recognised_in_their_texts() {
    let text = std::fs::read_to_string(invented("statebox/4.20/4.20.94.yaml")).expect("a text");
    assert_eq!(job_trace::stage_build(&text), Some(BuildNumber::new(1674)));
    let job = "0b1d7a5e-1111-4222-8333-abcdefabcdef".to_owned();
    assert_eq!(job_trace::consistency_job(&text), Some((JobSystem::Prow, job)));
}

#[test]
fn the_running_jobs_of_real_states_are_recognised_in_their_texts() {
    let Some(folder) = real("data/statebox") else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a state file");
    for (name, build) in [("4.12/4.12.93.yaml", 1674), ("4.17/4.17.55.yaml", 1673), ("4.16/4.16.62.yaml", 1605)] {
        assert_eq!(job_trace::stage_build(&read(name)), Some(BuildNumber::new(build)), "{name}");
    }
    let job = "bef9b82c-0064-4017-a497-afdca27ffe67".to_owned();
    assert_eq!(job_trace::consistency_job(&read("4.17/4.17.55.yaml")), Some((JobSystem::Prow, job)));
    counted(3, "state files");
}

/// The cause of every Fail of these files is read from its stored text.
fn fails_have_their_causes(folder: &Path, expected: &[(&str, Task, FailCause)]) {
    for (file, task, cause) in expected {
        let text = std::fs::read_to_string(folder.join(file)).expect("a state file");
        let state = State::parse(&text, None).expect("a state");
        assert_eq!(state.status(*task), TaskStatus::Fail, "{file} {task}");
        let result = state.task(*task).and_then(|entry| entry.result).unwrap_or_default();
        assert_eq!(old_fail::classify(&result), *cause, "{file} {task}");
    }
}

#[test]
fn the_fail_of_an_invented_state_has_its_cause() {
    let expected = [("4.20/4.20.93.yaml", Task::ChangeAdvisoryStatus, FailCause::TimedOut)];
    fails_have_their_causes(&invented("statebox"), &expected);
}

#[test]
fn no_fail_of_the_real_states_is_of_a_kind_that_nobody_knows() {
    let states = real_states();
    if states.is_empty() {
        return;
    }
    let mut counts = std::collections::BTreeMap::new();
    for (name, text) in states {
        let state = State::parse(&text, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        for entry in state.tasks().iter().filter(|entry| entry.status.known() == Some(TaskStatus::Fail)) {
            let cause = old_fail::classify(entry.result.as_deref().unwrap_or_default());
            *counts.entry(format!("{cause:?}")).or_insert(0) += 1;
        }
    }
    let wanted = [("JobFailed", 1), ("Permanent", 3), ("TimedOut", 2)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), wanted.map(|(cause, n)| (cause.to_owned(), n)));
}

#[test]
fn every_fail_of_the_real_states_has_its_cause() {
    let Some(folder) = real("data/statebox") else { return };
    let expected = [
        ("4.12/4.12.84.yaml", Task::ChangeAdvisoryStatus, FailCause::TimedOut),
        ("4.12/4.12.90.yaml", Task::ChangeAdvisoryStatus, FailCause::Permanent),
        ("4.20/4.20.10.yaml", Task::ChangeAdvisoryStatus, FailCause::TimedOut),
        ("4.21/4.21.0-rc.1.yaml", Task::StageTesting, FailCause::JobFailed),
        ("4.22/4.22.0-rc.4.yaml", Task::CheckCveTrackerBug, FailCause::Permanent),
        ("4.22/4.22.0-rc.4.yaml", Task::ImageConsistencyCheck, FailCause::Permanent),
    ];
    fails_have_their_causes(&folder, &expected);
    counted(expected.len(), "failed tasks");
}

#[test]
fn what_invented_records_mean_for_a_release() {
    let folder = invented("record");
    let registry = std::fs::read_to_string(folder.join("ocp-4.20-test-jobs-amd64.json")).expect("a registry");
    let verdict = |last: u32| {
        let build = format!("4.20.0-0.nightly-2026-03-15-01243{last}");
        let path = folder.join(format!("ocp-test-result-{build}-amd64.json"));
        let record = std::fs::read_to_string(path).expect("a record");
        format!("{:?}", judge(&build, Some(&record), Some(&registry), AcceptancePolicy::Strict))
    };
    assert_snapshot!((1..=6).map(verdict).collect::<Vec<_>>().join("\n"), @r#"
    Accepted { summary: "3 of 3 required jobs passed", jobs: 3 }
    Accepted { summary: "3 of 3 required jobs passed", jobs: 3 }
    Rejected { summary: "2 of 3 required jobs passed", failed: ["periodic-ci-example-release-4.20-azure-f999"] }
    Aggregating { missing: ["periodic-ci-example-release-4.20-azure-f999"] }
    Aggregating { missing: ["periodic-ci-example-release-4.20-gcp-f999"] }
    Accepted { summary: "promoted by a person (3 jobs recorded)", jobs: 3 }
    "#);
}
