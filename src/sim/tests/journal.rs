//! Journal and faults: the same for the same seed, and nothing goes by unseen.

use jiff::SignedDuration;
use serde_json::json;

use super::{STABLE, TRIGGER, Visitor};
use crate::sim::faults::InjectedFault;
use crate::sim::faults::rules::{Faults, Rule};

/// A few requests whose answers nobody reads, so that faults cannot change what is asked next.
async fn a_short_visit(faults: Faults) -> String {
    let visitor = Visitor::with("smooth", faults).await;
    let (http, clock) = (&visitor.http, visitor.sim.world().clock());
    let look = async |path: &str| drop(http.get(visitor.url(path)).send().await);
    look("/build_data/openshift-4.20/releases.yml").await;
    clock.advance(SignedDuration::from_hours(26));
    let ask = json!({ "job_name": crate::sim::facts::prow::CONSISTENCY, "job_execution_type": "1" });
    let gangway = http.post(visitor.url("/gangway/v1/executions")).bearer_auth("sim-gangway-token");
    drop(gangway.json(&ask).send().await);
    let jenkins = http.post(visitor.url(&format!("/jenkins{TRIGGER}")));
    drop(jenkins.basic_auth("sim-jenkins-user", Some("sim-jenkins-token")).send().await);
    futures::join!(look(STABLE), look("/prow/prowjobs.js"), look("/jenkins/queue/api/json"));
    clock.advance(SignedDuration::from_hours(1));
    let manifest = visitor.url("/registry/v2/openshift-release-dev/ocp-release/manifests/4.20.17-x86_64");
    drop(http.get(manifest).bearer_auth("sim-registry-token").send().await);
    visitor.sim.journal()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_journal_on_another_port() {
    let (one, two) = (a_short_visit(Faults::none()).await, a_short_visit(Faults::none()).await);
    assert_eq!(one, two);
    assert_eq!(one.lines().count(), 7, "{one}");
    assert!(!one.contains("127.0.0.1"), "a port shows");
    assert!(!one.contains("sim-gangway-token") && !one.contains("sim-jenkins-token"), "a secret shows");
}

#[tokio::test]
async fn a_request_that_no_route_knows_is_listed() {
    let visitor = Visitor::of("smooth").await;
    assert_eq!(visitor.get("/jenkins-typo/x?y=1").await.0, 404);
    assert_eq!(visitor.get("/prow/nothing").await.0, 404);
    let wrong = visitor.http.post(visitor.url("/prow/prowjobs.js")).send().await.expect("an answer");
    assert_eq!(wrong.status().as_u16(), 405);
    assert_eq!(visitor.sim.unmatched(), ["GET /jenkins-typo/x?y=1", "GET /prow/nothing", "POST /prow/prowjobs.js"]);
    assert_eq!(visitor.json("/__sim/unmatched").await["unmatched"][1], "GET /prow/nothing");
}

#[tokio::test]
async fn faults_hit_on_the_way_and_an_applied_request_stays_applied() {
    let visitor = Visitor::of("smooth").await;
    let path = "/build_data/openshift-4.20/releases.yml";
    let fail = |fault| drop(visitor.sim.world().faults().add(Rule::on("build_data", fault).times(1)));
    fail(InjectedFault::Reset);
    assert!(visitor.http.get(visitor.url(path)).send().await.is_err());
    fail(InjectedFault::Truncated);
    let cut = visitor.http.get(visitor.url(path)).send().await.expect("a head");
    assert!(cut.text().await.is_err());
    fail(InjectedFault::Html);
    assert!(visitor.get(path).await.1.contains("Sign in"));
    fail(InjectedFault::Status { code: 429, retry_after_s: Some(3) });
    assert_eq!(visitor.get(path).await.0, 429);
    fail(InjectedFault::Latency { ms: 90_000, jitter_ms: 0 });
    let before = visitor.sim.world().clock().now();
    assert_eq!(visitor.get(path).await.0, 200);
    assert_eq!(visitor.sim.world().clock().now().duration_since(before), SignedDuration::from_secs(90));
    visitor
        .control(
            "/__sim/faults",
            json!({ "service": "jenkins", "method": "POST", "count": 1,
        "kind": "applied_then_error" }),
        )
        .await;
    assert_eq!(visitor.jenkins("POST", TRIGGER).await.0, 502);
    let queue = visitor.jenkins("GET", "/queue/api/json").await.1;
    assert_eq!(queue["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn random_faults_follow_the_seed() {
    let visit = async |seed| a_short_visit(Faults::random(0.4, seed)).await;
    assert_eq!(visit(3).await, visit(3).await);
    assert_ne!(visit(3).await, visit(4).await);
}

#[tokio::test]
async fn a_reset_begins_the_named_world_at_the_present_time() {
    let visitor = Visitor::of("smooth").await;
    visitor.hours_pass(30).await;
    assert_eq!(visitor.get(STABLE).await.0, 200);
    visitor.control("/__sim/reset", json!({ "seed": 3, "scenario": "blocking-alert", "release": "4.20.17" })).await;
    assert_eq!(visitor.get(STABLE).await.0, 404);
    let facts = visitor.sim.world().facts();
    assert!(facts.release.problems.blocking_alert);
}

#[tokio::test]
async fn an_old_answer_shows_what_was_true_before_the_last_change_and_goes_away_with_its_rule() {
    let visitor = Visitor::of("smooth").await;
    visitor.sim.world().faults().add(Rule::on("prow", InjectedFault::stale(0, 0)).times(2)).expect("a rule");
    let body = json!({ "job_execution_type": "1" });
    let path = format!("/v1/executions/{}", crate::sim::facts::prow::CONSISTENCY);
    let (_, run) = visitor.start_job("sim-gangway-token", &path, body).await;
    let id = run["id"].as_str().expect("text").to_owned();
    let listed = async || visitor.get("/prow/prowjobs.js").await.1.contains(&id);
    assert_eq!([listed().await, listed().await, listed().await], [false, false, true]);
}

#[tokio::test]
async fn an_answer_is_as_old_as_the_rule_says_whatever_happened_meanwhile() {
    let visitor = Visitor::of("smooth").await;
    visitor.hours_pass(19).await;
    visitor.sim.world().faults().add(Rule::on("release_controller", InjectedFault::stale(120, 0))).expect("a rule");
    let clock = visitor.sim.world().clock();
    assert_eq!(visitor.get(STABLE).await.0, 404);
    clock.advance(SignedDuration::from_mins(61));
    assert_eq!(visitor.get(STABLE).await.0, 404, "promoted a minute ago, seen as of two");
    clock.advance(SignedDuration::from_mins(2));
    assert_eq!(visitor.get(STABLE).await.0, 200);
}

#[tokio::test]
async fn a_rule_answers_to_the_letter() {
    let visitor = Visitor::of("smooth").await;
    let sso = [("x-github-sso", "required; url=https://sim.example.com/sso")];
    let rule = Rule::on("github", InjectedFault::answer(403, &sso, "{\"message\":\"SAML enforcement\"}"));
    visitor.sim.world().faults().add(rule).expect("a rule");
    let answer = visitor.http.get(visitor.url("/github/rate_limit")).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 403);
    assert!(answer.headers().contains_key("x-github-sso"));
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.json::<serde_json::Value>().await.expect("JSON")["message"], "SAML enforcement");
}
