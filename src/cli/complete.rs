//! Completion: the scripts that shells load, and the hidden command that they ask for candidates.
//!
//! Candidates come from the words themselves, from lists in the program and from names of files on this machine.
//! Nothing here reads a credential, a settings file or a file's content, asks a service, or prints an error:
//! whoever presses Tab wants an answer at once or none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};

use crate::core::config::env::Env;
use crate::domain::release::ZStream;
use crate::domain::task::{Task, TaskStatus};
use crate::grammar::args::{self, NAMES};
use crate::grammar::command::Shell;

/// The word after `oar` with which a script asks.
const ASK: &str = "__complete";

/// Files of one folder that are looked at; more would be felt.
const MOST_FILES: usize = 2000;

/// The script that `shell` loads.
pub const fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("complete/oar.bash"),
        Shell::Zsh => include_str!("complete/oar.zsh"),
        Shell::Fish => include_str!("complete/oar.fish"),
    }
}

/// What can stand at one place, and what it means.
type Candidate = (String, String);

/// Answers `oar __complete INDEX WORD…`; nothing when that was not asked. One line per candidate: word, tab, meaning.
pub fn asked(arguments: &[String], env: &Env) -> Option<String> {
    let at = arguments.iter().take(3).position(|given| given == ASK)?;
    let index = arguments.get(at + 1).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let typed = arguments.get(at + 2..).unwrap_or_default();
    let lines = candidates(typed, index, env).into_iter().map(|(value, help)| format!("{value}\t{help}\n"));
    Some(lines.collect())
}

/// What can stand at `index` of the typed words; nothing lets the shell offer files.
pub fn candidates(typed: &[String], index: usize, env: &Env) -> Vec<Candidate> {
    let Some((name, before)) = typed.get(..index.min(typed.len())).and_then(<[String]>::split_first) else {
        return Vec::new();
    };
    let current = typed.get(index).map_or("", |given| given.trim_start_matches(['"', '\'']));
    // bash cuts words at `=`.
    let current = if current == "=" { "" } else { current };
    let mut root = args::command();
    root.build();
    let own = name.rsplit('/').next().unwrap_or_default();
    let own = NAMES.iter().find(|(known, _)| *known == own).map(|(_, command)| (*command).to_owned());
    let arguments: Vec<&str> = own.iter().chain(before).map(String::as_str).collect();
    let place = PlaceInLine::after(&root, &arguments);
    let mut found = Vec::new();
    if let Some(arg) = place.value_of {
        found = values(arg, &place, env);
    } else if let Some((long, value)) = current.strip_prefix("--").and_then(|given| given.split_once('=')) {
        if let Some(arg) = place.command.get_arguments().find(|arg| arg.get_long() == Some(long)) {
            let with_name = |(value, help)| (format!("--{long}={value}"), help);
            let all = values(arg, &place, env).into_iter().map(with_name);
            return all.filter(|(given, _)| given.starts_with(&format!("--{long}={value}"))).collect();
        }
    } else if current.starts_with('-') && !place.only_values {
        let shown = place.command.get_arguments().filter(|arg| !arg.is_hide_set());
        found.extend(shown.filter_map(|arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            Some((format!("--{}", arg.get_long()?), first_line(&help)))
        }));
    } else {
        if !place.only_values && place.positional == 0 {
            let shown = place.command.get_subcommands().filter(|sub| !sub.is_hide_set());
            found.extend(shown.map(|sub| {
                let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
                (sub.get_name().to_owned(), first_line(&about))
            }));
        }
        if let Some(arg) = place.next_positional() {
            found.extend(values(arg, &place, env));
        }
    }
    found.retain(|(given, _)| given.starts_with(current));
    found
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().replace('\t', " ")
}

/// Where in the grammar the words lead.
struct PlaceInLine<'c> {
    command: &'c Command,
    positional: usize,
    only_values: bool,
    value_of: Option<&'c Arg>,
    state: Option<String>,
}

impl<'c> PlaceInLine<'c> {
    fn after(root: &'c Command, arguments: &[&str]) -> Self {
        let mut place = Self { command: root, positional: 0, only_values: false, value_of: None, state: None };
        for given in arguments.iter().copied().filter(|given| *given != "=") {
            place.step(given);
        }
        place
    }

    fn step(&mut self, given: &str) {
        if let Some(arg) = self.value_of.take() {
            self.remember(arg, given);
        } else if self.only_values {
            self.positional += 1;
        } else if given == "--" {
            self.only_values = true;
        } else if let Some(long) = given.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let known = |arg: &&Arg| {
                arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
            };
            let arg = self.command.get_arguments().find(known).filter(|arg| arg.get_action().takes_values());
            match (arg, value) {
                (Some(arg), Some(value)) => self.remember(arg, value),
                (arg, None) => self.value_of = arg,
                (None, Some(_)) => {}
            }
        } else if let Some(letters) = given.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            self.short(letters);
        } else if let Some(sub) = self.command.find_subcommand(given).filter(|_| self.positional == 0) {
            self.command = sub;
        } else {
            self.positional += 1;
        }
    }

    /// `-r 4.20.17`, `-r4.20.17`, `-vv`.
    fn short(&mut self, letters: &str) {
        for (at, letter) in letters.char_indices() {
            let arg = self.command.get_arguments().find(|arg| arg.get_short() == Some(letter));
            if let Some(arg) = arg.filter(|arg| arg.get_action().takes_values()) {
                if at + letter.len_utf8() == letters.len() {
                    self.value_of = Some(arg);
                }
                return;
            }
        }
    }

    fn remember(&mut self, arg: &Arg, value: &str) {
        if arg.get_id() == "state" {
            self.state = Some(value.to_owned());
        }
    }

    fn next_positional(&self) -> Option<&'c Arg> {
        let mut all = self.command.get_positionals();
        let last = self.command.get_positionals().last();
        let repeats = |arg: &&Arg| arg.get_num_args().is_some_and(|count| count.max_values() > 1);
        all.nth(self.positional).or_else(|| last.filter(repeats))
    }
}

/// What an argument takes.
fn values(arg: &Arg, place: &PlaceInLine<'_>, env: &Env) -> Vec<Candidate> {
    let listed = arg.get_possible_values();
    if !listed.is_empty() {
        let shown = listed.iter().filter(|value| !value.is_hide_set());
        let meaning = |value: &clap::builder::PossibleValue| value.get_help().map(ToString::to_string);
        return shown.map(|v| (v.get_name().to_owned(), first_line(&meaning(v).unwrap_or_default()))).collect();
    }
    let named = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
    let value_name = arg.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
    match (arg.get_id().as_str(), value_name.unwrap_or_default()) {
        ("release" | "rehearsed", _) | (_, "RELEASE") => releases(place.state.as_deref(), env),
        ("scenario", _) => crate::cli::commands::sim::scenario_names(),
        (_, "TASK") => named(&Task::ALL.map(Task::name)),
        (_, "STATUS") => named(&TaskStatus::ALL.map(TaskStatus::as_str)),
        (_, "ARCH") => named(&["amd64", "arm64", "ppc64le", "s390x"]),
        (_, "DURATION") => named(&["30m", "2h", "1d"]),
        (_, "BUILD=DECISION") => named(&["candidate=accept", "candidate=reject", "promoted=accept", "promoted=reject"]),
        ("name", "NAME") if place.command.get_name() == "event" => crate::cli::commands::sim::event_names(),
        _ => Vec::new(),
    }
}

/// Releases that this machine has files of, newest first.
fn releases(state: Option<&str>, env: &Env) -> Vec<Candidate> {
    let mut known = BTreeSet::new();
    let state = state.or_else(|| env.get("OAR_STATE_DIR")).map(|dir| PathBuf::from(at_home(dir, env)));
    for minor in state.iter().flat_map(|dir| files(&dir.join("_releases"))) {
        known.extend(files(&minor.join("statebox")).iter().filter_map(|file| release_of(file)));
    }
    let home = match env.get("OAR_HOME") {
        Some(home) => Some(PathBuf::from(home)),
        None => env.xdg("XDG_STATE_HOME", ".local/state").map(|dir| dir.join("oar")),
    };
    for folder in home.iter().flat_map(|home| files(home)) {
        known.extend(files(&folder).iter().filter_map(|file| release_of(file)));
    }
    known.into_iter().rev().map(|release| (release.to_string(), String::new())).collect()
}

/// Shells leave `~` alone inside a value.
fn at_home(dir: &str, env: &Env) -> String {
    match (dir.strip_prefix("~/"), env.get("HOME")) {
        (Some(below), Some(home)) => format!("{home}/{below}"),
        (Some(_) | None, _) => dir.to_owned(),
    }
}

/// `4.20.17.yaml`, `4.20.17.refused.jsonl`, `4.20.17.lock`.
fn release_of(file: &Path) -> Option<ZStream> {
    let name = file.file_name()?.to_str()?;
    ["yaml", "jsonl", "lock", "json"].iter().find_map(|end| {
        let stem = name.strip_suffix(end)?.strip_suffix('.')?;
        stem.strip_suffix(".refused").unwrap_or(stem).parse().ok()
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.take(MOST_FILES).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_end(line: &str) -> Vec<String> {
        with(line, &Env::default())
    }

    fn with(line: &str, env: &Env) -> Vec<String> {
        let typed: Vec<String> = line.split(' ').map(str::to_owned).collect();
        candidates(&typed, typed.len() - 1, env).into_iter().map(|(given, _)| given).collect()
    }

    #[test]
    fn commands_options_and_listed_values_complete() {
        assert_eq!(at_end("oar stage"), ["stage-testing"]);
        assert_eq!(at_end("oar -r 4.20.17 --json image-s"), ["image-signed-check"]);
        assert_eq!(at_end("/opt/bin/oarctl app"), ["approval-checker"]);
        assert_eq!(at_end("oar issue "), ["add", "resolve", "list", "help"]);
        assert_eq!(at_end("oar stage-testing --bu"), ["--build-number"]);
        assert_eq!(at_end("oar stage-testing --no-n"), ["--no-notify"]);
        assert_eq!(at_end("oar --color a"), ["auto", "always"]);
        assert_eq!(at_end("oar --color=al"), ["--color=always"]);
        assert_eq!(at_end("oar --color = al"), ["always"]);
        assert_eq!(at_end("oar nonsense x y "), [""; 0]);
    }

    #[test]
    fn live_values_complete() {
        assert_eq!(at_end("oar drive --retry stage"), ["stage-testing"]);
        assert_eq!(at_end("oar update-task-status image-s"), ["image-signed-check"]);
        assert_eq!(at_end("oar update-task-status stage-testing In"), ["In Progress"]);
        assert_eq!(at_end("oar issue add text --task take"), ["take-ownership"]);
        assert!(at_end("oar rehearse --scenario ").contains(&"smooth".to_owned()));
        assert!(at_end("oar sim event ").contains(&"promote".to_owned()));
        assert_eq!(at_end("oar drive --decide promoted=a"), ["promoted=accept"]);
    }

    #[test]
    fn releases_are_those_that_have_a_file_on_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "never read").unwrap();
        };
        for path in [
            "state/_releases/4.20/statebox/4.20.17.yaml",
            "state/_releases/4.20/statebox/4.20.9.yaml",
            "state/_releases/4.20/statebox/notes.txt",
            "home/unsent/4.19.3.refused.jsonl",
            "home/effects/4.18.40.jsonl",
        ] {
            put(path);
        }
        let place = |name: &str| folder.path().join(name).display().to_string();
        let home = Env::default().with("OAR_HOME", place("home"));
        assert_eq!(with("oar -r ", &home), ["4.19.3", "4.18.40"]);
        let both = home.clone().with("OAR_STATE_DIR", place("state"));
        assert_eq!(with("oar -r 4.20", &both), ["4.20.17", "4.20.9"]);
        assert_eq!(with("oar rehearse 4.19", &both), ["4.19.3"]);
        assert_eq!(with(&format!("oar --state {} --release 4.20.1", place("state")), &home), ["4.20.17"]);
        assert_eq!(with("oar -r ", &Env::default().with("OAR_HOME", "/nowhere")), [""; 0]);
    }

    #[test]
    fn nothing_that_is_typed_makes_an_error() {
        let arguments = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(asked(&arguments("oar status"), &Env::default()), None);
        for line in ["oar __complete", "oar __complete x", "oar __complete 1 oar \u{1b}[31m"] {
            assert_eq!(asked(&arguments(line), &Env::default()), Some(String::new()), "{line:?}");
        }
        assert!(asked(&arguments("oar __complete 99 oar"), &Env::default()).is_some(), "a place behind the last word");
        let printed = asked(&arguments("oar __complete 1 oar stat"), &Env::default()).unwrap();
        assert!(printed.contains("status\tShow where the release stands"), "{printed}");
        assert!(printed.lines().all(|line| line.matches('\t').count() == 1), "{printed}");
    }
}
