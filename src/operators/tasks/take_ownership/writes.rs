//! How taking ownership writes, whether it runs for the first time or after its Pass.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::core::clients::error::ClientError;
use crate::core::effects::Evidence;
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
        what: &str,
        perform: impl AsyncFn() -> Result<(), ClientError>,
    ) -> Result<(), TaskError> {
        if self.after_pass() {
            self.run.unless_dry(what)?;
            perform().await?;
            self.run.add_effect(what);
        } else {
            self.run.converge(what, perform).await?;
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A write that must not happen twice; was it necessary?
    pub(super) async fn once(
        &self,
        key: &str,
        what: &str,
        look_up: impl AsyncFn() -> Result<Option<()>, ClientError>,
        perform: impl AsyncFn() -> Result<(), ClientError>,
    ) -> Result<bool, TaskError> {
        let is_new = if self.after_pass() {
            if look_up().await?.is_some() {
                return Ok(false);
            }
            self.run.unless_dry(what)?;
            let is_new = self.run.effects().once(key, what, Evidence::Strong, look_up, perform).await?.is_new();
            if is_new {
                self.run.add_effect(what);
            }
            is_new
        } else {
            self.run.effect(key, what, Evidence::Strong, look_up, perform).await?.is_new()
        };
        self.done.fetch_add(usize::from(is_new), Ordering::Relaxed);
        Ok(is_new)
    }
}
