//! Where the payload of a release stands in its stable stream.

use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::operators::error::TaskError;

/// What the release controller says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionView {
    /// The release.
    pub release: ZStream,
    /// As the release controller calls it; nothing when it does not know the payload.
    pub phase: Option<String>,
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
    /// Is it the payload of the stream?
    pub fn is_promoted(&self) -> bool {
        self.phase.as_deref() == Some("Accepted")
    }
}
