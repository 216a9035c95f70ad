//! What becomes of records while their runs go on.

use serde_json::Value;

use super::{LOOK, calm_day, commits, starts, stored, the_record, token, without_ids, wrong};
use crate::rehearsal::test_world::TestWorld;

const JUDGE: &str = "jobctl start-aggregator";

/// A day on which jobs whose names have one of these parts fail so many times.
async fn failing(alter: impl FnOnce(&mut oar::sim::scenario::job_endings::JobEndings)) -> TestWorld {
    TestWorld::founded("job-day", |plan| {
        plan.disturbances.gateway = None;
        plan.job_endings = oar::sim::scenario::job_endings::JobEndings::default();
        alter(&mut plan.job_endings);
    })
    .await
}

/// Rounds of ten minutes until nothing is open; what the last one said.
async fn judged(world: &TestWorld) -> String {
    let mut said = String::new();
    let token = token(world);
    for _ in 0..90 {
        world.time_passes("10m");
        said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, JUDGE).await;
        if said.starts_with("1 records are settled") {
            break;
        }
    }
    said
}

fn decision(record: &Value) -> (&Value, &Value, &Value) {
    (&record["verdict"]["decision"], &record["aggregated"], &record["accepted"])
}

/// The runs of a record that count.
fn runs(record: &Value) -> Vec<Value> {
    let items = record["result"].as_array().into_iter().flatten();
    let of = |item: &Value| {
        let further = item["retriedJobs"].as_array().cloned().unwrap_or_default();
        std::iter::once(item["firstJob"].clone()).chain(further).collect::<Vec<_>>()
    };
    items.flat_map(of).collect()
}

#[tokio::test]
async fn a_build_whose_jobs_all_pass_is_accepted_with_one_commit_per_look_that_saw_an_end() {
    let world = failing(|_| {}).await;
    world.oar(LOOK).await;
    let before = commits(&world);
    let said = world.oar(JUDGE).await;
    assert!(said.contains("IN_PROGRESS, 5 of 5 required jobs ran, 5 open") && said.ends_with("exit 3"), "{said}");
    assert_eq!(commits(&world), before, "that runs go on is no commit");
    judged(&world).await;
    let (_, record) = the_record(&world, "4.21");
    assert_eq!(decision(&record), (&"ACCEPTED".into(), &true.into(), &true.into()), "{record:#}");
    assert!(commits(&world) - before <= 6, "{}", commits(&world) - before);
    assert_eq!(wrong(&world, true), [""; 0]);
    let settled = commits(&world);
    world.oar(JUDGE).await;
    assert_eq!(commits(&world), settled);
}

#[tokio::test]
async fn looked_at_every_other_minute_the_verdict_stands_two_minutes_after_the_last_end_and_each_look_reads_an_open_run_once()
 {
    let world = failing(|job_endings| job_endings.failing_percent = 30).await;
    world.oar(LOOK).await;
    let reads = || world.requests_of(|raw| raw.service == "prow").len();
    let open = |record: &Value| runs(record).iter().filter(|run| run["jobCompletionTime"].is_null()).count();
    for _ in 0..450 {
        world.time_passes("2m");
        let (_, record) = the_record(&world, "4.21");
        let most = open(&record);
        world.simulator().world().journal().clear();
        world.oar(JUDGE).await;
        let (_, judged) = the_record(&world, "4.21");
        // A further run that this look triggered is read by the next.
        assert!(reads() <= most, "{} reads of {most} open runs", reads());
        if judged["aggregated"] == true {
            break;
        }
    }
    let (_, record) = the_record(&world, "4.21");
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let last = runs(&record).iter().filter_map(|run| time(&run["jobCompletionTime"])).max().expect("an end");
    let decided = time(&record["verdict"]["decided_at"]).expect("a verdict");
    assert!(decided.duration_since(last).as_secs() <= 120, "ended {last}, decided {decided}");
}

#[tokio::test]
async fn a_failed_nightly_is_tried_again_one_run_after_the_other_and_not_in_vain() {
    let world = failing(|job_endings| job_endings.failing_percent = 100).await;
    world.oar(LOOK).await;
    judged(&world).await;
    let (_, record) = the_record(&world, "4.21");
    assert_eq!(decision(&record), (&"REJECTED".into(), &true.into(), &false.into()), "{record:#}");
    let retried: Vec<usize> = record["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["retriedJobs"].as_array().map_or(0, Vec::len))
        .collect();
    assert!(retried.iter().all(|runs| *runs <= 1), "the second further run could not change the verdict: {retried:?}");
    assert!(retried.contains(&1), "{retried:?}");
    assert_eq!(wrong(&world, true), [""; 0]);
}

#[tokio::test]
async fn a_run_in_error_and_a_run_that_is_lost_are_replaced_and_stay_in_the_history() {
    for (error, lost) in [(100, 0), (0, 100)] {
        let world = failing(|job_endings| (job_endings.error_percent, job_endings.lost_percent) = (error, lost)).await;
        world.oar(LOOK).await;
        for _ in 0..40 {
            world.time_passes("10m");
            world.oar(JUDGE).await;
        }
        let (_, record) = the_record(&world, "4.21");
        let items = record["result"].as_array().unwrap();
        assert!(items.iter().any(|item| item["history"].is_array()), "{record:#}");
        let wanted = if error > 0 { "it could not run (error)" } else { "it was lost" };
        assert!(record.to_string().contains(wanted), "{record:#}");
        assert_eq!(wrong(&world, false), [""; 0]);
        assert!(starts(&world).len() > 5);
    }
}

#[tokio::test]
async fn one_answer_that_shows_no_run_proves_nothing() {
    let world = failing(|job_endings| job_endings.unseen_percent = 100).await;
    world.oar(LOOK).await;
    let said = judged(&world).await;
    let (_, record) = the_record(&world, "4.21");
    assert!(!record.to_string().contains("lost"), "{record:#}\n{said}");
    assert_eq!(record["verdict"]["decision"], "ACCEPTED");
}

#[tokio::test]
async fn a_damaged_record_is_a_line_and_the_others_are_judged() {
    let world = calm_day().await;
    world.oar(LOOK).await;
    let path = "_releases/ocp-test-result-4.20.99-amd64.json";
    world.simulator().world().facts().github.put_file("record", path, "{");
    let said = world.oar(JUDGE).await;
    assert!(said.contains("4.20.99: could not be judged") && said.ends_with("exit 7"), "{said}");
    assert!(said.contains("IN_PROGRESS"), "{said}");
}

#[tokio::test]
async fn a_record_about_another_build_is_neither_judged_nor_tested_nor_labelled() {
    let world = calm_day().await;
    let token = token(&world);
    world.oar(LOOK).await;
    let (path, record) = the_record(&world, "4.21");
    let other = "_releases/ocp-test-result-4.21.77-amd64.json";
    let mut planned = record.clone();
    planned["result"] = serde_json::json!([]);
    for entry in planned["plan"].as_array_mut().unwrap() {
        entry["state"] = "planned".into();
    }
    world.facts().github.put_file("record", other, &planned.to_string());

    let said = world.oar(&LOOK.replace("4.21", "4.21 --no-nightly")).await;
    assert!(said.contains("it is about") && said.contains("jobctl evaluate") && said.ends_with("exit 7"), "{said}");
    assert!(starts(&world).keys().all(|key| !key.starts_with("4.21.77/")), "{:?}", starts(&world));
    let whole = stored(&world, &path).unwrap();
    world.facts().github.put_file("record", other, &whole);
    world.time_passes("8h");
    let said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, JUDGE).await;
    assert!(said.contains("4.21.77: could not be judged") && said.ends_with("exit 7"), "{said}");
    assert!(!stored(&world, other).unwrap().contains("verdict"));
}

#[tokio::test]
async fn a_round_in_the_shadow_judges_and_changes_nothing() {
    let world = calm_day().await;
    world.oar(LOOK).await;
    world.time_passes("8h");
    let before = (commits(&world), starts(&world));
    let said = world.oar(&format!("{JUDGE} --shadow")).await;
    assert!(!without_ids(&said).contains("5 open"), "{said}");
    assert_eq!((commits(&world), starts(&world)), before);
}

/// The label of a payload at the simulated cluster, and what the release controller shows of it.
fn label(world: &TestWorld) -> String {
    let (path, _) = the_record(world, "4.21");
    let build = path.trim_start_matches("_releases/ocp-test-result-").trim_end_matches("-amd64.json");
    let journal = world.journal();
    let patches = journal.lines().filter(|line| line.contains("PATCH") && line.contains(build));
    format!("{} patches", patches.count())
}

#[tokio::test]
async fn an_accepted_payload_is_labelled_once_and_a_label_that_fails_is_tried_again() {
    let world = failing(|_| {}).await;
    world.oar(LOOK).await;
    world.time_passes("5h");
    let said = world.oar(JUDGE).await;
    assert!(said.contains("ACCEPTED") && said.contains("label of the payload: ") && said.ends_with("exit 7"), "{said}");
    assert!(said.contains("OAR_KUBE_TOKEN_FILE"), "{said}");
    let before = commits(&world);
    world.oar(JUDGE).await;
    assert_eq!(commits(&world), before, "the same trouble is noted once");
    world.refuses("kube", "PATCH", "/apis", 503);
    let token = token(&world);
    let said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, JUDGE).await;
    assert!(said.contains("HTTP 503") && said.ends_with("exit 7"), "{said}");
    world.repair();
    let said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, JUDGE).await;
    assert!(said.contains("label of the payload: set") && said.ends_with("exit 0"), "{said}");
    assert!(!said.contains("does not show"), "the badge shows: {said}");
    let labelled = label(&world);
    let said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token, JUDGE).await;
    assert!(said.contains("records are settled") && !said.contains("ACCEPTED"), "{said}");
    assert_eq!(label(&world), labelled);
    let kinds = the_record(&world, "4.21").1["events"].to_string();
    assert!(kinds.contains("label_failed") && kinds.contains("labelled"), "{kinds}");
}

#[tokio::test]
async fn a_rejected_build_is_labelled_only_when_a_person_promoted_it() {
    let world = failing(|job_endings| job_endings.failing_percent = 100).await;
    world.oar(LOOK).await;
    judged(&world).await;
    assert_eq!(label(&world), "0 patches");
    let (path, _) = the_record(&world, "4.21");
    let build = path.trim_start_matches("_releases/ocp-test-result-").trim_end_matches("-amd64.json");
    world.oar(&format!("jobctl promote-test-results --build {build} --reason \"the cluster was broken\"")).await;
    let said = world.oar_with("OAR_KUBE_TOKEN_FILE", &token(&world), JUDGE).await;
    assert!(said.contains("REJECTED") && said.contains("label of the payload: set"), "{said}");
    let (_, record) = the_record(&world, "4.21");
    assert_eq!(decision(&record), (&"REJECTED".into(), &true.into(), &false.into()));
    assert_eq!(label(&world), "1 patches");
}

/// What the simulated cluster says of the payload of the one record of 4.21.
fn state_label(world: &TestWorld) -> Option<String> {
    let (path, _) = the_record(world, "4.21");
    let build = path.trim_start_matches("_releases/ocp-test-result-").trim_end_matches("-amd64.json").to_owned();
    let facts = world.simulator().world().facts();
    facts.kube.object("ocp", &build).labels.get("release.openshift.io/qe_state").cloned()
}

#[tokio::test]
async fn only_a_person_rejects_a_payload_and_taking_that_back_restores_what_was_before() {
    let world = failing(|_| {}).await;
    world.oar(LOOK).await;
    let (path, _) = the_record(&world, "4.21");
    let build = path.trim_start_matches("_releases/ocp-test-result-").trim_end_matches("-amd64.json");
    let token = token(&world);
    let person = async |more: &str| {
        let line = format!("jobctl reject-payload --build {build} --reason \"it leaks\" {more}");
        world.oar_with("OAR_KUBE_TOKEN_FILE", &token, line.trim()).await
    };
    assert!(world.oar(&format!("jobctl reject-payload --build {build}")).await.ends_with("exit 2"), "without a reason");
    assert!(person("--take-back").await.contains("nobody rejected"));
    world.refuses("kube", "PATCH", "/apis", 503);
    let said = person("").await;
    assert!(said.ends_with("exit 7"), "{said}");
    world.repair();
    let said = person("").await;
    assert!(said.contains("is labelled as rejected") && said.ends_with("exit 0"), "{said}");
    assert_eq!(state_label(&world).as_deref(), Some("Rejected"));
    judged(&world).await;
    assert_eq!(state_label(&world).as_deref(), Some("Rejected"), "a round does not overrule a person");
    let (_, record) = the_record(&world, "4.21");
    assert_eq!(decision(&record), (&"ACCEPTED".into(), &true.into(), &true.into()));
    let said = person("--take-back").await;
    assert!(said.contains("not rejected any more") && said.ends_with("exit 0"), "{said}");
    assert_eq!(state_label(&world), None, "nobody had labelled it");
    world.oar_with("OAR_KUBE_TOKEN_FILE", &token, JUDGE).await;
    assert_eq!(state_label(&world).as_deref(), Some("Accepted"));
    world.time_passes("1m");
    person("").await;
    assert_eq!(state_label(&world).as_deref(), Some("Rejected"));
    person("--take-back").await;
    assert_eq!(state_label(&world).as_deref(), Some("Accepted"));
    let events = the_record(&world, "4.21").1["events"].to_string();
    assert!(events.contains("payload_rejected") && events.contains("rejection_taken_back"), "{events}");
}
