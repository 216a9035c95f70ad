//! No change without its line in the audit log, whatever becomes of the log.

use oar::domain::task::Task;
use serde_json::json;

use super::served::Served;
use crate::real_program::ProgramWorld;

const RELEASE: &str = "4.20.17";

/// Everything that could have changed.
fn outside(served: &Served) -> (usize, String) {
    (served.world.writes().len(), served.world.state().to_yaml())
}

async fn ready(served: &Served) -> (u16, String) {
    let answer = served.http.get(format!("{}/readyz", served.base)).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

#[tokio::test]
async fn while_the_log_cannot_be_written_nothing_is_changed_and_looks_go_on() {
    let world = ProgramWorld::promoted(&[Task::CheckCveTrackerBug, Task::CheckRhcosSecurityAlerts]).await;
    let served = Served::before(world, &["--toolsets", "all"]).await;
    let before = outside(&served);
    let log = served.world.home.path().join("home/mcp/audit.jsonl");
    let aside = log.with_extension("aside");
    assert_eq!(ready(&served).await.0, 200);
    std::fs::rename(&log, &aside).expect("a log");
    std::os::unix::fs::symlink("/dev/full", &log).expect("a link");

    for (tool, given) in [
        ("oar_push_to_cdn_staging", json!({ "release": RELEASE })),
        ("oar_add_issue", json!({ "release": RELEASE, "issue": "x" })),
        ("oar_run_command", json!({ "release": RELEASE, "command": "push-to-cdn-staging" })),
        ("mcp_cache_invalidate", json!({})),
        (
            "oar_update_task_status",
            json!({ "release": RELEASE, "task_name": "take-ownership", "status": "Pass", "result": "x" }),
        ),
    ] {
        let reply = served.call(tool, given).await;
        let error = &reply["structuredContent"]["error"];
        assert_eq!(error["code"], "PRECONDITION", "{tool}: {reply}");
        assert!(reply.to_string().contains("No space left on device"), "{tool}: {reply}");
    }
    assert_eq!(outside(&served), before);
    let (status, why) = ready(&served).await;
    assert!(status == 503 && why.contains("the audit log cannot be written: No space left"), "{status} {why}");
    assert_eq!(served.call("oar_get_issues", json!({ "release": RELEASE })).await["isError"], false);

    std::fs::remove_file(&log).expect("a link");
    std::fs::rename(&aside, &log).expect("the log");
    assert_eq!(ready(&served).await.0, 200, "it writes a line to see whether it can");
    let pushed = served.call("oar_push_to_cdn_staging", json!({ "release": RELEASE })).await;
    assert_eq!(pushed["isError"], false, "{pushed}");
    let text = std::fs::read_to_string(&log).expect("the log");
    assert!(text.contains("\"left_out\":"), "how much is missing is said: {text}");
    served.world.oar(&["mcp", "audit", "verify"]).await.exits(0);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_made_again_before_anything_is_changed() {
    let served = Served::start(&[]).await;
    let log = served.world.home.path().join("home/mcp/audit.jsonl");
    std::fs::remove_file(&log).expect("a log");
    let added = served.call("oar_add_issue", json!({ "release": RELEASE, "issue": "x" })).await;
    assert_eq!(added["isError"], false, "{added}");
    let text = std::fs::read_to_string(&log).expect("a log");
    let outcomes: Vec<_> = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    let outcomes: Vec<_> = outcomes.iter().map(|line| line["outcome"].as_str().unwrap_or_default()).collect();
    assert_eq!(outcomes, ["BEGAN", "OK"]);
}

#[tokio::test]
async fn lines_that_were_taken_from_the_end_of_the_log_are_missed_by_its_check() {
    let served = Served::start(&[]).await;
    for issue in ["one", "two"] {
        let added = served.call("oar_add_issue", json!({ "release": RELEASE, "issue": issue })).await;
        assert_eq!(added["isError"], false, "{added}");
    }
    served.world.oar(&["mcp", "audit", "verify"]).await.exits(0);
    let log = served.world.home.path().join("home/mcp/audit.jsonl");
    let whole = std::fs::read_to_string(&log).expect("the log");
    let lines: Vec<_> = whole.lines().collect();
    for (taken, reason) in [(1, "began and has no end"), (2, "has no line")] {
        std::fs::write(&log, lines[..lines.len() - taken].join("\n") + "\n").expect("written");
        let found = served.world.oar(&["mcp", "audit", "verify"]).await.exits(5).err;
        assert!(found.contains(reason) && found.contains("oar_add_issue"), "{found}");
    }
}
