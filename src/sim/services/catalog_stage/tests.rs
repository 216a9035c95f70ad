use super::*;
use crate::sim::services::asking::Asking;

async fn ask(asking: &Asking, digest: &str) -> Value {
    asking.get(&format!("/catalog_stage/v1/images?filter=image_id=={digest}&page_size=100&page=0")).await.json()
}

fn a_component(asking: &Asking) -> images::Component {
    images::payload(&asking.world.facts().release).remove(0)
}

#[tokio::test]
async fn an_image_is_graded_once_the_stage_release_is_done() {
    let asking = Asking::smooth();
    let digest = a_component(&asking).digest("amd64");
    assert_eq!(ask(&asking, &digest).await["total"], 0);
    Event::StageReleaseDone.apply(&mut asking.world.facts());
    assert_eq!(asking.world.facts().catalog_stage.images.len(), 860);
    let found = ask(&asking, &digest).await;
    assert_eq!(found["total"], 1);
    let grades = found["data"][0]["freshness_grades"].as_array().expect("grades").clone();
    assert!(matches!(grades[1]["grade"].as_str(), Some("A" | "B")), "{grades:?}");
}

#[tokio::test]
async fn an_unhealthy_image_has_vulnerabilities_behind_its_link() {
    let asking = Asking::smooth();
    Event::StageReleaseDone.apply(&mut asking.world.facts());
    let component = a_component(&asking);
    asking.world.facts().catalog_stage.unhealthy.insert(component.name.clone());
    let found = ask(&asking, &component.digest("s390x")).await;
    assert_eq!(found["data"][0]["freshness_grades"][1]["grade"], "D");
    let link = found["data"][0]["_links"]["vulnerabilities"]["href"].as_str().expect("a link").to_owned();
    let page = asking.get(&format!("/catalog_stage{link}?page_size=1&page=1")).await.json();
    assert_eq!((&page["total"], &page["data"][0]["cve_id"]), (&json!(2), &json!("CVE-2026-20002")));
}

#[tokio::test]
async fn a_filter_without_a_digest_is_refused() {
    let asking = Asking::smooth();
    for filter in ["", "image_id==", "image_id==sha256:12", "nvr==x"] {
        let said = asking.get(&format!("/catalog_stage/v1/images?filter={filter}")).await;
        assert_eq!(said.status, 400, "{filter}");
    }
}
