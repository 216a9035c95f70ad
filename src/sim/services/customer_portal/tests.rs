use super::*;
use crate::sim::services::visitor::Visitor;

#[tokio::test]
async fn the_page_is_missing_until_the_release_is_public() {
    let visitor = Visitor::smooth();
    let live = visitor.world.facts().release.live_id.clone();
    let path = format!("/customer_portal/errata/{live}");
    assert_eq!(visitor.get(&path).await.status, 404);
    visitor.world.facts().happens(Event::PortalOpens);
    let answer = visitor.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.text.contains(&live)), (200, true));
    assert_eq!(visitor.get("/customer_portal/errata/RHBA-2020:1").await.status, 404);
}

#[tokio::test]
async fn a_login_page_with_200_does_not_name_the_advisory() {
    let visitor = Visitor::smooth();
    visitor.world.facts().customer_portal.soft_404 = true;
    let live = visitor.world.facts().release.live_id.clone();
    let answer = visitor.get(&format!("/customer_portal/errata/{live}")).await;
    assert_eq!((answer.status.as_u16(), answer.text.contains(&live)), (200, false));
}
