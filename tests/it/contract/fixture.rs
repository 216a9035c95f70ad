//! A running simulator with a small world, and clients for its services.

use std::sync::MutexGuard;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, StatusCode, header};
use jiff::SignedDuration;
use oar::core::clients::http::auth::Auth;
use oar::core::clients::http::network::bare_client;
use oar::core::clients::http::policy::HttpPolicy;
use oar::core::clients::http::{Http, ServiceHttp};
use oar::core::clock::{Clock, VirtualClock};
use oar::core::config::hosts::HostRule;
use oar::domain::credential::Credential;
use oar::domain::service::Service;
use oar::sim::auth::{KUBE_TOKEN, accepted};
use oar::sim::events::Event;
use oar::sim::faults::rules::{Faults, Rule};
use oar::sim::journal::PLACEHOLDER;
use oar::sim::scenario::{ReleasePlan, Scenario};
use oar::sim::server::{Simulator, StartOptions};
use oar::sim::world::Facts;
use tokio_util::sync::CancellationToken;

/// Tries for what may be repeated.
pub(super) const TRIES: usize = 3;

/// A simulator, the clock it shares with the clients, and two ways to ask it.
pub(crate) struct Fixture {
    pub(crate) sim: Simulator,
    pub(crate) clock: VirtualClock,
    pub(crate) plan: ReleasePlan,
    http: Http,
    visitor: reqwest::Client,
}

fn policy(rewrites: Vec<(String, String)>) -> HttpPolicy {
    HttpPolicy {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(10),
        tries: u32::try_from(TRIES).unwrap(),
        in_flight: 4,
        max_body_bytes: 1 << 22,
        hosts: HostRule::Loopback,
        rewrites,
    }
}

fn http(clock: VirtualClock, rewrites: Vec<(String, String)>) -> Http {
    Http::new(policy(rewrites), Clock::Virtual(clock), CancellationToken::new()).unwrap()
}

/// What a service of the simulator accepts.
pub(crate) fn accepted_by(service: Service) -> Auth {
    let account = |user, secret| Auth::Basic { user: accepted(user).to_owned(), secret: accepted(secret).into() };
    match service {
        Service::Errata => Auth::Bearer(accepted(Credential::ErrataToken).into()),
        Service::Jira => account(Credential::JiraUsername, Credential::JiraToken),
        Service::Gitlab => Auth::Header {
            name: HeaderName::from_static("private-token"),
            secret: accepted(Credential::GitlabToken).into(),
        },
        Service::Jenkins => account(Credential::JenkinsUser, Credential::JenkinsToken),
        Service::Slack => Auth::Bearer(accepted(Credential::SlackBotToken).into()),
        Service::Github => Auth::Bearer(accepted(Credential::GithubToken).into()),
        Service::Gangway => Auth::Bearer(accepted(Credential::ApiToken).into()),
        Service::Kube => Auth::Bearer(KUBE_TOKEN.into()),
        Service::Koji
        | Service::BrewDownload
        | Service::GithubRaw
        | Service::GithubWeb
        | Service::BuildData
        | Service::ReleaseController
        | Service::Prow
        | Service::Signatures
        | Service::Catalog
        | Service::CatalogStage
        | Service::CustomerPortal
        | Service::Registry
        | Service::Elliott
        | Service::GoogleOauth
        | Service::Sheets
        | Service::Drive
        | Service::Gcs
        | Service::Gcsweb
        | Service::ProwPrivate
        | Service::Sippy
        | Service::SippyQe
        | Service::Pyxis
        | Service::Ldap
        | Service::Llm
        | Service::Oauth => Auth::None,
    }
}

impl Fixture {
    /// The smooth scenario, with few images.
    pub(crate) async fn open() -> Self {
        let mut scenario = Scenario::named("smooth", None, None).unwrap();
        let sizes = &mut scenario.plan.sizes;
        (sizes.images, sizes.components, sizes.record_jobs) = (40, 8, 2);
        let (plan, clock) = (scenario.plan.clone(), VirtualClock::starting_at(scenario.start()));
        let options = StartOptions { port: 0, scenario, seed: 7, clock: clock.clone(), faults: Faults::none() };
        let sim = Simulator::start(options).await.unwrap();
        // Addresses inside data are stable ones; the settings of a rehearsal lead them here.
        let rewrites = vec![(PLACEHOLDER.to_owned(), sim.base_url().to_owned())];
        let visitor = bare_client(&policy(Vec::new())).unwrap();
        Self { sim, plan, http: http(clock.clone(), rewrites), clock, visitor }
    }

    /// A client for a service with the credential that the simulator accepts.
    pub(crate) fn client(&self, service: Service) -> ServiceHttp {
        self.with(service, accepted_by(service))
    }

    /// A client whose credential is worn out.
    pub(crate) fn stranger(&self, service: Service) -> ServiceHttp {
        self.with(service, Auth::Bearer("worn-out".into()))
    }

    fn with(&self, service: Service, auth: Auth) -> ServiceHttp {
        self.http.service(service, &format!("{}/{service}", self.sim.base_url()), auth)
    }

    /// What is true in the world; never held across an await.
    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.sim.world().facts()
    }

    pub(crate) fn happens(&self, event: Event) {
        self.facts().happens(event);
    }

    pub(crate) fn hours_pass(&self, hours: i64) {
        self.clock.advance(SignedDuration::from_hours(hours));
    }

    pub(crate) fn goes_wrong(&self, rule: Rule) {
        self.sim.world().faults().add(rule).unwrap();
    }

    /// `METHOD path` of every request since the last look, in the order of arrival where time moved.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut journal = self.sim.world().journal();
        let asked = journal.entries().into_iter().map(|entry| format!("{} {}", entry.method, entry.path)).collect();
        journal.clear();
        asked
    }

    /// Asks the simulator itself, with the right credential, and compares status and words.
    ///
    /// A pair is `METHOD /path`, a body (JSON or XML when it begins like that, else a form), a status, and a
    /// piece of the answer.
    pub(crate) async fn answers(&self, service: Service, pairs: &[(&str, &str, u16, &str)]) {
        let mut wrong = Vec::new();
        for (ask, body, status, says) in pairs {
            let (got, body_text) = self.ask(service, ask, body, &accepted_by(service)).await;
            if got != *status || !body_text.contains(says) {
                wrong.push(format!("{ask} {body}\n  wanted {status} {says:?}\n  got    {got} {body_text:.300}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Whoever comes without credential, with a wrong one or with another scheme is refused.
    pub(crate) async fn refuses_strangers(&self, service: Service, ask: &str, without: u16, with_wrong: u16) {
        let basic = Auth::Basic { user: "somebody".to_owned(), secret: "wrong".into() };
        let token = Auth::Header { name: HeaderName::from_static("private-token"), secret: "wrong".into() };
        assert_eq!(self.ask(service, ask, "", &Auth::None).await.0, without, "{ask}: no credential");
        for auth in [Auth::Bearer("wrong".into()), basic] {
            assert_eq!(self.ask(service, ask, "", &auth).await.0, with_wrong, "{ask}: {auth:?}");
        }
        // A header that belongs to another service is no credential at all.
        assert_eq!(self.ask(service, ask, "", &token).await.0, without, "{ask}: a header of its own");
    }

    async fn ask(&self, service: Service, ask: &str, body: &str, auth: &Auth) -> (u16, String) {
        let (method, path) = ask.split_once(' ').unwrap();
        let url = format!("{}/{service}{path}", self.sim.base_url());
        let mut request = self.visitor.request(method.parse().unwrap(), url);
        request = match auth {
            Auth::None | Auth::Negotiate(_) | Auth::NegotiateIfAsked | Auth::Issued(_) => request,
            Auth::Bearer(token) => request.bearer_auth(opened(token)),
            Auth::Basic { user, secret } => request.basic_auth(user, Some(opened(secret))),
            Auth::Header { name, secret } => request.header(name, opened(secret)),
        };
        if !body.is_empty() {
            let kind = match body.as_bytes()[0] {
                b'{' | b'[' => "application/json",
                b'<' => "text/xml",
                _ => "application/x-www-form-urlencoded",
            };
            request = request.header(header::CONTENT_TYPE, kind).body(body.to_owned());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn opened(secret: &secrecy::SecretString) -> String {
    secrecy::ExposeSecret::expose_secret(secret).to_owned()
}

/// A client for a service that always gives this answer, for what the simulator cannot say.
pub(crate) async fn canned<T>(
    service: Service,
    status: u16,
    body: &str,
    test: impl AsyncFnOnce(ServiceHttp) -> T,
) -> T {
    let (status, body) = (StatusCode::from_u16(status).unwrap(), body.to_owned());
    served(service, Router::new().fallback(move || async move { (status, body) }), test).await
}

/// A client for a service that a few routes of a story stand in for.
pub(crate) async fn served<T>(service: Service, router: Router, test: impl AsyncFnOnce(ServiceHttp) -> T) -> T {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let clock = VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH);
    let http = http(clock, Vec::new()).service(service, &base, Auth::None);
    tokio::select! {
        answer = test(http) => answer,
        ended = axum::serve(listener, router) => panic!("the server ended: {ended:?}"),
    }
}
