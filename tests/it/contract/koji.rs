use oar::core::clients::koji::Koji;
use oar::core::error::ErrorClass;
use oar::domain::kernel::Nvr;
use oar::domain::service::Service;

use super::fixture::{Fixture, canned};
use super::operation::Operation;

const SERVICE: Service = Service::Koji;

fn kernel(fixture: &Fixture) -> Nvr {
    Nvr::parse(&fixture.facts().koji.kernel).unwrap()
}

fn nobody() -> Nvr {
    Nvr::parse("kernel-1-1").unwrap()
}

/// What is posted to ask for the tags of `build`.
fn list_tags(build: &Nvr) -> String {
    format!(
        "<?xml version='1.0'?><methodCall><methodName>listTags</methodName><params><param><value><struct>\
         <member><name>build</name><value><string>{build}</string></value></member>\
         <member><name>__starstar</name><value><boolean>1</boolean></value></member>\
         </struct></value></param></params></methodCall>"
    )
}

#[tokio::test]
async fn a_kernel_tells_its_tags_and_one_that_nobody_built_has_none() {
    let fixture = Fixture::open().await;
    let (koji, kernel) = (Koji::new(fixture.client(SERVICE)), kernel(&fixture));
    let tags: Vec<String> = koji.tags(&kernel).await.unwrap().unwrap().into_iter().collect();
    assert_eq!(tags, ["early-kernel-candidate", "rhel-9.6.0-z"]);
    assert_eq!(koji.tags(&nobody()).await.unwrap(), None);
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    let (koji, kernel) = (Koji::new(fixture.client(SERVICE)), kernel(&fixture));
    Operation::reads(SERVICE, "^/$").in_outages(&fixture, async || koji.tags(&kernel).await).await;
}

#[tokio::test]
async fn what_is_no_answer_is_unreadable_and_another_fault_is_a_refusal() {
    let list = async |http| Koji::new(http).tags(&nobody()).await;
    for body in ["", "{}", "<html>login</html>", "<methodResponse>", "<methodResponse><params/></methodResponse>"] {
        assert_eq!(canned(SERVICE, 200, body, list).await.unwrap_err().class(), ErrorClass::Corrupt, "{body}");
    }
    let fault = "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>1</int></value>\
                 </member><member><name>faultString</name><value><string>busy</string></value></member></struct>\
                 </value></fault></methodResponse>";
    let error = canned(SERVICE, 200, fault, list).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused, "{error}");
}

#[tokio::test]
async fn the_simulator_knows_one_method_and_says_faults_with_200() {
    let fixture = Fixture::open().await;
    let (known, unknown) = (list_tags(&kernel(&fixture)), list_tags(&nobody()));
    fixture
        .answers(
            SERVICE,
            &[
                ("POST ", &known, 200, "<string>early-kernel-candidate</string>"),
                ("POST ", &unknown, 200, "No such build"),
                ("POST ", &known.replace("listTags", "deleteBuild"), 200, "<fault>"),
                ("POST ", "no XML", 200, "<fault>"),
                ("GET ", "", 405, ""),
            ],
        )
        .await;
}
