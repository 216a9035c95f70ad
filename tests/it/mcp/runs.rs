//! Calls that change something: in order, once, and on record whatever ends them.

use std::time::Duration;

use futures::future::join_all;
use oar::core::access::principal::Scope;
use oar::core::access::tokens::Tokens;
use oar::domain::release::ZStream;
use oar::domain::state::view::State;
use oar::domain::task::Task;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;
use serde_json::{Value, json};

use super::served::{Served, last_message};
use crate::real_program::ProgramWorld;

const RELEASE: &str = "4.20.17";

/// Limits that a story need not wait for, and enough writes for one that makes many.
const QUICK: [(&str, &str); 3] =
    [("OAR_MCP_RUNS_GRACE", "1"), ("OAR_MCP_RUNS_PROGRESS", "1"), ("OAR_MCP_WRITES_PER_MINUTE", "1000")];

/// The Errata Tool does not answer any more.
fn errata_hangs(world: &ProgramWorld) {
    world.sim.world().faults().add(Rule::on("errata", InjectedFault::Hang)).expect("a rule");
}

fn call(id: usize, tool: &str, arguments: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": arguments } })
}

fn issue(id: usize, release: &str, text: &str) -> Value {
    call(id, "oar_add_issue", json!({ "release": release, "issue": text, "blocker": false }))
}

async fn answer(served: &Served, message: Value) -> Value {
    let id = message["id"].clone();
    let body = served.post(&message, &[]).await.text().await.expect("a body");
    let reply = last_message(&body);
    assert_eq!(reply["id"], id, "{reply}");
    reply["result"]["structuredContent"].clone()
}

/// Records of runs that fit.
fn recorded(world: &ProgramWorld, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let folder = std::fs::read_dir(world.home.path().join("home/runs")).expect("a folder of runs");
    let files = folder.map(|entry| entry.expect("a file").path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let records = files.map(|path| serde_json::from_slice(&std::fs::read(path).expect("a record")).expect("JSON"));
    records.filter(|record: &Value| fits(record)).collect()
}

fn running(world: &ProgramWorld) -> String {
    let all = recorded(world, |run| run["state"] == "running");
    all.first().and_then(|run| run["run_id"].as_str()).expect("a running run").to_owned()
}

/// A release whose pushes may begin.
async fn checked() -> ProgramWorld {
    ProgramWorld::promoted(&[Task::CheckCveTrackerBug, Task::CheckRhcosSecurityAlerts]).await
}

#[tokio::test]
async fn a_task_called_twice_is_done_once_and_says_so() {
    let served = Served::start(&[]).await;
    let first = served.call("oar_create_test_report", json!({ "release": RELEASE })).await;
    assert_eq!(first["isError"], false, "{first}");
    let text = first["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("task [Create Test Report] status is changed to [Pass]"), "{text}");
    let second = served.call("oar_create_test_report", json!({ "release": RELEASE })).await;
    assert_eq!(second["structuredContent"]["changed"], false, "{second}");
}

#[tokio::test]
async fn sixty_four_calls_over_sixteen_releases_are_not_mixed_while_one_service_hangs() {
    let world = checked().await;
    let releases: Vec<String> = (0..16).map(|n| format!("4.20.{}", 17 + n)).collect();
    let place = |release: &str| release.parse::<ZStream>().expect("a release").state_path();
    {
        let mut facts = world.sim.world().facts();
        let file = facts.github.file("z-stream", &place(RELEASE)).expect("a state file").to_owned();
        for release in &releases[1..] {
            facts.github.put_file("z-stream", &place(release), &file.replace(RELEASE, release));
        }
    }
    errata_hangs(&world);
    let served = Served::with(world, &[], &QUICK, None).await;
    let stuck = async { answer(&served, call(5000, "oar_push_to_cdn_staging", json!({ "release": RELEASE }))).await };
    let others = async {
        served.world.sim.world().hangs().notified().await;
        // Its own release waits behind the hanging one.
        let behind = (0..3).map(|n| answer(&served, issue(100 + n, RELEASE, &format!("{RELEASE} has issue {n}"))));
        let free = releases[1..].iter().enumerate().flat_map(|(at, release)| {
            let served = &served;
            (0..4).map(move |n| {
                let message = match n {
                    3 => call(
                        1000 + at * 10 + n,
                        "oar_update_task_status",
                        json!({ "release": release, "task_name": "take-ownership", "status": "In Progress" }),
                    ),
                    n => issue(1000 + at * 10 + n, release, &format!("{release} has issue {n}")),
                };
                async move { (release.clone(), n, answer(served, message).await) }
            })
        });
        let behind = join_all(behind);
        tokio::pin!(behind);
        let free = async {
            let reply = join_all(free).await;
            for _ in 0..10 {
                let alive = served.http.get(format!("{}/livez", served.base)).send().await.expect("an answer");
                assert_eq!(alive.status(), 200);
            }
            assert_eq!(recorded(&served.world, |run| run["state"] == "queued").len(), 3);
            let run = running(&served.world);
            let reported_to = served.call("oar_cancel_run", json!({ "run_id": run })).await;
            assert_eq!(reported_to["structuredContent"]["changed"], true, "{reported_to}");
            reply
        };
        tokio::join!(behind, free)
    };
    let (stuck, (behind, free)) = tokio::join!(stuck, others);
    assert_eq!(stuck["error"]["code"], "CANCELLED", "{stuck}");
    assert_eq!((behind.len(), free.len()), (3, 60));
    for (release, n, reply) in &free {
        assert_eq!((&reply["ok"], &reply["changed"]), (&json!(true), &json!(true)), "{reply}");
        assert_eq!(reply["release"], json!(release));
        let text = reply["legacy_text"].as_str().unwrap();
        for other in releases.iter().filter(|other| *other != release) {
            assert!(!text.contains(other.as_str()), "{release} heard of {other}: {text}");
        }
        if *n < 3 {
            assert!(text.contains(&format!("{release} has issue {n}")), "{text}");
        }
    }
    for release in &releases {
        let facts = served.world.sim.world().facts();
        let text = facts.github.file("z-stream", &place(release)).expect("a state file").to_owned();
        let state = State::parse(&text, Some(&release.parse().unwrap())).expect("a state");
        let mut issues: Vec<_> = state.issues().into_iter().map(|issue| issue.issue).collect();
        issues.sort();
        assert_eq!(issues, [0, 1, 2].map(|n| format!("{release} has issue {n}")), "each once, and nobody else's");
    }
    assert_eq!(recorded(&served.world, |run| run["state"] == "ended").len(), 64);
}

#[tokio::test]
async fn a_client_that_leaves_leaves_a_run_that_can_be_joined_read_and_cancelled() {
    let world = checked().await;
    errata_hangs(&world);
    let served = Served::with(world, &[], &QUICK, None).await;
    let push = |id: usize| call(5000 + id, "oar_push_to_cdn_staging", json!({ "release": RELEASE }));
    {
        let leaving = answer(&served, push(1));
        tokio::pin!(leaving);
        tokio::select! {
            reply = &mut leaving => panic!("it should hang: {reply}"),
            () = served.world.sim.world().hangs().notified() => {}
        }
    }
    let id = running(&served.world);
    let run = served.call("oar_get_run", json!({ "run_id": id })).await;
    assert_eq!(run["structuredContent"]["data"]["state"], "running", "{run}");
    // Eight may wait behind it, an equal call joins it, and the ninth is sent away.
    let joined = answer(&served, push(2));
    let waiting = join_all((0..9).map(|n| answer(&served, issue(10 + n, RELEASE, &format!("issue {n}")))));
    let ending = async {
        while recorded(&served.world, |run| run["state"] == "queued").len() < 8 {
            tokio::task::yield_now().await;
        }
        let found = served.call("oar_grep_log", json!({ "run_id": id, "pattern": "begins$", "context": 0 })).await;
        assert_eq!(found["structuredContent"]["data"]["matches"], 1, "{found}");
        let wild = served.call("oar_grep_log", json!({ "run_id": id, "pattern": "(a{900}){900}" })).await;
        assert_eq!(wild["structuredContent"]["error"]["code"], "INVALID_ARGUMENT", "{wild}");
        served.call("oar_cancel_run", json!({ "run_id": id })).await
    };
    let (joined, waiting, _) = tokio::join!(joined, waiting, ending);
    assert_eq!((&joined["run_id"], &joined["error"]["code"]), (&json!(id), &json!("CANCELLED")), "{joined}");
    let away: Vec<_> = waiting.iter().filter(|reply| reply["error"]["code"] == "CONFLICT").collect();
    assert_eq!(away.len(), 1, "{waiting:?}");
    assert_eq!(away[0]["run_id"], json!(id));
    assert_eq!(waiting.iter().filter(|reply| reply["ok"] == true).count(), 8, "{waiting:?}");
    let run = served.call("oar_get_run", json!({ "run_id": id })).await;
    assert_eq!(run["structuredContent"]["data"]["state"], "ended", "{run}");
}

#[tokio::test]
async fn a_waiting_caller_hears_of_its_run_and_a_run_without_end_is_ended() {
    let world = checked().await;
    errata_hangs(&world);
    let limit = [QUICK[0], QUICK[1], ("OAR_MCP_RUNS_TIME_LIMIT", "3")];
    let served = Served::with(world, &[], &limit, None).await;
    let mut message = call(1, "oar_push_to_cdn_staging", json!({ "release": RELEASE }));
    message["params"]["_meta"] = json!({ "progressToken": "p" });
    let body = served.post(&message, &[]).await.text().await.unwrap();
    let reply = last_message(&body)["result"]["structuredContent"].clone();
    assert_eq!((&reply["error"]["code"], &reply["error"]["retryable"]), (&json!("TIMEOUT"), &json!(true)), "{reply}");
    let data = body.lines().filter_map(|line| line.strip_prefix("data:")).filter(|data| data.contains("progressToken"));
    let heard: Vec<Value> = data.map(|data| serde_json::from_str(data.trim()).expect("JSON")).collect();
    assert!(!heard.is_empty(), "{body}");
    for one in &heard {
        let message = one["params"]["message"].as_str().unwrap();
        assert!(message.contains(RELEASE) && message.chars().count() <= 200, "{message}");
    }
    served.world.sim.world().faults().clear();
    let next = served.call("oar_add_issue", json!({ "release": RELEASE, "issue": "later" })).await;
    assert_eq!(next["isError"], false, "{next}");
}

#[tokio::test]
async fn a_run_that_a_crash_ended_is_found_with_what_the_state_file_says() {
    let world = checked().await;
    errata_hangs(&world);
    let served = Served::with(world, &[], &QUICK, None).await;
    {
        let lost = served.call("oar_push_to_cdn_staging", json!({ "release": RELEASE }));
        tokio::pin!(lost);
        tokio::select! {
            reply = &mut lost => panic!("it should hang: {reply}"),
            () = served.world.sim.world().hangs().notified() => {}
        }
    }
    let id = running(&served.world);
    let (world, token) = served.killed().await;
    world.sim.world().faults().clear();
    let stranger = Tokens::below(&world.home.path().join("home")).add("stranger", Scope::of_agents(), None).unwrap();
    let served = Served::with(world, &[], &QUICK, Some(&token)).await;
    let run = served.call("oar_get_run", json!({ "run_id": id })).await["structuredContent"].clone();
    assert_eq!(run["data"]["state"], "interrupted", "{run}");
    assert_eq!(run["data"]["now"]["task"], "push-to-cdn-staging", "{run}");
    assert!(run["summary"].as_str().unwrap().contains("push-to-cdn-staging is "), "{run}");
    let cancelled = served.call("oar_cancel_run", json!({ "run_id": id })).await;
    assert_eq!(cancelled["structuredContent"]["changed"], false, "{cancelled}");
    let (world, _) = served.killed().await;
    let served = Served::with(world, &[], &QUICK, Some(&stranger)).await;
    let run = served.call("oar_get_run", json!({ "run_id": id })).await;
    assert_eq!(run["structuredContent"]["error"]["code"], "NOT_FOUND", "it is somebody else's: {run}");
}

/// What takes the twenty seconds that a stopping server gives to its runs.
mod long {
    use super::*;

    #[tokio::test]
    async fn a_server_that_is_asked_to_stop_ends_its_runs_first() {
        let world = checked().await;
        errata_hangs(&world);
        let served = Served::with(world, &[], &QUICK, None).await;
        {
            let stuck = served.call("oar_push_to_cdn_staging", json!({ "release": RELEASE }));
            tokio::pin!(stuck);
            tokio::select! {
                reply = &mut stuck => panic!("it should hang: {reply}"),
                () = served.world.sim.world().hangs().notified() => {}
            }
        }
        served.terminate();
        let ended = async {
            while recorded(&served.world, |run| run["answer"]["error"]["code"] == "CANCELLED").is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), ended).await.expect("the run ends before the server");
    }
}
