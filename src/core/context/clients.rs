//! The clients of all services: address, limits and credential come from the settings, each in one place.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::authentication::auth;
use super::{Context, github_as, policy, rules};
use crate::core::cache::DiskCache;
use crate::core::clients::brew_download::BrewDownload;
use crate::core::clients::build_data::BuildDataSource;
use crate::core::clients::catalog::Catalog;
use crate::core::clients::catalog_stage::CatalogStage;
use crate::core::clients::customer_portal::CustomerPortal;
use crate::core::clients::elliott::Elliott;
use crate::core::clients::errata::Errata;
use crate::core::clients::gangway::Gangway;
use crate::core::clients::github::Github;
use crate::core::clients::gitlab::Gitlab;
use crate::core::clients::http::auth::Auth;
use crate::core::clients::http::network::OwnTls;
use crate::core::clients::http::{Http, ServiceHttp};
use crate::core::clients::jenkins::Jenkins;
use crate::core::clients::jira::Jira;
use crate::core::clients::koji::Koji;
use crate::core::clients::kube::Kube;
use crate::core::clients::oauth::Oauth;
use crate::core::clients::prow::Prow;
use crate::core::clients::registry::Registry;
use crate::core::clients::release_controller::ReleaseController;
use crate::core::clients::signatures::Signatures;
use crate::core::clients::slack::Slack;
use crate::core::clock::Clock;
use crate::core::config::error::ConfigError;
use crate::core::config::github_app::AppRole;
use crate::core::config::kubeconfig::{self, KubeProof};
use crate::core::config::pull_secret;
use crate::core::config::settings::Settings;
use crate::core::notices::send::Notifier;
use crate::core::transport::Transport;
use crate::domain::build::Arch;
use crate::domain::credential::Credential;
use crate::domain::service::Service;

impl Context {
    /// Files of brew builds; public inside the company network, behind Kerberos elsewhere.
    pub fn brew_download(&self) -> BrewDownload {
        BrewDownload::new(self.service(Service::BrewDownload))
    }

    pub fn build_data(&self) -> BuildDataSource {
        BuildDataSource::new(self.service(Service::BuildData)).cached(DiskCache::below(&self.home))
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
        let source = BuildDataSource::new(http.service(Service::BuildData, base, auth(Service::BuildData, settings)));
        Ok(source.cached(DiskCache::below(&settings.home)))
    }

    /// Public container catalog.
    pub fn catalog(&self) -> Catalog {
        Catalog::new(self.service(Service::Catalog))
    }

    /// Stage container catalog.
    pub fn catalog_stage(&self) -> CatalogStage {
        CatalogStage::new(self.service(Service::CatalogStage))
    }

    /// The repository of the CI configuration, which defines test jobs.
    ///
    /// # Errors
    ///
    /// There is no credential of GitHub, or a GitHub App is named that cannot be used.
    pub fn ci_config(&self) -> Result<Github, ConfigError> {
        if !self.settings.github_apps.is_named(AppRole::Reader) {
            self.require(&[Credential::GithubToken])?;
        }
        let repository = &self.settings.prow.config_repository;
        let http = github_as(AppRole::Reader, repository, &self.settings, &self.http)?;
        Ok(Github::new(http, repository.clone()).cached(DiskCache::below(&self.home)))
    }

    pub fn customer_portal(&self) -> CustomerPortal {
        CustomerPortal::new(self.service(Service::CustomerPortal))
    }

    /// elliott, an external program.
    pub fn elliott(&self) -> Elliott {
        let github = self.settings.services.url(Service::GithubWeb).unwrap_or_default();
        Elliott::new(&self.settings.elliott, github, self.cancel.clone()).in_process(self.http.programs())
    }

    /// Errata Tool.
    pub fn errata(&self) -> Errata {
        Errata::new(self.service(Service::Errata))
    }

    pub fn gangway(&self) -> Gangway {
        Gangway::new(self.service(Service::Gangway), Arc::clone(&self.pacer))
    }

    pub fn gitlab(&self) -> Gitlab {
        Gitlab::new(self.service(Service::Gitlab))
    }

    pub fn jenkins(&self) -> Jenkins {
        Jenkins::new(self.service(Service::Jenkins))
    }

    pub fn jira(&self) -> Jira {
        Jira::new(self.service(Service::Jira), self.settings.jira.api)
    }

    /// Brew hub.
    pub fn koji(&self) -> Koji {
        Koji::new(self.service(Service::Koji))
    }

    /// The OAuth server whose keys are at `address`.
    pub fn oauth(&self, address: &str) -> Oauth {
        Oauth::new(self.service_at(Service::Oauth, address))
    }

    /// Kubernetes API of the release payloads.
    ///
    /// # Errors
    ///
    /// Its address, or a token and a certificate, are missing, or a file that was named cannot be used.
    pub fn kube(&self) -> Result<Kube, ConfigError> {
        let services = &self.settings.services;
        let base = services.url(Service::Kube)?;
        let access = self.settings.kube.access(services.simulator.is_some())?;
        let access = access.ok_or_else(|| ConfigError::NotSet {
            key: "kube.token_file".to_owned(),
            variable: "OAR_KUBE_TOKEN_FILE",
        })?;
        let (auth, shown) = match &access.proof {
            KubeProof::Token(token) => (Auth::Bearer(token.clone()), None),
            KubeProof::Certificate(pem) => (Auth::None, Some(pem)),
        };
        let tls = OwnTls::read(shown, access.authorities.as_deref())
            .map_err(|_| kubeconfig::damaged(&access.from, "a certificate or key in it cannot be used"))?;
        Ok(Kube::new(self.http.service_with(Service::Kube, base, auth, tls)))
    }

    /// Prow's Deck.
    pub fn prow(&self) -> Prow {
        Prow::new(self.service(Service::Prow))
    }

    /// Image registry of the payloads.
    ///
    /// # Errors
    ///
    /// There is a pull secret, and it cannot be read.
    pub fn registry(&self) -> Result<Registry, ConfigError> {
        self.registry_at(self.settings.payload_repository.split('/').next().unwrap_or_default())
    }

    /// Image registry by the host that image names carry.
    ///
    /// # Errors
    ///
    /// There is a pull secret, and it cannot be read.
    pub fn registry_at(&self, host: &str) -> Result<Registry, ConfigError> {
        let base = self.settings.services.registry_url(host);
        let registry = Registry::new(self.service_at(Service::Registry, &base));
        Ok(registry.with_pull_secret(host, self.logins()?))
    }

    /// The pull secret; read when the first registry is asked, because most commands ask none.
    fn logins(&self) -> Result<Arc<BTreeMap<String, SecretString>>, ConfigError> {
        if let Some(known) = self.logins.get() {
            return Ok(Arc::clone(known));
        }
        // A rehearsal has no use for real passwords.
        let settings = &self.settings;
        let file = settings.registry_auth_file.as_deref().filter(|_| settings.services.simulator.is_none());
        let read = Arc::new(file.map(pull_secret::read).transpose()?.unwrap_or_default());
        Ok(Arc::clone(self.logins.get_or_init(|| read)))
    }

    /// Release controller of amd64.
    pub fn release_controller(&self) -> ReleaseController {
        let base = self.settings.services.release_controller_url("amd64").unwrap_or_default();
        ReleaseController::new(self.service_at(Service::ReleaseController, &base))
    }

    /// Release controller of an architecture.
    pub fn release_controller_of(&self, arch: Arch) -> ReleaseController {
        let base = self.settings.services.release_controller_url(arch.name()).unwrap_or_default();
        ReleaseController::new(self.service_at(Service::ReleaseController, &base))
    }

    /// Signatures mirror.
    pub fn signatures(&self) -> Signatures {
        Signatures::new(self.service(Service::Signatures))
    }

    pub fn slack(&self) -> Slack {
        let slack = Slack::new(self.service(Service::Slack));
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
    fn service(&self, service: Service) -> ServiceHttp {
        self.service_at(service, self.settings.services.url(service).unwrap_or_default())
    }

    fn service_at(&self, service: Service, base: &str) -> ServiceHttp {
        self.http.service(service, base, auth(service, &self.settings))
    }
}
