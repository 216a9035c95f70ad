//! Settings of the server for AI agents, of its runs and of its confirmations.

use std::collections::BTreeMap;
use std::time::Duration;

use super::choice::choices;
use super::error::ConfigError;
use super::sources::{Sources, bad};

/// The server for AI agents.
#[derive(Debug, Clone)]
pub struct McpSettings {
    /// Calls that change something, per caller and minute.
    pub writes_per_minute: u32,
    /// Calls that look at services, per caller and minute.
    pub looks_per_minute: u32,
    /// Bounds of connections, sessions and streams.
    pub limits: LimitSettings,
    /// Which calls the audit log keeps.
    pub audit: AuditedCalls,
    /// The issuer of tokens that are accepted beside our own.
    pub oauth_issuer: Option<String>,
    /// The address of this server as those tokens name it.
    pub oauth_audience: Option<String>,
    /// Where the issuer publishes its keys.
    pub oauth_jwks_url: Option<String>,
}

/// Bounds of what callers may hold and how long they may take.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Connections of all callers.
    pub connections: usize,
    /// Connections of one caller.
    pub connections_each: usize,
    /// Sessions of all callers.
    pub sessions: usize,
    /// Sessions of one caller.
    pub sessions_each: usize,
    /// Event streams of all callers.
    pub streams: usize,
    /// Event streams of one caller.
    pub streams_each: usize,
    /// The head of a request takes at most so long.
    pub head: Duration,
    /// Its body takes at most so long.
    pub body: Duration,
    /// A connection without a request ends after so long.
    pub idle: Duration,
}

impl LimitSettings {
    fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            connections: sources.number("mcp.limits.connections", "OAR_MCP_CONNECTIONS", 1, 100_000)?,
            connections_each: sources.number("mcp.limits.connections_each", "OAR_MCP_CONNECTIONS_EACH", 1, 100_000)?,
            sessions: sources.number("mcp.limits.sessions", "OAR_MCP_SESSIONS", 1, 100_000)?,
            sessions_each: sources.number("mcp.limits.sessions_each", "OAR_MCP_SESSIONS_EACH", 1, 100_000)?,
            streams: sources.number("mcp.limits.streams", "OAR_MCP_STREAMS", 1, 100_000)?,
            streams_each: sources.number("mcp.limits.streams_each", "OAR_MCP_STREAMS_EACH", 1, 100_000)?,
            head: sources.seconds("mcp.limits.head_s", "OAR_MCP_HEAD", 300)?,
            body: sources.seconds("mcp.limits.body_s", "OAR_MCP_BODY", 600)?,
            idle: sources.seconds("mcp.limits.idle_s", "OAR_MCP_IDLE", 3600)?,
        })
    }
}

choices! {
    /// Which calls the audit log keeps.
    AuditedCalls {
        /// Every one.
        All = "all",
        /// Changes, and whatever was refused or failed.
        Changes = "changes",
    }
}

choices! {
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
    /// Which tools ask a person, by name. Not named, the approval, a Pass by hand, a change of a Pass, a decision
    /// about a build, a start against a closed gate, an answer to a question about an effect, resolving a blocker,
    /// promoting test results and replacing a run ask always, all others never.
    pub confirm: BTreeMap<String, ConfirmPolicy>,
    /// Address of the approval page, where people reach it by another name than the server listens on.
    pub approvals_url: Option<String>,
}

impl McpSettings {
    pub(super) fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            writes_per_minute: sources.number("mcp.writes_per_minute", "OAR_MCP_WRITES_PER_MINUTE", 1, 100_000)?,
            looks_per_minute: sources.number("mcp.looks_per_minute", "OAR_MCP_LOOKS_PER_MINUTE", 1, 10_000_000)?,
            limits: LimitSettings::read(sources)?,
            audit: sources.choice("mcp.audit", "OAR_MCP_AUDIT", "all or changes")?,
            oauth_issuer: sources.optional("mcp.oauth.issuer", "OAR_MCP_OAUTH_ISSUER"),
            oauth_audience: sources.optional("mcp.oauth.audience", "OAR_MCP_OAUTH_AUDIENCE"),
            oauth_jwks_url: sources.optional("mcp.oauth.jwks_url", "OAR_MCP_OAUTH_JWKS_URL"),
        })
    }
}

impl RunSettings {
    pub(super) fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
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
        Ok(Self {
            time_limit: sources.seconds("mcp.runs.time_limit_s", "OAR_MCP_RUNS_TIME_LIMIT", 86_400)?,
            time_limits,
            grace: sources.seconds("mcp.runs.grace_s", "OAR_MCP_RUNS_GRACE", 600)?,
            progress: sources.seconds("mcp.runs.progress_s", "OAR_MCP_RUNS_PROGRESS", 20)?,
            keep_runs: sources.number("mcp.runs.keep", "OAR_MCP_RUNS_KEEP", 10, 100_000)?,
            keep_days: sources.number("mcp.runs.keep_days", "OAR_MCP_RUNS_KEEP_DAYS", 1, 3650)?,
            confirm,
            approvals_url: sources.optional("mcp.approvals.url", "OAR_MCP_APPROVALS_URL"),
        })
    }
}
