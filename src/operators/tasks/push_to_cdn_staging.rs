//! Pushes the advisories to the staging CDN.
//!
//! Trigger and check are one command: each run looks at the push jobs, starts what is missing and
//! says what is still at work. A blocking advisory is pushed first and has to be complete before the
//! one that needs it.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::clients::errata::{Errata, Erratum, PushStart};
use crate::core::clients::error::{ClientError, Fault};
use crate::domain::advisory::{AdvisoryState, DROPPED_SOURCE};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::ids::AdvisoryId;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::push::{self, PushJob, PushVerdict};
use crate::domain::task::{Flow, Task, TaskStatus};
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::{advisories, findings};

/// Source of the issue about pushes that keep failing.
const SOURCE: &str = "push-to-cdn-staging";

/// Blocking advisories followed at most; more means that the links of the Errata Tool are broken.
const MOST_ADVISORIES: usize = 50;

/// Where the push of one advisory stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stand {
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

/// Pushes the advisories to the staging CDN, or only looks how the pushes go.
///
/// # Errors
///
/// Our inability to find out or to act.
pub(in crate::operators) async fn run(
    run: &Run<'_>,
    check_only: bool,
    force: Option<&str>,
) -> Result<Outcome, TaskError> {
    let assembly = run.assembly().await?;
    let missing = advisories::not_ready(assembly);
    if !missing.is_empty() {
        return Ok(Outcome::Blocked { by: ClosedGate::NotReady { missing } });
    }
    // What was started goes on, whatever was found later.
    if !check_only && run.state.status(run.task) != TaskStatus::InProgress {
        let alerts = (assembly.flow() == Flow::Konflux).then(|| run.state.status(Task::CheckRhcosSecurityAlerts));
        match (push::closed(run.state.status(Task::CheckCveTrackerBug), alerts), force) {
            (Some(by), None) => return Ok(Outcome::Blocked { by }),
            (Some(by), Some(reason)) => findings::forced(run, &by, reason),
            (None, _) => {}
        }
    }
    let managed = advisories::managed(run).await?;
    for advisory in &managed.dropped_empty {
        run.info(format!(
            "{} advisory {} was dropped without builds: nothing to push",
            advisory.impetus,
            advisory.id()
        ));
    }
    if let Some(by) = dropped(run, &managed) {
        return Ok(Outcome::Blocked { by });
    }
    if managed.live.is_empty() {
        return Ok(nothing_to_push(run, &managed));
    }
    let errata = run.ctx.errata();
    let ordered = blockers_first(&errata, managed.live.into_iter().map(|advisory| advisory.erratum)).await?;
    if let Some(by) = not_pushable(&ordered) {
        return Ok(Outcome::Blocked { by });
    }
    let pushes = Pushes { run, errata, check_only, asked_again: run.state.status(run.task) == TaskStatus::Fail };
    pushes.all(&ordered).await
}

/// An advisory that was dropped with builds is a blocker of the whole release until somebody decides.
fn dropped(run: &Run<'_>, managed: &advisories::Managed) -> Option<ClosedGate> {
    let advisories: Vec<_> = managed.dropped_with_builds.iter().map(advisories::Advisory::id).collect();
    if advisories.is_empty() {
        findings::settle(run, DROPPED_SOURCE, "no dropped advisory holds builds any more");
        return None;
    }
    let by = ClosedGate::AdvisoryDropped { advisories };
    let text = format!("{by}; ask ART whether the release ships without them or gets new advisories");
    findings::report(run, DROPPED_SOURCE, &text, true, &[]);
    Some(by)
}

fn nothing_to_push(run: &Run<'_>, managed: &advisories::Managed) -> Outcome {
    if managed.dropped_empty.is_empty() {
        let missing = vec!["group.advisories (names no advisory that we manage)".to_owned()];
        return Outcome::Blocked { by: ClosedGate::NotReady { missing } };
    }
    findings::settle(run, SOURCE, "all advisories were dropped without builds");
    Outcome::Passed {
        summary: "nothing to push: ART dropped all advisories of the release, and none holds builds".to_owned(),
    }
}

/// The advisories with everything that has to be pushed before them, in that order. Dropped ones are
/// left out: they will never be pushed, and the Errata Tool does not wait for them.
async fn blockers_first(errata: &Errata, live: impl Iterator<Item = Erratum>) -> Result<Vec<Erratum>, TaskError> {
    let mut known: BTreeMap<AdvisoryId, Erratum> = live.map(|erratum| (erratum.id, erratum)).collect();
    let mut wanted: Vec<AdvisoryId> = known.values().flat_map(|erratum| erratum.blocking.clone()).collect();
    while let Some(id) = wanted.pop() {
        if known.contains_key(&id) {
            continue;
        }
        if known.len() >= MOST_ADVISORIES {
            return Err(TaskError::Refused {
                why: format!("more than {MOST_ADVISORIES} advisories block each other"),
                next: "look at the blocking advisories in the Errata Tool".to_owned(),
            });
        }
        let erratum = errata.advisory(id).await?;
        wanted.extend(erratum.blocking.iter().copied());
        known.insert(id, erratum);
    }
    known.retain(|_, erratum| !erratum.state.is_dropped());
    Ok(in_order(known))
}

/// Blockers before those they block; a circle is broken at the lowest number.
fn in_order(mut left: BTreeMap<AdvisoryId, Erratum>) -> Vec<Erratum> {
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free = left.values().find(|erratum| !erratum.blocking.iter().any(|id| left.contains_key(id)));
        let Some(next) = free.or_else(|| left.values().next()).map(|erratum| erratum.id) else { break };
        ordered.extend(left.remove(&next));
    }
    ordered
}

/// Advisories whose state forbids a push; ART has to bring them to QE.
fn not_pushable(ordered: &[Erratum]) -> Option<ClosedGate> {
    let refused = ordered.iter().filter(|erratum| !erratum.state.allows_push());
    let advisories: Vec<_> = refused.map(|erratum| (erratum.id, erratum.state.to_string())).collect();
    (!advisories.is_empty()).then_some(ClosedGate::AdvisoryState { advisories })
}

struct Pushes<'a> {
    run: &'a Run<'a>,
    errata: Errata,
    check_only: bool,
    /// Somebody runs a failed task again: that is worth one more try of each failed push.
    asked_again: bool,
}

impl Pushes<'_> {
    async fn all(&self, ordered: &[Erratum]) -> Result<Outcome, TaskError> {
        let in_question: BTreeSet<AdvisoryId> = ordered.iter().map(|erratum| erratum.id).collect();
        let mut stands: Vec<(AdvisoryId, Stand)> = Vec::new();
        let mut trouble = None;
        for erratum in ordered {
            let open: Vec<_> =
                open_blockers(erratum, &stands).into_iter().filter(|id| in_question.contains(id)).collect();
            match self.one(erratum, &open).await {
                Ok(stand) => stands.push((erratum.id, stand)),
                // The other advisories can be pushed all the same.
                Err(error @ TaskError::Service(_)) if !self.run.ctx.cancel.is_cancelled() => {
                    self.run.warn(format!("advisory {} could not be worked on", erratum.id));
                    trouble = trouble.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        match trouble {
            Some(error) => Err(error),
            None => Ok(self.outcome(&stands, ordered)),
        }
    }

    /// Looks at one advisory and starts what is missing, unless `open` blockers forbid it.
    async fn one(&self, erratum: &Erratum, open: &[AdvisoryId]) -> Result<Stand, TaskError> {
        let id = erratum.id;
        if is_out(erratum) {
            self.run.info(format!("advisory {id} is {}: staging does not matter any more", erratum.state));
            return Ok(Stand::Complete);
        }
        let jobs = self.jobs(id).await?;
        if let Some(stand) = without_push(erratum, &jobs, self.asked_again) {
            return Ok(stand);
        }
        if self.check_only {
            return Ok(Stand::Missing(format!("{id} not pushed")));
        }
        if !open.is_empty() {
            let blockers: Vec<_> = open.iter().map(ToString::to_string).collect();
            self.run.info(format!("advisory {id} has to wait for {}", blockers.join(", ")));
            return Ok(Stand::Missing(format!("{id} waits for {}", blockers.join(", "))));
        }
        let what = format!("push advisory {id} to staging");
        match self.run.converge(&what, async || self.errata.push_to_stage(id).await).await {
            Ok(PushStart::DependenciesFirst { why }) => {
                self.run.info(format!("advisory {id} is not pushed yet: {why}"));
                Ok(Stand::Missing(format!("{id} waits for its dependencies")))
            }
            Ok(PushStart::Started(new)) => {
                let targets: Vec<_> = new.iter().map(|job| job.target.as_str()).collect();
                self.run.info(format!("advisory {id}: pushes started to {}", targets.join(", ")));
                // Read anew: the jobs from before the push tell nothing about it.
                Ok(after_push(id, &self.jobs(id).await?))
            }
            Ok(PushStart::NothingNeeded) => Ok(after_nothing_needed(id, &self.jobs(id).await?)),
            Err(TaskError::Service(ClientError { fault: Fault::Refused(why), .. })) => {
                self.run.warn(format!("the Errata Tool refuses to push advisory {id}: {why}"));
                Ok(Stand::Refused(why))
            }
            Err(error) => Err(error),
        }
    }

    async fn jobs(&self, id: AdvisoryId) -> Result<Vec<PushJob>, TaskError> {
        let mut jobs = self.errata.push_jobs(id).await?;
        jobs.retain(PushJob::is_staging);
        for (target, job) in push::latest_per_target(&jobs) {
            self.run.info(format!("advisory {id}: push job {} to {target} is {}", job.id, job.state));
        }
        Ok(jobs)
    }

    fn outcome(&self, stands: &[(AdvisoryId, Stand)], ordered: &[Erratum]) -> Outcome {
        let (mut waiting, mut given_up, mut refused, mut idle) = (Vec::new(), Vec::new(), Vec::new(), true);
        for (id, stand) in stands {
            match stand {
                Stand::Complete => {}
                Stand::Pending(states) => {
                    idle = false;
                    waiting.extend(states.iter().cloned());
                }
                Stand::Missing(what) => waiting.push(what.clone()),
                Stand::GivenUp(states) => given_up.extend(states.iter().cloned()),
                Stand::Refused(why) => {
                    let state = ordered.iter().find(|erratum| erratum.id == *id).map(|erratum| &erratum.state);
                    let state = state.map(ToString::to_string).unwrap_or_default();
                    refused.push((*id, format!("{state} (push refused: {why})")));
                }
            }
        }
        if !given_up.is_empty() {
            let text = format!(
                "pushes to staging failed {} times: {}; look at the push logs in the Errata Tool, then resolve this \
                 issue and run push-to-cdn-staging again",
                push::TRIES,
                findings::listed(given_up.iter(), 600)
            );
            findings::report(self.run, SOURCE, &text, true, &[Task::PushToCdnStaging]);
            return Outcome::Failed { reason: FailReason::Push { states: given_up } };
        }
        if !refused.is_empty() {
            return Outcome::Blocked { by: ClosedGate::AdvisoryState { advisories: refused } };
        }
        if waiting.is_empty() {
            findings::settle(self.run, SOURCE, "all pushes are complete");
            let summary = match stands.len() {
                1 => "the advisory is pushed to staging".to_owned(),
                several => format!("{several} advisories are pushed to staging"),
            };
            return Outcome::Passed { summary };
        }
        if self.check_only && idle && self.run.state.status(self.run.task) != TaskStatus::InProgress {
            return Outcome::Unchanged { why: format!("{}; run it without --check-only to push", waiting.join(", ")) };
        }
        Outcome::Waiting { on: WaitingOn::PushJobs { states: waiting }, job: None, recheck: push::RECHECK }
    }
}

/// Blocking advisories that are not complete. One that was never pushed or whose push failed is as
/// incomplete as one whose push is at work.
fn open_blockers(erratum: &Erratum, stands: &[(AdvisoryId, Stand)]) -> Vec<AdvisoryId> {
    let complete = |id: &AdvisoryId| stands.iter().any(|(done, stand)| done == id && *stand == Stand::Complete);
    erratum.blocking.iter().filter(|id| !complete(id)).copied().collect()
}

/// Is the content on its way to the customers?
fn is_out(erratum: &Erratum) -> bool {
    matches!(erratum.state, AdvisoryState::InPush | AdvisoryState::ShippedLive)
}

/// Where an advisory stands that needs no push of ours; nothing when it needs one.
fn without_push(erratum: &Erratum, jobs: &[PushJob], asked_again: bool) -> Option<Stand> {
    match push::judge(jobs) {
        // Without the flag there was a respin since, and the jobs tell about old content.
        PushVerdict::Complete if erratum.staged != Some(false) => Some(Stand::Complete),
        PushVerdict::Pending => Some(Stand::Pending(states(erratum.id, jobs))),
        PushVerdict::Failed if push::is_exhausted(jobs) && !asked_again => {
            Some(Stand::GivenUp(failed(erratum.id, jobs)))
        }
        PushVerdict::Complete | PushVerdict::NothingPushed | PushVerdict::Failed => None,
    }
}

/// A job that was just started may have ended already; a failure is the next run's business.
fn after_push(id: AdvisoryId, jobs: &[PushJob]) -> Stand {
    match push::judge(jobs) {
        PushVerdict::Complete => Stand::Complete,
        PushVerdict::Pending | PushVerdict::Failed => Stand::Pending(states(id, jobs)),
        PushVerdict::NothingPushed => Stand::Pending(vec![format!("{id} pushed, no job shown yet")]),
    }
}

/// The service says that no target needs a push: all have the content, or a job is at work.
fn after_nothing_needed(id: AdvisoryId, jobs: &[PushJob]) -> Stand {
    match push::judge(jobs) {
        PushVerdict::Complete | PushVerdict::NothingPushed => Stand::Complete,
        PushVerdict::Pending | PushVerdict::Failed => Stand::Pending(states(id, jobs)),
    }
}

/// The newest job of each target in words.
fn states(id: AdvisoryId, jobs: &[PushJob]) -> Vec<String> {
    push::latest_per_target(jobs).into_iter().map(|(target, job)| format!("{id} {target} {}", job.state)).collect()
}

fn failed(id: AdvisoryId, jobs: &[PushJob]) -> Vec<String> {
    let latest = push::latest_per_target(jobs).into_iter().filter(|(_, job)| job.state.is_failed());
    latest.map(|(target, job)| format!("{id} {target} {}", job.state)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clients::errata::ErratumKind;

    fn erratum(id: u64, state: &str, blocking: &[u64]) -> Erratum {
        Erratum {
            id: AdvisoryId::new(id),
            kind: ErratumKind::Rhba,
            name: format!("RHBA-2026:{id}"),
            state: state.parse().unwrap_or_else(|never: std::convert::Infallible| match never {}),
            blocking: blocking.iter().copied().map(AdvisoryId::new).collect(),
            issues: BTreeSet::new(),
            staged: None,
        }
    }

    fn ids(ordered: &[Erratum]) -> Vec<u64> {
        ordered.iter().map(|erratum| erratum.id.get()).collect()
    }

    #[test]
    fn blocking_advisories_come_before_those_they_block() {
        let all = [erratum(1, "QE", &[3]), erratum(2, "QE", &[1]), erratum(3, "QE", &[])];
        assert_eq!(ids(&in_order(all.into_iter().map(|e| (e.id, e)).collect())), [3, 1, 2]);
    }

    #[test]
    fn advisories_that_block_each_other_are_still_listed_once_each() {
        let all = [erratum(1, "QE", &[2]), erratum(2, "QE", &[1])];
        assert_eq!(ids(&in_order(all.into_iter().map(|e| (e.id, e)).collect())), [1, 2]);
    }

    fn jobs(states: &[&str]) -> Vec<PushJob> {
        let state = |text: &str| text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        let job = |(id, text): (u64, &&str)| PushJob { id, target: "cdn_stage".to_owned(), state: state(text) };
        (1..).zip(states).map(job).collect()
    }

    #[test]
    fn what_is_pushed_or_at_work_is_not_pushed_again() {
        let advisory = erratum(1, "QE", &[]);
        assert_eq!(without_push(&advisory, &jobs(&["FAILED", "COMPLETE"]), false), Some(Stand::Complete));
        for open in ["READY", "QUEUED", "RUNNING", "WAITING_ON_PUB", "POST_PUSH_PROCESSING"] {
            let expected = Stand::Pending(vec![format!("1 cdn_stage {open}")]);
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
            after_nothing_needed(respun.id, &jobs(&["COMPLETE"])),
            Stand::Complete,
            "unless the service says no"
        );
        let staged = Erratum { staged: Some(true), ..respun };
        assert_eq!(without_push(&staged, &jobs(&["COMPLETE"]), false), Some(Stand::Complete));
    }

    #[test]
    fn after_three_repetitions_a_push_is_given_up_until_somebody_asks_again() {
        let (advisory, four) = (erratum(1, "QE", &[]), jobs(&["FAILED"; 4]));
        assert_eq!(without_push(&advisory, &jobs(&["FAILED"; 3]), false), None);
        assert_eq!(without_push(&advisory, &four, false), Some(Stand::GivenUp(vec!["1 cdn_stage FAILED".to_owned()])));
        assert_eq!(without_push(&advisory, &four, true), None);
    }

    #[test]
    fn a_blocking_advisory_has_to_be_complete_not_merely_idle() {
        let advisory = erratum(1, "QE", &[2, 3, 4, 5]);
        let stands = [
            (AdvisoryId::new(2), Stand::Complete),
            (AdvisoryId::new(3), Stand::Missing("3 not pushed".to_owned())),
            (AdvisoryId::new(4), Stand::GivenUp(Vec::new())),
        ];
        assert_eq!(open_blockers(&advisory, &stands), [3, 4, 5].map(AdvisoryId::new));
    }

    #[test]
    fn a_push_that_was_just_started_counts_as_pending_whatever_the_old_jobs_say() {
        let id = AdvisoryId::new(1);
        assert!(matches!(after_push(id, &jobs(&["FAILED", "READY"])), Stand::Pending(_)));
        assert!(matches!(after_push(id, &[]), Stand::Pending(_)));
        assert_eq!(after_push(id, &jobs(&["COMPLETE"])), Stand::Complete);
    }

    #[test]
    fn one_advisory_in_new_files_closes_the_gate_and_is_named() {
        let gate = not_pushable(&[erratum(1, "QE", &[]), erratum(2, "NEW_FILES", &[])]);
        assert_eq!(
            gate.map(|gate| gate.to_string()).as_deref(),
            Some("advisories in a state that cannot be worked on: 2 NEW_FILES")
        );
        assert_eq!(not_pushable(&[erratum(1, "QE", &[]), erratum(2, "SHIPPED_LIVE", &[])]), None);
    }
}
