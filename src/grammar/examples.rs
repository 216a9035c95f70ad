//! The teaching part of every `--help`: examples to copy, and for each task when it may start, what it writes
//! and how it ends.
//!
//! A command that brings its own text keeps it.

mod lines;
mod tasks;

use clap::Command;

use self::lines::EXAMPLES;
use self::tasks::TASKS;

/// `root` with examples under every command that has none of its own.
pub fn with_examples(root: Command) -> Command {
    taught(root, "")
}

fn taught(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(name, |sub| taught(sub, &path));
    }
    if command.get_after_help().is_some() {
        return command;
    }
    let Some((_, lines)) = EXAMPLES.iter().find(|(known, _)| *known == path) else { return command };
    let width = lines.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let mut text = String::from("Examples:");
    for (line, meaning) in *lines {
        // Long lines would wrap with their meaning beside them.
        if width > 52 {
            text.push_str(&format!("\n  # {meaning}\n  {line}"));
        } else {
            text.push_str(&format!("\n  {line:<width$}  # {meaning}"));
        }
    }
    let teaching = TASKS.iter().find(|(known, ..)| *known == path);
    let long = teaching.map(|(_, may_start, writes, exits)| {
        format!("May start: {may_start}.\nWrites: {writes}.\nExit codes: {exits}.\n\n{text}")
    });
    match long {
        Some(long) => command.after_help(text).after_long_help(long),
        None => command.after_help(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::Task;
    use crate::grammar::jobctl::minor_for_release;
    use clap::Parser as _;

    use crate::grammar::args::{Cli, NAMES, READERS, command};

    /// Every command without subcommands, with its path.
    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        let subs: Vec<_> =
            command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help").collect();
        if subs.is_empty() {
            found.push((path.trim().to_owned(), command.clone()));
        }
        for sub in subs {
            leaves(sub, &format!("{path} {}", sub.get_name()), found);
        }
    }

    fn all_leaves() -> Vec<(String, Command)> {
        let mut found = Vec::new();
        leaves(&command(), "", &mut found);
        found
    }

    #[test]
    fn every_command_shows_one_to_three_examples_of_itself() {
        assert!(all_leaves().len() > 30);
        let mut without = Vec::new();
        for (path, mut command) in all_leaves() {
            let help = command.render_long_help().to_string();
            let examples = help.split_once("Examples:").map(|(_, after)| after).unwrap_or_default();
            let own = path.strip_prefix("ctl ").unwrap_or(&path).to_owned();
            let shown = examples.lines().filter(|line| line.contains(&own) && !line.trim().starts_with('#')).count();
            if !(1..=3).contains(&shown) {
                without.push(path);
            }
        }
        assert_eq!(without, [""; 0], "write their examples into EXAMPLES");
    }

    #[test]
    fn every_task_says_when_it_may_start_what_it_writes_and_how_it_ends() {
        // Some tasks are no command yet: other programs store them.
        let tasks: Vec<_> = all_leaves().into_iter().filter(|(path, _)| path.parse::<Task>().is_ok()).collect();
        assert!(tasks.len() >= 12, "{}", tasks.len());
        for (task, mut command) in tasks {
            let help = command.render_long_help().to_string();
            for part in ["May start: ", "Writes: ", "Exit codes: "] {
                assert!(help.contains(part), "{task}: {part}");
            }
        }
    }

    #[test]
    fn a_command_that_only_looks_does_not_offer_what_keeps_it_from_a_change() {
        let mut seen = 0;
        for (path, lines) in EXAMPLES.iter().filter(|(path, _)| !path.contains(' ')) {
            let Ok(cli) = Cli::try_parse_from(line_of(lines[0].0)) else { continue };
            let root = command();
            let offers = root.find_subcommand(path).unwrap().get_arguments().all(|arg| arg.get_id() != "dry_run");
            assert_eq!(offers, !cli.command.only_looks(), "{path}: READERS in grammar/args.rs");
            seen += usize::from(cli.command.only_looks());
        }
        assert_eq!(seen, READERS.len());
    }

    #[test]
    fn every_example_is_a_command_line_that_is_understood() {
        for (path, lines) in EXAMPLES {
            for (line, _) in *lines {
                let parsed = line_of(line);
                let ended = command().try_get_matches_from(&parsed);
                let fine = ended.as_ref().err().is_none_or(|error| !error.use_stderr());
                assert!(fine, "{path}: {line}\n{}", ended.expect_err("not understood"));
            }
        }
    }

    /// The arguments of an example up to a pipe or the end of its first command.
    fn line_of(line: &str) -> Vec<String> {
        let arguments = arguments_of(line.split([';', '|', '>']).next().unwrap_or_default());
        let alias = NAMES.iter().find(|(name, _)| *name == arguments[0]).map(|(_, command)| (*command).to_owned());
        minor_for_release(std::iter::once("oar".to_owned()).chain(alias).chain(arguments.into_iter().skip(1)).collect())
    }

    /// Splits at blanks outside quotes.
    fn arguments_of(line: &str) -> Vec<String> {
        let (mut arguments, mut argument, mut quote) = (Vec::new(), String::new(), None);
        for c in line.trim().chars() {
            match quote {
                Some(open) if c == open => quote = None,
                None if c == '"' || c == '\'' => quote = Some(c),
                None if c == ' ' => arguments.push(std::mem::take(&mut argument)),
                Some(_) | None => argument.push(c),
            }
        }
        arguments.push(argument);
        arguments
    }
}
