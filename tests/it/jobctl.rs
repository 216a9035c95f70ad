//! `jobctl evaluate` and `jobctl registry check` as people and programs call them, on files of this machine.

use std::path::Path;

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::real_files::invented;
use crate::real_program::run_bare;

const GOOD: &str = "ocp-test-result-4.19.0-0.nightly-2026-03-16-000002-amd64.json";
const DAMAGED: &str = "ocp-test-result-4.19.0-0.nightly-2026-03-16-000008-amd64.json";

fn path(name: &str) -> String {
    invented("record").join(name).display().to_string()
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    std::fs::write(folder.path().join(name), text).expect("a file");
    folder.path().join(name).display().to_string()
}

/// A text in which files are named without their folder.
fn without_folder(text: &str, folder: &Path) -> String {
    text.replace(&format!("{}/", folder.display()), "").replace(&folder.display().to_string(), "FOLDER")
}

#[tokio::test]
async fn records_are_judged_without_any_credential() {
    let latest = path("ocp-latest-4.19-nightly-amd64.json");
    let registry = path("ocp-4.19-test-jobs-amd64.json");
    let text = run_bare(&["jobctl", "evaluate", &path(GOOD), &latest]).await.exits(0);
    assert!(text.out.contains("REJECTED, 3 of 3 required jobs ran"), "{text:?}");
    let one =
        run_bare(&["jobctl", "evaluate", "--policy", "compat", "--registry", &registry, &path(GOOD)]).await.exits(0);
    assert!(one.out.contains("REJECTED, 3 of 3") && !one.out.contains("by the older rule"), "{one:?}");
    let table = run_bare(&["jobctl", "evaluate", "--format", "tsv", &path(GOOD), &path(DAMAGED)]).await.exits(5);
    assert_eq!(table.out.lines().count(), 3, "{table:?}");
    assert!(table.out.contains("\tDAMAGED\t-\n"), "{table:?}");
    assert_eq!(
        without_folder(&table.err, &invented("record")),
        format!("{DAMAGED}: DAMAGED: the test record is unusable: no JSON (trailing comma at line 7 column 7)\n")
    );
    let other = path("ocp-4.20-test-jobs-amd64.json");
    let other = run_bare(&["jobctl", "evaluate", "--registry", &other, &path(GOOD)]).await.exits(5);
    assert!(other.out.contains("the job registry is of 4.20 amd64"), "{other:?}");
}

#[tokio::test]
async fn registries_are_checked_without_any_credential() {
    let registry = path("ocp-4.19-test-jobs-amd64.json");
    run_bare(&["jobctl", "registry", "check", &registry]).await.exits(0);
    run_bare(&["jobctl", "registry", "check", &path(GOOD)]).await.exits(5);
    run_bare(&["jobctl", "registry", "check", "no-such-file.json", &registry]).await.exits(2);
    let folder = invented("record").display().to_string();
    let all = run_bare(&["jobctl", "registry", "check", &folder]).await.exits(0);
    let named: Vec<_> = all.out.lines().filter_map(|line| line.rsplit('/').next()).collect();
    assert_eq!(
        named,
        [
            "ocp-4.19-test-jobs-amd64.json: ok",
            "ocp-4.20-test-jobs-amd64.json: 2 warnings",
            "  warning: stable, job 1 (periodic-ci-example-release-4.20-aws-f999): upgrade is true, but its name is not that of an upgrade",
            "  warning: stable, job 2 (periodic-ci-example-release-4.20-azure-f999): upgrade is true, but its name is not that of an upgrade",
        ]
    );
}

#[tokio::test]
async fn a_wrong_command_line_is_named_and_judges_nothing() {
    for line in [
        &["evaluate"][..],
        &["evaluate", "--policy", "lax", GOOD],
        &["evaluate", "--format", "xml", GOOD],
        &["evaluate", "--registry", "a.json", "--registry-history", "b", GOOD],
        &["evaluate", "--registry", "no-such-file.json", &path(GOOD)],
        &["evaluate", "--registry-history", "no-such-folder", &path(GOOD)],
        &["registry"],
        &["registry", "look"],
        &["look"],
        &[],
    ] {
        let ended = run_bare(&[&["jobctl"], line].concat()).await.exits(2);
        let is_named = ended.err.contains("error: ") || ended.err.contains("Usage: oar jobctl");
        assert!(ended.out.is_empty() && is_named, "{line:?}: {ended:?}");
    }
    let missing = run_bare(&["jobctl", "evaluate", "no-such-file.json", &path(GOOD)]).await.exits(2);
    assert!(missing.out.starts_with("no-such-file.json: cannot be read: "), "{missing:?}");
    assert!(missing.out.contains("REJECTED, 3 of 3 required jobs ran"), "the rest goes on: {missing:?}");
    assert_eq!(missing.err, "next: check the path and its permissions; the others are judged\n");
    for command in [&["evaluate"][..], &["registry"], &["registry", "check"]] {
        let help = run_bare(&[&["jobctl"], command, &["--help"]].concat()).await.exits(0);
        assert!(help.out.contains("Usage: oar jobctl") && help.err.is_empty(), "{help:?}");
    }
}

#[tokio::test]
async fn json_is_one_object_for_one_record_and_a_list_for_several_or_a_folder() {
    let read = async |args: &[&str], exit| -> Value {
        let ended = run_bare(&[&["jobctl", "evaluate", "--json"], args].concat()).await.exits(exit);
        serde_json::from_str(&ended.out).expect("JSON and nothing else")
    };
    let one = read(&[&path(GOOD)], 0).await;
    assert_eq!(one["coverage"], json!({ "ran": 3, "required": 3 }));
    assert_eq!((&one["strict"]["decision"], &one["compat"]["decision"]), (&json!("REJECTED"), &json!("REJECTED")));
    let strict = read(&["--policy", "strict", &path(GOOD)], 0).await;
    assert!(strict["compat"].is_null() && strict["strict"].is_object(), "{strict}");
    let damaged = read(&[&path(DAMAGED)], 5).await;
    assert!(damaged["damaged"].as_str().expect("why").contains("no JSON"), "{damaged}");
    assert_eq!(read(&[&path(GOOD), &path(DAMAGED)], 5).await.as_array().map(Vec::len), Some(2));
    assert_eq!(read(&[&path("ocp-latest-4.19-nightly-amd64.json")], 0).await, json!([]));
    let folder = tempfile::tempdir().expect("a folder");
    for name in [GOOD, "ocp-4.19-test-jobs-amd64.json"] {
        std::fs::copy(path(name), folder.path().join(name)).expect("a copy");
    }
    assert_eq!(read(&[&folder.path().display().to_string()], 0).await.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_lies_beside_records_is_left_out_and_a_folder_without_any_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = write(&folder, "MANIFEST.tsv", "file\tnote\n");
    let registry = write(&folder, "ocp-4.19-test-jobs-amd64.json", r#"{"nightly":[],"stable":[]}"#);
    let named = run_bare(&["jobctl", "evaluate", &page, &registry, &path(GOOD)]).await.exits(0);
    let left_out: Vec<_> = named.out.lines().filter(|line| line.contains("left out")).collect();
    assert_snapshot!(without_folder(&left_out.join("\n"), folder.path()), @"
    MANIFEST.tsv: no test record, left out: no JSON (expected ident at line 1 column 2)
    ocp-4.19-test-jobs-amd64.json: no test record, left out: it has no list result
    ");
    let table = run_bare(&["jobctl", "evaluate", "--format", "tsv", &page, &path(GOOD)]).await.exits(0);
    assert_eq!((table.out.lines().count(), table.err.lines().count()), (2, 1), "{table:?}");
    for args in [&[folder.path().to_str().expect("a text")][..], &[&page, &registry]] {
        let none = run_bare(&[&["jobctl", "evaluate"], args].concat()).await.exits(2);
        assert!(none.err.contains("there is no test record among what was named"), "{none:?}");
    }
    // A record may lie under any name.
    let copy = write(&folder, "copy", &std::fs::read_to_string(path(GOOD)).expect("a text"));
    let copy = run_bare(&["jobctl", "evaluate", "--registry", &registry, &copy]).await.exits(0);
    assert!(copy.out.contains("copy: NO_POLICY"), "{copy:?}");
    let damaged = write(&folder, "copy.json", "{");
    run_bare(&["jobctl", "evaluate", &damaged]).await.exits(5);
}

#[tokio::test]
async fn nothing_is_said_of_other_records_where_none_is_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = write(&folder, "MANIFEST.tsv", "file\tnote\n");
    let unjudged = write(&folder, GOOD, &std::fs::read_to_string(path(GOOD)).expect("a text"));
    for others in [&[""; 0][..], &["nor-this.json"], &[&page], &[&unjudged]] {
        let args = [&["jobctl", "evaluate", "no-such-file.json"][..], others].concat();
        let ended = run_bare(&args).await.exits(2);
        assert_eq!(ended.err, "next: check the path and its permissions\n", "{args:?}");
    }
}

#[tokio::test]
async fn records_without_any_registry_do_not_look_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(path(GOOD)).expect("a text");
    let alone = write(&folder, GOOD, &text);
    for args in [&[][..], &["--json"], &["--format", "tsv"]] {
        let ended = run_bare(&[&["jobctl", "evaluate", &alone], args].concat()).await.exits(4);
        assert!(ended.out.contains("NO_POLICY") && ended.err.contains("next: name a registry"), "{ended:?}");
    }
    let both = run_bare(&["jobctl", "evaluate", &alone, &path(GOOD)]).await.exits(0);
    assert!(both.out.contains("NO_POLICY") && both.out.contains("REJECTED"), "the other one is judged: {both:?}");
    run_bare(&["jobctl", "evaluate", &alone, "--registry", &path("ocp-4.19-test-jobs-amd64.json")]).await.exits(0);
}

/// A folder with 1000 entries: two registries, one of them with a flag as text, a record that is judged by that one, one
/// with a state that nobody knows, one with an empty run, one that somebody edited by hand; the others are good.
fn thousand_entries() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder, "ocp-4.97-test-jobs-amd64.json", r#"{"nightly":[],"stable":[{"prowJob":"a"},{"prowJob":"b"}]}"#);
    write(&folder, "ocp-4.98-test-jobs-amd64.json", r#"{"nightly":[],"stable":[{"prowJob":"a","disabled":"false"}]}"#);
    let passed = json!({ "jobID": "1", "jobState": "success", "jobCompletionTime": "2026-01-01T03:00:00Z" });
    let record = |build: &str, first: &Value| {
        let jobs = json!([{ "jobName": "a", "firstJob": first }, { "jobName": "b", "firstJob": passed }]);
        let text = json!({ "result": jobs, "build": { "name": build } }).to_string();
        let text = if build == "4.97.3" { text.replace("}],", "},],") } else { text };
        write(&folder, &format!("ocp-test-result-{build}-amd64.json"), &text);
    };
    record("4.98.0", &passed);
    record("4.97.1", &json!({ "jobID": "1", "jobState": "limbo" }));
    record("4.97.2", &json!({}));
    for patch in 3..=996 {
        record(&format!("4.97.{patch}"), &passed);
    }
    record("4.97.0", &passed);
    folder
}

#[tokio::test]
async fn bad_input_among_a_thousand_entries_costs_a_line_each_and_the_rest_goes_on() {
    let folder = thousand_entries();
    let all = folder.path().to_str().expect("a text");
    let text = run_bare(&["jobctl", "evaluate", "--policy", "strict", all]).await.exits(5);
    let odd = text.out.lines().filter(|line| !line.contains(": ACCEPTED, 2 of 2") && !line.contains("  decided: "));
    assert_snapshot!(without_folder(&odd.collect::<Vec<_>>().join("\n"), folder.path()), @r#"
    ocp-test-result-4.97.1-amd64.json: IN_PROGRESS, 2 of 2 required jobs ran
      RUNNING         R     a: its first run is open
      odd: a: the state limbo is not known
    ocp-test-result-4.97.2-amd64.json: INCOMPLETE, 1 of 2 required jobs ran
      LOST            -     a: its run has no id, it was lost before it began
    ocp-test-result-4.97.3-amd64.json: DAMAGED: the test record is unusable: no JSON (trailing comma at line 1 column 222)
    ocp-test-result-4.98.0-amd64.json: DAMAGED: the job registry is unusable: stable, job 1 (a): disabled is “"false"”, neither true nor false
    998 records: 994 ACCEPTED, 2 DAMAGED, 1 INCOMPLETE, 1 IN_PROGRESS
    "#);
    assert_snapshot!(without_folder(&text.err, folder.path()), @"note: FOLDER has 1000 entries; programs that read GitHub's list of it see at most 1000");
    let table = run_bare(&["jobctl", "evaluate", "--format", "tsv", all]).await.exits(5);
    assert_eq!((table.out.lines().count(), table.err.lines().count()), (999, 3), "{}", table.err);
    let json = run_bare(&["jobctl", "--json", "evaluate", all]).await.exits(5);
    let json: Value = serde_json::from_str(&json.out).expect("JSON");
    let damaged = json.as_array().expect("a list").iter().filter(|one| !one["damaged"].is_null());
    assert_eq!(damaged.count(), 2);
}

#[tokio::test]
async fn the_same_call_gives_the_same_bytes_and_the_same_exit() {
    let (folder, versions) = (path(""), path("versions"));
    for args in [
        &["evaluate", &folder][..],
        &["evaluate", "--registry-history", &versions, &folder],
        &["evaluate", "--format", "tsv", &folder],
        &["evaluate", "--json", &folder],
        &["registry", "check", &folder],
        &["registry", "check", "--json", &folder],
    ] {
        let line = [&["jobctl"], args].concat();
        let (once, again) = (run_bare(&line).await, run_bare(&line).await);
        assert_eq!((once.code, once.out, once.err), (again.code, again.out, again.err), "{line:?}");
    }
}
