//! All settings of one run, read once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::credentials::Credentials;
use super::env::Env;
use super::errata::{ErrataAuth, MutualAuth};
use super::error::ConfigError;
use super::github_app::{AppRole, GithubApps};
use super::http::HttpSettings;
use super::jira::JiraSettings;
use super::kubeconfig::KubeSettings;
use super::mcp::{McpSettings, RunSettings};
use super::origin::Origin;
use super::sealed::SealedSettings;
use super::services::Services;
use super::sources::{FileLayer, Flags, SettingRow, Sources};
use super::stall::StallSettings;
use super::state::StateSettings;
use crate::domain::acceptance::AcceptancePolicy;
use crate::domain::credential::Credential;
use crate::domain::stage_testing::StageTestingPolicy;

const DEFAULTS: &str = include_str!("../../../config/defaults.toml");

/// All settings of one run. Immutable; secrets are in [`Settings::credentials`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where every service is.
    pub services: Services,
    /// Time-outs and limits of requests.
    pub http: HttpSettings,
    /// How we prove ourselves to the Errata Tool.
    pub errata_auth: ErrataAuth,
    /// Has the Errata Tool to prove with Kerberos who it is?
    pub errata_mutual: MutualAuth,
    /// File with the credentials of image registries.
    pub registry_auth_file: Option<PathBuf>,
    /// Where the token for the Kubernetes API may be.
    pub kube: KubeSettings,
    /// GitHub Apps in the place of a token.
    pub github_apps: GithubApps,
    /// The GitLab project of shipment merge requests.
    pub shipment_project: String,
    /// Hosts of the bug trackers whose issues a shipment lists.
    pub issue_sources: Vec<String>,
    /// Repository of promoted payloads, with its registry.
    pub payload_repository: String,
    /// Which Jira we talk to.
    pub jira: JiraSettings,
    /// Where release state and test records are kept.
    pub state: StateSettings,
    /// Caches, unsent writes, heartbeats, run records.
    pub home: PathBuf,
    /// Where logs are written.
    pub log_dir: PathBuf,
    /// When stage testing may start.
    pub stage_policy: StageTestingPolicy,
    /// Which rule decides on a build.
    pub acceptance_policy: AcceptancePolicy,
    /// Does the verdict of an AI stand without a human?
    pub auto_accept: bool,
    /// Is a missing CVE tracker bug a blocker?
    pub cve_check_blocking: bool,
    /// The external program elliott.
    pub elliott: ElliottSettings,
    /// After how long a wait is stalled.
    pub stall: StallSettings,
    /// How fast Prow jobs are started.
    pub prow: ProwSettings,
    /// Where replies go when somebody started us from a Slack thread.
    pub slack: SlackSettings,
    /// The server for AI agents.
    pub mcp: McpSettings,
    /// Runs and confirmations of the server for AI agents.
    pub runs: RunSettings,
    /// Tell what would be done, do nothing.
    pub dry_run: bool,
    /// The sealed settings, when a file was named and its key is there.
    pub sealed: Option<SealedSettings>,
    /// Secrets.
    pub credentials: Credentials,
    /// Every setting with its value and origin, in reading order.
    pub rows: Vec<SettingRow>,
    /// Oddities that do not stop anybody.
    pub warnings: Vec<String>,
}

/// The external program elliott.
#[derive(Debug, Clone)]
pub struct ElliottSettings {
    /// Program, or program with leading arguments, separated by blanks.
    pub command: String,
    /// After this it is stopped.
    pub limit: Duration,
    /// Where the variables that it needs come from.
    pub environment: Env,
}

/// How fast Prow jobs are started.
#[derive(Debug, Clone)]
pub struct ProwSettings {
    /// Calls that may follow each other at once.
    pub burst: u32,
    /// Calls in one window.
    pub calls_per_window: u32,
    /// The window.
    pub window: Duration,
    /// Repository on GitHub with the configuration of all jobs, `owner/name`.
    pub config_repository: String,
}

/// Where replies go when somebody started us from a Slack thread.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// Channel id.
    pub channel: Option<String>,
    /// Time stamp of the thread.
    pub thread: Option<String>,
}

impl Settings {
    /// Reads everything: flags, environment, settings file, sealed settings, defaults.
    ///
    /// Without `OAR_JWK` sealed settings stay closed, so that commands which need none of them work.
    ///
    /// # Errors
    ///
    /// An unknown key, a value out of bounds, an unreadable file, sealed settings that do not open.
    pub fn load(env: &Env, flags: &Flags) -> Result<Self, ConfigError> {
        let file = settings_file(env, flags)?;
        Self::from_layers(env, flags, &file)
    }

    fn from_layers(env: &Env, flags: &Flags, file: &FileLayer) -> Result<Self, ConfigError> {
        let defaults = FileLayer::parse(None, DEFAULTS)?;
        let mut sources = Sources::new(flags, env, file, &defaults);
        let mut warnings = Vec::new();
        let credentials = Credentials::from_env(env);
        sources.find("settings.file", "OAR_SETTINGS");
        let sealed_file = sources.optional("sealed.file", "OAR_CONFIG_FILE");
        let sealed =
            SealedSettings::load_if_possible(sealed_file.as_deref().map(Path::new), &credentials, &mut warnings)?;
        let addresses = sealed.as_ref().map(SealedSettings::service_urls).unwrap_or_default();
        let services = Services::read(&mut sources, &addresses, &mut warnings)?;
        let simulated = services.simulator.is_some();
        let home = folder(&mut sources, "run.home", "OAR_HOME", || {
            let usual = env.xdg("XDG_STATE_HOME", ".local/state").map(|dir| dir.join("oar"));
            usual.unwrap_or_else(|| PathBuf::from(".oar"))
        });
        let log_dir = folder(&mut sources, "run.log_dir", "OAR_LOG_DIR", || home.join("logs"));
        let mut settings = Self {
            services,
            http: HttpSettings::read(&mut sources, simulated)?,
            errata_auth: sources.choice("services.errata.auth", "OAR_ERRATA_AUTH", "negotiate, bearer or none")?,
            errata_mutual: sources.choice(
                "services.errata.mutual_auth",
                "OAR_ERRATA_MUTUAL_AUTH",
                "required or optional",
            )?,
            registry_auth_file: sources
                .optional("services.registry.auth_file", "OAR_REGISTRY_AUTH_FILE")
                .map(PathBuf::from),
            kube: KubeSettings {
                token_file: sources.optional("kube.token_file", "OAR_KUBE_TOKEN_FILE").map(PathBuf::from),
                config: sources.optional("kube.config", "KUBECONFIG").map(PathBuf::from),
            },
            github_apps: GithubApps::read(&mut sources),
            shipment_project: sources.text("services.gitlab.shipment_project", "OAR_GITLAB_SHIPMENT_PROJECT")?,
            issue_sources: sources
                .text("shipment.issue_sources", "OAR_SHIPMENT_ISSUE_SOURCES")?
                .split(',')
                .map(|source| source.trim().to_owned())
                .collect(),
            payload_repository: sources.text("payload.repository", "OAR_PAYLOAD_REPOSITORY")?,
            jira: JiraSettings::read(&mut sources)?,
            state: StateSettings::read(&mut sources)?,
            home,
            log_dir,
            stage_policy: sources.choice("stage_testing.policy", "OAR_STAGE_TESTING_POLICY", "strict or overlap")?,
            acceptance_policy: sources.choice("acceptance.policy", "OAR_ACCEPTANCE_POLICY", "strict or compat")?,
            auto_accept: sources.switch("analysis.auto_accept", "OAR_ANALYSIS_AUTO_ACCEPT")?,
            cve_check_blocking: sources.switch("cve_check.blocking", "OAR_CVE_CHECK_BLOCKING")?,
            elliott: ElliottSettings {
                command: sources.text("elliott.command", "OAR_ELLIOTT_CMD")?,
                limit: minutes(sources.number("elliott.limit_min", "OAR_ELLIOTT_LIMIT_MIN", 1, 120)?),
                environment: env.clone(),
            },
            stall: StallSettings::read(&mut sources)?,
            prow: prow(&mut sources)?,
            slack: SlackSettings {
                channel: sources.optional("slack.channel", "OAR_SLACK_CHANNEL"),
                thread: sources.optional("slack.thread", "OAR_SLACK_THREAD"),
            },
            mcp: McpSettings::read(&mut sources)?,
            runs: RunSettings::read(&mut sources)?,
            dry_run: sources.switch("run.dry_run", "OAR_DRY_RUN")?,
            sealed,
            credentials,
            rows: Vec::new(),
            warnings,
        };
        sources.refuse_unknown()?;
        settings.warnings.extend(sources.misspelt_variables());
        settings.rows = sources.rows;
        Ok(settings)
    }

    /// Is there a credential of GitHub for the repository of states and records?
    pub fn has_github(&self) -> bool {
        self.github_apps.is_named(AppRole::Writer) || self.credentials.get(Credential::GithubToken).is_some()
    }

    /// The sealed settings.
    ///
    /// # Errors
    ///
    /// No file was named, or its key is missing.
    pub fn sealed(&self) -> Result<&SealedSettings, ConfigError> {
        if let Some(sealed) = &self.sealed {
            return Ok(sealed);
        }
        let named = self.rows.iter().any(|row| row.key == "sealed.file" && !row.value.is_empty());
        if named {
            self.credentials.require(&[Credential::OarJwk])?;
        }
        Err(ConfigError::NoSealedSettings)
    }
}

/// The file of `--settings` or `OAR_SETTINGS`, else `oar/settings.toml` of the user's configuration.
fn settings_file(env: &Env, flags: &Flags) -> Result<FileLayer, ConfigError> {
    let nothing = FileLayer::default();
    let named = Sources::new(flags, env, &nothing, &nothing).given_for_this_run("settings.file", "OAR_SETTINGS");
    let named = named.map(|(path, _)| PathBuf::from(path));
    let usual = env.xdg("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("oar/settings.toml"));
    let Some(path) = named.or_else(|| usual.filter(|path| path.is_file())) else {
        return Ok(nothing);
    };
    let text = std::fs::read_to_string(&path).map_err(|cause| ConfigError::Unreadable { path: path.clone(), cause })?;
    FileLayer::parse(Some(&path), &text)
}

fn prow(sources: &mut Sources<'_>) -> Result<ProwSettings, ConfigError> {
    Ok(ProwSettings {
        burst: sources.number("prow.burst", "OAR_PROW_BURST", 1, 100)?,
        calls_per_window: sources.number("prow.calls_per_window", "OAR_PROW_CALLS_PER_WINDOW", 1, 1000)?,
        window: sources.seconds("prow.window_s", "OAR_PROW_WINDOW", 3600)?,
        config_repository: sources.text("prow.config_repository", "OAR_PROW_CONFIG_REPOSITORY")?,
    })
}

/// A folder that is given, or follows from other values.
fn folder(sources: &mut Sources<'_>, key: &str, variable: &str, usual: impl Fn() -> PathBuf) -> PathBuf {
    let given = sources.given_for_this_run(key, variable).or_else(|| sources.in_file(key));
    let (path, origin) = given.map_or_else(|| (usual(), Origin::Default), |(text, origin)| (text.into(), origin));
    sources.note(key, variable, &path.display().to_string(), origin);
    path
}

const fn minutes(number: u64) -> Duration {
    Duration::from_secs(number * 60)
}

#[cfg(test)]
mod tests;
