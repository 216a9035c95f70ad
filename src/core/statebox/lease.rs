//! Taking a lease, prolonging it, giving it back.

use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::cas::Limits;
use super::error::{Doing, StoreError, StoreFault};
use super::fence::Held;
use super::state_box::StateBox;
use crate::domain::release::ZStream;
use crate::domain::state::holder;
use crate::domain::state::lease::{Lease, LeaseKey};
use crate::domain::state::operation::{Operation, Override, Rejection};

/// Somebody waits for the process to end; a lease that is not given back ends by itself.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// How long the tries of giving it back go on.
const GIVING_BACK_LIMITS: Limits = Limits { tries: 3, total: SignedDuration::from_secs(4) };

impl StateBox {
    /// Takes the lease `key` of `release` for `holder`, with `take_over` even from somebody whose lease runs.
    ///
    /// # Errors
    ///
    /// [`Rejection::LeaseHeld`], there is no state file, or the store does not answer.
    pub async fn take_lease(
        &self,
        release: &ZStream,
        key: LeaseKey,
        holder: String,
        take_over: Option<Override>,
    ) -> Result<Held, StoreError> {
        let at = self.store().clock().now();
        let take = Operation::AcquireLease { key, holder: holder.clone(), at, take_over };
        let saved = self.apply(release, &[take], &format!("Take {} lease", key.name())).await?;
        let ours = |lease: &Lease| holder::is_same(&lease.holder, &holder) && lease.until.is_some();
        match saved.state.lease(key) {
            Some(lease) if ours(&lease) => Ok(Held::new(release, &lease, at)),
            other => {
                let fault = StoreFault::Rejected(Rejection::lost(key, other));
                Err(StoreError::new(&release.state_path(), Doing::Changing, fault))
            }
        }
    }

    /// Prolongs a lease of ours by a commit of its own. To be called on the states without it: also a lease
    /// that ended while the store was out of reach may be prolonged, as long as nobody took it.
    ///
    /// # Errors
    ///
    /// [`Rejection::LeaseLost`]; while the store does not answer the lease goes on until it ends.
    pub async fn renew_lease(&self, held: &Held) -> Result<(), StoreError> {
        let now = self.store().clock().now();
        if held.permit().is_over(now) && !held.was_out_of_reach() {
            return Err(self.lost(held.release(), held).await);
        }
        let Some(fence) = held.fence() else { return Ok(()) };
        let renew = Operation::RenewLease { fence: fence.clone(), at: now };
        match self.apply(held.release(), &[renew], &format!("Renew {} lease", held.key().name())).await {
            Ok(saved) => {
                held.confirmed(&saved.state, now);
                Ok(())
            }
            // Nobody else can take it from a file that nobody can read.
            Err(error) if error.passes_by_itself() || error.is_broken_file() => {
                held.is_out_of_reach(now);
                Ok(())
            }
            Err(error) => {
                held.permit().revoke();
                Err(error)
            }
        }
    }

    /// Gives a lease of ours back, also while the process is being ended. One that cannot be given back within
    /// a few seconds ends by itself.
    pub async fn give_lease_back(&self, held: &Held) {
        let Some(fence) = held.fence() else { return };
        let own = self.with_own_end();
        let give_back = Operation::ReleaseLease { fence: fence.clone() };
        let message = format!("Release {} lease", held.key().name());
        let giving = own.apply(held.release(), std::slice::from_ref(&give_back), &message);
        if tokio::time::timeout(GIVING_BACK, giving).await.is_err() {
            tracing::warn!("the {} lease could not be given back in time; it ends by itself", held.key().name());
        }
        held.permit().revoke();
    }

    fn with_own_end(&self) -> Self {
        self.ended_by(&CancellationToken::new(), GIVING_BACK_LIMITS)
    }
}
