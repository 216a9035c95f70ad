//! State files: read, re-apply what is wanted, write exactly over what was read.
//!
//! A change is never a finished document but something that can be applied again: when somebody else was
//! faster, it is applied to what he wrote, so that no change of anybody gets lost. Knows nothing of changes
//! that wait on this machine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::error::{Arrived, Doing, StoreError, StoreFault};
use super::file::{Revision, StoredFile};
use super::recent::Recent;
use super::repo::Repo;
use crate::core::clients::error::{ClientError, Fault};
use crate::core::clock::Clock;
use crate::core::permit::Permit;
use crate::domain::mask::Masker;
use crate::domain::release::ZStream;
use crate::domain::state::operation::{Applied, Operation, Rejection};
use crate::domain::state::view::State;
use crate::domain::wrong_clock::WrongClock;

/// Longest pause before the second try; it doubles with each further one.
const FIRST_PAUSE_MS: u64 = 500;
/// Longest pause before any try.
const LONGEST_PAUSE_MS: u64 = 10_000;
/// Shortest pause after a refusal for the rate that names none; it doubles with each further one.
const RATE_PAUSE_S: i64 = 60;

/// How long one change may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tries; a branch with many writers lets one through within two or three.
    pub tries: u32,
    /// Time for all tries together.
    pub total: SignedDuration,
}

/// Versions of a state file around what was done through one store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenVersions {
    /// The version that our first write replaced; without a write, the last one that was read.
    pub before: Option<Revision>,
    /// The version after our last write, or a newer one that was read since.
    pub after: Option<Revision>,
    wrote: bool,
}

impl SeenVersions {
    fn read(&mut self, revision: &Revision) {
        if !self.wrote {
            self.before = Some(revision.clone());
        }
        self.after = Some(revision.clone());
    }

    fn written(&mut self, over: Option<&Revision>, revision: &Revision) {
        if !self.wrote {
            self.before = over.cloned();
        }
        (self.after, self.wrote) = (Some(revision.clone()), true);
    }
}

/// Compare-and-swap of state files. Clones share one queue per release.
#[derive(Debug, Clone)]
pub struct Store {
    repo: Repo,
    branch: String,
    clock: Clock,
    cancel: CancellationToken,
    limits: Limits,
    masker: Masker,
    permit: Permit,
    queues: Queues,
    witness: Arc<Mutex<SeenVersions>>,
}

/// Per state file: whoever holds it is the only one of this process at work on the file, and knows what
/// this process knows of it.
type Queues = Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<Recent>>>>>;

/// A turn at one file: nobody else of this process is at work on it.
pub(super) type Turn = OwnedMutexGuard<Recent>;

/// A state as it stands in the store, with the changes on top that still wait on this machine.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub state: State,
    /// Its version in the store.
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

/// A change of the newest state, whatever that is: the state after it, or nothing when it says so already.
pub(super) type Change<'a> = &'a (dyn Fn(Option<&State>, Timestamp) -> Result<Option<State>, StoreFault> + Sync);

/// What is wanted of one file.
struct WantedWrite<'a> {
    release: &'a ZStream,
    path: &'a str,
    change: Change<'a>,
    message: &'a str,
}

/// A write of ours that nobody confirmed.
struct Unconfirmed {
    over: Option<Revision>,
    before: Option<State>,
    after: State,
}

/// What the tries of one change found out.
#[derive(Default)]
struct Tries {
    count: u32,
    unconfirmed: Option<Unconfirmed>,
    /// The revision over which the store found our write impossible: refused twice over the same one, the write
    /// itself is wrong.
    impossible_over: Option<Option<Revision>>,
    /// The revision over which the store refused our write last, because another one stands there.
    refused_over: Option<Revision>,
}

impl Store {
    /// A store on `branch` of `repo` (the original's branch is `z-stream`).
    pub fn new(repo: Repo, branch: String, limits: Limits, clock: Clock, cancel: CancellationToken) -> Self {
        Self {
            repo,
            branch,
            clock,
            cancel,
            limits,
            masker: Masker::default(),
            permit: Permit::default(),
            queues: Queues::default(),
            witness: Arc::default(),
        }
    }

    /// The same store with a memory of its own of what is seen through it.
    #[must_use]
    pub fn witnessed(self) -> Self {
        Self { witness: Arc::default(), ..self }
    }

    /// The same store, whose files hold none of the secrets that `masker` knows.
    #[must_use]
    pub fn masked_by(self, masker: &Masker) -> Self {
        Self { masker: masker.clone(), ..self }
    }

    /// The same store for whoever may write only as long as `permit` lasts.
    #[must_use]
    pub(super) fn permitted_by(self, permit: &Permit) -> Self {
        Self { permit: permit.clone(), ..self }
    }

    /// The same store, whose work `cancel` alone ends, within `limits`.
    #[must_use]
    pub(super) fn ended_by(self, cancel: &CancellationToken, limits: Limits) -> Self {
        Self { repo: self.repo.ended_by(cancel), cancel: cancel.clone(), limits, ..self }
    }

    /// The same store as another process sees it.
    #[cfg(test)]
    pub(super) fn afresh(self) -> Self {
        Self { queues: Queues::default(), ..self }
    }

    /// The same store with other limits.
    #[cfg(test)]
    pub(super) fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) const fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    pub(super) const fn masker(&self) -> &Masker {
        &self.masker
    }

    /// What is wrong with the clock of this machine, as far as the store tells.
    pub(super) fn wrong_clock(&self) -> Option<WrongClock> {
        self.repo.wrong_clock()
    }

    /// Where the store is, when that is elsewhere and may be out of reach.
    pub(super) fn remote_place(&self) -> Option<String> {
        Some(format!("{}#{}", self.repo.remote_place()?, self.branch))
    }

    /// What was seen through this store and its clones.
    pub fn seen(&self) -> SeenVersions {
        self.witness().clone()
    }

    fn witness(&self) -> std::sync::MutexGuard<'_, SeenVersions> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for our turn at the file of `release`.
    pub(super) async fn turn(&self, release: &ZStream) -> Turn {
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(queues.entry(release.state_path()).or_default())
        };
        queue.lock_owned().await
    }

    /// Reads the state of `release`; nothing when there is no file. Reads only; repeat freely.
    pub(super) async fn load(&self, release: &ZStream, turn: &mut Turn) -> Result<Option<Loaded>, StoreError> {
        let path = release.state_path();
        let read = self.repo.read(&self.branch, &path).await?;
        let file = self.newer(read.as_ref(), turn).or(read);
        turn.read(file.clone());
        let Some(file) = file else { return Ok(None) };
        self.witness().read(&file.revision);
        let state = parse(&file, release).map_err(|fault| StoreError::new(&path, Doing::Reading, fault))?;
        Ok(Some(Loaded { state, revision: file.revision }))
    }

    /// Brings `change` into the store as one commit, however often others are faster.
    ///
    /// Only the first line of `message` is used, masked.
    pub(super) async fn change(
        &self,
        release: &ZStream,
        change: Change<'_>,
        message: &str,
        turn: &mut Turn,
    ) -> Result<Saved, StoreError> {
        let path = release.state_path();
        let message = self.masker.mask(message.lines().next().unwrap_or("Update state").trim());
        let wanted = WantedWrite { release, path: &path, change, message: &message };
        let started = self.clock.now();
        let mut tries = Tries::default();
        loop {
            let known = turn.take();
            let guessed = known.is_some();
            // Writing over what we remember saves a read when it works, and is no try when it does not.
            tries.count += u32::from(!guessed);
            let fault = match self.attempt(&wanted, &mut tries, known, turn).await {
                Ok(Some(saved)) => return Ok(saved),
                // What we remembered does not decide anything alone.
                Ok(None) => continue,
                Err(fault) => fault,
            };
            let wait = self.pause_after(&fault, guessed, &tries);
            let spent = self.clock.now().duration_since(started);
            let late = spent.saturating_add(wait) > self.limits.total;
            if tries.count >= self.limits.tries || late || self.cancel.is_cancelled() {
                let arrived = if tries.unconfirmed.is_some() { Arrived::Perhaps } else { Arrived::No };
                return Err(StoreError { path, doing: Doing::Changing, attempts: tries.count.max(1), arrived, fault });
            }
            if !wait.is_zero() {
                self.clock.pause(wait, &self.cancel).await;
            }
        }
    }

    /// How long to wait before the next try; for ever where another one does not help.
    fn pause_after(&self, fault: &StoreFault, guessed: bool, tries: &Tries) -> SignedDuration {
        // Our write may stand there: look at once, and again after a pause.
        let may_stand =
            |error: &ClientError| tries.unconfirmed.is_some() && (error.is_transient() || error.may_have_happened());
        if guessed && matches!(fault, StoreFault::Conflict) {
            SignedDuration::ZERO
        } else if matches!(fault, StoreFault::Service(error) if may_stand(error)) {
            jitter(tries.count, &self.clock)
        } else {
            pause_between(fault, tries.count, &self.clock)
        }
    }

    /// What we wrote, when what was `read` is known to be older. A store on this machine has no caches.
    fn newer(&self, read: Option<&StoredFile>, recent: &Recent) -> Option<StoredFile> {
        self.repo.remote_place()?;
        recent.newer_than(read, self.clock.now()).cloned()
    }

    /// What the store holds, as far as it shows that; whether it is an old answer on which nothing but a write may be
    /// tried. An old one gives way to what we wrote, until the store refuses a write over that.
    async fn newest(
        &self,
        path: &str,
        tries: &Tries,
        recent: &Recent,
    ) -> Result<(Option<StoredFile>, bool), StoreFault> {
        let read = self.repo.read(&self.branch, path).await.map_err(|error| error.fault)?;
        Ok(match self.newer(read.as_ref(), recent) {
            Some(ours) if tries.refused_over.as_ref() == Some(&ours.revision) => (read, true),
            Some(ours) => (Some(ours), false),
            None => (read, false),
        })
    }

    /// One try on what `known` says, or on what is read now. A remembered file is only good for writing
    /// over it: the store refuses that when it is old. Everything else (nothing to do, a refusal) has to be
    /// seen in the store itself, and gives nothing here.
    async fn attempt(
        &self,
        wanted: &WantedWrite<'_>,
        tries: &mut Tries,
        known: Option<StoredFile>,
        recent: &mut Recent,
    ) -> Result<Option<Saved>, StoreFault> {
        if self.cancel.is_cancelled() && tries.unconfirmed.is_none() {
            return Err(StoreFault::Cancelled);
        }
        let guessed = known.is_some();
        let (file, doubtful) = match known {
            Some(file) => (Some(file), false),
            None => self.newest(wanted.path, tries, recent).await?,
        };
        let before = file.as_ref().map(|file| parse(file, wanted.release)).transpose()?;
        if let (Some(ours), Some(state)) = (&tries.unconfirmed, &before)
            && ours.stands_in(state)
        {
            if let Some(file) = file {
                let over = self.seen().before;
                self.witness().written(over.as_ref(), &file.revision);
                recent.wrote(file, ours.over.clone(), self.clock.now());
            }
            return Ok(Some(Saved { state: state.clone(), changed: true }));
        }
        if let Some(file) = file.as_ref().filter(|_| !guessed) {
            self.witness().read(&file.revision);
        }
        let after = match (wanted.change)(before.as_ref(), self.clock.now()) {
            Ok(Some(after)) => after.masked(&self.masker),
            Ok(None) | Err(_) if guessed => return Ok(None),
            Ok(None) | Err(_) if doubtful => return Err(StoreFault::Conflict),
            // Nothing differs: the file says it all, thanks to us or to somebody else.
            Ok(None) => {
                let state = before.ok_or_else(|| no_file(wanted.release))?;
                recent.read(file);
                return Ok(Some(Saved { state, changed: tries.unconfirmed.is_some() }));
            }
            Err(fault) => return Err(fault),
        };
        self.still_permitted().await?;
        let bytes = after.to_yaml().into_bytes();
        let expected = file.map(|file| file.revision);
        match self.repo.write(&self.branch, wanted.path, &bytes, expected.as_ref(), wanted.message).await {
            Ok(revision) => {
                self.witness().written(expected.as_ref(), &revision);
                recent.wrote(StoredFile { bytes, revision }, expected, self.clock.now());
                Ok(Some(Saved { state: after, changed: true }))
            }
            Err(error) => {
                if error.arrived == Arrived::Perhaps {
                    tries.unconfirmed = Some(Unconfirmed { over: expected.clone(), before, after });
                }
                let is_impossible =
                    matches!(&error.fault, StoreFault::Service(said) if said.fault == Fault::Status(422));
                let fault = if is_impossible && tries.impossible_over.as_ref() != Some(&expected) {
                    // So the store also calls a write over what is not there any more: the file itself tells.
                    tries.impossible_over = Some(expected.clone());
                    StoreFault::Conflict
                } else {
                    error.fault
                };
                if matches!(fault, StoreFault::Conflict) {
                    tries.refused_over = expected;
                }
                Err(fault)
            }
        }
    }

    /// Right before a write: a process that was stopped for hours finds here that its lease is over.
    async fn still_permitted(&self) -> Result<(), StoreFault> {
        if !self.permit.has_end() {
            return Ok(());
        }
        self.clock.refresh(&self.cancel).await;
        if self.permit.is_over(self.clock.now()) { Err(StoreFault::NotPermitted) } else { Ok(()) }
    }
}

impl Unconfirmed {
    /// Does `state` hold everything that our write changed? Then it arrived, whatever others wrote since.
    fn stands_in(&self, state: &State) -> bool {
        self.after.changes_stand_in(self.before.as_ref(), state)
    }
}

/// The state after all operations; nothing when none of them changed anything.
pub(super) fn apply_all(
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

pub(super) fn no_file(release: &ZStream) -> StoreFault {
    StoreFault::Rejected(Rejection::NoStateFile { release: release.to_string() })
}

pub(super) fn parse(file: &StoredFile, release: &ZStream) -> Result<State, StoreFault> {
    let text = std::str::from_utf8(&file.bytes).map_err(|error| {
        let line = 1 + file.bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        StoreFault::Corrupt(crate::domain::state::error::StateError::Syntax {
            line,
            why: "bytes that are not UTF-8".to_owned(),
        })
    })?;
    State::parse(text, Some(release)).map_err(StoreFault::Corrupt)
}

/// How long to wait between two tries of a write that `fault` kept out; for ever where another one does not help.
pub(super) fn pause_between(fault: &StoreFault, tries: u32, clock: &Clock) -> SignedDuration {
    match fault {
        StoreFault::Conflict => jitter(tries, clock),
        StoreFault::RateLimit { wait_s } => rate_pause(*wait_s, tries),
        StoreFault::Service(_)
        | StoreFault::NotFound(_)
        | StoreFault::Disk(_)
        | StoreFault::Git(_)
        | StoreFault::Locked { .. }
        | StoreFault::Corrupt(_)
        | StoreFault::Rejected(_)
        | StoreFault::NotPermitted
        | StoreFault::WrongClock(_)
        | StoreFault::Closed(_)
        | StoreFault::Cancelled => SignedDuration::MAX,
    }
}

/// Full jitter: anything up to a limit that doubles, so that two writers do not meet again and again.
///
/// A rehearsal repeats itself.
pub(super) fn jitter(tries: u32, clock: &Clock) -> SignedDuration {
    let limit = FIRST_PAUSE_MS.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE_MS);
    let mut random = fastrand::Rng::with_seed(clock.chance());
    SignedDuration::from_millis(i64::try_from(random.u64(0..=limit)).unwrap_or_default())
}

pub(super) fn rate_pause(wait_s: Option<u64>, tries: u32) -> SignedDuration {
    let reported = wait_s.and_then(|seconds| i64::try_from(seconds).ok());
    let own = RATE_PAUSE_S.saturating_mul(1 << tries.saturating_sub(1).min(16));
    SignedDuration::from_secs(reported.unwrap_or(own))
}
