use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sim::disturbances::gateway::{Bucket, Foreign};
use crate::sim::disturbances::{HOUR, MINUTE};
use crate::sim::records::{self, Stream};
use crate::sim::scenario::job_endings::JobEndings;
use crate::sim::services::visitor::{Answer, Visitor};

const START: &str = "/gangway/v1/executions";

fn job(visitor: &Visitor, nth: usize) -> String {
    records::jobs(visitor.world.facts().release.release.minor(), Stream::Nightly, 5).swap_remove(nth)
}

fn order(job: &str) -> Value {
    json!({ "job_name": job, "job_execution_type": "1", "pod_spec_options": {
        "envs": { "RELEASE_IMAGE_LATEST": "registry.ci.example.com/ocp/release:x" },
        "labels": { "effect": "abc" }, "annotations": { "note": "a build" },
    } })
}

async fn started(visitor: &Visitor, job: &str) -> String {
    let answer = visitor.post(START, &order(job)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

async fn look(visitor: &Visitor, id: &str) -> Answer {
    visitor.get(&format!("/prow/prowjob?prowjob={id}")).await
}

async fn status(visitor: &Visitor, id: &str) -> serde_yaml::Value {
    let answer = look(visitor, id).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    serde_yaml::from_str::<serde_yaml::Value>(&answer.text).expect("YAML")["status"].clone()
}

fn ending(ends: &'static [&'static str]) -> Visitor {
    Visitor::where_plan("smooth", |plan| {
        plan.job_endings = JobEndings { ends: vec![("", ends)], ..JobEndings::default() }
    })
}

#[tokio::test]
async fn a_run_that_tests_a_build_waits_for_a_cluster_and_a_pod_and_ends_within_hours() {
    let visitor = Visitor::smooth();
    let id = started(&visitor, &job(&visitor, 0)).await;
    assert_eq!(status(&visitor, &id).await["state"], "scheduling");
    visitor.world.clock().advance(MINUTE / 4);
    let triggered = status(&visitor, &id).await;
    assert_eq!((triggered["state"].as_str(), triggered.get("url")), (Some("triggered"), None));
    visitor.pass(1);
    let pending = status(&visitor, &id).await;
    assert_eq!(pending["state"], "pending");
    assert!(pending["url"].as_str().is_some_and(|url| url.contains("/view/gs/")));
    visitor.pass(100);
    assert_eq!(status(&visitor, &id).await["state"], "pending");
    visitor.pass(90);
    let ended = status(&visitor, &id).await;
    assert_eq!(ended["state"], "success");
    assert!(ended["completionTime"].as_str().is_some_and(|time| time.parse::<Timestamp>().is_ok()));
}

#[tokio::test]
async fn runs_of_one_job_end_in_the_order_that_the_scenario_names() {
    let visitor = ending(&["failure", "aborted", "success"]);
    let name = job(&visitor, 0);
    for (end, description) in [
        ("failure", "Job failed."),
        ("aborted", "Aborted."),
        ("success", "Job succeeded."),
        ("success", "Job succeeded."),
    ] {
        let id = started(&visitor, &name).await;
        visitor.pass(240);
        let ended = status(&visitor, &id).await;
        assert_eq!((ended["state"].as_str(), ended["description"].as_str()), (Some(end), Some(description)));
    }
}

#[tokio::test]
async fn some_runs_that_end_with_an_error_never_had_a_page() {
    let visitor = ending(&["error"]);
    let mut pages = [0, 0];
    for nth in 0..5 {
        let id = started(&visitor, &job(&visitor, nth)).await;
        visitor.pass(30);
        let ended = status(&visitor, &id).await;
        assert_eq!(ended["state"], "error");
        assert!(ended.get("completionTime").is_some());
        pages[usize::from(ended.get("url").is_some())] += 1;
    }
    assert!(pages.iter().all(|count| *count > 0), "{pages:?}");
}

#[tokio::test]
async fn the_public_list_leaves_out_runs_of_hidden_repositories() {
    let visitor = Visitor::smooth();
    let hidden = started(&visitor, &job(&visitor, 0)).await;
    let public = started(&visitor, crate::sim::facts::prow::CONSISTENCY).await;
    let list = visitor.get("/prow/prowjobs.js").await.text;
    assert!(list.contains(&public) && !list.contains(&hidden));
    let executions = visitor.get(&format!("{START}?job_name={}", job(&visitor, 0))).await.json();
    assert_eq!(executions["job_execution"][0]["id"], hidden);
    let object = look(&visitor, &hidden).await.text;
    assert!(object.contains("effect: abc") && object.contains("note: a build"), "{object}");
}

#[tokio::test]
async fn a_run_that_one_look_does_not_find_is_there_again() {
    let visitor = Visitor::where_plan("smooth", |plan| plan.job_endings.unseen_percent = 100);
    let id = started(&visitor, &job(&visitor, 0)).await;
    assert_eq!(look(&visitor, &id).await.status, 200);
    visitor.pass(2);
    let missing = look(&visitor, &id).await;
    assert_eq!(missing.status, 404);
    assert!(missing.text.starts_with("ProwJob not found"));
    assert_eq!(look(&visitor, &id).await.status, 200);
}

#[tokio::test]
async fn a_stuck_run_stays_pending_for_a_day_and_is_aborted() {
    let visitor = Visitor::where_plan("smooth", |plan| plan.job_endings.stuck_percent = 100);
    let id = started(&visitor, &job(&visitor, 0)).await;
    visitor.pass(23 * 60);
    assert_eq!(status(&visitor, &id).await["state"], "pending");
    visitor.pass(62);
    assert_eq!(status(&visitor, &id).await["state"], "aborted");
}

#[tokio::test]
async fn a_lost_run_is_gone_for_good_everywhere() {
    let visitor = Visitor::where_plan("smooth", |plan| plan.job_endings.lost_percent = 100);
    let id = started(&visitor, &job(&visitor, 0)).await;
    visitor.pass(5);
    assert_eq!(look(&visitor, &id).await.status, 200);
    visitor.pass(120);
    assert_eq!(look(&visitor, &id).await.status, 404);
    assert_eq!(visitor.get(&format!("{START}/{id}")).await.status, 404);
    assert_eq!(visitor.get(START).await.json()["job_execution"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn a_job_is_known_by_the_registries_unless_it_was_removed_from_the_job_system() {
    let visitor = Visitor::where_plan("smooth", |plan| plan.job_endings.unknown = vec!["-removed-"]);
    let names = ["kept", "removed"].map(|what| format!("periodic-ci-example-tests-automated-release-{what}-f999"));
    let jobs: Vec<Value> = names.iter().map(|name| json!({ "prowJob": name })).collect();
    let registry = json!({ "nightly": jobs, "stable": [] }).to_string();
    assert_eq!(visitor.post(START, &order(&names[0])).await.status, 500);
    visitor.world.facts().github.put_file("main", "_releases/ocp-4.12-test-jobs-multi.json", &registry);
    assert_eq!(visitor.post(START, &order(&names[0])).await.status, 200);
    let refused = visitor.post(START, &order(&names[1])).await;
    assert_eq!((refused.status.as_u16(), refused.json()["code"].as_u64()), (500, Some(2)));
}

#[tokio::test]
async fn a_refused_start_starts_nothing_and_looks_are_free() {
    let visitor = Visitor::where_plan("smooth", |plan| plan.disturbances.gateway = Some(Bucket::of(2, 9)));
    let name = job(&visitor, 0);
    started(&visitor, &name).await;
    started(&visitor, &name).await;
    let refused = visitor.post(START, &order(&name)).await;
    assert_eq!((refused.status.as_u16(), refused.json()["code"].as_u64()), (429, Some(8)));
    assert_eq!(refused.headers["retry-after"], "7");
    assert_eq!(visitor.get(START).await.json()["job_execution"].as_array().map(Vec::len), Some(2));
    visitor.world.clock().advance(MINUTE / 8);
    started(&visitor, &name).await;
}

#[tokio::test]
async fn a_foreign_caller_empties_the_gateway_for_everybody() {
    let foreign = Foreign { every: HOUR, lasts: MINUTE * 10 };
    let mut bucket = Bucket::of(5, 9).shared_with(foreign);
    bucket.says_when = false;
    let visitor = Visitor::where_plan("smooth", |plan| plan.disturbances.gateway = Some(bucket));
    let name = job(&visitor, 0);
    visitor.pass(5);
    let refused = visitor.post(START, &order(&name)).await;
    assert_eq!((refused.status.as_u16(), refused.headers.get("retry-after")), (429, None));
    visitor.pass(6);
    started(&visitor, &name).await;
}
