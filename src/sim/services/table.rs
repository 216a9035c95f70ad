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
    build_data, catalog, catalog_stage, customer_portal, errata, gangway, github, gitlab, jenkins, jira, koji, prow,
    registry, release_controller, signatures, slack,
};
use crate::domain::service::Service;
use crate::sim::auth::Credentials;
use crate::sim::events::Event;
use crate::sim::world::{Facts, World};

/// One simulated service.
struct Row {
    /// Its routes, below `/<id>`.
    routes: fn() -> Router<World>,
    /// Its own refusal, when the credential is not right.
    refuse: fn(&str, &HeaderMap, &Credentials) -> Option<Response>,
    /// How it reacts to what happened.
    hear: fn(&mut Facts, &Event),
    /// What is true of it.
    facts: fn(&Facts) -> Option<Value>,
}

/// The row of a service; nothing for those that are not simulated.
fn row(service: Service) -> Option<Row> {
    Some(match service {
        Service::Errata => Row {
            routes: errata::router,
            refuse: errata::refuse,
            hear: errata::hear,
            facts: |facts| tree(&facts.errata),
        },
        Service::Koji => Row { routes: koji::router, refuse: nobody, hear: deaf, facts: |facts| tree(&facts.koji) },
        Service::BrewDownload => {
            Row { routes: koji::download_router, refuse: nobody, hear: deaf, facts: |facts| tree(&facts.koji) }
        }
        Service::Jira => {
            Row { routes: jira::router, refuse: jira::refuse, hear: deaf, facts: |facts| tree(&facts.jira) }
        }
        Service::Gitlab => Row {
            routes: gitlab::router,
            refuse: gitlab::refuse,
            hear: gitlab::hear,
            facts: |facts| tree(&facts.gitlab),
        },
        Service::Jenkins => Row {
            routes: jenkins::router,
            refuse: jenkins::refuse,
            hear: jenkins::hear,
            facts: |facts| tree(&facts.jenkins),
        },
        Service::Slack => {
            Row { routes: slack::router, refuse: slack::refuse, hear: deaf, facts: |facts| tree(&facts.slack) }
        }
        Service::Github => {
            Row { routes: github::router, refuse: github::refuse, hear: deaf, facts: |facts| tree(&facts.github) }
        }
        Service::GithubRaw => Row { routes: github::raw_router, refuse: nobody, hear: deaf, facts: |_| None },
        Service::BuildData => {
            Row { routes: build_data::router, refuse: nobody, hear: deaf, facts: |facts| tree(&facts.build_data) }
        }
        Service::ReleaseController => Row {
            routes: release_controller::router,
            refuse: nobody,
            hear: release_controller::hear,
            facts: |facts| tree(&facts.release_controller),
        },
        Service::Gangway => {
            Row { routes: gangway::router, refuse: gangway::refuse, hear: deaf, facts: |facts| tree(&facts.prow) }
        }
        Service::Prow => {
            Row { routes: prow::router, refuse: nobody, hear: prow::hear, facts: |facts| tree(&facts.prow) }
        }
        Service::Signatures => Row {
            routes: signatures::router,
            refuse: nobody,
            hear: signatures::hear,
            facts: |facts| tree(&facts.signatures),
        },
        Service::Catalog => {
            Row { routes: catalog::router, refuse: nobody, hear: catalog::hear, facts: |facts| tree(&facts.catalog) }
        }
        Service::CatalogStage => Row {
            routes: catalog_stage::router,
            refuse: nobody,
            hear: catalog_stage::hear,
            facts: |facts| tree(&facts.catalog_stage),
        },
        Service::CustomerPortal => Row {
            routes: customer_portal::router,
            refuse: nobody,
            hear: customer_portal::hear,
            facts: |facts| tree(&facts.customer_portal),
        },
        Service::Registry => {
            Row { routes: registry::router, refuse: nobody, hear: registry::hear, facts: |facts| tree(&facts.registry) }
        }
        // A program, asked through the control interface.
        Service::Elliott => {
            Row { routes: Router::new, refuse: nobody, hear: deaf, facts: |facts| tree(&facts.elliott) }
        }
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
        | Service::Kube
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

/// The refusal of the service with this id, or nothing when the credential is right or none is needed.
pub fn refuse(id: &str, path: &str, headers: &HeaderMap, credentials: &Credentials) -> Option<Response> {
    (row(id.parse().ok()?)?.refuse)(path, headers, credentials)
}

/// Lets every service react to what happened.
pub fn hear(facts: &mut Facts, event: &Event) {
    for (_, row) in rows() {
        (row.hear)(facts, event);
    }
}

/// What is true of the service with this id.
pub fn facts_of(id: &str, facts: &Facts) -> Option<Value> {
    (row(id.parse().ok()?)?.facts)(facts)
}

/// For services that are public or whose routes refuse by themselves.
fn nobody(_: &str, _: &HeaderMap, _: &Credentials) -> Option<Response> {
    None
}

/// For services whose facts only change when they are asked to.
fn deaf(_: &mut Facts, _: &Event) {}

fn tree(facts: &impl Serialize) -> Option<Value> {
    serde_json::to_value(facts).ok()
}
