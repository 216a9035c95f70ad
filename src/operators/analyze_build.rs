//! Judges the test record of a build.

use super::error::TaskError;
use super::run::Run;
use crate::domain::task::Outcome;

/// Judges the test record of a build.
///
/// # Errors
///
/// Our inability to find out or to act.
pub(super) async fn run(
    run: &Run<'_>,
    _which: crate::domain::task::Which,
    _decide: Option<&super::request::Verdict>,
) -> Result<Outcome, TaskError> {
    Err(TaskError::Internal { assumed: format!("{} is built", run.task) })
}
