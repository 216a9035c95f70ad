//! What every operator gets first: clock, cancellation, settings, clients, stores, actor.
//!
//! Refuses: rules about releases, and making what a request does not need.

pub mod authentication;
mod clients;
pub mod ticket;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use jiff::SignedDuration;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use self::authentication::auth;
use super::cache::DiskCache;
use super::clients::github::app::AppTokens;
use super::clients::http::auth::Auth;
use super::clients::http::breaker::BreakerRule;
use super::clients::http::network::bare_client;
use super::clients::http::policy::{HttpPolicy, Rules};
use super::clients::http::seen::Seen;
use super::clients::http::{Http, ServiceHttp};
use super::clients::pacer::Pacer;
use super::clients::slack::Names;
use super::clock::Clock;
use super::config::errata::ErrataAuth;
use super::config::error::ConfigError;
use super::config::github_app::AppRole;
use super::config::http::ServiceRules;
use super::config::sealed::SealedSettings;
use super::config::settings::Settings;
use super::machine::Machine;
use super::permit::Permit;
use super::proven::Proven;
use super::statebox::cas::Limits;
use super::statebox::fence::Held;
use super::statebox::git_dir::{Author, GitDir};
use super::statebox::record_files::RecordFiles;
use super::statebox::repo::Repo;
use super::statebox::state_box::StateBox;
use super::transport::Transport;
use crate::domain::credential::Credential;
use crate::domain::mask::{Masker, mask};
use crate::domain::service::Service;

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
    /// The pull secret of image registries, once it was needed.
    logins: Arc<OnceLock<Arc<BTreeMap<String, SecretString>>>>,
    /// One pace for all starts of Prow jobs, whoever asks.
    pacer: Arc<Pacer>,
    /// What was proven of things that cannot change.
    pub proven: Proven,
    /// People and groups of Slack that were looked up.
    slack_names: Names,
}

/// Whether the credential of the state has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateAccess {
    /// Without it there is no context.
    Required,
    /// Whoever asks for the state learns that it is missing; others do not need it.
    OnDemand,
    /// The state is asked for without it, as far as it is public.
    Anonymous,
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
    /// Puts a context together; contacts nobody. Clients are made when they are asked for.
    ///
    /// # Errors
    ///
    /// An address in the settings is unusable; the credential of the state is missing and `access` requires it.
    pub fn new(
        settings: Arc<Settings>,
        clock: Clock,
        transport: Transport,
        cancel: CancellationToken,
        actor: String,
        options: Options,
        access: StateAccess,
    ) -> Result<Self, ConfigError> {
        let http = Http::with_rules(policy(&settings), &rules(&settings), transport, clock.clone(), cancel.clone())
            .map_err(ConfigError::Tls)?;
        let repo = match &settings.state.dir {
            Some(dir) if GitDir::is_one(dir) => {
                let (role, mail) = (actor.clone(), settings.state.author_mail.clone());
                let author = Author { name: mask(&role), mail };
                Repo::Git(GitDir::new(dir, &author, &settings.elliott.environment, clock.clone(), cancel.clone()))
            }
            Some(dir) => Repo::Directory(dir.clone()),
            None => match (settings.has_github(), access) {
                (true, _) => github(&settings, &http, access)?,
                (false, StateAccess::Required) => {
                    return Err(ConfigError::MissingCredentials(vec![Credential::GithubToken]));
                }
                (false, StateAccess::Anonymous) => github(&settings, &http, access)?,
                (false, StateAccess::OnDemand) => Repo::Closed(Credential::GithubToken),
            },
        };
        let home = settings.home.clone();
        let total = SignedDuration::try_from(settings.state.total).unwrap_or(SignedDuration::from_mins(1));
        let limits = Limits { tries: settings.state.tries, total };
        let branch = settings.state.branch.clone();
        let statebox = StateBox::new(repo.clone(), branch, limits, clock.clone(), cancel.clone());
        let statebox = statebox.keeping(&home, !options.dry_run).masked_by(settings.credentials.masker());
        let pace = &settings.prow;
        let window = SignedDuration::try_from(pace.window).unwrap_or(SignedDuration::from_mins(1));
        let pacer = Arc::new(Pacer::new(pace.burst, pace.calls_per_window, window, clock.clone(), cancel.clone()));
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
            logins: Arc::default(),
            pacer,
            proven: Proven::default(),
            slack_names: Names::default(),
        })
    }

    /// Hides the credentials of this run.
    pub fn masker(&self) -> &Masker {
        self.settings.credentials.masker()
    }

    /// Services that were asked, and when they were last heard of.
    pub fn upstreams(&self) -> BTreeMap<Service, Seen> {
        self.http.upstreams()
    }

    /// The same surroundings for one call of `actor`, which `cancel` ends without ending others.
    #[must_use]
    pub fn acting_for(&self, actor: String, cancel: CancellationToken, options: Options) -> Self {
        Self { actor, cancel, options, ..self.clone() }
    }

    /// The same surroundings for whoever holds this lease: nothing is changed outside or stored once it is over.
    #[must_use]
    pub fn holding(&self, held: &Held) -> Self {
        let (statebox, http) = (self.statebox.fenced(held), self.http.permitted_by(held.permit()));
        Self { statebox, http, ..self.clone() }
    }

    /// The same surroundings for whoever may change something outside only as long as `permit` lasts.
    #[must_use]
    pub fn permitted_by(&self, permit: &Permit) -> Self {
        Self { http: self.http.permitted_by(permit), ..self.clone() }
    }

    /// Test records and what stands beside them.
    pub fn record_files(&self) -> RecordFiles {
        let state = &self.settings.state;
        let total = SignedDuration::try_from(state.total).unwrap_or(SignedDuration::from_mins(1));
        let limits = Limits { tries: state.tries, total };
        let (repo, branch) = (self.repo.clone(), state.record_branch.clone());
        RecordFiles::new(repo, branch, limits, self.clock.clone(), self.cancel.clone())
    }

    /// The name under which this process holds a lease or announces an effect.
    ///
    /// # Errors
    ///
    /// The file with the name of this machine cannot be read or made.
    pub fn holder(&self) -> std::io::Result<String> {
        Ok(Machine::of(&self.home, &self.clock)?.holder(&self.actor))
    }

    /// The name of this machine; nothing when nobody can tell.
    pub fn machine(&self) -> Option<String> {
        Machine::of(&self.home, &self.clock).ok().map(|machine| machine.name())
    }

    /// The same surroundings with a memory of their own of the state versions that are seen in them.
    #[must_use]
    pub fn witnessed(self) -> Self {
        Self { statebox: self.statebox.witnessed(), ..self }
    }

    /// The clock that the settings ask for: the machine's, or the simulator's, which is asked for the time.
    ///
    /// # Errors
    ///
    /// The TLS set-up of this machine is unusable, or the simulator does not answer.
    pub async fn clock_of(settings: &Settings, cancel: &CancellationToken) -> Result<Clock, ConfigError> {
        match &settings.services.simulator {
            Some(base) => {
                let client = bare_client(&policy(settings)).map_err(ConfigError::Tls)?;
                Ok(Clock::of_simulator(base, client, cancel).await?)
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
        let needs = needs.iter().copied().filter(|need| *need != Credential::ErrataToken || bearer);
        // An App stands in the place of a token.
        let has_github = self.settings.has_github();
        let needs: Vec<_> = needs.filter(|need| *need != Credential::GithubToken || !has_github).collect();
        self.settings.credentials.require(&needs)
    }

    /// Credentials without which nothing works here: the key of the sealed settings, and that of the store.
    pub fn missing_for_all(&self) -> Vec<Credential> {
        missing_for_all(&self.settings)
    }

    /// The sealed settings: owners, contacts.
    ///
    /// # Errors
    ///
    /// No file was named, or its key is missing.
    pub fn sealed(&self) -> Result<&SealedSettings, ConfigError> {
        self.settings.sealed()
    }
}

/// Credentials without which nothing works: the key of the sealed settings and, on GitHub, that of the store.
pub fn missing_for_all(settings: &Settings) -> Vec<Credential> {
    let needs_github = settings.state.dir.is_none() && !settings.has_github();
    let needs_key = settings.credentials.get(Credential::OarJwk).is_none();
    let missing = [(needs_key, Credential::OarJwk), (needs_github, Credential::GithubToken)];
    missing.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, credential)| credential).collect()
}

/// The repository of the state on GitHub.
fn github(settings: &Settings, http: &Http, access: StateAccess) -> Result<Repo, ConfigError> {
    match access {
        // Nothing can be done without the state; what is missing for asking for it is said at once.
        StateAccess::Required | StateAccess::Anonymous => http.open().map_err(ConfigError::Tls)?,
        StateAccess::OnDemand => {}
    }
    let http = github_as(AppRole::Writer, &settings.state.repository, settings, http)?;
    Repo::github(http, &settings.state.repository, Some(DiskCache::below(&settings.home)))
}

/// GitHub, asked as the App of `role` for `repository`, else with the token.
fn github_as(role: AppRole, repository: &str, settings: &Settings, http: &Http) -> Result<ServiceHttp, ConfigError> {
    let base = settings.services.url(Service::Github)?;
    // Without an App of its own a reader asks as whoever may write.
    let key = match settings.github_apps.key(role)? {
        None if role == AppRole::Reader && settings.credentials.get(Credential::GithubToken).is_none() => {
            settings.github_apps.key(AppRole::Writer)?
        }
        key => key,
    };
    let auth = match key {
        None => auth(Service::Github, settings),
        Some(key) => {
            let anonymous = http.service(Service::Github, base, Auth::None);
            Auth::Issued(Arc::new(AppTokens::new(anonymous, key, repository.to_owned())))
        }
    };
    Ok(http.service(Service::Github, base, auth))
}

fn policy(settings: &Settings) -> HttpPolicy {
    HttpPolicy {
        connect_timeout: settings.http.connect_timeout,
        read_timeout: settings.http.read_timeout.min(settings.http.total_timeout),
        total_timeout: settings.http.total_timeout,
        tries: settings.http.tries,
        in_flight: settings.http.in_flight,
        max_body_bytes: settings.http.max_body_bytes,
        hosts: settings.services.allowed.clone(),
        rewrites: settings.services.rewrites.clone(),
    }
}

fn rules(settings: &Settings) -> Rules {
    let http = &settings.http;
    let own = |(service, one): (&Service, &ServiceRules)| {
        let slow = one.read_timeout.is_some() || one.total_timeout.is_some();
        let rules = ServiceRules {
            read_timeout: slow.then(|| http.read_timeout_of(*service)),
            total_timeout: slow.then(|| http.total_timeout_of(*service)),
            ..one.clone()
        };
        (*service, rules)
    };
    let pause = SignedDuration::try_from(http.breaker_pause).unwrap_or(SignedDuration::from_mins(1));
    Rules {
        breaker: Some(BreakerRule { failures: http.breaker_failures, pause }),
        per_hour: Some(http.requests_per_hour),
        of: http.services.iter().map(own).collect(),
        masker: settings.credentials.masker().clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::VirtualClock;
    use crate::core::config::env::Env;
    use crate::core::config::sources::Flags;
    use crate::core::error::ErrorClass;

    fn context(env: &Env, access: StateAccess) -> Result<Context, ConfigError> {
        let settings = Arc::new(Settings::load(env, &Flags::default()).unwrap());
        let clock = Clock::Virtual(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
        let (transport, cancel) = (Transport::Network, CancellationToken::new());
        Context::new(settings, clock, transport, cancel, "test".to_owned(), Options::default(), access)
    }

    #[test]
    fn a_pull_secret_that_cannot_be_read_is_missed_by_whoever_asks_a_registry() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("auth.json");
        let env = Env::default().with("OAR_HOME", home.path().display().to_string());
        let env = env.with("OAR_REGISTRY_AUTH_FILE", file.display().to_string());
        let ctx = context(&env, StateAccess::OnDemand).unwrap();
        assert_eq!(ctx.registry().unwrap_err().class(), ErrorClass::Config);
        std::fs::write(&file, r#"{"auths": {}}"#).unwrap();
        ctx.registry().unwrap();
        std::fs::remove_file(&file).unwrap();
        ctx.registry().unwrap();
    }

    #[tokio::test]
    async fn the_credential_of_the_state_is_missed_by_whoever_needs_the_state() {
        let home = tempfile::tempdir().unwrap();
        let env = Env::default().with("OAR_HOME", home.path().display().to_string());
        let context = |access| context(&env, access);
        let refused = context(StateAccess::Required).unwrap_err();
        assert_eq!(refused.class(), ErrorClass::Auth);
        let ctx = context(StateAccess::OnDemand).unwrap();
        let missed = ctx.statebox.load(&"4.20.17".parse().unwrap()).await.unwrap_err();
        assert_eq!((missed.class(), missed.next_step()), (ErrorClass::Auth, refused.next_step()));
    }
}
