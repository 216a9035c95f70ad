//! How the server is, for probes and measurements.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::cpus;
use crate::cli::invocation::Invocation;
use crate::core::clock::Clock;
use crate::core::context::ticket::Ticket;
use crate::grammar::serve::ServeArgs;
use crate::mcp::health_fields;
use crate::mcp::server::Server;
use crate::mcp::shared::ServerState;
use crate::web::health::{Health, ServerFacts};
use crate::web::metrics::Sample;

/// What `server` says of itself.
pub(super) fn health(
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
