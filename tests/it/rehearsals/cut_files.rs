//! State files at every point of their way: each is cut after each of its tasks, as if the others had not begun.
//!
//! Wherever a release stands, `status`, `plan` and the state say the same of it, and a rehearsal from there ends approved
//! or with a person who can read what to do.

use std::path::PathBuf;

use oar::domain::state::overall::Overall;
use oar::domain::state::view::State;
use oar::domain::task::{Task, TaskStatus};
use serde_json::Value;

use crate::real_files::{counted, invented, real, states};
use crate::rehearsal::TestWorld;
use crate::rehearsal::whole::rehearse;

/// The text of a state file, and of the same file cut after each of its tasks; the shortest first.
fn cut(text: &str) -> Vec<String> {
    let tasks = text.find("\ntasks:\n").map_or(text.len(), |at| at + "\ntasks:\n".len());
    let is_inside = |line: &str| line.starts_with([' ', '-']) || line.trim().is_empty();
    let list: usize = text[tasks..].split_inclusive('\n').take_while(|line| is_inside(line)).map(str::len).sum();
    let (head, list, tail) = (&text[..tasks], &text[tasks..tasks + list], &text[tasks + list..]);
    let mut entries: Vec<String> = Vec::new();
    for line in list.split_inclusive('\n') {
        match entries.last_mut() {
            Some(entry) if !line.starts_with("- ") => entry.push_str(line),
            Some(_) | None => entries.push(line.to_owned()),
        }
    }
    let reset = |entry: &String| {
        let name = entry.lines().next().unwrap_or_default();
        format!("{name}\n  status: Not Started\n  started_at: null\n  completed_at: null\n  result: null\n")
    };
    let after = |kept: usize| -> String {
        let tasks = entries.iter().enumerate();
        let tasks: String =
            tasks.map(|(place, entry)| if place < kept { entry.clone() } else { reset(entry) }).collect();
        format!("{head}{tasks}{tail}")
    };
    (0..=entries.len()).map(after).collect()
}

/// The document that a command printed.
fn document(output: &str) -> Value {
    let begin = output.find('{').unwrap_or_else(|| panic!("no document in\n{output}"));
    let mut documents = serde_json::Deserializer::from_str(&output[begin..]).into_iter::<Value>();
    documents.next().expect("a document").expect("JSON")
}

/// What `status`, `plan` and the state say of a release is the same.
async fn all_agree(name: &str, text: &str) {
    let world = TestWorld::from_state_file(text).await.without_programs();
    let release = world.release.to_string();
    let state = State::parse(text, Some(&world.release)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let status = document(&world.oar_about(&release, "status --json").await);
    let plan = document(&world.oar_about(&release, "plan --json").await);

    let overall = Overall::of(state.flow(), |task| state.status(task)).as_str();
    assert_eq!(status["overall_status"], overall, "{name}: status");
    assert_eq!(plan["overall"], overall, "{name}: plan");
    for task in Task::tracked(state.flow()) {
        let stored = state.status(task);
        assert_eq!(status["task_map"][task.name()], stored.as_str(), "{name}: {task} in status");
        let conditions = plan["conditions"].as_array().expect("conditions");
        let about: Vec<&Value> = conditions.iter().filter(|one| one["task"] == task.name()).collect();
        let passed = plan["passed"].as_array().is_some_and(|all| all.iter().any(|one| *one == task.name()));
        assert_eq!(passed, stored == TaskStatus::Pass, "{name}: {task} in plan");
        if passed {
            assert!(about.is_empty(), "{name}: {task} passed and has a condition: {about:?}");
        } else {
            assert_eq!(about.len(), 1, "{name}: {task} has one condition: {about:?}");
            assert_eq!(about[0]["status"], stored.as_str(), "{name}: {task}");
        }
    }
    let standing = |plan: &Value| -> Vec<(Value, Value)> {
        let conditions = plan["conditions"].as_array().expect("conditions");
        conditions.iter().map(|one| (one["task"].clone(), one["standing"].clone())).collect()
    };
    assert_eq!(standing(&status["plan"]), standing(&plan), "{name}");
    world.finish();
}

/// A rehearsal from here ends approved, or with a person who can read what to do.
async fn goes_on(name: &str, text: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.yaml");
    std::fs::write(&file, text).expect("a file");
    let rehearsed = rehearse(&["--small", "--from", &file.display().to_string()]).await;
    let asks = |mark: &str| rehearsed.output.lines().any(|line| line.starts_with(mark));
    let named = match rehearsed.exit {
        0 => true,
        4 => asks("person:") || asks("FAILED:"),
        5 => asks("FAILED:"),
        _ => false,
    };
    assert!(named, "{name}:\n{}", rehearsed.output);
}

#[test]
fn a_cut_file_keeps_what_stands_before_and_after_its_tasks() {
    let text = std::fs::read_to_string(invented("statebox/4.20/4.20.91.yaml")).expect("a file");
    let versions = cut(&text);
    assert_eq!(versions.last(), Some(&text));
    let begun = |text: &String| {
        let state = State::parse(text, None).expect("a state");
        state.tasks().iter().filter(|entry| entry.status.known() != Some(TaskStatus::NotStarted)).count()
    };
    let counts: Vec<usize> = versions.iter().map(begun).collect();
    assert!(counts.first() == Some(&0) && counts.is_sorted() && counts.last() > Some(&2), "{counts:?}");
}

#[tokio::test]
async fn status_plan_and_state_agree_wherever_an_invented_release_stands() {
    let text = std::fs::read_to_string(invented("statebox/4.20/4.20.91.yaml")).expect("a file");
    for (kept, version) in cut(&text).iter().enumerate() {
        all_agree(&format!("4.20.91 cut after {kept} tasks"), version).await;
    }
}

#[tokio::test]
async fn a_rehearsal_from_a_cut_file_ends_approved_or_with_a_person() {
    let text = std::fs::read_to_string(invented("statebox/4.20/4.20.91.yaml")).expect("a file");
    for (kept, version) in cut(&text).iter().enumerate().skip(2).step_by(5) {
        goes_on(&format!("4.20.91 cut after {kept} tasks"), version).await;
    }
}

mod long {
    use super::*;

    async fn every_version(files: Vec<PathBuf>) -> usize {
        let mut versions = 0;
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a file");
            for (kept, version) in cut(&text).iter().enumerate() {
                let name = format!("{} cut after {kept} tasks", file.display());
                all_agree(&name, version).await;
                goes_on(&name, version).await;
                versions += 1;
            }
        }
        versions
    }

    #[tokio::test]
    async fn every_version_of_every_invented_file_goes_on_and_is_described_in_one_way() {
        assert!(every_version(states(&invented("statebox"))).await > 30);
    }

    #[tokio::test]
    async fn every_version_of_every_real_file_goes_on_and_is_described_in_one_way() {
        let Some(folder) = real("data/statebox") else { return };
        counted(every_version(states(&folder)).await, "versions of state files");
    }
}
