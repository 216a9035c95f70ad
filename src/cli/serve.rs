//! `oar mcp …`: the only file that puts the front ends `mcp` and `web` together.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::commands::access::{self, unusable};
use crate::cli::commands::mcp_install::{self, SlashCommand};
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::access::audit::end::{BadEnd, check_end};
use crate::core::access::oauth::Resource;
use crate::core::access::principal::{Principal, Scope};
use crate::core::access::quota::Quota;
use crate::core::access::tokens::Tokens;
use crate::core::clock::Clock;
use crate::core::config::mcp::LimitSettings;
use crate::core::context::{StateAccess, Ticket, missing_for_all, ticket_file};
use crate::core::error::ErrorClass;
use crate::domain::nearest;
use crate::grammar::mcp::McpCommand;
use crate::grammar::serve::{AuthMode, ServeArgs};
use crate::mcp::catalog::{self, Choice, misnamed};
use crate::mcp::health_fields;
use crate::mcp::http::{self, Transports};
use crate::mcp::server::Server;
use crate::mcp::shared::ServerState;
use crate::render::styled::{Styled, Tone};
use crate::web::approval_page;
use crate::web::connections::{self, ConnectionBounds};
use crate::web::guard::{Authentication, Guard, RequestBounds, behind};
use crate::web::health::{self, Health, ServerFacts};
use crate::web::metrics::Sample;
use crate::web::protected_resource;
use crate::web::routes::Access;
use crate::web::tls::{Identity, TlsListener};

/// How a server that got a signal takes its leave.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Calls and runs may take so long to end by themselves.
    finish: Duration,
    /// Then they are cancelled, and have so long to reach a safe point.
    safe_point: Duration,
    /// Then the last answers leave.
    last_answers: Duration,
}

const PATIENCE: Patience = Patience {
    finish: Duration::from_secs(20),
    safe_point: Duration::from_secs(8),
    last_answers: Duration::from_millis(100),
};

/// Then connections have so long to close.
const CLOSE: Duration = Duration::from_secs(2);

/// Runs one command.
pub(super) async fn run(call: &Invocation, command: McpCommand) -> Result<Exit, ErrorReport> {
    match command {
        McpCommand::Serve(args) => serve(call, &args).await,
        McpCommand::Token(command) => access::token(call, command).await,
        McpCommand::Audit(command) => access::log(call, command),
        McpCommand::Install(args) => mcp_install::run(call, &args, &slash_commands()),
        McpCommand::Tools => {
            let lines: Vec<_> = catalog::all()
                .map(|tool| format!("{:<36} {:<9} {}", tool.name, tool.toolset.name(), tool.title))
                .collect();
            let tools: Vec<_> = catalog::all()
                .map(|tool| json!({ "name": tool.name, "toolset": tool.toolset.name(), "title": tool.title }))
                .collect();
            call.show(lines.join("\n"), &json!({ "ok": true, "tools": tools }));
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
async fn serve(call: &Invocation, args: &ServeArgs) -> Result<Exit, ErrorReport> {
    let choice = choice(args).map_err(|error| usage(&error.to_string()))?;
    args.may_listen().map_err(|why| usage(&why))?;
    named_well(call)?;
    credentials(call, args)?;
    // Runs end later than listening does, so they have a token of their own.
    let work = CancellationToken::new();
    let access = if args.allow_degraded { StateAccess::Anonymous } else { StateAccess::Required };
    let ctx = call.context_until(work.clone(), access)?;
    ctx.clock.refresh(&work).await;
    let server = Server::new(ctx, choice, at_once(call)).map_err(|cause| {
        let next = "free some memory or processes".to_owned();
        ErrorReport::new("the server cannot start", &cause, next, ErrorClass::Internal)
    })?;
    let server = Arc::new(server);
    let shared = &server.shared;
    check_end(shared.audit.path()).map_err(|why| damaged(shared.audit.path(), &why))?;
    shared.audit.open().map_err(|cause| unusable(shared.audit.path(), &cause))?;
    crate::mcp::audit_line::unfinished(shared);
    if args.stdio { speak(call, &server, work).await } else { listen(call, args, &server, work).await }
}

/// The conversation over stdin and stdout.
async fn speak(call: &Invocation, server: &Arc<Server>, work: CancellationToken) -> Result<Exit, ErrorReport> {
    let shared = &server.shared;
    // The client's user may do everything, but the agent between the two has to ask.
    let scopes = Scope::ALL.into_iter().filter(|scope| *scope != Scope::CriticalUnattended);
    let local = Principal::new(shared.ctx.actor.clone(), scopes);
    let ended = tokio::select! {
        ended = crate::mcp::stdio::serve(server, local) => ended,
        () = call.cancel.cancelled() => Ok(()),
    };
    finish(PATIENCE, || shared.in_flight.count() == 0, &work, &shared.sessions).await;
    ended.map(|()| Exit::Done).map_err(|why| {
        ErrorReport::new(
            "the conversation over stdin and stdout ended early",
            &why,
            "start it again".to_owned(),
            ErrorClass::Internal,
        )
    })
}

/// HTTP.
async fn listen(
    call: &Invocation,
    args: &ServeArgs,
    server: &Arc<Server>,
    work: CancellationToken,
) -> Result<Exit, ErrorReport> {
    let shared = &server.shared;
    let oauth = Resource::of(&shared.ctx.settings.mcp, |address| shared.ctx.oauth(address))
        .map_err(|why| usage(&why.to_string()))?;
    let identity = identity(args)?;
    let address = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(address).await.map_err(|cause| {
        let next = "stop what listens there, or take another port: --port 8001".to_owned();
        ErrorReport::new(format!("{address} cannot be served"), &cause, next, ErrorClass::Config)
    })?;
    let bound = listener.local_addr().unwrap_or(address);
    let limits = &shared.ctx.settings.mcp.limits;
    let guard = Guard {
        hosts: names(bound, args, oauth.as_ref()),
        origins: args.allowed_origin.clone(),
        authentication: authentication(call, args, shared, oauth.clone())?,
        bounds: request_bounds(limits),
        audit: shared.audit.clone(),
        clock: shared.ctx.clock.clone(),
    };
    let (shown, ticket) = watch::channel(None);
    let transports = Transports {
        legacy_sse: !args.no_legacy_sse,
        #[cfg(feature = "conformance")]
        fixtures: args.fixtures,
    };
    let stop = call.cancel.clone();
    let (approvals, tokens) = (shared.confirm.approvals.clone(), Tokens::below(&shared.ctx.home));
    let approval_page = approval_page::routes(approvals, tokens, shared.ctx.clock.clone()).map_err(|cause| {
        let next = "start it again; without random numbers nobody can confirm anything".to_owned();
        ErrorReport::new("the server cannot start", &cause, next, ErrorClass::Internal)
    })?;
    let pages = health::routes(health(call, args, server, ticket))
        .merge(protected_resource::routes(oauth.as_ref()))
        .merge(approval_page);
    let protocol = http::routes(server, transports).into_iter();
    let routes = protocol.fold(pages, |routes, (path, methods)| routes.route(path, Access::Caller, methods));
    let scheme = if identity.is_some() { "https" } else { "http" };
    shared.confirm.shown_at(&format!("{scheme}://{bound}"));
    call.outside.out.line(format!("serving MCP on {scheme}://{bound}/mcp"));
    // It serves until somebody ends it: there is nothing to wait for.
    if let Some(screen) = call.outside.err.screen() {
        screen.end();
    }
    let router = behind(guard, routes);
    let finished = CancellationToken::new();
    let bounds = ConnectionBounds { most: limits.connections, head: limits.head, idle: limits.idle };
    let serving = async {
        let serving: BoxFuture<'_, ()> = match identity {
            Some(identity) => {
                Box::pin(connections::serve(TlsListener::new(listener, &identity), router, bounds, stop.clone()))
            }
            None => Box::pin(connections::serve(listener, router, bounds, stop.clone())),
        };
        tokio::select! {
            () = serving => {}
            () = async { finished.cancelled().await; elapse(CLOSE, || false).await } => {}
        }
    };
    let finishing = async {
        stop.cancelled().await;
        finish(PATIENCE, || shared.in_flight.count() == 0, &work, &shared.sessions).await;
        finished.cancel();
    };
    let tickets = ticket_file(call.outside.env.get("KRB5CCNAME"));
    let watching = async {
        tokio::select! {
            () = health::watch_ticket(shared.ctx.clone(), tickets.clone(), shown) => {}
            () = stop.cancelled() => {}
        }
    };
    let ((), (), ()) = tokio::join!(serving, finishing, watching);
    Ok(Exit::Done)
}

fn request_bounds(limits: &LimitSettings) -> RequestBounds {
    RequestBounds {
        connections: Quota::new(limits.connections, limits.connections_each),
        streams: Quota::new(limits.streams, limits.streams_each),
        body: limits.body,
    }
}

fn identity(args: &ServeArgs) -> Result<Option<Identity>, ErrorReport> {
    let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
    let identity = Identity::read(certificate, key).map_err(|cause| {
        let next = "give the certificate and its key as PEM files that this user can read".to_owned();
        ErrorReport::new("the server cannot speak TLS", &cause, next, ErrorClass::Config)
    })?;
    Ok(Some(identity))
}

/// Lets calls and runs end, then cancels what is left at its next safe point; 30 s at most, closing included.
async fn finish(patience: Patience, idle: impl Fn() -> bool, work: &CancellationToken, sessions: &CancellationToken) {
    elapse(patience.finish, &idle).await;
    work.cancel();
    elapse(patience.safe_point, &idle).await;
    elapse(patience.last_answers, || false).await;
    sessions.cancel();
}

/// Waits until `done`, or so long.
async fn elapse(longest: Duration, done: impl Fn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let until = Clock::monotonic() + longest;
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

/// Tools are named in the settings where people trust that a name counts.
fn named_well(call: &Invocation) -> Result<(), ErrorReport> {
    let runs = &call.settings()?.runs;
    let limits = runs.time_limits.keys().find(|name| catalog::all().all(|tool| tool.name != name.as_str()));
    let limits = limits.map(|name| {
        let hint = nearest::hint(name, catalog::all().map(|tool| tool.name));
        format!("mcp.runs.time_limits_s.{name} names no tool{hint}")
    });
    let Some(why) = misnamed(&runs.confirm).or(limits) else { return Ok(()) };
    Err(ErrorReport {
        what: "the settings make no sense".to_owned(),
        why: vec![why],
        done: Vec::new(),
        next: "correct the name; oar mcp tools lists the tools".to_owned(),
        exit: Exit::Usage,
        class: ErrorClass::Config,
    })
}

fn warn(call: &Invocation, text: &str) {
    call.outside.err.line(Styled::toned(Tone::Warning, "warning: ") + text);
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(4, std::num::NonZero::get)
}

/// Changes that are carried out at a time.
fn at_once(call: &Invocation) -> usize {
    const VARIABLE: &str = "MCP_THREAD_POOL_SIZE";
    let usual = 2 * cpus();
    let Some(given) = call.outside.env.get(VARIABLE) else { return usual };
    given.trim().parse().ok().filter(|slots: &usize| *slots > 0).unwrap_or_else(|| {
        warn(call, &format!("{VARIABLE} is no whole number from 1; {usual} is taken"));
        usual
    })
}

/// A log to which nothing may be added.
fn damaged(path: &std::path::Path, why: &BadEnd) -> ErrorReport {
    let next = "oar mcp audit verify shows where; keep the file for whoever looks into it, move it away, and start \
                again: a new log begins";
    let what = format!("{} cannot be gone on with", path.display());
    let report = ErrorReport::new(what, why, next.to_owned(), ErrorClass::Corrupt);
    ErrorReport { exit: Exit::NeedsPerson, ..report }
}

/// Variables that every tool needs.
fn credentials(call: &Invocation, args: &ServeArgs) -> Result<(), ErrorReport> {
    let missing = missing_for_all(&call.settings()?);
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = missing.iter().map(|missing| format!("{missing} is missing: {}", missing.purpose())).collect();
    if args.allow_degraded {
        lines.iter().for_each(|line| warn(call, line));
        return Ok(());
    }
    let how: Vec<_> = missing.iter().map(|missing| format!("{missing}: {}", missing.how_to_get())).collect();
    Err(ErrorReport {
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

fn authentication(
    call: &Invocation,
    args: &ServeArgs,
    shared: &ServerState,
    oauth: Option<Resource>,
) -> Result<Authentication, ErrorReport> {
    match args.auth {
        AuthMode::None => return Ok(Authentication::Nobody(Principal::new("local", Scope::AGENT))),
        AuthMode::Oauth if oauth.is_none() => {
            return Err(usage("--auth oauth needs the settings mcp.oauth.issuer, audience and jwks_url"));
        }
        AuthMode::Oauth => return Ok(Authentication::Bearer { tokens: None, oauth }),
        AuthMode::Token => {}
    }
    let tokens = Tokens::below(&shared.ctx.home);
    let cannot_use = |cause: std::io::Error| unusable(tokens.path(), &cause);
    let path = tokens.path().with_file_name("agent.token");
    if !tokens.whole().map_err(cannot_use)?.is_empty() {
        let line = match path.exists() {
            true => format!("callers show a token; the one for agents is in {}", path.display()),
            false => "callers show a token; another one: oar mcp token add NAME".to_owned(),
        };
        call.outside.err.line(line);
    } else if oauth.is_none() {
        let token = tokens.add("agent", Scope::AGENT, None).map_err(cannot_use)?;
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
    Ok(Authentication::Bearer { tokens: Some(tokens), oauth })
}

fn health(
    call: &Invocation,
    args: &ServeArgs,
    server: &Arc<Server>,
    ticket: watch::Receiver<Option<(Timestamp, Ticket)>>,
) -> Health {
    let started = Clock::monotonic();
    let how = health_fields::Started {
        transports: if args.no_legacy_sse { vec!["http"] } else { vec!["http", "sse"] },
        proxy: args.behind_proxy.clone(),
        cpus: cpus(),
    };
    let shared = &server.shared;
    let of_facts = Arc::clone(server);
    let facts = move || {
        if let Some(why) = of_facts.shared.audit.trouble() {
            return Err(format!("the audit log cannot be written: {why}"));
        }
        let fields = health_fields::fields(&of_facts, &how, started.elapsed());
        Ok(ServerFacts { well: of_facts.shared.ctx.missing_for_all().is_empty(), fields })
    };
    let (of_ready, stop) = (Arc::clone(shared), call.cancel.clone());
    let ready = move || {
        if stop.is_cancelled() {
            return Err("the server is stopping".to_owned());
        }
        if let Some(missing) = of_ready.locked {
            return Err(format!("{missing} is missing"));
        }
        of_ready.audit.ready().map_err(|why| format!("the audit log cannot be written: {why}"))
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

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn samples(shared: &ServerState, uptime: Duration) -> Vec<Sample> {
    let open = shared.runs.open();
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
        Sample::gauge("oar_runs", "Runs that have not ended", open.running as f64).labelled("state", "running"),
        Sample::gauge("oar_runs", "Runs that have not ended", open.queued as f64).labelled("state", "queued"),
    ];
    samples.extend(shared.audit.counts().into_iter().map(|(tool, outcome, times)| {
        let about = "Calls and refused requests by tool and outcome";
        Sample::counter("oar_calls_total", about, times as f64).labelled("tool", tool).labelled("outcome", outcome)
    }));
    samples
}

fn usage(why: &str) -> ErrorReport {
    ErrorReport::usage(why, "oar mcp serve --help shows what is possible")
}
