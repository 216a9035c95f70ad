//! Final approval: everything is looked at before the first move; then merge request and advisories.

use super::advisories::{self, Advisory};
use super::belonging;
use super::owed;
use super::security_alerts;
use super::shipment::Shipment;
use crate::core::clients::errata::ErratumKind;
use crate::core::clients::errata::alerts::SecurityAlerts;
use crate::core::clients::error::Fault;
use crate::core::effects::{EffectError, Look};
use crate::domain::advisory::AdvisoryState;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::ids::{AdvisoryId, JiraKey};
use crate::domain::qe_sub_tasks::{CLOSED, QeSubTask, is_done};
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// What speaks against moving the advisories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// Security alerts that forbid shipping.
    Alerts {
        /// The advisory.
        advisory: AdvisoryId,
        /// Names of the alerts.
        alerts: Vec<String>,
    },
    /// Advisories that QE cannot move from their state.
    State(Vec<(AdvisoryId, String)>),
    /// Dropped although they hold builds; reported already, as everywhere.
    Dropped(ClosedGate),
}

/// The advisories to move, after all of them were looked at.
///
/// # Errors
///
/// The Errata Tool fails.
pub async fn inspect(run: &Run<'_>) -> Result<Result<Vec<Advisory>, Objection>, TaskError> {
    let managed = advisories::managed(run).await?;
    if let Some(by) = advisories::dropped(run, &managed.dropped_with_builds) {
        return Ok(Err(Objection::Dropped(by)));
    }
    let stuck: Vec<_> = managed
        .live
        .iter()
        .filter(|advisory| !advisory.state().is_ready() && *advisory.state() != AdvisoryState::Qe)
        .map(|advisory| (advisory.id(), advisory.state().to_string()))
        .collect();
    if !stuck.is_empty() {
        return Ok(Err(Objection::State(stuck)));
    }
    for advisory in with_alerts(&managed.live) {
        let alerts = run.ctx.errata().security_alerts(advisory.id()).await?;
        if let Some(objection) = forbidding(advisory, &alerts) {
            return Ok(Err(objection));
        }
    }
    Ok(Ok(managed.live))
}

/// The security alerts that forbid moving the advisories, fetched anew.
///
/// # Errors
///
/// As [`Run::converge`].
pub async fn new_alerts(run: &Run<'_>, advisories: &[Advisory]) -> Result<Option<Objection>, TaskError> {
    for advisory in with_alerts(advisories) {
        let alerts = security_alerts::fresh(run, &advisory.erratum).await?;
        if let Some(objection) = forbidding(advisory, &alerts) {
            return Ok(Some(objection));
        }
    }
    Ok(None)
}

/// Security advisories alone have alerts, and one that was moved is not held back by them any more.
fn with_alerts(advisories: &[Advisory]) -> impl Iterator<Item = &Advisory> {
    let security = advisories.iter().filter(|advisory| advisory.erratum.kind == ErratumKind::Rhsa);
    security.filter(|advisory| !advisory.state().is_ready())
}

fn forbidding(advisory: &Advisory, alerts: &SecurityAlerts) -> Option<Objection> {
    let blocking: Vec<_> = alerts.blocking_alerts().map(|alert| alert.name.clone()).collect();
    (alerts.blocking || !blocking.is_empty()).then(|| Objection::Alerts { advisory: advisory.id(), alerts: blocking })
}

/// Has our account approved the shipment? Reads only.
///
/// # Errors
///
/// GitLab fails.
pub async fn is_given(run: &Run<'_>, shipment: &Shipment) -> Result<bool, TaskError> {
    let gitlab = run.ctx.gitlab();
    let me = gitlab.current_user().await?;
    Ok(gitlab.approvals(&shipment.address).await?.approved_by.contains(&me.username))
}

/// Approves the head of the shipment that was looked at; an approval of ours is not given twice.
///
/// # Errors
///
/// GitLab fails or refuses, or nobody knows whether it took the approval.
pub async fn approve(run: &Run<'_>, shipment: &Shipment) -> Result<(), TaskError> {
    let gitlab = run.ctx.gitlab();
    let me = gitlab.current_user().await?;
    let (mr, head) = (&shipment.address, shipment.mr.head_sha.as_str());
    let what = format!("approve {}", shipment.mr.web_url);
    let is_settled = run.state.task(run.task).is_some_and(|entry| entry.intent.is_none());
    if is_settled && is_given(run, shipment).await? {
        // Nothing is announced that need not be done: the approval is looked at for days.
        run.info(format!("{} is approved by us already", shipment.mr.web_url));
        return Ok(());
    }
    let given = async || {
        let approvals = gitlab.approvals(mr).await?;
        Ok(Look::at_object(approvals.approved_by.contains(&me.username).then_some(())))
    };
    let ended = run.effect(&format!("approve/{head}"), &what, given, async || gitlab.approve(mr, head).await).await?;
    run.info(match ended.is_new() {
        true => format!("approved {} at {head}", shipment.mr.web_url),
        false => format!("{} is approved by us already", shipment.mr.web_url),
    });
    Ok(())
}

/// Moves every advisory that is still in QE to REL_PREP; what the Errata Tool answers when it refuses.
///
/// # Errors
///
/// The Errata Tool fails, or nobody knows whether it moved an advisory.
pub async fn move_to_rel_prep(run: &Run<'_>, advisories: &[Advisory]) -> Result<Option<String>, TaskError> {
    let errata = run.ctx.errata();
    for advisory in advisories.iter().filter(|advisory| !advisory.state().is_ready()) {
        let id = advisory.id();
        let what = format!("move advisory {id} to REL_PREP");
        let moved = async || Ok(Look::at_object(errata.advisory(id).await?.state.is_ready().then_some(())));
        let perform = async || errata.change_state(id, &AdvisoryState::RelPrep).await;
        match run.effect(&format!("rel-prep/{id}"), &what, moved, perform).await {
            Ok(ended) => run.info(match ended.is_new() {
                true => format!("advisory {id} moved to REL_PREP"),
                false => format!("advisory {id} is in REL_PREP already"),
            }),
            Err(TaskError::Effect(EffectError::Client(error)))
                if matches!(error.fault, Fault::Status(400 | 409 | 422) | Fault::Refused(_)) =>
            {
                let why = error.excerpt().map_or_else(|| error.fault.to_string(), str::to_owned);
                let why = if let Fault::Refused(said) = error.fault { said } else { why };
                run.info(format!("advisory {id} cannot be moved yet: {why}"));
                return Ok(Some(format!("advisory {id}: {why}")));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Closes our sub-tasks of the ART ticket. A ticket that cannot be read must not hold a release: the step is owed then;
/// another run that is at it, or a step of which nobody knows yet whether it was taken, is waited for.
///
/// # Errors
///
/// As [`Run::effect`], but for what Jira refuses.
pub async fn close_sub_tasks(run: &Run<'_>) -> Result<(), TaskError> {
    owed::step(run, "the QE sub-tasks in Jira were not all closed", close_all(run)).await
}

/// Closes what is open; a line for each that it could not close.
async fn close_all(run: &Run<'_>) -> Result<Vec<String>, TaskError> {
    let jira = run.ctx.jira();
    let Some(Ok(ticket)) = run.assembly().await?.jira_ticket.as_deref().map(str::parse::<JiraKey>) else {
        return Ok(Vec::new());
    };
    let Some(story) = jira.issue(&ticket).await? else {
        return Ok(vec![format!("the QE sub-tasks of {ticket} were not closed: it is not visible to us")]);
    };
    belonging::is_ours(run, &ticket, &story.summary)?;
    let mut left = Vec::new();
    for task in jira.issues(&story.subtasks).await? {
        if QeSubTask::of(&task.summary).is_none() || is_done(&task.status) {
            continue;
        }
        let key = task.key.clone();
        let steps = jira.transitions(&key).await?;
        let Some(step) = steps.into_iter().find(|step| step.to == CLOSED) else {
            left.push(format!("{key} was not closed: it offers no step to {CLOSED}"));
            continue;
        };
        let what = format!("close {key}");
        let closed = async || {
            let closed = jira.issue(&key).await?.filter(|issue| is_done(&issue.status)).map(|_| ());
            Ok(Look::at_object(closed))
        };
        let perform = async || jira.transition(&key, &step).await;
        run.effect(&format!("close/{key}"), &what, closed, perform).await?;
        run.info(format!("{key} closed"));
    }
    Ok(left)
}
