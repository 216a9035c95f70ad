//! What the server knows of itself, for `/health`. Asked often, so nothing here waits or asks a service.

use std::time::Duration;

use rmcp::model::ProtocolVersion;
use serde_json::{Map, Value, json};

use super::catalog;
use super::server::Server;
use super::shared::ServerState;
use crate::core::config::errata::ErrataAuth;
use crate::domain::credential::Credential;
use crate::domain::dates::stamp;

/// Worker threads beside the one that answers: releases share one, see [`crate::runs::worker`].
const WORKERS: usize = 1;

/// How the server was started.
#[derive(Debug, Clone)]
pub struct Started {
    /// Transports that are served.
    pub transports: Vec<&'static str>,
    /// The proxy in front, when there is one.
    pub proxy: Option<String>,
    /// Processors that this process may use.
    pub cpus: usize,
}

/// Fields of `/health` beside status, ticket and time.
pub fn fields(server: &Server, started: &Started, uptime: Duration) -> Map<String, Value> {
    let shared = &server.shared;
    let (cli, api) = catalog::counts(catalog::all().filter(|tool| server.choice.offers(tool)));
    let runs = shared.runs.open();
    let (cached, most_cached, hit_rate) = shared.store.size();
    let versions: Vec<_> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ToString::to_string).collect();
    let slots = shared.runs.slots();
    let fields = json!({
        "server": "release-tests-mcp",
        "version": env!("CARGO_PKG_VERSION"),
        "transport": "http",
        "transports": started.transports,
        "protocol_versions": versions,
        "tools": { "total": cli + api, "cli": cli, "api": api },
        "environment": environment(shared),
        "cache": { "enabled": true, "size": cached, "max_size": most_cached, "hit_rate": hit_rate, "ttl_days": 7 },
        "thread_pool": { "size": slots, "cpu_count": started.cpus },
        "runtime": {
            "worker_threads": WORKERS, "command_slots": slots, "in_flight": runs.running, "queued": runs.queued,
        },
        "uptime_seconds": uptime.as_secs(),
        "sessions": shared.sessions_open.count(),
        "runs": {
            "in_flight": runs.running, "queued": runs.queued, "oldest_seconds": runs.oldest.map(|age| age.as_secs()),
        },
        "upstreams": upstreams(shared),
        "proxy": started.proxy,
    });
    if let Value::Object(fields) = fields { fields } else { Map::new() }
}

/// Services that were asked since the start.
fn upstreams(shared: &ServerState) -> Map<String, Value> {
    let all = shared.ctx.upstreams().into_iter();
    let shown = all.map(|(service, seen)| {
        let error =
            seen.last_error.map(|(at, why)| json!({ "at": stamp(at), "error": shared.ctx.masker().mask(&why) }));
        let fields = json!({
            "last_ok": seen.last_ok.map(stamp),
            "last_error": error,
            "latency_ms": seen.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
        });
        (service.to_string(), fields)
    });
    shown.collect()
}

const STATE: &str = "state";
const SETTINGS: &str = "settings";
const ERRATA: &str = "errata";

/// The part of the program that works only with this credential; nothing when another one stands in for it.
const fn part_of(variable: Credential) -> Option<&'static str> {
    Some(match variable {
        Credential::GithubToken => STATE,
        Credential::OarJwk => SETTINGS,
        Credential::ErrataToken => ERRATA,
        Credential::JiraUsername | Credential::JiraToken => "jira",
        Credential::GitlabToken => "shipment",
        Credential::JenkinsUser | Credential::JenkinsToken => "stage_testing",
        Credential::ApiToken => "prow",
        Credential::SlackBotToken => "slack",
        Credential::JiraEmail => return None,
    })
}

/// Which variables are missing, and what works without them.
fn environment(shared: &ServerState) -> Value {
    let settings = &shared.ctx.settings;
    let missing = shared.ctx.missing_for_all();
    let bearer = settings.errata_auth == ErrataAuth::Bearer;
    let has = |variable: Credential| settings.credentials.get(variable).is_some();
    let optional = Credential::ALL.iter().filter(|variable| match part_of(**variable) {
        Some(STATE | SETTINGS) | None => false,
        Some(ERRATA) if !bearer => false,
        Some(_) => !has(**variable),
    });
    let optional: Vec<_> = optional.map(|variable| variable.variable()).collect();
    let required: Vec<_> = missing.iter().map(|variable| variable.variable()).collect();
    let mut capabilities = serde_json::Map::new();
    for variable in Credential::ALL {
        let Some(part) = part_of(*variable) else { continue };
        // A GitHub App stands in the place of the token.
        let keeps_state = settings.state.dir.is_some() || settings.has_github();
        let needs_none = (part == STATE && keeps_state) || (part == ERRATA && !bearer);
        let so_far = capabilities.get(part).is_none_or(|works| works == true);
        capabilities.insert(part.to_owned(), json!(so_far && (needs_none || has(*variable))));
    }
    let errors: Vec<_> = missing.iter().map(|variable| format!("{variable}: {}", variable.purpose())).collect();
    json!({
        "valid": missing.is_empty(),
        "missing_required": required,
        "missing_optional": optional,
        "errors": errors,
        "capabilities": capabilities,
    })
}
