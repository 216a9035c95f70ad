//! What the test record of a build means for its release, by the rule that the settings ask for.
//!
//! A required job that never ran is not a passed job: 19 of 432 real records were marked accepted
//! with one to five of their three to six jobs.

use std::fmt;
use std::str::FromStr;

use super::build::{Stream, minor_of};
use super::evaluation::{Decision, Evaluation, JobEvaluation, JobVerdict, evaluate};
use super::job_registry::JobRegistry;
use super::result_file::ResultFile;

/// Which rule decides on a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AcceptancePolicy {
    /// A required job that never ran is not a passed job.
    #[default]
    Strict,
    /// The older rule: only the jobs of the record count.
    Compat,
}

impl AcceptancePolicy {
    /// As settings and records spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Compat => "compat",
        }
    }
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
#[derive(Clone, PartialEq, Eq)]
pub enum RecordVerdict {
    /// There is no record.
    Missing,
    /// Tests are running; none has ended.
    NotStarted,
    /// Not all required jobs have an end.
    Aggregating {
        /// Required jobs that never ran or have no end.
        missing: Vec<String>,
    },
    /// Every required job of the registry passed, or a person promoted the build.
    Accepted {
        /// One sentence with numbers.
        summary: String,
        /// How many jobs.
        jobs: usize,
    },
    /// A required job failed for good.
    Rejected {
        /// One sentence with numbers.
        summary: String,
        /// Jobs that did not pass.
        failed: Vec<String>,
        /// Did most of the jobs pass all the same?
        most_passed: bool,
    },
    /// Record or registry cannot be judged.
    Invalid {
        /// Why.
        why: String,
    },
}

/// Whether most jobs passed is for whoever decides about the build, and no part of how agents know the verdict.
impl fmt::Debug for RecordVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RecordVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Missing"),
            Self::NotStarted => f.write_str("NotStarted"),
            Self::Aggregating { missing } => write!(f, "Aggregating {{ missing: {missing:?} }}"),
            Self::Accepted { summary, jobs } => write!(f, "Accepted {{ summary: {summary:?}, jobs: {jobs} }}"),
            Self::Rejected { summary, failed, .. } => {
                write!(f, "Rejected {{ summary: {summary:?}, failed: {failed:?} }}")
            }
            Self::Invalid { why } => write!(f, "Invalid {{ why: {why:?} }}"),
        }
    }
}

/// Judges the record of `build`; `None` means that the file does not exist.
///
/// A record that says by which jobs it was planned is judged by them, any other one by the registry.
pub fn judge(build: &str, record: Option<&str>, registry: Option<&str>, policy: AcceptancePolicy) -> RecordVerdict {
    let Some(record) = record else { return RecordVerdict::Missing };
    let record = match ResultFile::read(record) {
        Ok(record) => record,
        Err(error) => return RecordVerdict::Invalid { why: error.to_string() },
    };
    let Some(named) = record.build() else {
        return RecordVerdict::Invalid { why: "the test record does not name its build".to_owned() };
    };
    if named != build {
        return RecordVerdict::Invalid { why: format!("the test record of {build} is about {named}") };
    }
    let jobs = record.jobs().len();
    if record.promoted() == Some(true) {
        return RecordVerdict::Accepted { summary: format!("promoted by a person ({jobs} jobs recorded)"), jobs };
    }
    let planned = record.policy().map(|policy| policy.jobs);
    let read;
    let required = match (&planned, registry) {
        (Some(planned), _) => planned.as_slice(),
        (None, Some(registry)) => {
            read = JobRegistry::read(registry, minor_of(build));
            match read.section(Stream::of(build)) {
                Ok(section) => section,
                Err(error) => return RecordVerdict::Invalid { why: error.to_string() },
            }
        }
        (None, None) => {
            return RecordVerdict::Invalid { why: format!("there is no job registry to judge {build} by") };
        }
    };
    by(policy, build, &evaluate(&record, required))
}

fn by(policy: AcceptancePolicy, build: &str, evaluation: &Evaluation) -> RecordVerdict {
    let required = || evaluation.strict.jobs.iter().filter(|job| job.required);
    let names = |is: fn(&JobEvaluation) -> bool| required().filter(|job| is(job)).map(|job| job.name.clone()).collect();
    let passed = required().filter(|job| has_passed(job)).count();
    let jobs = evaluation.coverage.required;
    let counts = format!("{passed} of {jobs} required jobs passed");
    let decision = match policy {
        AcceptancePolicy::Strict => evaluation.strict.decision,
        AcceptancePolicy::Compat => evaluation.compat.decision,
    };
    match decision {
        Decision::NoPolicy => RecordVerdict::Invalid { why: format!("the job registry requires no job of {build}") },
        Decision::Accepted if evaluation.strict.decision != Decision::Accepted => {
            let summary = format!("{counts}; the older rule, which the settings ask for, accepts that");
            RecordVerdict::Accepted { summary, jobs }
        }
        Decision::Accepted => RecordVerdict::Accepted { summary: counts, jobs },
        Decision::Rejected => {
            let never = jobs - evaluation.coverage.ran;
            let never = if never == 0 { String::new() } else { format!(", {never} never ran") };
            let failed = match policy {
                AcceptancePolicy::Strict => names(|job| job.verdict == JobVerdict::Failed),
                AcceptancePolicy::Compat => evaluation.compat.not_passed.clone(),
            };
            RecordVerdict::Rejected { summary: format!("{counts}{never}"), failed, most_passed: passed * 2 > jobs }
        }
        Decision::Incomplete | Decision::InProgress => {
            if required().all(|job| matches!(job.verdict, JobVerdict::Running)) {
                return RecordVerdict::NotStarted;
            }
            RecordVerdict::Aggregating { missing: names(|job| !has_passed(job)) }
        }
    }
}

const fn has_passed(job: &JobEvaluation) -> bool {
    matches!(job.verdict, JobVerdict::Passed | JobVerdict::PassedOnRetry)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_verdict_is_spelled_as_agents_know_it() {
        let rejected =
            RecordVerdict::Rejected { summary: "2 of 3".to_owned(), failed: vec!["e2e".to_owned()], most_passed: true };
        for (verdict, text) in [
            (rejected, r#"Rejected { summary: "2 of 3", failed: ["e2e"] }"#),
            (RecordVerdict::NotStarted, "NotStarted"),
            (RecordVerdict::Aggregating { missing: vec!["e2e".to_owned()] }, r#"Aggregating { missing: ["e2e"] }"#),
            (RecordVerdict::Accepted { summary: "all".to_owned(), jobs: 3 }, r#"Accepted { summary: "all", jobs: 3 }"#),
            (RecordVerdict::Invalid { why: "\"".to_owned() }, r#"Invalid { why: "\"" }"#),
        ] {
            assert_eq!((verdict.to_string(), format!("{verdict:?}")), (text.to_owned(), text.to_owned()));
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
    fn the_older_rule_decides_when_the_settings_ask_for_it_and_says_what_it_accepts() {
        let by_old_rule = |file: &str| judge(BUILD, Some(file), Some(&registry()), AcceptancePolicy::Compat);
        let file = record(&[job("a", "success", &[])], &accepted());
        let RecordVerdict::Accepted { summary, .. } = by_old_rule(&file) else { panic!("it asks for no other job") };
        assert!(summary.starts_with("1 of 2 required jobs passed; the older rule"), "{summary}");
        let tie = record(&[job("a", "success", &[]), job("b", "failure", &["success"])], &json!({}));
        assert!(matches!(by_old_rule(&tie), RecordVerdict::Accepted { .. }));
        assert_eq!(judged(&tie), RecordVerdict::Aggregating { missing: vec!["b".to_owned()] });
        let lost = record(&[job("a", "success", &[]), job("b", "error", &[])], &json!({}));
        let summary = "1 of 2 required jobs passed".to_owned();
        let rejected = RecordVerdict::Rejected { summary, failed: vec!["b".to_owned()], most_passed: false };
        assert_eq!(by_old_rule(&lost), rejected);
        let open = record(&[job("a", "success", &[]), job("b", "failure", &[])], &json!({}));
        let RecordVerdict::Rejected { .. } = by_old_rule(&open) else { panic!("all recorded runs have ended") };
    }

    #[test]
    fn what_was_recorded_as_a_verdict_decides_nothing() {
        let good = [job("a", "success", &[]), job("b", "success", &[])];
        for flags in [json!({}), json!({ "aggregated": false }), json!({ "aggregated": true, "accepted": false })] {
            assert!(matches!(judged(&record(&good, &flags)), RecordVerdict::Accepted { .. }), "{flags}");
        }
        let bad = [job("a", "success", &[]), job("b", "failure", &["failure"])];
        assert!(matches!(judged(&record(&bad, &accepted())), RecordVerdict::Rejected { .. }));
    }

    #[test]
    fn a_record_that_says_by_which_jobs_it_was_planned_is_judged_by_them() {
        let planned = json!({ "digest": "sha256:1", "jobs": [{ "prowJob": "a" }, { "prowJob": "e" }] });
        let file = record(&[job("a", "success", &[])], &json!({ "registry": planned }));
        assert_eq!(judged(&file), RecordVerdict::Aggregating { missing: vec!["e".to_owned()] });
        let alone = judge(BUILD, Some(&file), None, AcceptancePolicy::Strict);
        assert_eq!(alone, RecordVerdict::Aggregating { missing: vec!["e".to_owned()] });
    }

    #[test]
    fn a_rejected_record_names_the_jobs_that_did_not_pass() {
        let flags = json!({ "aggregated": true, "accepted": false });
        let file = record(&[job("a", "success", &[]), job("b", "failure", &["success", "failure"])], &flags);
        assert_eq!(
            judged(&file),
            RecordVerdict::Rejected {
                summary: "1 of 2 required jobs passed".to_owned(),
                failed: vec!["b".to_owned()],
                most_passed: false,
            }
        );
    }

    #[test]
    fn a_promotion_by_a_person_counts_whatever_the_flags_say() {
        let flags = json!({ "aggregated": true, "accepted": false, "manual_promotion": true });
        assert!(matches!(judged(&record(&[job("a", "failure", &[])], &flags)), RecordVerdict::Accepted { .. }));
    }

    #[test]
    fn a_record_without_end_is_a_wait_that_names_the_jobs_without_one() {
        assert_eq!(judge(BUILD, None, Some(&registry()), AcceptancePolicy::Strict), RecordVerdict::Missing);
        let open = |name: &str| json!({ "jobName": name, "firstJob": { "jobID": "1", "jobState": "pending" } });
        let all = record(&[open("a"), open("b"), open("c")], &json!({}));
        assert_eq!(judged(&all), RecordVerdict::NotStarted);
        let some = record(&[job("a", "success", &[]), open("b"), open("c")], &json!({}));
        assert_eq!(judged(&some), RecordVerdict::Aggregating { missing: vec!["b".to_owned()] });
        let empty = record(&[], &json!({}));
        assert_eq!(judged(&empty), RecordVerdict::Aggregating { missing: vec!["a".to_owned(), "b".to_owned()] });
    }

    #[test]
    fn what_cannot_be_judged_is_never_accepted() {
        let good = record(&[job("a", "success", &[]), job("b", "success", &[])], &accepted());
        let quoted_flag = registry().replace("\"disabled\":true", "\"disabled\":\"false\"");
        for (file, registry) in [
            ("{", Some(registry())),
            ("{}", Some(registry())),
            (r#"{"result":[],"build":{"name":"x"}}"#, Some(registry())),
            (&good.replace(r#""accepted":true"#, r#""accepted":"true""#), Some(registry())),
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
