//! `oar state …`: looks at state files and writes them the way the original does.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use crate::cli::invocation::{AnswerForm, Invocation, PrintedAnswer};
use crate::cli::output::error::ErrorReport;
use crate::cli::output::exit::Exit;
use crate::core::error::ErrorClass;
use crate::core::statebox::unsent::{Listed, list};
use crate::domain::release::ZStream;
use crate::domain::state::error::StateError;
use crate::domain::state::oddities::{is_usable, oddities};
use crate::domain::state::view::State;
use crate::grammar::state::StateCommand;
use crate::operators::manual::unsent;
use crate::operators::steps::state_file;
use crate::render::documents::state_files::{StateFile, StateFiles, UnsentChange, UnsentChanges};
use crate::render::styled::Styled;
use crate::render::text::clean;
use crate::render::{json, state_files};

/// Runs one command about state files: those that are named, or that of the release.
pub(crate) async fn run(call: &Invocation, command: &StateCommand) -> Result<Exit, ErrorReport> {
    let form = call.form();
    if let StateCommand::Unsent { send } = command {
        return unsent_changes(call, *send).await;
    }
    if !command.means_the_release() {
        let Printed { exit, out, err } = on_files(command, form);
        out.into_iter().for_each(|answer| call.print(answer));
        err.into_iter().for_each(|text| call.outside.err.line(text));
        return Ok(exit);
    }
    let (release, ctx) = (call.release()?, call.context().await?);
    let stored = state_file::of(&ctx, &release)
        .await
        .map_err(|error| call.task_error(&format!("the state of {release} cannot be shown"), error))?;
    let shown = match command {
        StateCommand::Check { .. } => check(&release.state_path(), &stored, form),
        StateCommand::Show { .. } | StateCommand::Fmt { .. } | StateCommand::Unsent { .. } => show(&stored, form),
    };
    call.print(shown);
    let refused = matches!(command, StateCommand::Check { .. }) && !is_usable(&stored);
    Ok(if refused { Exit::Usage } else { Exit::Done })
}

/// Lists what waits on this machine, and sends it first when that is wanted.
async fn unsent_changes(call: &Invocation, send: bool) -> Result<Exit, ErrorReport> {
    let home = call.settings()?.home;
    let all = || {
        list(&home).map_err(|cause| {
            let what = format!("{} cannot be read", home.join("unsent").display());
            ErrorReport::new(what, &cause, "make it readable; OAR_HOME names its folder".to_owned(), ErrorClass::Config)
        })
    };
    let release = call.release.as_ref().map(ToString::to_string);
    let wanted = |line: &Listed| release.as_ref().is_none_or(|release| *release == line.release);
    if send {
        let waits = all()?.into_iter().filter(wanted).filter(|line| line.waiting.refused.is_none());
        let releases: BTreeSet<String> = waits.map(|line| line.release).collect();
        let ctx = call.context().await?;
        for release in releases.iter().filter_map(|release| release.parse::<ZStream>().ok()) {
            let sent = unsent::send(&ctx, &release).await;
            let what = format!("what waits for {release} cannot be sent; all of it goes on waiting");
            let sent = sent.map_err(|error| call.task_error(&what, error))?;
            call.outside.err.line(format!("{release}: {} sent, {} refused", sent.stored, sent.refused.len()));
        }
    }
    let listed: Vec<_> = all()?.into_iter().filter(wanted).collect();
    let unsent = listed.iter().map(UnsentChange::from).collect();
    call.show(state_files::unsent(&listed), &UnsentChanges { ok: true, unsent });
    Ok(Exit::Done)
}

/// What a command on files has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// How it ended.
    pub exit: Exit,
    /// The result, if there is one.
    pub out: Option<PrintedAnswer>,
    /// What could not be done, one file each.
    pub err: Vec<Styled>,
}

/// Runs the command on its files. All files are looked at.
fn on_files(command: &StateCommand, form: AnswerForm) -> Printed {
    let shows = matches!(command, StateCommand::Show { .. });
    let (files, each): (_, &Look<'_>) = match command {
        StateCommand::Show { files } => (files, &|path, _, state| Ok(ShownFile::new(path, Some(show(state, form))))),
        StateCommand::Check { files } => (files, &|path, _, state| {
            let name = path.display().to_string();
            let answer = Some(PrintedAnswer::Text(state_files::check(&name, state)));
            Ok(ShownFile { answer, file: judgement(&clean(&name), state) })
        }),
        StateCommand::Fmt { check: true, files } => (files, &|path, text, state| Ok(compare(path, text, state))),
        StateCommand::Fmt { check: false, files } => (files, &rewrite),
        StateCommand::Unsent { .. } => (&Vec::new(), &|path, _, _| Ok(ShownFile::new(path, None))),
    };
    let mut printed = Printed { exit: Exit::Done, out: None, err: Vec::new() };
    if files.is_empty() {
        let next = "name state files, or a release: oar -r RELEASE state show";
        printed.err.push(error_text("nothing to look at", "no file was named".to_owned(), next.to_owned()));
        printed.exit = Exit::Usage;
    }
    let (mut text, mut json, mut rows) = (Styled::default(), String::new(), Vec::new());
    for path in files {
        let found = read(path).and_then(|(text, state)| each(path, &text, &state));
        let ShownFile { answer, file } = found.unwrap_or_else(|refusal| {
            let next = refusal.next.replace("FILE", &path.display().to_string());
            let (why, step) = (Some(clean(&refusal.why)), Some(clean(&next)));
            printed.err.push(error_text(&format!("{} cannot be used", path.display()), refusal.why, next));
            let file = StateFile { usable: false, why, next: step, ..ShownFile::new(path, None).file };
            let in_json = form == AnswerForm::Json && shows;
            ShownFile { answer: in_json.then(|| PrintedAnswer::Json(format!("{}\n", json::of(&file)))), file }
        });
        match answer {
            Some(PrintedAnswer::Text(one)) => text.line(one),
            Some(PrintedAnswer::Json(one)) => json += &clean(&one),
            None => {}
        }
        if !file.usable {
            printed.exit = Exit::Usage;
        } else if file.differs == Some(true) && printed.exit == Exit::Done {
            printed.exit = Exit::Failed;
        }
        rows.push(file);
    }
    printed.out = match form {
        AnswerForm::Text => (text != Styled::default()).then_some(PrintedAnswer::Text(text)),
        AnswerForm::Json if shows => Some(PrintedAnswer::Json(json)),
        AnswerForm::Json => {
            let document = StateFiles { ok: printed.exit == Exit::Done, files: rows };
            Some(PrintedAnswer::Json(format!("{:#}\n", json::of(&document))))
        }
    };
    printed
}

/// What a state says, as text or as one line of JSON.
fn show(state: &State, form: AnswerForm) -> PrintedAnswer {
    match form {
        AnswerForm::Json => PrintedAnswer::Json(format!("{}\n", json::clean(state.to_json()))),
        AnswerForm::Text => PrintedAnswer::Text(state_files::state(state)),
    }
}

/// What a check finds, for programs.
fn judgement(file: &str, state: &State) -> StateFile {
    StateFile {
        file: file.to_owned(),
        usable: is_usable(state),
        release: Some(state.release().to_string()),
        oddities: Some(oddities(state).iter().map(|odd| clean(&odd.to_string())).collect()),
        ..StateFile::default()
    }
}

/// One line that a state is usable, and one for each oddity; or the same as a document.
fn check(name: &str, state: &State, form: AnswerForm) -> PrintedAnswer {
    if form == AnswerForm::Text {
        return PrintedAnswer::Text(state_files::check(name, state));
    }
    let mut document = json::of(&StateFiles { ok: is_usable(state), files: vec![judgement(name, state)] });
    // Without a file these two stand last, where scripts have always found them.
    if let Some(file) = document["files"][0].as_object_mut() {
        for key in ["file", "usable"] {
            let value = file.shift_remove(key).unwrap_or_default();
            file.insert(key.to_owned(), value);
        }
    }
    PrintedAnswer::Json(format!("{document:#}\n"))
}

/// What a command makes of one file: path, text, state.
type Look<'a> = dyn Fn(&Path, &str, &State) -> Result<ShownFile, FileRefusal> + 'a;

struct ShownFile {
    answer: Option<PrintedAnswer>,
    file: StateFile,
}

impl ShownFile {
    fn new(path: &Path, answer: Option<PrintedAnswer>) -> Self {
        let file = clean(&path.display().to_string());
        Self { answer, file: StateFile { file, usable: true, ..StateFile::default() } }
    }
}

/// Why a file was not worked on.
struct FileRefusal {
    why: String,
    next: String,
}

impl From<StateError> for FileRefusal {
    fn from(error: StateError) -> Self {
        Self { why: error.to_string(), next: error.next_step() }
    }
}

impl From<io::Error> for FileRefusal {
    fn from(error: io::Error) -> Self {
        Self { why: error.to_string(), next: "check the path and its permissions".to_owned() }
    }
}

/// A file that is named like a release has to be the file of that release.
fn read(path: &Path) -> Result<(String, State), FileRefusal> {
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        FileRefusal {
            why: format!("line {line}: bytes that are not UTF-8"),
            next: "take its last good version from git".to_owned(),
        }
    })?;
    let named: Option<ZStream> = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
    let state = State::parse(&text, named.as_ref())?;
    Ok((text, state))
}

fn compare(path: &Path, text: &str, state: &State) -> ShownFile {
    let ours = state.to_yaml();
    let mut shown = ShownFile::new(path, None);
    shown.file.differs = Some(ours != text);
    if ours == text {
        return shown;
    }
    let (mut theirs, mut wanted) = (text.split('\n'), ours.split('\n'));
    let mut line = 1;
    loop {
        let pair = (theirs.next(), wanted.next());
        if pair.0 != pair.1 || pair == (None, None) {
            let show = |side: Option<&str>| side.map_or("(end of the file)".to_owned(), |text| format!("{text:?}"));
            let differs = format!("{}:{line}: {} would be {}", path.display(), show(pair.0), show(pair.1));
            shown.file.first_difference = Some(clean(&differs));
            shown.answer = Some(PrintedAnswer::Text(differs.into()));
            return shown;
        }
        line += 1;
    }
}

fn rewrite(path: &Path, text: &str, state: &State) -> Result<ShownFile, FileRefusal> {
    let ours = state.to_yaml();
    let mut shown = ShownFile::new(path, None);
    shown.file.written = Some(ours != text);
    if ours == text {
        return Ok(shown);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(ours.as_bytes())?;
    fresh.as_file().set_permissions(std::fs::metadata(path)?.permissions())?;
    fresh.persist(path).map_err(|error| error.error)?;
    shown.answer = Some(PrintedAnswer::Text(format!("{}: written anew", path.display()).into()));
    Ok(shown)
}

fn error_text(what: &str, why: String, next: String) -> Styled {
    ErrorReport { what: what.to_owned(), ..ErrorReport::usage(why, next) }.text()
}

#[cfg(test)]
mod tests;
