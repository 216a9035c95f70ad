//! The answer of a tool: text as callers have always read it, and one envelope for programs.

use serde_json::{Map, Value, json};

use super::arguments::BadArgument;
use crate::core::error::ErrorClass;
use crate::domain::dates::stamp;
use crate::domain::task::{OpenedBy, Outcome, marker};
use crate::operators::error::{TaskError, TaskFailure};
use crate::operators::report;
use crate::operators::run::TaskReport;

/// An answer is at most so large; the rest is behind a link.
pub const MOST_BYTES: usize = 20_000;

/// What is left of a text that is too long.
const SHORT_TEXT: usize = 3_000;

/// Lines of a log that an answer carries.
const LOG_LINES: usize = 40;

/// Why a call could not be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// The arguments make no sense.
    InvalidArgument,
    /// What was named does not exist.
    NotFound,
    /// Something has to be done or set first.
    Precondition,
    /// A person has to confirm it.
    ConfirmationRequired,
    /// The caller may not, or the person said no.
    Denied,
    /// A service did not help us.
    Upstream,
    /// It took too long; what it did is recorded.
    Timeout,
    /// Somebody cancelled it.
    Cancelled,
    /// Somebody else is changing the same thing.
    Conflict,
    /// A mistake of ours.
    Internal,
    /// The task ran and its verdict is against the release.
    Failed,
}

impl Code {
    /// Whether the same call may do better later, without anybody doing anything.
    pub const fn retryable(self) -> bool {
        matches!(self, Self::Upstream | Self::Timeout | Self::Conflict)
    }

    const fn of(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Auth | ErrorClass::Config | ErrorClass::NotReady => Self::Precondition,
            ErrorClass::NotFound => Self::NotFound,
            ErrorClass::Conflict => Self::Conflict,
            ErrorClass::RateLimit | ErrorClass::Transient | ErrorClass::Corrupt => Self::Upstream,
            ErrorClass::InvalidInput => Self::InvalidArgument,
            ErrorClass::Internal => Self::Internal,
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// For people and for callers that match words.
    pub text: String,
    /// For programs; complete in itself.
    pub body: Map<String, Value>,
    /// Did the call fail?
    pub is_error: bool,
    /// Where the rest is: address and name.
    pub links: Vec<(String, String)>,
}

impl Reply {
    /// Data as callers know it: the text is the same as compact JSON.
    pub fn data(summary: impl Into<String>, data: Value) -> Self {
        let text = data.to_string();
        Self::new(true, false, summary, text).with("data", data)
    }

    /// Data of a change.
    pub fn changed(summary: impl Into<String>, changed: bool, data: Value) -> Self {
        let text = data.to_string();
        Self::new(true, changed, summary, text).with("data", data)
    }

    /// A text without data.
    pub fn said(summary: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(true, false, summary, text)
    }

    /// A call that could not be carried out. `hint` is the next step.
    pub fn error(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (report::clean(&message.into()), report::clean(&hint.into()));
        let text = format!("✗ {message}\n  next: {hint}");
        let error = json!({ "code": code, "message": message, "retryable": code.retryable(), "hint": hint });
        let mut reply = Self::new(false, false, message, text).with("error", error);
        reply.is_error = true;
        reply
    }

    /// Arguments that cannot be used.
    pub fn bad_argument(error: &BadArgument) -> Self {
        Self::error(Code::InvalidArgument, error.to_string(), "correct the arguments; tools/list has their schema")
    }

    /// What an operator could not do.
    pub fn operator(what: &str, error: &TaskError) -> Self {
        let code = if matches!(error, TaskError::Cancelled) { Code::Cancelled } else { Code::of(error.class()) };
        let why = report::causes(error).join(": ");
        Self::error(code, format!("{what}: {why}"), error.next_step())
    }

    /// A run of a task that could not be carried out.
    pub fn failure(failure: &TaskFailure) -> Self {
        let mut reply = Self::operator(&failure.to_string(), &failure.error)
            .with("release", json!(failure.release.to_string()))
            .with("task", json!(failure.task));
        if !failure.done.is_empty() {
            let done = report::clean(&failure.done.join("; "));
            reply.text.push_str(&format!("\n  done: {done}"));
            reply = reply.with("changed", json!(true)).with("done", json!(failure.done));
        }
        reply.text = format!("✗ Command failed\n\n{}", reply.text);
        reply.seal()
    }

    /// What a run of a task found out, with the marker line that callers look for.
    pub fn report(report: &TaskReport, again: Option<Value>) -> Self {
        let (release, task) = (&report.release, report.task);
        let line = report::line(report);
        let log = tail(&report.log);
        let told = marker(task, report.after);
        // The log of a run that changed nothing has no marker; callers wait for one all the same.
        let marked = if log.contains(&told) { log.clone() } else { format!("{log}\n{told}").trim_start().to_owned() };
        let text = format!("✓ Command succeeded\n\n{line}\n{marked}");
        let changed = report.before != report.after || !report.effects.is_empty();
        let mut reply = Self::new(true, changed, report::summary(report), text)
            .with("release", json!(release.to_string()))
            .with("task", json!(task))
            .with("status", json!(report.after))
            .with("data", report::json(report));
        let wait = |on: String, seconds: Option<i64>| {
            let recheck = seconds.map(|seconds| seconds.max(60));
            json!({ "on": on, "since": stamp(report.started_at), "recheck_seconds": recheck })
        };
        match &report.outcome {
            Outcome::Passed { .. } | Outcome::Unchanged { .. } => {}
            Outcome::Waiting { on, job, recheck } => {
                let seconds = recheck.as_secs();
                reply = reply.with("waiting", wait(on.to_string(), Some(seconds)));
                if let Some(job) = job {
                    reply = reply.with("job", json!(job));
                }
                reply = reply.with("next", next(again, Some(seconds), &report::next(report)));
            }
            Outcome::Blocked { by } => match by.opened_by() {
                OpenedBy::Time => {
                    reply = reply
                        .with("waiting", wait(by.to_string(), None))
                        .with("next", next(again, None, &by.step(&report.release)));
                }
                OpenedBy::Person => {
                    return Self::stopped(Code::Precondition, &by.to_string(), &by.step(&report.release), reply);
                }
            },
            Outcome::Failed { reason } => {
                return Self::stopped(Code::Failed, &reason.to_string(), &report::next(report), reply);
            }
        }
        reply.seal()
    }

    fn stopped(code: Code, message: &str, hint: &str, mut reply: Self) -> Self {
        let error =
            json!({ "code": code, "message": report::clean(message), "retryable": false, "hint": report::clean(hint) });
        reply.is_error = true;
        reply.with("ok", json!(false)).with("error", error).seal()
    }

    fn new(ok: bool, changed: bool, summary: impl Into<String>, text: impl Into<String>) -> Self {
        let text = report::clean(&text.into());
        let mut body = Map::new();
        body.insert("ok".to_owned(), json!(ok));
        body.insert("changed".to_owned(), json!(changed));
        body.insert("summary".to_owned(), json!(report::clean(&summary.into())));
        body.insert("legacy_text".to_owned(), json!(text));
        Self { text, body, is_error: false, links: Vec::new() }
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.body.insert(field.to_owned(), value);
        self
    }

    /// The same with a link to more.
    #[must_use]
    pub fn linking(mut self, address: impl Into<String>, name: impl Into<String>) -> Self {
        self.links.push((address.into(), name.into()));
        self
    }

    /// The body's text follows the text.
    fn seal(mut self) -> Self {
        self.text = report::clean(&self.text);
        let text = json!(self.text);
        self.with("legacy_text", text)
    }

    /// Cuts what makes the answer too large; `rest` is where all of it can be read.
    #[must_use]
    pub fn fitting(mut self, rest: &str) -> Self {
        let too_large = |reply: &Self| {
            let body = Value::Object(reply.body.clone()).to_string().len();
            reply.text.len() + body > MOST_BYTES
        };
        if !too_large(&self) {
            return self;
        }
        self.links.push((rest.to_owned(), "the whole answer".to_owned()));
        self.text = shorten(&self.text, rest);
        let text = json!(self.text);
        self = self.with("legacy_text", text);
        if too_large(&self) {
            let cut = json!({ "cut": true, "uri": rest });
            self = self.with("data", cut);
        }
        self
    }
}

/// The next call, when a tool can be named for it, in words in any case.
fn next(again: Option<Value>, seconds: Option<i64>, words: &str) -> Value {
    let mut next = match again {
        Some(Value::Object(next)) => next,
        Some(_) | None => Map::new(),
    };
    if let Some(seconds) = seconds {
        next.insert("not_before_seconds".to_owned(), json!(seconds.max(60)));
    }
    next.insert("text".to_owned(), json!(report::clean(words)));
    Value::Object(next)
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let skipped = lines.len().saturating_sub(LOG_LINES);
    let head = if skipped > 0 { format!("({skipped} earlier lines left out)\n") } else { String::new() };
    head + &lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}

fn shorten(text: &str, rest: &str) -> String {
    let mut end = SHORT_TEXT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = text.get(..end).unwrap_or_default();
    format!("{head}\n… cut; the whole answer is at {rest}")
}
