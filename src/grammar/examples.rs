//! The teaching part of every `--help`: examples to copy, and for each task when it may start, what it writes
//! and how it ends.
//!
//! A command that brings its own text keeps it.

use clap::Command;

/// Examples of one command: its words after `oar`, and lines of command and meaning.
type Examples = (&'static str, &'static [(&'static str, &'static str)]);

/// Every command that does something. A test walks the commands and fails for one that is missing here.
const EXAMPLES: &[Examples] = &[
    ("create-test-report", &[("oar -r 4.20.17 create-test-report", "begin the release")]),
    (
        "take-ownership",
        &[
            ("oar -r 4.20.17 take-ownership -e lead@example.com", "name the owner"),
            ("oar -r 4.20.17 take-ownership", "take the owner whom the settings name for 4.20"),
        ],
    ),
    (
        "check-cve-tracker-bug",
        &[
            ("oar -r 4.20.17 check-cve-tracker-bug", "look, record, tell ART what is missing"),
            ("oar -r 4.20.17 check-cve-tracker-bug --no-notify", "the same without messages"),
        ],
    ),
    ("check-rhcos-security-alerts", &[("oar -r 4.20.17 check-rhcos-security-alerts", "look and record")]),
    (
        "push-to-cdn-staging",
        &[
            ("oar -r 4.20.17 push-to-cdn-staging", "start what is missing; again later: look how it goes"),
            ("oar -r 4.20.17 push-to-cdn-staging --check-only", "only look"),
        ],
    ),
    (
        "image-consistency-check",
        &[
            ("oar -r 4.20.17 image-consistency-check", "start the job; again later: look how it goes"),
            ("oar -r 4.20.17 image-consistency-check --local --arch amd64 --arch arm64", "compare here, without a job"),
            (
                "oar -r 4.20.17 image-consistency-check -i 5e2a6b1c-9f0e-4d7b-8a33-0c1d2e3f4a5b",
                "hand over a job started by hand",
            ),
        ],
    ),
    (
        "stage-testing",
        &[
            ("oar -r 4.20.17 stage-testing", "start the pipeline; again later: look how it goes"),
            ("oar -r 4.20.17 stage-testing -n 1434", "hand over a build started by hand"),
            (
                "oar -r 4.20.17 stage-testing --force --reason \"pushed by hand, checked\"",
                "start although a gate is closed",
            ),
        ],
    ),
    ("image-signed-check", &[("oar -r 4.20.17 image-signed-check", "look and record")]),
    (
        "analyze-candidate-build",
        &[
            ("oar -r 4.20.17 analyze-candidate-build", "judge the tests of the nightly"),
            (
                "oar -r 4.20.17 analyze-candidate-build --decide accept --reason \"known flake\"",
                "accept a rejected nightly",
            ),
        ],
    ),
    (
        "analyze-promoted-build",
        &[
            ("oar -r 4.20.17 analyze-promoted-build", "judge the tests of the payload"),
            (
                "oar -r 4.20.17 analyze-promoted-build --decide reject --reason \"upgrade is broken\"",
                "reject it for good",
            ),
        ],
    ),
    (
        "change-advisory-status",
        &[
            ("oar -r 4.20.17 change-advisory-status", "one pass; repeat it until it passes"),
            ("oar -r 4.20.17 drive --watch", "have it repeated"),
        ],
    ),
    ("add-qe-approval", &[("oar -r 4.20.17 add-qe-approval", "approve the merge request only")]),
    (
        "status",
        &[
            ("oar -r 4.20.17 status", "where the release stands"),
            ("oar -r 4.20.17 status --json | jq .overall_status", "Green or Red, for a script"),
        ],
    ),
    (
        "is-shipped",
        &[
            ("oar -r 4.20.17 is-shipped", "ask GitLab and the Errata Tool"),
            ("oar -r 4.20.17 is-shipped --json | jq .shipped", "true, false, or null when not all could be asked"),
        ],
    ),
    (
        "metadata",
        &[
            ("oar -r 4.20.17 metadata", "advisories, merge request, builds and date"),
            ("oar -r 4.20.17 metadata --json | jq -r .release_date", "one value for a script"),
        ],
    ),
    (
        "active-releases",
        &[
            ("oar active-releases", "what needs somebody"),
            ("oar active-releases --all --json | jq -r '.releases[].release'", "every release that has a state"),
        ],
    ),
    (
        "plan",
        &[("oar -r 4.20.17 plan", "what is next and why"), ("oar -r 4.20.17 plan --json", "the same for programs")],
    ),
    (
        "drive",
        &[
            ("oar -r 4.20.17 drive", "do what can be done now"),
            ("oar -r 4.20.17 drive --watch", "stay until it is done or a person is needed"),
            ("oar -r 4.20.17 drive --retry stage-testing", "try a failed task again"),
        ],
    ),
    (
        "update-task-status",
        &[
            ("oar -r 4.20.17 update-task-status stage-testing Pass --reason \"checked by hand\"", "accept a finding"),
            ("oar -r 4.20.17 update-task-status stage-testing \"Not Started\"", "have it run again"),
        ],
    ),
    (
        "issue add",
        &[
            ("oar -r 4.20.17 issue add \"etcd upgrade fails\"", "a blocker of the whole release"),
            ("oar -r 4.20.17 issue add \"slow install\" --task stage-testing --no-blocker", "a note about one task"),
        ],
    ),
    (
        "issue resolve",
        &[(
            "oar -r 4.20.17 issue resolve 1a2b3c4d --resolution \"fixed in 4.20.18\"",
            "by the id that issue list shows",
        )],
    ),
    ("issue list", &[("oar -r 4.20.17 issue list", "open ones first")]),
    (
        "config show",
        &[
            ("oar config show", "every setting, and where its value comes from"),
            ("oar -r 4.20.17 config show --explain", "what build data says, assembly by assembly"),
        ],
    ),
    (
        "config check",
        &[
            ("oar config check", "read everything, talk to nobody"),
            ("oar config check --build-data releases.yml", "resolve every assembly of a file"),
        ],
    ),
    ("config encrypt", &[("oar config encrypt plain.json sealed.jwe", "seal with the key in OAR_JWK")]),
    (
        "config decrypt",
        &[
            ("oar config decrypt sealed.jwe -", "print the plain settings"),
            ("oar config decrypt sealed.jwe /tmp/plain.json", "into a file to edit; remove it afterwards"),
        ],
    ),
    (
        "state show",
        &[
            ("oar state show 4.20.17.yaml", "a file"),
            ("oar -r 4.20.17 state show --json | jq .tasks", "the stored state of a release, for a script"),
        ],
    ),
    (
        "state check",
        &[
            ("oar state check 4.20.17.yaml", "is it usable, what is odd"),
            ("oar state check *.yaml --json | jq '.files[] | select(.usable | not)'", "only the unusable ones"),
        ],
    ),
    (
        "state fmt",
        &[
            ("oar state fmt 4.20.17.yaml", "write it in the common form"),
            ("oar state fmt --check 4.20.17.yaml", "only tell whether it would change"),
        ],
    ),
    ("state unsent", &[("oar state unsent", "of all releases"), ("oar -r 4.20.17 state unsent", "of one release")]),
    (
        "rehearse",
        &[
            ("oar rehearse 4.20.17", "a whole release, without any credential"),
            (
                "oar rehearse 4.20.17 --scenario stage-pipeline-fails-twice --people-help",
                "with something that goes wrong",
            ),
            ("oar rehearse --from 4.20.17.yaml", "go on from a real state file"),
        ],
    ),
    (
        "sim serve",
        &[
            ("oar sim serve", "a world on port 8500; copy what it prints into another terminal"),
            ("oar sim serve --port 0 --scenario smooth --seed 7", "a free port, another chance"),
        ],
    ),
    (
        "mcp serve",
        &[
            ("oar mcp serve", "over HTTP on 127.0.0.1:8000; prints a token at its first start"),
            ("oar mcp serve --toolsets all --read-only", "everything that changes nothing"),
            ("oar mcp serve --stdio", "for a client that starts the server itself"),
        ],
    ),
    ("mcp tools", &[("oar mcp tools", "names, groups and titles")]),
    (
        "mcp token add",
        &[
            ("oar mcp token add nightly-agent", "what agents may usually do"),
            ("oar mcp token add lead --scopes release:read,release:critical --expires 90d", "confirms, for 90 days"),
        ],
    ),
    ("mcp token list", &[("oar mcp token list", "names, scopes and ends; never the tokens")]),
    ("mcp token revoke", &[("oar mcp token revoke nightly-agent", "lets it in no more, at once")]),
    ("mcp audit verify", &[("oar mcp audit verify", "is the log whole, and how far does it go?")]),
    (
        "mcp install",
        &[
            ("oar mcp install", "sets Claude Code up for this project"),
            ("oar mcp install --transport stdio", "the client starts the server itself"),
        ],
    ),
    ("sim scenarios", &[("oar sim scenarios", "names for --scenario, and what happens in each")]),
    ("sim status", &[("oar sim status", "time, advisories, what comes next")]),
    (
        "sim event",
        &[
            ("oar sim event", "list what can happen"),
            ("oar sim event promote", "ART promotes the payload now"),
            ("oar sim event --body '{\"name\": \"mr-merged\"}'", "the whole request"),
        ],
    ),
    ("sim pause", &[("oar sim pause", "nothing happens by itself any more")]),
    ("sim resume", &[("oar sim resume", "what became due happens at once")]),
    ("sim advance", &[("oar sim advance 90m", "an hour and a half passes"), ("oar sim advance 2d", "two days pass")]),
    (
        "sim limits",
        &[("oar sim limits on", "services refuse too many requests"), ("oar sim limits off", "they do not")],
    ),
    (
        "ctl approval-checker",
        &[
            ("oarctl approval-checker -r 4.20.17", "one pass, from cron"),
            ("oar -r 4.20.17 ctl approval-checker --json", "the same for programs"),
        ],
    ),
    (
        "ctl image-consistency-check",
        &[(
            "oarctl image-consistency-check -p registry.example.com/ocp/release:4.20.17-x86_64 -m 123",
            "compare a payload with a merge request",
        )],
    ),
    ("job", &[("job --help", "what there is")]),
    ("jobctl", &[("jobctl --help", "what there is")]),
    (
        "completions",
        &[
            ("oar completions bash > ~/.local/share/bash-completion/completions/oar", "bash"),
            ("oar completions zsh > ~/.zfunc/_oar", "zsh, with ~/.zfunc in fpath"),
            ("oar completions fish > ~/.config/fish/completions/oar.fish", "fish"),
        ],
    ),
    (
        "man",
        &[
            ("oar man | man -l -", "read the page of oar"),
            ("oar man --dir man/man1", "write the pages of all commands"),
        ],
    ),
];

/// A task: its name, when it may start, what it writes, how it ends.
type Teaching = (&'static str, &'static str, &'static str, &'static str);

const TASK_EXITS: &str = "0 passed, started or under way; 3 it may not start yet and that comes by itself; 4 a person is needed; 5 Fail; 6 a credential; 7 a service is down; 8 somebody else is at work";

const TASKS: &[Teaching] = &[
    (
        "create-test-report",
        "as soon as build data lists the release",
        "the state file of the release; one that exists stays as it is",
        TASK_EXITS,
    ),
    (
        "take-ownership",
        "once build data names the advisories and the shipment merge request",
        "owner of the advisories, a comment on the merge request, sub-tasks of the ART ticket, the task's entry in the state",
        TASK_EXITS,
    ),
    (
        "check-cve-tracker-bug",
        "any time; needs the program elliott",
        "an issue about missed trackers and the task's entry in the state; nothing on advisories",
        TASK_EXITS,
    ),
    (
        "check-rhcos-security-alerts",
        "once build data names the advisories",
        "an issue about blocking alerts, which holds back only the final approval, and the task's entry in the state",
        TASK_EXITS,
    ),
    (
        "push-to-cdn-staging",
        "once the advisories are in a state that can be pushed; otherwise ART is needed",
        "push jobs in the Errata Tool and the task's entry in the state; no push is started twice",
        TASK_EXITS,
    ),
    (
        "image-consistency-check",
        "once the payload is Accepted and the stage release of the shipment succeeded",
        "one Prow job (none with --local), a note about image health on the merge request, the task's entry in the state",
        TASK_EXITS,
    ),
    (
        "stage-testing",
        "once the payload is Accepted, the stage release succeeded and the push has passed, with nobody else in the queue",
        "one Jenkins build and the task's entry in the state with the reference to that build",
        TASK_EXITS,
    ),
    (
        "image-signed-check",
        "any time; before promotion it waits",
        "the task's entry in the state",
        "0 signed, or not due yet; 5 still unsigned on the release date; 6 a credential; 7 a service is down",
    ),
    (
        "analyze-candidate-build",
        "once build data names the nightly and its tests ended",
        "the task's entry in the state; with --decide also the decision and its reason",
        TASK_EXITS,
    ),
    (
        "analyze-promoted-build",
        "once the payload is promoted and its tests ended",
        "the task's entry in the state; with --decide also the decision and its reason",
        TASK_EXITS,
    ),
    (
        "change-advisory-status",
        "one day before the release date, when every other task passed and no blocker is open",
        "approval of the merge request, advisories to REL_PREP, the task's entry in the state",
        TASK_EXITS,
    ),
    (
        "add-qe-approval",
        "while the shipment merge request is open",
        "our approval of the merge request; nothing in the state",
        TASK_EXITS,
    ),
    (
        "drive",
        "any time; only one driver of a release at a time",
        "whatever the tasks write that it runs, and a lease in the state",
        "0 done, or there is more to do (--once); 3 waiting; 4 a person is needed; 5 Fail; 6 a credential; 7 a service is down; 8 somebody else drives",
    ),
    ("plan", "any time", "nothing", "0 planned, whatever the plan says; 6 a credential; 7 a service is down"),
    (
        "status",
        "any time after create-test-report",
        "nothing",
        "0 shown; 4 there is no state; 6 a credential; 7 a service is down",
    ),
];

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
    use crate::grammar::args::{NAMES, command};

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
    fn every_example_is_a_command_line_that_is_understood() {
        for (path, lines) in EXAMPLES {
            for (line, _) in *lines {
                let own = line.split([';', '|', '>']).next().unwrap_or_default();
                let arguments = arguments_of(own);
                let mut parsed: Vec<String> = vec!["oar".to_owned()];
                parsed.extend(
                    NAMES.iter().find(|(name, _)| *name == arguments[0]).map(|(_, command)| (*command).to_owned()),
                );
                parsed.extend(arguments.into_iter().skip(1));
                let ended = command().try_get_matches_from(&parsed);
                let fine = ended.as_ref().err().is_none_or(|error| !error.use_stderr());
                assert!(fine, "{path}: {line}\n{}", ended.expect_err("not understood"));
            }
        }
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
