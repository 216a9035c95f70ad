//! How much of something one caller may hold at a time, and all callers together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Places of one kind: connections, streams. Clones share them.
#[derive(Debug, Clone)]
pub struct Quota(Arc<QuotaPlaces>);

#[derive(Debug)]
struct QuotaPlaces {
    all: usize,
    each: usize,
    taken: Mutex<HashMap<String, usize>>,
}

/// A place that is held until it is dropped.
#[derive(Debug)]
pub struct HeldPlace {
    places: Arc<QuotaPlaces>,
    holder: String,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The caller has as many as one may have.
    #[error("one caller may hold {0} at a time")]
    OfCaller(usize),
    /// All are taken.
    #[error("all {0} are taken")]
    OfAll(usize),
}

impl Quota {
    /// `all` places, of which one caller gets at most `each`.
    pub fn new(all: usize, each: usize) -> Self {
        Self(Arc::new(QuotaPlaces { all, each, taken: Mutex::default() }))
    }

    /// Takes a place for `holder`.
    ///
    /// # Errors
    ///
    /// There is none for this holder.
    pub fn take(&self, holder: &str) -> Result<HeldPlace, NoPlace> {
        let mut taken = self.0.taken();
        if taken.get(holder).is_some_and(|count| *count >= self.0.each) {
            return Err(NoPlace::OfCaller(self.0.each));
        }
        if taken.values().sum::<usize>() >= self.0.all {
            return Err(NoPlace::OfAll(self.0.all));
        }
        *taken.entry(holder.to_owned()).or_default() += 1;
        Ok(HeldPlace { places: Arc::clone(&self.0), holder: holder.to_owned() })
    }
}

impl HeldPlace {
    /// Who holds it.
    pub fn holder(&self) -> &str {
        &self.holder
    }
}

impl QuotaPlaces {
    fn taken(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HeldPlace {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(count) = taken.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_cannot_take_all_places_and_gives_back_what_it_leaves() {
        let quota = Quota::new(3, 2);
        let held = [quota.take("agent").unwrap(), quota.take("agent").unwrap()];
        assert_eq!(quota.take("agent").unwrap_err(), NoPlace::OfCaller(2));
        let other = quota.take("lead").unwrap();
        assert_eq!(quota.take("lead").unwrap_err(), NoPlace::OfAll(3));
        drop(held);
        drop(other);
        assert!(quota.take("lead").is_ok() && quota.take("agent").is_ok());
        assert!(quota.0.taken().is_empty(), "whoever holds nothing costs nothing");
    }
}
