//! The world over real HTTP: time, order, refusals, and one truth about a payload.

mod candidate;
mod day;
mod journal;

use std::io::Read as _;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::faults::rules::Faults;
use super::reactions;
use super::scenario::Scenario;
use super::scenario::from_state::{FromState, FromTask};
use super::server::{Simulator, StartOptions};
use super::world::World;
use crate::core::clock::VirtualClock;
use crate::domain::task::{JobRef, JobSystem, Task, TaskStatus};

/// The world of a scenario in memory, with few images.
pub(super) fn small_world(scenario: &str) -> World {
    let mut scenario = Scenario::named(scenario, None, None).expect("a scenario");
    (scenario.plan.sizes.images, scenario.plan.sizes.components) = (24, 6);
    let clock = VirtualClock::starting_at(scenario.start());
    reactions::world(&scenario, 1, clock, "http://127.0.0.1:1".to_owned(), Faults::none())
}

struct Visitor {
    sim: Simulator,
    http: reqwest::Client,
}

impl Visitor {
    async fn of(scenario: &str) -> Self {
        Self::with(scenario, Faults::none()).await
    }

    /// A small world: hashing hundreds of images takes most of the time of an unoptimized build.
    async fn with(scenario: &str, faults: Faults) -> Self {
        let mut scenario = Scenario::named(scenario, None, None).expect("a scenario");
        (scenario.plan.sizes.images, scenario.plan.sizes.components) = (40, 10);
        Self::in_world(scenario, faults).await
    }

    async fn in_world(scenario: Scenario, faults: Faults) -> Self {
        let clock = VirtualClock::starting_at(scenario.start());
        let sim = Simulator::start(StartOptions { port: 0, scenario, seed: 7, clock, faults }).await.expect("a port");
        #[expect(clippy::disallowed_methods, reason = "tests of the simulator stand outside the one way out")]
        let http = reqwest::Client::new();
        Self { sim, http }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sim.base_url())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(self.url(path)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(self.url(path)).json(&body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    async fn hours_pass(&self, hours: i64) {
        self.control("/__sim/clock", json!({ "advance_s": hours * 3600 })).await;
    }

    async fn jenkins(&self, method: &str, path: &str) -> (u16, Value, Option<String>) {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, self.url(&format!("/jenkins{path}")));
        let answer = request.basic_auth("sim-jenkins-user", Some("sim-jenkins-token")).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let location = answer.headers().get("location").map(|value| value.to_str().expect("text").to_owned());
        (status, answer.json().await.unwrap_or_default(), location)
    }

    async fn start_job(&self, token: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(self.url(&format!("/gangway{path}"))).bearer_auth(token).json(&body);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn registry(&self, path: &str) -> reqwest::Response {
        let scope = "repository:openshift-release-dev/ocp-release:pull";
        let token = self.json(&format!("/registry/v2/auth?service=sim-registry&scope={scope}")).await;
        let request = self.http.get(self.url(&format!("/registry/v2/openshift-release-dev/ocp-release/{path}")));
        request.bearer_auth(token["token"].as_str().expect("a token")).send().await.expect("an answer")
    }
}

const TRIGGER: &str =
    "/job/zstreams/job/Stage-Pipeline/buildWithParameters?VERSION=4.20&PULL_SPEC=quay.example.com%2Fx%3A4.20.17-x86_64";
const STABLE: &str = "/release_controller/api/v1/releasestream/4-stable/release/4.20.17";

#[tokio::test]
async fn events_happen_in_the_order_of_their_time_whenever_somebody_looks() {
    let visitor = Visitor::of("smooth").await;
    let start: Timestamp = visitor.json("/__sim/clock").await["now"].as_str().expect("text").parse().expect("a time");
    assert_eq!(start.to_string(), "2026-06-03T06:00:00Z");
    assert_eq!(visitor.get(STABLE).await.0, 404);
    visitor.hours_pass(20).await;
    let ready = visitor.json(STABLE).await;
    assert_eq!((ready["phase"].as_str(), ready["changeLogJson"]["to"]["digest"].as_str()), (Some("Ready"), Some("")));
    visitor.hours_pass(2).await;
    let accepted = visitor.json(STABLE).await;
    assert_eq!(accepted["phase"], "Accepted");
    assert!(accepted["changeLogJson"]["to"]["digest"].as_str().is_some_and(|digest| digest.len() == 71));
    let facts = visitor.sim.world().facts();
    assert!(facts.now == start + SignedDuration::from_hours(22));
}

#[tokio::test]
async fn a_promoted_payload_has_one_digest_everywhere() {
    let whole = Scenario::named("smooth", None, None).expect("a scenario");
    let visitor = Visitor::in_world(whole, Faults::none()).await;
    assert_eq!(visitor.registry("manifests/4.20.17-x86_64").await.status().as_u16(), 404);
    visitor.hours_pass(26).await;
    let digest = visitor.json(STABLE).await["changeLogJson"]["to"]["digest"].as_str().expect("text").to_owned();
    let index = visitor.registry("manifests/4.20.17-x86_64").await;
    assert_eq!(index.headers().get("docker-content-digest").expect("a digest").to_str().expect("text"), digest);
    let bytes = index.bytes().await.expect("a body");
    let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, format!("sha256:{hex}"));

    let index: Value = serde_json::from_slice(&bytes).expect("JSON");
    let manifest = index["manifests"][0]["digest"].as_str().expect("text");
    let manifest: Value = visitor.registry(&format!("manifests/{manifest}")).await.json().await.expect("JSON");
    let layer = manifest["layers"][0]["digest"].as_str().expect("text");
    let layer = visitor.registry(&format!("blobs/{layer}")).await.bytes().await.expect("a body");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&layer[..]));
    let mut files = Vec::new();
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        files.push(serde_json::from_str::<Value>(&text).expect("JSON"));
    }
    assert_eq!(files[0]["version"], "4.20.17");
    let page = "https://sim.example.com/customer_portal/errata/RHBA-2026:";
    assert!(files[0]["metadata"]["url"].as_str().is_some_and(|url| url.starts_with(page)));
    assert_eq!(files[1]["spec"]["tags"].as_array().map(Vec::len), Some(190));

    let signature = format!("/signatures/{}/signature-1", digest.replace(':', "="));
    let answer = visitor.http.get(visitor.url(&signature)).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    let claim = String::from_utf8_lossy(&answer.bytes().await.expect("a body")).into_owned();
    assert!(claim.contains(&digest) && claim.contains("ocp-release:4.20.17-x86_64"), "{claim}");
    let wrong = format!("/signatures/sha256={}/signature-1", "0".repeat(64));
    assert_eq!(visitor.get(&wrong).await.0, 404);
}

#[tokio::test]
async fn the_signature_appears_some_time_after_the_promotion() {
    let visitor = Visitor::of("smooth").await;
    visitor.hours_pass(21).await;
    let digest = visitor.json(STABLE).await["changeLogJson"]["to"]["digest"].as_str().expect("text").replace(':', "=");
    let path = format!("/signatures/{digest}/signature-1");
    assert_eq!(visitor.get(&path).await.0, 404);
    visitor.hours_pass(2).await;
    let answer = visitor.http.get(visitor.url(&path)).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
}

#[tokio::test]
async fn gangway_refuses_what_the_real_one_refuses() {
    let visitor = Visitor::of("smooth").await;
    let good = json!({ "job_name": super::facts::prow::CONSISTENCY, "job_execution_type": "1" });
    let without = visitor.http.post(visitor.url("/gangway/v1/executions")).json(&good).send().await.expect("an answer");
    assert_eq!(without.status().as_u16(), 401);
    let with = async |token: &str, body: Value| visitor.start_job(token, "/v1/executions", body).await;
    let (status, body) = with("expired", good.clone()).await;
    assert_eq!((status, body["code"].as_u64()), (403, Some(7)));
    let (status, body) =
        with("sim-gangway-token", json!({ "job_name": "no-such-job", "job_execution_type": "1" })).await;
    assert_eq!((status, body["code"].as_u64()), (500, Some(2)));
    let empty = json!({ "job_name": super::facts::prow::CONSISTENCY, "job_execution_type": "1",
        "pod_spec_options": { "envs": { "A": "" } } });
    assert_eq!(with("sim-gangway-token", empty).await.0, 400);
    let (status, body) = with("sim-gangway-token", json!({ "job_name": super::facts::prow::CONSISTENCY })).await;
    assert_eq!((status, body["code"].as_u64()), (400, Some(3)));
}

#[tokio::test]
async fn a_prow_job_keeps_what_it_was_started_with_and_ends() {
    let visitor = Visitor::of("smooth").await;
    let path = format!("/v1/executions/{}", super::facts::prow::CONSISTENCY);
    let body = json!({ "job_execution_type": "1", "pod_spec_options": {
        "envs": { "MULTISTAGE_PARAM_OVERRIDE_PAYLOAD_URL": "quay.example.com/x:1" }, "labels": { "oar-effect": "abc" } } });
    let (status, run) = visitor.start_job("sim-gangway-token", &path, body).await;
    assert_eq!((status, run["job_status"].as_str()), (200, Some("TRIGGERED")));
    let look = format!("/prow/prowjob?prowjob={}", run["id"].as_str().expect("text"));
    assert!(!visitor.get(&look).await.1.contains("url:"));
    visitor.hours_pass(1).await;
    let (_, yaml) = visitor.get(&look).await;
    let object: serde_yaml::Value = serde_yaml::from_str(&yaml).expect("YAML");
    assert_eq!(object["status"]["state"].as_str(), Some("pending"));
    assert_eq!(object["metadata"]["labels"]["oar-effect"].as_str(), Some("abc"));
    assert_eq!(object["spec"]["pod_spec"]["containers"][0]["env"][0]["value"].as_str(), Some("quay.example.com/x:1"));
    let page = object["status"]["url"].as_str().expect("text").replace("https://sim.example.com", "");
    assert_eq!(visitor.get(&page).await.0, 200);
    visitor.hours_pass(1).await;
    assert!(visitor.get(&look).await.1.contains("state: success"));
    visitor.hours_pass(49).await;
    assert_eq!(visitor.get(&look).await.0, 404, "the object is collected after two days");
    assert_eq!(visitor.get("/prow/prowjob").await.0, 400);
}

#[tokio::test]
async fn jenkins_runs_one_build_at_a_time_and_forgets_its_queue_items() {
    let visitor = Visitor::of("smooth").await;
    assert_eq!(visitor.get("/jenkins/queue/api/json").await.0, 401);
    assert_eq!(visitor.jenkins("POST", "/job/zstreams/job/Nope/buildWithParameters").await.0, 404);
    assert_eq!(visitor.jenkins("POST", &format!("{TRIGGER}&COLOUR=red")).await.0, 400);
    let (status, _, location) = visitor.jenkins("POST", TRIGGER).await;
    assert_eq!(status, 201);
    let location = location.expect("a location");
    let item = format!("{}api/json", location.split_once("/jenkins").expect("a path").1);
    let waiting = visitor.jenkins("GET", &item).await.1;
    assert!(waiting.get("executable").is_none());
    visitor.sim.world().clock().advance(SignedDuration::from_secs(30));
    let left = visitor.jenkins("GET", &item).await.1;
    let number = left["executable"]["number"].as_u64().expect("a number");
    let (_, _, second) = visitor.jenkins("POST", &TRIGGER.replace("4.20.17", "4.20.18")).await;
    let second = format!("{}api/json", second.expect("a location").split_once("/jenkins").expect("a path").1);
    visitor.hours_pass(1).await;
    let blocked = visitor.jenkins("GET", &second).await.1;
    assert_eq!(blocked["blocked"], true);
    assert!(blocked["why"].as_str().is_some_and(|why| why.contains(&format!("#{number} is already in progress"))));
    assert_eq!(visitor.jenkins("GET", &item).await.0, 404, "the item is gone five minutes after the start");
    visitor.hours_pass(3).await;
    let done = visitor.jenkins("GET", &format!("/job/zstreams/job/Stage-Pipeline/{number}/api/json")).await.1;
    assert_eq!((done["building"].as_bool(), done["result"].as_str()), (Some(false), Some("SUCCESS")));
    assert_eq!(done["actions"][0]["parameters"][1]["name"], "PULL_SPEC");
    assert!(
        visitor.jenkins("GET", "/job/zstreams/job/Stage-Pipeline/api/json").await.1["builds"][0]["building"] == true
    );
}

#[tokio::test]
async fn the_registry_and_the_release_controller_refuse_in_their_own_terms() {
    let visitor = Visitor::of("smooth").await;
    let path = "/registry/v2/openshift-release-dev/ocp-release/manifests/4.20.16-x86_64";
    let refused = visitor.http.get(visitor.url(path)).send().await.expect("an answer");
    assert_eq!(refused.status().as_u16(), 401);
    let realm = refused.headers().get("www-authenticate").expect("a challenge").to_str().expect("text").to_owned();
    assert!(realm.contains("/registry/v2/auth\",service="), "{realm}");
    let missing = visitor.registry("manifests/4.20.99-x86_64").await;
    assert_eq!(missing.status().as_u16(), 404);
    assert!(missing.text().await.expect("text").contains("MANIFEST_UNKNOWN"));
    assert_eq!(visitor.registry("manifests/4.20.16-x86_64").await.status().as_u16(), 200);

    let (status, text) = visitor.get("/release_controller/api/v1/releasestream/9-stable/latest").await;
    assert_eq!((status, text.as_str()), (404, "no release configuration exists with the requested name\n"));
    let latest = visitor.json("/release_controller/api/v1/releasestream/4-stable/latest?prefix=4.20.").await;
    assert_eq!(latest["name"], "4.20.16");
    assert_eq!(visitor.get("/build_data/openshift-9.99/releases.yml").await.0, 404);
}

#[tokio::test]
async fn jobs_that_a_state_file_names_are_there_and_go_on() {
    let job = |system, id: &str| Some(JobRef { system, id: id.to_owned(), url: None, triggered_at: None });
    let id = "0c6e19a5-91f7-4a3c-8a3a-0f7dd4c3a111";
    let state = FromState {
        release: "4.20.17".parse().expect("a release"),
        created_at: "2026-03-18T06:00:00Z".parse().expect("a time"),
        updated_at: "2026-03-20T06:00:00Z".parse().expect("a time"),
        release_date: "2026-Mar-25".to_owned(),
        advisory_ids: IndexMap::new(),
        shipment_mr: None,
        candidate_builds: IndexMap::new(),
        jira_ticket: None,
        tasks: vec![
            FromTask { task: Task::StageTesting, status: TaskStatus::InProgress, job: job(JobSystem::Jenkins, "1504") },
            FromTask {
                task: Task::ImageConsistencyCheck,
                status: TaskStatus::InProgress,
                job: job(JobSystem::Prow, id),
            },
        ],
    };
    let visitor = Visitor::in_world(Scenario::from_state(state), Faults::none()).await;
    let build = "/job/zstreams/job/Stage-Pipeline/1504/api/json";
    let prowjob = format!("/prow/prowjob?prowjob={id}");
    assert_eq!(visitor.jenkins("GET", build).await.1["building"], true);
    assert!(visitor.get(&prowjob).await.1.contains("state: pending"));
    assert_eq!(visitor.json(STABLE).await["phase"], "Accepted");
    visitor.hours_pass(3).await;
    assert_eq!(visitor.jenkins("GET", build).await.1["result"], "SUCCESS");
    assert!(visitor.get(&prowjob).await.1.contains("state: success"));
}

#[tokio::test]
async fn a_smooth_week_ends_with_everything_public() {
    let visitor = Visitor::of("smooth").await;
    for _ in 0..40 {
        visitor.hours_pass(1).await;
    }
    let state = visitor.json("/__sim/state/gitlab").await.to_string();
    assert!(state.contains("stage-release-success"), "{state}");
    visitor.control("/__sim/event", json!({ "name": "qe-approved" })).await;
    let page = {
        let facts = visitor.sim.world().facts();
        facts.release.portal_url("")
    };
    assert_eq!(visitor.get(&page).await.0, 404);
    visitor.hours_pass(6).await;
    assert_eq!(visitor.get(&page).await.0, 200);
    let record = "ocp-test-result-4.20.17-amd64.json";
    assert!(visitor.json("/__sim/state/github").await.to_string().contains(record));
}

#[tokio::test]
async fn a_stage_release_that_fails_twice_succeeds_at_the_third_try() {
    let visitor = Visitor::of("stage-pipeline-fails-twice").await;
    visitor.hours_pass(26).await;
    assert!(!visitor.json("/__sim/state/gitlab").await.to_string().contains("stage-release-success"));
    visitor.hours_pass(8).await;
    assert_eq!(visitor.sim.world().facts().actors.stage_failures, 2);
    assert!(visitor.json("/__sim/state/gitlab").await.to_string().contains("stage-release-success"));
}
