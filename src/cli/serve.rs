//! `oar mcp …`: the only file that puts the doors `mcp` and `web` together.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::net::TcpListener;

use super::exit::Exit;
use super::oar::Call;
use super::render::Told;
use crate::core::access::principal::{Principal, Scope};
use crate::core::access::tokens::Tokens;
use crate::core::error::ErrorClass;
use crate::mcp::catalog::{self, Choice};
use crate::mcp::http::{Transports, routes};
use crate::mcp::server::Shared;
use crate::web::guard::{Credential, Guard, behind};
use crate::web::health;

/// The server for AI agents.
#[derive(Debug, Subcommand)]
pub enum McpCommand {
    /// Serve the tools to AI agents over HTTP, or over stdin and stdout with --stdio
    Serve(Box<ServeArgs>),
    /// List the tools
    Tools,
}

/// How to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Speak over stdin and stdout instead of HTTP
    #[arg(long)]
    pub stdio: bool,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", env = "MCP_HOST", default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", env = "MCP_PORT", default_value_t = 8000)]
    pub port: u16,
    /// Groups of tools to offer: status, release, jobs, issues, analysis, admin, or all
    #[arg(long, value_name = "SETS", default_value = "status,release,issues")]
    pub toolsets: String,
    /// Offer only these of them
    #[arg(long, value_name = "NAMES")]
    pub tools: Option<String>,
    /// Offer all but these
    #[arg(long, value_name = "NAMES")]
    pub exclude_tools: Option<String>,
    /// Offer only what changes nothing
    #[arg(long)]
    pub read_only: bool,
    /// How callers show who they are; none works on this machine only
    #[arg(long, value_name = "HOW", default_value = "token")]
    pub auth: AuthMode,
    /// Do not serve the older transport at /sse
    #[arg(long)]
    pub no_legacy_sse: bool,
    /// Another name by which this server is called (host or host:port)
    #[arg(long, value_name = "HOST")]
    pub allowed_host: Vec<String>,
    /// An origin whose pages may call this server
    #[arg(long, value_name = "ORIGIN")]
    pub allowed_origin: Vec<String>,
    /// Also offer what the protocol's test suite looks for
    #[cfg(feature = "conformance")]
    #[arg(long)]
    pub fixtures: bool,
}

/// How callers show who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthMode {
    /// By a bearer token
    Token,
    /// Not at all
    None,
}

/// Runs one command.
pub(super) async fn run(call: &Call, command: McpCommand) -> Result<Exit, Told> {
    match command {
        McpCommand::Serve(args) => serve(call, &args).await,
        McpCommand::Tools => {
            let lines: Vec<_> = catalog::all()
                .map(|tool| format!("{:<36} {:<9} {}", tool.name, tool.toolset.name(), tool.title))
                .collect();
            let tools: Vec<_> = catalog::all()
                .map(|tool| json!({ "name": tool.name, "toolset": tool.toolset.name(), "title": tool.title }))
                .collect();
            call.show(&lines.join("\n"), &json!({ "ok": true, "tools": tools }));
            Ok(Exit::Done)
        }
    }
}

async fn serve(call: &Call, args: &ServeArgs) -> Result<Exit, Told> {
    let choice = choice(args).map_err(|error| usage(&error.to_string()))?;
    let shared = Shared::new(call.context()?, choice).map_err(|cause| {
        let next = "free some memory or processes".to_owned();
        Told::new("the server cannot start", &cause, next, ErrorClass::Internal)
    })?;
    let shared = Arc::new(shared);
    if args.stdio {
        let local = Principal::new(shared.ctx.actor.clone(), Scope::ALL);
        return crate::mcp::stdio::serve(&shared, local).await.map(|()| Exit::Done).map_err(|why| {
            Told::new(
                "the conversation over stdin and stdout ended early",
                &why,
                "start it again".to_owned(),
                ErrorClass::Internal,
            )
        });
    }
    if args.auth == AuthMode::None && !args.host.is_loopback() {
        return Err(usage("--auth none is for this machine only; leave it out, or serve on 127.0.0.1"));
    }
    let address = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(address).await.map_err(|cause| {
        let next = "stop what listens there, or take another port: --port 8001".to_owned();
        Told::new(format!("{address} cannot be served"), &cause, next, ErrorClass::Config)
    })?;
    let bound = listener.local_addr().unwrap_or(address);
    let guard = Guard {
        hosts: names(bound, &args.allowed_host),
        origins: args.allowed_origin.clone(),
        credential: credential(call, args, &shared)?,
        clock: shared.ctx.clock.clone(),
    };
    let facts = facts(&shared, args);
    let transports = Transports {
        legacy_sse: !args.no_legacy_sse,
        #[cfg(feature = "conformance")]
        fixtures: args.fixtures,
    };
    let router = health::routes(facts).merge(routes(&shared, transports));
    call.outside.out.line(format!("serving MCP on http://{bound}/mcp"));
    // It serves until somebody ends it: there is nothing to wait for.
    if let Some(screen) = call.outside.err.screen() {
        screen.end();
    }
    let stop = shared.ctx.cancel.clone();
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Without it, small answers wait 40 ms for an acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    let served = axum::serve(listener, behind(guard, router)).with_graceful_shutdown(stop.cancelled_owned());
    served
        .await
        .map_err(|cause| Told::new("the server ended", &cause, "start it again".to_owned(), ErrorClass::Internal))?;
    Ok(Exit::Done)
}

fn choice(args: &ServeArgs) -> Result<Choice, catalog::UnknownChoice> {
    let mut choice = Choice::of_sets(&args.toolsets)?;
    if let Some(tools) = &args.tools {
        choice = choice.within_tools(tools)?;
    }
    if let Some(tools) = &args.exclude_tools {
        choice = choice.without_tools(tools)?;
    }
    Ok(if args.read_only { choice.read_only() } else { choice })
}

/// The names by which a server at `bound` is called.
fn names(bound: SocketAddr, more: &[String]) -> Vec<String> {
    let mut hosts = vec![bound.to_string()];
    if bound.ip().is_loopback() {
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{}", bound.port())));
        if bound.port() == 80 {
            hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
        }
    }
    hosts.extend(more.iter().cloned());
    hosts
}

fn credential(call: &Call, args: &ServeArgs, shared: &Shared) -> Result<Credential, Told> {
    if args.auth == AuthMode::None {
        return Ok(Credential::Nobody(Principal::new("local", Scope::AGENT)));
    }
    let tokens = Tokens::below(&shared.ctx.home);
    let told = |cause: std::io::Error| {
        let path = tokens.path().display().to_string();
        Told::new(
            format!("{path} cannot be used"),
            &cause,
            "make it readable and writable".to_owned(),
            ErrorClass::Config,
        )
    };
    if tokens.entries().map_err(told)?.is_empty() {
        let token = tokens.add("agent", Scope::AGENT, None).map_err(told)?;
        call.outside.err.line(format!("made a token for agents, shown only now: {token}"));
    }
    Ok(Credential::Token(tokens))
}

fn facts(shared: &Arc<Shared>, args: &ServeArgs) -> health::Facts {
    let (shared, legacy) = (Arc::clone(shared), !args.no_legacy_sse);
    Arc::new(move || {
        let (cli, api) = catalog::counts(catalog::all().filter(|tool| shared.choice.offers(tool)));
        let (running, queued) = shared.runs.open();
        let transports = if legacy { vec!["http", "sse"] } else { vec!["http"] };
        let facts = json!({
            "status": "healthy", "server": "release-tests-mcp", "version": env!("CARGO_PKG_VERSION"),
            "transport": "http", "transports": transports,
            "tools": { "total": cli + api, "cli": cli, "api": api },
            "runs": { "in_flight": running, "queued": queued },
        });
        (true, facts)
    })
}

fn usage(why: &str) -> Told {
    Told {
        what: "the command line makes no sense".to_owned(),
        why: vec![why.to_owned()],
        done: Vec::new(),
        next: "oar mcp serve --help shows what is possible".to_owned(),
        exit: Exit::Usage,
        class: ErrorClass::InvalidInput,
    }
}
