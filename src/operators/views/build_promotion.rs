//! Where the payload of a release stands in its stable stream.

use serde_json::{Value, json};

use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::operators::error::TaskError;

/// What the release controller says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionView {
    release: ZStream,
    phase: Option<String>,
}

/// Asks the release controller. Reads only.
///
/// # Errors
///
/// It does not answer; that it does not know the payload is an answer.
pub async fn of(ctx: &Context, release: &ZStream) -> Result<PromotionView, TaskError> {
    let phase = ctx.release_controller().phase(release).await?;
    Ok(PromotionView { release: release.clone(), phase: phase.map(|phase| phase.to_string()) })
}

impl PromotionView {
    /// One line for people.
    pub fn text(&self) -> String {
        match self.phase.as_deref() {
            Some("Accepted") => format!("{} is promoted", self.release),
            Some(phase) => format!("{} is not promoted yet: {phase}; look again in 30 min", self.release),
            None => format!("{} is not in its stream yet; look again in 30 min", self.release),
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        json!({
            "release": self.release.to_string(),
            "phase": self.phase,
            "promoted": self.phase.as_deref() == Some("Accepted"),
        })
    }
}
