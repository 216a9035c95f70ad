//! One pass over a final approval that waits for its advisory page.

use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::operators::error::TaskFailure;
use crate::operators::execute::run_task;
use crate::operators::report::TaskReport;
use crate::operators::request::TaskRequest;

/// Looks whether the page is public and, when it is, moves the advisories; repeat every 30 min.
///
/// # Errors
///
/// As [`run_task`].
pub async fn pass(ctx: &Context, release: &ZStream) -> Result<TaskReport, TaskFailure> {
    run_task(ctx, release, TaskRequest::ChangeAdvisoryStatus { ignore_release_date: false, reason: None }).await
}
