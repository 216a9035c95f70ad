//! Passes of the job controller and of the aggregator, for people.

use crate::agents::aggregator::AggregatorPass;
use crate::agents::job_controller::StreamResult;
use crate::agents::pass::PassReport;
use crate::domain::build_stream::StreamMove;
use crate::domain::dates::stamp;
use crate::domain::evaluation::Decision;
use crate::domain::foreign::{self, sentence};
use crate::operators::error::TaskError;
use crate::operators::jobs::manual::ChangedRecord;
use crate::operators::jobs::report::{BuildReport, Triggered};
use crate::render::documents::jobs::label_text;
use crate::render::styled::{Styled, Tone};

/// One line per stream, then what was triggered.
pub fn controller(pass: &PassReport<StreamResult>) -> Styled {
    let mut text = Styled::default();
    for unit in &pass.units {
        let stream = Styled::from(format!("{}: ", unit.subject));
        match &unit.result {
            Ok(report) => {
                text.line(stream + newest(report.newest.as_ref()));
                report.builds.iter().for_each(|build| self::build(&mut text, build));
                report.notes.iter().for_each(|note| text.line(format!("  note: {note}")));
            }
            Err(error) => {
                text.line(stream + Styled::toned(Tone::Bad, "could not be looked at"));
                trouble(&mut text, error);
            }
        }
    }
    if pass.units.is_empty() {
        text.line("there is no job registry, so that no stream is tested");
    }
    text
}

fn newest(newest: Option<&(String, StreamMove)>) -> String {
    match newest {
        None => "no build".to_owned(),
        Some((build, StreamMove::Same)) => format!("at {build}"),
        Some((build, StreamMove::Newer)) => format!("new: {build}"),
        Some((build, StreamMove::Older)) => format!("back at {build}"),
        Some((build, StreamMove::Foreign)) => format!("names {build}"),
    }
}

/// What was triggered for one build.
pub fn of_build(report: &BuildReport) -> Styled {
    let mut text = Styled::default();
    build(&mut text, report);
    text
}

fn build(text: &mut Styled, report: &BuildReport) {
    let BuildReport { of, planned, triggered: done, notes } = report;
    let new = done.runs.iter().filter(|run| run.is_new).count();
    let found = done.runs.len() - new;
    let found = if found > 0 { format!(", {found} found") } else { String::new() };
    text.line(format!("  {} {}: {planned} jobs planned, {new} triggered now{found}", of.build, of.arch.name()));
    triggered(text, done);
    notes.iter().for_each(|note| text.line(format!("    note: {note}")));
}

fn triggered(text: &mut Styled, done: &Triggered) {
    for run in &done.runs {
        text.line(format!(
            "    {} {} {}",
            if run.is_new { "triggered" } else { "found" },
            run.id,
            foreign::name(&run.job)
        ));
    }
    for run in &done.open {
        let tone = if run.comes_by_itself { Tone::Warning } else { Tone::Bad };
        let again = run.look_again.map(|at| format!("; a look helps from {} on", stamp(at))).unwrap_or_default();
        text.line(
            Styled::toned(tone, "    not triggered ")
                + format!("{}: {}{again}", foreign::name(&run.job), sentence(&run.why)),
        );
    }
    if let Some(error) = &done.stopped {
        trouble(text, error);
    }
}

fn trouble(text: &mut Styled, error: &TaskError) {
    text.line(Styled::toned(Tone::Bad, "    why: ") + error.to_string());
    text.line(format!("    next: {}", error.next_step()));
}

/// One line per record that is not settled.
pub fn aggregator(pass: &AggregatorPass) -> Styled {
    let mut text = Styled::default();
    for unit in &pass.records.units {
        let build = Styled::from(format!("{}: ", unit.subject));
        match &unit.result {
            Ok(None) => {}
            Ok(Some(record)) => {
                let tone = match record.decision {
                    Decision::Accepted => Tone::Good,
                    Decision::Rejected => Tone::Bad,
                    Decision::Incomplete | Decision::InProgress | Decision::NoPolicy => Tone::Warning,
                };
                let promoted = if record.promoted { ", promoted by a person" } else { "" };
                let open = if record.open_runs > 0 { format!(", {} open", record.open_runs) } else { String::new() };
                let failed = match record.failed.is_empty() {
                    true => String::new(),
                    false => format!(", failed: {}", record.failed.join(", ")),
                };
                let verdict = Styled::toned(tone, record.decision.name());
                text.line(build + verdict + format!(", {}{open}{promoted}{failed}", record.coverage));
                triggered(&mut text, &record.triggered);
                if let Some(label) = &record.label {
                    text.line(format!("    label of the payload: {}", label_text(label)));
                }
                record.notes.iter().for_each(|note| text.line(format!("    note: {note}")));
            }
            Err(error) => {
                text.line(build + Styled::toned(Tone::Bad, "could not be judged"));
                trouble(&mut text, error);
            }
        }
    }
    text.line(format!("{} records are settled", pass.settled));
    pass.notes.iter().for_each(|note| text.line(format!("note: {note}")));
    text
}

/// What a person changed.
pub fn changed(record: &ChangedRecord) -> Styled {
    let mut text = Styled::default();
    let nothing = if record.changed { "" } else { "; the record said so already" };
    text.line(format!("{}{nothing}", record.what));
    record.notes.iter().for_each(|note| text.line(format!("note: {note}")));
    text
}
