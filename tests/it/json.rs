//! What `--json` prints fits the documents of the reference, and is nothing but one document.

use oar::domain::task::Task;
use oar::render::documents::reference;
use oar::sim::facts::prow::CONSISTENCY;
use serde_json::Value;

use crate::published::schema::faults;
use crate::real_files::invented;
use crate::real_program::{Ended, ProgramWorld, run_bare};

/// What in `json` the schema of that document does not allow.
fn faults_of(name: &str, json: &Value) -> Vec<String> {
    let document = reference::all().into_iter().find(|document| document.name == name).expect("a document");
    faults(&document.schema.to_value(), json)
}

/// Reads `reported` as the document of that name.
#[track_caller]
fn fits(name: &str, ended: &Ended) -> Value {
    let json: Value = serde_json::from_str(&ended.out).unwrap_or_else(|why| panic!("no document ({why}): {ended:?}"));
    assert_eq!(faults_of(name, &json), [""; 0], "{name}\n{json:#}");
    json
}

#[tokio::test]
async fn documents_about_a_release_fit_the_reference() {
    let world = ProgramWorld::promoted(&[Task::TakeOwnership]).await;
    let required = world.home.path().join("required.json");
    std::fs::write(&required, format!("{{\"x\":[\"{CONSISTENCY}\"]}}")).expect("a file");
    let required = required.display().to_string();
    for (name, exit, command) in [
        ("task", 0, &["check-rhcos-security-alerts"] as &[&str]),
        ("task", 0, &["stage-testing", "--force", "--reason", "a test"]),
        ("task", 0, &["push-to-cdn-staging", "--check-only"]),
        ("task", 0, &["take-ownership", "-e", "lead@example.com", "--yes"]),
        ("status", 0, &["status"]),
        ("plan", 0, &["plan"]),
        ("plan", 0, &["drive", "--once"]),
        ("metadata", 0, &["metadata"]),
        ("shipped", 0, &["is-shipped"]),
        ("active-releases", 0, &["active-releases", "--all"]),
        ("issues", 0, &["issue", "add", "etcd is slow", "--no-blocker"]),
        ("issues", 0, &["issue", "resolve", "etcd", "--resolution", "fixed", "--yes"]),
        ("issues", 0, &["issue", "list"]),
        ("done", 0, &["update-task-status", "stage-testing", "Fail", "--reason", "by hand", "--yes"]),
        ("state-files", 0, &["state", "check"]),
        ("unsent", 0, &["state", "unsent"]),
        ("registries", 0, &["jobctl", "registry", "check"]),
        ("controller-pass", 0, &["jobctl", "start-controller", "--minor-release", "4.20", "--shadow"]),
        ("aggregator-pass", 0, &["jobctl", "start-aggregator", "--shadow"]),
        ("defined-tests", 0, &["job", "list"]),
        ("started-job", 0, &["job", "run", CONSISTENCY, "--yes"]),
        ("started-job", 0, &["job", "run", CONSISTENCY, "--dry-run"]),
        (
            "required-jobs",
            0,
            &["job", "run-required", "--channel", "x", "--file", &required, "--version", "4.20.17", "--yes"],
        ),
        ("error", 2, &["job", "get-results", "00000000-0000-4000-8000-000000000000"]),
        ("error", 2, &["jobctl", "promote-test-results", "--build", "4.20.999", "--reason", "a test"]),
    ] {
        let ended = world.oar(&[command, &["--json", "--no-notify"]].concat()).await;
        if ended.code != exit {
            assert!(ended.code == 3 && name == "plan", "{command:?}: {ended:?}");
        }
        fits(name, &ended);
    }
    let started: Value =
        serde_json::from_str(&world.oar(&["job", "run", CONSISTENCY, "--yes", "--json"]).await.out).expect("JSON");
    fits("job-run", &world.oar(&["job", "get-results", started["id"].as_str().expect("an id"), "--json"]).await);
    let ended = world.oar(&["image-consistency-check", "--local", "--json", "--no-notify"]).await;
    let details = fits("task", &ended)["details"].clone();
    let comparisons = details.as_array().expect("comparisons");
    assert!(!comparisons.is_empty());
    for one in comparisons {
        assert_eq!(faults_of("comparison", one), [""; 0], "{one:#}");
    }
    world.sim.shutdown().await;
}

#[tokio::test]
async fn documents_about_no_release_fit_the_reference() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(place("broken.yaml"), "tasks: 1\n").expect("a file");
    let record = |name: &str| invented("record").join(name).display().to_string();
    let (nightly, damaged) = ("0.nightly-2026-03-16-000007", "0.nightly-2026-03-16-000008");
    let [nightly, damaged] =
        [nightly, damaged].map(|name| record(&format!("ocp-test-result-4.19.0-{name}-amd64.json")));
    let evaluate = |file: &str| ["jobctl", "evaluate", file].map(str::to_owned).to_vec();
    let check = |file: String| vec!["jobctl".to_owned(), "registry".to_owned(), "check".to_owned(), file];
    for (name, exit, command) in [
        ("evaluation", 0, evaluate(&nightly)),
        ("evaluation", 5, evaluate(&damaged)),
        ("registries", 0, check(record("ocp-4.19-test-jobs-amd64.json"))),
        ("registries", 5, check(nightly.clone())),
        ("settings", 0, vec!["config".to_owned(), "show".to_owned()]),
        ("scenarios", 0, vec!["sim".to_owned(), "scenarios".to_owned()]),
        ("state-files", 2, vec!["state".to_owned(), "check".to_owned(), place("broken.yaml")]),
        ("state-files", 2, vec!["state".to_owned(), "fmt".to_owned(), place("broken.yaml")]),
        ("pages", 0, vec!["man".to_owned(), "--dir".to_owned(), place("man")]),
        ("error", 2, vec!["state".to_owned(), "cheque".to_owned()]),
        ("error", 2, vec!["status".to_owned()]),
        ("error", 6, vec!["-r".to_owned(), "4.20.17".to_owned(), "status".to_owned()]),
        ("error", 2, vec!["sim".to_owned(), "status".to_owned()]),
        ("error", 2, vec!["job".to_owned()]),
        ("rehearsal", 0, ["rehearse", "--small", "4.20.17"].map(str::to_owned).to_vec()),
    ] {
        let command: Vec<&str> = command.iter().map(String::as_str).chain(["--json"]).collect();
        let ended = run_bare(&command).await.exits(exit);
        let json = fits(name, &ended);
        if name == "error" {
            assert_eq!(json["error"]["exit"], exit);
        }
    }
}

#[test]
fn a_document_with_an_unknown_or_a_missing_field_does_not_fit() {
    let pages = |json: Value| faults_of("pages", &json);
    assert_eq!(pages(serde_json::json!({ "ok": true, "pages": [] })), [""; 0]);
    assert_eq!(pages(serde_json::json!({ "ok": true, "pages": [], "more": 1 })), ["/more is not known"]);
    assert_eq!(pages(serde_json::json!({ "ok": true })), ["/pages is missing"]);
    assert_eq!(pages(serde_json::json!({ "ok": 1, "pages": [2] })), ["/ok is no boolean", "/pages/0 is no string"]);
}
