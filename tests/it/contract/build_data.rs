use oar::core::clients::build_data::BuildDataSource;
use oar::core::error::ErrorClass;
use oar::domain::release::Minor;
use oar::domain::service::Service;

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const SERVICE: Service = Service::BuildData;

fn minor(text: &str) -> Minor {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_file_of_a_minor_is_read_and_a_minor_without_branch_is_not_found() {
    let fixture = Fixture::open().await;
    let source = BuildDataSource::new(fixture.client(SERVICE));
    assert!(source.releases(minor("4.20")).await.unwrap().starts_with("releases:\n  4.20.17:"));
    assert_eq!(source.releases(minor("4.11")).await.unwrap_err().class(), ErrorClass::NotFound);
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    let source = BuildDataSource::new(fixture.client(SERVICE));
    // Half a text is a text; whoever parses it has to notice.
    let read = Operation::reads(SERVICE, "releases.yml").on_cut(Means::Answer);
    read.in_outages(&fixture, async || source.releases(minor("4.20")).await).await;
}

#[tokio::test]
async fn a_body_that_is_no_text_is_unreadable() {
    let read = async |http| BuildDataSource::new(http).releases(minor("4.20")).await;
    assert_eq!(canned(SERVICE, 200, "", read).await.unwrap_err().class(), ErrorClass::Corrupt);
}

#[tokio::test]
async fn the_simulator_knows_one_branch_under_both_addresses() {
    let fixture = Fixture::open().await;
    fixture
        .answers(
            SERVICE,
            &[
                ("GET /openshift-4.20/releases.yml", "", 200, "release_jira: ART-22017"),
                ("GET /openshift-eng/ocp-build-data/openshift-4.20/releases.yml", "", 200, "4.20.17"),
                ("GET /openshift-4.11/releases.yml", "", 404, "404: Not Found"),
                ("GET /openshift-4.20/other.yml", "", 404, ""),
            ],
        )
        .await;
}
