//! `oar config`: which settings hold and why, sealed settings, build data.

use std::path::Path;

use crate::cli::invocation::{AnswerForm, Invocation, PrintedAnswer, config_error};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::config::credentials::Credentials;
use crate::core::config::error::ConfigError;
use crate::core::config::seal;
use crate::core::config::settings::Settings;
use crate::core::config::sources::SettingRow;
use crate::domain::assembly::original::{Difference, Reading};
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::credential::Credential;
use crate::domain::release::ZStream;
use crate::grammar::config::ConfigCommand;
use crate::operators::error::TaskError;
use crate::operators::views::metadata;
use crate::render::documents::metadata::UnreadyEntry;
use crate::render::documents::program::Done;
use crate::render::documents::settings::{
    BuildDataValue, CredentialGiven, OlderReading, ReleaseValues, Setting, SettingsDocument,
};
use crate::render::json;
use crate::render::styled::{Styled, Tone};

/// Runs one command about settings.
///
/// # Errors
///
/// The settings, build data or a named file cannot be used.
pub(crate) async fn run(call: &Invocation, command: ConfigCommand) -> Result<Exit, ErrorReport> {
    let unusable = |error: ConfigError| config_error("the settings", &error);
    // Sealing and opening work without the settings that they may be about to repair.
    let keys = || Credentials::from_env(&call.outside.env);
    let text = match command {
        ConfigCommand::Show { explain } => {
            let explain = if explain { Explain::Yes } else { Explain::No };
            let answer = match &call.release {
                Some(release) => show_release(&build_data(call, release).await?, release, explain, call.form()),
                None => Ok(show(&call.settings()?, call.form())),
            };
            call.print(answer.map_err(unusable)?);
            return Ok(Exit::Done);
        }
        ConfigCommand::Check { build_data: None } => check(&call.settings()?).map_err(unusable)?,
        ConfigCommand::Check { build_data: Some(file) } => {
            let text = std::fs::read_to_string(&file)
                .map_err(|cause| unusable(ConfigError::Unreadable { path: file.clone(), cause }))?;
            let (found, ended) = check_build_data(&text);
            if let Err(error) = ended {
                // What was found in the other assemblies is reported, too.
                if !call.json {
                    call.print(PrintedAnswer::Text(found));
                }
                return Err(unusable(error));
            }
            found
        }
        ConfigCommand::Encrypt { input, output } => {
            let mut file = Vec::new();
            let found = seal::encrypt(&input, &output, &keys(), &mut file).map_err(unusable)?;
            if is_the_file(call, &output, &file) {
                return Ok(Exit::Done);
            }
            let mut text = warnings(&found);
            text.line(format!("{} is sealed", output.display()));
            text
        }
        ConfigCommand::Decrypt { input, output } => {
            let mut file = Vec::new();
            seal::decrypt(&input, &output, &keys(), &mut file).map_err(unusable)?;
            if is_the_file(call, &output, &file) {
                return Ok(Exit::Done);
            }
            format!("{} holds the plain settings; remove it when you are done", output.display()).into()
        }
    };
    let done = Done::new(text.to_string());
    call.show(text, &done);
    Ok(Exit::Done)
}

/// With `-` standard output is the file, to which nothing may be added.
fn is_the_file(call: &Invocation, output: &Path, file: &[u8]) -> bool {
    let is = output.as_os_str() == "-";
    if is {
        call.outside.out.raw(&String::from_utf8_lossy(file));
    }
    is
}

/// Build data of the minor of `release`.
async fn build_data(call: &Invocation, release: &ZStream) -> Result<BuildData, ErrorReport> {
    let read = metadata::build_data(&call.settings()?, release.minor(), call.cancel.clone()).await;
    read.map_err(|error| {
        if let TaskError::Config(error) = &error {
            return config_error("the settings", error);
        }
        let (next, class) = (error.next_step(), error.class());
        ErrorReport::new(format!("build data of {} cannot be read", release.minor()), &error, next, class)
    })
}

/// Every setting and credential.
pub fn show(settings: &Settings, form: AnswerForm) -> PrintedAnswer {
    if form == AnswerForm::Json {
        return PrintedAnswer::Json(format!("{:#}\n", json::of(&document(settings))));
    }
    let width = settings.rows.iter().map(|row| row.key.len()).max().unwrap_or(0);
    let mut text = Styled::default();
    for row in &settings.rows {
        let value = if row.value.is_empty() { "-" } else { &row.value };
        text.line(Styled::unmasked(&format!("{:<width$}  {value}  ({})", row.key, row.origin)));
    }
    text.line("");
    for credential in Credential::ALL {
        let given = if settings.credentials.get(*credential).is_some() { "***" } else { "-  " };
        text.line(format!("{credential:<width$}  {given}  {}", credential.purpose()));
    }
    if !settings.warnings.is_empty() {
        text.line(warnings(&settings.warnings));
    }
    PrintedAnswer::Text(text)
}

/// What build data says about `release`; with `explain` also where each value comes from and
/// where the original read another one.
///
/// # Errors
///
/// The release is not listed, or its entry is broken.
pub fn show_release(
    data: &BuildData,
    release: &ZStream,
    explain: Explain,
    form: AnswerForm,
) -> Result<PrintedAnswer, ConfigError> {
    let assembly = data.resolve(release)?;
    let differences = data.differences(&assembly);
    if form == AnswerForm::Json {
        return Ok(PrintedAnswer::Json(format!(
            "{:#}\n",
            json::of(&release_document(release, &assembly, &differences))
        )));
    }
    let values = values(&assembly);
    let width = values.iter().map(|(entry, _)| entry.len()).max().unwrap_or(0);
    let mut text = Styled::from(format!("{release}: {} flow", assembly.flow()));
    for (entry, value) in values {
        let origin = assembly.origins.get(&entry).filter(|_| explain == Explain::Yes);
        let origin = origin.map(|origin| format!("  (assembly {origin})")).unwrap_or_default();
        text.line(Styled::unmasked(&format!("  {entry:<width$}  {value}{origin}")));
    }
    text.lines(assembly.not_ready.iter().map(|entry| format!("not ready: {} {}", entry.entry, entry.why)));
    text.lines(assembly.warnings.iter().map(|warning| warned(warning)));
    if explain == Explain::Yes {
        text.lines(differences.iter().map(|Difference { entry, original, effective }| {
            warned(&format!("older tools read {entry} as {}; it is {effective}", reading(original)))
        }));
    }
    Ok(PrintedAnswer::Text(text))
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
fn check(settings: &Settings) -> Result<Styled, ConfigError> {
    settings.sealed()?;
    let mut text = warnings(&settings.warnings);
    text.line("settings and sealed settings are in order");
    Ok(text)
}

/// Resolves every assembly of a `releases.yml` and lists those that are not ready or broken, with the reason.
///
/// # Errors
///
/// The text is no build data; the first broken assembly, after all have been listed.
pub fn check_build_data(text: &str) -> (Styled, Result<(), ConfigError>) {
    let mut found = Styled::default();
    let data = match BuildData::parse(text) {
        Ok(data) => data,
        Err(error) => return (found, Err(error.into())),
    };
    let (mut ready, mut not_ready, mut broken) = (0, 0, Vec::new());
    for key in data.keys() {
        match data.resolve_key(key) {
            Ok(assembly) => {
                if assembly.not_ready.is_empty() {
                    ready += 1
                } else {
                    not_ready += 1
                }
                let gaps = assembly.not_ready.iter();
                found.lines(gaps.map(|entry| format!("{key}: not ready: {} {}", entry.entry, entry.why)));
                found.lines(assembly.warnings.iter().map(|warning| format!("{key}: warning: {warning}")));
            }
            Err(error) => {
                found.line(format!("{key}: broken: {error}"));
                broken.push(error);
            }
        }
    }
    found.line(format!("{ready} ready, {not_ready} not ready, {} broken", broken.len()));
    (found, broken.into_iter().next().map_or(Ok(()), |error| Err(error.into())))
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

fn warnings(all: &[String]) -> Styled {
    let mut text = Styled::default();
    text.lines(all.iter().map(|warning| warned(warning)));
    text
}

fn warned(text: &str) -> Styled {
    Styled::toned(Tone::Warning, "warning: ") + text
}
