//! How each service is asked, and with which credential.

use http::HeaderName;
use secrecy::ExposeSecret as _;

use crate::core::clients::http::auth::{Auth, Proof};
use crate::core::config::errata::{ErrataAuth, MutualAuth};
use crate::core::config::jira::JiraApi;
use crate::core::config::settings::Settings;
use crate::domain::credential::Credential;
use crate::domain::service::Service;

/// How a service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// A client of ours, over HTTP.
    Client(PresentedCredential),
    /// A program of somebody else.
    Program,
    /// Nobody: people follow links to it.
    Links,
    /// Nobody yet: it has a name and an address, and waits for its client.
    NotYet,
}

/// What a client shows a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresentedCredential {
    /// Nothing: it is public, or decides by itself.
    Nothing,
    Token(Credential),
    /// A token in a header of its own.
    Header(&'static str, Credential),
    /// An account and its password or token.
    Account(Credential, Credential),
    /// What `jira.api` says: an account, or its token alone.
    JiraAccount,
    /// What `services.errata.auth` says: a Kerberos ticket, a token or nothing.
    Ticket,
    /// A Kerberos ticket, where the service asks for one.
    TicketIfAsked,
    /// A log-in of the pull secret, which the client gets from its registry.
    PullSecret,
    /// The token of a kubeconfig, a file or the pod, which is read when it is needed.
    KubeToken,
}

/// How `service` is asked.
pub const fn asked_by(service: Service) -> AskedBy {
    match service {
        Service::Errata => AskedBy::Client(PresentedCredential::Ticket),
        Service::BrewDownload => AskedBy::Client(PresentedCredential::TicketIfAsked),
        Service::Jira => AskedBy::Client(PresentedCredential::JiraAccount),
        Service::Gitlab => AskedBy::Client(PresentedCredential::Header("private-token", Credential::GitlabToken)),
        Service::Jenkins => {
            AskedBy::Client(PresentedCredential::Account(Credential::JenkinsUser, Credential::JenkinsToken))
        }
        Service::Slack => AskedBy::Client(PresentedCredential::Token(Credential::SlackBotToken)),
        Service::Github => AskedBy::Client(PresentedCredential::Token(Credential::GithubToken)),
        Service::Gangway => AskedBy::Client(PresentedCredential::Token(Credential::ApiToken)),
        Service::Registry => AskedBy::Client(PresentedCredential::PullSecret),
        Service::Kube => AskedBy::Client(PresentedCredential::KubeToken),
        Service::Koji
        | Service::BuildData
        | Service::ReleaseController
        | Service::Prow
        | Service::Signatures
        | Service::Catalog
        | Service::CatalogStage
        | Service::CustomerPortal
        | Service::Oauth => AskedBy::Client(PresentedCredential::Nothing),
        Service::Elliott => AskedBy::Program,
        Service::GithubWeb => AskedBy::Links,
        Service::GoogleOauth
        | Service::Sheets
        | Service::Drive
        | Service::Gcs
        | Service::Gcsweb
        | Service::GithubRaw
        | Service::ProwPrivate
        | Service::Sippy
        | Service::SippyQe
        | Service::Pyxis
        | Service::Ldap
        | Service::Llm => AskedBy::NotYet,
    }
}

/// What requests to `service` carry; nothing where its credential is missing: the service says what it wants.
pub(super) fn auth(service: Service, settings: &Settings) -> Auth {
    let secret = |credential| settings.credentials.get(credential).map(|secret| secret.to_secret_string());
    let bearer = |credential| secret(credential).map_or(Auth::None, Auth::Bearer);
    let basic = |user, password| match (secret(user), secret(password)) {
        (Some(user), Some(secret)) => Auth::Basic { user: user.expose_secret().to_owned(), secret },
        (Some(_) | None, _) => Auth::None,
    };
    let shown = match asked_by(service) {
        AskedBy::Client(shown) => shown,
        AskedBy::Program | AskedBy::Links | AskedBy::NotYet => return Auth::None,
    };
    match shown {
        PresentedCredential::Nothing | PresentedCredential::PullSecret | PresentedCredential::KubeToken => Auth::None,
        PresentedCredential::Token(token) => bearer(token),
        PresentedCredential::Header(name, token) => {
            secret(token).map_or(Auth::None, |secret| Auth::Header { name: HeaderName::from_static(name), secret })
        }
        PresentedCredential::Account(user, password) => basic(user, password),
        PresentedCredential::JiraAccount => match settings.jira.api {
            JiraApi::Cloud => basic(Credential::JiraUsername, Credential::JiraToken),
            JiraApi::Server => bearer(Credential::JiraToken),
        },
        PresentedCredential::Ticket => match settings.errata_auth {
            ErrataAuth::Bearer => bearer(Credential::ErrataToken),
            ErrataAuth::Negotiate => Auth::Negotiate(match settings.errata_mutual {
                MutualAuth::Required => Proof::Required,
                MutualAuth::Optional => Proof::Optional,
            }),
            ErrataAuth::None => Auth::None,
        },
        PresentedCredential::TicketIfAsked => Auth::NegotiateIfAsked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clients::error::next_step::credential_of;

    /// Services that have a name and no client. This list only becomes shorter: a new service comes with its client.
    const NOT_YET: [&str; 12] = [
        "google_oauth",
        "sheets",
        "drive",
        "gcs",
        "gcsweb",
        "github_raw",
        "prow_private",
        "sippy",
        "sippy_qe",
        "pyxis",
        "ldap",
        "llm",
    ];

    #[test]
    fn no_service_without_a_client_is_added() {
        let waiting = Service::ALL.iter().filter(|service| asked_by(**service) == AskedBy::NotYet);
        assert_eq!(waiting.map(|service| service.id()).collect::<Vec<_>>(), NOT_YET);
    }

    #[test]
    fn whoever_is_refused_is_pointed_at_the_credential_that_was_sent() {
        for service in Service::ALL.iter().copied() {
            let shown = match asked_by(service) {
                AskedBy::Client(shown) => shown,
                AskedBy::Program | AskedBy::Links | AskedBy::NotYet => continue,
            };
            let named = credential_of(service).unwrap_or_default();
            let sent: &[Credential] = match &shown {
                // A ticket that most of its hosts never ask for is no credential to look at.
                PresentedCredential::Nothing | PresentedCredential::TicketIfAsked => {
                    assert_eq!(named, "", "{service}");
                    continue;
                }
                PresentedCredential::Token(token) | PresentedCredential::Header(_, token) => &[*token],
                PresentedCredential::Account(user, token) => &[*user, *token],
                PresentedCredential::JiraAccount => &[Credential::JiraUsername, Credential::JiraToken],
                PresentedCredential::Ticket => &[Credential::ErrataToken],
                PresentedCredential::PullSecret | PresentedCredential::KubeToken => &[],
            };
            assert!(!named.is_empty(), "{service} takes a credential, and nobody names it");
            for credential in sent {
                assert!(named.contains(credential.variable()), "{service}: {named:?} does not name {credential:?}");
            }
        }
    }
}
