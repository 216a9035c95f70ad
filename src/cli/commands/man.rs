//! `oar man`: the pages of all commands, made from their help.

use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::Man;

use crate::cli::invocation::Invocation;
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::error::ErrorClass;
use crate::grammar::args::{self, NAMES};
use crate::render::documents::program::Pages;

/// Prints the main page, or writes all of them.
pub(crate) fn run(call: &Invocation, dir: Option<&Path>) -> Result<Exit, ErrorReport> {
    let next = || "name a folder that can be written: oar man --dir DIR".to_owned();
    let cannot_write = |cause: std::io::Error| {
        ErrorReport::new("the manual cannot be written", &cause, next(), ErrorClass::InvalidInput)
    };
    let Some(dir) = dir else {
        call.outside.out.raw(&main_page().map_err(cannot_write)?);
        return Ok(Exit::Done);
    };
    let pages = write(dir).map_err(cannot_write)?;
    let text = format!("{} pages written into {}", pages.len(), dir.display());
    let pages: Vec<_> = pages.iter().map(|path| path.display().to_string()).collect();
    call.show(text, &Pages { ok: true, pages });
    Ok(Exit::Done)
}

/// The page of `oar` itself.
///
/// # Errors
///
/// None in practice: it is written into memory.
pub fn main_page() -> io::Result<String> {
    let root = args::command().disable_help_subcommand(true);
    render(&root)
}

/// Writes the pages of all commands into `folder`; their paths.
///
/// # Errors
///
/// The folder cannot be made or written.
pub fn write(folder: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let mut root = args::command().disable_help_subcommand(true);
    root.build();
    let mut written = Vec::new();
    each(&root, folder, &mut written)?;
    for (name, command) in NAMES {
        let path = folder.join(format!("{name}.1"));
        std::fs::write(&path, format!(".so man1/oar-{command}.1\n"))?;
        written.push(path);
    }
    Ok(written)
}

fn each(command: &clap::Command, folder: &Path, written: &mut Vec<PathBuf>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, render(command)?)?;
    written.push(path);
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        each(sub, folder, written)?;
    }
    Ok(())
}

fn render(command: &clap::Command) -> io::Result<String> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    String::from_utf8(page).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let folder = tempfile::tempdir().unwrap();
        let written = write(folder.path()).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(written.len() > 40, "{written:?}");
        assert!(page("oar.1").contains("NAME") && page("oar.1").contains("oar\\-drive(1)"));
        assert!(page("oar-issue-add.1").contains("Examples:"));
        assert_eq!(page("oarctl.1"), ".so man1/oar-ctl.1\n");
        assert!(!written.iter().any(|path| path.ends_with("oar-sim-elliott.1")), "hidden commands have no page");
    }
}
