//! The command line as a whole: what every command takes, and which command was meant.

use std::path::PathBuf;

use clap::{CommandFactory as _, Parser};

use super::command::Command;
use super::examples;
use crate::domain::release::ZStream;

/// Other names of the executable, and the command each of them stands for.
pub const NAMES: [(&str, &str); 3] = [("oarctl", "ctl"), ("job", "job"), ("jobctl", "jobctl")];

/// Above the options that every command takes.
pub const GLOBAL: &str = "Global options";

/// Ships OpenShift z-stream releases
///
/// Every task can be run alone; `drive` moves a release as far as it can go and says what it waits for;
/// `rehearse` does all of it against a simulator, without any credential.
#[derive(Debug, Parser)]
#[command(name = "oar", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Examples:\n  oar rehearse 4.20.17                  a whole release against the simulator, no credentials\n  oar -r 4.20.17 status                 where the release stands\n  oar -r 4.20.17 drive                  do everything that can be done now\n  oar -r 4.20.17 stage-testing          one task alone\n\nExit codes: 0 done, 3 waiting, 4 a person is needed, 5 a Fail verdict, 6 credential, 7 service down, 8 conflict, 2 usage, 1 internal."
)]
pub struct Cli {
    /// The release: 4.20.17, 4.21.0-rc.1
    #[arg(short, long, global = true, help_heading = GLOBAL, value_name = "RELEASE")]
    pub release: Option<ZStream>,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Post no messages
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub no_notify: bool,
    /// Change nothing, neither outside nor in the state
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub dry_run: bool,
    /// Answer every question with yes
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub yes: bool,
    /// When to colour the output
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Keep the state in this folder or Git repository instead of GitHub
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Settings file (TOML) instead of the user's own
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// More log on stderr: -v steps, -vv calls
    #[arg(short, long, global = true, help_heading = GLOBAL, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// When to colour the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On terminals, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The command line with all its help texts.
pub fn command() -> clap::Command {
    let mut root = examples::with_examples(Cli::command());
    let senseless: Vec<clap::Arg> = root
        .get_arguments()
        .filter(|arg| ["no_notify", "dry_run", "yes"].contains(&arg.get_id().as_str()))
        .map(|arg| arg.clone().hide(true))
        .collect();
    for name in READERS {
        root = root.mut_subcommand(name, |command| command.args(senseless.clone()));
    }
    root
}

/// Commands that only look ([`Command::only_looks`]): they take the options against a change, and do not offer them.
pub(super) const READERS: [&str; 7] =
    ["status", "plan", "is-shipped", "metadata", "active-releases", "completions", "man"];

/// The command that `words` name as far as they name one, as it is typed: `oar issue add`.
pub fn named_by(arguments: &[String]) -> String {
    let root = command();
    let (mut place, mut name) = (&root, "oar".to_owned());
    let mut takes_value = false;
    for argument in arguments.iter().skip(1) {
        if std::mem::take(&mut takes_value) {
            continue;
        }
        let option = argument.trim_start_matches('-');
        let known = root.get_arguments().chain(place.get_arguments());
        takes_value = argument.starts_with('-')
            && known.filter(|arg| arg.get_action().takes_values()).any(|arg| {
                arg.get_long() == Some(option) || arg.get_short().is_some_and(|short| option == short.to_string())
            });
        if let Some(sub) = place.find_subcommand(argument).filter(|_| !argument.starts_with('-')) {
            (place, name) = (sub, format!("{name} {}", sub.get_name()));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_that_an_error_names_is_that_of_the_command() {
        let of = |line: &str| named_by(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("oar -r 4.20.17 update-task-status stage-test Pass"), "oar update-task-status");
        assert_eq!(of("oar issue --release plan add --task x"), "oar issue add");
        assert_eq!(of("oar nonsense"), "oar");
        assert_eq!(of("oar rehearse --scenario drive"), "oar rehearse");
    }

    #[test]
    fn options_of_every_command_stand_under_a_heading_of_their_own() {
        let mut root = command();
        root.build();
        let plan = root.find_subcommand_mut("plan").unwrap().render_help().to_string();
        let (own, global) = plan.split_once("Global options:").unwrap();
        assert!(own.contains("--ignore-release-date") && !own.contains("--json"), "{plan}");
        assert!(global.contains("--json") && global.contains("--release"), "{plan}");
        for senseless in ["--watch", "--once", "--retry", "--decide", "--no-notify", "--dry-run", "--yes"] {
            assert!(!plan.contains(senseless), "{senseless}: {plan}");
        }
    }
}
