//! Is the payload in its stable stream?

use crate::core::clients::release_controller::Phase;
use crate::domain::closed_gate::ClosedGate;
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// What the release controller says about the payload of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promotion {
    /// The stream lists it in this phase.
    Listed(Phase),
    /// The stream does not list it: usual for the hours after preparation.
    NotFound,
}

impl Promotion {
    /// The phase as spelled; nothing when the stream does not list the payload.
    pub fn phase(&self) -> Option<&str> {
        match self {
            Self::Listed(phase) => Some(phase.as_str()),
            Self::NotFound => None,
        }
    }
}

/// A payload that ART took back after its tests had passed must not ship, whoever asks for it. Reads only.
///
/// # Errors
///
/// As [`phase`].
pub async fn taken_back(run: &Run<'_>) -> Result<Option<ClosedGate>, TaskError> {
    Ok(match phase(run).await? {
        Promotion::Listed(phase @ (Phase::Rejected | Phase::Failed)) => {
            Some(ClosedGate::Promotion { phase: phase.as_str().to_owned() })
        }
        Promotion::Listed(Phase::Pending | Phase::Ready | Phase::Accepted | Phase::Other(_)) | Promotion::NotFound => {
            None
        }
    })
}

/// Asks where the payload of the run's release stands.
///
/// # Errors
///
/// The release controller does not answer; that it does not know the payload is an answer.
pub async fn phase(run: &Run<'_>) -> Result<Promotion, TaskError> {
    let phase = run.ctx.release_controller().phase(run.release).await?;
    Ok(phase.map_or(Promotion::NotFound, Promotion::Listed))
}
