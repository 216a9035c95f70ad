//! What build data says about releases, kept in memory: looked up once, shared by all callers, checked again
//! now and then.
//!
//! Values never change; a newer one takes the place of an older one. No lock is held while a service is asked,
//! and one question is asked once, however many callers wait for its answer.

mod counts;
pub mod release;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use sha2::{Digest as _, Sha256};

use self::counts::{Counts, Loading};
use self::release::{CachedRelease, GAPS_CHECKED_EVERY};
use crate::core::clients::error::ClientError;
use crate::core::clock::Clock;
use crate::core::config::error::ConfigError;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::assembly::{AssemblyError, BuildData};
use crate::domain::release::{Minor, ZStream};

/// Releases that are kept.
pub const MOST_RELEASES: u64 = 50;

/// A check that found no service is repeated after so long.
const CHECK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// Refusals that are remembered at once.
const MOST_REFUSALS: usize = 1_000;

/// Why there is nothing to keep.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Build data could not be read.
    #[error(transparent)]
    Service(#[from] ClientError),
    /// Build data does not say it.
    #[error(transparent)]
    Data(#[from] AssemblyError),
}

impl LoadError {
    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Service(error) => error.class(),
            Self::Data(error) => ConfigError::BuildData(error.clone()).class(),
        }
    }

    /// What to do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::Service(error) => error.next_step(),
            Self::Data(error) => ConfigError::BuildData(error.clone()).next_step(),
        }
    }

    /// Would the next question, a moment later, get the same answer?
    fn is_about_data(&self) -> bool {
        match self {
            Self::Data(_) => true,
            Self::Service(error) => error.class() == ErrorClass::NotFound,
        }
    }
}

/// Build data of one minor, parsed once for all its releases.
#[derive(Debug)]
struct MinorData {
    data: Arc<BuildData>,
    digest: String,
    checked_at: Timestamp,
}

/// What is known of one minor, and the number of the question that would be asked next.
#[derive(Debug, Default)]
struct KnownMinor {
    question: u64,
    branch: Option<Arc<MinorData>>,
}

/// A release that was asked for, and how that ended.
pub type LookedUp = (ZStream, Result<Arc<CachedRelease>, Arc<LoadError>>);

/// The cache; one per process.
#[derive(Debug)]
pub struct BuildDataCache {
    releases: Cache<ZStream, Arc<CachedRelease>>,
    questions: Cache<(Minor, u64), Arc<MinorData>>,
    minors: Mutex<HashMap<Minor, KnownMinor>>,
    refusals: Mutex<HashMap<ZStream, (Timestamp, Arc<LoadError>)>>,
    counts: Counts,
    most: u64,
    clock: Clock,
}

impl BuildDataCache {
    /// An empty cache of the usual size.
    pub fn new(clock: Clock) -> Self {
        Self::of_size(MOST_RELEASES, clock)
    }

    fn of_size(most: u64, clock: Clock) -> Self {
        let counts = Counts::default();
        let evictions = Arc::clone(&counts.evictions);
        let releases = Cache::builder()
            .max_capacity(most)
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    Counts::add(&evictions);
                }
            })
            .build();
        Self {
            releases,
            questions: Cache::builder().max_capacity(32).build(),
            minors: Mutex::default(),
            refusals: Mutex::default(),
            counts,
            most,
            clock,
        }
    }

    /// What build data says about `release`; it is asked when that is not known.
    ///
    /// # Errors
    ///
    /// The same error for all who waited for one answer.
    pub async fn look_up(&self, ctx: &Context, release: &ZStream) -> Result<Arc<CachedRelease>, Arc<LoadError>> {
        let source = ctx.build_data();
        self.get(release, &async |minor| source.releases(minor).await).await
    }

    /// Asks whether `entry` is still what build data says; whoever [`CachedRelease::claims_check`] answered yes calls it.
    pub async fn refresh(&self, ctx: &Context, entry: &CachedRelease) {
        let source = ctx.build_data();
        self.check(entry, &async |minor| source.releases(minor).await).await;
    }

    /// Looks all `releases` up at once; each with how it ended.
    pub async fn warm_up(&self, ctx: &Context, releases: &[ZStream]) -> Vec<LookedUp> {
        let source = ctx.build_data();
        self.warm(releases, &async |minor| source.releases(minor).await).await
    }

    /// What is kept of `release`, without waiting for anybody. Nothing: it has to be looked up.
    pub fn peek(&self, release: &ZStream) -> Option<Arc<CachedRelease>> {
        let entry = self.releases.get(release).now_or_never().flatten()?;
        (!entry.is_over(self.clock.now())).then(|| self.hit(entry))
    }

    fn hit(&self, entry: Arc<CachedRelease>) -> Arc<CachedRelease> {
        Counts::add(&self.counts.hits);
        Counts::add(&entry.hits);
        entry
    }

    /// The same with `read`, which reads build data of a minor.
    async fn get(
        &self,
        release: &ZStream,
        read: &impl AsyncFn(Minor) -> Result<String, ClientError>,
    ) -> Result<Arc<CachedRelease>, Arc<LoadError>> {
        let now = self.clock.now();
        if let Some(entry) = self.releases.get(release).await {
            if !entry.is_over(now) {
                return Ok(self.hit(entry));
            }
            if self.releases.remove(release).await.is_some() {
                Counts::add(&self.counts.expirations);
            }
        }
        if let Some(refusal) = self.refusal(release, now) {
            Counts::add(&self.counts.misses);
            return Err(refusal);
        }
        let leads = Cell::new(false);
        let load = async {
            leads.set(true);
            Counts::add(&self.counts.misses);
            let _loading = Loading::begin(&self.counts.loading);
            let loaded = self.load(release, read).await;
            let ended = self.clock.now();
            match &loaded {
                Ok(_) => {
                    Counts::add(&self.counts.loads);
                    let took = u64::try_from(ended.duration_since(now).as_millis()).unwrap_or_default();
                    self.counts.load_ms.fetch_add(took, Ordering::Relaxed);
                }
                Err(error) => {
                    Counts::add(&self.counts.failures);
                    if error.is_about_data() {
                        self.remember(release, ended, error);
                    }
                }
            }
            loaded
        };
        let found = self.releases.try_get_with(release.clone(), load).await;
        let found = found.map_err(|shared| Arc::clone(shared.as_ref()))?;
        Ok(if leads.get() { found } else { self.hit(found) })
    }

    async fn load(
        &self,
        release: &ZStream,
        read: &impl AsyncFn(Minor) -> Result<String, ClientError>,
    ) -> Result<Arc<CachedRelease>, Arc<LoadError>> {
        let branch = self.branch(release.minor(), read).await?;
        let assembly = branch.data.resolve(release).map_err(|error| Arc::new(error.into()))?;
        Ok(Arc::new(CachedRelease::new(release, assembly, &branch.digest, self.clock.now())))
    }

    /// Build data of `minor`, asked for again when the last answer is not quite new.
    async fn branch(
        &self,
        minor: Minor,
        read: &impl AsyncFn(Minor) -> Result<String, ClientError>,
    ) -> Result<Arc<MinorData>, Arc<LoadError>> {
        let (question, known) = {
            let mut minors = locked(&self.minors);
            let known = minors.entry(minor).or_default();
            (known.question, known.branch.clone())
        };
        let new = |branch: &Arc<MinorData>| self.clock.now().duration_since(branch.checked_at) < GAPS_CHECKED_EVERY;
        if let Some(branch) = known.as_ref().filter(|branch| new(branch)) {
            return Ok(Arc::clone(branch));
        }
        let answer = async {
            let text = read(minor).await.map_err(|error| Arc::new(LoadError::from(error)))?;
            let digest = hex::encode(&Sha256::digest(&text)[..8]);
            let data = match known.filter(|known| known.digest == digest) {
                Some(known) => Arc::clone(&known.data),
                None => Arc::new(BuildData::parse(&text).map_err(|error| Arc::new(LoadError::from(error)))?),
            };
            let branch = Arc::new(MinorData { data, digest, checked_at: self.clock.now() });
            locked(&self.minors)
                .insert(minor, KnownMinor { question: question + 1, branch: Some(Arc::clone(&branch)) });
            Ok(branch)
        };
        let answered: Result<_, Arc<Arc<LoadError>>> = self.questions.try_get_with((minor, question), answer).await;
        answered.map_err(|shared| Arc::clone(shared.as_ref()))
    }

    async fn check(&self, entry: &CachedRelease, read: &impl AsyncFn(Minor) -> Result<String, ClientError>) {
        let branch = self.branch(entry.release.minor(), read).await;
        let now = self.clock.now();
        let every = entry.checked_every();
        // As if the last check had been so long ago that the next one is due soon, but not at once.
        let late = now.checked_sub(every - every.min(CHECK_AGAIN)).unwrap_or(now);
        match branch {
            Ok(branch) if branch.digest == entry.digest => entry.checked(now, None),
            Ok(branch) => match branch.data.resolve(&entry.release) {
                Ok(assembly) if assembly == entry.assembly => entry.checked(now, None),
                Ok(assembly) => {
                    let newer = Arc::new(CachedRelease::new(&entry.release, assembly, &branch.digest, now));
                    self.releases.insert(entry.release.clone(), newer).await;
                }
                // It vanished from build data: what was said last is better than nothing, and says so.
                Err(error) => entry.checked(now, Some(format!("build data says something else now: {error}"))),
            },
            Err(error) => {
                tracing::warn!(%error, release = %entry.release, "build data could not be checked; serving what is known");
                entry.checked(late, Some(format!("it could not be checked since: {error}")));
            }
        }
        entry.being_checked.store(false, Ordering::Relaxed);
    }

    /// Forgets `release`, or everything; how many entries went.
    pub async fn invalidate(&self, release: Option<&ZStream>) -> usize {
        let forget = |minor: Option<Minor>| {
            // The next load asks the service again, whatever it said a moment ago.
            for (known, entry) in locked(&self.minors).iter_mut() {
                if minor.is_none_or(|minor| minor == *known) {
                    entry.branch = None;
                    entry.question += 1;
                }
            }
        };
        let mut removed = 0;
        match release {
            Some(release) => {
                forget(Some(release.minor()));
                locked(&self.refusals).remove(release);
                removed += usize::from(self.releases.remove(release).await.is_some());
            }
            None => {
                forget(None);
                locked(&self.refusals).clear();
                let keys: Vec<_> = self.releases.iter().map(|(key, _)| key).collect();
                for key in keys {
                    removed += usize::from(self.releases.remove(key.as_ref()).await.is_some());
                }
            }
        }
        self.counts.invalidations.fetch_add(removed as u64, Ordering::Relaxed);
        removed
    }

    async fn warm(
        &self,
        releases: &[ZStream],
        read: &impl AsyncFn(Minor) -> Result<String, ClientError>,
    ) -> Vec<LookedUp> {
        let loads = releases.iter().map(async |release| (release.clone(), self.get(release, read).await));
        futures::future::join_all(loads).await
    }

    fn refusal(&self, release: &ZStream, now: Timestamp) -> Option<Arc<LoadError>> {
        let mut refusals = locked(&self.refusals);
        let (since, error) = refusals.get(release)?;
        if now.duration_since(*since) < GAPS_CHECKED_EVERY {
            return Some(Arc::clone(error));
        }
        refusals.remove(release);
        None
    }

    fn remember(&self, release: &ZStream, at: Timestamp, error: &Arc<LoadError>) {
        let mut refusals = locked(&self.refusals);
        refusals.retain(|_, (since, _)| at.duration_since(*since) < GAPS_CHECKED_EVERY);
        if refusals.len() < MOST_REFUSALS {
            refusals.insert(release.clone(), (at, Arc::clone(error)));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
