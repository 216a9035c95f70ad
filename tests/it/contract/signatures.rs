use oar::core::clients::release_controller::ReleaseController;
use oar::core::clients::signatures::Signatures;
use oar::core::error::ErrorClass;
use oar::domain::ids::Digest;
use oar::domain::service::Service;
use oar::sim::events::Event;

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const CONTROLLER: Service = Service::ReleaseController;
const SERVICE: Service = Service::Signatures;

async fn promoted(fixture: &Fixture) -> Digest {
    fixture.hours_pass(21);
    let controller = ReleaseController::new(fixture.client(CONTROLLER));
    controller.payload_digest(&fixture.plan.release).await.unwrap().unwrap()
}

fn nobody() -> Digest {
    format!("sha256:{}", "0".repeat(64)).parse().unwrap()
}

#[tokio::test]
async fn a_signature_appears_after_the_promotion() {
    let fixture = Fixture::open().await;
    let (signatures, digest) = (Signatures::new(fixture.client(SERVICE)), promoted(&fixture).await);
    assert!(!signatures.has_signature(&digest).await.unwrap());
    fixture.happens(Event::SignaturePublished);
    assert!(signatures.has_signature(&digest).await.unwrap());
    assert!(!signatures.has_signature(&nobody()).await.unwrap());
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    let (signatures, digest) = (Signatures::new(fixture.client(SERVICE)), promoted(&fixture).await);
    fixture.happens(Event::SignaturePublished);
    let look = Operation::reads(SERVICE, "/signature-1").on_404(Means::Answer).on_cut(Means::Answer);
    look.in_outages(&fixture, async || signatures.has_signature(&digest).await).await;
}

#[tokio::test]
async fn an_empty_file_and_an_object_store_that_says_403_are_no_signature() {
    let look = async |http| Signatures::new(http).has_signature(&nobody()).await;
    assert!(!canned(SERVICE, 200, "", look).await.unwrap());
    assert!(!canned(SERVICE, 403, "<Error>AccessDenied</Error>", look).await.unwrap());
    assert!(canned(SERVICE, 200, "bytes", look).await.unwrap());
    assert_eq!(canned(SERVICE, 410, "", look).await.unwrap_err().class(), ErrorClass::NotFound);
}

#[tokio::test]
async fn the_simulator_wants_the_folder_spelled_with_an_equals_sign() {
    let fixture = Fixture::open().await;
    let digest = promoted(&fixture).await;
    fixture.happens(Event::SignaturePublished);
    let folder = digest.mirror_folder();
    fixture
        .answers(
            SERVICE,
            &[
                (&format!("GET /{folder}/signature-1"), "", 200, digest.as_str()),
                (&format!("GET /{digest}/signature-1"), "", 404, ""),
                (&format!("GET /{folder}/signature-9"), "", 404, ""),
                (&format!("GET /pub/openshift-v4/signatures/openshift/release/{folder}/signature-1"), "", 200, ""),
            ],
        )
        .await;
}
