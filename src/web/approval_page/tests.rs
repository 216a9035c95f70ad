use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt as _;

use super::*;
use crate::core::access::principal::Scope;
use crate::core::clock::VirtualClock;
use crate::runs::approval::Proposal;
use crate::runs::approval_store::PersonsAnswer;

struct Fixture {
    approvals: ApprovalStore,
    tokens: Tokens,
    clock: VirtualClock,
    router: Router,
    _home: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let home = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::below(home.path());
    let tokens = Tokens::below(home.path());
    let clock = VirtualClock::starting_at("2026-06-09T00:00:00Z".parse().unwrap());
    let routes = routes(approvals.clone(), tokens.clone(), Clock::Virtual(clock.clone())).unwrap();
    let router = routes.into_iter().fold(Router::new(), |router, route| router.route(&route.path, route.methods));
    Fixture { approvals, tokens, clock, router, _home: home }
}

fn proposal(plan: &str, needs_reason: bool) -> Proposal {
    Proposal {
        tool: "oar_change_advisory_status".into(),
        subject: "4.20.17".into(),
        arguments: "a".into(),
        facts: plan.into(),
        covers: None,
        plan: plan.into(),
        needs_reason,
        requester: "agent".into(),
    }
}

impl Fixture {
    fn asked(&self, plan: &str, needs_reason: bool) -> String {
        self.approvals.ask(&proposal(plan, needs_reason), self.clock.now()).unwrap().id
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, id: &str) -> (StatusCode, HeaderMap, String) {
        self.send(Request::get(format!("/approvals/{id}")).body(Body::empty()).unwrap()).await
    }

    /// Opens the page and sends its form back with `fields`.
    async fn decide(&self, id: &str, fields: &str) -> (StatusCode, String) {
        let (_, headers, page) = self.get(id).await;
        let cookie =
            headers.get(header::SET_COOKIE).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let csrf =
            page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        self.post(id, &cookie, &format!("csrf={csrf}&{fields}")).await
    }

    async fn post(&self, id: &str, cookie: &str, form: &str) -> (StatusCode, String) {
        let request = Request::post(format!("/approvals/{id}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie)
            .body(Body::from(form.to_owned()))
            .unwrap();
        let (status, _, page) = self.send(request).await;
        (status, page)
    }

    fn take(&self) -> Option<PersonsAnswer> {
        self.approvals.take(&proposal("p", false), self.clock.now()).unwrap()
    }
}

#[tokio::test]
async fn a_person_approves_with_a_token_of_their_own() {
    let fixture = fixture();
    let token = fixture.tokens.add("lead", [Scope::Critical], None).unwrap();
    let id = fixture.asked("p", false);
    let (status, page) = fixture.decide(&id, &format!("token={token}&decision=approve&reason=seen")).await;
    assert!(status == StatusCode::OK && page.contains("<h1>Approved</h1>"), "{status} {page}");
    let Some(PersonsAnswer::Yes(yes)) = fixture.take() else { panic!("it was approved") };
    assert_eq!((yes.who.as_str(), yes.reason.as_deref()), ("lead", Some("seen")));
    assert_eq!(fixture.take(), None, "once");
    let (_, _, page) = fixture.get(&id).await;
    assert!(page.contains("Approved by lead") && !page.contains("<form"), "{page}");
}

#[tokio::test]
async fn whoever_asked_strangers_readers_and_nobody_are_refused() {
    let fixture = fixture();
    let agent = fixture.tokens.add("agent", Scope::of_agents(), None).unwrap();
    let reader = fixture.tokens.add("reader", [Scope::Read], None).unwrap();
    let id = fixture.asked("p", false);
    for (token, status) in [
        (agent.as_str(), StatusCode::FORBIDDEN),
        (reader.as_str(), StatusCode::FORBIDDEN),
        ("oar_guess", StatusCode::UNAUTHORIZED),
        ("", StatusCode::UNAUTHORIZED),
    ] {
        let (answered, page) = fixture.decide(&id, &format!("token={token}&decision=approve")).await;
        assert!(answered == status && page.contains("role=\"alert\""), "{token}: {answered} {page}");
        assert_eq!(fixture.take(), None);
    }
}

#[tokio::test]
async fn a_form_of_another_browser_or_request_decides_nothing() {
    let fixture = fixture();
    let token = fixture.tokens.add("lead", [Scope::Critical], None).unwrap();
    let id = fixture.asked("p", false);
    let (_, headers, page) = fixture.get(&id).await;
    let cookie = headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let rest = format!("token={token}&decision=approve");
    for (cookie, form) in [
        ("", format!("csrf={csrf}&{rest}")),
        ("oar_form=other", format!("csrf={csrf}&{rest}")),
        (cookie, rest.clone()),
        (cookie, format!("csrf={}&{rest}", "0".repeat(64))),
    ] {
        assert_eq!(fixture.post(&id, cookie, &form).await.0, StatusCode::FORBIDDEN, "{cookie} {form}");
    }
    assert_eq!(fixture.take(), None);
}

#[tokio::test]
async fn an_expired_answered_or_unknown_request_cannot_be_answered() {
    let fixture = fixture();
    let token = fixture.tokens.add("lead", [Scope::Critical], None).unwrap();
    let id = fixture.asked("p", false);
    let (_, headers, page) = fixture.get(&id).await;
    let cookie = headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    fixture.clock.advance(jiff::SignedDuration::from_hours(25));
    let form = format!("csrf={csrf}&token={token}&decision=approve");
    assert_eq!(fixture.post(&id, &cookie, &form).await.0, StatusCode::GONE);
    assert!(fixture.get(&id).await.2.contains("has expired"));
    assert_eq!(fixture.get(&"0".repeat(32)).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_override_needs_a_reason_and_a_rejection_needs_none() {
    let fixture = fixture();
    let token = fixture.tokens.add("lead", [Scope::Critical], None).unwrap();
    let id = fixture.asked("p", true);
    assert_eq!(fixture.decide(&id, &format!("token={token}&decision=approve")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.decide(&id, &format!("token={token}&decision=maybe")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.decide(&id, &format!("token={token}&decision=reject")).await.0, StatusCode::OK);
    let taken = fixture.approvals.take(&proposal("p", true), fixture.clock.now()).unwrap();
    assert!(matches!(taken, Some(PersonsAnswer::No(_))));
}

#[tokio::test]
async fn hostile_text_is_text_and_the_page_allows_no_foreign_content() {
    let fixture = fixture();
    let id = fixture.asked("<script>alert(1)</script>\n\"'><img src=x onerror=y>", false);
    let (status, headers, page) = fixture.get(&id).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("<li>&lt;script&gt;alert(1)&lt;/script&gt;</li>"), "{page}");
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'self';"));
    assert!(page.contains("<html lang=\"en\">") && page.contains("<label for=\"token\">"), "{page}");
    assert!(!page.contains("style=") && !page.contains("http://"), "{page}");
}
