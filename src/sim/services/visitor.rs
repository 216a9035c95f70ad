//! Asks the simulated services in tests, through their routers and with the right credentials.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::core::clock::VirtualClock;
use crate::domain::credential::Credential;
use crate::sim::auth::{KUBE_TOKEN, accepted};
use crate::sim::faults::rules::Faults;
use crate::sim::scenario::{ReleasePlan, Scenario};
use crate::sim::services::table;
use crate::sim::world::World;
use crate::sim::{reactions, refusals};

/// A world and the way to ask it.
pub(crate) struct Visitor {
    pub(crate) world: World,
    router: Router,
    auth: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Visitor {
    pub(crate) fn of(scenario: &str) -> Self {
        Self::where_plan(scenario, |_| {})
    }

    /// A scenario with something else in its plan.
    pub(crate) fn where_plan(scenario: &str, change: impl FnOnce(&mut ReleasePlan)) -> Self {
        let mut scenario = Scenario::named(scenario, None, None).expect("a scenario");
        change(&mut scenario.plan);
        let clock = VirtualClock::starting_at(scenario.start());
        let world = reactions::world(&scenario, 7, clock, "http://127.0.0.1:1".to_owned(), Faults::default());
        let bearer = |token| format!("Bearer {}", accepted(token));
        let account = format!("{}:{}", accepted(Credential::JiraUsername), accepted(Credential::JiraToken));
        let basic = crate::sim::wire::base64(account.as_bytes());
        let auth = vec![
            ("errata".to_owned(), bearer(Credential::ErrataToken)),
            ("jira".to_owned(), format!("Basic {basic}")),
            ("gitlab".to_owned(), bearer(Credential::GitlabToken)),
            ("github".to_owned(), bearer(Credential::GithubToken)),
            ("slack".to_owned(), bearer(Credential::SlackBotToken)),
            ("gangway".to_owned(), bearer(Credential::ApiToken)),
            ("kube".to_owned(), format!("Bearer {KUBE_TOKEN}")),
        ];
        let router = table::routes().with_state(world.clone());
        Self { router, world, auth }
    }

    pub(crate) fn smooth() -> Self {
        Self::of("smooth")
    }

    pub(crate) fn pass(&self, minutes: i64) {
        self.world.clock().advance(SignedDuration::from_mins(minutes));
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], Vec::new()).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.ask(method, path, &[("content-type", "application/json")], body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body).await
    }

    /// Asks with these headers; the credential is added unless `authorization` is among them.
    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("user-agent", "test");
        let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let given = headers.iter().any(|(name, _)| *name == "authorization" || *name == "private-token");
        if let Some((_, value)) = self.auth.iter().find(|(known, _)| known == service && !given) {
            request = request.header("authorization", value);
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        let rest = path.trim_start_matches('/').strip_prefix(service).unwrap_or_default();
        let (method, headers) = (request.method().to_string(), request.headers().clone());
        let refusal = table::refuse(service, rest, &headers)
            .or_else(|| refusals::refuse(&mut self.world.facts(), service.parse().ok()?, &method, rest))
            .or_else(|| table::admit(&mut self.world.facts(), service, &method, rest, &headers));
        let response = match refusal {
            Some(refusal) => refusal,
            None => {
                let mut response = self.router.clone().oneshot(request).await.expect("an answer");
                table::answered(&mut self.world.facts(), service, rest, &headers, &mut response);
                response
            }
        };
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }
}
