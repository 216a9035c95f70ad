//! How long an unsigned payload is a wait, and when it becomes a failure.

use jiff::SignedDuration;
use jiff::civil::Date;

use super::outcome::{Outcome, WaitingOn};
use super::verdict::FailReason;

/// The mirror follows promotion by minutes to hours; looking more often only costs requests.
pub const RECHECK: SignedDuration = SignedDuration::from_mins(30);

/// Judges a payload without signature on `today` (UTC): a wait until the release date, then a failure.
pub fn missing(release_date: Option<Date>, today: Date) -> Outcome {
    match release_date {
        Some(due) if due <= today => Outcome::Failed { reason: FailReason::UnsignedOnReleaseDate },
        Some(_) | None => Outcome::Waiting { on: WaitingOn::Signature, job: None, recheck: RECHECK },
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn an_unsigned_payload_is_a_wait_until_its_release_date() {
        let due = Some(date(2026, 3, 25));
        let wait = Outcome::Waiting { on: WaitingOn::Signature, job: None, recheck: RECHECK };
        let failure = Outcome::Failed { reason: FailReason::UnsignedOnReleaseDate };
        assert_eq!(missing(due, date(2026, 3, 24)), wait);
        assert_eq!(missing(due, date(2026, 3, 25)), failure);
        assert_eq!(missing(due, date(2026, 3, 26)), failure);
    }

    #[test]
    fn without_a_release_date_nothing_is_late() {
        assert!(matches!(missing(None, date(2030, 1, 1)), Outcome::Waiting { .. }));
    }
}
