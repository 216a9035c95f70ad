//! One job for an agent: a registry job with a known build, once; everything else takes a right of its own.

use oar::core::access::principal::Scope;
use serde_json::{Value, json};

use super::served::Served;
use crate::real_program::ProgramWorld;

/// Runs at Prow that the program started.
fn runs(served: &Served) -> usize {
    let facts = served.world.sim.world().facts();
    facts.prow.runs.values().filter(|run| run.annotations.contains_key("oar-effect")).count()
}

/// A job of the registry of 4.20, and a payload that the release controller names.
fn known(served: &Served) -> (String, String) {
    let facts = served.world.sim.world().facts();
    let text = facts.github.file("main", "_releases/ocp-4.20-test-jobs-amd64.json").expect("a registry");
    let registry: Value = serde_json::from_str(text).expect("JSON");
    let job = registry["stable"][0]["prowJob"].as_str().expect("a job").to_owned();
    let named = oar::sim::auth::env().into_iter().find(|(name, _)| name == "OAR_PAYLOAD_REPOSITORY");
    (job, format!("{}:4.20.17-x86_64", named.expect("a repository").1))
}

#[tokio::test]
async fn an_agent_runs_a_registry_job_with_a_known_build_once_under_one_name() {
    let served = Served::before(ProgramWorld::promoted(&[]).await, &["--toolsets", "all"]).await;
    let (job, payload) = known(&served);
    let given = json!({ "job_name": job, "payload": payload, "run_id": "agent-1" });
    let first = served.call("job_run", given.clone()).await;
    let fields = &first["structuredContent"];
    assert_eq!(fields["ok"], true, "{first}");
    assert_eq!((&fields["changed"], &fields["job"]["system"]), (&json!(true), &json!("prow")), "{first}");
    let again = served.call("job_run", given).await;
    assert_eq!(again["structuredContent"]["changed"], false, "{again}");
    assert_eq!(again["structuredContent"]["job"]["id"], fields["job"]["id"]);
    assert_eq!(runs(&served), 1);
}

#[tokio::test]
async fn what_no_registry_and_no_release_controller_knows_takes_the_scope_for_any_job() {
    let served = Served::before(ProgramWorld::promoted(&[]).await, &["--toolsets", "all"]).await;
    let (job, payload) = known(&served);
    for given in [
        json!({ "job_name": job, "payload": payload.replace("4.20.17", "4.20.99") }),
        json!({ "job_name": job, "payload": "registry.example.com/mine/release:4.20.17-x86_64" }),
        json!({ "job_name": oar::sim::facts::prow::CONSISTENCY, "payload": payload }),
    ] {
        let refused = served.call("job_run", given).await;
        assert_eq!(refused["structuredContent"]["error"]["code"], "DENIED", "{refused}");
    }
    for given in [
        json!({ "job_name": job, "payload": payload, "upgrade_to": payload.replace("4.20.17", "4.20.16") }),
        json!({ "job_name": job, "payload": payload.replace("x86_64", "s390x") }),
    ] {
        let refused = served.call("job_run", given).await;
        assert_eq!(refused["structuredContent"]["error"]["code"], "INVALID_ARGUMENT", "{refused}");
    }
    assert_eq!(runs(&served), 0);
    let (world, _) = served.killed().await;
    let all = super::refused::tokens(&world).add("robot", Scope::ALL, None).expect("a token");
    let served = Served::with(world, &["--toolsets", "all"], &[], Some(&all)).await;
    let given = json!({ "job_name": job, "payload": "registry.example.com/mine/release:4.20.17-x86_64" });
    let started = served.call("job_run", given).await;
    assert_eq!(started["structuredContent"]["ok"], true, "{started}");
    assert_eq!(runs(&served), 1);
}
