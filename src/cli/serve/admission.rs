//! Who may come in, by the arguments and settings of the server.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;

use super::{usage, warn};
use crate::cli::commands::access::unusable;
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::access::oauth::Resource;
use crate::core::access::principal::{Principal, Scope};
use crate::core::access::quota::Quota;
use crate::core::access::tokens::Tokens;
use crate::core::config::mcp::LimitSettings;
use crate::core::context::missing_for_all;
use crate::core::error::ErrorClass;
use crate::grammar::serve::{AuthMode, ServeArgs};
use crate::mcp::shared::ServerState;
use crate::web::guard::{Authentication, Guard, RequestBounds};
use crate::web::tls::Identity;

/// The guard of a server at `bound`.
pub(super) fn guard(
    call: &Invocation,
    args: &ServeArgs,
    shared: &ServerState,
    bound: SocketAddr,
    oauth: Option<&Resource>,
) -> Result<Guard, ErrorReport> {
    Ok(Guard {
        hosts: names(bound, args, oauth),
        origins: args.allowed_origin.clone(),
        authentication: authentication(call, args, shared, oauth.cloned())?,
        bounds: request_bounds(&shared.ctx.settings.mcp.limits),
        audit: shared.audit.clone(),
        clock: shared.ctx.clock.clone(),
    })
}

fn request_bounds(limits: &LimitSettings) -> RequestBounds {
    RequestBounds {
        connections: Quota::new(limits.connections, limits.connections_each),
        streams: Quota::new(limits.streams, limits.streams_each),
        body: limits.body,
    }
}

/// What the server shows of itself over TLS.
pub(super) fn identity(args: &ServeArgs) -> Result<Option<Identity>, ErrorReport> {
    let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
    let identity = Identity::read(certificate, key).map_err(|cause| {
        let next = "give the certificate and its key as PEM files that this user can read".to_owned();
        ErrorReport::new("the server cannot speak TLS", &cause, next, ErrorClass::Config)
    })?;
    Ok(Some(identity))
}

/// Variables that every tool needs.
pub(super) fn credentials(call: &Invocation, args: &ServeArgs) -> Result<(), ErrorReport> {
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
    let own = oauth.and_then(|oauth| oauth.audience().parse::<http::Uri>().ok());
    hosts.extend(own.as_ref().and_then(http::Uri::authority).map(ToString::to_string));
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
        AuthMode::None => return Ok(Authentication::Nobody(Principal::new("local", Scope::of_agents()))),
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
        let token = tokens.add("agent", Scope::of_agents(), None).map_err(cannot_use)?;
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
