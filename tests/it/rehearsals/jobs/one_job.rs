//! Single jobs that somebody runs by name.

use oar::sim::facts::prow::CONSISTENCY;

use super::{LOOK, calm_day, starts, the_record, without_ids};
use crate::rehearsal::test_world::TestWorld;

/// An amd64 payload.
const PAYLOAD: &str = "registry.ci.example.com/ocp/release:4.21.0-0.nightly-2026-06-08-000000";

/// The first job of the registry of 4.21.
fn a_job(world: &TestWorld) -> String {
    let facts = world.simulator().world().facts();
    let text = facts.github.file("main", "_releases/ocp-4.21-test-jobs-amd64.json").expect("a registry").to_owned();
    let registry: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    registry["nightly"][0]["prowJob"].as_str().expect("a job").to_owned()
}

/// Runs at Prow with the variables that they were given.
fn runs(world: &TestWorld) -> Vec<String> {
    let facts = world.simulator().world().facts();
    let shown = |run: &oar::sim::facts::prow::Run| {
        let envs: Vec<String> = run.envs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {}", run.job, envs.join(" ")).trim().to_owned()
    };
    facts.prow.runs.values().filter(|run| run.annotations.contains_key("oar-effect")).map(shown).collect()
}

/// Runs a command that may change nothing outside.
async fn quietly(world: &TestWorld, line: &str) -> String {
    world.new_writes();
    let output = world.oar(line).await;
    assert_eq!(world.new_writes(), "nothing", "{output}");
    output
}

#[tokio::test]
async fn a_job_is_run_with_the_payload_that_was_given_once_somebody_says_yes() {
    let world = calm_day().await;
    let line = format!("job run {} --payload {PAYLOAD}", a_job(&world));
    let asked = quietly(&world, &line).await;
    assert!(asked.contains("it would start") && asked.contains(PAYLOAD) && asked.ends_with("exit 4"), "{asked}");
    let dry = quietly(&world, &format!("{line} --dry-run")).await;
    assert!(dry.contains("dry run: it would start") && dry.ends_with("exit 0"), "{dry}");
    let said = world.oar(&format!("{line} --yes")).await;
    assert!(said.contains("Returned job id: ") && said.contains("job get-results "), "{said}");
    assert!(said.ends_with("exit 0"), "{said}");
    assert_eq!(runs(&world), [format!("{} RELEASE_IMAGE_LATEST={PAYLOAD}", a_job(&world))]);
    let again = world.oar(&line).await;
    assert!(again.contains("the same was started at "), "whoever is asked again sees it: {again}");
}

#[tokio::test]
async fn an_upgrade_takes_the_spelling_with_underscores_and_the_architecture_that_its_images_name() {
    let world = calm_day().await;
    let job = a_job(&world);
    let (from, to) = ("registry.example.com/ocp/release:4.20.3-multi", "registry.example.com/ocp/release:4.21.4-multi");
    let said = world.oar(&format!("job run {job} --upgrade_from {from} --upgrade_to {to} --yes")).await;
    assert!(said.ends_with("exit 0"), "{said}");
    assert_eq!(runs(&world), [format!("{job} RELEASE_IMAGE_MULTI_LATEST={from} RELEASE_IMAGE_MULTI_TARGET={to}")]);
}

#[tokio::test]
async fn images_that_contradict_each_other_are_refused_before_anything_is_sent() {
    let world = calm_day().await;
    let job = a_job(&world);
    let spec = |arch: &str| format!("registry.example.com/ocp/release:4.21.4-{arch}");
    let digest = format!("registry.example.com/ocp/release@sha256:{}", "a".repeat(64));
    for (images, why) in [
        (format!("--payload {PAYLOAD} --upgrade_to {}", spec("x86_64")), "not both"),
        (format!("--payload {PAYLOAD} --upgrade_from {}", spec("x86_64")), "not both"),
        (format!("--upgrade_from {} --upgrade_to {}", spec("x86_64"), spec("aarch64")), "is an image of"),
        (format!("--upgrade_from {PAYLOAD} --upgrade_to {}", spec("aarch64")), "is an image of"),
        (format!("--payload {} --arch arm64", spec("x86_64")), "is an image of"),
        (format!("--payload {}", spec("s390x")), "test jobs take no image of s390x"),
        (format!("--payload {digest}"), "names no architecture"),
    ] {
        let said = quietly(&world, &format!("job run {job} {images} --yes")).await;
        assert!(said.contains(why) && said.ends_with("exit 2"), "{images}: {said}");
    }
    assert_eq!(runs(&world), [""; 0]);
}

#[tokio::test]
async fn a_part_of_a_name_is_answered_with_the_jobs_that_have_it_and_runs_none() {
    let world = calm_day().await;
    let job = a_job(&world);
    let part = job.trim_start_matches("periodic-ci-");
    let said = quietly(&world, &format!("job run {part} --yes")).await;
    assert!(said.contains("is not the full name of a periodic job") && said.contains(&job), "{said}");
    assert!(said.ends_with("exit 2"), "{said}");
    let said = quietly(&world, "job run no-such-thing --yes").await;
    assert!(said.contains("no registry has a job with that in its name") && said.ends_with("exit 2"), "{said}");
    let said = world.oar("job run periodic-ci-nobody-has-this --yes").await;
    assert!(said.contains("knows no job") && said.ends_with("exit 4"), "{said}");
}

#[tokio::test]
async fn a_start_whose_answer_got_lost_is_found_by_the_same_line_and_never_sent_again() {
    let world = calm_day().await;
    let line = format!("job run {} --payload {PAYLOAD} --yes", a_job(&world));
    world.answer_gets_lost("gangway", "POST", "/v1/executions");
    world.refuses("gangway", "GET", "/v1/executions", 503);
    let said = world.oar(&line).await;
    assert!(said.contains("nobody knows yet whether this happened") && said.ends_with("exit 3"), "{said}");
    assert_eq!(runs(&world).len(), 1);
    let said = world.oar(&line).await;
    assert!(said.ends_with("exit 7"), "while nobody can look nothing is sent: {said}");
    world.repair();
    let said = world.oar(&line).await;
    assert!(said.contains("was started before") && said.contains("Returned job id: "), "{said}");
    assert_eq!(starts(&world).into_values().collect::<Vec<_>>(), [1]);
    let said = world.oar(&line).await;
    assert!(said.contains(" started as run "), "it is known how that ended, so this is another one: {said}");
    assert_eq!(runs(&world).len(), 2);
}

#[tokio::test]
async fn what_no_look_shows_any_more_is_a_persons_to_answer() {
    for (answer, wanted) in [("happened", 0), ("did-not-happen", 1)] {
        let world = calm_day().await;
        let line = format!("job run {} --payload {PAYLOAD} --yes", a_job(&world));
        // It never arrived, and nobody can know.
        world.line_breaks("gangway", "POST", "/v1/executions");
        world.refuses("gangway", "GET", "/v1/executions", 503);
        let said = world.oar(&line).await;
        assert!(said.ends_with("exit 3"), "{said}");
        world.simulator().world().facts().prow.runs.clear();
        world.repair();
        world.time_passes("72h");
        let said = world.oar(&line).await;
        assert!(said.contains("nobody can see any more") && said.contains("?job=periodic-ci-"), "{said}");
        assert!(said.contains("--answer did-not-happen") && said.ends_with("exit 4"), "{said}");
        assert_eq!(runs(&world), [""; 0]);
        let said = world.oar(&format!("{line} --answer {answer}")).await;
        assert!(said.ends_with("exit 0"), "{answer}: {said}");
        assert_eq!(runs(&world).len(), wanted, "{answer}: {said}");
        let said = world.oar(&format!("{line} --answer {answer}")).await;
        assert!(said.contains("whose end nobody knows") && said.ends_with("exit 2"), "{said}");
    }
}

#[tokio::test]
async fn a_run_with_a_name_is_started_once_by_whichever_machine() {
    let mut world = calm_day().await;
    let line = format!("job run {} --payload {PAYLOAD} --run-id 4.21-second --yes", a_job(&world));
    let first = world.oar(&line).await;
    assert!(first.contains("started as run 4.21-second") && first.ends_with("exit 0"), "{first}");
    for said in [world.oar(&line).await, world.elsewhere(&line).await] {
        assert!(said.contains("was started before") && said.ends_with("exit 0"), "{said}");
    }
    assert_eq!(runs(&world).len(), 1);
    world.time_passes("72h");
    let said = world.oar(&line).await;
    assert!(said.contains("Prow does not show it any more") && said.ends_with("exit 2"), "{said}");
    assert_eq!(runs(&world).len(), 1);
}

#[tokio::test]
async fn without_a_credential_or_a_gateway_the_exit_says_so() {
    let world = calm_day().await;
    let line = format!("job run {} --payload {PAYLOAD} --yes", a_job(&world));
    let said = world.oar_without("APITOKEN", &line).await;
    assert!(said.contains("APITOKEN") && said.ends_with("exit 6"), "{said}");
    let said = world.oar_with("APITOKEN", "expired", &line).await;
    assert!(said.contains("oc whoami -t") && said.ends_with("exit 6"), "{said}");
    world.refuses("gangway", "POST", "/v1/executions", 503);
    let said = world.oar(&line).await;
    assert!(said.contains("next: ") && !said.ends_with("exit 0"), "{said}");
    assert_eq!(runs(&world), [""; 0]);
}

#[tokio::test]
async fn required_jobs_are_started_each_once_and_the_same_line_starts_what_is_missing() {
    let world = calm_day().await;
    let jobs: Vec<String> = {
        let facts = world.simulator().world().facts();
        let text = facts.github.file("main", "_releases/ocp-4.21-test-jobs-amd64.json").expect("a registry").to_owned();
        let registry: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let names = registry["nightly"].as_array().expect("jobs").iter().take(3);
        names.map(|job| job["prowJob"].as_str().expect("a job").to_owned()).collect()
    };
    let file = world.path("required.json");
    std::fs::write(&file, serde_json::json!({ "4.21": jobs }).to_string()).expect("a file");
    let line = format!("job run_required --channel 4.21 --file {} --version 4.21.4", file.display());
    let asked = quietly(&world, &line).await;
    assert!(jobs.iter().all(|job| asked.contains(job)) && asked.ends_with("exit 4"), "{asked}");
    let said = world.oar(&format!("{line} --yes")).await;
    assert!(said.ends_with("exit 0"), "{said}");
    let started = runs(&world);
    assert_eq!(started.len(), 3, "{said}");
    assert!(started.iter().all(|run| run.contains("4.21.4-")), "each got the release: {started:?}");
    let said = world.oar(&format!("{line} --yes")).await;
    assert_eq!(said.matches("found ").count(), 3, "{said}");
    assert_eq!(runs(&world).len(), 3);
    let said = quietly(&world, &line.replace("--channel 4.21", "--channel 4.21,4.99")).await;
    assert!(said.contains("it has no channel “4.99”; it has 4.21") && said.ends_with("exit 2"), "{said}");
}

#[tokio::test]
async fn the_jobs_around_a_promoted_release_take_its_payload_alone() {
    let world = TestWorld::founded("smooth", |_| {}).await;
    let repository = world.variable("OAR_PAYLOAD_REPOSITORY").expect("a repository");
    let payload = format!("{repository}:4.20.17-x86_64");
    let said = world.oar(&format!("job run_image_consistency_check -p {payload} -m 123 --yes")).await;
    assert!(said.ends_with("exit 0"), "{said}");
    let said = world.oar(&format!("job run-stage-testing -p {payload} --yes")).await;
    assert!(said.ends_with("exit 0"), "{said}");
    let tested = "periodic-ci-openshift-openshift-tests-private-release-4.20-stage-testing-e2e-aws-ipi";
    let wanted = [
        format!(
            "{CONSISTENCY} MULTISTAGE_PARAM_OVERRIDE_MERGE_REQUEST_ID=123 \
             MULTISTAGE_PARAM_OVERRIDE_PAYLOAD_URL={payload}"
        ),
        format!("{tested} RELEASE_IMAGE_LATEST={payload}"),
    ];
    assert_eq!(runs(&world), wanted);
    for line in [
        format!("job run_stage_testing -p {repository}:4.20.17-aarch64 --yes"),
        "job run_stage_testing -p registry.example.com/other:4.20.17-x86_64 --yes".to_owned(),
        format!("job run_image_consistency_check -p {payload} -m 0 --yes"),
        format!("job run_image_consistency_check -p {payload} --yes"),
    ] {
        assert!(quietly(&world, &line).await.ends_with("exit 2"), "{line}");
    }
}

#[tokio::test]
async fn a_look_at_a_run_says_where_it_stands_and_its_exit_says_the_same() {
    let world = calm_day().await;
    world.oar(LOOK).await;
    let (_, record) = the_record(&world, "4.21");
    let id = record["result"][0]["firstJob"]["jobID"].as_str().expect("a run").to_owned();
    let said = world.oar(&format!("job get_results {id} --poll")).await;
    let job = record["result"][0]["jobName"].as_str().expect("a job");
    assert!(said.contains(&format!("jobName: {job}")) && said.ends_with("exit 3"), "{said}");
    assert!(said.contains(&format!("payload: {}", record["build"]["pullSpec"].as_str().expect("a payload"))), "{said}");
    for (state, exit) in [("success", 0), ("failure", 5), ("error", 5)] {
        world.simulator().world().facts().prow.runs.get_mut(&id).expect("the run").state = state;
        let said = world.oar(&format!("job get-results {id}")).await;
        assert!(said.contains(&format!("jobState: {state}")) && said.ends_with(&format!("exit {exit}")), "{said}");
    }
    let said = world.oar("job get-results 00000000-0000-4000-8000-000000000000").await;
    assert!(without_ids(&said).contains("Prow knows no run") && said.ends_with("exit 2"), "{said}");
    assert!(world.oar("job get-results 12").await.ends_with("exit 2"));
}

#[tokio::test]
async fn tests_are_listed_with_the_names_under_which_their_jobs_are_run() {
    let world = TestWorld::founded("smooth", |_| {}).await;
    let said = world.oar("job list").await;
    let job = "periodic-ci-openshift-openshift-tests-private-release-4.20-amd64-nightly-aws-ipi-f7";
    assert!(said.contains(&format!("  aws-ipi-f7  {job}\n  unit\n")) && said.ends_with("exit 0"), "{said}");
    let said = world.oar("job list --component openshift/nothing").await;
    assert!(said.contains("has no tests of “openshift/nothing”") && said.ends_with("exit 2"), "{said}");
    assert!(world.oar("job list --branch nowhere").await.ends_with("exit 2"));
}

#[tokio::test]
async fn what_older_scripts_say_to_job_is_understood_or_answered_with_what_does_the_same() {
    let world = TestWorld::founded("smooth", |_| {}).await;
    let said = world.oar("job get_payloads 4.20.0,4.21.0 --push false").await;
    assert!(said.contains("jobctl start-controller -r X.Y") && said.ends_with("exit 2"), "{said}");
    for name in ["job", "jobctl", "ctl"] {
        let said = world.oar(&format!("{name} --version")).await;
        assert!(said.contains(env!("CARGO_PKG_VERSION")) && said.ends_with("exit 0"), "{said}");
    }
    for debug in ["--debug", "--no-debug"] {
        let said = world.oar(&format!("job {debug} list")).await;
        assert!(said.ends_with("exit 0"), "{said}");
    }
}
