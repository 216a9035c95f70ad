//! Verdicts about test records.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::acceptance::AcceptancePolicy;
use crate::domain::dates::stamp;
use crate::domain::evaluation::{CompatEvaluation, Evaluation, JobEvaluation, PlannedRetry, StrictEvaluation};
use crate::operators::views::evaluated_files::{EvaluatedFile, EvaluatedRecord, FileOutcome, JudgedBy};
use crate::render::text::clean;

/// One file with its verdicts.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Evaluation", deny_unknown_fields)]
pub struct EvaluatedFileDocument {
    /// Its path
    pub file: String,
    /// The build; null when the file is damaged
    pub build: Option<String>,
    /// The minor, X.Y
    pub minor: Option<String>,
    /// nightly or stable
    pub stream: Option<&'static str>,
    /// Architecture
    pub arch: Option<&'static str>,
    /// By the strict rule; null when it is not asked for
    pub strict: Option<StrictVerdict>,
    /// By the older rule; null when it is not asked for
    pub compat: Option<CompatVerdict>,
    /// How many required jobs ran
    pub coverage: Option<RanJobs>,
    /// What is recorded; null where nothing is
    pub recorded: Option<RecordedVerdict>,
    /// What in the record does not fit together
    pub contradictions: Vec<String>,
    /// By what it was judged; null: there is no registry of this minor and architecture
    pub registry: Option<RegistryUsed>,
    /// Why it could not be judged
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// A verdict by the strict rule: a required job that never ran is not a passed job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StrictVerdict {
    /// ACCEPTED, REJECTED, INCOMPLETE, IN_PROGRESS or NO_POLICY
    pub decision: &'static str,
    /// ACCEPTED, or promoted by a person
    pub accepted: bool,
    /// Every job of the registry in its order, then jobs that it does not have
    pub jobs: Vec<JobVerdictDocument>,
    /// Runs that have to be triggered; none once it is rejected
    pub retry_plan: Vec<PlannedRuns>,
    /// When the run ended that fixed the decision (UTC); null while nothing is fixed
    pub decided_at: Option<String>,
}

/// One job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "JobVerdict", deny_unknown_fields)]
pub struct JobVerdictDocument {
    /// Its name
    pub name: String,
    /// Must it pass?
    pub required: bool,
    /// NOT_TRIGGERED, LOST, RUNNING, PASSED, PASSED_ON_RETRY, FAILED, RETRYING, RETRY_NEEDED, OPTIONAL_FAILED, UNKNOWN_JOB or DISABLED
    pub verdict: &'static str,
    /// Runs that passed
    pub passes: usize,
    /// Runs that ended otherwise
    pub fails: usize,
    /// Runs that have not ended
    pub open: usize,
    /// Runs in state error that do not count
    pub set_aside: usize,
    /// Runs that there may be, the first one included
    pub planned: usize,
    /// Its runs in order: P passed, F failed, E set aside, R open
    pub attempts: String,
    /// Why, in one sentence
    pub reason: String,
}

/// Runs that have to be triggered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PlannedRuns {
    /// Of this job
    pub job: String,
    /// How many
    pub runs: usize,
    /// Id of the first run that one of them takes the place of
    pub replaces: Option<String>,
}

/// A verdict by the older rule: only the jobs of the record count.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CompatVerdict {
    /// ACCEPTED, REJECTED or IN_PROGRESS
    pub decision: &'static str,
    /// ACCEPTED, or promoted by a person
    pub accepted: bool,
    /// Required jobs with a failed first run and no further one
    pub retry_now: Vec<String>,
    /// Jobs of the record
    pub total: usize,
    /// Jobs whose runs have all ended
    pub completed: usize,
    /// Jobs with an open run
    pub pending: usize,
    /// Jobs that passed
    pub success: usize,
    /// Jobs that have ended and failed
    pub failed: usize,
    /// Jobs that are not optional
    pub required: usize,
    /// Those of them that passed
    pub successful_required: usize,
}

/// How many required jobs ran.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Coverage", deny_unknown_fields)]
pub struct RanJobs {
    /// Required jobs with a run
    pub ran: usize,
    /// Required jobs of the registry
    pub required: usize,
}

/// What a record says of itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RecordedVerdict {
    /// Was it counted?
    pub aggregated: Option<bool>,
    /// With which verdict?
    pub accepted: Option<bool>,
    /// Did a person promote the build?
    pub manual_promotion: Option<bool>,
}

/// A registry that a record was judged by.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RegistryUsed {
    /// Its path; null: the record itself says its jobs
    pub file: Option<String>,
    /// Its version in a history
    pub at: Option<String>,
    /// SHA-256 of the registry
    pub digest: String,
}

impl EvaluatedFileDocument {
    /// The document of a file; nothing for one that there is nothing to judge in.
    pub fn of(file: &EvaluatedFile, policies: &[AcceptancePolicy]) -> Option<Self> {
        let path = clean(&file.path.display().to_string());
        match &file.outcome {
            FileOutcome::Latest | FileOutcome::NoRecord { .. } => None,
            FileOutcome::Damaged { why } => Some(Self { file: path, damaged: Some(clean(why)), ..Self::default() }),
            FileOutcome::Unreadable { why } => {
                let damaged = Some(format!("it cannot be read: {}", clean(why)));
                Some(Self { file: path, damaged, ..Self::default() })
            }
            FileOutcome::Record(record) => Some(Self::of_record(path, record, policies)),
        }
    }

    fn of_record(file: String, record: &EvaluatedRecord, policies: &[AcceptancePolicy]) -> Self {
        let EvaluatedRecord { of, by, recorded, evaluation } = record;
        let coverage = evaluation.coverage;
        Self {
            file,
            build: Some(of.build.clone()),
            minor: of.minor().map(|minor| minor.to_string()),
            stream: Some(of.stream().name()),
            arch: Some(of.arch.name()),
            strict: policies.contains(&AcceptancePolicy::Strict).then(|| strict(&evaluation.strict, evaluation)),
            compat: policies.contains(&AcceptancePolicy::Compat).then(|| compat(&evaluation.compat, evaluation)),
            coverage: Some(RanJobs { ran: coverage.ran, required: coverage.required }),
            recorded: Some(RecordedVerdict {
                aggregated: recorded.aggregated,
                accepted: recorded.accepted,
                manual_promotion: recorded.manual_promotion,
            }),
            contradictions: evaluation.contradictions.iter().map(|one| clean(&one.to_string())).collect(),
            registry: by.as_ref().map(RegistryUsed::from),
            damaged: None,
        }
    }
}

fn strict(verdict: &StrictEvaluation, evaluation: &Evaluation) -> StrictVerdict {
    StrictVerdict {
        decision: verdict.decision.name(),
        accepted: evaluation.is_effectively(verdict.decision),
        jobs: verdict.jobs.iter().map(JobVerdictDocument::from).collect(),
        retry_plan: verdict.retry_plan.iter().map(PlannedRuns::from).collect(),
        decided_at: verdict.decided_at.map(stamp),
    }
}

fn compat(verdict: &CompatEvaluation, evaluation: &Evaluation) -> CompatVerdict {
    let counts = verdict.metrics;
    CompatVerdict {
        decision: verdict.decision.name(),
        accepted: evaluation.is_effectively(verdict.decision),
        retry_now: verdict.retry_now.clone(),
        total: counts.total,
        completed: counts.completed,
        pending: counts.pending,
        success: counts.success,
        failed: counts.failed,
        required: counts.required,
        successful_required: counts.successful_required,
    }
}

impl From<&JobEvaluation> for JobVerdictDocument {
    fn from(job: &JobEvaluation) -> Self {
        Self {
            name: job.name.clone(),
            required: job.required,
            verdict: job.verdict.name(),
            passes: job.passes,
            fails: job.fails,
            open: job.open,
            set_aside: job.set_aside,
            planned: job.planned,
            attempts: job.attempts.clone(),
            reason: job.reason.clone(),
        }
    }
}

impl From<&PlannedRetry> for PlannedRuns {
    fn from(planned: &PlannedRetry) -> Self {
        Self { job: planned.job.clone(), runs: planned.runs, replaces: planned.replaces.clone() }
    }
}

impl From<&JudgedBy> for RegistryUsed {
    fn from(by: &JudgedBy) -> Self {
        let file = by.file.as_ref().map(|file| clean(&file.display().to_string()));
        Self { file, at: by.stamp.clone(), digest: by.digest.clone() }
    }
}
