//! The clients of all services: address, limits and credential come from the settings, each in one place.

use std::sync::Arc;

use http::HeaderName;
use tokio_util::sync::CancellationToken;

use super::{Context, policy, rules};
use crate::core::cache::DiskCache;
use crate::core::clients::brew_download::BrewDownload;
use crate::core::clients::build_data::BuildDataSource;
use crate::core::clients::catalog::Catalog;
use crate::core::clients::catalog_stage::CatalogStage;
use crate::core::clients::customer_portal::CustomerPortal;
use crate::core::clients::elliott::Elliott;
use crate::core::clients::errata::Errata;
use crate::core::clients::gangway::Gangway;
use crate::core::clients::gitlab::Gitlab;
use crate::core::clients::http::{Auth, Http, Proof, ServiceHttp};
use crate::core::clients::jenkins::Jenkins;
use crate::core::clients::jira::Jira;
use crate::core::clients::koji::Koji;
use crate::core::clients::oauth::Oauth;
use crate::core::clients::prow::Prow;
use crate::core::clients::registry::Registry;
use crate::core::clients::release_controller::ReleaseController;
use crate::core::clients::signatures::Signatures;
use crate::core::clients::slack::Slack;
use crate::core::clock::Clock;
use crate::core::config::errata::{ErrataAuth, MutualAuth};
use crate::core::config::error::ConfigError;
use crate::core::config::jira::JiraApi;
use crate::core::config::settings::Settings;
use crate::core::notices::send::Notifier;
use crate::core::transport::Transport;
use crate::domain::credential::Credential;
use crate::domain::service::Service;

impl Context {
    /// Files of brew builds; public inside the company network, behind Kerberos elsewhere.
    pub fn brew_download(&self) -> BrewDownload {
        BrewDownload::new(self.service(Service::BrewDownload, Auth::NegotiateIfAsked))
    }

    /// Build data.
    pub fn build_data(&self) -> BuildDataSource {
        BuildDataSource::new(self.service(Service::BuildData, Auth::None)).cached(DiskCache::below(&self.home))
    }

    /// Build data alone, for reads that need no credential.
    ///
    /// # Errors
    ///
    /// The TLS set-up of this machine is unusable.
    pub fn build_data_alone(
        settings: &Settings,
        clock: Clock,
        cancel: CancellationToken,
    ) -> Result<BuildDataSource, ConfigError> {
        let http = Http::with_rules(policy(settings), &rules(settings), Transport::Network, clock, cancel)
            .map_err(ConfigError::Tls)?;
        let base = settings.services.url(Service::BuildData)?;
        let source = BuildDataSource::new(http.service(Service::BuildData, base, Auth::None));
        Ok(source.cached(DiskCache::below(&settings.home)))
    }

    /// Public container catalog.
    pub fn catalog(&self) -> Catalog {
        Catalog::new(self.service(Service::Catalog, Auth::None))
    }

    /// Stage container catalog.
    pub fn catalog_stage(&self) -> CatalogStage {
        CatalogStage::new(self.service(Service::CatalogStage, Auth::None))
    }

    /// Customer portal.
    pub fn customer_portal(&self) -> CustomerPortal {
        CustomerPortal::new(self.service(Service::CustomerPortal, Auth::None))
    }

    /// elliott, an external program.
    pub fn elliott(&self) -> Elliott {
        let github = self.settings.services.url(Service::GithubWeb).unwrap_or_default();
        Elliott::new(&self.settings.elliott, github, self.cancel.clone())
    }

    /// Errata Tool.
    pub fn errata(&self) -> Errata {
        let auth = match self.settings.errata_auth {
            ErrataAuth::Bearer => self.bearer(Credential::ErrataToken),
            ErrataAuth::Negotiate => Auth::Negotiate(match self.settings.errata_mutual {
                MutualAuth::Required => Proof::Required,
                MutualAuth::Optional => Proof::Optional,
            }),
            ErrataAuth::None => Auth::None,
        };
        Errata::new(self.service(Service::Errata, auth))
    }

    /// Gangway.
    pub fn gangway(&self) -> Gangway {
        Gangway::new(self.service(Service::Gangway, self.bearer(Credential::ApiToken)), Arc::clone(&self.pacer))
    }

    /// GitLab.
    pub fn gitlab(&self) -> Gitlab {
        let auth = match self.settings.credentials.get(Credential::GitlabToken) {
            Some(token) => {
                Auth::Header { name: HeaderName::from_static("private-token"), secret: token.to_secret_string() }
            }
            None => Auth::None,
        };
        Gitlab::new(self.service(Service::Gitlab, auth))
    }

    /// Jenkins.
    pub fn jenkins(&self) -> Jenkins {
        Jenkins::new(self.service(Service::Jenkins, self.basic(Credential::JenkinsUser, Credential::JenkinsToken)))
    }

    /// Jira.
    pub fn jira(&self) -> Jira {
        let auth = match self.settings.jira.api {
            JiraApi::Cloud => self.basic(Credential::JiraUsername, Credential::JiraToken),
            JiraApi::Server => self.bearer(Credential::JiraToken),
        };
        Jira::new(self.service(Service::Jira, auth), self.settings.jira.api)
    }

    /// Brew hub.
    pub fn koji(&self) -> Koji {
        Koji::new(self.service(Service::Koji, Auth::None))
    }

    /// The OAuth server whose keys are at `address`.
    pub fn oauth(&self, address: &str) -> Oauth {
        Oauth::new(self.http.service(Service::Oauth, address, Auth::None))
    }

    /// Prow's Deck.
    pub fn prow(&self) -> Prow {
        Prow::new(self.service(Service::Prow, Auth::None))
    }

    /// Image registry of the payloads.
    pub fn registry(&self) -> Registry {
        self.registry_at(self.settings.payload_repository.split('/').next().unwrap_or_default())
    }

    /// Image registry by the host that image names carry.
    pub fn registry_at(&self, host: &str) -> Registry {
        let base = self.settings.services.registry_url(host);
        let registry = Registry::new(self.http.service(Service::Registry, &base, Auth::None));
        registry.with_pull_secret(host, Arc::clone(&self.logins))
    }

    /// Release controller of amd64.
    pub fn release_controller(&self) -> ReleaseController {
        let base = self.settings.services.release_controller_url("amd64").unwrap_or_default();
        ReleaseController::new(self.http.service(Service::ReleaseController, &base, Auth::None))
    }

    /// Signatures mirror.
    pub fn signatures(&self) -> Signatures {
        Signatures::new(self.service(Service::Signatures, Auth::None))
    }

    /// Slack.
    pub fn slack(&self) -> Slack {
        let slack = Slack::new(self.service(Service::Slack, self.bearer(Credential::SlackBotToken)));
        slack.knowing(self.slack_names.clone())
    }

    /// What it takes to send messages to people with `slack`.
    pub fn notifier<'a>(&'a self, slack: &'a Slack) -> Notifier<'a> {
        Notifier {
            settings: &self.settings,
            slack,
            home: &self.home,
            clock: &self.clock,
            cancel: &self.cancel,
            no_notify: self.options.no_notify,
            dry_run: self.options.dry_run,
        }
    }

    /// A service without address answers every call with "no usable address"; the settings name its variable.
    fn service(&self, service: Service, auth: Auth) -> ServiceHttp {
        self.http.service(service, self.settings.services.url(service).unwrap_or_default(), auth)
    }

    fn bearer(&self, credential: Credential) -> Auth {
        self.settings.credentials.get(credential).map_or(Auth::None, |secret| Auth::Bearer(secret.to_secret_string()))
    }

    fn basic(&self, user: Credential, password: Credential) -> Auth {
        use secrecy::ExposeSecret as _;
        let credentials = &self.settings.credentials;
        match (credentials.get(user), credentials.get(password)) {
            (Some(user), Some(password)) => Auth::Basic {
                user: user.to_secret_string().expose_secret().to_owned(),
                secret: password.to_secret_string(),
            },
            _ => Auth::None,
        }
    }
}
