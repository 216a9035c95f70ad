use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use oar::core::clients::error::Fault;
use oar::core::clients::gangway::{Gangway, GangwayOrder};
use oar::core::clients::http::ServiceHttp;
use oar::core::clients::pacer::Pacer;
use oar::core::clients::prow::Prow;
use oar::core::clients::retry::Repeat::Never;
use oar::core::clock::Clock;
use oar::core::error::ErrorClass;
use oar::domain::service::Service;
use oar::sim::facts::prow::CONSISTENCY;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;
use tokio_util::sync::CancellationToken;

use super::fixture::{Fixture, canned};
use super::operation::Operation;

const SERVICE: Service = Service::Gangway;
const DECK: Service = Service::Prow;

fn over(http: ServiceHttp, clock: Clock) -> Gangway {
    let minute = SignedDuration::from_mins(1);
    Gangway::new(http, Arc::new(Pacer::new(5, 9, minute, clock, CancellationToken::new())))
}

fn client(fixture: &Fixture) -> Gangway {
    over(fixture.client(SERVICE), Clock::Virtual(fixture.clock.clone()))
}

fn order(effect: &str) -> GangwayOrder {
    let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    GangwayOrder {
        job: CONSISTENCY.to_owned(),
        envs: one("MULTISTAGE_PARAM_OVERRIDE_PAYLOAD_URL", "quay.example.com/x:1"),
        labels: one("oar-effect", effect),
        annotations: one("oar", "contract"),
    }
}

#[tokio::test]
async fn a_job_is_started_with_environment_and_labels() {
    let fixture = Fixture::open().await;

    let id = client(&fixture).start(&order("one")).await.unwrap();

    let job = Prow::new(fixture.client(DECK)).job(&id).await.unwrap().unwrap();
    assert_eq!((job.job.as_str(), job.labels["oar-effect"].as_str()), (CONSISTENCY, "one"));
    assert_eq!(job.envs, order("one").envs);
}

#[tokio::test]
async fn starts_keep_the_pace_in_virtual_time() {
    let fixture = Fixture::open().await;
    let (gangway, before) = (client(&fixture), fixture.clock.now());
    for n in 0..9 {
        gangway.start(&order(&n.to_string())).await.unwrap();
    }
    let took = fixture.clock.now().duration_since(before);
    assert_eq!(took, SignedDuration::from_secs(60), "five at once, then one each 15 s");
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class_and_starts_nothing_twice() {
    let fixture = Fixture::open().await;
    let gangway = client(&fixture);
    let start = async || gangway.start(&order("outage")).await;
    Operation::new(SERVICE, Never, "/v1/executions").in_outages(&fixture, start).await;
    let jobs = Prow::new(fixture.client(DECK)).jobs_named(CONSISTENCY).await.unwrap();
    assert_eq!(jobs.len(), 1, "in all that outage one job was started");
}

#[tokio::test]
async fn a_start_whose_answer_got_lost_is_found_by_its_label() {
    let fixture = Fixture::open().await;
    fixture.goes_wrong(Rule::on("gangway", InjectedFault::AppliedThenReset));

    let error = client(&fixture).start(&order("lost")).await.unwrap_err();

    assert!(error.may_have_happened());
    assert_eq!(fixture.asked(), ["POST /v1/executions"]);
    let jobs = Prow::new(fixture.client(DECK)).jobs_named(CONSISTENCY).await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.labels["oar-effect"].as_str()).collect::<Vec<_>>(), ["lost"]);
}

#[tokio::test]
async fn a_success_without_job_id_may_have_started_one() {
    let clock = Clock::Virtual(oar::core::clock::VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
    let start = async |http| over(http, clock.clone()).start(&order("x")).await;
    for body in ["", "{}", r#"{"id":7}"#, "[]"] {
        let error = canned(SERVICE, 200, body, start).await.unwrap_err();
        assert_eq!((error.class(), error.may_have_happened()), (ErrorClass::Corrupt, true), "{body:?}");
    }
    let future = r#"{"id":"0b1d7a5e-1111-4222-8333-abcdefabcdef","job_status":"DREAMING","extra":{"a":[1]}}"#;
    assert!(canned(SERVICE, 200, future, start).await.is_ok(), "words and fields of the future do no harm");
}

#[tokio::test]
async fn the_simulator_refuses_what_gangway_refuses() {
    let fixture = Fixture::open().await;
    let stranger = over(fixture.stranger(SERVICE), Clock::Virtual(fixture.clock.clone()));
    assert_eq!(stranger.start(&order("x")).await.unwrap_err().fault, Fault::Unauthorized(403), "an expired token");
    fixture.refuses_strangers(SERVICE, "POST /v1/executions", 401, 403).await;
    let body = |job: &str, rest: &str| format!(r#"{{"job_name":"{job}","job_execution_type":"1"{rest}}}"#);
    let envs = |envs: &str| body(CONSISTENCY, &format!(r#","pod_spec_options":{{"envs":{envs}}}"#));
    let kind = format!(r#"{{"job_name":"{CONSISTENCY}","job_execution_type":"3"}}"#);
    fixture
        .answers(
            SERVICE,
            &[
                ("POST /v1/executions", "", 400, "syntax error"),
                ("POST /v1/executions", &body("", ""), 400, "job_name"),
                ("POST /v1/executions", &kind, 400, "JobExecutionType"),
                ("POST /v1/executions", &body("periodic-ci-none", ""), 500, "failed to find"),
                ("POST /v1/executions", &envs(r#"{"NAME":""}"#), 400, "must not be empty"),
                ("POST /v1/executions", &envs(r#"{"":"value"}"#), 400, "must not be empty"),
                ("POST /v1/executions", &envs(r#"{"NAME":1}"#), 400, "must be strings"),
                ("POST /v1/executions", &envs(r#"{"NAME":"value"}"#), 200, "TRIGGERED"),
                (&format!("POST /v1/executions/{CONSISTENCY}"), r#"{"job_execution_type":"1"}"#, 200, "TRIGGERED"),
                ("GET /v1/executions/none", "", 404, "failed to get prowjob"),
                (&format!("GET /v1/executions?job_name={CONSISTENCY}"), "", 200, "job_execution"),
            ],
        )
        .await;
}
