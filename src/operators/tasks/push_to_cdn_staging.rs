//! Pushes the advisories to the staging CDN.
//!
//! Trigger and check are one command: each run looks at the push jobs, starts what is missing and
//! says what is still at work. A blocking advisory is pushed first and has to be complete before the
//! one that needs it.

mod order;
mod progress;

use std::collections::BTreeSet;

use self::order::blockers_first;
use self::progress::{PushProgress, after_nothing_needed, after_push, is_out, open_blockers, without_push};
use crate::core::clients::errata::push::PushStart;
use crate::core::clients::errata::{Errata, Erratum};
use crate::core::clients::error::{ClientError, Fault};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::ids::AdvisoryId;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::push::{self, PushJob};
use crate::domain::task::{Flow, Task, TaskStatus};
use crate::domain::verdict::FailReason;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::{advisories, findings};

/// Source of the issue about pushes that keep failing.
const SOURCE: &str = "push-to-cdn-staging";

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
    if let Some(by) = advisories::dropped(run, &managed.dropped_with_builds) {
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
        let mut looked_at: Vec<(AdvisoryId, PushProgress)> = Vec::new();
        let mut trouble = None;
        for erratum in ordered {
            let open: Vec<_> =
                open_blockers(erratum, &looked_at).into_iter().filter(|id| in_question.contains(id)).collect();
            match self.one(erratum, &open).await {
                Ok(progress) => looked_at.push((erratum.id, progress)),
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
            None => Ok(self.outcome(&looked_at, ordered)),
        }
    }

    /// Looks at one advisory and starts what is missing, unless `open` blockers forbid it.
    async fn one(&self, erratum: &Erratum, open: &[AdvisoryId]) -> Result<PushProgress, TaskError> {
        let id = erratum.id;
        if is_out(erratum) {
            self.run.info(format!("advisory {id} is {}: staging does not matter any more", erratum.state));
            return Ok(PushProgress::Complete);
        }
        let jobs = self.jobs(id).await?;
        if let Some(progress) = without_push(erratum, &jobs, self.asked_again) {
            return Ok(progress);
        }
        if self.check_only {
            return Ok(PushProgress::Missing(format!("{id} not pushed")));
        }
        if !open.is_empty() {
            let blockers: Vec<_> = open.iter().map(ToString::to_string).collect();
            self.run.info(format!("advisory {id} has to wait for {}", blockers.join(", ")));
            return Ok(PushProgress::Missing(format!("{id} waits for {}", blockers.join(", "))));
        }
        let what = format!("push advisory {id} to staging");
        let nothing_started = |answer: &PushStart| !matches!(answer, PushStart::Started(_));
        let push = async || self.errata.push_to_stage(id).await;
        match self.run.converge_unless(&format!("push/{id}"), &what, nothing_started, push).await {
            Ok(PushStart::DependenciesFirst { why }) => {
                self.run.info(format!("advisory {id} is not pushed yet: {why}"));
                Ok(PushProgress::Missing(format!("{id} waits for its dependencies")))
            }
            Ok(PushStart::Started(new)) => {
                let targets: Vec<_> = new.iter().map(|job| job.target.as_str()).collect();
                self.run.info(format!("advisory {id}: pushes started to {}", targets.join(", ")));
                // Read anew: the jobs from before the push tell nothing about it.
                Ok(after_push(id, &self.jobs(id).await?))
            }
            Ok(PushStart::NothingNeeded) => {
                self.run.info(format!("advisory {id}: the Errata Tool was asked for a push and started none"));
                Ok(after_nothing_needed(erratum, &self.jobs(id).await?))
            }
            Err(TaskError::Service(ClientError { fault: Fault::Refused(why), .. })) => {
                self.run.warn(format!("the Errata Tool refuses to push advisory {id}: {why}"));
                Ok(PushProgress::Refused(why))
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

    fn outcome(&self, progress: &[(AdvisoryId, PushProgress)], ordered: &[Erratum]) -> Outcome {
        let (mut waiting, mut given_up, mut refused, mut idle) = (Vec::new(), Vec::new(), Vec::new(), true);
        for (id, progress) in progress {
            match progress {
                PushProgress::Complete => {}
                PushProgress::Pending(states) => {
                    idle = false;
                    waiting.extend(states.iter().cloned());
                }
                PushProgress::Missing(what) => waiting.push(what.clone()),
                PushProgress::GivenUp(states) => given_up.extend(states.iter().cloned()),
                PushProgress::Refused(why) => {
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
            let summary = match progress.len() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::steps::fixtures::erratum;

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
