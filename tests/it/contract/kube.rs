use oar::core::clients::error::Fault;
use oar::core::clients::kube::Kube;
use oar::core::clients::retry::Repeat::Converges;
use oar::core::error::ErrorClass;
use oar::domain::build::Arch;
use oar::domain::service::Service;

use super::fixture::{Fixture, canned};
use super::operation::Operation;

const SERVICE: Service = Service::Kube;

const LABEL: &str = "release.openshift.io/qe_state";

fn client(fixture: &Fixture) -> Kube {
    Kube::new(fixture.client(SERVICE))
}

/// The nightly that everybody knows.
fn build(fixture: &Fixture) -> String {
    fixture.facts().release.nightly().expect("a nightly").to_owned()
}

/// The path of a payload of the usual architecture.
fn path(build: &str) -> String {
    format!("/apis/release.openshift.io/v1alpha1/namespaces/ocp/releasepayloads/{build}")
}

#[tokio::test]
async fn a_payload_is_labelled_labelled_otherwise_and_freed_of_the_label() {
    let fixture = Fixture::open().await;
    let (kube, build) = (client(&fixture), build(&fixture));
    for value in [Some("Accepted"), Some("Accepted"), Some("Rejected"), None, None] {
        let shown = kube.label(&build, Arch::Amd64, value).await.unwrap();
        assert_eq!(shown.as_deref(), value);
        let kept = fixture.facts().kube.object("ocp", &build).labels;
        assert_eq!(kept.get(LABEL).map(String::as_str), value, "{kept:?}");
    }
    assert_eq!(fixture.facts().kube.version, 3, "the same again is no write");
}

#[tokio::test]
async fn a_payload_of_another_architecture_lies_in_its_own_namespace() {
    let fixture = Fixture::open().await;
    let build = fixture.facts().release.nightlies["aarch64"].clone();
    client(&fixture).label(&build, Arch::Arm64, Some("Accepted")).await.unwrap();
    assert_eq!(fixture.facts().kube.object("ocp-arm64", &build).labels[LABEL], "Accepted");
    let error = client(&fixture).label(&build, Arch::Amd64, Some("Accepted")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotFound);
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    let (kube, build) = (client(&fixture), build(&fixture));
    let label = async || kube.label(&build, Arch::Amd64, Some("Accepted")).await;
    Operation::new(SERVICE, Converges, "/releasepayloads/").in_outages(&fixture, label).await;
}

#[tokio::test]
async fn a_right_that_the_account_lacks_and_a_conflict_are_no_outage() {
    let fixture = Fixture::open().await;
    let (kube, build) = (client(&fixture), build(&fixture));
    let label = async || kube.label(&build, Arch::Amd64, Some("Accepted")).await;
    fixture.facts().kube.conflicts = 1;
    assert_eq!(label().await.unwrap_err().class(), ErrorClass::Conflict);
    fixture.facts().kube.read_only = true;
    assert_eq!(label().await.unwrap_err().fault, Fault::Unauthorized(403));
    let stranger = Kube::new(fixture.stranger(SERVICE));
    let error = stranger.label(&build, Arch::Amd64, Some("Accepted")).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unauthorized(401));
    assert!(fixture.facts().kube.objects.is_empty(), "nothing was written");
}

#[tokio::test]
async fn an_answer_about_another_payload_or_none_is_no_answer() {
    let label = async |http| Kube::new(http).label("4.20.17", Arch::Amd64, Some("Accepted")).await;
    for body in ["", "{}", "[]", r#"{"metadata":{}}"#, r#"{"metadata":{"name":"4.20.18"}}"#] {
        let error = canned(SERVICE, 200, body, label).await.unwrap_err();
        assert_eq!((error.class(), error.may_have_happened()), (ErrorClass::Corrupt, true), "{body:?}");
    }
    let future = r#"{"metadata":{"name":"4.20.17","labels":null,"extra":[1]},"more":{}}"#;
    assert_eq!(canned(SERVICE, 200, future, label).await.unwrap(), None, "fields of the future do no harm");
}

#[tokio::test]
async fn the_simulator_refuses_what_the_api_refuses() {
    let fixture = Fixture::open().await;
    let path = path(&build(&fixture));
    let elsewhere = path.replace("/ocp/", "/default/");
    let list = path.rsplit_once('/').unwrap().0.to_owned();
    fixture
        .answers(
            SERVICE,
            &[
                (&format!("GET {path}"), "", 200, "ReleasePayload"),
                (&format!("GET {list}"), "", 200, "ReleasePayloadList"),
                (&format!("GET {path}x"), "", 404, "not found"),
                (&format!("GET {elsewhere}"), "", 403, "is forbidden"),
                (&format!("PATCH {path}"), r#"{"metadata":{"labels":{"a":"b"}}}"#, 415, "UnsupportedMediaType"),
                (&format!("DELETE {path}"), "", 405, ""),
            ],
        )
        .await;
}
