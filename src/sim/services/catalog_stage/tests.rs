use super::*;
use crate::sim::facts::images;
use crate::sim::services::visitor::Visitor;

async fn ask(visitor: &Visitor, digest: &str) -> Value {
    visitor.get(&format!("/catalog_stage/v1/images?filter=image_id=={digest}&page_size=100&page=0")).await.json()
}

fn a_component(visitor: &Visitor) -> images::Component {
    images::payload(&visitor.world.facts().release).remove(0)
}

#[tokio::test]
async fn an_image_is_graded_once_the_stage_release_is_done() {
    let visitor = Visitor::smooth();
    let digest = a_component(&visitor).digest("amd64");
    assert_eq!(ask(&visitor, &digest).await["total"], 0);
    visitor.world.facts().happens(Event::StageReleaseDone);
    assert_eq!(visitor.world.facts().catalog_stage.images.len(), 860);
    let found = ask(&visitor, &digest).await;
    assert_eq!(found["total"], 1);
    let grades = found["data"][0]["freshness_grades"].as_array().expect("grades").clone();
    assert!(matches!(grades[1]["grade"].as_str(), Some("A" | "B")), "{grades:?}");
}

#[tokio::test]
async fn an_unhealthy_image_has_vulnerabilities_behind_its_link() {
    let visitor = Visitor::smooth();
    visitor.world.facts().happens(Event::StageReleaseDone);
    let component = a_component(&visitor);
    visitor.world.facts().catalog_stage.unhealthy.insert(component.name.clone());
    let found = ask(&visitor, &component.digest("s390x")).await;
    assert_eq!(found["data"][0]["freshness_grades"][1]["grade"], "D");
    let link = found["data"][0]["_links"]["vulnerabilities"]["href"].as_str().expect("a link").to_owned();
    let page = visitor.get(&format!("/catalog_stage{link}?page_size=1&page=1")).await.json();
    assert_eq!((&page["total"], &page["data"][0]["cve_id"]), (&json!(2), &json!("CVE-2026-20002")));
}

#[tokio::test]
async fn a_filter_without_a_digest_is_refused() {
    let visitor = Visitor::smooth();
    for filter in ["", "image_id==", "image_id==sha256:12", "nvr==x"] {
        let answer = visitor.get(&format!("/catalog_stage/v1/images?filter={filter}")).await;
        assert_eq!(answer.status, 400, "{filter}");
    }
}
