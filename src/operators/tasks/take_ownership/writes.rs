//! What taking ownership writes, counted: a run after the Pass that finds nothing to do changes nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::core::clients::error::ClientError;
use crate::core::effects::Look;
use crate::domain::task::TaskStatus;
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// Outside writes of this task. It may be run again after its Pass, when the owner changes: the Pass stays then,
/// and only the differences are written.
pub(super) struct Writes<'a, 'r> {
    pub(super) run: &'a Run<'r>,
    pub(super) done: AtomicUsize,
}

impl Writes<'_, '_> {
    pub(super) fn after_pass(&self) -> bool {
        self.run.state.status(self.run.task) == TaskStatus::Pass
    }

    /// A write that converges.
    pub(super) async fn converge(
        &self,
        key: &str,
        what: &str,
        perform: impl AsyncFnOnce() -> Result<(), ClientError>,
    ) -> Result<(), TaskError> {
        self.run.converge(key, what, perform).await?;
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A write that must not happen twice; was it necessary?
    pub(super) async fn once(
        &self,
        key: &str,
        what: &str,
        look: impl AsyncFn() -> Result<Look<()>, ClientError>,
        perform: impl AsyncFnOnce() -> Result<(), ClientError>,
    ) -> Result<bool, TaskError> {
        let is_new = self.run.effect(key, what, look, perform).await?.is_new();
        self.done.fetch_add(usize::from(is_new), Ordering::Relaxed);
        Ok(is_new)
    }
}
