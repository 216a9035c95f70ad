//! `oar mcp …`: the only file that puts the doors `mcp` and `web` together.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::{Listener, ListenerExt as _};
use clap::{Args, Subcommand};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::access::{self, AuditCommand, TokenCommand, unusable};
use super::exit::Exit;
use super::mcp_install::{self, InstallArgs, SlashCommand};
use super::oar::Call;
use super::render::Told;
use crate::core::access::oauth::Resource;
use crate::core::access::principal::{Principal, Scope};
use crate::core::access::tokens::Tokens;
use crate::core::config::credentials::Credential as Variable;
use crate::core::config::settings::ErrataAuth;
use crate::core::context::missing_for_all;
use crate::core::error::ErrorClass;
use crate::mcp::catalog::{self, Choice};
use crate::mcp::http::{Transports, routes};
use crate::mcp::server::Shared;
use crate::web::approval_page;
use crate::web::guard::{Credential, Guard, behind};
use crate::web::health::{self, Facts, Health};
use crate::web::metrics::Sample;
use crate::web::protected_resource;
use crate::web::tls::{Identity, TlsListener};

/// After a signal, calls and runs may take so long to end by themselves.
const FINISH: Duration = Duration::from_secs(20);

/// Then they are cancelled, and have so long to reach a safe point.
const SAFE_POINT: Duration = Duration::from_secs(8);

/// Then the last answers leave.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Then connections have so long to close.
const CLOSE: Duration = Duration::from_secs(2);

/// The server for AI agents.
#[derive(Debug, Subcommand)]
pub enum McpCommand {
    /// Serve the tools to AI agents over HTTP, or over stdin and stdout with --stdio
    Serve(Box<ServeArgs>),
    /// List the tools
    Tools,
    /// Make, list and end the tokens with which callers show who they are
    #[command(subcommand)]
    Token(TokenCommand),
    /// Check the log of who called what
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Tell a client where the server is, and give it our prompts as slash commands
    Install(InstallArgs),
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
    /// Certificate to speak TLS with, in PEM form with those of its issuers; read once, at the start
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Name of the proxy in front that speaks TLS with callers, when this server does not
    #[arg(long, value_name = "NAME")]
    pub behind_proxy: Option<String>,
    /// Start although variables that every tool needs are missing; tools then say which
    #[arg(long)]
    pub allow_degraded: bool,
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
    /// By a bearer token of ours, or of the OAuth server of the settings
    Token,
    /// By a token of the OAuth server of the settings
    Oauth,
    /// Not at all
    None,
}

/// Runs one command.
pub(super) async fn run(call: &Call, command: McpCommand) -> Result<Exit, Told> {
    match command {
        McpCommand::Serve(args) => serve(call, &args).await,
        McpCommand::Token(command) => access::token(call, command),
        McpCommand::Audit(command) => access::log(call, command),
        McpCommand::Install(args) => mcp_install::run(call, &args, &slash_commands()),
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

fn slash_commands() -> Vec<SlashCommand> {
    let command = |(name, about, arguments, text): (&str, &str, Vec<&str>, &str)| SlashCommand {
        name: name.to_owned(),
        about: about.to_owned(),
        arguments: arguments.into_iter().map(str::to_owned).collect(),
        text: text.to_owned(),
    };
    crate::mcp::prompts::texts().map(command).collect()
}

/// Serves until a signal. Contacts no service before the first call.
async fn serve(call: &Call, args: &ServeArgs) -> Result<Exit, Told> {
    let choice = choice(args).map_err(|error| usage(&error.to_string()))?;
    may_listen(args).map_err(|why| usage(&why))?;
    credentials(call, args)?;
    // Runs end later than listening does, so they have a token of their own.
    let work = CancellationToken::new();
    let ctx = call.context_until(work.clone(), args.allow_degraded)?;
    let shared = Shared::new(ctx, choice).map_err(|cause| {
        let next = "free some memory or processes".to_owned();
        Told::new("the server cannot start", &cause, next, ErrorClass::Internal)
    })?;
    let shared = Arc::new(shared);
    shared.audit.open().map_err(|cause| unusable(shared.audit.path(), &cause))?;
    if args.stdio { speak(call, &shared, work).await } else { listen(call, args, &shared, work).await }
}

/// The conversation over stdin and stdout.
async fn speak(call: &Call, shared: &Arc<Shared>, work: CancellationToken) -> Result<Exit, Told> {
    // The client's user may do everything, but the agent between the two has to ask.
    let scopes = Scope::ALL.into_iter().filter(|scope| *scope != Scope::CriticalUnattended);
    let local = Principal::new(shared.ctx.actor.clone(), scopes);
    let ended = tokio::select! {
        ended = crate::mcp::stdio::serve(shared, local) => ended,
        () = call.cancel.cancelled() => Ok(()),
    };
    finish(shared, &work).await;
    ended.map(|()| Exit::Done).map_err(|why| {
        Told::new(
            "the conversation over stdin and stdout ended early",
            &why,
            "start it again".to_owned(),
            ErrorClass::Internal,
        )
    })
}

/// HTTP.
async fn listen(call: &Call, args: &ServeArgs, shared: &Arc<Shared>, work: CancellationToken) -> Result<Exit, Told> {
    let oauth = Resource::of(&shared.ctx).map_err(|why| usage(&why.to_string()))?;
    let identity = identity(args)?;
    let address = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(address).await.map_err(|cause| {
        let next = "stop what listens there, or take another port: --port 8001".to_owned();
        Told::new(format!("{address} cannot be served"), &cause, next, ErrorClass::Config)
    })?;
    let bound = listener.local_addr().unwrap_or(address);
    let guard = Guard {
        hosts: names(bound, args, oauth.as_ref()),
        origins: args.allowed_origin.clone(),
        credential: credential(call, args, shared, oauth.clone())?,
        audit: shared.audit.clone(),
        clock: shared.ctx.clock.clone(),
    };
    let (teller, ticket) = watch::channel(None);
    let transports = Transports {
        legacy_sse: !args.no_legacy_sse,
        #[cfg(feature = "conformance")]
        fixtures: args.fixtures,
    };
    let stop = call.cancel.clone();
    let router = health::routes(health(call, args, shared, ticket))
        .merge(protected_resource::routes(oauth.as_ref()))
        .merge(approval_page::routes(
            shared.confirm.approvals.clone(),
            Tokens::below(&shared.ctx.home),
            shared.ctx.clock.clone(),
        ))
        .merge(routes(shared, transports));
    let scheme = if identity.is_some() { "https" } else { "http" };
    shared.confirm.shown_at(&format!("{scheme}://{bound}"));
    call.outside.out.line(format!("serving MCP on {scheme}://{bound}/mcp"));
    // It serves until somebody ends it: there is nothing to wait for.
    if let Some(screen) = call.outside.err.screen() {
        screen.end();
    }
    let router = behind(guard, router);
    let finished = CancellationToken::new();
    let serving = async {
        let serving: BoxFuture<'_, std::io::Result<()>> = match identity {
            Some(identity) => Box::pin(accept(TlsListener::new(listener, &identity), router, stop.clone())),
            None => Box::pin(accept(listener, router, stop.clone())),
        };
        tokio::select! {
            served = serving => served,
            () = async { finished.cancelled().await; elapse(CLOSE, || false).await } => Ok(()),
        }
    };
    let finishing = async {
        stop.cancelled().await;
        finish(shared, &work).await;
        finished.cancel();
    };
    let watching = async {
        tokio::select! {
            () = health::watch_ticket(shared.ctx.clone(), teller) => {}
            () = stop.cancelled() => {}
        }
    };
    let (served, (), ()) = tokio::join!(serving, finishing, watching);
    served.map_err(|cause| Told::new("the server ended", &cause, "start it again".to_owned(), ErrorClass::Internal))?;
    Ok(Exit::Done)
}

/// Serves whoever comes to `listener`, until `stop`; then the connections that there are.
async fn accept<L>(listener: L, router: axum::Router, stop: CancellationToken) -> std::io::Result<()>
where
    L: Listener<Addr = SocketAddr>,
    L::Io: Nodelay,
{
    // The tap also tells routes who the peer is, which listeners of our own cannot.
    let listener = listener.tap_io(Nodelay::no_delay);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// Without it, small answers wait 40 ms for an acknowledgement.
trait Nodelay {
    fn no_delay(&mut self);
}

impl Nodelay for TcpStream {
    fn no_delay(&mut self) {
        let _ = self.set_nodelay(true);
    }
}

impl Nodelay for tokio_rustls::server::TlsStream<TcpStream> {
    fn no_delay(&mut self) {
        let _ = self.get_ref().0.set_nodelay(true);
    }
}

fn identity(args: &ServeArgs) -> Result<Option<Identity>, Told> {
    let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
    let identity = Identity::read(certificate, key).map_err(|cause| {
        let next = "give the certificate and its key as PEM files that this user can read".to_owned();
        Told::new("the server cannot speak TLS", &cause, next, ErrorClass::Config)
    })?;
    Ok(Some(identity))
}

/// Lets calls and runs end, then cancels what is left at its next safe point; 30 s at most, closing included.
async fn finish(shared: &Arc<Shared>, work: &CancellationToken) {
    let idle = || shared.in_flight.count() == 0;
    elapse(FINISH, idle).await;
    work.cancel();
    elapse(SAFE_POINT, idle).await;
    elapse(LAST_WORDS, || false).await;
    shared.sessions.cancel();
}

/// Waits until `done`, or so long.
async fn elapse(longest: Duration, done: impl Fn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let until = tokio::time::Instant::now() + longest;
    while !done() && looks.tick().await < until {}
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

/// Other machines come in only with a credential that nobody on the way can read.
fn may_listen(args: &ServeArgs) -> Result<(), String> {
    let here = args.host.is_loopback() && args.behind_proxy.is_none();
    if args.stdio || here {
        return Ok(());
    }
    if args.auth == AuthMode::None {
        return Err("--auth none is for this machine only; leave it out, or serve on 127.0.0.1".to_owned());
    }
    match &args.behind_proxy {
        None if args.tls_cert.is_some() && args.allowed_host.is_empty() => {
            Err("other machines use a name of this one: add it with --allowed-host NAME".to_owned())
        }
        None if args.tls_cert.is_some() => Ok(()),
        None => Err(format!(
            "on {} tokens would travel in the clear; give --tls-cert and --tls-key, or put a proxy with TLS in front \
             and name it: --behind-proxy NAME",
            args.host
        )),
        Some(name) if name.trim().is_empty() => Err("--behind-proxy needs the name of the proxy".to_owned()),
        Some(_) if args.allowed_host.is_empty() => {
            Err("behind a proxy, callers use its name: add it with --allowed-host NAME".to_owned())
        }
        Some(_) => Ok(()),
    }
}

/// Variables that every tool needs.
fn credentials(call: &Call, args: &ServeArgs) -> Result<(), Told> {
    let missing = missing_for_all(&call.settings()?);
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = missing.iter().map(|missing| format!("{missing} is missing: {}", missing.purpose())).collect();
    if args.allow_degraded {
        lines.iter().for_each(|line| call.outside.err.line(format!("warning: {line}")));
        return Ok(());
    }
    let how: Vec<_> = missing.iter().map(|missing| format!("{missing}: {}", missing.how_to_get())).collect();
    Err(Told {
        what: "the server cannot start".to_owned(),
        why: lines,
        done: Vec::new(),
        next: format!(
            "set them ({}), or start with --allow-degraded\n\
             to try it without any: oar sim serve in another terminal, and export here what it prints",
            how.join("; ")
        ),
        exit: Exit::Credential,
        class: ErrorClass::Auth,
    })
}

/// The names by which a server at `bound` is called.
fn names(bound: SocketAddr, args: &ServeArgs, oauth: Option<&Resource>) -> Vec<String> {
    let mut hosts = vec![bound.to_string()];
    if bound.ip().is_loopback() {
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{}", bound.port())));
        if bound.port() == 80 {
            hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
        }
    }
    let named = oauth.and_then(|oauth| oauth.audience().split("://").nth(1)?.split('/').next().map(str::to_owned));
    hosts.extend(named);
    hosts.extend(args.allowed_host.iter().cloned());
    hosts
}

fn credential(call: &Call, args: &ServeArgs, shared: &Shared, oauth: Option<Resource>) -> Result<Credential, Told> {
    match args.auth {
        AuthMode::None => return Ok(Credential::Nobody(Principal::new("local", Scope::AGENT))),
        AuthMode::Oauth if oauth.is_none() => {
            return Err(usage("--auth oauth needs the settings mcp.oauth.issuer, audience and jwks_url"));
        }
        AuthMode::Oauth => return Ok(Credential::Bearer { tokens: None, oauth }),
        AuthMode::Token => {}
    }
    let tokens = Tokens::below(&shared.ctx.home);
    let told = |cause: std::io::Error| unusable(tokens.path(), &cause);
    let path = tokens.path().with_file_name("agent.token");
    if !tokens.entries().map_err(told)?.is_empty() {
        let line = match path.exists() {
            true => format!("callers show a token; the one for agents is in {}", path.display()),
            false => "callers show a token; another one: oar mcp token add NAME".to_owned(),
        };
        call.outside.err.line(line);
    } else if oauth.is_none() {
        let token = tokens.add("agent", Scope::AGENT, None).map_err(told)?;
        let _ = std::fs::remove_file(&path);
        std::fs::OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{token}"))
            .map_err(|cause| unusable(&path, &cause))?;
        // What a service manager collects is a log, and a log holds no token.
        let line = match call.outside.env.get("JOURNAL_STREAM") {
            Some(_) => format!("made a token for agents; it is in {}", path.display()),
            None => format!("made a token for agents, kept in {}, shown only now: {token}", path.display()),
        };
        call.outside.err.line(line);
    }
    Ok(Credential::Bearer { tokens: Some(tokens), oauth })
}

fn health(
    call: &Call,
    args: &ServeArgs,
    shared: &Arc<Shared>,
    ticket: watch::Receiver<Option<crate::core::context::Ticket>>,
) -> Health {
    let cpus = std::thread::available_parallelism().map_or(4, std::num::NonZero::get);
    let slots = call.outside.env.get("MCP_THREAD_POOL_SIZE").and_then(|text| text.trim().parse().ok());
    let slots = slots.filter(|slots: &usize| *slots > 0).unwrap_or(2 * cpus);
    let started = tokio::time::Instant::now();
    let transports = if args.no_legacy_sse { json!(["http"]) } else { json!(["http", "sse"]) };
    let proxy = args.behind_proxy.clone();
    let of_facts = Arc::clone(shared);
    let facts = move || {
        let shared = &of_facts;
        if let Some(why) = shared.audit.trouble() {
            return Err(format!("the audit log cannot be written: {why}"));
        }
        let (cli, api) = catalog::counts(catalog::all().filter(|tool| shared.choice.offers(tool)));
        let (running, queued) = shared.runs.open();
        let missing = shared.ctx.missing_for_all();
        let (cached, most_cached, hit_rate) = shared.store.size();
        let fields = json!({
            "server": "release-tests-mcp",
            "version": env!("CARGO_PKG_VERSION"),
            "transport": "http",
            "transports": transports,
            "tools": { "total": cli + api, "cli": cli, "api": api },
            "environment": environment(shared, &missing),
            "cache": { "enabled": true, "size": cached, "max_size": most_cached, "hit_rate": hit_rate, "ttl_days": 7 },
            "thread_pool": { "size": slots, "cpu_count": cpus },
            "uptime_seconds": started.elapsed().as_secs(),
            "runs": { "in_flight": running, "queued": queued },
            "proxy": proxy,
        });
        let fields = if let Value::Object(fields) = fields { fields } else { serde_json::Map::new() };
        Ok(Facts { well: missing.is_empty(), fields })
    };
    let (of_ready, stop) = (Arc::clone(shared), call.cancel.clone());
    let ready = move || {
        if stop.is_cancelled() {
            return Err("the server is stopping".to_owned());
        }
        if let Some(missing) = of_ready.locked {
            return Err(format!("{missing} is missing"));
        }
        of_ready.audit.open().map_err(|_| "the audit log cannot be written".to_owned())
    };
    let of_samples = Arc::clone(shared);
    Health {
        facts: Arc::new(facts),
        ready: Arc::new(ready),
        samples: Arc::new(move || samples(&of_samples, started.elapsed())),
        ticket,
        trusts_machine: args.behind_proxy.is_none(),
        clock: shared.ctx.clock.clone(),
    }
}

/// Which variables are missing, and what works without them.
fn environment(shared: &Shared, missing: &[Variable]) -> Value {
    use Variable as V;
    let settings = &shared.ctx.settings;
    let bearer = settings.errata_auth == ErrataAuth::Bearer;
    let has = |needed: &[V]| needed.iter().all(|variable| settings.credentials.get(*variable).is_some());
    let optional = V::ALL.iter().filter(|variable| !matches!(variable, V::OarJwk | V::GithubToken | V::JiraEmail));
    let optional = optional.filter(|variable| (bearer || **variable != V::ErrataToken) && !has(&[**variable]));
    let optional: Vec<_> = optional.map(|variable| variable.variable()).collect();
    let required: Vec<_> = missing.iter().map(|variable| variable.variable()).collect();
    let errors: Vec<_> = missing.iter().map(|variable| format!("{variable}: {}", variable.purpose())).collect();
    json!({
        "valid": missing.is_empty(),
        "missing_required": required,
        "missing_optional": optional,
        "errors": errors,
        "capabilities": {
            "state": settings.state.dir.is_some() || has(&[V::GithubToken]),
            "settings": has(&[V::OarJwk]),
            "errata": !bearer || has(&[V::ErrataToken]),
            "jira": has(&[V::JiraUsername, V::JiraToken]),
            "shipment": has(&[V::GitlabToken]),
            "stage_testing": has(&[V::JenkinsUser, V::JenkinsToken]),
            "prow": has(&[V::ApiToken]),
            "slack": has(&[V::SlackBotToken]),
        },
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn samples(shared: &Shared, uptime: Duration) -> Vec<Sample> {
    let (running, queued) = shared.runs.open();
    let well = shared.ctx.missing_for_all().is_empty() && shared.audit.trouble().is_none();
    let mut samples = vec![
        Sample::gauge("oar_info", "The program", 1.0).labelled("version", env!("CARGO_PKG_VERSION")),
        Sample::gauge("oar_uptime_seconds", "Time since the start", uptime.as_secs_f64()),
        Sample::gauge(
            "oar_environment_valid",
            "Whether nothing that every tool needs is missing",
            f64::from(u8::from(well)),
        ),
        Sample::gauge("oar_calls_in_flight", "Calls and runs that have not ended", shared.in_flight.count() as f64),
        Sample::gauge("oar_runs", "Runs that have not ended", running as f64).labelled("state", "running"),
        Sample::gauge("oar_runs", "Runs that have not ended", queued as f64).labelled("state", "queued"),
    ];
    samples.extend(shared.audit.counts().into_iter().map(|(tool, outcome, times)| {
        let about = "Calls and refused requests by tool and outcome";
        Sample::counter("oar_calls_total", about, times as f64).labelled("tool", tool).labelled("outcome", outcome)
    }));
    samples
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
