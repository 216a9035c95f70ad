//! Which test record of a build is acceptable: record flags and job count against the registry.
//!
//! A required job that never ran is not a passed job: 19 of 432 real records were marked accepted
//! with one to five of their three to six jobs.

use std::fmt;
use std::str::FromStr;

use super::result_file::{JobRegistry, Record, RegistryJob};

/// Which rule decides on a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AcceptancePolicy {
    /// A required job that never ran is not a passed job.
    #[default]
    Strict,
    /// The older rule: what the aggregator noted stands, whatever ran.
    Compat,
}

impl FromStr for AcceptancePolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "strict" => Ok(Self::Strict),
            "compat" => Ok(Self::Compat),
            _ => Err(()),
        }
    }
}

/// What the test record of a build says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordVerdict {
    /// There is no record.
    Missing,
    /// Tests are running; nothing was counted yet.
    NotStarted,
    /// Not all required jobs have an end.
    Aggregating {
        /// Required jobs that never ran, or that are counted as accepted without having passed.
        missing: Vec<String>,
    },
    /// Every required job of the registry ran and the record is accepted, or a person promoted the build.
    Accepted {
        /// One sentence with numbers.
        summary: String,
        /// How many jobs.
        jobs: usize,
    },
    /// The record is rejected.
    Rejected {
        /// One sentence with numbers.
        summary: String,
        /// Jobs that did not pass.
        failed: Vec<String>,
    },
    /// Record or registry cannot be judged.
    Invalid {
        /// Why.
        why: String,
    },
}

impl fmt::Display for RecordVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Missing"),
            Self::NotStarted => f.write_str("NotStarted"),
            Self::Aggregating { missing } => write!(f, "Aggregating {{ missing: {missing:?} }}"),
            Self::Accepted { summary, jobs } => write!(f, "Accepted {{ summary: {summary:?}, jobs: {jobs} }}"),
            Self::Rejected { summary, failed } => {
                write!(f, "Rejected {{ summary: {summary:?}, failed: {failed:?} }}")
            }
            Self::Invalid { why } => write!(f, "Invalid {{ why: {why:?} }}"),
        }
    }
}

/// Judges the record of `build`; `None` means that the file does not exist.
///
/// Nightlies are judged by the section `nightly` of the registry, all others by `stable`.
pub fn judge(build: &str, record: Option<&str>, registry: Option<&str>, policy: AcceptancePolicy) -> RecordVerdict {
    let Some(record) = record else { return RecordVerdict::Missing };
    let record = match Record::parse(record) {
        Ok(record) => record,
        Err(error) => return RecordVerdict::Invalid { why: error.to_string() },
    };
    let Some(named) = &record.build else {
        return RecordVerdict::Invalid { why: "the test record does not name its build".to_owned() };
    };
    if named != build {
        return RecordVerdict::Invalid { why: format!("the test record of {build} is about {named}") };
    }
    if record.jobs.is_empty() {
        return RecordVerdict::Invalid { why: "the test record holds no job".to_owned() };
    }
    if record.promoted {
        let jobs = record.jobs.len();
        return RecordVerdict::Accepted { summary: format!("promoted by a person ({jobs} jobs recorded)"), jobs };
    }
    let registry = match registry.map(JobRegistry::parse) {
        Some(Ok(registry)) => registry,
        Some(Err(error)) => return RecordVerdict::Invalid { why: error.to_string() },
        None => return RecordVerdict::Invalid { why: format!("there is no job registry to judge {build} by") },
    };
    let required: Vec<&RegistryJob> = registry.section(build).iter().filter(|job| job.is_required()).collect();
    if required.is_empty() {
        return RecordVerdict::Invalid { why: format!("the job registry requires no job of {build}") };
    }
    by_flags(&record, &required, policy)
}

fn by_flags(record: &Record, required: &[&RegistryJob], policy: AcceptancePolicy) -> RecordVerdict {
    let find = |job: &RegistryJob| record.jobs.iter().find(|item| item.name == job.name);
    let ran = |job: &RegistryJob| find(job).is_some_and(|item| item.first.is_some());
    let names = |jobs: Vec<&RegistryJob>| jobs.into_iter().map(|job| job.name.clone()).collect::<Vec<_>>();
    let missing = names(required.iter().copied().filter(|job| !ran(job)).collect());
    let failed: Vec<&RegistryJob> = required
        .iter()
        .copied()
        .filter(|job| find(job).is_some_and(|item| ran(job) && !item.passed(job.retries())))
        .collect();
    let passed = required.len() - missing.len() - failed.len();
    let counts = format!("{passed} of {} required jobs passed", required.len());
    match (record.aggregated, record.accepted) {
        (None, _) => RecordVerdict::NotStarted,
        (Some(false), _) => RecordVerdict::Aggregating { missing },
        (Some(true), None) => {
            RecordVerdict::Invalid { why: "the test record is counted but has no verdict".to_owned() }
        }
        (Some(true), Some(true)) if passed < required.len() && policy == AcceptancePolicy::Compat => {
            let summary = format!("{counts}; the older rule, which the settings ask for, accepts that");
            RecordVerdict::Accepted { summary, jobs: required.len() }
        }
        // Old aggregators also accepted a tie of passed and failed runs; such a job is not decided yet.
        (Some(true), Some(true)) if passed < required.len() => {
            RecordVerdict::Aggregating { missing: missing.into_iter().chain(names(failed)).collect() }
        }
        (Some(true), Some(true)) => RecordVerdict::Accepted { summary: counts, jobs: required.len() },
        (Some(true), Some(false)) => {
            let never = if missing.is_empty() { String::new() } else { format!(", {} never ran", missing.len()) };
            RecordVerdict::Rejected { summary: format!("{counts}{never}"), failed: names(failed) }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_verdict_is_spelled_as_agents_know_it() {
        let rejected = RecordVerdict::Rejected { summary: "2 of 3".to_owned(), failed: vec!["e2e".to_owned()] };
        assert_eq!(rejected.to_string(), "Rejected { summary: \"2 of 3\", failed: [\"e2e\"] }");
        assert_eq!(RecordVerdict::NotStarted.to_string(), "NotStarted");
        for verdict in [
            rejected,
            RecordVerdict::Aggregating { missing: vec!["e2e".to_owned()] },
            RecordVerdict::Accepted { summary: "all".to_owned(), jobs: 3 },
            RecordVerdict::Invalid { why: "\"".to_owned() },
        ] {
            assert_eq!(verdict.to_string(), format!("{verdict:?}"));
        }
    }

    const BUILD: &str = "4.99.0-0.nightly-2026-01-01-000000";

    fn run(state: &str) -> Value {
        json!({ "jobID": format!("id-{state}"), "jobState": state, "jobCompletionTime": "2026-01-01T03:00:00Z" })
    }

    fn job(name: &str, first: &str, retried: &[&str]) -> Value {
        let retried: Vec<_> = retried.iter().map(|state| run(state)).collect();
        json!({ "jobName": name, "firstJob": run(first), "retriedJobs": retried })
    }

    fn record(jobs: &[Value], flags: &Value) -> String {
        let mut file = json!({ "result": jobs, "build": { "name": BUILD } });
        for (key, value) in flags.as_object().unwrap() {
            file[key] = value.clone();
        }
        file.to_string()
    }

    fn registry() -> String {
        json!({
            "nightly": [{ "prowJob": "a" }, { "prowJob": "b", "upgrade": true }, { "prowJob": "c", "optional": true },
                        { "prowJob": "d", "disabled": true }],
            "stable": [{ "prowJob": "s" }],
        })
        .to_string()
    }

    fn judged(record: &str) -> RecordVerdict {
        judge(BUILD, Some(record), Some(&registry()), AcceptancePolicy::Strict)
    }

    fn accepted() -> Value {
        json!({ "aggregated": true, "accepted": true })
    }

    #[test]
    fn all_required_jobs_and_the_flag_make_a_build_accepted() {
        let file = record(&[job("a", "success", &[]), job("b", "failure", &["success", "success"])], &accepted());
        assert_eq!(
            judged(&file),
            RecordVerdict::Accepted { summary: "2 of 2 required jobs passed".to_owned(), jobs: 2 }
        );
    }

    #[test]
    fn a_required_job_that_never_ran_is_not_a_passed_job() {
        let file = record(&[job("a", "success", &[])], &accepted());
        assert_eq!(judged(&file), RecordVerdict::Aggregating { missing: vec!["b".to_owned()] });
        let lost = json!({ "jobName": "b", "firstJob": {} });
        let file = record(&[job("a", "success", &[]), lost], &accepted());
        assert_eq!(judged(&file), RecordVerdict::Aggregating { missing: vec!["b".to_owned()] });
    }

    #[test]
    fn the_older_rule_takes_the_aggregators_verdict_and_says_what_is_missing() {
        let by_old_rule = |file: &str| judge(BUILD, Some(file), Some(&registry()), AcceptancePolicy::Compat);
        let file = record(&[job("a", "success", &[])], &accepted());
        let RecordVerdict::Accepted { summary, .. } = by_old_rule(&file) else { panic!("the flag decides") };
        assert!(summary.starts_with("1 of 2 required jobs passed"), "{summary}");
        let open = record(&[job("a", "success", &[])], &json!({ "aggregated": false, "accepted": true }));
        assert!(matches!(by_old_rule(&open), RecordVerdict::Aggregating { .. }));
    }

    #[test]
    fn a_rejected_record_names_the_jobs_that_did_not_pass() {
        let flags = json!({ "aggregated": true, "accepted": false });
        let file = record(&[job("a", "success", &[]), job("b", "failure", &["success", "failure"])], &flags);
        assert_eq!(
            judged(&file),
            RecordVerdict::Rejected { summary: "1 of 2 required jobs passed".to_owned(), failed: vec!["b".to_owned()] }
        );
    }

    #[test]
    fn a_promotion_by_a_person_counts_whatever_the_flags_say() {
        let flags = json!({ "aggregated": true, "accepted": false, "manual_promotion": true });
        assert!(matches!(judged(&record(&[job("a", "failure", &[])], &flags)), RecordVerdict::Accepted { .. }));
    }

    #[test]
    fn a_record_without_end_is_a_wait() {
        assert_eq!(judge(BUILD, None, Some(&registry()), AcceptancePolicy::Strict), RecordVerdict::Missing);
        let jobs = [job("a", "success", &[]), job("b", "success", &[])];
        assert_eq!(judged(&record(&jobs, &json!({}))), RecordVerdict::NotStarted);
        let open = judged(&record(&jobs, &json!({ "aggregated": false })));
        assert_eq!(open, RecordVerdict::Aggregating { missing: Vec::new() });
    }

    #[test]
    fn what_cannot_be_judged_is_never_accepted() {
        let good = record(&[job("a", "success", &[]), job("b", "success", &[])], &accepted());
        let quoted_flag = registry().replace("\"disabled\":true", "\"disabled\":\"false\"");
        for (file, registry) in [
            ("{", Some(registry())),
            ("{}", Some(registry())),
            (r#"{"result":[],"build":{"name":"x"}}"#, Some(registry())),
            (&record(&[], &accepted()), Some(registry())),
            (&record(&[job("a", "success", &[])], &json!({ "aggregated": true })), Some(registry())),
            (&good.replace(BUILD, "4.99.1"), Some(registry())),
            (&good, None),
            (&good, Some(quoted_flag)),
            (&good, Some(r#"{"nightly":[],"stable":[]}"#.to_owned())),
            (&good, Some(r#"{"stable":[]}"#.to_owned())),
        ] {
            let verdict = judge(BUILD, Some(file), registry.as_deref(), AcceptancePolicy::Strict);
            assert!(matches!(verdict, RecordVerdict::Invalid { .. }), "{file}: {verdict:?}");
        }
    }

    #[test]
    fn a_build_kept_as_text_is_still_recognised() {
        let file = record(&[job("a", "success", &[]), job("b", "success", &[])], &accepted());
        let quoted = file.replace(&format!(r#"{{"name":"{BUILD}"}}"#), &format!(r#""{{\"name\":\"{BUILD}\"}}""#));
        assert_ne!(file, quoted);
        assert!(matches!(judged(&quoted), RecordVerdict::Accepted { .. }));
    }
}
