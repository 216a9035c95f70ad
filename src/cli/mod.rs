//! The command line: arguments to one request, report or error to text or JSON.
//!
//! Refuses: rules about releases, calls to services, records of its own.

pub mod args;
pub mod config;
pub mod drive;
pub mod exit;
pub mod logging;
pub mod mcp_install;
pub mod oar;
pub mod outside;
pub mod rehearse;
pub mod render;
pub mod serve;
pub mod sim;
pub mod state;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _};
use tokio_util::sync::CancellationToken;
use tracing::instrument::WithSubscriber as _;

use crate::core::config::env::Env;
use crate::core::error::ErrorClass;
use args::{Cli, NAMES};
use exit::Exit;
use logging::{LogClock, Verbosity};
use outside::{Outside, Stream};
use render::Told;

/// Time for blocking work that nobody waits for any more, such as closing a file.
const LEFT_OVER: Duration = Duration::from_secs(1);

/// The program: reads its surroundings, runs, and says how it ended.
pub fn main() -> ExitCode {
    let outside = Outside {
        args: std::env::args().collect(),
        env: Env::from_process(),
        out: Stream::new(std::io::stdout()),
        err: Stream::new(std::io::stderr()),
        out_is_terminal: std::io::stdout().is_terminal(),
        program: std::env::current_exe().ok().map(|path| path.display().to_string()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(until_signal(outside));
            // Ctrl-C does not wait for a Kerberos server that is away.
            runtime.shutdown_timeout(LEFT_OVER);
            exit
        }
        Err(cause) => {
            outside.err.line(format!(
                "error: the program cannot start\n  why:  {cause}\n  next: free some memory or processes"
            ));
            Exit::Internal
        }
    };
    ExitCode::from(exit.code())
}

/// Runs, and turns the first Ctrl-C or SIGTERM into a cancellation; the second one ends at once.
async fn until_signal(outside: Outside) -> Exit {
    use tokio::signal::unix::{SignalKind, signal};

    let cancel = CancellationToken::new();
    let work = run(outside.clone(), cancel.clone());
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return work.await;
    };
    tokio::pin!(work);
    let told = tokio::select! {
        exit = &mut work => return exit,
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    };
    cancel.cancel();
    outside.err.line("stopping at the next safe point; press Ctrl-C again to stop at once");
    tokio::select! {
        _ = &mut work => told,
        _ = interrupt.recv() => told,
        _ = terminate.recv() => told,
    }
}

/// Runs one command line.
pub async fn run(outside: Outside, cancel: CancellationToken) -> Exit {
    let words = with_own_name(&outside.args);
    let color = if outside.out_is_terminal { clap::ColorChoice::Auto } else { clap::ColorChoice::Never };
    let matches = match Cli::command().color(color).try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(message) => return show_clap(&outside, &words, &message),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(message) => return show_clap(&outside, &words, &message),
    };
    let verbosity = match cli.verbose {
        0 => Verbosity::Quiet,
        1 => Verbosity::Steps,
        _ => Verbosity::Calls,
    };
    let clock = LogClock::default();
    let subscriber = logging::subscriber(outside.err.clone(), verbosity, clock.clone());
    oar::run(cli, outside, cancel, clock).with_subscriber(subscriber).await
}

/// `oarctl x` is `oar ctl x`: the executable's name is read before clap sees the words.
fn with_own_name(args: &[String]) -> Vec<String> {
    let name = args.first().map(|path| path.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
    let mut words = vec!["oar".to_owned()];
    if let Some((_, command)) = NAMES.iter().find(|(known, _)| *known == name) {
        words.push((*command).to_owned());
    }
    words.extend(args.iter().skip(1).cloned());
    words
}

fn show_clap(outside: &Outside, words: &[String], message: &clap::Error) -> Exit {
    use clap::error::ErrorKind;
    let text = message.render();
    if matches!(message.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = if outside.out_is_terminal { text.ansi().to_string() } else { text.to_string() };
        outside.out.line(text.trim_end());
        return Exit::Done;
    }
    let told = usage(&text.to_string());
    if words.iter().any(|word| word == "--json") {
        outside.out.line(format!("{:#}", told.json()));
    }
    outside.err.line(told.text());
    told.exit
}

/// A command line that makes no sense, in the form of every other error.
fn usage(text: &str) -> Told {
    let text = text.trim_end().trim_start_matches("error: ");
    let (why, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let hint = rest.lines().map(str::trim).find_map(|line| line.strip_prefix("tip: "));
    let usage = rest.lines().map(str::trim).find(|line| line.starts_with("Usage: "));
    let help = "oar --help, or oar COMMAND --help, shows what is possible";
    let next: Vec<&str> = hint.into_iter().chain(usage).chain([help]).collect();
    Told {
        what: "the command line makes no sense".to_owned(),
        why: why.lines().map(|line| line.trim().to_owned()).collect(),
        done: Vec::new(),
        next: next.join("\n"),
        exit: Exit::Usage,
        class: ErrorClass::InvalidInput,
    }
}
