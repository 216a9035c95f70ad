//! The state of releases: read, re-apply what is wanted, write exactly over what was read.
//!
//! A change is never a finished document but a list of operations. When somebody else was faster,
//! they are applied again to what he wrote, so that no change of anybody gets lost.

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::error::{Arrived, Doing, StoreError, StoreFault};
use super::repo::{File, Repo, Revision};
use crate::core::clock::Clock;
use crate::domain::mask::mask;
use crate::domain::release::ZStream;
use crate::domain::state::operation::{Applied, Operation, Rejection};
use crate::domain::state::view::State;

/// Tries of one change; a branch with many writers lets one through within two or three.
const MAX_TRIES: u32 = 8;
/// Time for all tries together.
const MAX_TOTAL: SignedDuration = SignedDuration::from_secs(60);
/// Longest pause before the second try; it doubles with each further one.
const FIRST_PAUSE_MS: u64 = 500;
/// Longest pause before any try.
const LONGEST_PAUSE_MS: u64 = 10_000;

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

/// A write of ours that nobody confirmed.
struct Unconfirmed {
    before: Option<State>,
    after: State,
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
        let path = release.state_path();
        let Some(file) = self.repo.read(&self.branch, &path).await? else { return Ok(None) };
        let state = parse(&file, release).map_err(|fault| StoreError::new(&path, Doing::Reading, fault))?;
        Ok(Some(Loaded { state, revision: file.revision }))
    }

    /// Applies all `operations` to the newest state and stores the result as one commit.
    ///
    /// Only the first line of `message` is used, masked. Converges: applying the same operations again
    /// changes nothing, and then nothing is written.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: refused by the rules, conflicts without end, or a store that does not answer.
    pub async fn apply(&self, release: &ZStream, operations: &[Operation], message: &str) -> Result<Saved, StoreError> {
        let path = release.state_path();
        let message = mask(message.lines().next().unwrap_or("Update state").trim());
        let started = self.clock.now();
        let mut unconfirmed: Option<Unconfirmed> = None;
        let mut tries = 0;
        loop {
            tries += 1;
            let fault = match self.attempt(release, &path, operations, &message, &mut unconfirmed).await {
                Ok(saved) => return Ok(saved),
                Err(fault) => fault,
            };
            let wait = match &fault {
                StoreFault::Conflict => jitter(tries, self.clock.now()),
                StoreFault::RateLimit { wait_s } => rate_pause(*wait_s, tries, self.clock.now()),
                // Our write may stand there: look at once, and again after a pause.
                StoreFault::Service(error)
                    if unconfirmed.is_some() && (error.is_transient() || error.may_have_happened()) =>
                {
                    jitter(tries, self.clock.now())
                }
                StoreFault::Service(_)
                | StoreFault::NotFound(_)
                | StoreFault::Disk(_)
                | StoreFault::Corrupt(_)
                | StoreFault::Rejected(_)
                | StoreFault::Cancelled => SignedDuration::MAX,
            };
            let spent = self.clock.now().duration_since(started);
            if tries >= MAX_TRIES || spent.saturating_add(wait) > MAX_TOTAL || self.cancel.is_cancelled() {
                let arrived = if unconfirmed.is_some() { Arrived::Perhaps } else { Arrived::No };
                return Err(StoreError { path, doing: Doing::Changing, attempts: tries, arrived, fault });
            }
            self.clock.pause(wait, &self.cancel).await;
        }
    }

    async fn attempt(
        &self,
        release: &ZStream,
        path: &str,
        operations: &[Operation],
        message: &str,
        unconfirmed: &mut Option<Unconfirmed>,
    ) -> Result<Saved, StoreFault> {
        if self.cancel.is_cancelled() && unconfirmed.is_none() {
            return Err(StoreFault::Cancelled);
        }
        let file = self.repo.read(&self.branch, path).await.map_err(|error| error.fault)?;
        let before = file.as_ref().map(|file| parse(file, release)).transpose()?;
        if let (Some(ours), Some(state)) = (&*unconfirmed, &before)
            && ours.stands_in(state)
        {
            return Ok(Saved { state: state.clone(), changed: true });
        }
        let now = self.clock.now();
        let Some(after) = apply_all(before.as_ref(), release, operations, now)? else {
            // Nothing differs: the file says it all, thanks to us or to somebody else.
            let state = before.ok_or_else(|| no_file(release))?;
            return Ok(Saved { state, changed: unconfirmed.is_some() });
        };
        let bytes = after.to_yaml().into_bytes();
        let expected = file.as_ref().map(|file| &file.revision);
        match self.repo.write(&self.branch, path, &bytes, expected, message).await {
            Ok(_) => Ok(Saved { state: after, changed: true }),
            Err(error) => {
                if error.arrived == Arrived::Perhaps {
                    *unconfirmed = Some(Unconfirmed { before, after });
                }
                Err(error.fault)
            }
        }
    }
}

impl Unconfirmed {
    /// Does `state` hold everything that our write changed? Then it arrived, whatever others wrote since.
    fn stands_in(&self, state: &State) -> bool {
        self.after.changes_stand_in(self.before.as_ref(), state)
    }
}

/// The state after all operations; nothing when none of them changed anything.
fn apply_all(
    before: Option<&State>,
    release: &ZStream,
    operations: &[Operation],
    now: Timestamp,
) -> Result<Option<State>, StoreFault> {
    let (mut state, mut changed) = match (before, operations.first()) {
        (Some(state), _) => (state.clone(), false),
        (None, Some(Operation::Create { metadata })) => (State::create(release, now, metadata), true),
        (None, Some(_) | None) => return Err(no_file(release)),
    };
    for operation in operations {
        match operation.apply(&state, now) {
            Applied::Unchanged => {}
            Applied::Changed(next) => {
                state = next;
                changed = true;
            }
            Applied::Rejected(rejection) => return Err(StoreFault::Rejected(rejection)),
        }
    }
    Ok(changed.then_some(state))
}

fn no_file(release: &ZStream) -> StoreFault {
    StoreFault::Rejected(Rejection::NoStateFile { release: release.to_string() })
}

fn parse(file: &File, release: &ZStream) -> Result<State, StoreFault> {
    let text = std::str::from_utf8(&file.bytes).map_err(|error| {
        let line = 1 + file.bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        StoreFault::Corrupt(crate::domain::state::error::StateError::Syntax {
            line,
            why: "bytes that are not UTF-8".to_owned(),
        })
    })?;
    State::parse(text, Some(release)).map_err(StoreFault::Corrupt)
}

/// Full jitter: anything up to a limit that doubles, so that two writers do not meet again and again.
///
/// Seeded by the time of the conflict: real writers meet at different nanoseconds, a rehearsal repeats itself.
fn jitter(tries: u32, now: Timestamp) -> SignedDuration {
    let limit = FIRST_PAUSE_MS.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE_MS);
    let seed = now.as_nanosecond().unsigned_abs();
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are the ones that differ")]
    let mut random = fastrand::Rng::with_seed(seed as u64);
    SignedDuration::from_millis(i64::try_from(random.u64(0..=limit)).unwrap_or_default())
}

fn rate_pause(wait_s: Option<u64>, tries: u32, now: Timestamp) -> SignedDuration {
    let told = wait_s.and_then(|seconds| i64::try_from(seconds).ok()).map(SignedDuration::from_secs);
    told.unwrap_or_else(|| jitter(tries, now))
}

#[cfg(test)]
mod tests;
