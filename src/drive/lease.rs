//! The lease that keeps two drivers of one release apart: taken with the first change, carried by every write, given
//! back at the end.

use crate::core::context::Context;
use crate::core::effects::EffectError;
use crate::core::lock::Lock;
use crate::core::statebox::error::{Doing, StoreError, StoreFault};
use crate::core::statebox::fence::Held;
use crate::domain::release::ZStream;
use crate::domain::state::lease::{Lease, LeaseKey};
use crate::domain::state::operation::{Override, Rejection};
use crate::operators::error::TaskError;

/// The lease of this process.
#[derive(Debug)]
pub struct HeldLease {
    held: Held,
    /// Held as long as the lease: whoever works from here next continues under the same name.
    _lock: Lock,
}

impl HeldLease {
    /// The surroundings of everything that is done under it.
    pub fn context(&self, ctx: &Context) -> Context {
        ctx.holding(&self.held)
    }

    /// What is held.
    pub const fn held(&self) -> &Held {
        &self.held
    }

    /// Is it over by our clock?
    pub fn is_over(&self, ctx: &Context) -> bool {
        self.held.permit().is_over(ctx.clock.now())
    }

    /// Prolongs it, when that is due.
    ///
    /// # Errors
    ///
    /// It was lost. A store that does not answer is no error as long as nobody else took it.
    pub async fn keep(&self, ctx: &Context) -> Result<(), TaskError> {
        if ctx.clock.now() < self.held.renew_at() {
            return Ok(());
        }
        Ok(ctx.statebox.renew_lease(&self.held).await?)
    }

    /// Does a look at the state, with the `epoch` that it shows, tell that it is ours no more?
    ///
    /// # Errors
    ///
    /// It was lost; the error says who has taken it since.
    pub async fn is_still_ours(&self, ctx: &Context, epoch: i64) -> Result<(), TaskError> {
        match self.held.fence() {
            Some(fence) if fence.epoch != epoch => Err(ctx.statebox.lost(self.held.release(), &self.held).await.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Gives it back. One that cannot be given back ends by itself.
    pub async fn give_back(self, ctx: &Context) {
        if !self.is_over(ctx) {
            ctx.statebox.give_lease_back(&self.held).await;
        }
    }
}

/// Takes the lease `key`, with `take_over` even from another machine whose lease runs; nothing while there is no
/// state file to hold it.
///
/// # Errors
///
/// Somebody else holds it, on this machine or elsewhere; the state cannot be read or written.
pub async fn take(
    ctx: &Context,
    release: &ZStream,
    key: LeaseKey,
    take_over: Option<Override>,
) -> Result<Option<HeldLease>, TaskError> {
    if ctx.statebox.load(release).await?.is_none() {
        return Ok(None);
    }
    let (lock, holder) = alone_here(ctx, release, key)?;
    let held = ctx.statebox.take_lease(release, key, holder, take_over).await?;
    Ok(Some(HeldLease { held, _lock: lock }))
}

/// What was seen of the leases before anything was planned.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeenLeases<'a> {
    /// Those that run.
    pub running: &'a [Lease],
    /// Epoch of the lease that is wanted; nothing for whoever makes no plan.
    pub epoch: Option<i64>,
}

/// The lease `key`, taken together with the first change that is made under it: who only looks leaves no commit. A lease
/// of another machine that was `seen` is respected at once; one that was taken since, and given back or not, shows with
/// the first change, which is then refused.
///
/// # Errors
///
/// Somebody else is at it, on this machine or elsewhere; the clock of this machine is wrong.
pub fn with_first_change(
    ctx: &Context,
    release: &ZStream,
    key: LeaseKey,
    seen: SeenLeases<'_>,
) -> Result<HeldLease, TaskError> {
    if let Some(wrong) = ctx.repo.wrong_clock() {
        return Err(wrong.into());
    }
    let (lock, holder) = alone_here(ctx, release, key)?;
    let now = ctx.clock.now();
    let elsewhere =
        seen.running.iter().find(|lease| lease.key == key).and_then(|lease| Rejection::held(lease, &holder, now));
    if let Some(rejection) = elsewhere {
        return Err(StoreError::new(&release.state_path(), Doing::Changing, StoreFault::Rejected(rejection)).into());
    }
    let held = Held::with_first_change(release, key, holder, seen.epoch, now);
    Ok(HeldLease { held, _lock: lock })
}

/// The lock of this machine for what `key` is for, and the name under which this machine holds leases.
fn alone_here(ctx: &Context, release: &ZStream, key: LeaseKey) -> Result<(Lock, String), TaskError> {
    let (part, does) = match key {
        LeaseKey::Driver => ("drive", format!("drives {release}")),
        LeaseKey::Checker => ("checker", format!("looks after the approval of {release}")),
    };
    let next = format!("let it go on, or stop it; oar -r {release} status shows where the release stands");
    let lock = TaskError::unless_busy(&ctx.home, &release.into(), part, does, next)?;
    let holder = ctx.holder().map_err(|cause| {
        let path = ctx.home.join("machine").display().to_string();
        TaskError::Effect(EffectError::Ledger { path, cause })
    })?;
    Ok((lock, holder))
}

/// Was the lease refused, so that nothing else of the plan can be done either?
pub fn is_refused(error: &TaskError) -> bool {
    let TaskError::Store(store) = error else { return matches!(error, TaskError::WrongClock(_)) };
    if let StoreFault::Rejected(rejection) = &store.fault {
        return matches!(
            rejection,
            Rejection::LeaseHeld(_) | Rejection::LeaseOfWrongClock(_) | Rejection::OutOfDate { .. }
        );
    }
    matches!(store.fault, StoreFault::WrongClock(_))
}

/// Is somebody else driving?
pub fn is_driver_busy(error: &TaskError) -> bool {
    let TaskError::Store(error) = error else { return false };
    let StoreFault::Rejected(rejection) = &error.fault else { return false };
    matches!(
        rejection,
        Rejection::LeaseHeld(_)
            | Rejection::LeaseOfWrongClock(_)
            | Rejection::LeaseLost { .. }
            | Rejection::OutOfDate { .. }
    )
}
