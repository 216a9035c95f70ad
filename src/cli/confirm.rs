//! The question before what cannot be taken back.
//!
//! On a terminal a person answers; without one nobody is asked, and only `--yes` goes on.

use std::io::IsTerminal as _;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::cli::output::progress::Screen;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::release::ZStream;
use crate::operators::jobs::run_job::PreviewedJob;
use crate::operators::preview::preview;
use crate::operators::previewed::{Depth, Preview};
use crate::operators::request::ChangeRequest;
use crate::render::preview::{consequences, of_starts};
use crate::render::text::clean;

/// Goes on when nothing that `change` would do needs a person's word, or when it is given: did somebody agree?
///
/// # Errors
///
/// What it would do cannot be found out, or nobody said yes: nothing was changed.
pub(super) async fn confirm(
    call: &Invocation,
    ctx: &Context,
    release: &ZStream,
    change: &ChangeRequest,
    what: &str,
) -> Result<bool, ErrorReport> {
    let previewed = preview(ctx, release, change, Depth::Stored).await.map_err(|error| call.task_error(what, error))?;
    let will = match previewed {
        // What is closed says so itself when it runs.
        Preview::Nothing | Preview::Closed(_) | Preview::Pointless { .. } => return Ok(false),
        Preview::Changes(previewed) => consequences(&previewed, release),
    };
    if call.yes || call.options().dry_run {
        return Ok(true);
    }
    asked(call, what, &will).await.map(|()| true)
}

/// Goes on when a person says that these jobs are to be started.
///
/// # Errors
///
/// Nobody said yes: nothing was started.
pub(super) async fn confirm_starts(call: &Invocation, jobs: &[PreviewedJob], what: &str) -> Result<(), ErrorReport> {
    if call.yes || call.options().dry_run || !jobs.iter().any(|job| job.starts) {
        return Ok(());
    }
    asked(call, what, &of_starts(jobs)).await
}

/// Goes on when a person at the terminal says yes.
async fn asked(call: &Invocation, what: &str, will: &[String]) -> Result<(), ErrorReport> {
    // The question stands on stderr.
    let asked = call.outside.err.is_terminal() && std::io::stdin().is_terminal();
    let refused = |why: String, next: String| ErrorReport {
        what: format!("{what} was not done"),
        why: std::iter::once(why).chain(will.iter().map(|one| format!("it would {one}"))).collect(),
        done: Vec::new(),
        next,
        exit: Exit::NeedsPerson,
        class: ErrorClass::InvalidInput,
    };
    if !asked {
        let why = "it cannot be taken back, and nobody is at a terminal to be asked".to_owned();
        return Err(refused(why, again(&call.outside.args)));
    }
    let _rest = call.outside.err.screen().map(Screen::rest);
    call.outside.err.line(format!("{what} cannot be taken back. It will:"));
    for one in will {
        call.outside.err.line(format!("  - {one}"));
    }
    call.outside.err.line("Go on? [y/N]");
    let mut answer = String::new();
    let mut input = BufReader::new(tokio::io::stdin());
    tokio::select! {
        // A closed input is no yes.
        _ = input.read_line(&mut answer) => {}
        () = call.cancel.cancelled() => {}
    }
    if is_yes(&answer) {
        return Ok(());
    }
    Err(refused("the answer was not yes; nothing was changed".to_owned(), "nothing to do".to_owned()))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// What somebody does who means it: the command line that was given, with the word that is missing. One that holds
/// an address or a secret is not shown, and what would be left of it could not be pasted.
fn again(args: &[String]) -> String {
    let line = format!("{} --yes", without(args, ""));
    if clean(&line) == line {
        return format!("if that is meant, run it again with --yes: {line}");
    }
    "if that is meant, run the same line again with --yes at its end".to_owned()
}

/// How a dry run becomes a real one.
pub(super) fn for_real(args: &[String]) -> String {
    let line = without(args, "--dry-run");
    if clean(&line) == line {
        format!("to do it: {line}")
    } else {
        "to do it: the same line without --dry-run".to_owned()
    }
}

/// The command line that was given without `flag`, as a shell takes it.
fn without(args: &[String], flag: &str) -> String {
    let name = args.first().and_then(|path| path.rsplit('/').next()).unwrap_or("oar");
    let rest = args.iter().skip(1).filter(|arg| *arg != flag).map(|arg| quoted(arg));
    std::iter::once(name.to_owned()).chain(rest).collect::<Vec<_>>().join(" ")
}

fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,%".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) { arg.to_owned() } else { format!("'{}'", arg.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for yes in ["y", "Y\n", " yes \r\n"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n", "no", "yy", "yes please"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }

    #[test]
    fn a_dry_run_ends_with_the_command_that_does_it() {
        let args = ["oar", "-r", "4.20.17", "--dry-run", "take-ownership", "-e", "lead@example.com"];
        assert_eq!(without(&args.map(str::to_owned), "--dry-run"), "oar -r 4.20.17 take-ownership -e lead@example.com");
    }

    #[test]
    fn the_command_to_repeat_can_be_pasted_into_a_shell() {
        let args = ["/usr/bin/oar", "-r", "4.20.17", "issue", "resolve", "it's open", "--resolution", "a b"];
        assert_eq!(
            again(&args.map(str::to_owned)),
            "if that is meant, run it again with --yes: oar -r 4.20.17 issue resolve 'it'\\''s open' --resolution 'a b' \
             --yes"
        );
        let args = ["oar", "-r", "4.20.17", "take-ownership", "-e", "lead@example.com"];
        assert_eq!(
            again(&args.map(str::to_owned)),
            "if that is meant, run the same line again with --yes at its end",
            "the address would be masked, and the line could not be pasted"
        );
    }
}
