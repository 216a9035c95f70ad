use oar::core::clients::catalog_stage::CatalogStage;
use oar::core::error::ErrorClass;
use oar::domain::ids::Digest;
use oar::domain::image_health::Grade;
use oar::domain::service::Service;
use oar::sim::events::Event;

use super::fixture::{Fixture, canned};
use super::operation::Operation;

const SERVICE: Service = Service::CatalogStage;

/// The digest of a component with vulnerabilities, released to stage.
fn released(fixture: &Fixture) -> Digest {
    fixture.happens(Event::StageReleaseDone);
    let mut facts = fixture.facts();
    let (digest, (component, _)) = facts.catalog_stage.images.first_key_value().unwrap();
    let (digest, component) = (digest.parse().unwrap(), component.clone());
    facts.catalog_stage.unhealthy.insert(component);
    digest
}

#[tokio::test]
async fn an_image_has_grades_and_vulnerabilities_once_it_is_on_stage() {
    let fixture = Fixture::open().await;
    let catalog = CatalogStage::new(fixture.client(SERVICE));
    let digest = released(&fixture);

    let image = catalog.image(&digest).await.unwrap().unwrap();
    let now = fixture.clock.now();
    let present = image.grades.iter().find(|grade| grade.start < Some(now) && grade.end > Some(now)).unwrap();
    assert_eq!((image.grades.len(), present.grade), (3, Grade::from_wire("D")));
    let found = catalog.vulnerabilities(&image).await.unwrap();
    assert_eq!(found.iter().map(|one| one.sources.len()).collect::<Vec<_>>(), [1, 1], "a text and a list");
    let unknown: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    assert_eq!(catalog.image(&unknown).await.unwrap(), None);
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    let (catalog, digest) = (CatalogStage::new(fixture.client(SERVICE)), released(&fixture));
    let look = Operation::reads(SERVICE, "/v1/images\\?");
    look.in_outages(&fixture, async || catalog.image(&digest).await).await;
    let image = catalog.image(&digest).await.unwrap().unwrap();
    let list = Operation::reads(SERVICE, "/vulnerabilities");
    list.in_outages(&fixture, async || catalog.vulnerabilities(&image).await).await;
}

#[tokio::test]
async fn values_and_fields_of_the_future_do_no_harm_and_foreign_links_are_not_followed() {
    let digest: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let future = r#"{"data":[{"freshness_grades":[{"grade":"Z","start_date":"someday","x":1}],"moon":{},
        "_links":{"vulnerabilities":{"href":"/v1/../elsewhere"}}}],"pages":"many"}"#;
    let read = async |http| {
        let catalog = CatalogStage::new(http);
        let image = catalog.image(&digest).await.unwrap().unwrap();
        assert_eq!((image.grades[0].grade, image.grades[0].start), (Grade::Unknown, None));
        catalog.vulnerabilities(&image).await
    };
    assert_eq!(canned(SERVICE, 200, future, read).await.unwrap_err().class(), ErrorClass::Corrupt);
}

#[tokio::test]
async fn the_simulator_refuses_what_the_catalogue_refuses() {
    let fixture = Fixture::open().await;
    let none = format!("GET /v1/images?filter=image_id==sha256:{}", "0".repeat(64));
    fixture
        .answers(
            SERVICE,
            &[
                ("GET /v1/images", "", 400, "filter"),
                ("GET /v1/images?filter=colour==red", "", 400, "Bad Request"),
                ("GET /v1/images?filter=image_id==sha256:1", "", 400, "not a digest"),
                (&none, "", 200, "\"total\":0"),
                ("GET /v1/images/id/0/vulnerabilities", "", 404, "Not Found"),
            ],
        )
        .await;
}
