use std::collections::BTreeMap;

use oar::core::clients::prow::{Prow, ProwState};
use oar::core::error::ErrorClass;
use oar::domain::ids::ProwJobId;
use oar::domain::service::Service;
use oar::sim::facts::prow::CONSISTENCY;
use oar::sim::services::prow;

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const SERVICE: Service = Service::Prow;

fn started(fixture: &Fixture) -> ProwJobId {
    let none = BTreeMap::new;
    prow::start(&mut fixture.facts(), CONSISTENCY.to_owned(), none(), none(), none()).id.parse().unwrap()
}

#[tokio::test]
async fn a_job_goes_from_triggered_to_its_end_and_is_forgotten() {
    let fixture = Fixture::open().await;
    let (prow, id) = (Prow::new(fixture.client(SERVICE)), started(&fixture));

    let job = prow.job(&id).await.unwrap().unwrap();
    assert_eq!((job.state, job.url), (ProwState::Triggered, None), "the page comes later");
    fixture.clock.advance(jiff::SignedDuration::from_secs(15));
    let job = prow.job(&id).await.unwrap().unwrap();
    assert_eq!(job.state, ProwState::Pending);
    assert!(job.url.unwrap().ends_with(&job.build_id.unwrap()));
    fixture.hours_pass(2);
    let job = prow.job(&id).await.unwrap().unwrap();
    assert!(job.state == ProwState::Success && job.completed_at > job.started_at);
    assert_eq!(prow.jobs_named(CONSISTENCY).await.unwrap().len(), 1);
    assert_eq!(prow.jobs_named("other").await.unwrap(), []);
    fixture.hours_pass(49);
    assert_eq!(prow.job(&id).await.unwrap(), None);
    assert_eq!(prow.jobs_named(CONSISTENCY).await.unwrap(), []);
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    let (prow, id) = (Prow::new(fixture.client(SERVICE)), started(&fixture));
    // Half a YAML file may still be YAML; without state it is no job.
    let one = Operation::reads(SERVICE, "^/prowjob\\?").on_404(Means::Answer);
    one.in_outages(&fixture, async || prow.job(&id).await).await;
    let list = Operation::reads(SERVICE, "^/prowjobs.js");
    list.in_outages(&fixture, async || prow.jobs_named(CONSISTENCY).await).await;
}

#[tokio::test]
async fn values_and_fields_of_the_future_do_no_harm() {
    const JOB: &str = "{metadata: {name: 0b1d7a5e-1111-4222-8333-abcdefabcdef, aura: 1}, spec: {job: x}, status: {state: napping, z: []}}";
    let id: ProwJobId = "0b1d7a5e-1111-4222-8333-abcdefabcdef".parse().unwrap();
    let read = async |http| Prow::new(http).job(&id).await;
    let job = canned(SERVICE, 200, JOB, read).await.unwrap().unwrap();
    assert_eq!(job.state, ProwState::Other("napping".to_owned()));
    for body in ["", "a: [", "just words", "[]"] {
        assert_eq!(canned(SERVICE, 200, body, read).await.unwrap_err().class(), ErrorClass::Corrupt, "{body:?}");
    }
}

#[tokio::test]
async fn the_simulator_refuses_what_deck_refuses() {
    let fixture = Fixture::open().await;
    let id = started(&fixture);
    fixture
        .answers(
            SERVICE,
            &[
                ("GET /prowjob", "", 400, "did not provide the 'prowjob' query parameter"),
                ("GET /prowjob?prowjob=none", "", 404, ""),
                (&format!("GET /prowjob?prowjob={id}"), "", 200, "kind: ProwJob"),
                ("GET /prowjobs.js?omit=annotations,decoration_config,pod_spec", "", 200, "\"pod_spec\":null"),
                ("GET /view/gs/qe-private-deck/logs/none/1", "", 404, ""),
            ],
        )
        .await;
}
