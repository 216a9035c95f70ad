//! The services of the world, one row each: how it answers, whom it refuses, what it hears of.
//!
//! The match is over every service that exists: a new one does not compile until somebody has decided here
//! whether it is simulated.

use axum::Router;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::{
    build_data, catalog, catalog_stage, customer_portal, errata, gangway, github, gitlab, jenkins, jira, koji, kube,
    prow, registry, release_controller, signatures, slack,
};
use crate::domain::service::Service;
use crate::sim::events::Event;
use crate::sim::world::{Facts, World};

type Routes = fn() -> Router<World>;
type Refuse = fn(&str, &HeaderMap) -> Option<Response>;
type Hear = fn(&mut Facts, &Event);
type Show = fn(&Facts) -> Option<Value>;

/// One simulated service.
struct Row {
    /// Its routes, below `/<id>`.
    routes: Routes,
    /// Its own refusal, when the credential is not right.
    refuse: Refuse,
    /// How it reacts to what happened.
    hear: Hear,
    /// What is true of it.
    show: Show,
}

impl Row {
    fn new(routes: Routes, refuse: Refuse, hear: Hear, show: Show) -> Self {
        Self { routes, refuse, hear, show }
    }
}

/// The row of a service; nothing for those that are not simulated.
fn row(service: Service) -> Option<Row> {
    Some(match service {
        Service::Errata => Row::new(errata::http::router, errata::refuse, errata::hear, |facts| tree(&facts.errata)),
        Service::Koji => Row::new(koji::router, nobody, ignores_events, |facts| tree(&facts.koji)),
        Service::BrewDownload => Row::new(koji::download_router, nobody, ignores_events, |facts| tree(&facts.koji)),
        Service::Jira => Row::new(jira::http::router, jira::refuse, ignores_events, |facts| tree(&facts.jira)),
        Service::Gitlab => Row::new(gitlab::router, gitlab::refuse, gitlab::hear, |facts| tree(&facts.gitlab)),
        Service::Jenkins => Row::new(jenkins::router, jenkins::refuse, jenkins::hear, |facts| tree(&facts.jenkins)),
        Service::Slack => Row::new(slack::router, slack::refuse, ignores_events, |facts| tree(&facts.slack)),
        Service::Github => Row::new(github::router, github::refuse, ignores_events, |facts| tree(&facts.github)),
        Service::GithubRaw => Row::new(github::raw_router, nobody, ignores_events, |_| None),
        Service::BuildData => Row::new(build_data::router, nobody, ignores_events, |facts| tree(&facts.build_data)),
        Service::ReleaseController => Row::new(release_controller::router, nobody, release_controller::hear, |facts| {
            tree(&facts.release_controller)
        }),
        Service::Gangway => Row::new(gangway::router, gangway::refuse, ignores_events, |facts| tree(&facts.prow)),
        Service::Kube => Row::new(kube::router, kube::refuse, ignores_events, |facts| tree(&facts.kube)),
        Service::Prow => Row::new(prow::router, nobody, prow::hear, |facts| tree(&facts.prow)),
        Service::Signatures => Row::new(signatures::router, nobody, signatures::hear, |facts| tree(&facts.signatures)),
        Service::Catalog => Row::new(catalog::router, nobody, catalog::hear, |facts| tree(&facts.catalog)),
        Service::CatalogStage => {
            Row::new(catalog_stage::router, nobody, catalog_stage::hear, |facts| tree(&facts.catalog_stage))
        }
        Service::CustomerPortal => {
            Row::new(customer_portal::router, nobody, customer_portal::hear, |facts| tree(&facts.customer_portal))
        }
        Service::Registry => Row::new(registry::router, nobody, registry::hear, |facts| tree(&facts.registry)),
        // A program, asked through the control interface.
        Service::Elliott => Row::new(Router::new, nobody, ignores_events, |facts| tree(&facts.elliott)),
        Service::GoogleOauth
        | Service::Sheets
        | Service::Drive
        | Service::Gcs
        | Service::Gcsweb
        | Service::GithubWeb
        | Service::ProwPrivate
        | Service::Sippy
        | Service::SippyQe
        | Service::Pyxis
        | Service::Ldap
        | Service::Llm
        | Service::Oauth => return None,
    })
}

fn rows() -> impl Iterator<Item = (Service, Row)> {
    Service::ALL.iter().filter_map(|service| Some((*service, row(*service)?)))
}

/// All routes of all services.
pub fn routes() -> Router<World> {
    rows().fold(Router::new(), |all, (service, row)| all.nest(&format!("/{service}"), (row.routes)()))
}

/// Ids of the simulated services that answer over HTTP.
pub fn answering() -> impl Iterator<Item = &'static str> {
    rows().map(|(service, _)| service).filter(|service| *service != Service::Elliott).map(Service::id)
}

/// The refusal of the service with this id, or nothing when the credential is right or none is needed.
pub fn refuse(id: &str, path: &str, headers: &HeaderMap) -> Option<Response> {
    (row(id.parse().ok()?)?.refuse)(path, headers)
}

/// The refusal of a service that has to look into the world for it: who asks, what they may, how much is left.
pub fn admit(facts: &mut Facts, id: &str, method: &str, path: &str, headers: &HeaderMap) -> Option<Response> {
    if id == Service::Github.id() { github::budget::admit(facts, method, path, headers) } else { None }
}

/// Lets a service count what it answered.
pub fn answered(facts: &mut Facts, id: &str, path: &str, headers: &HeaderMap, response: &mut Response) {
    if id == Service::Github.id() {
        github::budget::answered(facts, path, headers, response);
    }
}

/// How the paths of look-ups begin that travel as POST.
const fn asked_by_post(service: Service) -> &'static [&'static str] {
    match service {
        Service::Koji | Service::CatalogStage => &["/"],
        Service::Github => &["/graphql"],
        Service::Gitlab => &["/api/graphql"],
        Service::Jira => &["/rest/api/3/search", "/rest/api/2/search"],
        Service::Slack => &["/users.", "/usergroups.list", "/auth.test", "/conversations."],
        Service::Errata
        | Service::BrewDownload
        | Service::Jenkins
        | Service::GoogleOauth
        | Service::Sheets
        | Service::Drive
        | Service::Gcs
        | Service::Gcsweb
        | Service::GithubRaw
        | Service::GithubWeb
        | Service::BuildData
        | Service::ReleaseController
        | Service::Gangway
        | Service::Prow
        | Service::ProwPrivate
        | Service::Sippy
        | Service::SippyQe
        | Service::Signatures
        | Service::Catalog
        | Service::Pyxis
        | Service::CustomerPortal
        | Service::Registry
        | Service::Kube
        | Service::Ldap
        | Service::Llm
        | Service::Oauth
        | Service::Elliott => &[],
    }
}

/// Does this request only look, and change nothing?
pub fn is_look_up(service: &str, method: &str, path: &str) -> bool {
    // Clients of Slack ask below `/api` or at its root.
    let path = if service == "slack" { path.strip_prefix("/api").unwrap_or(path) } else { path };
    let asked = || service.parse().map_or(&[] as &[_], asked_by_post);
    matches!(method, "GET" | "HEAD") || (method == "POST" && asked().iter().any(|begin| path.starts_with(begin)))
}

/// Lets every service react to what happened.
pub fn hear(facts: &mut Facts, event: &Event) {
    for (_, row) in rows() {
        (row.hear)(facts, event);
    }
}

/// What is true of the service with this id.
pub fn facts_of(id: &str, facts: &Facts) -> Option<Value> {
    (row(id.parse().ok()?)?.show)(facts)
}

/// For services that are public or whose routes refuse by themselves.
fn nobody(_: &str, _: &HeaderMap) -> Option<Response> {
    None
}

/// For services whose facts only change when they are asked to.
fn ignores_events(_: &mut Facts, _: &Event) {}

fn tree(facts: &impl Serialize) -> Option<Value> {
    serde_json::to_value(facts).ok()
}
