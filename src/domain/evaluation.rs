//! The verdict about one build: its test record against the registry of jobs, by the strict rule and by the older one.
//!
//! One pure function, so that a verdict can be reached again from the files alone: the same record and registry give
//! the same evaluation, whatever the order of the jobs in the record.

mod compat;
mod contradictions;
mod strict;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;

use super::job_registry::RegistryJob;
use super::result_file::ResultFile;
use super::spelled::spelled;

spelled! {
    /// What is decided about a build.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    Decision,
    /// As documents and tables spell it.
    name: &'static str {
        /// Every required job passed.
        Accepted = "ACCEPTED",
        /// A required job failed, and no run that may still come can change that.
        Rejected = "REJECTED",
        /// A required job never ran.
        Incomplete = "INCOMPLETE",
        /// Runs are open, or have to be triggered.
        InProgress = "IN_PROGRESS",
        /// The registry requires no job, so nothing says that the build is good.
        NoPolicy = "NO_POLICY",
    }
}

spelled! {
    /// What is decided about one job.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    JobVerdict,
    /// As documents and tables spell it.
    name: &'static str {
        /// The record has no run of it.
        NotTriggered = "NOT_TRIGGERED",
        /// Its run has no id, and was lost before it began.
        Lost = "LOST",
        /// Its first run is open.
        Running = "RUNNING",
        /// Its first run passed.
        Passed = "PASSED",
        /// Its first run failed, and enough further ones passed.
        PassedOnRetry = "PASSED_ON_RETRY",
        /// Too few runs can still pass.
        Failed = "FAILED",
        /// Further runs are open, and decide.
        Retrying = "RETRYING",
        /// Further runs have to be triggered.
        RetryNeeded = "RETRY_NEEDED",
        /// It failed, and does not count.
        OptionalFailed = "OPTIONAL_FAILED",
        /// The registry does not have it.
        UnknownJob = "UNKNOWN_JOB",
        /// It is switched off in the registry.
        Disabled = "DISABLED",
    }
}

/// One job, by the strict rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobEvaluation {
    /// Name as in the registry.
    pub name: String,
    /// Must it pass?
    pub required: bool,
    /// What is decided.
    pub verdict: JobVerdict,
    /// Runs that passed.
    pub passes: usize,
    /// Runs that ended otherwise.
    pub fails: usize,
    /// Runs that have not ended.
    pub open: usize,
    /// Runs in `error` that do not count: infrastructure failed, not tests.
    pub set_aside: usize,
    /// Runs that there may be, with the first one; 0 for a job that nothing is planned for.
    pub planned: usize,
    /// Its runs in order: `P` passed, `F` failed, `E` set aside, `R` open.
    pub attempts: String,
    /// Why, in one sentence.
    pub reason: String,
    /// When the run ended that fixed the verdict.
    pub decided_at: Option<Timestamp>,
}

/// Runs that have to be triggered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedRetry {
    /// Of this job.
    pub job: String,
    /// So many; which of them at once is for whoever triggers them.
    pub runs: usize,
    /// The first run in `error` that one of them takes the place of.
    pub replaces: Option<String>,
}

/// The verdict by the strict rule: a required job that never ran is not a passed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrictEvaluation {
    /// What is decided.
    pub decision: Decision,
    /// Every job of the registry in its order, then unknown ones by name.
    pub jobs: Vec<JobEvaluation>,
    /// What has to be triggered; nothing once the build is rejected.
    pub retry_plan: Vec<PlannedRetry>,
    /// When the run ended that fixed the decision.
    pub decided_at: Option<Timestamp>,
}

/// What the older rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metrics {
    /// Jobs of the record.
    pub total: usize,
    /// Jobs whose runs have all ended.
    pub completed: usize,
    /// Jobs with an open run.
    pub pending: usize,
    /// Jobs that passed.
    pub success: usize,
    /// Jobs that have ended and failed.
    pub failed: usize,
    /// Jobs of the record that are not optional.
    pub required: usize,
    /// Those of them that passed.
    pub successful_required: usize,
}

impl Metrics {
    /// Would the older rule accept the build?
    pub const fn is_accepted(&self) -> bool {
        self.required > 0 && self.successful_required == self.required
    }

    /// Have all jobs of the record ended?
    pub const fn all_completed(&self) -> bool {
        self.total > 0 && self.completed == self.total
    }
}

/// The verdict by the older rule: only jobs of the record count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompatEvaluation {
    /// What is decided.
    pub decision: Decision,
    /// What was counted.
    pub metrics: Metrics,
    /// Required jobs of the record that did not pass.
    pub not_passed: Vec<String>,
    /// Required jobs with a failed first run and no further one.
    pub retry_now: Vec<String>,
}

/// How many of the required jobs ran at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// With a run that has an id.
    pub ran: usize,
    /// Enabled and not optional.
    pub required: usize,
}

/// Both verdicts, and where the record contradicts them or itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// By the strict rule.
    pub strict: StrictEvaluation,
    /// By the older one.
    pub compat: CompatEvaluation,
    /// How many of the required jobs ran.
    pub coverage: Coverage,
    /// Did a person promote the build? That never changes a decision.
    pub promoted: bool,
    /// What does not fit together, each once, in order.
    pub contradictions: Vec<Contradiction>,
}

impl Evaluation {
    /// Is a build with this decision taken for accepted: by the decision, or by a person?
    pub const fn is_effectively(&self, decision: Decision) -> bool {
        matches!(decision, Decision::Accepted) || self.promoted
    }
}

/// Something in a record that does not fit together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contradiction {
    /// The recorded verdict is not that of the older rule.
    RecordedOtherwise {
        /// What is recorded.
        accepted: bool,
    },
    /// Recorded as accepted, although required jobs never ran.
    AcceptedWithout {
        /// Those jobs.
        jobs: Vec<String>,
    },
    /// A person promoted what is accepted anyway.
    PromotedAlthoughAccepted,
    /// Recorded as complete, although runs are open.
    CompleteWithOpenRuns {
        /// Their jobs.
        jobs: Vec<String>,
    },
    /// As many runs passed as failed; the older rule lets that pass.
    Tie {
        /// The job.
        job: String,
    },
    /// More runs than the registry plans.
    MoreRetries {
        /// The job.
        job: String,
        /// Further runs of the record.
        recorded: usize,
        /// Further runs of the registry.
        planned: usize,
    },
    /// The older rule triggers another number of further runs.
    OtherRetries {
        /// The job.
        job: String,
        /// By the strict rule.
        planned: usize,
        /// By the older one.
        original: usize,
    },
    /// A run stands in a job more than once, and counts each time: real records that were accepted have such.
    RunTwice {
        /// The job.
        job: String,
        /// The run.
        id: String,
    },
    /// A job stands in the record more than once; the worst of them counts.
    Twice {
        /// The job.
        job: String,
    },
    /// A state that nobody knows.
    UnknownState {
        /// The job.
        job: String,
        /// The state.
        state: String,
    },
    /// A run that ended, as its state says, without a time of its end. It counts as open.
    EndWithoutTime {
        /// The job.
        job: String,
        /// Its state.
        state: String,
    },
}

/// Judges a record by the enabled and disabled jobs of its section of the registry, in their order.
pub fn evaluate(file: &ResultFile, registry: &[RegistryJob]) -> Evaluation {
    let items = file.jobs();
    let strict = strict::evaluate(&items, &file.plan(), registry);
    let compat = compat::evaluate(&items, registry);
    let required = || strict.jobs.iter().filter(|job| job.required);
    let never_ran = |job: &&JobEvaluation| matches!(job.verdict, JobVerdict::NotTriggered | JobVerdict::Lost);
    let missing: Vec<String> = required().filter(never_ran).map(|job| job.name.clone()).collect();
    let coverage = Coverage { ran: required().count() - missing.len(), required: required().count() };
    let contradictions = contradictions::find(file, &items, registry, &compat, missing);
    Evaluation { strict, compat, coverage, promoted: file.promoted() == Some(true), contradictions }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} required jobs ran", self.ran, self.required)
    }
}
