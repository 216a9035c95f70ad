//! One stream at a time.

use insta::assert_snapshot;
use oar::agents::job_controller::{self, Streams};
use oar::domain::build::{Arch, Stream};
use oar::domain::build_stream::BuildStream;
use oar::operators::jobs::job_writer::Powers;
use serde_json::json;

use super::{LOOK, calm_day, commits, job_day, starts, stored, the_record, without_ids, wrong};
use crate::rehearsal::test_world::TestWorld;

#[tokio::test]
async fn a_new_build_is_planned_with_all_its_jobs_and_each_is_triggered_once() {
    let world = calm_day().await;
    assert_snapshot!(without_ids(&world.oar(LOOK).await), @"
    4.21 nightly amd64: new: 4.21.0-0.nightly-2026-06-02-100000
      4.21.0-0.nightly-2026-06-02-100000 amd64: 5 jobs planned, 5 triggered now
        triggered ID periodic-ci-openshift-openshift-tests-private-release-4.21-automated-release-aws-ipi-f999
        triggered ID periodic-ci-openshift-openshift-tests-private-release-4.21-automated-release-azure-ipi-fips-f999
        triggered ID periodic-ci-openshift-openshift-tests-private-release-4.21-automated-release-gcp-ipi-f999
        triggered ID periodic-ci-openshift-openshift-tests-private-release-4.21-automated-release-aws-ipi-disruptive-f999
        triggered ID periodic-ci-openshift-openshift-tests-private-release-4.21-automated-release-vsphere-ipi-f999
    exit 0
    ");
    let (path, record) = the_record(&world, "4.21");
    assert_eq!(record["plan"].as_array().map(Vec::len), record["result"].as_array().map(Vec::len));
    assert_eq!(wrong(&world, true), [""; 0]);
    let latest = stored(&world, "_releases/ocp-latest-4.21-nightly-amd64.json").expect("a current build");
    let latest: serde_json::Value = serde_json::from_str(&latest).expect("JSON");
    assert_eq!(record["build"], latest, "the answer of the release controller, as it came");
    assert!(path.contains(latest["name"].as_str().expect("a name")));
    let before = commits(&world);
    assert_snapshot!(without_ids(&world.oar(LOOK).await), @"
    4.21 nightly amd64: at 4.21.0-0.nightly-2026-06-02-100000
    exit 0
    ");
    assert_eq!((commits(&world), wrong(&world, true)), (before, vec![]), "a round that finds nothing writes nothing");
}

#[tokio::test]
async fn a_plan_of_which_nothing_could_be_triggered_is_a_change_all_the_same() {
    let world = calm_day().await;
    world.refuses("gangway", "POST", "/v1/executions", 503);
    let (minor, stream) = ("4.21".parse().expect("a minor"), Stream::Nightly);
    let streams = Streams::Named(vec![BuildStream { minor, stream, arch: Arch::Amd64 }]);
    let pass = job_controller::run(&world.context(), &streams, Powers::default()).await.expect("a pass");
    assert_eq!(starts(&world).len(), 0);
    assert!(pass.changed, "{pass:?}");

    let shadow = Powers { shadow: true, take_over: false };
    let looked = job_controller::run(&world.context(), &streams, shadow).await.expect("a pass");
    assert!(!looked.changed, "{looked:?}");
}

#[tokio::test]
async fn jobs_that_upgrade_start_from_the_stable_build_of_the_very_minor_resolved_once() {
    let world = calm_day().await;
    let same = "periodic-x-release-4.21-nightly-4.21-upgrade-from-stable-4.21-aws";
    let other = "periodic-x-release-4.21-nightly-4.21-upgrade-from-stable-4.20-aws";
    let upgrade = |name: &str| json!({ "prowJob": name, "upgrade": true });
    let registry = json!({ "nightly": [upgrade(same), upgrade(other)], "stable": [] });
    let path = "_releases/ocp-4.21-test-jobs-amd64.json";
    world.simulator().world().facts().github.put_file("main", path, &registry.to_string());
    world.oar(LOOK).await;
    let (_, record) = the_record(&world, "4.21");
    let from = record["plan"][0]["upgrade_from"].as_str().expect("a pull spec");
    assert!(from.contains(":4.21.") && record["plan"][1]["upgrade_from"].is_null(), "{record:#}");
    assert_eq!(record["result"][0]["upgrade_from"], from);
    let facts = world.simulator().world().facts();
    let given = |job: &str| {
        let run = facts.prow.runs.values().find(|run| run.job == job).expect("a run");
        ["LATEST", "TARGET"].map(|name| run.envs.get(&format!("RELEASE_IMAGE_{name}")).cloned())
    };
    let build = record["build"]["pullSpec"].as_str().map(str::to_owned);
    assert_eq!(given(same), [Some(from.to_owned()), build.clone()]);
    assert_eq!(given(other), [None, build]);
}

#[tokio::test]
async fn what_the_gateway_does_not_take_waits_in_the_plan_and_is_triggered_by_a_later_round() {
    let world = job_day().await;
    world.time_passes("62m");
    let mut rounds = Vec::new();
    for _ in 0..12 {
        let said = world.oar(LOOK).await;
        let done = said.ends_with("exit 0");
        rounds.push(said);
        if done {
            break;
        }
        world.time_passes("5m");
    }
    assert!(rounds.last().is_some_and(|said| said.ends_with("exit 0")), "{}", rounds.join("\n"));
    assert_eq!(wrong(&world, true), [""; 0], "{}", rounds.join("\n"));
}

#[tokio::test]
async fn looking_alone_changes_nothing() {
    let world = calm_day().await;
    let before = commits(&world);
    for line in
        ["--trigger-prow-job=false", "--trigger-prow-job False", "--no-trigger-prow-job", "--shadow", "--dry-run"]
    {
        let said = world.oar(&format!("{LOOK} {line}")).await;
        assert!(said.contains("0 triggered now") && said.ends_with("exit 0"), "{line}: {said}");
    }
    assert_eq!((commits(&world), starts(&world).len()), (before, 0));
}

#[tokio::test]
async fn a_stream_that_answers_500_delays_no_other() {
    let world = TestWorld::founded("stream-broken", |plan| plan.disturbances.gateway = None).await;
    world.time_passes("4h");
    let said = world.oar("jobctl start-controller --minor-release 4.15 --minor-release 4.16").await;
    assert!(said.contains("4.15 nightly amd64: could not be looked at") && said.ends_with("exit 7"), "{said}");
    assert!(said.contains("4.16 nightly amd64: new: "), "{said}");
    assert_eq!(wrong(&world, true), [""; 0], "{said}");
}

#[tokio::test]
async fn a_stream_that_goes_back_in_time_triggers_nothing_and_overwrites_nothing() {
    let stable = "jobctl start-controller -r 4.21 --no-nightly";
    let world = TestWorld::founded("streams-jump-back", |plan| plan.disturbances.gateway = None).await;
    world.time_passes("9h50m");
    world.oar(stable).await;
    let (latest, record) = (stored(&world, "_releases/ocp-latest-4.21-stable-amd64.json"), the_record(&world, "4.21"));
    world.time_passes("1h");
    let said = world.oar(stable).await;
    assert!(said.contains(": back at 4.21.") && said.contains("note: ignored 4.21."), "{said}");
    assert!(said.ends_with("exit 0"), "{said}");
    assert_eq!(stored(&world, "_releases/ocp-latest-4.21-stable-amd64.json"), latest);
    assert_eq!(the_record(&world, "4.21"), record);
}

#[tokio::test]
async fn a_damaged_registry_triggers_nothing_and_says_so() {
    let world = calm_day().await;
    let registry =
        json!({ "nightly": [{ "prowJob": "periodic-x-release-4.21-aws", "disabled": "false" }], "stable": [] });
    let path = "_releases/ocp-4.21-test-jobs-amd64.json";
    world.simulator().world().facts().github.put_file("main", path, &registry.to_string());
    let said = world.oar(LOOK).await;
    assert!(said.contains("the job registry is unusable") && said.contains("jobctl registry check"), "{said}");
    assert!(said.ends_with("exit 7"), "{said}");
    assert_eq!(starts(&world).len(), 0);
}

#[tokio::test]
async fn a_missing_token_is_named_before_anything_is_done() {
    let world = calm_day().await;
    let before = commits(&world);
    let said = world.oar_without("APITOKEN", LOOK).await;
    assert!(said.contains("APITOKEN") && said.ends_with("exit 6"), "{said}");
    assert_eq!(commits(&world), before);
}
