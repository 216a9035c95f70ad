//! One release as build data described it, with its age.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::locked;
use crate::domain::age::{Aged, Stale};
use crate::domain::assembly::Assembly;
use crate::domain::mask::mask;
use crate::domain::release::ZStream;

/// A value is kept so long, whether it is used or not.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// After so long a value is checked, while it is still served: build data changes after announcements.
pub const CHECKED_EVERY: SignedDuration = SignedDuration::from_mins(7);

/// Values with gaps are checked, and refusals forgotten, after so long: somebody is filling them in.
pub const GAPS_CHECKED_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// One release, as build data described it.
#[derive(Debug)]
pub struct CachedRelease {
    /// The release.
    pub release: ZStream,
    /// Everything that build data says about it.
    pub assembly: Assembly,
    pub(super) shown: Value,
    pub(super) text: String,
    pub(super) loaded_at: Timestamp,
    pub(super) digest: String,
    checked_second: AtomicI64,
    /// When it was last known to be what build data says.
    known_second: AtomicI64,
    /// Why the last check failed.
    trouble: Mutex<Option<String>>,
    pub(super) being_checked: AtomicBool,
    pub(super) hits: AtomicU64,
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
    pub(super) fn new(release: &ZStream, assembly: Assembly, digest: &str, now: Timestamp) -> Self {
        let shown = shown(release, &assembly);
        Self {
            release: release.clone(),
            text: shown.to_string(),
            shown,
            assembly,
            loaded_at: now,
            digest: digest.to_owned(),
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

    pub(super) fn is_stale(&self) -> bool {
        locked(&self.trouble).is_some()
    }

    /// Is it time for a check? Only one caller hears yes, and has to call [`super::BuildDataCache::refresh`].
    pub fn claims_check(&self, now: Timestamp) -> bool {
        let age = now.as_second() - self.checked_second.load(Ordering::Relaxed);
        age >= self.checked_every().as_secs() && !self.being_checked.swap(true, Ordering::Relaxed)
    }

    pub(super) fn checked_every(&self) -> SignedDuration {
        if self.assembly.not_ready.is_empty() { CHECKED_EVERY } else { GAPS_CHECKED_EVERY }
    }

    pub(super) fn checked(&self, at: Timestamp, trouble: Option<String>) {
        self.checked_second.store(at.as_second(), Ordering::Relaxed);
        if trouble.is_none() {
            self.known_second.store(at.as_second(), Ordering::Relaxed);
        }
        *locked(&self.trouble) = trouble;
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
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
