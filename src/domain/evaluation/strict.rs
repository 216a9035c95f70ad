//! The strict rule: best of the planned runs for each job, and every required job of the registry has to pass.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Decision, JobEvaluation, JobVerdict, PlannedRetry, StrictEvaluation};
use crate::domain::foreign::quoted;
use crate::domain::job_registry::RegistryJob;
use crate::domain::result_file::additions::{PlanEntry, PlanState};
use crate::domain::result_file::{JobItem, JobRun, RunState};

/// Runs in `error` that are set aside per job; later ones count as failures.
const MOST_SET_ASIDE: usize = 2;

pub(super) fn evaluate(items: &[JobItem<'_>], plan: &[PlanEntry], registry: &[RegistryJob]) -> StrictEvaluation {
    let mut jobs: Vec<JudgedJob> = registry.iter().map(|job| of_registry(job, items, plan)).collect();
    let names: BTreeSet<&str> = items.iter().map(|item| item.name).collect();
    for name in names.into_iter().filter(|name| !registry.iter().any(|job| job.name == *name)) {
        let same = items.iter().filter(|item| item.name == name);
        jobs.extend(worst(
            same.map(|item| uncounted(name, item, JobVerdict::UnknownJob, "the registry does not have it")),
        ));
    }
    let required = || jobs.iter().map(|judged| &judged.job).filter(|job| job.required);
    let decision = decide(required());
    let decided_at = match decision {
        Decision::Accepted => required().filter_map(|job| job.decided_at).max(),
        Decision::Rejected => {
            required().filter(|job| job.verdict == JobVerdict::Failed).filter_map(|job| job.decided_at).min()
        }
        Decision::Incomplete | Decision::InProgress | Decision::NoPolicy => None,
    };
    let retry_plan = match decision {
        Decision::Rejected => Vec::new(),
        Decision::Accepted | Decision::Incomplete | Decision::InProgress | Decision::NoPolicy => {
            jobs.iter().filter_map(|judged| judged.retry.clone()).collect()
        }
    };
    StrictEvaluation { decision, jobs: jobs.into_iter().map(|judged| judged.job).collect(), retry_plan, decided_at }
}

/// The first row that fits.
fn decide<'a>(required: impl Iterator<Item = &'a JobEvaluation> + Clone) -> Decision {
    let has = |wanted: &[JobVerdict]| required.clone().any(|job| wanted.contains(&job.verdict));
    if required.clone().next().is_none() {
        Decision::NoPolicy
    } else if has(&[JobVerdict::Failed]) {
        Decision::Rejected
    } else if has(&[JobVerdict::NotTriggered, JobVerdict::Lost]) {
        Decision::Incomplete
    } else if has(&[JobVerdict::Running, JobVerdict::Retrying, JobVerdict::RetryNeeded]) {
        Decision::InProgress
    } else {
        Decision::Accepted
    }
}

/// A job with what has to be triggered for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct JudgedJob {
    job: JobEvaluation,
    retry: Option<PlannedRetry>,
}

impl JudgedJob {
    /// The better one is less. What else differs decides between equals, so that the order of the record does not.
    fn compare(&self, other: &Self) -> Ordering {
        self.row().cmp(&other.row()).then_with(|| self.cmp(other))
    }

    const fn row(&self) -> u8 {
        match self.job.verdict {
            JobVerdict::Failed => 4,
            JobVerdict::NotTriggered | JobVerdict::Lost => 3,
            JobVerdict::Running | JobVerdict::Retrying | JobVerdict::RetryNeeded => 2,
            JobVerdict::OptionalFailed => 1,
            JobVerdict::Passed | JobVerdict::PassedOnRetry | JobVerdict::UnknownJob | JobVerdict::Disabled => 0,
        }
    }
}

/// Of a job that stands in the record more than once the worst counts.
fn worst(judged: impl Iterator<Item = JudgedJob>) -> Option<JudgedJob> {
    judged.max_by(JudgedJob::compare)
}

fn of_registry(job: &RegistryJob, items: &[JobItem<'_>], plan: &[PlanEntry]) -> JudgedJob {
    let same = items.iter().filter(|item| item.name == job.name);
    let judged = same.map(|item| {
        if job.disabled {
            uncounted(&job.name, item, JobVerdict::Disabled, "it is disabled in the registry")
        } else {
            judge(job, item)
        }
    });
    worst(judged).unwrap_or_else(|| without_item(job, plan))
}

/// A job that nothing is planned for and nothing follows from.
fn uncounted(name: &str, item: &JobItem<'_>, verdict: JobVerdict, reason: &str) -> JudgedJob {
    let runs: Vec<JobRun<'_>> = item.runs().filter(|run| run.id.is_some()).collect();
    let job = JobEvaluation {
        name: name.to_owned(),
        required: false,
        verdict,
        passes: runs.iter().filter(|run| run.passed()).count(),
        fails: runs.iter().filter(|run| run.is_finished() && !run.passed()).count(),
        open: runs.iter().filter(|run| !run.is_finished()).count(),
        set_aside: 0,
        planned: 0,
        attempts: runs.iter().map(letter).collect(),
        reason: reason.to_owned(),
        decided_at: None,
    };
    JudgedJob { job, retry: None }
}

fn without_item(job: &RegistryJob, plan: &[PlanEntry]) -> JudgedJob {
    let (verdict, reason) = if job.disabled {
        (JobVerdict::Disabled, "it is disabled in the registry".to_owned())
    } else {
        let planned = plan.iter().find(|entry| entry.job == job.name);
        (JobVerdict::NotTriggered, planned.map_or_else(|| "it was never triggered".to_owned(), not_triggered))
    };
    let job = JobEvaluation {
        name: job.name.clone(),
        required: job.is_required(),
        verdict,
        passes: 0,
        fails: 0,
        open: 0,
        set_aside: 0,
        planned: if job.disabled { 0 } else { 1 + job.planned_retries() },
        attempts: String::new(),
        reason,
        decided_at: None,
    };
    JudgedJob { job, retry: None }
}

fn not_triggered(entry: &PlanEntry) -> String {
    let said = entry.last_error.as_deref().map(|error| format!(": {}", quoted(error))).unwrap_or_default();
    match entry.state {
        PlanState::Planned => "it is planned, and not triggered yet".to_owned(),
        PlanState::Triggered => "the plan calls it triggered, but the record has no run of it".to_owned(),
        PlanState::Refused => format!("triggering it was refused ({}×){said}", entry.attempts),
        PlanState::Uncertain => format!("whether it was triggered is not known{said}"),
    }
}

const fn letter_of(passed: bool, finished: bool) -> char {
    match (finished, passed) {
        (false, _) => 'R',
        (true, true) => 'P',
        (true, false) => 'F',
    }
}

fn letter(run: &JobRun<'_>) -> char {
    letter_of(run.passed(), run.is_finished())
}

/// The runs of a job that count, and how many of them were set aside.
struct CountedRuns<'a> {
    first: Option<JobRun<'a>>,
    retried: Vec<JobRun<'a>>,
    set_aside: usize,
    attempts: String,
}

/// Sets runs in `error` aside, from the first one on; replaced ones in the history were set aside before.
fn counted<'a>(item: &JobItem<'a>) -> CountedRuns<'a> {
    let is_error = |run: &JobRun<'_>| run.is_finished() && run.known_state() == Some(RunState::Error);
    let before = item.history.iter().filter(|old| is_error(&old.run)).count();
    let mut allowance = MOST_SET_ASIDE.saturating_sub(before);
    let (mut runs, mut attempts, mut set_aside) = (Vec::new(), String::new(), before.min(MOST_SET_ASIDE));
    for run in item.runs().filter(|run| run.id.is_some()) {
        if is_error(&run) && allowance > 0 {
            allowance -= 1;
            set_aside += 1;
            attempts.push('E');
        } else {
            attempts.push(letter(&run));
            runs.push(run);
        }
    }
    let mut runs = runs.into_iter();
    CountedRuns { first: runs.next(), retried: runs.collect(), set_aside, attempts }
}

fn judge(job: &RegistryJob, item: &JobItem<'_>) -> JudgedJob {
    let required = job.is_required();
    let runs = counted(item);
    let planned = 1 + job.planned_retries();
    let need = planned / 2 + 1;
    let count = |is: fn(&JobRun<'_>) -> bool| runs.retried.iter().filter(|run| is(run)).count();
    let (passed, open) = (count(|run| run.passed()), count(|run| !run.is_finished()));
    // Nothing is ever triggered for an optional job.
    let left = if required { (planned - 1).saturating_sub(runs.retried.len()) } else { 0 };
    let failed = if required { JobVerdict::Failed } else { JobVerdict::OptionalFailed };
    let retries = match runs.retried.len() {
        0 if !required => "its first run failed, and it does not count".to_owned(),
        0 if planned == 1 => "its first run failed, and no further one is planned".to_owned(),
        0 => format!("its first run failed, {need} of {} further ones have to pass", planned - 1),
        recorded => format!("{passed} of {recorded} further runs passed, {need} are needed"),
    };
    let (verdict, reason) = match &runs.first {
        _ if item.first.id.is_none() => (JobVerdict::Lost, "its run has no id, it was lost before it began".to_owned()),
        None if required => (JobVerdict::RetryNeeded, "its first run could not run (error)".to_owned()),
        None => (JobVerdict::OptionalFailed, "its first run could not run (error)".to_owned()),
        Some(first) if !first.is_finished() => (JobVerdict::Running, "its first run is open".to_owned()),
        Some(first) if first.passed() => (JobVerdict::Passed, "its first run passed".to_owned()),
        Some(_) if passed >= need => (JobVerdict::PassedOnRetry, retries),
        Some(_) if passed + open + left < need => (failed, retries),
        Some(_) if open > 0 => (JobVerdict::Retrying, format!("{retries}, {open} open")),
        Some(_) => (JobVerdict::RetryNeeded, format!("{retries}, {left} to trigger")),
    };
    let first = runs.first;
    let finished = || first.iter().chain(&runs.retried).filter(|run| run.is_finished());
    let evaluation = JobEvaluation {
        name: job.name.clone(),
        required,
        verdict,
        passes: finished().filter(|run| run.passed()).count(),
        fails: finished().filter(|run| !run.passed()).count(),
        open: first.iter().chain(&runs.retried).filter(|run| !run.is_finished()).count(),
        set_aside: runs.set_aside,
        planned,
        attempts: runs.attempts.clone(),
        reason,
        decided_at: decided_at(verdict, &runs, planned, need),
    };
    let retry = (verdict == JobVerdict::RetryNeeded).then(|| PlannedRetry {
        job: job.name.clone(),
        runs: if first.is_some() { left } else { 1 },
        replaces: if first.is_some() { None } else { item.first.id.map(str::to_owned) },
    });
    JudgedJob { job: evaluation, retry }
}

/// The end of the run after which no other one could change the verdict.
fn decided_at(verdict: JobVerdict, runs: &CountedRuns<'_>, planned: usize, need: usize) -> Option<Timestamp> {
    let end = |run: &JobRun<'_>| run.completed.and_then(|text| text.parse::<Timestamp>().ok());
    let nth = |n: usize, passed: bool| {
        let ended = runs.retried.iter().filter(|run| run.is_finished() && run.passed() == passed);
        let mut ends: Vec<Timestamp> = ended.filter_map(end).collect();
        ends.sort_unstable();
        ends.get(n.checked_sub(1)?).copied()
    };
    let first = || runs.first.as_ref().and_then(end);
    match verdict {
        JobVerdict::Passed => first(),
        JobVerdict::PassedOnRetry => nth(need, true),
        JobVerdict::Failed => match ((planned - 1).max(runs.retried.len()) + 1).saturating_sub(need) {
            0 => first(),
            losses => nth(losses, false),
        },
        JobVerdict::NotTriggered
        | JobVerdict::Lost
        | JobVerdict::Running
        | JobVerdict::Retrying
        | JobVerdict::RetryNeeded
        | JobVerdict::OptionalFailed
        | JobVerdict::UnknownJob
        | JobVerdict::Disabled => None,
    }
}
