use super::*;
use crate::sim::services::asking::Asking;

#[tokio::test]
async fn the_page_is_missing_until_the_release_is_public() {
    let asking = Asking::smooth();
    let live = asking.world.facts().release.live_id.clone();
    let path = format!("/customer_portal/errata/{live}");
    assert_eq!(asking.get(&path).await.status, 404);
    Event::PortalOpens.apply(&mut asking.world.facts());
    let said = asking.get(&path).await;
    assert_eq!((said.status.as_u16(), said.text.contains(&live)), (200, true));
    assert_eq!(asking.get("/customer_portal/errata/RHBA-2020:1").await.status, 404);
}

#[tokio::test]
async fn a_login_page_with_200_does_not_name_the_advisory() {
    let asking = Asking::smooth();
    asking.world.facts().customer_portal.soft_404 = true;
    let live = asking.world.facts().release.live_id.clone();
    let said = asking.get(&format!("/customer_portal/errata/{live}")).await;
    assert_eq!((said.status.as_u16(), said.text.contains(&live)), (200, false));
}
