//! Until when a process may change something: set by the lease it holds, obeyed by the store and the way out.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// The right to change something, shared by everything that one lease covers; without a lease it has no end.
#[derive(Debug, Clone, Default)]
pub struct Permit(Option<Arc<Mutex<Right>>>);

/// What may be changed until when.
#[derive(Debug, Clone, Copy)]
struct Right {
    until: Timestamp,
    /// Nothing outside before the lease is taken.
    outside: bool,
}

impl Permit {
    /// A permit that ends at `until`, unless it is prolonged.
    pub fn until(until: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(Right { until, outside: true }))))
    }

    /// The permit of a lease that is taken with the first change of the state: until then nothing outside may change.
    pub fn of_a_lease_to_come(until: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(Right { until, outside: false }))))
    }

    /// Has it an end at all?
    pub const fn has_end(&self) -> bool {
        self.0.is_some()
    }

    /// When it ends; nothing for one without end.
    pub fn end(&self) -> Option<Timestamp> {
        self.right().map(|right| right.until)
    }

    fn right(&self) -> Option<Right> {
        let right = self.0.as_ref()?;
        Some(*right.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Is it over at `now`?
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.end().is_some_and(|end| end <= now)
    }

    /// May something outside be changed at `now`?
    pub fn reaches_outside(&self, now: Timestamp) -> bool {
        self.right().is_none_or(|right| right.outside && right.until > now)
    }

    /// Sets its end.
    pub fn ends_at(&self, until: Timestamp) {
        if let Some(right) = &self.0 {
            right.lock().unwrap_or_else(PoisonError::into_inner).until = until;
        }
    }

    /// Its lease is taken, until then.
    pub fn holds_until(&self, until: Timestamp) {
        if let Some(right) = &self.0 {
            *right.lock().unwrap_or_else(PoisonError::into_inner) = Right { until, outside: true };
        }
    }

    /// Ends it for good: the lease was lost.
    pub fn revoke(&self) {
        self.ends_at(Timestamp::MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_ends_for_all_who_share_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let permit = Permit::until(at(10));
        let shared = permit.clone();
        assert!(!shared.is_over(at(9)) && shared.is_over(at(10)));
        permit.ends_at(at(20));
        assert!(!shared.is_over(at(10)));
        permit.revoke();
        assert!(shared.is_over(at(0)));
    }

    #[test]
    fn before_its_lease_is_taken_a_permit_reaches_nothing_outside() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let permit = Permit::of_a_lease_to_come(at(10));
        let shared = permit.clone();
        assert!(!shared.is_over(at(9)) && !shared.reaches_outside(at(9)));
        permit.holds_until(at(20));
        assert!(shared.reaches_outside(at(19)) && !shared.reaches_outside(at(20)));
        permit.revoke();
        assert!(!shared.reaches_outside(at(0)));
        assert!(Permit::default().reaches_outside(at(0)));
    }

    #[test]
    fn without_a_lease_there_is_no_end() {
        let permit = Permit::default();
        permit.revoke();
        assert!(!permit.is_over(Timestamp::MAX) && permit.end().is_none());
    }
}
