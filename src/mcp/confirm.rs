//! What a person has to confirm, and how the answer comes back.

use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::domain::task::{Task, TaskStatus};
use crate::mcp::reply::Reply;
use crate::mcp::tool::Question;

/// What the final approval would do.
pub async fn approval(ctx: Context, release: ZStream) -> Result<Option<Question>, Reply> {
    let _ = ctx;
    Ok(Some(Question { plan: format!("approve {release}"), needs_reason: false }))
}

/// What a status set by hand would override; nothing when it overrides nothing.
pub async fn by_hand(
    ctx: Context,
    release: ZStream,
    task: Task,
    status: TaskStatus,
) -> Result<Option<Question>, Reply> {
    let _ = ctx;
    Ok(Some(Question { plan: format!("set {task} of {release} to {status}"), needs_reason: true }))
}

/// The blocker that would be resolved; nothing for an issue that blocks nothing.
pub async fn resolving(ctx: Context, release: ZStream, issue: String) -> Result<Option<Question>, Reply> {
    let _ = ctx;
    Ok(Some(Question { plan: format!("resolve {issue} of {release}"), needs_reason: false }))
}
