use oar::core::clients::release_controller::{Phase, ReleaseController};
use oar::core::error::ErrorClass;
use oar::domain::release::ZStream;
use oar::domain::service::Service;

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const SERVICE: Service = Service::ReleaseController;

fn release() -> ZStream {
    "4.20.17".parse().unwrap()
}

#[tokio::test]
async fn a_payload_is_promoted_accepted_and_gets_a_digest() {
    let fixture = Fixture::open().await;
    let controller = ReleaseController::new(fixture.client(SERVICE));

    assert_eq!(controller.phase(&release()).await.unwrap(), None);
    assert_eq!(controller.payload_digest(&release()).await.unwrap(), None);
    let latest = controller.latest("4-stable", release().minor()).await.unwrap().unwrap();
    assert_eq!((latest.name.as_str(), latest.phase), ("4.20.16", Phase::Accepted));
    fixture.hours_pass(20);
    assert_eq!(controller.phase(&release()).await.unwrap(), Some(Phase::Ready));
    assert_eq!(controller.payload_digest(&release()).await.unwrap(), None, "the change log is not rendered yet");
    fixture.hours_pass(2);
    assert_eq!(controller.phase(&release()).await.unwrap(), Some(Phase::Accepted));
    assert!(controller.payload_digest(&release()).await.unwrap().is_some());
    let latest = controller.latest("4-stable", release().minor()).await.unwrap().unwrap();
    assert_eq!(latest.name, "4.20.17");
    assert_eq!(controller.latest("4-stable", "4.2".parse().unwrap()).await.unwrap(), None, "4.2 is not 4.20");
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    fixture.hours_pass(22);
    let controller = ReleaseController::new(fixture.client(SERVICE));
    // A web page with 404 comes from somebody in between; the controller itself answers in plain text.
    let reads = |path| Operation::reads(SERVICE, path).on_404(Means::Error(ErrorClass::Corrupt));
    reads("format=short").in_outages(&fixture, async || controller.phase(&release()).await).await;
    reads("/release/4.20.17$").in_outages(&fixture, async || controller.payload_digest(&release()).await).await;
    let latest = async || controller.latest("4-stable", release().minor()).await;
    reads("/latest").in_outages(&fixture, latest).await;
}

#[tokio::test]
async fn values_and_fields_of_the_future_do_no_harm() {
    let read = async |http| ReleaseController::new(http).phase(&release()).await;
    let future = r#"{"name":"4.20.17","phase":"Simmering","taste":{"salt":1}}"#;
    assert_eq!(canned(SERVICE, 200, future, read).await.unwrap(), Some(Phase::Other("Simmering".to_owned())));
    let digest = async |http| ReleaseController::new(http).payload_digest(&release()).await;
    let odd = r#"{"name":"4.20.17","phase":"Ready","changeLogJson":{"to":{"digest":"md5:1"}}}"#;
    assert_eq!(canned(SERVICE, 200, odd, digest).await.unwrap_err().class(), ErrorClass::Corrupt);
}

#[tokio::test]
async fn the_simulator_refuses_what_the_release_controller_refuses() {
    let fixture = Fixture::open().await;
    let at = |rest: &str| format!("GET /api/v1/releasestream/{rest}");
    fixture
        .answers(
            SERVICE,
            &[
                (&at("none/latest"), "", 404, "no release configuration exists with the requested name"),
                (&at("4-stable/latest?prefix=9."), "", 404, "no tags exist within the release that satisfy"),
                (&at("4-stable/latest?format=poem"), "", 400, "format must be one of"),
                (&at("4-stable/release/4.20.99"), "", 404, "unable to find release tag 4.20.99"),
                (&at("5-stable/release/4.20.16"), "", 404, ""),
                (&at("4-stable-arm64/release/4.20.16?format=short"), "", 200, "Accepted"),
                (&at("4-stable/tags?phase=Accepted"), "", 200, "4.20.16"),
                ("GET /api/v1/releasestreams/accepted", "", 200, "4-stable"),
            ],
        )
        .await;
}
