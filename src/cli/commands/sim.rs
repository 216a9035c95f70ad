//! `oar sim …`: the simulator on its own, and the elliott stand-in that rehearsals start.

mod remote;

use std::path::Path;

use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::clock::VirtualClock;
use crate::core::error::ErrorClass;
use crate::grammar::sim::SimCommand;
use crate::render::documents::rehearsal::{NamedScenario, Scenarios, Served};
use crate::render::json;
use crate::sim::elliott;
use crate::sim::events::Event;
use crate::sim::faults::rules::Faults;
use crate::sim::scenario::Scenario;
use crate::sim::scenario::named::{NAMES, meaning};
use crate::sim::server::{Simulator, StartOptions};

/// Runs a simulator command.
pub(crate) async fn run(call: &Invocation, command: SimCommand) -> Result<Exit, ErrorReport> {
    match command {
        SimCommand::Serve { port, scenario, seed, faults } => serve(call, port, &scenario, seed, faults).await,
        SimCommand::Scenarios => {
            let lines: Vec<_> = NAMES.iter().map(|name| format!("{name:<28} {}", meaning(name))).collect();
            let scenarios = NAMES.iter().map(|name| NamedScenario { name, meaning: meaning(name) }).collect();
            call.show(lines.join("\n"), &Scenarios { ok: true, scenarios });
            Ok(Exit::Done)
        }
        SimCommand::Status => remote::status(call).await,
        SimCommand::Event { name, body } => remote::event(call, name, body).await,
        SimCommand::Pause => remote::pause(call, true).await,
        SimCommand::Resume => remote::pause(call, false).await,
        SimCommand::Advance { by } => remote::advance(call, by).await,
        SimCommand::Limits { which } => remote::limits(call, which == "on").await,
        SimCommand::Elliott { args } => {
            let env = call
                .outside
                .env
                .names()
                .filter_map(|name| Some((name.to_owned(), call.outside.env.get(name)?.to_owned())));
            let ended = elliott::stand_in(&args, &env.collect()).await;
            if !ended.stderr.is_empty() {
                call.outside.err.line(ended.stderr.trim_end());
            }
            if !ended.stdout.is_empty() {
                call.outside.out.raw(&format!("{}\n", ended.stdout.trim_end()));
            }
            Ok(if ended.code == 0 { Exit::Done } else { Exit::Internal })
        }
    }
}

async fn serve(call: &Invocation, port: u16, scenario: &str, seed: u64, faults: f64) -> Result<Exit, ErrorReport> {
    let scenario = Scenario::named(scenario, call.release.as_ref(), None).map_err(|error| unknown(&error))?;
    let clock = VirtualClock::starting_at(scenario.start());
    let faults = if faults > 0.0 { Faults::random(faults, seed) } else { Faults::none() };
    let release = scenario.plan.release.clone();
    let started = Simulator::start(StartOptions { port, scenario, seed, clock, faults }).await;
    let mut simulator = started.map_err(|error| {
        ErrorReport::new(
            "the simulator cannot start",
            &error,
            format!("take another port: --port {}", port.wrapping_add(1)),
            ErrorClass::Config,
        )
    })?;
    let home = tempfile::tempdir().map_err(|error| {
        ErrorReport::new(
            "the simulator cannot start",
            &error,
            "make the temporary folder writable".to_owned(),
            ErrorClass::Config,
        )
    })?;
    let variables = environment(&simulator, home.path(), call.outside.program.as_deref())?;
    if call.json {
        let variables: serde_json::Map<_, _> =
            variables.into_iter().map(|(name, value)| (name, serde_json::Value::from(value))).collect();
        let served = Served { ok: true, release: release.to_string(), environment: variables };
        // The credentials are invented, and whoever masks them makes them useless.
        call.outside.out.exactly(&format!("{:#}\n", json::of(&served)));
    } else {
        // To be copied, so it is not dressed.
        let out = &call.outside.out;
        // Shells read `: '…'` as nothing to do; a line with # is a command in zsh.
        out.raw(&format!(
            ": 'simulated world of {release}; nothing here is real. Paste all of this into another terminal.'\n"
        ));
        out.raw(": 'It replaces OAR_HOME, OAR_CONFIG_FILE and credentials of that terminal: take a new one.'\n");
        for (name, value) in variables {
            out.exactly(&format!("export {name}='{value}'\n"));
        }
        out.raw(&format!(": 'Then for example: oar -r {release} create-test-report   (Ctrl-C here ends the world)'\n"));
    }
    // It serves until somebody ends it: there is nothing to wait for.
    if let Some(screen) = call.outside.err.screen() {
        screen.end();
    }
    tokio::select! {
        () = simulator.serve() => {}
        () = call.cancel.cancelled() => {}
    }
    simulator.shutdown().await;
    Ok(Exit::Done)
}

/// The environment with which `oar` talks to `simulator`; sealed settings are written below `home`.
pub(crate) fn environment(
    simulator: &Simulator,
    home: &Path,
    program: Option<&str>,
) -> Result<Vec<(String, String)>, ErrorReport> {
    let refuse = |error: &std::io::Error| {
        ErrorReport::new(
            "the rehearsal cannot start",
            error,
            "make the temporary folder writable".to_owned(),
            ErrorClass::Config,
        )
    };
    let settings = home.join("settings.json");
    std::fs::write(&settings, simulator.sealed_settings_json()).map_err(|error| refuse(&error))?;
    let mut env = simulator.env();
    env.push(("OAR_CONFIG_FILE".to_owned(), settings.display().to_string()));
    env.push(("OAR_HOME".to_owned(), home.join("home").display().to_string()));
    if let Some(program) = program {
        env.push(("OAR_ELLIOTT_CMD".to_owned(), format!("{program} sim elliott")));
    }
    Ok(env)
}

/// `report`, or what is the matter when it came from a simulated world that is gone.
pub(crate) async fn or_world_is_gone(call: &Invocation, report: ErrorReport) -> ErrorReport {
    remote::or_gone(call, report).await
}

/// Names for `--scenario`, with what happens in each.
pub(crate) fn scenario_names() -> Vec<(String, String)> {
    NAMES.iter().map(|name| ((*name).to_owned(), meaning(name).to_owned())).collect()
}

/// Names for `sim event`.
pub(crate) fn event_names() -> Vec<(String, String)> {
    Event::meanings().into_iter().map(|(name, meaning)| (name.to_owned(), meaning.to_owned())).collect()
}

/// A scenario name that nobody knows.
pub(crate) fn unknown(error: &crate::sim::scenario::ScenarioError) -> ErrorReport {
    let mut report = ErrorReport::new(
        "the scenario cannot be made",
        error,
        "oar sim scenarios lists the names".to_owned(),
        ErrorClass::InvalidInput,
    );
    report.exit = Exit::Usage;
    report
}
