//! What the commands say about files, well and badly written.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;

const GOOD: &str = "schema_version: '1.0'\nrelease: 4.99.1\ncreated_at: '2026-01-01T00:00:00Z'\n\
    updated_at: '2026-01-01T00:00:00Z'\nmetadata:\n  jira_ticket: null\ntasks:\n- name: stage-testing\n  status: Pass\n  \
    started_at: '2026-01-01T00:00:00Z'\n  completed_at: '2026-01-01T01:00:00Z'\n  result: null\nissues: []\n";

fn on(text: &str, command: fn(Vec<PathBuf>) -> StateCommand) -> (Exit, String, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("4.99.1.yaml");
    std::fs::write(&path, text).unwrap();
    let Printed { exit, out, err } = on_files(&command(vec![path.clone()]), AnswerForm::Text);
    let plain = |text: &Styled| format!("{text}\n").replace(&path.display().to_string(), "FILE");
    let out = out.map(|answer| match answer {
        PrintedAnswer::Text(text) => plain(&text),
        PrintedAnswer::Json(json) => panic!("{json}"),
    });
    let err = err.iter().map(plain).collect();
    (exit, out.unwrap_or_default(), err, std::fs::read_to_string(&path).unwrap())
}

fn json_of(answer: Option<PrintedAnswer>) -> String {
    let Some(PrintedAnswer::Json(json)) = answer else { panic!("{answer:?}") };
    json
}

fn fmt(files: Vec<PathBuf>) -> StateCommand {
    StateCommand::Fmt { check: false, files }
}

fn fmt_check(files: Vec<PathBuf>) -> StateCommand {
    StateCommand::Fmt { check: true, files }
}

#[test]
fn a_file_in_the_common_form_needs_no_formatting() {
    assert_eq!(on(GOOD, fmt_check), (Exit::Done, String::new(), String::new(), GOOD.to_owned()));
    assert_eq!(on(GOOD, fmt).3, GOOD);
}

#[test]
fn fmt_check_shows_the_first_line_that_would_change_and_changes_nothing() {
    let other = GOOD.replace("release: 4.99.1", "release: '4.99.1'");
    let (exit, out, err, left) = on(&other, fmt_check);
    assert_eq!((exit, err.as_str()), (Exit::Failed, ""));
    assert_eq!(out, "FILE:2: \"release: '4.99.1'\" would be \"release: 4.99.1\"\n");
    assert_eq!(left, other);
    assert_eq!(on(&other, fmt).3, GOOD);
}

#[test]
fn a_broken_file_is_explained_and_left_alone() {
    for (broken, why) in [
        (
            GOOD.replace("release: 4.99.1", "release: 4.99"),
            "line 2: release is a decimal number (4.99), but must be text",
        ),
        (GOOD.replace("issues: []", "tasks: []"), "line 13: the key \"tasks\" stands twice in one mapping"),
        (
            GOOD.replace("release: 4", "<<<<<<< HEAD\nrelease: 4"),
            "line 2: a merge conflict begins here (<<<<<<<): keep one side and remove the markers",
        ),
        (GOOD.replace("  status", "\tstatus"), "line 9: a tab where YAML allows only spaces"),
        (GOOD.replace("4.99.1", "4.99.2"), "line 2: the file says release 4.99.2, but 4.99.1 was asked for"),
        (GOOD.replace("'1.0'", "'2.0'"), "line 1: schema_version is \"2.0\"; this program works on 1.x"),
        (String::new(), "line 1: the document is null, not a mapping with schema_version, release, …"),
    ] {
        let (exit, out, err, left) = on(&broken, fmt);
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
        assert_eq!(left, broken);
        let lines: Vec<&str> = err.lines().collect();
        assert_eq!(lines[..2], ["error: FILE cannot be used", &format!("  why:  {why}")]);
        assert!(lines[2].starts_with("  next: "), "{err}");
    }
}

#[test]
fn what_is_wrong_or_missing_is_reported_with_the_line_of_the_nearest_thing() {
    for (broken, why) in [
        (
            GOOD.replace("  status: Pass\n", ""),
            "line 8: the key tasks[0].status is missing in the mapping that begins here",
        ),
        (GOOD.replace("release: 4.99.1\n", ""), "line 1: the key release is missing in the mapping that begins here"),
        (
            GOOD.replace("issues: []", "issues:\n- {}"),
            "line 13: the key issues[0].issue is missing in the mapping that begins here",
        ),
        (GOOD.replace("issues: []", "issues: {}"), "line 13: issues is a mapping, but must be a list"),
        (GOOD.replace("result: null", "result: []"), "line 12: tasks[0].result is a list, but must be text"),
        (GOOD.replace("4.99.1", "four"), "line 2: release: "),
        ("- a\n".to_owned(), "line 1: the document is a list, not a mapping"),
        (GOOD.replace("- name: stage-testing\n  status", "- name: stage-testing\n   status"), "line 9: "),
    ] {
        let (exit, _, err, _) = on(&broken, |files| StateCommand::Check { files });
        assert_eq!(exit, Exit::Usage, "{broken}");
        assert!(err.contains(&format!("  why:  {why}")), "{why}: {err}");
    }
}

#[test]
fn what_is_odd_about_a_task_is_reported_with_its_line() {
    let odd = GOOD.replace("  completed_at: '2026-01-01T01:00:00Z'\n", "");
    let (_, out, _, _) = on(&odd, |files| StateCommand::Check { files });
    assert!(out.contains("  line 8: stage-testing is Pass and has no completed_at\n"), "{out}");
}

#[test]
fn show_tells_where_the_release_stands() {
    let (exit, out, _, _) = on(GOOD, |files| StateCommand::Show { files });
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        out,
        "4.99.1 (Konflux): Green, updated 2026-01-01T00:00:00Z\n  release date  -\n  jira ticket   -\n  advisories    -\n  \
         shipment      -\n  stage-testing              Pass         2026-01-01T00:00:00Z .. 2026-01-01T01:00:00Z\n"
    );
}

#[test]
fn json_of_a_foreign_file_is_masked() {
    let token = "glpat-abcdefghij0123456789";
    let foreign = GOOD.replace("result: null", &format!("result: {token} of somebody@example.org"));
    let state = State::parse(&foreign, None).unwrap();
    let shown = json_of(Some(show(&state, AnswerForm::Json)));
    assert!(!shown.contains(token) && !shown.contains("somebody@"), "{shown}");
    for odd in
        [foreign.replace("status: Pass", &format!("status: {token}")), format!("{GOOD}x: {{{token}: 1, {token}: 2}}\n")]
    {
        let (_, out, err, _) = on(&odd, |files| StateCommand::Check { files });
        assert!(!(out.clone() + &err).contains(token), "{out}{err}");
    }
}

#[test]
fn check_tells_what_a_cut_file_lacks() {
    let cut = GOOD.split("issues:").next().unwrap();
    let (exit, out, _, _) = on(cut, |files| StateCommand::Check { files });
    assert_eq!(exit, Exit::Done);
    assert!(out.contains("issues is missing; the end of the file may have been cut off"), "{out}");
}

#[test]
fn check_names_what_is_odd() {
    let odd = GOOD.replace("status: Pass", "status: Paused");
    let (exit, out, _, _) = on(&odd, |files| StateCommand::Check { files });
    assert_eq!(exit, Exit::Usage);
    assert_eq!(
        out,
        "FILE: not usable, 1 thing is odd\n  line 9: stage-testing has the status \"Paused\", which is none of Not \
         Started, In Progress, Pass, Fail\n"
    );
}

#[test]
fn check_names_the_line_of_a_mistyped_status_and_what_was_meant() {
    for (spelled, meant) in [("fail", "Fail"), ("Passed", "Pass"), ("in-progress", "In Progress")] {
        let odd = GOOD.replace("status: Pass", &format!("status: {spelled}"));
        let (exit, out, _, _) = on(&odd, |files| StateCommand::Check { files });
        assert_eq!(exit, Exit::Usage);
        assert!(out.contains("line 9: ") && out.ends_with(&format!("did you mean {meant}?\n")), "{out}");
    }
}

#[test]
fn check_names_the_line_of_a_time_that_cannot_be_read_and_how_it_is_written() {
    let odd = GOOD.replace("completed_at: '2026-01-01T01:00:00Z'", "completed_at: yesterday");
    let odd = odd.replace("jira_ticket: null", "release_date: 10 June");
    let (exit, out, _, _) = on(&odd, |files| StateCommand::Check { files });
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        out,
        "FILE: ok, 2 things are odd\n  line 11: completed_at of stage-testing is \"yesterday\"; write it like \
         2026-03-25T06:00:00Z\n  line 6: release_date is \"10 June\"; write it like 2026-Mar-25 or 2026-03-25\n"
    );
}

#[test]
fn as_json_a_check_tells_every_file_in_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("4.99.1.yaml"), GOOD).unwrap();
    std::fs::write(path("bad.yaml"), "").unwrap();
    let printed =
        on_files(&StateCommand::Check { files: vec![path("4.99.1.yaml"), path("bad.yaml")] }, AnswerForm::Json);
    let json: Value = serde_json::from_str(&json_of(printed.out)).unwrap();
    assert_eq!((printed.exit, &json["ok"]), (Exit::Usage, &json!(false)));
    let usable: Vec<_> = json["files"].as_array().unwrap().iter().map(|file| file["usable"].clone()).collect();
    assert_eq!(usable, [json!(true), json!(false)]);
    assert_eq!(json["files"][0]["oddities"], json!([]));
    assert!(json["files"][1]["why"].as_str().unwrap().contains("not a mapping"), "{json}");
}
