//! The reply of a task: what a run found out, or why it could not be carried out.

use serde_json::{Value, json};

use super::next_call::{NextCall, SOONEST_LOOK_S};
use super::reply::{Code, Reply};
use super::text::cleaned;
use crate::domain::closed_gate::{ClosedGate, OpenedBy};
use crate::domain::dates::stamp;
use crate::domain::foreign::sentence;
use crate::domain::outcome::Outcome;
use crate::domain::task::marker;
use crate::operators::error::TaskFailure;
use crate::operators::report::TaskReport;
use crate::render::documents::task::TaskDocument;
use crate::render::text::clean;
use crate::render::{json, report};
use crate::runs::record::NextLook;

/// Lines of a log that an answer carries.
const LOG_LINES: usize = 40;

/// What a run of a task found out, with the marker line that callers look for; `again` is the call to make next.
pub fn of_report(report: &TaskReport, again: Option<NextCall>) -> Reply {
    let (release, task) = (&report.release, report.task);
    let changed = report.before != report.after || !report.effects.is_empty();
    let reply = Reply::new(true, changed, summary(report), text(report))
        .about(release, task, Some(report.after))
        .with("data", cleaned(json::of(&TaskDocument::new(report, report::next(report)))));
    let wait = |on: String, seconds: Option<i64>| {
        let on = clean(&sentence(&on));
        let recheck = seconds.map(|seconds| seconds.max(SOONEST_LOOK_S));
        json!({ "on": on, "since": stamp(report.started_at), "recheck_seconds": recheck })
    };
    match &report.outcome {
        Outcome::Passed { .. } | Outcome::Unchanged { .. } => reply,
        Outcome::Waiting { on, job, recheck } => {
            let seconds = recheck.as_secs();
            let reply = reply.with("waiting", wait(on.to_string(), Some(seconds)));
            let reply = match job {
                Some(job) => reply.with("job", json!(job)),
                None => reply,
            };
            reply.with("next", next(again, Some(seconds), &report::next(report)))
        }
        Outcome::Blocked { by } => match by.opened_by() {
            OpenedBy::Time => {
                reply.with("waiting", wait(by.to_string(), None)).with("next", next(again, None, &by.step(release)))
            }
            OpenedBy::Person => reply.stopped(Code::Precondition, &by.to_string(), &by.step(release)),
        },
        Outcome::Failed { reason } => reply.stopped(Code::Failed, &reason.to_string(), &report::next(report)),
    }
}

/// A run of a task that could not be carried out.
pub fn of_failure(failure: &TaskFailure) -> Reply {
    let reply = Reply::operator(&failure.to_string(), &failure.error).about(&failure.release, failure.task, None);
    let text = format!("✗ Command failed\n\n{}", reply.text);
    if failure.done.is_empty() {
        return reply.with_text(&text);
    }
    let text = format!("{text}\n  done: {}", clean(&sentence(&failure.done.join("; "))));
    reply.with("changed", json!(true)).with("done", json!(failure.done)).with_text(&text)
}

fn text(report: &TaskReport) -> String {
    let (line, log, marker) = (report::line(report), tail(&report.log), marker(report.task, report.after));
    // The log of a run that changed nothing has no marker; callers wait for one all the same. Nobody else's text in it
    // can be one.
    let marked = if log.contains(&marker) { log } else { format!("{log}\n{marker}").trim_start().to_owned() };
    format!("✓ Command succeeded\n\n{line}\n{marked}")
}

/// What a run found out without the texts of services, bugs and people, which are in `data` and `error`.
fn summary(report: &TaskReport) -> String {
    let (task, release) = (report.task, &report.release);
    match &report.outcome {
        Outcome::Passed { .. } => format!("{task} of {release} passed"),
        Outcome::Unchanged { .. } => format!("{task} of {release} is {}: nothing was to be done", report.after),
        Outcome::Waiting { on, .. } => format!("{task} of {release} waits for {}", on.statement().ours),
        Outcome::Blocked { by: ClosedGate::Missing { .. } } => {
            format!("{task} of {release} cannot run: this machine lacks something")
        }
        Outcome::Blocked { by: ClosedGate::BadRecord { .. } } => {
            format!("{task} of {release} is blocked: a test record or registry is unusable")
        }
        Outcome::Blocked { by } => format!("{task} of {release} is blocked: {}", by.statement().ours),
        Outcome::Failed { reason } => format!("{task} of {release} failed: {}", reason.statement().ours),
    }
}

/// The next call, when a tool can be named for it; its text in any case.
fn next(again: Option<NextCall>, seconds: Option<i64>, text: &str) -> Value {
    let mut next = again.map(|again| json!(again)).unwrap_or_else(|| json!({}));
    let look = json!(NextLook { not_before_seconds: seconds.map(|seconds| seconds.max(SOONEST_LOOK_S)) });
    for (key, value) in look.as_object().into_iter().flatten() {
        next[key] = value.clone();
    }
    next["text"] = json!(clean(text));
    next
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let skipped = lines.len().saturating_sub(LOG_LINES);
    let head = if skipped > 0 { format!("({skipped} earlier lines left out)\n") } else { String::new() };
    head + &lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}
