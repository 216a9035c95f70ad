//! Looks for the signature of the payload.

use crate::domain::closed_gate::ClosedGate;
use crate::domain::outcome::{Outcome, WaitingOn};
use crate::domain::signature;
use crate::operators::error::TaskError;
use crate::operators::run::Run;
use crate::operators::steps::promotion;

/// Looks for the signature of the release's payload.
///
/// Digest and signature both appear some time after promotion, so their absence is a wait.
///
/// # Errors
///
/// Release controller or mirror fail; their 404 is an answer, not an error.
pub(in crate::operators) async fn run(run: &Run<'_>) -> Result<Outcome, TaskError> {
    let Some(digest) = run.ctx.release_controller().payload_digest(run.release).await? else {
        let phase = promotion::phase(run).await?;
        if phase.phase() != Some("Accepted") {
            let phase = phase.phase().unwrap_or("not found").to_owned();
            return Ok(Outcome::Blocked { by: ClosedGate::Promotion { phase } });
        }
        run.info("the release controller does not tell the payload's digest yet");
        return Ok(Outcome::Waiting { on: WaitingOn::PayloadDigest, job: None, recheck: signature::RECHECK });
    };
    run.info(format!("the payload of {} has digest {digest}", run.release));
    if run.ctx.signatures().has_signature(&digest).await? {
        return Ok(Outcome::Passed { summary: format!("the payload of {} is signed", run.release) });
    }
    Ok(signature::missing(run.assembly().await?.due(), run.ctx.clock.today()))
}
