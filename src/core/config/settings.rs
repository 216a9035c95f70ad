//! All settings of one run, read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::credentials::Credentials;
use super::env::Env;
use super::error::ConfigError;
use super::http::HttpSettings;
use super::sealed::SealedSettings;
use super::services::Services;
use super::sources::{FileLayer, Flags, Origin, Row, Sources, bad};
use crate::domain::acceptance::AcceptancePolicy;
use crate::domain::credential::Credential;
use crate::domain::stage::StagePolicy;

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
    pub errata_mutual: Mutual,
    /// File with the credentials of image registries.
    pub registry_auth_file: Option<PathBuf>,
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
    pub stage_policy: StagePolicy,
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
    pub rows: Vec<Row>,
    /// Oddities that do not stop anybody.
    pub warnings: Vec<String>,
}

/// Runs and confirmations of the server for AI agents.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// A run is asked to end after so long.
    pub time_limit: Duration,
    /// The same for tools that need another limit, by name.
    pub time_limits: BTreeMap<String, Duration>,
    /// A run that was asked to end may take so long for it.
    pub grace: Duration,
    /// Waiting callers hear of their run at least so often.
    pub progress: Duration,
    /// Runs that stay on record.
    pub keep_runs: usize,
    /// For how many days.
    pub keep_days: u32,
    /// Which tools ask a person, by name; those not named ask always.
    pub confirm: BTreeMap<String, ConfirmPolicy>,
    /// Address of the approval page, where people reach it by another name than the server listens on.
    pub approvals_url: Option<String>,
}

/// Which Jira we talk to.
#[derive(Debug, Clone)]
pub struct JiraSettings {
    /// The kind of Jira.
    pub api: JiraApi,
    /// Id of the field "QA Contact".
    pub qa_contact: String,
    /// Id of the field "Need Info From".
    pub need_info_from: String,
    /// Id of the field "Release Blocker".
    pub release_blocker: String,
    /// Id of the field that counts customer cases.
    pub sfdc_counter: String,
    /// Id of the field that links customer cases.
    pub sfdc_links: String,
}

/// Where release state and test records are kept.
#[derive(Debug, Clone)]
pub struct StateSettings {
    /// `owner/name` on GitHub.
    pub repository: String,
    /// Branch of the state files.
    pub branch: String,
    /// Branch of the test records.
    pub record_branch: String,
    /// A directory or Git repository of this machine instead of GitHub.
    pub dir: Option<PathBuf>,
    /// Address of commits in a Git repository of this machine; their name is the role that acts.
    pub author_mail: String,
    /// Tries of one compare-and-swap.
    pub tries: u32,
    /// Time for all of them together.
    pub total: Duration,
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

/// After how long a wait is stalled.
#[derive(Debug, Clone)]
pub struct StallSettings {
    /// Promotion, counted from ownership.
    pub promotion: Duration,
    /// Test file, counted from promotion.
    pub test_file: Duration,
    /// Aggregation of test results.
    pub aggregation: Duration,
    /// Verdict on a build.
    pub analysis: Duration,
    /// Push to CDN stage.
    pub push: Duration,
    /// Stage-release pipeline.
    pub stage_release: Duration,
    /// Image consistency job.
    pub image_consistency: Duration,
    /// Stage testing job.
    pub stage_testing: Duration,
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
}

/// Where replies go when somebody started us from a Slack thread.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// Channel id.
    pub channel: Option<String>,
    /// Time stamp of the thread.
    pub thread: Option<String>,
}

/// The server for AI agents.
#[derive(Debug, Clone)]
pub struct McpSettings {
    /// Calls that change something, per caller and minute.
    pub writes_per_minute: u32,
    /// Which calls the audit log keeps.
    pub audit: AuditedCalls,
    /// The issuer of tokens that are accepted beside our own.
    pub oauth_issuer: Option<String>,
    /// The address of this server as those tokens name it.
    pub oauth_audience: Option<String>,
    /// Where the issuer publishes its keys.
    pub oauth_jwks_url: Option<String>,
}

macro_rules! tokens {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $token:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text {
                    $($token => Ok(Self::$variant),)*
                    _ => Err(()),
                }
            }
        }
    };
}

tokens! {
    /// How we prove ourselves to the Errata Tool.
    ErrataAuth {
        /// With a Kerberos ticket.
        Negotiate = "negotiate",
        /// With `ERRATA_TOKEN`.
        Bearer = "bearer",
        /// Not at all.
        None = "none",
    }
}

tokens! {
    /// Has a service that takes our ticket to prove with Kerberos who it is?
    Mutual {
        /// An answer without proof is not used.
        Required = "required",
        /// TLS proves it.
        Optional = "optional",
    }
}

tokens! {
    /// The kind of Jira.
    JiraApi {
        /// Server: `/rest/api/2`, plain text bodies, bearer token.
        Server = "2",
        /// Cloud: `/rest/api/3`, rich text bodies, basic authentication.
        Cloud = "3",
    }
}

impl JiraApi {
    /// Path below the base address.
    pub const fn root(self) -> &'static str {
        match self {
            Self::Server => "/rest/api/2",
            Self::Cloud => "/rest/api/3",
        }
    }
}

tokens! {
    /// Which calls the audit log keeps.
    AuditedCalls {
        /// Every one.
        All = "all",
        /// Changes, and whatever was refused or failed.
        Changes = "changes",
    }
}

tokens! {
    /// Whether a critical tool asks a person.
    ConfirmPolicy {
        /// Every time.
        Always = "always",
        /// The first time for each release.
        OncePerRelease = "once_per_release",
        /// Not at all.
        Never = "never",
    }
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
            errata_auth: sources.token("services.errata.auth", "OAR_ERRATA_AUTH", "negotiate, bearer or none")?,
            errata_mutual: sources.token(
                "services.errata.mutual_auth",
                "OAR_ERRATA_MUTUAL_AUTH",
                "required or optional",
            )?,
            registry_auth_file: sources
                .optional("services.registry.auth_file", "OAR_REGISTRY_AUTH_FILE")
                .map(PathBuf::from),
            shipment_project: sources.text("services.gitlab.shipment_project", "OAR_GITLAB_SHIPMENT_PROJECT")?,
            issue_sources: sources
                .text("shipment.issue_sources", "OAR_SHIPMENT_ISSUE_SOURCES")?
                .split(',')
                .map(|source| source.trim().to_owned())
                .collect(),
            payload_repository: sources.text("payload.repository", "OAR_PAYLOAD_REPOSITORY")?,
            jira: jira(&mut sources)?,
            state: state(&mut sources)?,
            home,
            log_dir,
            stage_policy: sources.token("stage_testing.policy", "OAR_STAGE_TESTING_POLICY", "strict or overlap")?,
            acceptance_policy: sources.token("acceptance.policy", "OAR_ACCEPTANCE_POLICY", "strict or compat")?,
            auto_accept: sources.switch("analysis.auto_accept", "OAR_ANALYSIS_AUTO_ACCEPT")?,
            cve_check_blocking: sources.switch("cve_check.blocking", "OAR_CVE_CHECK_BLOCKING")?,
            elliott: ElliottSettings {
                command: sources.text("elliott.command", "OAR_ELLIOTT_CMD")?,
                limit: minutes(sources.number("elliott.limit_min", "OAR_ELLIOTT_LIMIT_MIN", 1, 120)?),
                environment: env.clone(),
            },
            stall: stall(&mut sources)?,
            prow: prow(&mut sources)?,
            slack: SlackSettings {
                channel: sources.optional("slack.channel", "OAR_SLACK_CHANNEL"),
                thread: sources.optional("slack.thread", "OAR_SLACK_THREAD"),
            },
            mcp: mcp(&mut sources)?,
            runs: runs(&mut sources)?,
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

fn jira(sources: &mut Sources<'_>) -> Result<JiraSettings, ConfigError> {
    Ok(JiraSettings {
        api: sources.token("services.jira.api", "OAR_JIRA_API", "2 (Server) or 3 (Cloud)")?,
        qa_contact: sources.text("services.jira.fields.qa_contact", "OAR_JIRA_FIELDS_QA_CONTACT")?,
        need_info_from: sources.text("services.jira.fields.need_info_from", "OAR_JIRA_FIELDS_NEED_INFO_FROM")?,
        release_blocker: sources.text("services.jira.fields.release_blocker", "OAR_JIRA_FIELDS_RELEASE_BLOCKER")?,
        sfdc_counter: sources.text("services.jira.fields.sfdc_counter", "OAR_JIRA_FIELDS_SFDC_COUNTER")?,
        sfdc_links: sources.text("services.jira.fields.sfdc_links", "OAR_JIRA_FIELDS_SFDC_LINKS")?,
    })
}

fn state(sources: &mut Sources<'_>) -> Result<StateSettings, ConfigError> {
    Ok(StateSettings {
        repository: sources.text("state.repository", "OAR_STATE_REPOSITORY")?,
        branch: sources.text("state.branch", "OAR_STATE_BRANCH")?,
        record_branch: sources.text("state.record_branch", "OAR_STATE_RECORD_BRANCH")?,
        dir: sources.optional("state.dir", "OAR_STATE_DIR").map(PathBuf::from),
        author_mail: sources.text("state.author_mail", "OAR_STATE_AUTHOR_MAIL")?,
        tries: small(sources.number("state.tries", "OAR_STATE_TRIES", 1, 200)?),
        total: seconds(sources, "state.total_s", "OAR_STATE_TOTAL", 3600)?,
    })
}

fn stall(sources: &mut Sources<'_>) -> Result<StallSettings, ConfigError> {
    let mut hours = |name: &str| {
        let variable = format!("OAR_STALL_{}_H", name.to_ascii_uppercase());
        let hours = sources.number(&format!("stall.{name}_h"), &variable, 1, 720)?;
        Ok::<_, ConfigError>(Duration::from_secs(hours * 3600))
    };
    Ok(StallSettings {
        promotion: hours("promotion")?,
        test_file: hours("test_file")?,
        aggregation: hours("aggregation")?,
        analysis: hours("analysis")?,
        push: hours("push")?,
        stage_release: hours("stage_release")?,
        image_consistency: hours("image_consistency")?,
        stage_testing: hours("stage_testing")?,
    })
}

fn prow(sources: &mut Sources<'_>) -> Result<ProwSettings, ConfigError> {
    Ok(ProwSettings {
        burst: small(sources.number("prow.burst", "OAR_PROW_BURST", 1, 100)?),
        calls_per_window: small(sources.number("prow.calls_per_window", "OAR_PROW_CALLS_PER_WINDOW", 1, 1000)?),
        window: seconds(sources, "prow.window_s", "OAR_PROW_WINDOW", 3600)?,
    })
}

fn mcp(sources: &mut Sources<'_>) -> Result<McpSettings, ConfigError> {
    Ok(McpSettings {
        writes_per_minute: small(sources.number("mcp.writes_per_minute", "OAR_MCP_WRITES_PER_MINUTE", 1, 100_000)?),
        audit: sources.token("mcp.audit", "OAR_MCP_AUDIT", "all or changes")?,
        oauth_issuer: sources.optional("mcp.oauth.issuer", "OAR_MCP_OAUTH_ISSUER"),
        oauth_audience: sources.optional("mcp.oauth.audience", "OAR_MCP_OAUTH_AUDIENCE"),
        oauth_jwks_url: sources.optional("mcp.oauth.jwks_url", "OAR_MCP_OAUTH_JWKS_URL"),
    })
}

fn runs(sources: &mut Sources<'_>) -> Result<RunSettings, ConfigError> {
    let mut time_limits = BTreeMap::new();
    for (tool, text, origin) in sources.table("mcp.runs.time_limits_s") {
        let limit = text.parse().ok().filter(|limit| (1..=86_400).contains(limit));
        let key = format!("mcp.runs.time_limits_s.{tool}");
        let limit = limit.ok_or_else(|| bad(&key, text, origin, "a whole number from 1 to 86400"))?;
        time_limits.insert(tool, Duration::from_secs(limit));
    }
    let mut confirm = BTreeMap::new();
    for (tool, text, origin) in sources.table("mcp.confirm") {
        let key = format!("mcp.confirm.{tool}");
        let policy = text.parse().map_err(|()| bad(&key, text, origin, "always, once_per_release or never"))?;
        confirm.insert(tool, policy);
    }
    Ok(RunSettings {
        time_limit: seconds(sources, "mcp.runs.time_limit_s", "OAR_MCP_RUNS_TIME_LIMIT", 86_400)?,
        time_limits,
        grace: seconds(sources, "mcp.runs.grace_s", "OAR_MCP_RUNS_GRACE", 600)?,
        progress: seconds(sources, "mcp.runs.progress_s", "OAR_MCP_RUNS_PROGRESS", 20)?,
        keep_runs: size(sources.number("mcp.runs.keep", "OAR_MCP_RUNS_KEEP", 10, 100_000)?),
        keep_days: small(sources.number("mcp.runs.keep_days", "OAR_MCP_RUNS_KEEP_DAYS", 1, 3650)?),
        confirm,
        approvals_url: sources.optional("mcp.approvals.url", "OAR_MCP_APPROVALS_URL"),
    })
}

/// A folder that is given, or follows from other values.
fn folder(sources: &mut Sources<'_>, key: &str, variable: &str, usual: impl Fn() -> PathBuf) -> PathBuf {
    let given = sources.given_for_this_run(key, variable).or_else(|| sources.in_file(key));
    let (path, origin) = given.map_or_else(|| (usual(), Origin::Default), |(text, origin)| (text.into(), origin));
    sources.note(key, variable, &path.display().to_string(), origin);
    path
}

pub(super) fn seconds(
    sources: &mut Sources<'_>,
    key: &str,
    variable: &str,
    most: u64,
) -> Result<Duration, ConfigError> {
    sources.number(key, variable, 1, most).map(Duration::from_secs)
}

const fn minutes(number: u64) -> Duration {
    Duration::from_secs(number * 60)
}

/// Numbers come out of their range check small.
pub(super) fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(super) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
