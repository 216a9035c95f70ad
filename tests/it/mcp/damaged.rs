//! A server that was killed, and one that finds its own files changed or broken.

use oar::core::access::principal::Scope;
use oar::core::access::tokens::Tokens;
use oar::domain::task::Task;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;
use serde_json::{Value, json};

use super::served::Served;
use crate::real_program::ProgramWorld;

const RELEASE: &str = "4.20.17";

/// The server's start, when it is refused: what it said on stderr.
async fn refused(world: &ProgramWorld, code: i32) -> String {
    let reply = world.oar(&["mcp", "serve", "--port", "0"]).await.exits(code);
    assert!(reply.err.contains("next:"), "a next step: {}", reply.err);
    reply.err
}

/// Starts of pushes that the Errata Tool carried out.
fn pushes(world: &ProgramWorld) -> Vec<String> {
    let writes = world.writes().into_iter().filter(|write| write.0 == "errata" && write.2.contains("push"));
    writes.map(|write| write.2).collect()
}

#[tokio::test]
async fn a_server_killed_after_a_push_began_tells_of_the_run_and_the_next_call_pushes_nothing_twice() {
    let world = ProgramWorld::promoted(&[Task::CheckCveTrackerBug, Task::CheckRhcosSecurityAlerts]).await;
    // The first push is carried out; nobody ever hears so.
    let rule =
        Rule { method: Some("POST".to_owned()), ..Rule::on("errata", InjectedFault::AppliedThenHang).path("push") };
    world.sim.world().faults().add(rule).expect("a rule");
    let served = Served::before(world, &[]).await;
    {
        let lost = served.call("oar_push_to_cdn_staging", json!({ "release": RELEASE }));
        tokio::pin!(lost);
        tokio::select! {
            reply = &mut lost => panic!("it should hang: {reply}"),
            () = served.world.sim.world().hangs().notified() => {}
        }
    }
    let begun = pushes(&served.world);
    assert_eq!(begun.len(), 1, "{begun:?}");
    let (world, token) = served.killed().await;
    world.sim.world().faults().clear();
    let runs = std::fs::read_dir(world.home.path().join("home/runs")).expect("a folder");
    let names = runs.filter_map(|entry| entry.expect("an entry").file_name().into_string().ok());
    let id = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).next().expect("a run");

    let served = Served::with(world, &[], &[], Some(&token)).await;
    let run = served.call("oar_get_run", json!({ "run_id": id })).await["structuredContent"].clone();
    assert_eq!(run["data"]["state"], "interrupted", "{run}");
    let log = std::fs::read_to_string(served.world.home.path().join("home/mcp/audit.jsonl")).expect("a log");
    let line = log.lines().find(|line| line.contains("UNFINISHED")).expect("a line about what nobody heard the end of");
    assert!(line.contains(&id) && line.contains("oar_push_to_cdn_staging") && line.contains(RELEASE), "{line}");
    assert_eq!(run["data"]["now"]["status"], "In Progress", "what it had begun is in the state: {run}");
    let again = served.call("oar_push_to_cdn_staging", json!({ "release": RELEASE })).await;
    assert_eq!(again["isError"], false, "{again}");
    let mut all = pushes(&served.world);
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "each advisory is pushed once: {all:?}");
    assert!(all.contains(&begun[0]), "{all:?}");
    let third = served.call("oar_push_to_cdn_staging", json!({ "release": RELEASE })).await;
    assert_eq!(third["isError"], false, "{third}");
    assert_eq!(pushes(&served.world).len(), count);
}

#[tokio::test]
async fn a_file_of_tokens_that_was_exchanged_counts_and_a_damaged_one_is_neither_used_nor_rewritten() {
    let (world, old) = Served::start(&[]).await.killed().await;
    let tokens = Tokens::below(&world.home.path().join("home"));
    std::fs::remove_file(tokens.path()).expect("the file");
    let new = tokens.add("lead", Scope::of_agents(), None).expect("a token");
    let served = Served::with(world, &[], &[], Some(&new)).await;
    assert_eq!(served.call("oar_get_issues", json!({ "release": RELEASE })).await["isError"], false);
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let answer = served.post(&hello, &[("authorization", &format!("Bearer {old}"))]).await;
    assert_eq!(answer.status(), 401, "the one of before");
    let (world, _) = served.killed().await;

    for damage in ["lead oops\n", "\u{fffd}\u{0}\n", "{\"tokens\": []}"] {
        std::fs::write(tokens.path(), damage).expect("the file");
        let reply = refused(&world, 2).await;
        assert!(reply.contains("mcp/tokens") && reply.contains("line 1"), "{reply}");
        let added = world.oar(&["mcp", "token", "add", "other"]).await;
        assert_ne!(added.code, 0, "{added:?}");
        assert_eq!(std::fs::read_to_string(tokens.path()).expect("the file"), damage);
    }
}

#[tokio::test]
async fn a_changed_audit_log_is_not_gone_on_with_and_stays_as_it_is() {
    let served = Served::start(&[]).await;
    for text in ["first", "second", "third"] {
        served.call("oar_add_issue", json!({ "release": RELEASE, "issue": text, "blocker": false })).await;
    }
    let (world, token) = served.killed().await;
    let log = world.home.path().join("home/mcp/audit.jsonl");
    let good = std::fs::read_to_string(&log).expect("the log");
    for damaged in [
        good.replacen("\"agent\"", "\"lead\"", 1),
        good.lines().skip(1).map(|line| format!("{line}\n")).collect(),
        format!("{good}not a line\n"),
        "\u{0}\u{0}\u{0}\n".to_owned(),
    ] {
        std::fs::write(&log, &damaged).expect("the log");
        let reply = refused(&world, 4).await;
        assert!(reply.contains("audit.jsonl") && reply.contains("oar mcp audit verify"), "{reply}");
        assert_eq!(std::fs::read_to_string(&log).expect("the log"), damaged);
    }
    // What a crash cut is no damage: the next line says so.
    std::fs::write(&log, &good[..good.len() - 30]).expect("the log");
    let served = Served::with(world, &[], &[], Some(&token)).await;
    served.call("oar_get_issues", json!({ "release": RELEASE })).await;
    served.world.oar(&["mcp", "audit", "verify"]).await.exits(0);
}

#[tokio::test]
async fn a_damaged_record_of_a_run_stays_and_is_reported_with_what_to_do() {
    let served = Served::start(&[]).await;
    let added = served.call("oar_add_issue", json!({ "release": RELEASE, "issue": "one", "blocker": false })).await;
    let id = added["structuredContent"]["run_id"].as_str().expect("a run").to_owned();
    let (world, token) = served.killed().await;
    let record = world.home.path().join(format!("home/runs/{id}.json"));
    std::fs::write(&record, "{\"state\": \"runn").expect("the record");
    let served = Served::with(world, &[], &[], Some(&token)).await;
    let reply = served.call("oar_get_run", json!({ "run_id": id })).await;
    let error = &reply["structuredContent"]["error"];
    assert_eq!(error["code"], "PRECONDITION", "{reply}");
    assert!(error["message"].as_str().expect("a text").contains("damaged"), "{reply}");
    assert!(error["hint"].as_str().expect("a text").contains("look at the status"), "{reply}");
    let again = served.call("oar_add_issue", json!({ "release": RELEASE, "issue": "one", "blocker": false })).await;
    assert_eq!(again["structuredContent"]["changed"], false, "{again}");
    assert_eq!(std::fs::read_to_string(&record).expect("the record"), "{\"state\": \"runn");
}

#[tokio::test]
async fn settings_about_tools_that_do_not_exist_are_refused_with_the_nearest_name() {
    let world = ProgramWorld::empty().await;
    let file = world.home.path().join("oar.toml");
    let path = file.display().to_string();
    for (text, why) in [
        ("[mcp.confirm]\noar_change_advisory_statu = 'never'\n", "did you mean \"oar_change_advisory_status\"?"),
        ("[mcp.confirm]\nstage_testing = 'always'\n", "mcp.confirm.stage_testing names no tool"),
        ("[mcp.confirm]\noar_get_issues = 'always'\n", "changes nothing"),
        ("[mcp.confirm]\noar_run_command = 'never'\n", "name the tools that it runs"),
        ("[mcp.runs.time_limits_s]\noar_stage_testin = 60\n", "did you mean \"oar_stage_testing\"?"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let reply = world.oar(&["mcp", "serve", "--port", "0", "--settings", &path]).await.exits(2);
        assert!(reply.err.contains(why) && reply.err.contains("oar mcp tools"), "{}", reply.err);
    }
}

#[tokio::test]
async fn a_tool_that_the_settings_name_asks_although_it_does_not_by_itself() {
    let world = ProgramWorld::promoted(&[Task::CheckCveTrackerBug, Task::CheckRhcosSecurityAlerts]).await;
    let file = world.home.path().join("oar.toml");
    std::fs::write(&file, "[mcp.confirm]\noar_push_to_cdn_staging = 'always'\n").expect("a file");
    let path = file.display().to_string();
    let served = Served::before(world, &["--toolsets", "all", "--settings", &path]).await;
    let before = served.world.writes();
    let runner = json!({ "release": RELEASE, "command": "push-to-cdn-staging" });
    for (tool, given) in [("oar_push_to_cdn_staging", json!({ "release": RELEASE })), ("oar_run_command", runner)] {
        let asked = served.call(tool, given).await;
        let reply: &Value = &asked["structuredContent"];
        assert_eq!(reply["error"]["code"], "CONFIRMATION_REQUIRED", "{asked}");
        assert!(reply["plan"].as_str().expect("a plan").contains(RELEASE), "{asked}");
    }
    assert_eq!(served.world.writes(), before);
}
