//! What this process has proven of things that cannot change: looked at once, true for as long as it runs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Proofs by their subject; cheap to clone, all clones share them.
#[derive(Debug, Clone, Default)]
pub struct Proven(Arc<Mutex<BTreeSet<String>>>);

/// Proofs that are kept; beyond that all of them are looked at anew.
const MOST: usize = 10_000;

impl Proven {
    /// Was `subject` proven?
    pub fn holds(&self, subject: &str) -> bool {
        self.all().contains(subject)
    }

    /// Remembers that `subject` was proven.
    pub fn add(&self, subject: String) {
        let mut all = self.all();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(subject);
    }

    fn all(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
