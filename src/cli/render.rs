//! Reports and errors as text and JSON. Everything people read on a terminal is worded here.

use std::error::Error;

use serde_json::{Value, json};

use super::exit::Exit;
use crate::core::error::ErrorClass;
use crate::domain::dates::stamp;
use crate::domain::mask;
use crate::domain::task::Outcome;
use crate::operators::error::TaskFailure;
use crate::operators::run::TaskReport;

/// An error as people read it: what failed, why, what had happened, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What failed, one level.
    pub what: String,
    /// Why, one line per cause.
    pub why: Vec<String>,
    /// What had already happened outside.
    pub done: Vec<String>,
    /// What to do.
    pub next: String,
    /// How the program ends.
    pub exit: Exit,
    /// What kind of trouble it is.
    pub class: ErrorClass,
}

impl Told {
    /// Tells `error` with its causes.
    pub fn new(what: impl Into<String>, error: &dyn Error, next: String, class: ErrorClass) -> Self {
        Self { what: what.into(), why: causes(error), done: Vec::new(), next, exit: Exit::of_error(class), class }
    }

    /// Tells a task that could not be carried out.
    pub fn failure(failure: &TaskFailure) -> Self {
        let class = failure.error.class();
        let mut why = causes(&failure.error);
        if failure.error.to_string().is_empty() {
            why.remove(0);
        }
        Self {
            what: failure.to_string(),
            why,
            done: failure.done.clone(),
            next: failure.error.next_step(),
            exit: Exit::of_error(class),
            class,
        }
    }

    /// The text for stderr.
    pub fn text(&self) -> String {
        let mut lines = vec![format!("error: {}", clean(&self.what))];
        for (place, why) in self.why.iter().enumerate() {
            lines.push(format!("  {} {}", if place == 0 { "why: " } else { "     " }, clean(why)));
        }
        if !self.done.is_empty() {
            lines.push(format!("  done: {}", clean(&self.done.join("; "))));
        }
        for (place, step) in self.next.lines().enumerate() {
            lines.push(format!("  {} {}", if place == 0 { "next:" } else { "     " }, clean(step)));
        }
        lines.join("\n")
    }

    /// The same as JSON.
    pub fn json(&self) -> Value {
        json!({
            "ok": false,
            "error": {
                "class": self.class,
                "what": clean(&self.what),
                "why": self.why.iter().map(|why| clean(why)).collect::<Vec<_>>(),
                "done": self.done,
                "next": clean(&self.next),
                "exit": self.exit.code(),
            },
        })
    }
}

/// What a task run found out, in one line.
pub fn report_line(report: &TaskReport) -> String {
    let task = report.task;
    clean(&match &report.outcome {
        Outcome::Passed { summary } => format!("{task} Pass: {summary}"),
        Outcome::Waiting { on, recheck, .. } => {
            format!("{task} In Progress: waiting for {on}, look again in {}", minutes(recheck.as_mins()))
        }
        Outcome::Blocked { by } => format!("{task} {}: blocked, {by}", report.after),
        Outcome::Failed { reason } => format!("{task} Fail: {reason}"),
        Outcome::Unchanged { why } => format!("{task} {}: nothing to do, {why}", report.after),
    })
}

/// What a task run found out, in a few lines.
pub fn report_text(report: &TaskReport) -> String {
    let mut lines = vec![report_line(report)];
    if let Outcome::Waiting { job: Some(job), .. } = &report.outcome {
        lines.push(format!("  job:  {job}"));
    }
    for effect in &report.effects {
        lines.push(format!("  did:  {effect}"));
    }
    for warning in &report.warnings {
        lines.push(format!("  note: {warning}"));
    }
    lines.push(format!("  next: {}", next_of(report)));
    lines.extend(report.details.iter().map(|details| format!("\n{}", details.text)));
    lines.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n")
}

/// The same as JSON.
pub fn report_json(report: &TaskReport) -> Value {
    let (summary, waiting) = match &report.outcome {
        Outcome::Passed { summary } => (summary.clone(), Value::Null),
        Outcome::Waiting { on, recheck, .. } => {
            (format!("waiting for {on}"), json!({ "on": on.to_string(), "recheck_minutes": recheck.as_mins().max(1) }))
        }
        Outcome::Blocked { by } => (by.to_string(), json!({ "on": by.to_string() })),
        Outcome::Failed { reason } => (reason.to_string(), Value::Null),
        Outcome::Unchanged { why } => (why.clone(), Value::Null),
    };
    let job = if let Outcome::Waiting { job: Some(job), .. } = &report.outcome { json!(job) } else { Value::Null };
    json!({
        "ok": !matches!(report.outcome, Outcome::Failed { .. }),
        "release": report.release.to_string(),
        "task": report.task,
        "status": report.after,
        "changed": report.before != report.after,
        "outcome": outcome_name(&report.outcome),
        "summary": clean(&summary),
        "waiting": waiting,
        "job": job,
        "effects": report.effects,
        "warnings": report.warnings,
        "next": next_of(report),
        "details": report.details.as_ref().map(|details| &details.json),
        "started_at": stamp(report.started_at),
        "ended_at": stamp(report.ended_at),
    })
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed { .. } => "passed",
        Outcome::Waiting { .. } => "waiting",
        Outcome::Blocked { .. } => "blocked",
        Outcome::Failed { .. } => "failed",
        Outcome::Unchanged { .. } => "unchanged",
    }
}

fn next_of(report: &TaskReport) -> String {
    let (release, task) = (&report.release, report.task);
    match &report.outcome {
        Outcome::Passed { .. } | Outcome::Unchanged { .. } => format!("oar -r {release} plan shows what comes next"),
        Outcome::Waiting { recheck, .. } => {
            format!("oar -r {release} {task} again in {}", minutes(recheck.as_mins()))
        }
        Outcome::Blocked { by } => format!("{}, then: oar -r {release} {task}", by.step()),
        Outcome::Failed { .. } => {
            format!("look into it; then: oar -r {release} drive --retry {task}, or waive it with a reason")
        }
    }
}

/// An error with its causes on one line.
pub fn one_line(error: &dyn Error) -> String {
    clean(&causes(error).join(": "))
}

/// `30 min`, `2 h`, `1 h 30 min`.
pub fn minutes(minutes: i64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{} min", rest.max(1)),
        (hours, 0) => format!("{hours} h"),
        (hours, rest) => format!("{hours} h {rest} min"),
    }
}

/// Text from outside made safe for a terminal: masked, without control characters.
pub fn clean(text: &str) -> String {
    mask::mask(text).chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// JSON with every text masked.
pub fn masked(json: &Value) -> Value {
    match json {
        Value::String(text) => Value::String(mask::mask(text)),
        Value::Array(list) => list.iter().map(masked).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), masked(value))).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain.clone(),
    }
}

fn causes(error: &dyn Error) -> Vec<String> {
    let mut all = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(lower) = cause {
        let text = lower.to_string();
        if all.last() != Some(&text) {
            all.push(text);
        }
        cause = lower.source();
    }
    all
}
