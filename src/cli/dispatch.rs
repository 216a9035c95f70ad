//! The one place that knows every command: arguments in, exit code out.

use tokio_util::sync::CancellationToken;

use crate::cli::commands::{config, ctl, drive, job, jobctl, man, manual, rehearse, sim, state, status, tasks, views};
use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::cli::output::logging::{LogClock, LogSink};
use crate::cli::outside::Outside;
use crate::cli::{complete, serve};
use crate::grammar::args::Cli;
use crate::grammar::command::Command;
use crate::operators::request::AnswerByHand;

/// Runs one command line.
pub(super) async fn run(cli: Cli, outside: Outside, cancel: CancellationToken, clock: LogClock, log: LogSink) -> Exit {
    let call = Invocation::new(&cli, outside, cancel, clock, log);
    if let Some(clock) = &call.outside.clock {
        call.log_with(clock.clone());
    }
    let makes_a_world = matches!(cli.command, Command::Sim(_) | Command::Rehearse(_));
    match dispatch(&call, cli.command).await {
        // Done is what is stored; what waits here for its store is on its way.
        Ok(Exit::Done) if call.has_kept() => Exit::Waiting,
        Ok(exit) => exit,
        Err(error) if makes_a_world => call.print_error(error),
        Err(error) => call.print_error(sim::or_world_is_gone(&call, error).await),
    }
}

async fn dispatch(call: &Invocation, command: Command) -> Result<Exit, ErrorReport> {
    match command {
        Command::Task(task) => tasks::run(call, task.request()).await,
        Command::Status => status::status(call).await,
        Command::IsShipped => views::is_shipped(call).await,
        Command::Metadata => views::metadata(call).await,
        Command::ActiveReleases { all } => views::active_releases(call, all).await,
        Command::Plan(args) => drive::plan(call, args).await,
        Command::Drive(args) => drive::drive(call, args).await,
        Command::UpdateTaskStatus { task, status, reason, override_ } => {
            manual::update_task_status(call, task, status, reason, override_).await
        }
        Command::Answer { id, choice, reason } => manual::answer(call, AnswerByHand { id, choice, reason }).await,
        Command::Issue(command) => manual::issue(call, command).await,
        Command::Config(command) => config::run(call, command).await,
        Command::State(command) => state::run(call, &command).await,
        Command::Rehearse(args) => rehearse::run(call, args).await,
        Command::Sim(command) => sim::run(call, command).await,
        Command::Mcp(command) => serve::run(call, command).await,
        Command::Ctl { command } => ctl::run(call, command).await,
        Command::Job(args) => job::run(call, args.command).await,
        Command::Jobctl(args) => jobctl::run(call, args.command).await,
        Command::Completions { shell } => {
            call.outside.out.raw(complete::script(shell));
            Ok(Exit::Done)
        }
        Command::Man { dir } => man::run(call, dir.as_deref()),
    }
}
