use oar::core::clients::customer_portal::CustomerPortal;
use oar::core::clients::error::Fault;
use oar::domain::service::Service;
use oar::sim::events::Event;

use super::fixture::{Fixture, canned};
use super::operation::{Means, Operation};

const SERVICE: Service = Service::CustomerPortal;

#[tokio::test]
async fn a_page_is_public_once_the_portal_opens() {
    let fixture = Fixture::open().await;
    let (portal, page) =
        (CustomerPortal::new(fixture.client(SERVICE)), fixture.plan.portal_url(fixture.sim.base_url()));
    assert!(!portal.is_public(&page).await.unwrap());
    fixture.facts().customer_portal.soft_404 = true;
    assert!(!portal.is_public(&page).await.unwrap(), "a login page with 200 ships no release");
    fixture.happens(Event::PortalOpens);
    assert!(portal.is_public(&page).await.unwrap());
}

#[tokio::test]
async fn an_outage_is_reported_by_its_class() {
    let fixture = Fixture::open().await;
    let (portal, page) =
        (CustomerPortal::new(fixture.client(SERVICE)), fixture.plan.portal_url(fixture.sim.base_url()));
    fixture.happens(Event::PortalOpens);
    // A page that does not name the advisory is a no.
    let look = Operation::reads(SERVICE, "/errata/").on_404(Means::Answer).on_page(Means::Answer).on_cut(Means::Answer);
    look.in_outages(&fixture, async || portal.is_public(&page).await).await;
}

#[tokio::test]
async fn a_redirect_is_a_no_and_an_address_elsewhere_is_not_asked() {
    let look = async |http: oar::core::clients::http::ServiceHttp| {
        let page = format!("{}/errata/RHBA-2026:1", http.base());
        CustomerPortal::new(http).is_public(&page).await
    };
    assert!(!canned(SERVICE, 302, "RHBA-2026:1", look).await.unwrap());
    assert!(!canned(SERVICE, 200, "", look).await.unwrap());
    assert!(canned(SERVICE, 200, "<h1>RHBA-2026:1</h1>", look).await.unwrap());

    let fixture = Fixture::open().await;
    let portal = CustomerPortal::new(fixture.client(SERVICE));
    for url in ["http://127.0.0.1:9/errata/RHBA-2026:1", "nonsense", ""] {
        assert!(matches!(portal.is_public(url).await.unwrap_err().fault, Fault::BadUrl(_)), "{url:?}");
    }
    assert_eq!(fixture.asked(), [""; 0]);
}

#[tokio::test]
async fn the_simulator_shows_published_pages_only() {
    let fixture = Fixture::open().await;
    let page = format!("GET /errata/{}", fixture.plan.live_id);
    fixture
        .answers(SERVICE, &[(&page, "", 404, "Page not found"), ("GET /errata/RHBA-1:1", "", 404, "not found")])
        .await;
    fixture.happens(Event::PortalOpens);
    fixture.answers(SERVICE, &[(&page, "", 200, &fixture.plan.live_id), ("GET /login", "", 404, "")]).await;
}
