//! What every operator gets first: clock, cancellation, settings, clients, stores, actor.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderName;
use jiff::SignedDuration;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::cache::DiskCache;
use super::clients::brew_download::BrewDownload;
use super::clients::build_data::BuildDataSource;
use super::clients::catalog::Catalog;
use super::clients::catalog_stage::CatalogStage;
use super::clients::customer_portal::CustomerPortal;
use super::clients::elliott::Elliott;
use super::clients::errata::Errata;
use super::clients::gangway::Gangway;
use super::clients::gitlab::Gitlab;
use super::clients::http::{
    Auth, BreakerRule, HostRule, Http, HttpPolicy, Proof, Rules, ServiceHttp, ServiceRules, bare_client,
};
use super::clients::jenkins::Jenkins;
use super::clients::jira::Jira;
use super::clients::koji::Koji;
use super::clients::negotiate::{self, Kerberos};
use super::clients::oauth::Oauth;
use super::clients::pacer::Pacer;
use super::clients::prow::Prow;
use super::clients::registry::Registry;
use super::clients::release_controller::ReleaseController;
use super::clients::service::Service;
use super::clients::signatures::Signatures;
use super::clients::slack::{Names, Slack};
use super::clock::{Clock, SimulatorClock};
use super::config::credentials::Credential;
use super::config::error::ConfigError;
use super::config::http::OneService;
use super::config::pull_secret;
use super::config::sealed::SealedSettings;
use super::config::services::AllowedHosts;
use super::config::settings::{ErrataAuth, JiraApi, Mutual, Settings};
use super::statebox::cas::{Limits, StateBox};
use super::statebox::git_dir::{Author, GitDir};
use super::statebox::repo::Repo;
use crate::domain::mask::mask;

/// The surroundings of a run: cheap to clone, all clones share one connection pool and one pace.
#[derive(Debug, Clone)]
pub struct Context {
    /// The only "now".
    pub clock: Clock,
    /// Fires on Ctrl-C and on termination.
    pub cancel: CancellationToken,
    /// Settings, credentials, sealed settings.
    pub settings: Arc<Settings>,
    /// State of releases.
    pub statebox: StateBox,
    /// The repository behind the state: records and registries live there, too.
    pub repo: Repo,
    /// Folder of this machine: caches, ledger, locks, logs.
    pub home: PathBuf,
    /// Who acts, as stored with overrides and decisions: a role or account, never a mail address.
    pub actor: String,
    /// What was asked for beside the task.
    pub options: Options,
    http: Http,
    /// The pull secret of image registries.
    logins: Arc<BTreeMap<String, SecretString>>,
    /// One pace for all starts of Prow jobs, whoever asks.
    pacer: Arc<Pacer>,
    /// People and groups of Slack that were looked up.
    slack_names: Names,
}

/// What was asked for beside the task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Post no messages.
    pub no_notify: bool,
    /// Change nothing outside and nothing stored.
    pub dry_run: bool,
}

impl Context {
    /// Puts a context together; contacts nobody.
    ///
    /// # Errors
    ///
    /// A credential of the state store is missing, or an address in the settings is unusable.
    pub fn new(
        settings: Arc<Settings>,
        clock: Clock,
        cancel: CancellationToken,
        actor: String,
        options: Options,
    ) -> Result<Self, ConfigError> {
        Self::build(settings, clock, cancel, actor, options, false)
    }

    /// The same without the credential of the state store: whoever asks for the state is refused by it.
    ///
    /// # Errors
    ///
    /// An address in the settings is unusable.
    pub fn degraded(
        settings: Arc<Settings>,
        clock: Clock,
        cancel: CancellationToken,
        actor: String,
        options: Options,
    ) -> Result<Self, ConfigError> {
        Self::build(settings, clock, cancel, actor, options, true)
    }

    fn build(
        settings: Arc<Settings>,
        clock: Clock,
        cancel: CancellationToken,
        actor: String,
        options: Options,
        degraded: bool,
    ) -> Result<Self, ConfigError> {
        let http = Http::with_rules(policy(&settings), &rules(&settings), clock.clone(), cancel.clone())
            .map_err(ConfigError::Tls)?;
        let repo = match &settings.state.dir {
            Some(dir) if GitDir::is_one(dir) => {
                let (role, mail) = (actor.clone(), settings.state.author_mail.clone());
                let author = Author { name: mask(&role), mail };
                Repo::Git(GitDir::new(dir, &author, &settings.elliott.environment, clock.clone(), cancel.clone()))
            }
            Some(dir) => Repo::Directory(dir.clone()),
            None => {
                let auth = match secret(&settings, Credential::GithubToken) {
                    Ok(token) => Auth::Bearer(token),
                    Err(_) if degraded => Auth::None,
                    Err(missing) => return Err(missing),
                };
                // Nothing can be done without the store; what is missing for asking it is said at once.
                http.open().map_err(ConfigError::Tls)?;
                let base = settings.services.url(Service::Github)?;
                let http = http.service(Service::Github, base, auth);
                Repo::github(http, &settings.state.repository, Some(DiskCache::below(&settings.home)))?
            }
        };
        let home = settings.home.clone();
        let total = SignedDuration::try_from(settings.state.total).unwrap_or(SignedDuration::from_mins(1));
        let limits = Limits { tries: settings.state.tries, total };
        let branch = settings.state.branch.clone();
        let statebox = StateBox::new(repo.clone(), branch, limits, clock.clone(), cancel.clone());
        let statebox = statebox.keeping(&home, !options.dry_run);
        let pace = &settings.prow;
        let window = SignedDuration::try_from(pace.window).unwrap_or(SignedDuration::from_mins(1));
        let pacer = Arc::new(Pacer::new(pace.burst, pace.calls_per_window, window, clock.clone(), cancel.clone()));
        // A rehearsal has no use for real passwords.
        let auth_file = settings.registry_auth_file.as_deref().filter(|_| settings.services.simulator.is_none());
        let logins = Arc::new(auth_file.map(pull_secret::read).transpose()?.unwrap_or_default());
        Ok(Self {
            clock,
            cancel,
            settings,
            statebox,
            repo,
            home,
            actor,
            options,
            http,
            logins,
            pacer,
            slack_names: Names::default(),
        })
    }

    /// The same surroundings for one call of `actor`, which `cancel` ends without ending others.
    #[must_use]
    pub fn acting_for(&self, actor: String, cancel: CancellationToken, options: Options) -> Self {
        Self { actor, cancel, options, ..self.clone() }
    }

    /// The same surroundings with a memory of their own of the state versions that are seen in them.
    #[must_use]
    pub fn witnessed(self) -> Self {
        Self { statebox: self.statebox.witnessed(), ..self }
    }

    /// The clock that the settings ask for: the machine's, or the simulator's.
    ///
    /// # Errors
    ///
    /// The TLS set-up of this machine is unusable.
    pub fn clock_of(settings: &Settings) -> Result<Clock, ConfigError> {
        match &settings.services.simulator {
            Some(base) => {
                let client = bare_client(&policy(settings)).map_err(ConfigError::Tls)?;
                Ok(Clock::Simulator(SimulatorClock::new(base, client)))
            }
            None => Ok(Clock::System),
        }
    }

    /// Checks that every credential of a request is there.
    ///
    /// # Errors
    ///
    /// One error that names all missing ones.
    pub fn require(&self, needs: &[Credential]) -> Result<(), ConfigError> {
        let bearer = self.settings.errata_auth == ErrataAuth::Bearer;
        let needs: Vec<_> = needs.iter().copied().filter(|need| *need != Credential::ErrataToken || bearer).collect();
        self.settings.credentials.require(&needs)
    }

    /// Credentials without which nothing works here: the key of the sealed settings, and that of the store.
    pub fn missing_for_all(&self) -> Vec<Credential> {
        missing_for_all(&self.settings)
    }

    /// How our Kerberos ticket stands. Asks nobody, but may take a while: not for those who cannot wait.
    pub async fn ticket(&self) -> Ticket {
        match self.settings.errata_auth {
            ErrataAuth::Negotiate => match negotiate::ticket_left().await {
                Ok(left) => Ticket { valid: true, status: "valid".to_owned(), left: Some(left) },
                Err(trouble) => Ticket { valid: false, status: ticket_status(&trouble), left: None },
            },
            ErrataAuth::Bearer | ErrataAuth::None => {
                Ticket { valid: true, status: "not_needed".to_owned(), left: None }
            }
        }
    }

    /// What is wrong with our Kerberos ticket; nothing where the Errata Tool takes no ticket. Asks nobody.
    pub async fn ticket_trouble(&self) -> Option<Kerberos> {
        match self.settings.errata_auth {
            ErrataAuth::Negotiate => negotiate::check_ticket().await.err(),
            ErrataAuth::Bearer | ErrataAuth::None => None,
        }
    }

    /// The sealed settings: owners, contacts.
    ///
    /// # Errors
    ///
    /// No file was named, or its key is missing.
    pub fn sealed(&self) -> Result<&SealedSettings, ConfigError> {
        self.settings.sealed()
    }

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
        let http = Http::with_rules(policy(settings), &rules(settings), clock, cancel).map_err(ConfigError::Tls)?;
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
                Mutual::Required => Proof::Required,
                Mutual::Optional => Proof::Optional,
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

/// How a Kerberos ticket stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Can we use it, or do we need none?
    pub valid: bool,
    /// `valid`, `not_needed`, `no_ticket`, `timeout`, or `error: …`.
    pub status: String,
    /// For how long it is still valid.
    pub left: Option<std::time::Duration>,
}

fn ticket_status(trouble: &Kerberos) -> String {
    match trouble {
        Kerberos::NoTicket => "no_ticket".to_owned(),
        Kerberos::Unreachable => "timeout".to_owned(),
        Kerberos::Expired => "error: expired".to_owned(),
        Kerberos::NotBuilt => "error: built without Kerberos".to_owned(),
        Kerberos::UnknownService { .. } | Kerberos::NotAccepted(_) | Kerberos::Unproved | Kerberos::Other(_) => {
            format!("error: {trouble}")
        }
    }
}

/// Credentials without which nothing works: the key of the sealed settings and, on GitHub, that of the store.
pub fn missing_for_all(settings: &Settings) -> Vec<Credential> {
    let store = settings.state.dir.is_none().then_some(Credential::GithubToken);
    let needed = [Some(Credential::OarJwk), store].into_iter().flatten();
    needed.filter(|credential| settings.credentials.get(*credential).is_none()).collect()
}

fn secret(settings: &Settings, credential: Credential) -> Result<SecretString, ConfigError> {
    Ok(settings.credentials.need(credential)?.to_secret_string())
}

fn policy(settings: &Settings) -> HttpPolicy {
    HttpPolicy {
        connect_timeout: settings.http.connect_timeout,
        read_timeout: settings.http.read_timeout.min(settings.http.total_timeout),
        total_timeout: settings.http.total_timeout,
        tries: settings.http.tries,
        in_flight: settings.http.in_flight,
        max_body_bytes: settings.http.max_body_bytes,
        hosts: match &settings.services.allowed {
            AllowedHosts::Any => HostRule::Any,
            AllowedHosts::Loopback => HostRule::Loopback,
            AllowedHosts::Listed(hosts) => HostRule::Listed(hosts.clone()),
        },
        rewrites: settings.services.rewrites.clone(),
    }
}

fn rules(settings: &Settings) -> Rules {
    let http = &settings.http;
    let own = |(service, one): (&Service, &OneService)| {
        let slow = one.read_timeout.is_some() || one.total_timeout.is_some();
        let rules = ServiceRules {
            read_timeout: slow.then(|| http.read_timeout_of(*service)),
            total_timeout: slow.then(|| http.total_timeout_of(*service)),
            proxy: one.proxy.clone(),
            in_flight: one.in_flight,
            per_hour: one.requests_per_hour,
        };
        (*service, rules)
    };
    let pause = SignedDuration::try_from(http.breaker_pause).unwrap_or(SignedDuration::from_mins(1));
    Rules {
        breaker: Some(BreakerRule { failures: http.breaker_failures, pause }),
        per_hour: Some(http.requests_per_hour),
        of: http.services.iter().map(own).collect(),
    }
}
