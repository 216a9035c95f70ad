//! What build data says about releases, kept in memory: looked up once, shared by all callers, checked again
//! now and then.
//!
//! Values never change; a newer one takes the place of an older one. No lock is held while a service is asked,
//! and one question is asked once, however many callers wait for its answer.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::core::clients::error::ClientError;
use crate::core::clock::Clock;
use crate::core::config::error::ConfigError;
use crate::core::error::ErrorClass;
use crate::domain::age::{Aged, Stale};
use crate::domain::assembly::{Assembly, AssemblyError, BuildData};
use crate::domain::mask::mask;
use crate::domain::release::{Minor, ZStream};

/// Releases that are kept.
pub const MOST_RELEASES: u64 = 50;

/// A value is kept so long, whether it is used or not.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// After so long a value is checked, while it is still served: build data changes after announcements.
pub const CHECKED_EVERY: SignedDuration = SignedDuration::from_mins(7);

/// Values with gaps are checked, and refusals forgotten, after so long: somebody is filling them in.
pub const GAPS_CHECKED_EVERY: SignedDuration = SignedDuration::from_secs(30);

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

/// One release, as build data described it.
#[derive(Debug)]
pub struct CachedRelease {
    /// The release.
    pub release: ZStream,
    /// Everything that build data says about it.
    pub assembly: Assembly,
    shown: Value,
    text: String,
    loaded_at: Timestamp,
    digest: String,
    checked_second: AtomicI64,
    /// When it was last known to be what build data says.
    known_second: AtomicI64,
    /// Why the last check failed.
    trouble: Mutex<Option<String>>,
    being_checked: AtomicBool,
    hits: AtomicU64,
}

/// Metadata of a release as callers know it: advisories, ticket, builds, merge request, date.
#[derive(Debug, Clone, Copy)]
pub struct ShownRelease<'a> {
    /// As a value.
    pub value: &'a Value,
    /// The same as compact text.
    pub text: &'a str,
}

impl CachedRelease {
    fn new(release: &ZStream, assembly: Assembly, branch: &MinorData, now: Timestamp) -> Self {
        let shown = shown(release, &assembly);
        Self {
            release: release.clone(),
            text: shown.to_string(),
            shown,
            assembly,
            loaded_at: now,
            digest: branch.digest.clone(),
            checked_second: AtomicI64::new(now.as_second()),
            known_second: AtomicI64::new(now.as_second()),
            trouble: Mutex::default(),
            being_checked: AtomicBool::new(false),
            hits: AtomicU64::new(0),
        }
    }

    /// What callers read, with its age when that is more than the time after which build data is asked again.
    pub fn read(&self, now: Timestamp) -> Aged<ShownRelease<'_>> {
        let facts = ShownRelease { value: &self.shown, text: &self.text };
        let known = self.known_second.load(Ordering::Relaxed);
        let why = locked(&self.trouble).clone().or_else(|| {
            let is_due = now.as_second() - known >= self.checked_every().as_secs();
            is_due.then(|| "it is kept from then; build data is asked now whether it changed".to_owned())
        });
        match why {
            Some(why) => Aged::stale(facts, Stale::new(Timestamp::from_second(known).ok(), why)),
            None => Aged::current(facts),
        }
    }

    fn is_stale(&self) -> bool {
        locked(&self.trouble).is_some()
    }

    /// Is it time for a check? Only one caller hears yes, and has to call [`BuildDataCache::check`].
    pub fn claims_check(&self, now: Timestamp) -> bool {
        let age = now.as_second() - self.checked_second.load(Ordering::Relaxed);
        age >= self.checked_every().as_secs() && !self.being_checked.swap(true, Ordering::Relaxed)
    }

    fn checked_every(&self) -> SignedDuration {
        if self.assembly.not_ready.is_empty() { CHECKED_EVERY } else { GAPS_CHECKED_EVERY }
    }

    fn checked(&self, at: Timestamp, trouble: Option<String>) {
        self.checked_second.store(at.as_second(), Ordering::Relaxed);
        if trouble.is_none() {
            self.known_second.store(at.as_second(), Ordering::Relaxed);
        }
        *locked(&self.trouble) = trouble;
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.loaded_at) >= LONGEST
    }
}

/// Metadata as callers know it; what is not set is empty, not absent.
fn shown(release: &ZStream, assembly: &Assembly) -> Value {
    let text = |value: &Option<String>| json!(value.as_deref().map(mask).unwrap_or_default());
    let advisories: Map<_, _> = assembly.advisories.iter().map(|(impetus, id)| (impetus.clone(), json!(id))).collect();
    let mut shown = json!({
        "release": release.to_string(),
        "advisories": advisories,
        "jira_ticket": text(&assembly.jira_ticket),
        "candidate_builds": assembly.candidate_builds,
        "shipment_mr": text(&assembly.shipment_mr),
        "release_date": text(&assembly.release_date),
    });
    let gaps: Vec<_> = assembly.not_ready.iter().map(|gap| json!({ "entry": gap.entry, "why": gap.why })).collect();
    if let (Some(fields), false) = (shown.as_object_mut(), gaps.is_empty()) {
        fields.insert("not_ready".to_owned(), json!(gaps));
    }
    shown
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

#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: Arc<AtomicU64>,
    invalidations: AtomicU64,
    expirations: AtomicU64,
    failures: AtomicU64,
    loading: AtomicU64,
    loads: AtomicU64,
    load_ms: AtomicU64,
}

impl Counts {
    fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

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

/// A load that is counted as going on until it is dropped, however it ends.
struct Loading<'a>(&'a AtomicU64);

impl<'a> Loading<'a> {
    fn begin(count: &'a AtomicU64) -> Self {
        Counts::add(count);
        Self(count)
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
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

    /// What is kept of `release`, without waiting for anybody. Nothing: ask [`Self::get`].
    pub fn peek(&self, release: &ZStream) -> Option<Arc<CachedRelease>> {
        let entry = self.releases.get(release).now_or_never().flatten()?;
        (!entry.is_over(self.clock.now())).then(|| self.hit(entry))
    }

    fn hit(&self, entry: Arc<CachedRelease>) -> Arc<CachedRelease> {
        Counts::add(&self.counts.hits);
        Counts::add(&entry.hits);
        entry
    }

    /// What build data says about `release`; `read` reads it for a minor when it is not known.
    ///
    /// # Errors
    ///
    /// The same error for all who waited for one answer.
    pub async fn get(
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
        Ok(Arc::new(CachedRelease::new(release, assembly, &branch, self.clock.now())))
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

    /// Asks whether `entry` is still what build data says; whoever [`CachedRelease::claims_check`] reported yes calls it.
    pub async fn check(&self, entry: &CachedRelease, read: &impl AsyncFn(Minor) -> Result<String, ClientError>) {
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
                    let newer = Arc::new(CachedRelease::new(&entry.release, assembly, &branch, now));
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

    /// Loads all `releases` at once; each with how it ended.
    pub async fn warm(
        &self,
        releases: &[ZStream],
        read: &impl AsyncFn(Minor) -> Result<String, ClientError>,
    ) -> Vec<(ZStream, Result<Arc<CachedRelease>, Arc<LoadError>>)> {
        let loads = releases.iter().map(async |release| (release.clone(), self.get(release, read).await));
        futures::future::join_all(loads).await
    }

    /// Counts and entries, in the form that callers know, and more.
    pub async fn statistics(&self) -> Value {
        self.releases.run_pending_tasks().await;
        let now = self.clock.now();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (hits, misses) = (read(&self.counts.hits), read(&self.counts.misses));
        let (loads, total) = (read(&self.counts.loads), hits + misses);
        let mut entries: Vec<_> = self.releases.iter().map(|(_, entry)| entry).collect();
        entries.sort_by(|a, b| a.release.cmp(&b.release));
        let entries = entries.iter().map(|entry| {
            let age = now.duration_since(entry.loaded_at);
            json!({
                "release": entry.release.to_string(), "cached": true, "ttl_human": "7 days",
                "age_seconds": age.as_secs(), "expires_in_seconds": (LONGEST - age).as_secs().max(0),
                "hits": read(&entry.hits), "etag": entry.digest, "stale": entry.is_stale(),
            })
        });
        let entries: Vec<_> = entries.collect();
        json!({
            "metrics": {
                "hits": hits, "misses": misses, "evictions": read(&self.counts.evictions),
                "manual_invalidations": read(&self.counts.invalidations), "hit_rate": rate(hits, total),
                "total_requests": total, "expirations": read(&self.counts.expirations),
                "load_failures": read(&self.counts.failures), "loads_in_flight": read(&self.counts.loading),
                "avg_load_ms": read(&self.counts.load_ms).checked_div(loads).unwrap_or(0),
            },
            "cache_size": entries.len(), "max_size": self.most,
            "ttl_seconds": LONGEST.as_secs(), "ttl_human": "7 days",
            "entries": entries,
        })
    }

    /// Entries, size and hit rate, for probes; waits for nobody.
    pub fn size(&self) -> (u64, u64, String) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (hits, misses) = (read(&self.counts.hits), read(&self.counts.misses));
        (self.releases.entry_count(), self.most, rate(hits, hits + misses))
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

/// Part of `all` in percent with two decimals.
fn rate(part: u64, all: u64) -> String {
    let hundredths = (part * 10_000).checked_div(all).unwrap_or(0);
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
