use oar::core::clients::error::Fault;
use oar::core::clients::jenkins::{BuildState, Jenkins};
use oar::core::clients::retry::Repeat::Never;
use oar::core::error::ErrorClass;
use oar::domain::ids::BuildNumber;
use oar::domain::service::Service;
use oar::sim::faults::InjectedFault;
use oar::sim::faults::rules::Rule;

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const SERVICE: Service = Service::Jenkins;

const JOB: &str = "zstreams/Stage-Pipeline";
const PARAMETERS: [(&str, &str); 2] = [("VERSION", "4.20"), ("PULL_SPEC", "quay.example.com/x:4.20.17-x86_64")];

fn seconds(fixture: &Fixture, seconds: i64) {
    fixture.clock.advance(jiff::SignedDuration::from_secs(seconds));
}

#[tokio::test]
async fn a_trigger_becomes_a_queue_item_then_a_build_that_ends() {
    let fixture = Fixture::open().await;
    let jenkins = Jenkins::new(fixture.client(SERVICE));

    let item = jenkins.trigger(JOB, &PARAMETERS).await.unwrap();
    let waiting = jenkins.queued(JOB).await.unwrap();
    assert_eq!(waiting.iter().map(|item| item.id).collect::<Vec<_>>(), [item.id]);
    assert_eq!(waiting[0].parameters["PULL_SPEC"], PARAMETERS[1].1);
    assert_eq!(jenkins.queued("zstreams/Other").await.unwrap(), []);

    seconds(&fixture, 10);
    let left = jenkins.queue_item(item.id).await.unwrap().unwrap();
    let number = left.build.unwrap();
    let build = jenkins.build(JOB, number).await.unwrap().unwrap();
    assert_eq!((build.state, build.parameters["VERSION"].as_str()), (BuildState::Building, "4.20"));
    fixture.hours_pass(4);
    assert_eq!(jenkins.queue_item(item.id).await.unwrap(), None, "gone some minutes after the start");
    assert_eq!(jenkins.build(JOB, number).await.unwrap().unwrap().state, BuildState::Success);
    assert_eq!(jenkins.recent_builds(JOB).await.unwrap().builds[0].number, number);
    assert_eq!(jenkins.build(JOB, BuildNumber::new(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_second_trigger_waits_for_the_running_build() {
    let fixture = Fixture::open().await;
    let jenkins = Jenkins::new(fixture.client(SERVICE));
    jenkins.trigger(JOB, &PARAMETERS).await.unwrap();
    seconds(&fixture, 10);

    let second = jenkins.trigger(JOB, &[("VERSION", "4.19")]).await.unwrap();
    seconds(&fixture, 10);

    let waits = jenkins.queue_item(second.id).await.unwrap().unwrap();
    assert_eq!(waits.build, None);
    assert!(waits.why.unwrap().contains("already in progress"));
}

#[tokio::test]
async fn a_server_that_wants_a_crumb_gets_one_and_starts_one_build() {
    let fixture = Fixture::open().await;
    fixture.facts().jenkins.crumb_required = true;
    let jenkins = Jenkins::new(fixture.client(SERVICE));

    jenkins.trigger(JOB, &PARAMETERS).await.unwrap();

    assert_eq!(fixture.asked().len(), 3, "refused, crumb, trigger");
    assert_eq!(jenkins.queued(JOB).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class_and_starts_nothing_twice() {
    let fixture = Fixture::open().await;
    let jenkins = Jenkins::new(fixture.client(SERVICE));
    let start = async || jenkins.trigger(JOB, &PARAMETERS).await;
    Operation::new(SERVICE, Never, "/buildWithParameters").in_outages(&fixture, start).await;
    let waiting = jenkins.queued(JOB).await.unwrap();
    assert_eq!(waiting.len(), 1, "in all that outage one build was asked for");

    let reads = |path| Operation::reads(SERVICE, path);
    reads("^/queue/api").in_outages(&fixture, async || jenkins.queued(JOB).await).await;
    let item = reads("^/queue/item").on_404(Means::Answer);
    item.in_outages(&fixture, async || jenkins.queue_item(waiting[0].id).await).await;
    reads("Pipeline/api").in_outages(&fixture, async || jenkins.recent_builds(JOB).await).await;
    let number = jenkins.recent_builds(JOB).await.unwrap().builds[0].number;
    let build = reads("Pipeline/[0-9]+/api").on_404(Means::Answer);
    build.in_outages(&fixture, async || jenkins.build(JOB, number).await).await;
}

#[tokio::test]
async fn a_trigger_whose_answer_got_lost_is_sent_once_and_may_have_happened() {
    let fixture = Fixture::open().await;
    let jenkins = Jenkins::new(fixture.client(SERVICE));
    for (fault, parameter) in [(InjectedFault::AppliedThenReset, "4.18"), (InjectedFault::AppliedThenError, "4.19")] {
        fixture.goes_wrong(Rule::on("jenkins", fault).method("POST").times(1));
        let error = jenkins.trigger(JOB, &[("VERSION", parameter)]).await.unwrap_err();
        assert!(error.may_have_happened());
    }
    assert_eq!(jenkins.queued(JOB).await.unwrap().len(), 2);
    // A success that names no queue item may have queued one, too.
    let error =
        canned(SERVICE, 201, "", async |http| Jenkins::new(http).trigger(JOB, &PARAMETERS).await).await.unwrap_err();
    assert_eq!((error.class(), error.may_have_happened()), (ErrorClass::Corrupt, true));
}

#[tokio::test]
async fn values_and_fields_of_the_future_do_no_harm() {
    const BUILD: &str = r#"{"number":7,"url":"u","building":false,"inProgress":false,"result":"MELTED","timestamp":1,
        "actions":[{},null,{"parameters":[{"_class":"Dynamic","name":"N","value":true},{"name":"odd"}]}],"new":[]}"#;
    let read = async |http| Jenkins::new(http).build(JOB, BuildNumber::new(7)).await;
    let build = canned(SERVICE, 200, BUILD, read).await.unwrap().unwrap();
    assert_eq!(build.state, BuildState::Unknown("MELTED".to_owned()));
    assert_eq!(build.parameters["N"], "true");
}

#[tokio::test]
async fn the_simulator_refuses_what_jenkins_refuses() {
    let fixture = Fixture::open().await;
    let error = Jenkins::new(fixture.stranger(SERVICE)).queued(JOB).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unauthorized(401));
    fixture.refuses_strangers(SERVICE, "GET /queue/api/json", 401, 401).await;
    let build = "/job/zstreams/job/Stage-Pipeline/buildWithParameters?VERSION=4.20";
    fixture
        .answers(
            SERVICE,
            &[
                ("GET /crumbIssuer/api/json", "", 200, "Jenkins-Crumb"),
                ("GET /queue/item/1/api/json", "", 404, "Not Found"),
                ("GET /job/zstreams/job/Other/api/json", "", 404, "Not Found"),
                ("GET /job/zstreams/job/Stage-Pipeline/1/api/json", "", 404, "Not Found"),
                ("POST /job/zstreams/job/Other/buildWithParameters?VERSION=4.20", "", 404, "Not Found"),
                (&format!("GET {build}"), "", 405, ""),
                (&format!("POST {build}&COLOUR=red"), "", 400, "unknown parameter COLOUR"),
                (&format!("POST {build}"), "", 201, ""),
            ],
        )
        .await;
    fixture.facts().jenkins.crumb_required = true;
    fixture.answers(SERVICE, &[(&format!("POST {build}"), "", 403, "No valid crumb")]).await;
}
