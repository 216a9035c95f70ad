//! The part of elliott's command line that finding trackers needs.

use serde::{Deserialize, Serialize};

use super::Ended;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Asked {
    /// `openshift-4.20`.
    pub group: String,
    /// Assembly key.
    pub assembly: String,
    /// `brew` or `konflux`.
    pub build_system: String,
    /// Go on with bugs that cannot be validated.
    pub permissive: bool,
    /// The older command whose report is a list.
    pub sweep: bool,
}

impl Asked {
    /// Whether builds from Konflux are meant.
    pub fn konflux(&self) -> bool {
        self.build_system == "konflux"
    }
}

fn usage(command: &str, text: &str) -> Ended {
    Ended::failed(2, format!("Usage: {command} [OPTIONS]\nTry '{command} --help' for help.\n\nError: {text}\n"))
}

/// Reads the arguments; the error is how the tool ends when they are wrong.
pub(super) fn parse(args: &[String]) -> Result<Asked, Ended> {
    let mut asked = Asked { build_system: "brew".to_owned(), ..Asked::default() };
    let mut rest = args.iter();
    let mut command = None;
    while let Some(arg) = rest.next() {
        let (name, glued) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            Some(_) | None => (arg.as_str(), None),
        };
        let mut value = || {
            glued
                .clone()
                .or_else(|| rest.next().cloned())
                .ok_or_else(|| usage("elliott", &format!("Option '{name}' requires an argument.")))
        };
        match name {
            "--help" | "--version" => {
                return Err(Ended { code: 0, stdout: "elliott stand-in\n".to_owned(), stderr: String::new() });
            }
            "--data-path" | "--working-dir" | "--data-dir" => drop(value()?),
            "--debug" | "--quiet" => {}
            "--group" | "-g" => asked.group = value()?,
            "--assembly" => asked.assembly = value()?,
            "--build-system" => {
                asked.build_system = value()?;
                if !matches!(asked.build_system.as_str(), "brew" | "konflux") {
                    let text = format!(
                        "Invalid value for '--build-system': '{}' is not one of 'brew', 'konflux'.",
                        asked.build_system
                    );
                    return Err(usage("elliott", &text));
                }
            }
            _ if name.starts_with('-') => return Err(usage("elliott", &format!("No such option: {name}"))),
            _ => {
                command = Some(arg.as_str());
                break;
            }
        }
    }
    let Some(command) = command else { return Err(usage("elliott", "Missing command.")) };
    match command {
        "find-bugs" => {}
        "find-bugs:sweep" => asked.sweep = true,
        _ => return Err(usage("elliott", &format!("No such command '{command}'."))),
    }
    options(command, rest.as_slice(), &mut asked)?;
    if asked.group.is_empty() {
        return Err(Ended::failed(1, "ValueError: A group must be specified with --group\n"));
    }
    Ok(asked)
}

/// Reads what stands after the command.
fn options(command: &str, args: &[String], asked: &mut Asked) -> Result<(), Ended> {
    let name = format!("elliott {command}");
    let (mut cve_only, mut report, mut output) = (false, false, None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--cve-only" => cve_only = true,
            "--permissive" if !asked.sweep => asked.permissive = true,
            "--report" if asked.sweep => report = true,
            "--output" | "-o" => {
                output = rest.next().map(String::as_str);
                if output.is_none() {
                    return Err(usage(&name, &format!("Option '{arg}' requires an argument.")));
                }
            }
            "--output=json" | "-ojson" => output = Some("json"),
            _ => return Err(usage(&name, &format!("No such option: {arg}"))),
        }
    }
    if output.is_some_and(|format| !matches!(format, "json" | "yaml" | "text" | "slack")) {
        return Err(usage(&name, "Invalid value for '--output' / '-o'"));
    }
    // Other modes exist in the real tool; nothing here asks for them, so asking is a mistake.
    if !cve_only || output != Some("json") || (asked.sweep && !report) {
        return Err(Ended::failed(1, "the stand-in only finds CVE trackers as JSON\n"));
    }
    Ok(())
}
