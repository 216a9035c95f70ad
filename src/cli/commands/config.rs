//! `oar config`: which settings hold and why, sealed settings, build data.

use std::io::Write;
use std::path::Path;

use crate::cli::invocation::{AnswerForm, Invocation, config_error};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::config::credentials::Credentials;
use crate::core::config::error::ConfigError;
use crate::core::config::seal;
use crate::core::config::settings::Settings;
use crate::core::config::sources::SettingRow;
use crate::core::context::Context;
use crate::domain::assembly::original::{Difference, Reading};
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::credential::Credential;
use crate::domain::release::ZStream;
use crate::grammar::config::ConfigCommand;
use crate::render::documents::metadata::UnreadyEntry;
use crate::render::documents::program::Done;
use crate::render::documents::settings::{
    BuildDataValue, CredentialGiven, OlderReading, ReleaseValues, Setting, SettingsDocument,
};
use crate::render::json;

/// Runs one command about settings.
///
/// # Errors
///
/// The settings, build data or a named file cannot be used.
pub(crate) async fn run(call: &Invocation, command: ConfigCommand) -> Result<Exit, ErrorReport> {
    let mut out: Vec<u8> = Vec::new();
    let unusable = |error: ConfigError| config_error("the settings", &error);
    // With `-` standard output is the file, which nothing may touch.
    let is_the_file = matches!(
        &command,
        ConfigCommand::Encrypt { output, .. } | ConfigCommand::Decrypt { output, .. } if output.as_os_str() == "-"
    );
    // Sealing and opening work without the settings that they may be about to repair.
    let keys = || Credentials::from_env(&call.outside.env);
    match command {
        ConfigCommand::Show { explain } => {
            let form = call.form();
            let Some(release) = &call.release else {
                show(&call.settings()?, form, &mut out).map_err(unusable)?;
                call.print(&String::from_utf8_lossy(&out));
                return Ok(Exit::Done);
            };
            // Not a whole context: build data is public, and nobody should need a token to look at it.
            let settings = call.settings()?;
            let clock = Context::clock_of(&settings).map_err(unusable)?;
            let source = Context::build_data_alone(&settings, clock, call.cancel.clone()).map_err(unusable)?;
            let text = source.releases(release.minor()).await;
            let text = text.map_err(|error| {
                let (next, class) = (error.next_step(), error.class());
                ErrorReport::new(format!("build data of {} cannot be read", release.minor()), &error, next, class)
            })?;
            let data = BuildData::parse(&text).map_err(|error| unusable(error.into()))?;
            let explain = if explain { Explain::Yes } else { Explain::No };
            show_release(&data, release, explain, form, &mut out).map_err(unusable)?;
            call.print(&String::from_utf8_lossy(&out));
            return Ok(Exit::Done);
        }
        ConfigCommand::Check { build_data: None } => check(&call.settings()?, &mut out).map_err(unusable)?,
        ConfigCommand::Check { build_data: Some(file) } => {
            let text = std::fs::read_to_string(&file)
                .map_err(|cause| unusable(ConfigError::Unreadable { path: file.clone(), cause }))?;
            if let Err(error) = check_build_data(&text, &mut out) {
                // What was found in the other assemblies is reported, too.
                if !call.json {
                    call.print(&String::from_utf8_lossy(&out));
                }
                return Err(unusable(error));
            }
        }
        ConfigCommand::Encrypt { input, output } => encrypt(&input, &output, &keys(), &mut out).map_err(unusable)?,
        ConfigCommand::Decrypt { input, output } => decrypt(&input, &output, &keys(), &mut out).map_err(unusable)?,
    }
    let text = String::from_utf8_lossy(&out);
    if is_the_file {
        call.outside.out.raw(&text);
    } else {
        let text = text.trim_end();
        call.show(text, &Done::new(text));
    }
    Ok(Exit::Done)
}

/// Prints every setting and credential.
///
/// # Errors
///
/// `out` cannot be written.
pub fn show(settings: &Settings, form: AnswerForm, out: &mut dyn Write) -> Result<(), ConfigError> {
    if form == AnswerForm::Json {
        return print(out, &format!("{:#}\n", json::of(&document(settings))));
    }
    let width = settings.rows.iter().map(|row| row.key.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &settings.rows {
        let value = if row.value.is_empty() { "-" } else { &row.value };
        text += &format!("{:<width$}  {value}  ({})\n", row.key, row.origin);
    }
    text += "\n";
    for credential in Credential::ALL {
        let given = if settings.credentials.get(*credential).is_some() { "***" } else { "-  " };
        text += &format!("{credential:<width$}  {given}  {}\n", credential.purpose());
    }
    text += &warnings(&settings.warnings);
    print(out, &text)
}

/// Prints what build data says about `release`; with `explain` also where each value comes from and
/// where the predecessor of this program read another one.
///
/// # Errors
///
/// The release is not listed, its entry is broken, or `out` cannot be written.
pub fn show_release(
    data: &BuildData,
    release: &ZStream,
    explain: Explain,
    form: AnswerForm,
    out: &mut dyn Write,
) -> Result<(), ConfigError> {
    let assembly = data.resolve(release)?;
    let differences = data.differences(&assembly);
    if form == AnswerForm::Json {
        return print(out, &format!("{:#}\n", json::of(&release_document(release, &assembly, &differences))));
    }
    let values = values(&assembly);
    let width = values.iter().map(|(entry, _)| entry.len()).max().unwrap_or(0);
    let mut text = format!("{release}: {} flow\n", assembly.flow());
    for (entry, value) in values {
        text += &match (explain, assembly.origins.get(&entry)) {
            (Explain::Yes, Some(origin)) => format!("  {entry:<width$}  {value}  (assembly {origin})\n"),
            (Explain::Yes | Explain::No, _) => format!("  {entry:<width$}  {value}\n"),
        };
    }
    for entry in &assembly.not_ready {
        text += &format!("not ready: {} {}\n", entry.entry, entry.why);
    }
    text += &warnings(&assembly.warnings);
    if explain == Explain::Yes {
        for difference in &differences {
            text += &format!(
                "warning: older tools read {} as {}; it is {}\n",
                difference.entry,
                reading(&difference.original),
                difference.effective
            );
        }
    }
    print(out, &text)
}

/// Is the origin of each value wanted?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// Checks the sealed settings and tells all warnings. Values out of bounds never get this far.
///
/// # Errors
///
/// No sealed settings, no key for them, or `out` cannot be written.
pub fn check(settings: &Settings, out: &mut dyn Write) -> Result<(), ConfigError> {
    settings.sealed()?;
    print(out, &format!("{}settings and sealed settings are in order\n", warnings(&settings.warnings)))
}

/// Resolves every assembly of a `releases.yml` and lists those that are not ready or broken, with
/// the reason.
///
/// # Errors
///
/// The text is no build data, or `out` cannot be written. The first broken assembly is the error
/// after all have been listed.
pub fn check_build_data(text: &str, out: &mut dyn Write) -> Result<(), ConfigError> {
    let data = BuildData::parse(text)?;
    let (mut findings, mut ready, mut not_ready, mut broken) = (String::new(), 0, 0, Vec::new());
    for key in data.keys() {
        match data.resolve_key(key) {
            Ok(assembly) => {
                if assembly.not_ready.is_empty() {
                    ready += 1
                } else {
                    not_ready += 1
                }
                for entry in &assembly.not_ready {
                    findings += &format!("{key}: not ready: {} {}\n", entry.entry, entry.why);
                }
                for warning in &assembly.warnings {
                    findings += &format!("{key}: warning: {warning}\n");
                }
            }
            Err(error) => {
                findings += &format!("{key}: broken: {error}\n");
                broken.push(error);
            }
        }
    }
    findings += &format!("{ready} ready, {not_ready} not ready, {} broken\n", broken.len());
    print(out, &findings)?;
    broken.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
}

/// Seals `input` into `output`.
///
/// # Errors
///
/// See [`seal::encrypt`].
pub fn encrypt(input: &Path, output: &Path, key: &Credentials, out: &mut dyn Write) -> Result<(), ConfigError> {
    let found = seal::encrypt(input, output, key, out)?;
    reported_unless_printed(output, &format!("{}{} is sealed\n", warnings(&found), output.display()), out)
}

/// Opens `input` into `output`.
///
/// # Errors
///
/// See [`seal::decrypt`].
pub fn decrypt(input: &Path, output: &Path, key: &Credentials, out: &mut dyn Write) -> Result<(), ConfigError> {
    seal::decrypt(input, output, key, out)?;
    reported_unless_printed(
        output,
        &format!("{} holds the plain settings; remove it when you are done\n", output.display()),
        out,
    )
}

/// With `-` standard output is the file, so nothing may be added to it.
fn reported_unless_printed(output: &Path, text: &str, out: &mut dyn Write) -> Result<(), ConfigError> {
    if output.as_os_str() == "-" { Ok(()) } else { print(out, text) }
}

/// The values of an assembly with their dotted entries.
fn values(assembly: &Assembly) -> Vec<(String, String)> {
    let advisories =
        assembly.advisories.iter().map(|(impetus, id)| (format!("group.advisories.{impetus}"), id.to_string()));
    let single = [
        ("group.release_jira", &assembly.jira_ticket),
        ("group.release_date", &assembly.release_date),
        ("group.shipment.url", &assembly.shipment_mr),
    ];
    let single = single.into_iter().filter_map(|(entry, value)| Some((entry.to_owned(), value.clone()?)));
    let builds = assembly.candidate_builds.iter();
    let builds = builds.map(|(arch, build)| (format!("basis.reference_releases.{arch}"), build.clone()));
    advisories.chain(single).chain(builds).collect()
}

fn document(settings: &Settings) -> SettingsDocument {
    let row = |row: &SettingRow| Setting {
        key: row.key.clone(),
        value: row.value.clone(),
        origin: row.origin.to_string(),
        variable: row.variable.clone(),
    };
    let credential = |credential: &Credential| CredentialGiven {
        variable: credential.variable(),
        given: settings.credentials.get(*credential).is_some(),
        purpose: credential.purpose(),
    };
    SettingsDocument {
        settings: settings.rows.iter().map(row).collect(),
        credentials: Credential::ALL.iter().map(credential).collect(),
        warnings: settings.warnings.clone(),
    }
}

fn release_document(release: &ZStream, assembly: &Assembly, differences: &[Difference]) -> ReleaseValues {
    let value = |(entry, value): (String, String)| BuildDataValue {
        value,
        assembly: assembly.origins.get(&entry).cloned(),
        entry,
    };
    let older = |difference: &Difference| OlderReading {
        entry: difference.entry,
        effective: difference.effective.clone(),
        original: reading(&difference.original),
    };
    ReleaseValues {
        release: release.to_string(),
        assembly: assembly.key.clone(),
        flow: assembly.flow(),
        values: values(assembly).into_iter().map(value).collect(),
        not_ready: assembly.not_ready.iter().map(UnreadyEntry::from).collect(),
        warnings: assembly.warnings.clone(),
        differences: differences.iter().map(older).collect(),
    }
}

fn reading(original: &Reading) -> String {
    match original {
        Reading::Found(value) => value.to_string(),
        Reading::Crash(how) => format!("an error ({how})"),
    }
}

fn warnings(all: &[String]) -> String {
    all.iter().map(|warning| format!("warning: {warning}\n")).collect()
}

fn print(out: &mut dyn Write, text: &str) -> Result<(), ConfigError> {
    out.write_all(text.as_bytes()).map_err(ConfigError::Output)
}
