//! How often a service may be asked within an hour: a loop of ours must not become its outage.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The requests of this process to one service.
#[derive(Debug)]
pub(super) struct Budget {
    most: u32,
    /// When the hour began, and the requests since.
    spent: Mutex<Option<(Timestamp, u32)>>,
}

impl Budget {
    pub(super) const fn new(most: u32) -> Self {
        Self { most, spent: Mutex::new(None) }
    }

    /// Requests within an hour.
    pub(super) const fn most(&self) -> u32 {
        self.most
    }

    /// Takes one request from the budget; an empty one tells when it is full again.
    pub(super) fn spend(&self, now: Timestamp) -> Result<(), Timestamp> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, used) = spent.unwrap_or((now, 0));
        let ends = began.checked_add(HOUR).unwrap_or(Timestamp::MAX);
        let (began, used) = if now >= ends { (now, 0) } else { (began, used) };
        if used >= self.most {
            return Err(ends);
        }
        *spent = Some((began, used + 1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_holds_no_more_than_its_requests_and_the_next_hour_begins_anew() {
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let budget = Budget::new(3);
        assert!((0..3).all(|second| budget.spend(at(second)).is_ok()));
        for second in [3, 1800, 3599] {
            assert_eq!(budget.spend(at(second)), Err(at(3600)));
        }
        assert!((0..3).all(|_| budget.spend(at(3600)).is_ok()));
        assert_eq!(budget.spend(at(3601)), Err(at(7200)));
    }
}
