//! Pushes the advisories to the staging CDN.

use super::error::TaskError;
use super::run::Run;
use crate::domain::task::Outcome;

/// Pushes the advisories to the staging CDN.
///
/// # Errors
///
/// Our inability to find out or to act.
pub(super) async fn run(run: &Run<'_>, _check_only: bool) -> Result<Outcome, TaskError> {
    Err(TaskError::Internal { assumed: format!("{} is built", run.task) })
}
