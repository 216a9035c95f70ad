//! How far the push of one advisory is, judged by its jobs.

use crate::core::clients::errata::Erratum;
use crate::domain::advisory::AdvisoryState;
use crate::domain::ids::AdvisoryId;
use crate::domain::push::{self, PushJob, PushVerdict};

/// Where the push of one advisory progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PushProgress {
    /// Every target has its content.
    Complete,
    /// Jobs are at work.
    Pending(Vec<String>),
    /// Something has to be pushed, and this run did not do it.
    Missing(String),
    /// Failed more often than we repeat.
    GivenUp(Vec<String>),
    /// The Errata Tool refuses to push it.
    Refused(String),
}

/// Blocking advisories that are not complete. One that was never pushed or whose push failed is as
/// incomplete as one whose push is at work.
pub(super) fn open_blockers(erratum: &Erratum, progress: &[(AdvisoryId, PushProgress)]) -> Vec<AdvisoryId> {
    let complete =
        |id: &AdvisoryId| progress.iter().any(|(done, progress)| done == id && *progress == PushProgress::Complete);
    erratum.blocking.iter().filter(|id| !complete(id)).copied().collect()
}

/// Is the content on its way to the customers?
pub(super) fn is_out(erratum: &Erratum) -> bool {
    matches!(erratum.state, AdvisoryState::InPush | AdvisoryState::ShippedLive)
}

/// Where an advisory progress that needs no push of ours; nothing when it needs one.
pub(super) fn without_push(erratum: &Erratum, jobs: &[PushJob], asked_again: bool) -> Option<PushProgress> {
    match push::judge(jobs) {
        // Without the flag there was a respin since, and the jobs tell about old content.
        PushVerdict::Complete if erratum.staged != Some(false) => Some(PushProgress::Complete),
        PushVerdict::Pending => Some(PushProgress::Pending(states(erratum.id, jobs))),
        PushVerdict::Failed if push::is_exhausted(jobs) && !asked_again => {
            Some(PushProgress::GivenUp(failed(erratum.id, jobs)))
        }
        PushVerdict::Complete | PushVerdict::NothingPushed | PushVerdict::Failed => None,
    }
}

/// A job that was just started may have ended already; a failure is the next run's business.
pub(super) fn after_push(id: AdvisoryId, jobs: &[PushJob]) -> PushProgress {
    match push::judge(jobs) {
        PushVerdict::Complete => PushProgress::Complete,
        PushVerdict::Pending | PushVerdict::Failed => PushProgress::Pending(states(id, jobs)),
        PushVerdict::NothingPushed => PushProgress::Pending(vec![format!("{id} pushed, no job shown yet")]),
    }
}

/// The service says that no target needs a push: all have the content, or a job is at work. Where it shows neither,
/// nothing was pushed.
pub(super) fn after_nothing_needed(erratum: &Erratum, jobs: &[PushJob]) -> PushProgress {
    let id = erratum.id;
    match push::judge(jobs) {
        PushVerdict::NothingPushed if erratum.staged == Some(false) => {
            PushProgress::Missing(format!("{id} not pushed: the Errata Tool started nothing when it was asked"))
        }
        PushVerdict::Complete | PushVerdict::NothingPushed => PushProgress::Complete,
        PushVerdict::Pending | PushVerdict::Failed => PushProgress::Pending(states(id, jobs)),
    }
}

/// The newest job of each target in words.
pub(super) fn states(id: AdvisoryId, jobs: &[PushJob]) -> Vec<String> {
    push::latest_per_target(jobs).into_iter().map(|(target, job)| format!("{id} {target} {}", job.state)).collect()
}

pub(super) fn failed(id: AdvisoryId, jobs: &[PushJob]) -> Vec<String> {
    let latest = push::latest_per_target(jobs).into_iter().filter(|(_, job)| job.state.is_failed());
    latest.map(|(target, job)| format!("{id} {target} {}", job.state)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::operators::steps::fixtures::erratum;

    fn jobs(states: &[&str]) -> Vec<PushJob> {
        let state = |text: &str| text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        let job = |(id, text): (u64, &&str)| PushJob { id, target: "cdn_stage".to_owned(), state: state(text) };
        (1..).zip(states).map(job).collect()
    }

    #[test]
    fn what_is_pushed_or_at_work_is_not_pushed_again() {
        let advisory = erratum(1, "QE", &[]);
        assert_eq!(without_push(&advisory, &jobs(&["FAILED", "COMPLETE"]), false), Some(PushProgress::Complete));
        for open in ["READY", "QUEUED", "RUNNING", "WAITING_ON_PUB", "POST_PUSH_PROCESSING"] {
            let expected = PushProgress::Pending(vec![format!("1 cdn_stage {open}")]);
            assert_eq!(without_push(&advisory, &jobs(&["COMPLETE", open]), false), Some(expected));
        }
        for missing in [vec![], vec!["FAILED"], vec!["COMPLETE", "POST_PUSH_FAILED"]] {
            assert_eq!(without_push(&advisory, &jobs(&missing), false), None, "{missing:?}");
        }
    }

    #[test]
    fn content_that_changed_since_the_push_is_pushed_again() {
        let respun = Erratum { staged: Some(false), ..erratum(1, "QE", &[]) };
        assert_eq!(without_push(&respun, &jobs(&["COMPLETE"]), false), None);
        assert_eq!(
            after_nothing_needed(&respun, &jobs(&["COMPLETE"])),
            PushProgress::Complete,
            "unless the service says no"
        );
        let staged = Erratum { staged: Some(true), ..respun };
        assert_eq!(without_push(&staged, &jobs(&["COMPLETE"]), false), Some(PushProgress::Complete));
    }

    #[test]
    fn an_advisory_of_which_nothing_is_on_staging_is_not_taken_for_pushed_because_no_push_was_started() {
        let fresh = Erratum { staged: Some(false), ..erratum(1, "QE", &[]) };
        assert!(matches!(after_nothing_needed(&fresh, &[]), PushProgress::Missing(_)));
        let without_content = Erratum { staged: Some(true), ..erratum(1, "QE", &[]) };
        assert_eq!(after_nothing_needed(&without_content, &[]), PushProgress::Complete);
    }

    #[test]
    fn after_three_repetitions_a_push_is_given_up_until_somebody_asks_again() {
        let (advisory, four) = (erratum(1, "QE", &[]), jobs(&["FAILED"; 4]));
        assert_eq!(without_push(&advisory, &jobs(&["FAILED"; 3]), false), None);
        assert_eq!(
            without_push(&advisory, &four, false),
            Some(PushProgress::GivenUp(vec!["1 cdn_stage FAILED".to_owned()]))
        );
        assert_eq!(without_push(&advisory, &four, true), None);
    }

    #[test]
    fn a_blocking_advisory_has_to_be_complete_not_merely_idle() {
        let advisory = erratum(1, "QE", &[2, 3, 4, 5]);
        let progress = [
            (AdvisoryId::new(2), PushProgress::Complete),
            (AdvisoryId::new(3), PushProgress::Missing("3 not pushed".to_owned())),
            (AdvisoryId::new(4), PushProgress::GivenUp(Vec::new())),
        ];
        assert_eq!(open_blockers(&advisory, &progress), [3, 4, 5].map(AdvisoryId::new));
    }

    #[test]
    fn a_push_that_was_just_started_counts_as_pending_whatever_the_old_jobs_say() {
        let id = AdvisoryId::new(1);
        assert!(matches!(after_push(id, &jobs(&["FAILED", "READY"])), PushProgress::Pending(_)));
        assert!(matches!(after_push(id, &[]), PushProgress::Pending(_)));
        assert_eq!(after_push(id, &jobs(&["COMPLETE"])), PushProgress::Complete);
    }
}
