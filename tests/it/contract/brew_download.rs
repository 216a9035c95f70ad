use oar::core::clients::brew_download::BrewDownload;
use oar::core::error::ErrorClass;
use oar::domain::kernel::Nvr;
use oar::domain::service::Service;

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const SERVICE: Service = Service::BrewDownload;

/// The RHCOS build that an advisory of the release holds.
fn build(fixture: &Fixture) -> Nvr {
    let facts = fixture.facts();
    let mut builds = facts.errata.advisories.values().flat_map(|advisory| advisory.builds.keys());
    Nvr::parse(builds.find(|build| build.starts_with("rhcos-x86_64-")).expect("an RHCOS build")).unwrap()
}

fn nobody() -> Nvr {
    Nvr::parse("rhcos-x86_64-1-1").unwrap()
}

#[tokio::test]
async fn a_build_tells_its_kernel_or_that_it_has_none_and_is_unknown_before_it_is_made() {
    let fixture = Fixture::open().await;
    let (downloads, build) = (BrewDownload::new(fixture.client(SERVICE)), build(&fixture));
    let found = downloads.kernels(&build).await.unwrap().unwrap();
    let kernels: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(kernels, [fixture.facts().koji.kernel.clone()]);
    fixture.facts().koji.without_kernel = true;
    assert_eq!(downloads.kernels(&build).await.unwrap().map(|found| found.len()), Some(0));
    assert_eq!(downloads.kernels(&nobody()).await.unwrap(), None);
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    let (downloads, build) = (BrewDownload::new(fixture.client(SERVICE)), build(&fixture));
    let read = Operation::reads(SERVICE, "/metadata.json$").on_404(Means::Answer);
    read.in_outages(&fixture, async || downloads.kernels(&build).await).await;
}

#[tokio::test]
async fn what_is_no_metadata_is_unreadable() {
    let read = async |http| BrewDownload::new(http).kernels(&nobody()).await;
    for body in ["", "{}", "[]", r#"{"output":[{"components":[{"name":"kernel"}]}]}"#, "<html>login</html>"] {
        assert_eq!(canned(SERVICE, 200, body, read).await.unwrap_err().class(), ErrorClass::Corrupt, "{body}");
    }
}

#[tokio::test]
async fn the_simulator_has_metadata_of_builds_that_advisories_hold_and_of_no_others() {
    let fixture = Fixture::open().await;
    let folder = build(&fixture).folder();
    fixture
        .answers(
            SERVICE,
            &[
                (&format!("GET /{folder}/metadata.json"), "", 200, r#""name":"kernel""#),
                (&format!("GET /{folder}/build.log"), "", 404, ""),
                ("GET /rhcos-x86_64/1/1/metadata.json", "", 404, "Not Found"),
                ("GET /kernel/5.14.0/570.62.1.el9_6/metadata.json", "", 404, "Not Found"),
                (&format!("POST /{folder}/metadata.json"), "{}", 405, ""),
            ],
        )
        .await;
}
