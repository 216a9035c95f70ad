//! Why a stored Fail is one, learned from its text.
//!
//! State files of earlier tools store waits and outages as Fail and say why only in prose. New runs store
//! the class; this is the only place that reads text to learn something, and only for files without it.

use serde::Serialize;

/// Why a task is Fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum FailCause {
    /// The advisory page did not become public in time.
    TimedOut,
    /// Not a failure: the task was started before what it needs was there.
    Prerequisite,
    /// An outage or another error that goes away.
    Transient,
    /// A job of ours ended badly.
    JobFailed,
    /// A verdict, or anything we cannot tell.
    Permanent,
}

/// The verdict of a log stands at its end; earlier lines speak of things that were overcome.
const LAST_LINES: usize = 8;

/// Words of each cause, most telling first; all in lower case.
const WORDS: [(FailCause, &[&str]); 4] = [
    (
        FailCause::TimedOut,
        &["timeout reached after 2 days", "release approval timeout", "the advisory page was not public by"],
    ),
    (
        FailCause::Prerequisite,
        &[
            "will not trigger stage test",
            "stage release pipeline is not",
            "stage-release pipeline has not succeeded",
            "stage-release pipeline is not",
            "has to pass first",
            "prerequisite not met",
        ],
    ),
    (
        FailCause::JobFailed,
        &[
            " is failure",
            " is aborted",
            " is unstable",
            "job state: failure",
            "ended with failure",
            "ended with aborted",
            "ended with unstable",
        ],
    ),
    (
        FailCause::Transient,
        &[
            "read timed out",
            "connection timed out",
            "connect timeout",
            "connection reset",
            "connection refused",
            "connection aborted",
            "connectionerror",
            "max retries exceeded",
            "temporary failure in name resolution",
            "oc adm release info",
            "job state: aborted",
            "job state: error",
            "job state: scheduling",
            "too many requests",
            "internal server error",
            "bad gateway",
            "service unavailable",
            "gateway time-out",
            "gateway timeout",
            "http 429",
            "http 500",
            "http 502",
            "http 503",
            "http 504",
        ],
    ),
];

/// Judges the stored result of a Fail; without a telling text it is permanent.
pub fn classify(result: &str) -> FailCause {
    let lines: Vec<&str> = result.lines().filter(|line| !line.trim().is_empty()).collect();
    let end = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n").to_lowercase();
    WORDS
        .into_iter()
        .find(|(_, words)| words.iter().any(|word| end.contains(word)))
        .map_or(FailCause::Permanent, |(cause, _)| cause)
}
