//! What a run found out, in the words and fields that every front end shows.

use crate::domain::foreign::sentence;
use crate::domain::outcome::Outcome;
use crate::domain::task::TaskStatus;
use crate::operators::report::TaskReport;
use crate::render::comparison;
use crate::render::styled::{Styled, Tone};
use crate::render::text::clean;

/// One line: task, status, and what it means.
pub fn line(report: &TaskReport) -> Styled {
    let task = report.task;
    if let Some(would) = &report.would {
        return sentence(&format!("{task} (dry run, nothing was changed): {would}")).into();
    }
    let (status, meaning) = match &report.outcome {
        Outcome::Passed { summary } => (TaskStatus::Pass, format!(": {summary}")),
        Outcome::Waiting { on, recheck, .. } => {
            let minutes = minutes(recheck.as_mins());
            (TaskStatus::InProgress, format!(": waiting for {on}, look again in {minutes}"))
        }
        Outcome::Blocked { by } => (report.after, format!(": blocked, {by}")),
        Outcome::Failed { reason } => (TaskStatus::Fail, format!(": {reason}")),
        Outcome::Unchanged { why } => (report.after, format!(": nothing to do, {why}")),
    };
    Styled::from(format!("{task} ")) + status + sentence(&meaning)
}

/// The same with what went wrong beside it.
pub fn with_notes(report: &TaskReport) -> Styled {
    let mut text = line(report);
    text.lines(report.warnings.iter().map(|warning| format!("  note: {}", sentence(warning))));
    text
}

/// What it found out, without task and status.
pub fn summary(report: &TaskReport) -> String {
    clean(&sentence(&match &report.outcome {
        Outcome::Passed { summary } => summary.clone(),
        Outcome::Waiting { on, .. } => format!("waiting for {on}"),
        Outcome::Blocked { by } => by.to_string(),
        Outcome::Failed { reason } => reason.to_string(),
        Outcome::Unchanged { why } => why.clone(),
    }))
}

/// All of it for people.
pub fn text(report: &TaskReport) -> Styled {
    text_with(report, &next(report))
}

/// The same with another next step, for a front end that knows more of it.
pub fn text_with(report: &TaskReport, next: &str) -> Styled {
    let mut text = line(report);
    if let Outcome::Waiting { job: Some(job), .. } = &report.outcome {
        text.line(format!("  job:  {job}"));
    }
    text.lines(report.effects.iter().map(|effect| format!("  did:  {}", sentence(effect))));
    text.lines(report.warnings.iter().map(|warning| format!("  note: {}", sentence(warning))));
    text.line(Styled::toned(Tone::Pending, "  next: ") + next.replace('\n', "\n        "));
    if !report.comparisons.is_empty() {
        text.line(format!("\n{}", comparison::text(&report.comparisons)));
    }
    text
}

/// Does the plan know what comes next, and not this run?
pub fn is_for_the_plan(report: &TaskReport) -> bool {
    let goes_on = match &report.outcome {
        Outcome::Passed { .. } | Outcome::Unchanged { .. } => report.after != TaskStatus::Fail,
        Outcome::Waiting { .. } => true,
        Outcome::Blocked { .. } | Outcome::Failed { .. } => false,
    };
    goes_on && report.would.is_none() && report.advice.is_none()
}

/// What to do next, and when, as far as this run knows.
pub fn next(report: &TaskReport) -> String {
    let (release, task) = (&report.release, report.task);
    if report.would.is_some() {
        return format!("to do it: oar -r {release} {task}");
    }
    if let Some(advice) = &report.advice {
        return clean(advice);
    }
    clean(&match &report.outcome {
        Outcome::Passed { .. } | Outcome::Unchanged { .. } if report.after == TaskStatus::Fail => retry(report),
        Outcome::Passed { .. } | Outcome::Unchanged { .. } => format!("oar -r {release} plan"),
        Outcome::Waiting { recheck, .. } => {
            format!("in {}: oar -r {release} {task}", minutes(recheck.as_mins()))
        }
        Outcome::Blocked { by } => format!("{}\nthen: oar -r {release} {task}", by.step(release)),
        Outcome::Failed { .. } => retry(report),
    })
}

fn retry(report: &TaskReport) -> String {
    let (release, task) = (&report.release, report.task);
    format!(
        "look into it; when it is mended: oar -r {release} drive --retry {task}\n\
         to accept it as it is: oar -r {release} update-task-status {task} Pass --reason TEXT"
    )
}

/// Minutes as people say them.
pub fn minutes(minutes: i64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{} min", rest.max(1)),
        (hours, 0) => format!("{hours} h"),
        (hours, rest) => format!("{hours} h {rest} min"),
    }
}
