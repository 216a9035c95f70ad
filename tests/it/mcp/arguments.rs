//! What a tool is given reaches what it does: one row per tool.

use std::collections::BTreeSet;

use oar::core::access::principal::Scope;
use oar::core::access::tokens::Tokens;
use oar::mcp::catalog;
use serde_json::{Value, json};

use super::history::code;
use super::served::Served;
use crate::real_program::ProgramWorld;

const RELEASE: &str = "4.20.17";

/// Where an argument shows that it arrived.
enum Shows {
    /// The answer has this value at this place.
    Ended(&'static str, Value),
    /// The answer has this text somewhere.
    Says(&'static str),
    /// A service was sent this.
    Sent(&'static str),
    /// The plan that a person would confirm has it.
    Asks(&'static str),
}

/// Tools that answer PRECONDITION whatever they are given, until the job system and the Errata flow exist.
const NOT_YET: [&str; 5] = [
    "oar_check_greenwave_cvp_tests",
    "oar_update_bug_list",
    "oar_drop_bugs",
    "oarctl_start_release_detector",
    "oarctl_jira_notificator",
];

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table with a row per tool")]
async fn what_a_tool_is_given_reaches_what_it_does() {
    use Shows::{Asks, Ended, Says, Sent};
    let served = Served::start(&["--toolsets", "all"]).await;
    let of = |more: Value| {
        let mut given = json!({ "release": RELEASE });
        given.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        given
    };
    let text = served.call("oar_add_issue", of(json!({ "issue": "first", "blocker": false }))).await;
    let run = text["structuredContent"]["run_id"].as_str().expect("a run").to_owned();
    let release = || Ended("/release", json!(RELEASE));
    let rows: Vec<(&str, Value, Vec<Shows>)> = vec![
        ("oar_create_test_report", of(json!({})), vec![release()]),
        (
            "jobctl_start_controller",
            json!({ "release": "4.20", "nightly": false, "trigger_prow_job": false, "arch": "s390x" }),
            vec![Says("4.20 stable s390x: ")],
        ),
        (
            "job_run",
            json!({
                "job_name": "e2e-nobody-has", "upgrade_from": "registry.example.com/ocp/release:4.19.3-x86_64",
                "upgrade_to": "registry.example.com/ocp/release:4.20.17-x86_64", "arch": "amd64", "run_id": "a-test",
                "payload": "registry.example.com/ocp/release:4.20.17-x86_64",
            }),
            vec![Says("is not the full name of a periodic job")],
        ),
        (
            "job_run",
            json!({ "job_name": "periodic-ci-x", "payload": "registry.example.com/ocp/release:4.20.17-x86_64" }),
            vec![Says("no registry has the job periodic-ci-x"), Says("jobs:run:any")],
        ),
        (
            "jobctl_trigger_jobs_for_build",
            json!({ "build": "4.20.999", "arch": "amd64", "skip_existing": true }),
            vec![Says("the release controller has no build 4.20.999")],
        ),
        ("jobctl_start_aggregator", json!({ "arch": "s390x" }), vec![Says("records are settled")]),
        (
            "jobctl_promote_test_results",
            json!({ "build": "4.20.999", "arch": "amd64", "reason": "a test" }),
            vec![Says("there is no test record of 4.20.999 for amd64")],
        ),
        (
            "jobctl_update_retried_job_run",
            json!({
                "build": "4.20.999", "job_name": "periodic-x", "arch": "amd64", "reason": "a test",
                "current_job_id": "0b1d7a5e-1111-4222-8333-abcdefabcdef",
                "new_job_id": "0b1d7a5e-2222-4222-8333-abcdefabcdef",
            }),
            vec![Says("there is no test record of 4.20.999 for amd64")],
        ),
        (
            "oar_take_ownership",
            of(json!({ "email": "owner@example.com" })),
            vec![release(), Sent("owner%40example.com")],
        ),
        (
            "oar_check_cve_tracker_bug",
            of(json!({ "record": false, "notify": false })),
            vec![release(), Ended("/changed", json!(false))],
        ),
        ("oar_check_cve_tracker_bug", of(json!({ "record": true })), vec![Ended("/changed", json!(true))]),
        (
            "oar_check_rhcos_security_alerts",
            of(json!({ "record": false, "notify": false })),
            vec![release(), Ended("/changed", json!(false))],
        ),
        ("oar_image_signed_check", of(json!({ "record": false })), vec![release(), Ended("/changed", json!(false))]),
        ("oar_push_to_cdn_staging", of(json!({})), vec![release()]),
        (
            "oar_image_consistency_check",
            of(json!({ "job_id": "0f3b9c1e-0000-4000-8000-000000000000" })),
            vec![release(), Sent("0f3b9c1e-0000-4000-8000-000000000000")],
        ),
        (
            "oar_image_consistency_check",
            of(json!({ "build_number": "0f3b9c1e-0000-4000-8000-000000000001" })),
            vec![Sent("0f3b9c1e-0000-4000-8000-000000000001")],
        ),
        ("oar_stage_testing", of(json!({ "build_number": "1413" })), vec![release(), Sent("/1413/")]),
        ("oar_change_advisory_status", of(json!({ "ignore_release_date": true, "reason": "go" })), vec![release()]),
        (
            "oar_update_task_status",
            of(json!({ "task_name": "stage-testing", "status": "In Progress", "result": "seen by hand" })),
            vec![
                release(),
                Ended("/task", json!("stage-testing")),
                Ended("/status", json!("In Progress")),
                Ended("/data/result_preview", json!("seen by hand")),
            ],
        ),
        (
            "oar_add_issue",
            of(json!({ "issue": "second", "blocker": false, "related_tasks": "stage-testing, take-ownership" })),
            vec![
                release(),
                Ended("/data/issue/issue", json!("second")),
                Ended("/data/issue/blocker", json!(false)),
                Ended("/data/issue/related_tasks", json!(["stage-testing", "take-ownership"])),
            ],
        ),
        (
            "oar_get_issues",
            of(json!({ "unresolved_only": true, "blockers_only": false, "task_name": "stage-testing" })),
            vec![
                Ended("/data/count", json!(1)),
                Ended(
                    "/data/filters",
                    json!({ "unresolved_only": true, "blockers_only": false, "task_name": "stage-testing" }),
                ),
            ],
        ),
        (
            "oar_answer_question",
            of(json!({ "question": "1a2b3c4d", "choice": "happened", "reason": "seen by hand" })),
            vec![Says("there is no open question 1a2b3c4d")],
        ),
        ("oar_get_issues", of(json!({ "blockers_only": true })), vec![Ended("/data/count", json!(0))]),
        (
            "oar_resolve_issue",
            of(json!({ "issue": "second", "resolution": "it went away" })),
            vec![Ended("/data/issue/issue", json!("second")), Ended("/data/issue/resolution", json!("it went away"))],
        ),
        (
            "oar_get_task_blocker",
            of(json!({ "task_name": "stage-testing" })),
            vec![release(), Ended("/data/task_name", json!("stage-testing"))],
        ),
        (
            "oar_get_release_status",
            of(json!({ "include_results": "none", "tasks": "stage-testing" })),
            vec![Ended("/data/release", json!(RELEASE)), Ended("/data/tasks/0/name", json!("stage-testing"))],
        ),
        ("oar_get_release_metadata", of(json!({})), vec![Ended("/data/release", json!(RELEASE))]),
        ("oar_is_release_shipped", of(json!({})), vec![Ended("/data/flow_type", json!("konflux"))]),
        ("oar_get_build_promotion", of(json!({})), vec![Says(RELEASE)]),
        ("oar_get_active_releases", json!({ "details": true }), vec![Says(RELEASE)]),
        ("oar_plan_next_actions", of(json!({})), vec![release()]),
        ("oar_explain", of(json!({})), vec![release()]),
        ("oar_get_test_result", json!({ "build": "4.20.0-x", "arch": "arm64" }), vec![Sent("4.20.0-x-arm64")]),
        (
            "oar_analyze_build",
            of(json!({ "which": "candidate", "decide": "reject", "reason": "it leaks" })),
            vec![Asks("reject the candidate build"), Asks("it leaks")],
        ),
        ("oar_get_run", json!({ "run_id": run }), vec![Ended("/run_id", json!(run))]),
        ("oar_cancel_run", json!({ "run_id": run }), vec![Ended("/run_id", json!(run))]),
        (
            "oar_grep_log",
            json!({ "run_id": run, "pattern": "begins$", "context": 0 }),
            vec![Ended("/data/matches", json!(1))],
        ),
        ("mcp_cache_warm", json!({ "releases": RELEASE }), vec![Ended("/data/warmed", json!([RELEASE]))]),
        ("mcp_cache_invalidate", of(json!({})), vec![Ended("/data/release", json!(RELEASE))]),
        (
            "get_command_help",
            json!({ "cli": "jobctl", "command": "start-controller" }),
            vec![Says("usage: jobctl start-controller")],
        ),
        ("oar_run_command", of(json!({ "command": "issue", "args": "list" })), vec![release(), Says("first")]),
        (
            "oarctl_run_command",
            json!({ "command": "jira-notificator", "args": "--from-date x" }),
            vec![Says("from_date")],
        ),
        (
            "jobctl_run_command",
            json!({ "command": "start-controller", "args": "-r 4.20 --arch vax" }),
            vec![Says("arch")],
        ),
    ];
    for (tool, given, shows) in &rows {
        let answer = served.call(tool, given.clone()).await;
        let fields = &answer["structuredContent"];
        for one in shows {
            match one {
                Ended(place, value) => {
                    assert_eq!(fields.pointer(place), Some(value), "{tool} {place}: {answer}")
                }
                Says(text) => assert!(fields.to_string().contains(text), "{tool}: {answer}"),
                Asks(text) => {
                    assert!(fields["plan"].as_str().is_some_and(|plan| plan.contains(text)), "{tool}: {answer}")
                }
                Sent(text) => {
                    let mut entries = served.world.sim.world().journal().entries().into_iter();
                    let heard = entries.any(|entry| {
                        let has = |sent: &str| sent.contains(text) || sent.contains(&text.replace("%40", "@"));
                        has(&entry.path) || entry.body.as_deref().is_some_and(has)
                    });
                    assert!(heard, "{tool}: {text} reached nobody: {answer}");
                }
            }
        }
    }
    let shown: BTreeSet<_> = rows
        .iter()
        .flat_map(|(tool, given, _)| given.as_object().expect("fields").keys().map(|name| (*tool, name.as_str())))
        .collect();
    // What no row can show here is shown elsewhere: the word of an override, and posts to Slack.
    let elsewhere = [("oar_stage_testing", "force_reason")];
    for tool in catalog::all().filter(|tool| !NOT_YET.contains(&tool.name)) {
        for param in tool.params.iter().map(|param| param.name) {
            let known = shown.contains(&(tool.name, param)) || elsewhere.contains(&(tool.name, param));
            assert!(known, "no row shows what {param} of {} does", tool.name);
        }
    }
}

#[tokio::test]
async fn tools_of_later_parts_take_their_parameters_and_say_that_nothing_was_started() {
    let world = ProgramWorld::created().await;
    let all = Tokens::below(&world.home.path().join("home")).add("robot", Scope::ALL, None).expect("a token");
    let served = Served::with(world, &["--toolsets", "all"], &[], Some(&all)).await;
    let before = served.world.writes();
    for tool in catalog::all().filter(|tool| NOT_YET.contains(&tool.name)) {
        let schema = Value::Object(tool.input_schema());
        let value = |name: &str| match (name, &schema["properties"][name]) {
            ("release", shape) if shape["pattern"].as_str().is_some_and(|text| text.contains("http")) => json!(RELEASE),
            ("release", _) => json!("4.20"),
            ("from_date", _) => json!("2026-06-01"),
            ("current_job_id" | "new_job_id", _) => json!("0f3b9c1e-0000-4000-8000-000000000000"),
            (_, shape) if shape["type"] == "boolean" => json!(false),
            (_, shape) if shape["enum"].is_array() => shape["enum"][1].clone(),
            _ => json!("some text"),
        };
        let given: serde_json::Map<_, _> =
            tool.params.iter().map(|param| (param.name.to_owned(), value(param.name))).collect();
        let answer = served.call(tool.name, Value::Object(given.clone())).await;
        assert_eq!(code(&answer), "PRECONDITION", "{}: {answer}", tool.name);
        for name in given.keys() {
            let mut wrong = given.clone();
            wrong.insert(name.clone(), json!({ "not": "a value" }));
            let answer = served.call(tool.name, Value::Object(wrong)).await;
            assert_eq!(code(&answer), "INVALID_ARGUMENT", "{} {name}: {answer}", tool.name);
        }
    }
    assert_eq!(served.world.writes(), before);
}
