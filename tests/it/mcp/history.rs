//! What went wrong with the server before this one, each as a rule that holds here.

use futures::future::join;
use oar::domain::release::ZStream;
use oar::domain::task::Task;
use oar::mcp::catalog;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;
use serde_json::{Value, json};

use super::served::Served;
use crate::real_program::ProgramWorld;

const RELEASE: &str = "4.20.17";

fn state_path(release: &str) -> String {
    release.parse::<ZStream>().expect("a release").state_path()
}

/// The state file without the lines that begin with one of `keys`.
fn without(world: &ProgramWorld, keys: &[&str]) {
    let mut facts = world.sim.world().facts();
    let text = facts.github.file("z-stream", &state_path(RELEASE)).expect("a state file").to_owned();
    let kept = text.lines().filter(|line| !keys.iter().any(|key| line.trim_start().starts_with(key)));
    let kept: Vec<_> = kept.collect();
    facts.github.put_file("z-stream", &state_path(RELEASE), &format!("{}\n", kept.join("\n")));
    let released = facts.build_data.releases_yml.clone();
    let kept: Vec<_> =
        released.lines().filter(|line| !keys.iter().any(|key| line.trim_start().starts_with(key))).collect();
    facts.build_data.releases_yml = format!("{}\n", kept.join("\n"));
}

pub(super) fn code(reply: &Value) -> &str {
    reply["structuredContent"]["error"]["code"].as_str().unwrap_or("none")
}

async fn health(served: &Served) -> Value {
    let answer = served.http.get(format!("{}/health", served.base)).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

/// Records of runs in this state.
fn runs(world: &ProgramWorld, state: &str) -> Vec<Value> {
    let folder = std::fs::read_dir(world.home.path().join("home/runs")).expect("a folder of runs");
    let files = folder.map(|entry| entry.expect("a file").path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let records = files.map(|path| serde_json::from_slice(&std::fs::read(path).expect("a record")).expect("JSON"));
    records.filter(|record: &Value| record["state"] == state).collect()
}

#[tokio::test]
async fn a_release_without_optional_metadata_is_served_by_every_tool() {
    let world = ProgramWorld::created().await;
    without(&world, &["release_date:", "jira_ticket:", "release_jira:", "shipment_mr:"]);
    let served = Served::before(world, &["--toolsets", "all"]).await;
    for tool in catalog::all().filter(|tool| tool.params.iter().all(|param| param.name == "release" || !param.required))
    {
        let takes_minor = tool.name.contains("detector") || tool.name.contains("controller");
        let given = match tool.params.iter().any(|param| param.name == "release") {
            true => json!({ "release": if takes_minor { "4.20" } else { RELEASE } }),
            false => json!({}),
        };
        let reply = served.call(tool.name, given).await;
        assert!(reply["structuredContent"].is_object(), "{}: {reply}", tool.name);
        assert_ne!(code(&reply), "INTERNAL", "{}: {reply}", tool.name);
    }
    let metadata = served.call("oar_get_release_metadata", json!({ "release": RELEASE })).await;
    assert_eq!(metadata["structuredContent"]["data"]["release_date"], "", "{metadata}");
    assert_eq!(metadata["structuredContent"]["data"]["jira_ticket"], "", "{metadata}");
    let status = served.call("oar_get_release_status", json!({ "release": RELEASE })).await;
    assert_eq!((&status["isError"], &status["structuredContent"]["ok"]), (&json!(false), &json!(true)), "{status}");
}

#[tokio::test]
async fn a_release_that_only_the_state_file_knows_has_its_status_changed() {
    let served = Served::start(&[]).await;
    let request =
        json!({ "release": RELEASE, "task_name": "take-ownership", "status": "In Progress", "result": "by hand" });
    let reply = served.call("oar_update_task_status", request).await;
    let data = &reply["structuredContent"]["data"];
    assert_eq!((&data["success"], &data["updated_systems"]), (&json!(true), &json!(["statebox"])), "{reply}");
    let status = served.call("oar_get_release_status", json!({ "release": RELEASE })).await;
    assert_eq!(status["structuredContent"]["data"]["source"], "statebox", "{status}");
    // A store that does not answer is no success, and no other place is asked instead.
    served
        .world
        .sim
        .world()
        .faults()
        .add(Rule::on("github", InjectedFault::Status { code: 404, retry_after_s: None }))
        .expect("a rule");
    let request = json!({ "release": "4.20.98", "task_name": "take-ownership", "status": "Fail", "result": "x" });
    let reply = served.call("oar_update_task_status", request).await;
    assert_eq!((&reply["isError"], &reply["structuredContent"]["ok"]), (&json!(true), &json!(false)), "{reply}");
    served.world.sim.world().faults().clear();
}

#[tokio::test]
async fn a_job_that_was_started_is_in_progress_and_never_passed() {
    let world = ProgramWorld::promoted(&[Task::CheckCveTrackerBug, Task::CheckRhcosSecurityAlerts]).await;
    let served = Served::before(world, &[]).await;
    let reply = served.call("oar_push_to_cdn_staging", json!({ "release": RELEASE })).await;
    let fields = &reply["structuredContent"];
    assert_eq!((&reply["isError"], &fields["status"]), (&json!(false), &json!("In Progress")), "{reply}");
    assert!(fields["waiting"].is_object() && fields["next"].is_object(), "{reply}");
    let text = reply["content"][0]["text"].as_str().expect("a text");
    assert!(text.contains("status is changed to [In Progress]") && !text.contains("[Pass]"), "{text}");
}

#[tokio::test]
async fn a_text_that_fits_several_issues_resolves_none_and_names_them() {
    let served = Served::start(&[]).await;
    for text in ["the mirror is slow", "the mirror is down"] {
        let issue = json!({ "release": RELEASE, "issue": text, "blocker": false });
        assert_eq!(served.call("oar_add_issue", issue).await["isError"], false);
    }
    let before = served.world.state().to_yaml();
    let resolve = |text: &str| json!({ "release": RELEASE, "issue": text, "resolution": "done" });
    let reply = served.call("oar_resolve_issue", resolve("mirror")).await;
    assert_eq!(reply["isError"], true, "{reply}");
    let message = reply["content"][0]["text"].as_str().expect("a text");
    assert!(message.contains("the mirror is slow") && message.contains("the mirror is down"), "{message}");
    let nothing = served.call("oar_resolve_issue", resolve("elephant")).await;
    assert_eq!(nothing["isError"], true, "{nothing}");
    assert_eq!(served.world.state().to_yaml(), before);
    let one = served.call("oar_resolve_issue", resolve("mirror is slow")).await;
    assert_eq!(one["structuredContent"]["changed"], true, "{one}");
}

#[tokio::test]
async fn the_answer_shows_the_issue_that_was_changed_and_no_other_with_a_similar_text() {
    let served = Served::start(&[]).await;
    let of = |reply: &Value| {
        let data = &reply["structuredContent"]["data"];
        assert_eq!(data["success"], true, "{reply}");
        data["issue"]["issue"].as_str().map(str::to_owned)
    };
    let add = async |text: &str| {
        served.call("oar_add_issue", json!({ "release": RELEASE, "issue": text, "blocker": false })).await
    };
    let resolve = async |text: &str| {
        served.call("oar_resolve_issue", json!({ "release": RELEASE, "issue": text, "resolution": "done" })).await
    };
    for text in ["mirror is slow", "the mirror is slow again"] {
        assert_eq!(of(&add(text).await).as_deref(), Some(text));
    }
    assert_eq!(of(&add("a\ttab and  \r\nlines").await).as_deref(), Some("a    tab and\nlines"), "as it is stored");
    assert_eq!(of(&add("Mirror is slow").await).as_deref(), Some("mirror is slow"), "it is open already");
    assert_eq!(of(&resolve("again").await).as_deref(), Some("the mirror is slow again"));
    assert_eq!(of(&resolve("mirror is slow").await).as_deref(), Some("mirror is slow"));
}

#[tokio::test]
async fn a_tool_that_fails_answers_and_the_next_call_works() {
    let served = Served::start(&[]).await;
    let email = json!({ "release": RELEASE, "email": "lead@example.com" });
    for fault in [InjectedFault::Html, InjectedFault::MalformedJson, InjectedFault::Truncated, InjectedFault::Reset] {
        let name = fault.name();
        served.world.sim.world().faults().add(Rule::on("errata", fault)).expect("a rule");
        for tool in ["oar_take_ownership", "oar_check_rhcos_security_alerts"] {
            let given = if tool == "oar_take_ownership" { email.clone() } else { json!({ "release": RELEASE }) };
            let reply = served.call(tool, given).await;
            assert_eq!(reply["isError"], true, "{tool} with {name}: {reply}");
            assert!(!matches!(code(&reply), "none" | "INTERNAL"), "{tool} with {name}: {reply}");
            let error = &reply["structuredContent"]["error"];
            assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{reply}");
            assert!(!reply.to_string().contains("panicked"), "{reply}");
        }
        let next = served.call("oar_get_issues", json!({ "release": RELEASE })).await;
        assert_eq!(next["isError"], false, "after {name}: {next}");
        served.world.sim.world().faults().clear();
        served.world.hours_pass(1);
    }
    let done = served.call("oar_take_ownership", email).await;
    assert_eq!(done["structuredContent"]["status"], "Pass", "{done}");
}

#[tokio::test]
async fn an_interrupted_server_ends_its_run_and_leaves_it_on_record() {
    let mut served = Served::start(&[]).await;
    let before = served.world.requests("GET");
    let id = i32::try_from(served.child.id().expect("it runs")).expect("a process id");
    let call = served.call("oar_take_ownership", json!({ "release": RELEASE, "email": "lead@example.com" }));
    let stop = async {
        while served.world.requests("GET") == before {
            tokio::task::yield_now().await;
        }
        let id = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
    };
    let (reply, ()) = join(call, stop).await;
    assert_eq!(reply["isError"], false, "{reply}");
    assert_eq!(served.child.wait().await.expect("it ends").code(), Some(130));
    let ended = runs(&served.world, "ended");
    let run = ended.iter().find(|run| run["tool"] == "oar_take_ownership").expect("a record");
    assert_eq!(run["answer"]["status"], "Pass", "{run}");
}

#[tokio::test]
async fn a_service_that_hangs_holds_up_neither_health_nor_other_calls() {
    let served = Served::start(&["--toolsets", "all"]).await;
    served.call("oar_get_issues", json!({ "release": RELEASE })).await;
    for service in ["errata", "build_data"] {
        served.world.sim.world().faults().add(Rule::on(service, InjectedFault::Hang)).expect("a rule");
    }
    let stuck = served.call("oar_is_release_shipped", json!({ "release": RELEASE }));
    tokio::pin!(stuck);
    tokio::select! {
        reply = &mut stuck => panic!("it should hang: {reply}"),
        () = served.world.sim.world().hangs().notified() => {}
    }
    let others = async {
        let reply = health(&served).await;
        assert_eq!(reply["status"], "healthy", "{reply}");
        assert!(reply["upstreams"]["github"]["last_ok"].is_string(), "{reply}");
        assert!(reply["upstreams"]["github"]["latency_ms"].is_u64(), "{reply}");
        for path in ["/livez", "/readyz", "/metrics"] {
            let request = served.http.get(format!("{}{path}", served.base)).bearer_auth(&served.token);
            assert_eq!(request.send().await.expect("an answer").status(), 200, "{path}");
        }
        assert_eq!(served.call("oar_get_issues", json!({ "release": RELEASE })).await["isError"], false);
        let note = json!({ "release": RELEASE, "issue": "slow", "blocker": false });
        assert_eq!(served.call("oar_add_issue", note).await["isError"], false);
        assert_eq!(served.call("mcp_cache_stats", json!({})).await["isError"], false);
    };
    tokio::select! {
        biased;
        reply = &mut stuck => panic!("the others should be answered while it hangs: {reply}"),
        () = others => {}
    }
}

#[tokio::test]
async fn no_more_changes_go_on_at_once_than_health_says_and_looks_need_no_place() {
    let world = ProgramWorld::promoted(&[Task::CheckCveTrackerBug, Task::CheckRhcosSecurityAlerts]).await;
    let others = ["4.20.18", "4.20.19"];
    {
        let mut facts = world.sim.world().facts();
        let file = facts.github.file("z-stream", &state_path(RELEASE)).expect("a state file").to_owned();
        for release in others {
            facts.github.put_file("z-stream", &state_path(release), &file.replace(RELEASE, release));
        }
    }
    world.sim.world().faults().add(Rule::on("errata", InjectedFault::Hang)).expect("a rule");
    let env = [("MCP_THREAD_POOL_SIZE", "1"), ("OAR_MCP_RUNS_GRACE", "1")];
    let served = Served::with(world, &[], &env, None).await;
    let idle = health(&served).await;
    assert_eq!((&idle["thread_pool"]["size"], &idle["runtime"]["command_slots"]), (&json!(1), &json!(1)), "{idle}");
    assert_eq!(idle["runs"], json!({ "in_flight": 0, "queued": 0, "oldest_seconds": null }));
    let stuck = served.call("oar_push_to_cdn_staging", json!({ "release": RELEASE }));
    let rest = async {
        served.world.sim.world().hangs().notified().await;
        let note = |release: &str| json!({ "release": release, "issue": "late", "blocker": false });
        let waiting =
            join(served.call("oar_add_issue", note(others[0])), served.call("oar_add_issue", note(others[1])));
        let look = async {
            while runs(&served.world, "queued").len() < 2 {
                tokio::task::yield_now().await;
            }
            let busy = health(&served).await;
            assert_eq!((&busy["runs"]["in_flight"], &busy["runs"]["queued"]), (&json!(1), &json!(2)), "{busy}");
            assert!(busy["runs"]["oldest_seconds"].is_u64(), "{busy}");
            assert_eq!(served.call("oar_get_issues", json!({ "release": others[0] })).await["isError"], false);
            let running = runs(&served.world, "running");
            let id = running.first().and_then(|run| run["run_id"].as_str()).expect("a run").to_owned();
            served.call("oar_cancel_run", json!({ "run_id": id })).await
        };
        join(waiting, look).await.0
    };
    let (stuck, (first, second)) = join(stuck, rest).await;
    assert_eq!(code(&stuck), "CANCELLED", "{stuck}");
    for reply in [first, second] {
        assert_eq!(reply["structuredContent"]["changed"], true, "{reply}");
    }
}

#[tokio::test]
async fn health_counts_sessions_and_names_the_revisions_that_are_spoken() {
    let served = Served::start(&[]).await;
    let reply = health(&served).await;
    assert_eq!(reply["sessions"], 1, "{reply}");
    let versions = reply["protocol_versions"].as_array().expect("a list");
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        assert!(versions.contains(&json!(version)), "{reply}");
    }
    let stream = served.http.get(format!("{}/sse", served.base)).bearer_auth(&served.token).send().await;
    let stream = stream.expect("a stream");
    assert_eq!(health(&served).await["sessions"], 2);
    drop(stream);
    let offered = served.ask("tools/list", json!({})).await["result"]["tools"].as_array().map(Vec::len);
    assert_eq!(reply["tools"]["total"].as_u64(), offered.map(|count| count as u64), "counted, not written down");
}

#[tokio::test]
async fn times_are_reported_in_utc_wherever_the_server_stands() {
    let served = Served::after(ProgramWorld::created().await, &[], None, |command| {
        command.env("TZ", "Asia/Tokyo");
    })
    .await;
    let reply = served.call("oar_take_ownership", json!({ "release": RELEASE, "email": "lead@example.com" })).await;
    let id = reply["structuredContent"]["run_id"].as_str().expect("a run").to_owned();
    let log = std::fs::read_to_string(served.world.home.path().join(format!("home/runs/{id}.log"))).expect("a log");
    let now = served.world.sim.world().clock().now().to_string();
    // Other lines may come before the server knows the simulated time; in Tokyo it is nine hours later.
    assert!(log.contains(&format!("{}:", &now[..13])) && log.contains(": INFO: "), "{log}");
    for line in log.lines().filter(|line| !line.starts_with("    ")) {
        let (at, rest) = line.split_at_checked(20).unwrap_or_else(|| panic!("{line}"));
        assert!(at.ends_with('Z') && at.parse::<jiff::Timestamp>().is_ok() && rest.starts_with(": "), "{line}");
        if rest.starts_with(": INFO") {
            assert_eq!(at[..13], now[..13], "{line}");
        }
    }
    let run = served.call("oar_get_run", json!({ "run_id": id })).await;
    for field in ["asked_at", "began_at", "ended_at"] {
        assert!(run["structuredContent"]["data"][field].as_str().is_some_and(|at| at.ends_with('Z')), "{run}");
    }
    let audit = std::fs::read_to_string(served.world.home.path().join("home/mcp/audit.jsonl")).expect("the log");
    for line in audit.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert!(line["time"].as_str().is_some_and(|at| at.ends_with('Z')), "{line}");
    }
}

#[tokio::test]
async fn no_answer_is_made_larger_by_indentation() {
    let served = Served::start(&["--toolsets", "all"]).await;
    for tool in ["oar_get_release_metadata", "oar_is_release_shipped", "oar_get_release_status", "oar_get_issues"] {
        let reply = served.call(tool, json!({ "release": RELEASE })).await;
        let text = reply["content"][0]["text"].as_str().expect("a text");
        let value: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{tool}: {text}"));
        assert_eq!(text.len(), value.to_string().len(), "{tool}: {text}");
    }
}

#[tokio::test]
async fn what_was_under_way_when_a_run_was_cancelled_is_reported_as_perhaps_done() {
    let served = Served::with(ProgramWorld::created().await, &[], &[("OAR_MCP_RUNS_GRACE", "1")], None).await;
    let rule = Rule { method: Some("PUT".to_owned()), ..Rule::on("errata", InjectedFault::AppliedThenHang) };
    served.world.sim.world().faults().add(rule).expect("a rule");
    let owner = json!({ "release": RELEASE, "email": "lead@example.com" });
    let stuck = served.call("oar_take_ownership", owner);
    let cancel = async {
        served.world.sim.world().hangs().notified().await;
        let run = runs(&served.world, "running").first().cloned().expect("a run");
        served.call("oar_cancel_run", json!({ "run_id": run["run_id"] })).await
    };
    let (reply, _) = join(stuck, cancel).await;
    assert_eq!(code(&reply), "CANCELLED", "{reply}");
    let body = &reply["structuredContent"];
    assert_eq!(body["changed"], true, "{reply}");
    assert!(body["done"].to_string().contains("perhaps"), "{reply}");
}
