//! Test records as the job controller and the aggregator leave them on GitHub.
//!
//! Run ids and times follow from build, job and attempt, so a record keeps them when it grows. Links
//! are for people and name no port: what Git stores has the same ids in every run.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::domain::dates::stamp;
use crate::domain::release::Minor;
use crate::sim::journal::PLACEHOLDER;
use crate::sim::scenario::ReleasePlan;

/// How far the tests of a build are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Jobs run; nothing is aggregated.
    Running,
    /// Aggregated and accepted.
    Accepted,
    /// Aggregated and rejected: the first job lost its retries too.
    Rejected,
}

/// Kind of build, as the registry groups its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// A nightly.
    Nightly,
    /// A promoted payload.
    Stable,
}

const NIGHTLY: [&str; 5] = ["aws-ipi", "azure-ipi-fips", "gcp-ipi", "aws-ipi-disruptive", "vsphere-ipi"];
const STABLE: [&str; 5] =
    ["upgrade-aws-ipi", "upgrade-azure-ipi-fips", "upgrade-gcp-ipi", "aws-ipi", "gcp-ipi-private"];

/// Names of the jobs that test a build of this minor, at most five plus numbered ones.
pub fn jobs(minor: Minor, stream: Stream, count: usize) -> Vec<String> {
    let (prefix, known) = match stream {
        Stream::Nightly => ("", NIGHTLY),
        Stream::Stable => ("stable-", STABLE),
    };
    (0..count)
        .map(|n| {
            let variant = known.get(n).map_or_else(|| format!("variant-{n}"), |known| (*known).to_owned());
            format!(
                "periodic-ci-openshift-openshift-tests-private-release-{minor}-automated-release-{prefix}{variant}-f999"
            )
        })
        .collect()
}

/// Path of the job registry of a minor on branch `main`.
pub fn registry_path(minor: Minor) -> String {
    format!("_releases/ocp-{minor}-test-jobs-amd64.json")
}

/// The job registry of a minor.
pub fn registry(minor: Minor, count: usize) -> String {
    let list = |stream| -> Vec<Value> {
        let job = |name: String| {
            let mut job = json!({ "prowJob": name });
            if name.contains("-upgrade-") {
                job["upgrade"] = Value::Bool(true);
            }
            job
        };
        jobs(minor, stream, count).into_iter().map(job).collect()
    };
    pretty(&json!({ "nightly": list(Stream::Nightly), "stable": list(Stream::Stable) }))
}

/// Path of ART's tracking file of a minor on branch `z-stream`.
pub fn tracking_path(minor: Minor) -> String {
    format!("_releases/{minor}/{minor}.z.yaml")
}

/// ART's tracking file with this one release.
pub fn tracking(plan: &ReleasePlan) -> String {
    let mut text = format!("releases:\n  {}:\n    advisories:\n", plan.release);
    for (kind, id) in &plan.advisories {
        text.push_str(&format!("      {kind}: {id}\n"));
    }
    text.push_str(&format!("    release_jira: {}\n", plan.art_ticket));
    text
}

/// Path of the record of a build on branch `record`.
pub fn record_path(build: &str) -> String {
    format!("_releases/ocp-test-result-{build}-amd64.json")
}

/// A build and its jobs.
#[derive(Debug)]
pub struct Record<'a> {
    /// Build name.
    pub build: &'a str,
    /// Its pull spec.
    pub pull_spec: &'a str,
    /// Names of the jobs.
    pub jobs: Vec<String>,
    /// When the first job started.
    pub began: Timestamp,
}

impl Record<'_> {
    /// The record file.
    pub fn file(&self, verdict: Verdict) -> String {
        let result: Vec<Value> = self
            .jobs
            .iter()
            .enumerate()
            .map(|(n, job)| match verdict {
                Verdict::Running => json!({ "jobName": job, "firstJob": self.run(job, 0, "pending") }),
                Verdict::Rejected if n == 0 => json!({
                    "jobName": job,
                    "firstJob": self.run(job, 0, "failure"),
                    "retriedJobs": [self.run(job, 1, "failure"), self.run(job, 2, "failure")],
                }),
                Verdict::Accepted | Verdict::Rejected => {
                    json!({ "jobName": job, "firstJob": self.run(job, 0, "success"), "retriedJobs": [] })
                }
            })
            .collect();
        let mut file = json!({
            "result": result,
            "build": {
                "name": self.build,
                "phase": "Accepted",
                "pullSpec": self.pull_spec,
                "downloadURL": format!("{PLACEHOLDER}/release_controller/artifacts/{}", self.build),
            },
        });
        if verdict != Verdict::Running {
            file["aggregated"] = Value::Bool(true);
            file["accepted"] = Value::Bool(verdict == Verdict::Accepted);
        }
        pretty(&file)
    }

    fn run(&self, job: &str, attempt: u32, state: &str) -> Value {
        let hash = Sha256::digest(format!("{} {job} {attempt}", self.build));
        let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let number = hash.iter().take(7).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let minutes = i64::from(hash[0]) / 4 + 75;
        let start =
            self.began.saturating_add(SignedDuration::from_mins(i64::from(attempt) * 180)).unwrap_or(self.began);
        let end = start.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(start);
        let page = 1_900_000_000_000_000_000 + number % 99_999_999_999_999_999;
        let mut run = json!({
            "jobStartTime": stamp(start),
            "jobID": format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]),
            "jobURL": format!("{PLACEHOLDER}/prow/view/gs/qe-private-deck/logs/{job}/{page}"),
            "jobState": state,
        });
        if state != "pending" {
            run["jobCompletionTime"] = stamp(end).into();
        }
        run
    }
}

/// Two-space indent, no newline at the end: the form of the original files.
pub(in crate::sim) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_its_run_ids_when_it_is_aggregated() {
        let record = Record {
            build: "4.20.17",
            pull_spec: "quay.example.com/release:4.20.17-x86_64",
            jobs: jobs(Minor::new(4, 20), Stream::Stable, 5),
            began: Timestamp::UNIX_EPOCH,
        };
        let read = |verdict| serde_json::from_str::<Value>(&record.file(verdict)).expect("JSON");
        let (running, done, lost) = (read(Verdict::Running), read(Verdict::Accepted), read(Verdict::Rejected));
        assert_eq!(running["result"][4]["firstJob"]["jobID"], done["result"][4]["firstJob"]["jobID"]);
        assert_eq!(running.get("aggregated"), None);
        assert_eq!(done["accepted"], true);
        assert_eq!(lost["accepted"], false);
        assert_eq!(lost["result"][0]["retriedJobs"].as_array().map(Vec::len), Some(2));
    }
}
