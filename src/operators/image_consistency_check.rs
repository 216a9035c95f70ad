//! Compares payload and shipment by a Prow job, then looks at image health.

use super::error::TaskError;
use super::run::Run;
use crate::domain::task::Outcome;

/// Compares payload and shipment by a Prow job, then looks at image health.
///
/// # Errors
///
/// Our inability to find out or to act.
pub(super) async fn run(run: &Run<'_>, _job: Option<&crate::domain::ids::ProwJobId>) -> Result<Outcome, TaskError> {
    Err(TaskError::Internal { assumed: format!("{} is built", run.task) })
}
