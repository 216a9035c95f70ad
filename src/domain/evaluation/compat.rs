//! The rule of the original, exactly: only the jobs of the record count, with the runs that were recorded.

use super::{CompatEvaluation, Decision, Metrics};
use crate::domain::job_registry::RegistryJob;
use crate::domain::result_file::{JobItem, JobRun, RunState};

pub(super) fn evaluate(items: &[JobItem<'_>], registry: &[RegistryJob]) -> CompatEvaluation {
    let mut metrics = Metrics { total: items.len(), ..Metrics::default() };
    let (mut not_passed, mut retry_now) = (Vec::new(), Vec::new());
    for item in items {
        // Jobs that the registry has no more count in the total alone, so that their record never ends.
        let Some(job) = registry.iter().find(|job| job.name == item.name) else { continue };
        let passed = passed(item);
        let completed = item.runs().all(|run| run.is_finished());
        metrics.completed += usize::from(completed);
        metrics.pending += usize::from(!completed);
        metrics.success += usize::from(passed);
        metrics.failed += usize::from(completed && first_failed(item) && !passed);
        if !job.optional {
            metrics.required += 1;
            metrics.successful_required += usize::from(passed);
            if !passed {
                not_passed.push(item.name.to_owned());
            }
            if first_failed(item) && item.retried.is_empty() {
                retry_now.push(item.name.to_owned());
            }
        }
    }
    let decision = if metrics.is_accepted() {
        Decision::Accepted
    } else if metrics.all_completed() {
        Decision::Rejected
    } else {
        Decision::InProgress
    };
    not_passed.sort_unstable();
    retry_now.sort_unstable();
    CompatEvaluation { decision, metrics, not_passed, retry_now }
}

/// `error`, and an end in `pending`, are no failures there: such a job is complete, and neither passed nor failed.
fn first_failed(item: &JobItem<'_>) -> bool {
    let failed = matches!(item.first.known_state(), Some(RunState::Failure | RunState::Aborted));
    item.first.is_finished() && failed
}

fn passed(item: &JobItem<'_>) -> bool {
    item.first.passed() || passed_on_retry(item)
}

/// Did so many of the recorded further runs pass?
pub(super) fn passed_on_retry(item: &JobItem<'_>) -> bool {
    let runs = &item.retried;
    let passed = runs.iter().filter(|run| run.passed()).count();
    !runs.is_empty() && runs.iter().all(JobRun::is_finished) && passed > runs.len() / 2
}
