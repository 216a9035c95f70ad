use std::collections::BTreeSet;

use oar::core::clients::catalog::Catalog;
use oar::core::error::ErrorClass;
use oar::domain::ids::Digest;
use oar::domain::service::Service;
use oar::sim::events::Event;

use super::fixture::{Fixture, canned};
use super::operation::Operation;

const SERVICE: Service = Service::Catalog;

/// An image that customers can pull already, and its repository.
fn shipped(fixture: &Fixture) -> (Digest, String) {
    let facts = fixture.facts();
    let (digest, (repository, _)) = facts.catalog.images.first_key_value().expect("a shipped image");
    (digest.parse().unwrap(), repository.clone())
}

fn nobody() -> Digest {
    format!("sha256:{}", "0".repeat(64)).parse().unwrap()
}

#[tokio::test]
async fn an_image_is_known_once_it_was_shipped() {
    let fixture = Fixture::open().await;
    let catalog = Catalog::new(fixture.client(SERVICE));
    let (digest, repository) = shipped(&fixture);
    let place = format!("registry.example.com/{repository}");
    assert_eq!(catalog.released(&digest).await.unwrap(), Some(BTreeSet::from([place])));
    assert_eq!(catalog.released(&nobody()).await.unwrap(), None);
    let before = fixture.facts().catalog.images.clone();
    fixture.happens(Event::PortalOpens);
    let new = fixture.facts().catalog.images.keys().find(|digest| !before.contains_key(*digest)).cloned().unwrap();
    assert!(catalog.released(&new.parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    let (catalog, (digest, _)) = (Catalog::new(fixture.client(SERVICE)), shipped(&fixture));
    Operation::reads(SERVICE, "^/v1/images").in_outages(&fixture, async || catalog.released(&digest).await).await;
}

#[tokio::test]
async fn what_is_no_page_of_images_is_unreadable() {
    let look = async |http| Catalog::new(http).released(&nobody()).await;
    for body in ["", "{}", r#"{"data":[]}"#, r#"{"total":null,"data":[]}"#, "<html>login</html>"] {
        assert_eq!(canned(SERVICE, 200, body, look).await.unwrap_err().class(), ErrorClass::Corrupt, "{body}");
    }
}

#[tokio::test]
async fn the_simulator_takes_one_digest_and_refuses_every_other_filter() {
    let fixture = Fixture::open().await;
    let (digest, repository) = shipped(&fixture);
    fixture
        .answers(
            SERVICE,
            &[
                (&format!("GET /v1/images?filter=image_id%3D%3D{digest}"), "", 200, &repository),
                (&format!("GET /v1/images?filter=image_id=={digest}"), "", 200, r#""total":1"#),
                (&format!("GET /v1/images?filter=image_id=={}", nobody()), "", 200, r#""total":0"#),
                ("GET /v1/images", "", 400, "filter"),
                ("GET /v1/images?filter=image_id==", "", 400, "filter"),
                (&format!("GET /v1/images?filter=image_id=={}", &digest.as_str()[..70]), "", 400, "filter"),
                ("GET /v1/images/id/1", "", 404, ""),
                ("POST /v1/images", "{}", 405, ""),
            ],
        )
        .await;
}
