//! The lease that keeps two drivers of one release apart: taken before the first action, given back at the end.

use crate::core::context::Context;
use crate::core::lock::Lock;
use crate::core::statebox::error::StoreFault;
use crate::domain::release::ZStream;
use crate::domain::state::operation::{Operation, Rejection};
use crate::operators::error::TaskError;

/// The lease of this drive.
pub(super) struct HeldLease {
    holder: String,
    epoch: i64,
    /// Held as long as the lease: whoever drives from here next continues under the same name.
    _lock: Lock,
}

impl HeldLease {
    /// Gives it back. One that cannot be given back expires by itself.
    pub(super) async fn give_back(self, ctx: &Context, release: &ZStream) {
        let give_back = Operation::ReleaseLease { holder: self.holder, epoch: self.epoch };
        let _ = ctx.statebox.apply(release, &[give_back], "Release driver lease").await;
    }
}

/// Takes the driver's lease; nothing while there is no state file to hold it.
pub(super) async fn take(ctx: &Context, release: &ZStream) -> Result<Option<HeldLease>, TaskError> {
    if ctx.statebox.load(release).await?.is_none() {
        return Ok(None);
    }
    let lock = TaskError::unless_busy(
        &ctx.home,
        &release.into(),
        "drive",
        format!("drives {release}"),
        format!("let it go on, or stop it; oar -r {release} status shows where the release stands"),
    )?;
    // A rehearsal writes the same bytes each time.
    let machine = ctx.clock.machine().unwrap_or_else(|| lock.name().to_owned());
    let holder = format!("{}@{machine}", ctx.actor);
    let take = Operation::AcquireLease { holder: holder.clone(), at: ctx.clock.now() };
    let saved = ctx.statebox.apply(release, &[take], "Take driver lease").await?;
    let epoch = saved.state.driver().map_or(0, |lease| lease.epoch);
    Ok(Some(HeldLease { holder, epoch, _lock: lock }))
}

/// Is somebody else driving?
pub fn is_driver_busy(error: &TaskError) -> bool {
    let TaskError::Store(error) = error else { return false };
    matches!(error.fault, StoreFault::Rejected(Rejection::LeaseHeld { .. } | Rejection::LeaseLost { .. }))
}
