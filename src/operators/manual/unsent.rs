//! Changes that wait on this machine, because the repository could not take them.

use crate::core::context::Context;
use crate::core::statebox::outbox::SentChanges;
use crate::domain::release::ZStream;
use crate::operators::error::TaskError;

/// Sends what waits for the release; the answer keeps what was stored apart from what was refused.
///
/// # Errors
///
/// The repository does not answer; everything goes on waiting.
pub async fn send(ctx: &Context, release: &ZStream) -> Result<SentChanges, TaskError> {
    Ok(ctx.statebox.send_waiting(release).await?)
}
