//! `oar mcp …`: the only place, with its folder, that puts the front ends `mcp` and `web` together.

mod admission;
mod probes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
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
use crate::core::access::tokens::Tokens;
use crate::core::clock::Clock;
use crate::core::context::StateAccess;
use crate::core::context::ticket::ticket_file;
use crate::core::error::ErrorClass;
use crate::domain::nearest;
use crate::grammar::mcp::McpCommand;
use crate::grammar::serve::ServeArgs;
use crate::mcp::catalog::{self, Choice, misnamed};
use crate::mcp::http::{self, Transports};
use crate::mcp::server::Server;
use crate::render::styled::{Styled, Tone};
use crate::web::approval_page;
use crate::web::connections::{self, ConnectionBounds};
use crate::web::guard::behind;
use crate::web::health;
use crate::web::protected_resource;
use crate::web::routes::Access;
use crate::web::tls::TlsListener;

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
        McpCommand::Install(args) => mcp_install::run(call, &args, &slash_commands()).await,
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
    admission::credentials(call, args)?;
    // Runs end later than listening does, so they have a token of their own.
    let work = CancellationToken::new();
    let access = if args.allow_degraded { StateAccess::Anonymous } else { StateAccess::Required };
    let ctx = call.context_until(work.clone(), access).await?;
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
    let identity = admission::identity(args)?;
    let address = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(address).await.map_err(|cause| {
        let next = "stop what listens there, or take another port: --port 8001".to_owned();
        ErrorReport::new(format!("{address} cannot be served"), &cause, next, ErrorClass::Config)
    })?;
    let bound = listener.local_addr().unwrap_or(address);
    let guard = admission::guard(call, args, shared, bound, oauth.as_ref())?;
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
    let pages = health::routes(probes::health(call, args, server, ticket))
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
    let limits = &shared.ctx.settings.mcp.limits;
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

fn usage(why: &str) -> ErrorReport {
    ErrorReport::usage(why, "oar mcp serve --help shows what is possible")
}
