//! How the cache of build data is used, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::BuildDataCache;
use super::release::LONGEST;

/// How the cache was used.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) evictions: Arc<AtomicU64>,
    pub(super) invalidations: AtomicU64,
    pub(super) expirations: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) loading: AtomicU64,
    pub(super) loads: AtomicU64,
    pub(super) load_ms: AtomicU64,
}

impl Counts {
    pub(super) fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A load that is counted as going on until it is dropped, however it ends.
pub(super) struct Loading<'a>(&'a AtomicU64);

impl<'a> Loading<'a> {
    pub(super) fn begin(count: &'a AtomicU64) -> Self {
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
}

/// Part of `all` in percent with two decimals.
fn rate(part: u64, all: u64) -> String {
    let hundredths = (part * 10_000).checked_div(all).unwrap_or(0);
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}
