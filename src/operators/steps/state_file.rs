//! The state file of a release, as it is stored.

use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::domain::state::view::State;
use crate::operators::error::TaskError;

/// The stored state.
///
/// # Errors
///
/// There is none, or it cannot be read.
pub async fn of(ctx: &Context, release: &ZStream) -> Result<State, TaskError> {
    let loaded = ctx.statebox.load(release).await?;
    Ok(loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state)
}
