//! While somebody does not answer, what is shown says how old it is, or that it cannot be shown.

use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;
use serde_json::{Value, json};

use super::served::Served;

const RELEASE: &str = "4.20.17";

fn away(served: &Served, service: &str) {
    let away = InjectedFault::Status { code: 503, retry_after_s: None };
    served.world.sim.world().faults().add(Rule::on(service, away)).expect("a rule");
}

/// A resource: its text as JSON, or why it cannot be read.
async fn read(served: &Served, uri: &str) -> Result<Value, String> {
    let reply = served.ask("resources/read", json!({ "uri": uri })).await;
    match reply["result"]["contents"][0]["text"].as_str() {
        Some(text) => Ok(serde_json::from_str(text).expect("JSON")),
        None => Err(reply["error"]["message"].as_str().expect("an error").to_owned()),
    }
}

#[tokio::test]
async fn a_stored_state_that_cannot_be_read_anew_says_since_when_and_why_on_every_front_end() {
    let served = Served::start(&["--toolsets", "all"]).await;
    let status = async || served.call("oar_get_release_status", json!({ "release": RELEASE })).await;
    let fresh = status().await;
    assert!(fresh["structuredContent"].get("stale").is_none(), "{fresh}");
    away(&served, "github");

    let old = status().await;
    let fields = &old["structuredContent"];
    assert_eq!((&old["isError"], &fields["stale"]), (&json!(false), &fields["data"]["stale"]), "{old}");
    assert!(fields["stale"]["since"].as_str().expect("a time").ends_with('Z'), "{old}");
    assert!(fields["stale"]["why"].as_str().expect("a reason").contains("what was last seen here"), "{old}");
    assert!(fields["summary"].as_str().expect("a text").contains("; OLD, as of "), "{old}");
    let text: Value = serde_json::from_str(old["content"][0]["text"].as_str().expect("a text")).expect("JSON");
    assert_eq!(text["stale"], fields["stale"]);

    let releases = format!("oar://releases/{RELEASE}");
    for part in ["state", "timeline"] {
        let shown = read(&served, &format!("{releases}/{part}")).await.expect("a resource");
        assert_eq!(shown["stale"], fields["stale"], "{part}");
    }
    for part in ["state.yaml", "issues"] {
        read(&served, &format!("{releases}/{part}")).await.expect_err("nobody can say");
    }
    read(&served, "oar://releases").await.expect_err("nobody can say");
    for (tool, given) in [
        ("oar_plan_next_actions", json!({ "release": RELEASE })),
        ("oar_get_issues", json!({ "release": RELEASE })),
        ("oar_get_active_releases", json!({})),
    ] {
        let reply = served.call(tool, given).await;
        assert_eq!(reply["isError"], true, "{tool}: {reply}");
    }

    let shown = served.world.oar(&["--json", "status"]).await.exits(0).out;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert!(shown["stale"]["since"].is_string() && !shown["old"].as_array().expect("a list").is_empty(), "{shown}");
    let text = served.world.oar(&["status"]).await.exits(0).out;
    assert!(text.contains("old     as of 20"), "{text}");
}

#[tokio::test]
async fn build_data_from_memory_says_since_when_once_it_should_have_been_asked_again() {
    let served = Served::start(&["--toolsets", "all"]).await;
    let metadata = async || {
        let reply = served.call("oar_get_release_metadata", json!({ "release": RELEASE })).await;
        reply["structuredContent"].clone()
    };
    assert!(metadata().await.get("stale").is_none());
    assert!(metadata().await.get("stale").is_none(), "it is new");
    away(&served, "build_data");
    served.world.hours_pass(1);
    // The server asks the simulated world for its time when it looks at a release.
    served.call("oar_get_release_status", json!({ "release": RELEASE })).await;
    let old = metadata().await;
    assert!(old["stale"]["since"].is_string() && old["data"]["stale"]["why"].is_string(), "{old}");
    let shown = read(&served, &format!("oar://releases/{RELEASE}/metadata")).await.expect("a resource");
    assert!(shown["stale"]["since"].is_string(), "{shown}");
}
