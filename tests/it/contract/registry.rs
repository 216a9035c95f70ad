use oar::core::clients::registry::Registry;
use oar::core::error::ErrorClass;
use oar::domain::service::Service;
use oar::sim::journal::PLACEHOLDER;

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const SERVICE: Service = Service::Registry;

const PAYLOADS: &str = "openshift-release-dev/ocp-release";
const TAG: &str = "4.20.17-x86_64";

#[tokio::test]
async fn a_payload_tells_its_version_and_its_page_once_it_is_promoted() {
    let fixture = Fixture::open().await;
    let registry = Registry::new(fixture.client(SERVICE));
    assert_eq!(registry.payload_metadata(PAYLOADS, TAG).await.unwrap(), None);
    fixture.hours_pass(20);
    let metadata = registry.payload_metadata(PAYLOADS, TAG).await.unwrap().unwrap();
    assert_eq!(metadata.version, "4.20.17");
    assert_eq!(metadata.advisory_url, Some(fixture.plan.portal_url(PLACEHOLDER)));
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    fixture.hours_pass(20);
    // A registry keeps its token; each look here begins without one.
    let read = async || Registry::new(fixture.client(SERVICE)).payload_metadata(PAYLOADS, TAG).await;
    let reads = |path| Operation::reads(SERVICE, path);
    // The first look asks for the challenge in a header; its body says nothing.
    reads("^/v2/$").on_cut(Means::Answer).in_outages(&fixture, read).await;
    reads("^/v2/auth").in_outages(&fixture, read).await;
    reads("/manifests/4").renews_its_token().on_404(Means::Answer).in_outages(&fixture, read).await;
    reads("/manifests/sha256").renews_its_token().in_outages(&fixture, read).await;
    reads("/blobs/").renews_its_token().in_outages(&fixture, read).await;
}

#[tokio::test]
async fn what_is_no_payload_is_unreadable() {
    let read = async |http| Registry::new(http).payload_metadata(PAYLOADS, TAG).await;
    for body in [
        "{}",
        r#"{"layers":[]}"#,
        r#"{"layers":[{"digest":"md5:1"}]}"#,
        r#"{"manifests":[{"digest":"x","platform":{"os":"linux","architecture":"riscv"}}]}"#,
    ] {
        assert_eq!(canned(SERVICE, 200, body, read).await.unwrap_err().class(), ErrorClass::Corrupt, "{body}");
    }
    // Bytes that are not those of the digest: every request here is answered with the manifest itself.
    let other = format!(r#"{{"layers":[{{"digest":"sha256:{}"}}],"new":1}}"#, "0".repeat(64));
    let error = canned(SERVICE, 200, &other, read).await.unwrap_err();
    assert!(error.to_string().contains("do not match its digest"), "{error}");
}

#[tokio::test]
async fn the_simulator_refuses_what_a_registry_refuses() {
    let fixture = Fixture::open().await;
    fixture.hours_pass(20);
    let manifest = format!("GET /v2/{PAYLOADS}/manifests/{TAG}");
    fixture.refuses_strangers(SERVICE, &manifest, 401, 401).await;
    let scope = format!("GET /v2/auth?service=sim-registry&scope=repository:{PAYLOADS}:pull");
    fixture
        .answers(
            SERVICE,
            &[
                ("GET /v2/", "", 401, "UNAUTHORIZED"),
                (&manifest, "", 401, "UNAUTHORIZED"),
                ("GET /v2/auth?service=sim-registry", "", 400, "no scope"),
                (&scope, "", 200, "expires_in"),
            ],
        )
        .await;
}
