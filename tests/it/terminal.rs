//! The real program at a terminal, in a pipe, and with nobody reading.

use std::process::Stdio;

use crate::real_files;
use crate::real_program::{Ended, ProgramWorld, bare, run_bare};

async fn with(env: &[(&str, &str)], args: &[&str]) -> Ended {
    Ended::of(&bare(args).envs(env.iter().copied()).output().await.expect("the program starts"))
}

const ESCAPE: char = '\u{1b}';

#[tokio::test]
async fn a_pipe_gets_plain_text_on_both_streams() {
    for args in [&["sim", "scenarios"] as &[&str], &["status"], &["--help"], &["nonsense"]] {
        let run = with(&[("TERM", "xterm-256color")], args).await;
        assert!(!format!("{}{}", run.out, run.err).contains(ESCAPE), "{run:?}");
    }
}

#[tokio::test]
async fn colour_can_be_forced_and_forbidden_for_help_results_and_errors_alike() {
    let coloured = |run: &Ended| format!("{}{}", run.out, run.err).contains(ESCAPE);
    for args in [&["--help"] as &[&str], &["status"], &["nonsense"]] {
        let always = [args, &["--color", "always"]].concat();
        assert!(coloured(&with(&[("NO_COLOR", "1")], &always).await), "{always:?}");
        assert!(coloured(&with(&[("CLICOLOR_FORCE", "1")], args).await), "{args:?}");
        assert!(!coloured(&with(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], args).await), "{args:?}");
        let never = [args, &["--color=never"]].concat();
        assert!(!coloured(&with(&[("CLICOLOR_FORCE", "1")], &never).await), "{never:?}");
    }
}

#[tokio::test]
async fn no_command_at_all_is_answered_with_help_and_exit_2() {
    for args in [&[] as &[&str], &["issue"]] {
        let run = run_bare(args).await.exits(2);
        assert!(run.out.is_empty() && run.err.contains("Commands:"), "{run:?}");
        let run = run_bare(&[args, &["--json"]].concat()).await.exits(2);
        assert!(run.out.contains("requires a subcommand"), "{run:?}");
    }
}

#[tokio::test]
async fn json_is_never_dressed() {
    let run = with(&[("CLICOLOR_FORCE", "1")], &["--json", "--color", "always", "status"]).await.exits(2);
    assert!(!run.out.contains(ESCAPE) && run.err.contains(ESCAPE), "{run:?}");
    let run = with(&[("OAR_ACCESSIBLE", "1")], &["--json", "sim", "scenarios"]).await.exits(0);
    assert_eq!(run.out, run_bare(&["--json", "sim", "scenarios"]).await.out);
}

#[tokio::test]
async fn an_accessible_result_has_names_and_values_instead_of_columns() {
    let run = with(&[("OAR_ACCESSIBLE", "1")], &["sim", "scenarios"]).await.exits(0);
    assert!(run.out.lines().next().is_some_and(|line| line.starts_with("smooth: ")), "{run:?}");
    let columns = run.out.lines().find(|line| line.contains("  "));
    assert_eq!(columns, None);
    let world = ProgramWorld::created().await;
    let run = world.command(&["status"]).env("OAR_ACCESSIBLE", "1").output().await.expect("the program starts");
    let run = Ended::of(&run).exits(0);
    assert!(run.out.contains("stage-testing: Not Started"), "{run:?}");
    assert!(!run.out.contains("  ") && run.out.is_ascii(), "{run:?}");
    world.sim.shutdown().await;
    let run = with(&[("OAR_ACCESSIBLE", "1")], &["rehearse", "--small"]).await.exits(0);
    assert!(run.out.contains("stage-testing: Pass, first run "), "{run:?}");
}

#[tokio::test]
async fn a_reader_who_goes_away_ends_the_program_quietly() {
    for args in [&["sim", "scenarios"] as &[&str], &["config", "show"], &["--help"], &["man"], &["nonsense", "--json"]]
    {
        let mut child = bare(args).spawn().expect("the program starts");
        drop(child.stdout.take());
        let ended = Ended::of(&child.wait_with_output().await.expect("the program ends"));
        assert!(matches!(ended.code, 0 | 2), "{args:?}: {ended:?}");
        assert!(!ended.err.contains("panicked") && !ended.err.contains("pipe"), "{args:?}: {ended:?}");
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_reported() {
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    for args in [&["sim", "scenarios"] as &[&str], &["--help"], &["config", "show"]] {
        let child = bare(args).stdout(full()).spawn().expect("the program starts");
        let run = Ended::of(&child.wait_with_output().await.expect("the program ends")).exits(1);
        assert!(run.err.contains("the result cannot be written") && run.err.contains("exit code 0"), "{run:?}");
    }
}

#[tokio::test]
async fn a_simulated_world_that_is_gone_is_named_as_the_cause() {
    let world = ProgramWorld::created().await;
    for args in [&["status"] as &[&str], &["plan"], &["take-ownership"]] {
        let run = world.command(args).env("OAR_SIM_URL", "http://127.0.0.1:9").output().await;
        let run = Ended::of(&run.expect("the program starts")).exits(7);
        assert!(run.err.contains("the simulated world at http://127.0.0.1:9 does not answer"), "{run:?}");
        assert!(run.err.contains("start it again: oar sim serve"), "{run:?}");
    }
    world.sim.shutdown().await;
}

#[tokio::test]
async fn a_mistake_names_the_help_of_its_command_and_what_was_meant() {
    let run = run_bare(&["update-task-status", "stage-test", "Pass"]).await.exits(2);
    assert!(run.err.contains("did you mean \"stage-testing\"?"), "{run:?}");
    assert!(run.err.contains("oar update-task-status --help shows what is possible"), "{run:?}");
    let run = run_bare(&["update-task-status", "stage-testing", "In", "Progress"]).await.exits(2);
    assert!(run.err.contains("put a value with blanks in quotes"), "{run:?}");
}

#[tokio::test]
async fn nothing_waits_for_an_answer_when_there_is_no_terminal() {
    let world = ProgramWorld::created().await;
    for args in [
        &["change-advisory-status", "--ignore-release-date", "--reason", "go"] as &[&str],
        &["update-task-status", "stage-testing", "Pass", "--reason", "by hand"],
        &["issue", "resolve", "nothing", "--resolution", "gone"],
        &["drive", "--once"],
    ] {
        // A pipe that stays open: whoever reads from it waits for ever.
        let mut command = world.command(args);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
        let held = child.stdin.take();
        let run = Ended::of(&child.wait_with_output().await.expect("the program ends"));
        assert_ne!(run.code, -1, "{run:?}");
        drop(held);
    }
    world.sim.shutdown().await;
}

#[tokio::test]
async fn at_a_terminal_addresses_are_links_and_a_screen_reader_gets_none() {
    if !std::path::Path::new("/usr/bin/script").exists() {
        real_files::skipped("the program script is not installed");
        return;
    }
    let program = env!("CARGO_BIN_EXE_oar");
    let at_terminal = async |env: &[(&str, &str)], tokens: &str| {
        #[expect(clippy::disallowed_methods, reason = "a terminal that is none")]
        let mut command = tokio::process::Command::new("/usr/bin/script");
        command.args(["-qec", &format!("{program} {tokens}"), "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("TERM", "xterm-256color").envs(env.iter().copied()).stdin(Stdio::null());
        Ended::of(&command.output().await.expect("a terminal"))
    };
    let run = at_terminal(&[], "config show").await;
    assert!(run.out.contains("\u{1b}]8;;https://"), "{run:?}");
    let run = at_terminal(&[("OAR_ACCESSIBLE", "1")], "config show --color never").await;
    assert!(!run.out.contains(ESCAPE), "{run:?}");
    let run = at_terminal(&[("NO_COLOR", "1"), ("TERM", "dumb")], "status").await;
    assert!(run.out.contains("error: ") && !run.out.contains(ESCAPE), "{run:?}");
    let run = at_terminal(&[], "config show --json").await;
    assert!(!run.out.contains(ESCAPE), "{run:?}");
}

#[tokio::test]
async fn the_scripts_of_all_shells_ask_the_program_and_bash_understands_its_own() {
    for shell in ["bash", "zsh", "fish"] {
        let run = run_bare(&["completions", shell]).await.exits(0);
        assert!(run.out.contains("__complete") && run.out.contains("oarctl"), "{run:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("oar.bash");
    std::fs::write(&script, run_bare(&["completions", "bash"]).await.out).expect("a file");
    let ask = |line: &str| {
        let tokens = line.replace("oar ", &format!("{} ", env!("CARGO_BIN_EXE_oar")));
        format!(
            "source {}; COMP_WORDS=({tokens}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _oar; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display()
        )
    };
    for (line, wanted) in [
        ("oar stage-t", "stage-testing\n"),
        ("oar update-task-status stage-testing In", "In\\ Progress\n"),
        ("oar --color = al", "always\n"),
    ] {
        #[expect(clippy::disallowed_methods, reason = "the shell is what is tested")]
        let mut bash = tokio::process::Command::new("/bin/bash");
        let output = bash.args(["--norc", "-c", &ask(line)]).output().await.expect("bash");
        assert_eq!(Ended::of(&output).exits(0).out, wanted, "{line}");
    }
}

/// `oar sim serve` on a free port, and all that it prints to be pasted.
async fn served() -> (tokio::process::Child, String) {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let mut command = bare(&["sim", "serve", "--port", "0"]);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let mut paste = String::new();
    while let Some(line) = lines.next_line().await.expect("text") {
        paste.push_str(&line);
        paste.push('\n');
        if line.contains("Ctrl-C here ends the world") {
            return (child, paste);
        }
    }
    panic!("it ended early: {paste}");
}

#[tokio::test]
async fn what_sim_serve_prints_pastes_into_every_shell_and_says_what_it_replaces() {
    let (mut child, paste) = served().await;
    assert!(paste.contains("It replaces OAR_HOME"), "{paste}");
    for line in paste.lines().filter(|line| !line.starts_with("export ")) {
        assert!(line.starts_with(": '") && line.ends_with('\''), "{line}");
    }
    // On a terminal, zsh takes a line with # for a command.
    for shell in [
        &["/bin/sh", "-c"] as &[&str],
        &["/bin/bash", "-c"],
        &["/usr/bin/zsh", "-f", "-i", "-c"],
        &["/usr/bin/fish", "-c"],
    ] {
        if !std::path::Path::new(shell[0]).exists() {
            real_files::skipped(&format!("{} is not installed", shell[0]));
            continue;
        }
        #[expect(clippy::disallowed_methods, reason = "the shell is what is tested")]
        let mut command = tokio::process::Command::new(shell[0]);
        let run = command.args(&shell[1..]).arg(format!("{paste}\necho \"home $OAR_HOME\"")).stdin(Stdio::null());
        let run = Ended::of(&run.output().await.expect("a shell")).exits(0);
        assert!(run.out.starts_with("home /") && !run.err.contains("not found"), "{shell:?}: {run:?}");
    }
    child.kill().await.expect("it still runs");
}

#[tokio::test]
async fn what_can_happen_in_a_world_is_listed_with_its_meaning_and_what_follows_is_reported() {
    let world = ProgramWorld::created().await;
    let run = world.oar(&["sim", "event"]).await.exits(0);
    assert!(run.out.lines().all(|line| line.split_whitespace().count() > 3), "{run:?}");
    assert!(run.out.contains("\npromotion-accepted           the promoted payload passes"), "{run:?}");
    assert!(run.out.ends_with("none needs more than its name\n"), "{run:?}");

    let run = world.oar(&["sim", "event", "promote"]).await.exits(0);
    assert!(run.out.starts_with("done: promote\nwhat follows by itself:\n  2026-"), "{run:?}");
    assert!(run.out.contains("  promotion-accepted\n") && run.out.contains("next: let time pass"), "{run:?}");
    // What happened early does not happen again.
    let run = world.oar(&["sim", "status"]).await.exits(0);
    assert!(!run.out.lines().any(|line| line.ends_with("  promote")), "{run:?}");
    world.sim.shutdown().await;
}

#[tokio::test]
async fn zsh_and_fish_complete_commands_values_and_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(script("oar.zsh"), run_bare(&["completions", "zsh"]).await.out).expect("a file");
    std::fs::write(script("oar.fish"), run_bare(&["completions", "fish"]).await.out).expect("a file");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_oar"), script("oar")).expect("a link");
    // A shell at a terminal of its own; each read waits for the words that it names. The prompt comes once the
    // editor reads keys: what is typed before is a line of the terminal's own.
    let ask = "zmodload zsh/zpty; zpty z zsh -f -i; zpty -w z \"source $2\"; zpty -r -m z out '*READY*'\n\
               zpty -w -n z \"$1\"$'\\t\\x18s'; zpty -r -m z out '*END\\[*\\]*'; print -r -- $out\n";
    std::fs::write(script("ask.zsh"), ask).expect("a file");
    let setup = format!(
        "unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source {}\n\
         shown() {{ print -r -- \"END[$BUFFER]\" }}; zle -N shown; bindkey '^Xs' shown; PS1='READY> '\n",
        script("oar.zsh")
    );
    std::fs::write(script("setup.zsh"), setup).expect("a file");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let file = script("oar.f");
    let table = [
        ("oar -r 4.20.17 stage-t", "stage-testing".to_owned()),
        ("oar drive --retry image-s", "image-signed-check".to_owned()),
        ("oar --color=al", "--color=always".to_owned()),
        (&format!("oar state check {file}"), format!("{file}ish")),
        (&format!("oar --settings={file}"), format!("--settings={file}ish")),
    ];
    for (line, wanted) in &table {
        if std::path::Path::new("/usr/bin/fish").exists() {
            #[expect(clippy::disallowed_methods, reason = "the shell is what is tested")]
            let mut fish = tokio::process::Command::new("/usr/bin/fish");
            let ask = format!("source {}; complete -C '{line}'", script("oar.fish"));
            let run = fish.args(["--no-config", "-c", &ask]).env("PATH", &path).output().await.expect("fish");
            let run = Ended::of(&run).exits(0);
            let tokens: Vec<_> = run.out.lines().filter_map(|line| line.split('\t').next()).collect();
            assert_eq!(tokens, [wanted], "fish: {line}: {run:?}");
        } else {
            real_files::skipped("fish is not installed");
        }
        if std::path::Path::new("/usr/bin/zsh").exists() {
            #[expect(clippy::disallowed_methods, reason = "the shell is what is tested")]
            let mut zsh = tokio::process::Command::new("/usr/bin/zsh");
            let run = zsh.args(["-f", &script("ask.zsh"), line, &script("setup.zsh")]).env("PATH", &path);
            let run = run.env("TERM", "dumb").stdin(Stdio::null()).kill_on_drop(true).output();
            let run = tokio::time::timeout(std::time::Duration::from_secs(120), run).await;
            let run = run.expect("zsh answers").expect("zsh");
            let run = Ended::of(&run);
            let last = line.rsplit(' ').next().unwrap_or_default();
            let whole = line.strip_suffix(last).map(|head| format!("{head}{wanted}")).unwrap_or_default();
            assert!(run.out.contains(&format!("END[{whole}")), "zsh: {line}: {run:?}");
        } else {
            real_files::skipped("zsh is not installed");
        }
    }
}
