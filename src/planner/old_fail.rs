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
    /// The same, although the production release had succeeded.
    TimedOutReleased,
    /// Not a failure: the task was started before what it needs was there.
    Prerequisite,
    /// An outage or another error that goes away.
    Transient,
    /// A job of ours ended badly.
    JobFailed,
    /// A verdict against the release.
    Permanent,
    /// Its text is none that we know; a person has to read it.
    Unknown,
}

/// The verdict of a log stands at its end; earlier lines speak of things that were overcome.
const LAST_LINES: usize = 8;

/// Words of each cause, most telling first; all in lower case.
const PHRASES: [(FailCause, &[&str]); 5] = [
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
            // Another run was at it, or it went on in the background: neither says anything about the release.
            "scheduler is already running",
            "checker process started",
            "checker is already running",
            "is already in progress",
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
            // The same as a list of arguments, as the original's errors name it.
            "'oc', 'adm', 'release', 'info'",
            "unable to connect to the server",
            "i/o timeout",
            "tls handshake timeout",
            "remote end closed connection",
            "failed to establish a new connection",
            "eof occurred in violation of protocol",
            "500 server error",
            "502 server error",
            "503 server error",
            "504 server error",
            "429 client error",
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
    (
        FailCause::Permanent,
        &[
            " unhealthy",
            "missed cve tracker",
            "cve trackers are attached nowhere",
            "change advisory status failed",
            "stop-ship",
            "blocking security alert",
            "is rejected",
            "still unsigned",
        ],
    ),
];

/// Judges the stored result of a Fail.
pub fn classify(result: &str) -> FailCause {
    let lines: Vec<&str> = result.lines().filter(|line| !line.trim().is_empty()).collect();
    let end = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n").to_lowercase();
    PHRASES
        .into_iter()
        .find(|(_, phrases)| phrases.iter().any(|phrase| end.contains(phrase)))
        .map_or(FailCause::Unknown, |(cause, _)| cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_failures_are_distinguished_by_the_end_of_their_log() {
        let table = [
            // The endings of 4.12.84 and 4.20.10.
            (
                "2026-01-14 06:15:23,942 - INFO - Scheduler sleeping for 576 seconds (timeout in 0:09:36.357512)\n\
                 2026-01-14 06:25:00,300 - WARNING - Timeout reached after 2 days, payload metadata URL still not accessible\n\
                 2026-01-14 06:25:00,300 - WARNING - Release approval timeout. Payload metadata URL still not accessible after 2 days.",
                FailCause::TimedOut,
            ),
            // 4.12.90: the page was there, the advisories could not be moved.
            (
                "2026-05-13 11:36:58,405 - INFO - Scheduler sleeping for 1800 seconds (timeout in 1 day, 23:59:59.999930)\n\
                 2026-05-13 12:07:05,853 - INFO - Payload metadata URL is now accessible\n\
                 2026-05-13 12:07:27,273 - ERROR - Background metadata checker failed: change advisory status failed\n\
                 2026-05-13 12:07:27,273 - ERROR - Release approval failed with error: change advisory status failed",
                FailCause::Permanent,
            ),
            // 4.21.0-rc.1.
            (
                "2026-01-13T05:40:31Z: INFO: check stage job status according to job id: 1484\n\
                 2026-01-13T05:40:31Z: INFO: build status of zstreams/Stage-Pipeline/1484 is FAILURE\n\
                 2026-01-13T05:40:31Z: INFO: task [Stage Testing] status is changed to [Fail]",
                FailCause::JobFailed,
            ),
            // 4.22.0-rc.4: a good job, bad images; and trackers that were missed.
            (
                "2026-05-25T03:30:42Z: INFO: Job state: success, URL: https://prow.example.com/view/1\n\
                 2026-05-25T03:36:14Z: INFO: Completed image health check. Scanned 864 images, found 2 unhealthy\n\
                 2026-05-25T03:36:14Z: INFO: task [Image Consistency Check] status is changed to [Fail]",
                FailCause::Permanent,
            ),
            (
                "2026-05-19T02:36:19Z: INFO: Found 3 missed CVE tracker bugs in shipments\n\
                 2026-05-19T02:36:24Z: INFO: task [Check CVE Tracker Bug] status is changed to [Fail]",
                FailCause::Permanent,
            ),
            (
                "2026-02-01T08:00:00Z: ERROR: stage release pipeline is not success, will not trigger stage test\n\
                 2026-02-01T08:00:00Z: INFO: task [Stage Testing] status is changed to [Fail]",
                FailCause::Prerequisite,
            ),
            (
                "2026-02-01 08:00:00,000 - ERROR - Background metadata checker failed: \
                 HTTPSConnectionPool(host='errata.example.com', port=443): Read timed out. (read timeout=60)",
                FailCause::Transient,
            ),
            ("the advisory page was not public by 2026-03-27T00:00:00Z", FailCause::TimedOut),
            ("jenkins 1484 ended with FAILURE", FailCause::JobFailed),
            ("all good, but a person said no", FailCause::Unknown),
            ("", FailCause::Unknown),
            (
                "2026-04-02 09:10:11,000 - ERROR - Release approval failed with error: Command '['oc', 'adm', \
                 'release', 'info', 'quay.example.com/r:4.18.36-x86_64', '-o', 'json']' returned non-zero exit status 1.",
                FailCause::Transient,
            ),
            (
                "2026-04-02 09:10:11,000 - WARNING - Scheduler is already running for 4.18, skip\n\
                 2026-04-02 09:10:12,000 - INFO - task [Change Advisory Status] status is changed to [Fail]",
                FailCause::Prerequisite,
            ),
            (
                "2026-04-02T09:10:11Z: INFO: Background metadata checker process started. Log: /tmp/x.log\n\
                 2026-04-02T09:10:12Z: INFO: task [Change Advisory Status] status is changed to [Fail]",
                FailCause::Prerequisite,
            ),
        ];
        for (result, cause) in table {
            assert_eq!(classify(result), cause, "{result}");
        }
    }

    #[test]
    fn an_outage_that_was_overcome_does_not_excuse_the_verdict() {
        let mut log = String::from("ERROR: HTTP 503, trying again\n");
        log.push_str(&"INFO: checking the next image\n".repeat(20));
        log.push_str("INFO: found 2 unhealthy\n");
        assert_eq!(classify(&log), FailCause::Permanent);
    }
}
