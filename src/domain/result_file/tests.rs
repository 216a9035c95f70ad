use serde_json::{Value, json};

use super::additions::{Event, EventKind, PlanEntry, PlanState, StoredPolicy, StoredVerdict};
use super::change::{RefusedChange, ResultChange, SeenRun};
use super::name::{RecordName, ResultName, check_latest};
use super::*;
use crate::domain::build::Arch;
use crate::domain::job_registry::RegistryJob;

fn read(file: &Value) -> Result<ResultFile, BadFile> {
    ResultFile::read(&file.to_string())
}

fn record() -> Value {
    json!({
        "result": [
            {
                "jobName": "a",
                "firstJob": { "jobID": "a-1", "jobState": "failure", "jobStartTime": "2026-01-01T00:00:00Z",
                              "jobCompletionTime": "2026-01-01T02:00:00Z", "mine": [1] },
                "retriedJobs": [{ "jobID": "a-2" }, { "jobID": "a-3" }],
            },
            { "jobName": "b", "firstJob": { "jobID": "b-1", "jobState": "pending" } },
        ],
        "build": { "name": "4.99.1", "phase": "Accepted", "extra": null },
        "aggregated": true,
        "accepted": false,
        "else": { "kept": true },
    })
}

fn opened() -> ResultFile {
    read(&record()).expect("a record")
}

fn event(kind: EventKind, detail: &str) -> Event {
    let at = "2026-01-02T03:04:05Z".parse().expect("a time");
    Event { at, actor: "somebody".to_owned(), kind, detail: detail.to_owned() }
}

fn value(file: &ResultFile) -> Value {
    serde_json::from_str(&file.to_text()).expect("JSON")
}

#[test]
fn a_file_that_nobody_changed_is_written_back_byte_for_byte() {
    let text = "{\n  \"result\": [],\n  \"build\": {\n    \"name\": \"4.99.1\",\n    \"z\": 1,\n    \"a\": {}\n  },\n  \
                \"mine\": [\n    1.0,\n    null,\n    \"\\u2026 \\ud83d\\ude00 \\u007f \\\"\\\\\\n/\"\n  ]\n}";
    assert_eq!(ResultFile::read(text).expect("a record").to_text(), text);
}

#[test]
fn the_forms_of_the_first_weeks_are_read() {
    let keyed = json!({ "4.99.0-0.nightly-2024-02-29-161507": [{ "jobName": "a", "jobID": "1" }], "aggregated": true });
    let keyed = read(&keyed).expect("a record");
    assert_eq!(keyed.build().as_deref(), Some("4.99.0-0.nightly-2024-02-29-161507"));
    assert_eq!((keyed.jobs()[0].first.id, keyed.jobs()[0].first.is_finished()), (Some("1"), false));
    assert_eq!(keyed.aggregated(), Some(true));
    for build in [json!("{\n  \"name\": \"4.99.1\"\n}\n"), json!("4.99.1"), json!({ "name": "4.99.1" })] {
        let file = read(&json!({ "result": [], "build": build })).expect("a record");
        assert_eq!(file.build().as_deref(), Some("4.99.1"), "{build}");
    }
    assert_eq!(read(&json!({ "result": [] })).expect("a record").build(), None);
}

#[test]
fn runs_lack_what_was_not_known_yet() {
    let nulls = json!({ "jobName": null, "payload": null, "jobID": "1", "jobState": "pending", "jobURL": null });
    let runs = [json!({}), json!({ "jobID": "1" }), nulls];
    for first in runs {
        let file = read(&json!({ "result": [{ "jobName": "a", "firstJob": first }] })).expect("a record");
        let jobs = file.jobs();
        assert_eq!(jobs[0].first.id, first["jobID"].as_str());
        assert!(!jobs[0].first.is_finished() && jobs[0].retried.is_empty());
    }
    let file = read(&json!({ "result": [{ "jobName": "a" }, { "jobName": "b", "firstJob": null }] }));
    assert!(file.expect("a record").jobs().iter().all(|job| job.first == JobRun::default()));
}

#[test]
fn a_wrong_type_where_the_verdict_depends_on_it_is_an_error_that_names_the_place() {
    let why = |file: Value| read(&file).expect_err("it is damaged").why;
    let of_job = |job: Value| why(json!({ "result": [{ "jobName": "good" }, job] }));
    assert_eq!(why(json!([])), "it is no object");
    assert_eq!(why(json!({})), "it has no list result");
    assert_eq!(why(json!({ "result": {} })), "result is no list");
    assert_eq!(why(json!({ "result": [], "accepted": "true" })), "accepted is neither true nor false");
    assert_eq!(why(json!({ "result": [], "manual_promotion": 1 })), "manual_promotion is neither true nor false");
    assert_eq!(of_job(json!(1)), "job 2 is no object");
    assert_eq!(of_job(json!({ "firstJob": {} })), "job 2 has no jobName");
    assert_eq!(of_job(json!({ "jobName": "a", "firstJob": [] })), "job 2 has a run that is no object");
    assert_eq!(of_job(json!({ "jobName": "a", "retriedJobs": {} })), "job 2 has a retriedJobs that is no list");
    assert_eq!(of_job(json!({ "jobName": "a", "retriedJobs": ["x"] })), "job 2 has a run that is no object");
    let number = json!({ "jobName": "a", "firstJob": { "jobID": 7 } });
    assert_eq!(of_job(number), "job 2 has a run whose jobID is no text");
    let time = json!({ "jobName": "a", "firstJob": { "jobID": "7", "jobCompletionTime": true } });
    assert_eq!(of_job(time), "job 2 has a run whose jobCompletionTime is no text");
    assert!(why(json!({ "result": [], "plan": [{ "jobName": "a", "state": "done" }] })).starts_with("plan is not of"));
    assert!(why(json!({ "result": [], "registry": 1 })).starts_with("registry is not of its form"));
    let comma = ResultFile::read("{\n  \"result\": [\n  ],\n}").expect_err("it is damaged").to_string();
    assert_eq!(comma, "the test record is unusable: no JSON (trailing comma at line 4 column 1)");
}

#[test]
fn the_text_of_a_stranger_stays_on_its_line() {
    for hostile in crate::domain::foreign::tests::HOSTILE {
        let file = json!({ "result": [], "plan": [{ "jobName": "a", "state": hostile }] });
        let why = read(&file).expect_err("a state that nobody knows").to_string();
        crate::domain::foreign::tests::assert_harmless(&why, "a damaged record");
    }
}

fn begun() -> ResultFile {
    let jobs = vec![
        RegistryJob { name: "a".to_owned(), ..RegistryJob::default() },
        RegistryJob { name: "b".to_owned(), retries: Some(0), upgrade: true, ..RegistryJob::default() },
        RegistryJob { name: "c".to_owned(), disabled: true, ..RegistryJob::default() },
    ];
    let policy = StoredPolicy { digest: "sha256:1".to_owned(), jobs };
    let plan = [PlanEntry::new("a", None), PlanEntry::new("b", Some("example.com/release:4.98.1".to_owned()))];
    let build = json!({ "name": "4.99.1", "phase": "Accepted" });
    ResultFile::begin(&build, &policy, &plan, &event(EventKind::Created, "2 jobs"))
}

#[test]
fn a_record_begins_with_its_plan_its_policy_and_no_job() {
    let file = begun();
    insta::assert_snapshot!(file.to_text(), @r#"
    {
      "result": [],
      "build": {
        "name": "4.99.1",
        "phase": "Accepted"
      },
      "schema": 2,
      "registry": {
        "digest": "sha256:1",
        "jobs": [
          {
            "prowJob": "a",
            "optional": false,
            "retries": 2,
            "upgrade": false
          },
          {
            "prowJob": "b",
            "optional": false,
            "retries": 0,
            "upgrade": true
          }
        ]
      },
      "plan": [
        {
          "jobName": "a",
          "state": "planned",
          "attempts": 0
        },
        {
          "jobName": "b",
          "state": "planned",
          "attempts": 0,
          "upgrade_from": "example.com/release:4.98.1"
        }
      ],
      "events": [
        {
          "at": "2026-01-02T03:04:05Z",
          "actor": "somebody",
          "kind": "created",
          "detail": "2 jobs"
        }
      ]
    }
    "#);
    let again = ResultFile::read(&file.to_text()).expect("a record");
    assert_eq!(again, file);
    assert_eq!(again.policy().expect("a policy").jobs.len(), 2);
    assert_eq!(again.events()[0].kind, "created");
}

#[test]
fn a_planned_job_keeps_count_of_its_tries() {
    let mut file = begun();
    let change =
        |state, error: Option<&str>| ResultChange::Plan { job: "b".to_owned(), state, error: error.map(str::to_owned) };
    for (state, error) in
        [(PlanState::Refused, Some("429")), (PlanState::Uncertain, None), (PlanState::Triggered, None)]
    {
        assert_eq!(file.apply(&change(state, error)), Ok(true));
        assert_eq!(file.apply(&change(state, error)), Ok(false), "again");
    }
    let entry = &file.plan()[1];
    assert_eq!((entry.state, entry.attempts, entry.last_error.as_deref()), (PlanState::Triggered, 3, None));
    assert!(entry.upgrade_from.is_some());
    let unknown = ResultChange::Plan { job: "z".to_owned(), state: PlanState::Refused, error: None };
    let known = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(file.apply(&unknown), Err(RefusedChange::NoJob { job: "z".to_owned(), known }));
}

#[test]
fn a_job_whose_start_was_never_answered_stays_uncertain_until_its_run_is_found_or_somebody_decides() {
    let plan =
        |state, error: Option<&str>| ResultChange::Plan { job: "b".to_owned(), state, error: error.map(str::to_owned) };
    let first = ResultChange::FirstRun { job: "b".to_owned(), id: "1".to_owned(), upgrade_from: None };
    let mut file = begun();
    file.apply(&plan(PlanState::Uncertain, Some("cut"))).expect("an entry");
    assert_eq!(
        file.apply(&plan(PlanState::Refused, Some("429"))),
        Ok(false),
        "another try says nothing about this one"
    );
    assert_eq!(file.plan()[1].last_error.as_deref(), Some("cut"));
    let mut found = file.clone();
    found.apply(&first).expect("its run");
    found.apply(&plan(PlanState::Triggered, None)).expect("an entry");
    for (state, error) in [(PlanState::Planned, None), (PlanState::Refused, Some("429")), (PlanState::Uncertain, None)]
    {
        assert_eq!(found.apply(&plan(state, error)), Ok(false), "it runs");
    }
    assert_eq!(file.apply(&plan(PlanState::Planned, None)), Ok(true), "somebody decided");
    assert_eq!(file.plan()[1].attempts, 1);
}

#[test]
fn a_job_gets_one_first_run_and_a_lost_one_is_made_good() {
    let mut file = begun();
    let first = |id: &str| ResultChange::FirstRun { job: "b".to_owned(), id: id.to_owned(), upgrade_from: None };
    assert_eq!(file.apply(&first("1")), Ok(true));
    assert_eq!(file.apply(&first("1")), Ok(false));
    assert_eq!(file.apply(&first("2")), Err(RefusedChange::HasRun { job: "b".to_owned(), id: "1".to_owned() }));
    let mut lost = read(&json!({ "result": [{ "jobName": "b", "firstJob": {} }] })).expect("a record");
    assert_eq!(lost.apply(&first("3")), Ok(true));
    assert_eq!(lost.jobs()[0].first.id, Some("3"));
    let mut keyed = read(&json!({ "4.99.1": [{ "jobName": "b", "jobID": "0" }] })).expect("a record");
    assert!(keyed.apply(&first("4")).is_err(), "in the first files the item is the run");
}

#[test]
fn a_retry_stands_behind_the_others_once() {
    let mut file = opened();
    let retry = |job: &str, id: &str| ResultChange::Retry { job: job.to_owned(), id: id.to_owned() };
    assert_eq!(file.apply(&retry("b", "b-2")), Ok(true));
    assert_eq!(file.apply(&retry("b", "b-2")), Ok(false));
    assert_eq!(file.apply(&retry("a", "a-4")), Ok(true));
    let ids: Vec<_> = file.jobs().iter().flat_map(JobItem::runs).filter_map(|run| run.id.map(str::to_owned)).collect();
    assert_eq!(ids, ["a-1", "a-2", "a-3", "a-4", "b-1", "b-2"]);
    assert!(file.apply(&retry("z", "1")).is_err());
}

#[test]
fn a_look_adds_what_it_knows_and_takes_nothing_away() {
    let mut file = opened();
    let seen = |id: &str, run: SeenRun| ResultChange::Seen { id: id.to_owned(), run };
    assert_eq!(file.apply(&seen("b-1", SeenRun::default())), Ok(false), "an empty answer");
    let empty = SeenRun { state: Some(String::new()), completed: Some(String::new()), ..SeenRun::default() };
    assert_eq!(file.apply(&seen("b-1", empty)), Ok(false));
    let ended = SeenRun {
        state: Some("success".to_owned()),
        started: Some("2026-01-01T01:00:00Z".to_owned()),
        completed: Some("2026-01-01T03:00:00Z".to_owned()),
        url: Some("https://ci.example.com/1".to_owned()),
        summary: Some(json!({ "suite": { "total": 1 } })),
    };
    for id in ["b-1", "a-3"] {
        assert_eq!(file.apply(&seen(id, ended.clone())), Ok(true));
        assert_eq!(file.apply(&seen(id, ended.clone())), Ok(false));
    }
    assert!(file.jobs()[1].first.passed());
    let known = ["a-1", "a-2", "a-3", "b-1"].map(str::to_owned).to_vec();
    assert_eq!(file.apply(&seen("z", ended)), Err(RefusedChange::NoRun { id: "z".to_owned(), known }));
}

#[test]
fn a_run_that_has_ended_stays_as_it_ended_whatever_a_later_look_says() {
    let mut file = opened();
    let older = SeenRun {
        state: Some("pending".to_owned()),
        completed: Some("2027-01-01T00:00:00Z".to_owned()),
        url: Some("https://ci.example.com/1".to_owned()),
        ..SeenRun::default()
    };
    assert_eq!(file.apply(&ResultChange::Seen { id: "a-1".to_owned(), run: older }), Ok(true));
    let text = value(&file)["result"][0]["firstJob"].clone();
    let mut wanted = record()["result"][0]["firstJob"].clone();
    wanted["jobURL"] = "https://ci.example.com/1".into();
    assert_eq!(text, wanted);
}

#[test]
fn a_final_state_waits_for_its_end_and_one_that_is_none_is_put_right_by_the_next_look() {
    let look = |state: &str, completed: Option<&str>, run: SeenRun| {
        let first = json!({ "jobID": "1", "jobState": state, "jobCompletionTime": completed });
        let mut file = read(&json!({ "result": [{ "jobName": "a", "firstJob": first }] })).expect("a record");
        file.apply(&ResultChange::Seen { id: "1".to_owned(), run }).expect("its run");
        let jobs = file.jobs();
        (jobs[0].first.state.map(str::to_owned), jobs[0].first.completed.map(str::to_owned))
    };
    let seen = |state: &str, completed: Option<&str>| SeenRun {
        state: Some(state.to_owned()),
        completed: completed.map(str::to_owned),
        ..SeenRun::default()
    };
    let is = |state: &str, completed: Option<&str>| (Some(state.to_owned()), completed.map(str::to_owned));
    let (one, two) = (Some("2026-01-01T01:00:00Z"), Some("2026-01-01T02:00:00Z"));
    assert_eq!(look("failure", None, seen("pending", None)), is("failure", None));
    assert_eq!(look("failure", None, seen("failure", one)), is("failure", one));
    assert_eq!(look("pending", one, seen("success", two)), is("success", one));
}

#[test]
fn a_replaced_run_stays_in_the_history_and_the_build_is_judged_anew() {
    for (old, place) in [("a-1", "/result/0/firstJob"), ("a-3", "/result/0/retriedJobs/1")] {
        let mut file = opened();
        let change = ResultChange::Replace {
            job: "a".to_owned(),
            old: old.to_owned(),
            new: "a-9".to_owned(),
            event: event(EventKind::RunReplaced, "the cluster was gone"),
        };
        let mut kept = value(&file).pointer(place).expect("a run").clone();
        kept["reason"] = "the cluster was gone".into();
        assert_eq!(file.apply(&change), Ok(true));
        assert_eq!(file.apply(&change), Ok(false));
        let after = value(&file);
        assert_eq!(after.pointer(place), Some(&json!({ "jobID": "a-9" })));
        assert_eq!(after["result"][0]["history"], json!([kept]));
        assert_eq!((file.aggregated(), file.accepted()), (None, None));
        assert_eq!(after["events"].as_array().map(Vec::len), Some(1));
        assert_eq!(after["else"], json!({ "kept": true }));
        let known = file.jobs()[0].runs().filter_map(|run| run.id.map(str::to_owned)).collect();
        let unknown = ResultChange::Replace {
            job: "a".to_owned(),
            old: "z".to_owned(),
            new: "y".to_owned(),
            event: event(EventKind::RunReplaced, "x"),
        };
        let before = file.clone();
        assert_eq!(file.apply(&unknown), Err(RefusedChange::NoRun { id: "z".to_owned(), known }));
        assert_eq!(file, before);
    }
}

#[test]
fn a_job_without_retries_can_have_its_run_replaced_and_stays_without() {
    let mut file = opened();
    let replace = |old: &str| ResultChange::Replace {
        job: "b".to_owned(),
        old: old.to_owned(),
        new: "b-9".to_owned(),
        event: event(EventKind::RunReplaced, "x"),
    };
    assert!(file.apply(&replace("b-2")).is_err());
    assert_eq!(file, opened());
    assert_eq!(file.apply(&replace("b-1")), Ok(true));
    assert_eq!(value(&file)["result"][1].get("retriedJobs"), None);
}

#[test]
fn a_promotion_asks_for_the_label_and_says_who_wanted_it_on_every_form_of_file() {
    let promote = ResultChange::Promote { event: event(EventKind::Promoted, "known flake") };
    for form in [record(), json!({ "result": [] }), json!({ "4.99.1": [] })] {
        let mut file = read(&form).expect("a record");
        assert_eq!(file.apply(&promote), Ok(true), "{form}");
        assert_eq!(file.apply(&promote), Ok(false), "{form}");
        assert_eq!((file.aggregated(), file.promoted()), (Some(false), Some(true)));
        assert_eq!(file.events()[0].detail, "known flake");
    }
    let mut file = opened();
    file.apply(&promote).expect("a promotion");
    assert_eq!(file.accepted(), Some(false), "the verdict stays what it was");
}

#[test]
fn a_verdict_is_stored_with_its_rule_and_older_readers_see_it_once_all_runs_ended() {
    let mut file = begun();
    let verdict = StoredVerdict { decision: "REJECTED".to_owned(), decided_at: None, rule: "strict".to_owned() };
    assert_eq!(file.apply(&ResultChange::Verdict(verdict.clone())), Ok(true));
    assert_eq!(file.apply(&ResultChange::Verdict(verdict.clone())), Ok(false));
    assert_eq!((file.verdict(), file.aggregated()), (Some(verdict), None));
    assert_eq!(file.apply(&ResultChange::Conclude { accepted: false }), Ok(true));
    assert_eq!(file.apply(&ResultChange::Conclude { accepted: false }), Ok(false));
    assert_eq!((file.aggregated(), file.accepted()), (Some(true), Some(false)));
    assert_eq!(file.apply(&ResultChange::Note(event(EventKind::Labelled, ""))), Ok(true));
    assert_eq!(file.apply(&ResultChange::Note(event(EventKind::Labelled, ""))), Ok(false));
}

#[test]
fn names_say_build_and_architecture_also_of_versions_in_a_history() {
    let named = |name: &str| match RecordName::parse(name) {
        RecordName::Result(name) => Some((name.build, name.arch)),
        RecordName::Latest | RecordName::Other => None,
    };
    let arm = "4.16.0-0.nightly-arm64-2024-07-26-225915";
    assert_eq!(named(&format!("0474c8b01__ocp-test-result-{arm}-arm64.json")), Some((arm.to_owned(), Arch::Arm64)));
    assert_eq!(named("ocp-test-result-4.22.0-ec.4-amd64.json"), Some(("4.22.0-ec.4".to_owned(), Arch::Amd64)));
    let name = ResultName { build: arm.to_owned(), arch: Arch::Arm64 };
    assert_eq!(named(name.path().trim_start_matches("_releases/")), Some((name.build, name.arch)));
    for other in ["ocp-test-result-4.22.0.json", "ocp-test-result-x-amd64.json", "ocp-4.20-test-jobs-amd64.json", ""] {
        assert_eq!(RecordName::parse(other), RecordName::Other, "{other}");
    }
    for latest in ["ocp-latest-4.12-nightly-amd64.json", "7bad94cc8__ocp-latest-4.15-stable.json"] {
        assert_eq!(RecordName::parse(latest), RecordName::Latest, "{latest}");
    }
}

#[test]
fn the_file_of_the_current_build_names_a_build() {
    assert_eq!(check_latest(r#"{"name":"4.99.1","phase":"Rejected"}"#), Ok(()));
    for text in ["4.15.0-rc.4", "", "{}", "[]", r#"{"name":1}"#] {
        assert!(check_latest(text).is_err(), "{text:?}");
    }
}
