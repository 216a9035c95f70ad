//! Security alerts of an advisory, as fresh as the Errata Tool makes them.

use crate::core::clients::errata::Erratum;
use crate::core::clients::errata::alerts::SecurityAlerts;
use crate::core::clients::error::Fault;
use crate::domain::advisory::AdvisoryState;
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// Has the Errata Tool fetch the alerts of an advisory anew, and tells them. Where it refuses that, or nothing may be
/// changed (any more), the alerts as it knows them are all there is.
///
/// # Errors
///
/// As [`Run::converge`].
pub async fn fresh(run: &Run<'_>, erratum: &Erratum) -> Result<SecurityAlerts, TaskError> {
    let (errata, id) = (run.ctx.errata(), erratum.id);
    if run.ctx.options.dry_run || erratum.state == AdvisoryState::ShippedLive {
        return Ok(errata.security_alerts(id).await?);
    }
    let what = format!("refresh the security alerts of advisory {id}");
    match run.converge(&format!("alerts/{id}"), &what, async || errata.refresh_security_alerts(id).await).await {
        Err(TaskError::Service(error)) if matches!(error.fault, Fault::Refused(_)) => {
            run.info(format!("{error}: looking at the alerts of advisory {id} as they are known"));
            Ok(errata.security_alerts(id).await?)
        }
        alerts => alerts,
    }
}
