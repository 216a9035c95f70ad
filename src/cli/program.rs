//! The program from its first word to its exit code: surroundings, signals, usage errors, the result that cannot be
//! written.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::FromArgMatches as _;
use tokio_util::sync::CancellationToken;
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::layer::SubscriberExt as _;

use super::outside::{CurrentCall, Outside, Stream};
use super::signals::{Asked, Signals};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::cli::output::logging::{LogClock, LogSink, Verbosity};
use crate::cli::output::progress::Screen;
use crate::cli::output::terminal::Style;
use crate::cli::output::{logging, progress};
use crate::cli::{complete, dispatch};
use crate::core::clock::Clock;
use crate::core::config::credentials::Credentials;
use crate::core::config::env::Env;
use crate::core::error::ErrorClass;
use crate::core::transport::Transport;
use crate::domain::mask::Masker;
use crate::grammar::args;
use crate::grammar::args::{Cli, Color, NAMES};
use crate::grammar::jobctl::minor_for_release;
use crate::render::json;
use crate::runs::logs::RunLogs;

/// Time for blocking work that nobody waits for any more, such as closing a file.
const LEFT_OVER: Duration = Duration::from_secs(1);

/// The program: reads its surroundings, runs, and says how it ended.
pub fn main() -> ExitCode {
    let args = match std::env::args_os().map(OsString::into_string).collect::<Result<Vec<_>, _>>() {
        Ok(args) => args,
        Err(bad) => {
            let shown = bad.to_string_lossy();
            Stream::new(std::io::stderr()).line(format!(
                "error: the command line makes no sense\n  why:  the argument {shown:?} is not UTF-8\n  next: write it in \
                 UTF-8 (locale shows the encoding of this terminal); nothing was done"
            ));
            return ExitCode::from(Exit::Usage.code());
        }
    };
    let outside = Outside {
        args,
        env: Env::from_process(),
        out: Stream::new(std::io::stdout()),
        err: Stream::new(std::io::stderr()).watched(std::io::stderr().is_terminal()),
        out_is_terminal: std::io::stdout().is_terminal(),
        program: std::env::current_exe().ok().map(|path| path.display().to_string()),
        transport: Transport::Network,
        clock: None,
        doing: CurrentCall::default(),
    };
    // One command is one conversation, and handing it from thread to thread costs more than it wins.
    let serves = is_server(&outside.args);
    let mut builder = if serves {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2);
        builder
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder.enable_all().build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(until_signal(outside, serves));
            // Ctrl-C does not wait for a Kerberos server that is away.
            runtime.shutdown_timeout(LEFT_OVER);
            exit
        }
        Err(cause) => {
            let next = "free some memory or processes".to_owned();
            let report = ErrorReport::new("the program cannot start", &cause, next, ErrorClass::Internal);
            outside.err.line(report.text());
            report.exit
        }
    };
    ExitCode::from(exit.code())
}

/// A server outlives its terminal.
fn is_server(args: &[String]) -> bool {
    let args = with_own_name(args);
    let has = |name: &str| args.iter().any(|token| token == name);
    has("serve") || has("run") && (has("ctl") || has("jobctl"))
}

/// Runs, and turns the first signal that ends a program into a cancellation; the second one ends at once.
async fn until_signal(outside: Outside, serves: bool) -> Exit {
    let cancel = CancellationToken::new();
    let work = run(outside.clone(), cancel.clone());
    let Ok(mut signals) = Signals::new() else { return work.await };
    tokio::pin!(work);
    let mut ending = None;
    loop {
        let asked = tokio::select! {
            exit = &mut work => return ending.unwrap_or(exit),
            asked = signals.next() => asked,
        };
        match asked {
            Asked::What => outside.err.line(outside.doing.text(Clock::pauses_until())),
            Asked::Reload if serves => {
                outside.err.line("SIGHUP: settings are read at the start alone; restart the server to read them anew");
            }
            Asked::Reload if ending.is_some() => {}
            Asked::End(exit) if ending.is_some() => return ending.unwrap_or(exit),
            Asked::Reload | Asked::End(_) => {
                ending = Some(if let Asked::End(exit) = asked { exit } else { Exit::HungUp });
                cancel.cancel();
                outside.err.line("stopping at the next safe point; press Ctrl-C again to stop at once");
            }
        }
    }
}

/// Runs one command line. A result that could not be written is reported, whatever else there was to tell.
pub async fn run(outside: Outside, cancel: CancellationToken) -> Exit {
    let (out, err) = (outside.out.clone(), outside.err.clone());
    let exit = answer(outside, cancel).await;
    let Some(error) = out.trouble() else { return exit };
    let mut report = ErrorReport::new(
        "the result cannot be written",
        error,
        "free space where standard output goes, then run it again; it looks before it acts".to_owned(),
        ErrorClass::Internal,
    );
    report.done.push(format!("the command itself ended with exit code {}", exit.code()));
    err.line(report.text());
    if exit == Exit::Done { report.exit } else { exit }
}

async fn answer(outside: Outside, cancel: CancellationToken) -> Exit {
    let masker = Credentials::from_env(&outside.env).masker().clone();
    let outside = masked(outside, &masker);
    let given = with_own_name(&outside.args);
    if let Some(candidates) = complete::asked(&given, &outside.env) {
        outside.out.raw(&candidates);
        return Exit::Done;
    }
    // Help and usage errors are reported before there is a parsed `--color`.
    let (early_color, early_json) = (flag_of_color(&given), given.iter().any(|argument| argument == "--json"));
    let outside = dressed(outside, early_color, early_json);
    let color = if outside.out.style().color { clap::ColorChoice::Always } else { clap::ColorChoice::Never };
    // In two columns a screen reader meets half of a name and half of its meaning.
    let command = args::command().next_line_help(outside.out.style().accessible);
    let own = own_name(&outside.args);
    let matches = match command.color(color).try_get_matches_from(&given) {
        Ok(matches) => matches,
        Err(message) => return show_clap(&outside, early_json, &given, own, &message),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(message) => return show_clap(&outside, early_json, &given, own, &message),
    };
    let verbosity = match cli.verbose {
        _ if cli.command.debugs() => Verbosity::Calls,
        0 => Verbosity::Quiet,
        1 => Verbosity::Steps,
        _ => Verbosity::Calls,
    };
    let (outside, screen) = on_screen(dressed(outside, cli.color, cli.json));
    let (clock, log) = (LogClock::default(), LogSink::default());
    let runs = RunLogs::new(clock.clone(), masker.clone());
    let subscriber = logging::subscriber(outside.err.clone(), verbosity, clock.clone(), log.clone(), masker).with(runs);
    // Boxed, because the future of all commands is large and every move of it costs stack.
    let work = Box::pin(dispatch::run(cli, outside, cancel, clock, log));
    progress::beside(screen, work.with_subscriber(subscriber)).await
}

/// Streams that show no credential of this call.
fn masked(outside: Outside, masker: &Masker) -> Outside {
    Outside { out: outside.out.clone().masked_by(masker), err: outside.err.clone().masked_by(masker), ..outside }
}

/// Streams that show what they may show; JSON is for programs and never dressed.
fn dressed(outside: Outside, color: Color, json: bool) -> Outside {
    let style = |is_terminal| Style::decide(&outside.env, color, is_terminal);
    let out = if json { Style::default() } else { style(outside.out_is_terminal) };
    let err = style(outside.err.is_terminal());
    Outside { out: outside.out.clone().dressed(out), err: outside.err.clone().dressed(err), ..outside }
}

/// Both streams on one screen, so that a sign of life and printed lines do not mix.
fn on_screen(outside: Outside) -> (Outside, Option<Screen>) {
    let style = outside.err.style();
    if !style.live && !style.accessible {
        return (outside, None);
    }
    let width = outside.env.get("COLUMNS").and_then(|text| text.parse().ok()).unwrap_or(80);
    let (err, screen) = outside.err.clone().with_screen(style, width);
    let out = outside.out.clone().on(&screen);
    (Outside { out, err, ..outside }, Some(screen))
}

/// `--color WHEN` as far as it can be distinguished from words that may make no sense.
fn flag_of_color(given: &[String]) -> Color {
    use clap::ValueEnum as _;
    let after = given.iter().position(|argument| argument == "--color").and_then(|at| given.get(at + 1));
    let joined = given.iter().find_map(|argument| argument.strip_prefix("--color="));
    let argument = joined.or(after.map(String::as_str)).unwrap_or_default();
    Color::from_str(argument, false).unwrap_or(Color::Auto)
}

/// `oarctl x` is `oar ctl x`: the executable's name is read before clap sees the words.
fn with_own_name(args: &[String]) -> Vec<String> {
    let mut given = vec!["oar".to_owned()];
    if let Some((_, command)) = own_name(args) {
        given.push(command.to_owned());
    }
    given.extend(args.iter().skip(1).cloned());
    minor_for_release(given)
}

/// The other name under which the program was called, and its command.
fn own_name(args: &[String]) -> Option<(&'static str, &'static str)> {
    let name = args.first()?.rsplit('/').next()?;
    NAMES.into_iter().find(|(known, _)| *known == name)
}

/// Help of `oarctl` speaks of `oarctl`, not of the command that it stands for.
fn as_called(text: String, own: Option<(&str, &str)>) -> String {
    match own {
        Some((name, command)) => text.replace(&format!("oar {command} "), &format!("{name} ")),
        None => text,
    }
}

fn show_clap(
    outside: &Outside,
    json: bool,
    given: &[String],
    own: Option<(&str, &str)>,
    message: &clap::Error,
) -> Exit {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let text = message.render();
    let dressed = |color: bool| as_called(if color { text.ansi().to_string() } else { text.to_string() }, own);
    if matches!(message.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = dressed(outside.out.style().color);
        outside.out.raw(&format!("{}\n", text.trim_end()));
        return Exit::Done;
    }
    let nothing_asked = message.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if nothing_asked && !json {
        let text = dressed(outside.err.style().color);
        outside.err.raw(&format!("{}\n", text.trim_end()));
        return Exit::Usage;
    }
    let several = message.kind() == ErrorKind::UnknownArgument
        && matches!(message.get(ContextKind::InvalidArg), Some(ContextValue::String(argument)) if !argument.starts_with('-'));
    let text = if nothing_asked { "a command is missing".to_owned() } else { dressed(false) };
    let mut report = usage(&text, &as_called(format!("{} --help", args::named_by(given)), own));
    if several {
        report.next = format!("put a value with blanks in quotes, such as 'In Progress'\n{}", report.next);
    }
    if json {
        outside.out.raw(&format!("{:#}\n", json::of(&report.document())));
    }
    outside.err.line(report.text());
    report.exit
}

/// A command line that makes no sense, in the form of every other error.
fn usage(text: &str, help: &str) -> ErrorReport {
    let text = text.trim_end().trim_start_matches("error: ");
    let (why, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let hint = rest.lines().map(str::trim).find_map(|line| line.strip_prefix("tip: "));
    let usage = rest.lines().map(str::trim).find(|line| line.starts_with("Usage: "));
    let help = format!("{help} shows what is possible");
    let next: Vec<&str> = hint.into_iter().chain(usage).chain([help.as_str()]).collect();
    let why = why.lines().map(|line| line.trim().to_owned()).collect();
    ErrorReport { why, ..ErrorReport::usage("", next.join("\n")) }
}
