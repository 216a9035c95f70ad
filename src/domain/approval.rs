//! When the final approval may start, how long it waits, and when it is done.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::advisory::{AdvisoryState, is_managed};
use super::closed_gate::ClosedGate;
use super::shipment::StageRelease;

/// The advisory page appears between minutes and two days after the approval.
pub const RECHECK: SignedDuration = SignedDuration::from_mins(30);

/// How long the page may take, counted from the later of release date and start.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(48);

/// The first day (UTC) on which the approval may start: one day before the release date.
pub fn earliest(release_date: Date) -> Date {
    release_date.checked_sub(1.day()).unwrap_or(release_date)
}

/// What keeps the approval from starting today, as far as the calendar goes.
///
/// `ignore_date` is a person's explicit order to start regardless.
pub fn too_early(release_date: Option<Date>, today: Date, ignore_date: bool) -> Option<ClosedGate> {
    if ignore_date {
        return None;
    }
    let Some(due) = release_date else { return Some(ClosedGate::NoReleaseDate) };
    let from = earliest(due);
    (today < from).then_some(ClosedGate::TooEarly { from })
}

/// Until when the approval waits for the advisory page; nothing when neither date nor start is known.
///
/// Two days from the release date (its first minute, UTC) or from the start, whichever is later. Counting
/// from the start alone ended 19 of 131 real approvals with a time-out, most of them before or on the
/// very day the page was due.
pub fn deadline(release_date: Option<Date>, started_at: Option<Timestamp>) -> Option<Timestamp> {
    let by_date = release_date.and_then(start_of).and_then(|at| at.checked_add(PATIENCE).ok());
    let by_start = started_at.and_then(|at| at.checked_add(PATIENCE).ok());
    by_date.max(by_start)
}

/// The first instant of a day, UTC.
pub fn start_of(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Is the release out of our hands, and what is missing if not?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// Everything below is settled.
    pub shipped: bool,
    /// What is still open, one line each.
    pub open: Vec<String>,
}

/// Judges whether a Konflux release is shipped.
///
/// The images are out when the production release succeeded or the merge request was merged (a closed one
/// proves nothing); every advisory that we manage has to be in REL_PREP or later.
pub fn shipped<'a>(
    prod_release: &StageRelease,
    merged: bool,
    advisories: impl IntoIterator<Item = (&'a str, &'a AdvisoryState)>,
) -> Shipped {
    let mut open = Vec::new();
    if !merged && *prod_release != StageRelease::Success {
        open.push(format!("production release of the shipment: {prod_release}"));
    }
    for (impetus, state) in advisories {
        if is_managed(impetus, state) && !state.is_ready() {
            open.push(format!("{impetus} advisory: {state}"));
        }
    }
    Shipped { shipped: open.is_empty(), open }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        text.parse().ok()
    }

    #[test]
    fn approval_starts_one_day_before_the_release_date() {
        let due = Some(date(2026, 3, 25));
        let closed = Some(ClosedGate::TooEarly { from: date(2026, 3, 24) });
        assert_eq!(too_early(due, date(2026, 3, 23), false), closed);
        for day in [24, 25, 26] {
            assert_eq!(too_early(due, date(2026, 3, day), false), None, "day {day}");
        }
    }

    #[test]
    fn a_person_may_start_approval_without_a_date() {
        assert_eq!(too_early(None, date(2026, 3, 23), false), Some(ClosedGate::NoReleaseDate));
        assert_eq!(too_early(None, date(2026, 3, 23), true), None);
    }

    #[test]
    fn the_deadline_counts_from_the_later_of_release_date_and_start() {
        let due = Some(date(2026, 1, 15));
        let table = [
            (due, at("2026-01-12T06:24:18Z"), at("2026-01-17T00:00:00Z")),
            (due, at("2026-01-20T06:00:00Z"), at("2026-01-22T06:00:00Z")),
            (due, None, at("2026-01-17T00:00:00Z")),
            (None, at("2026-01-20T06:00:00Z"), at("2026-01-22T06:00:00Z")),
            (None, None, None),
        ];
        for (release_date, started, expected) in table {
            assert_eq!(deadline(release_date, started), expected, "{release_date:?} {started:?}");
        }
    }

    #[test]
    fn a_release_is_shipped_when_images_and_advisories_are_out() {
        use AdvisoryState::{DroppedNoShip, NewFiles, Qe, RelPrep, ShippedLive};
        let success = StageRelease::Success;
        let running = StageRelease::Running("running".into());
        assert!(shipped(&success, false, [("rpm", &RelPrep), ("rhcos", &ShippedLive)]).shipped);
        assert!(shipped(&running, true, [("rpm", &RelPrep)]).shipped);
        assert!(shipped(&success, false, [("rpm", &DroppedNoShip), ("microshift", &NewFiles)]).shipped);
        let open = shipped(&running, false, [("rpm", &Qe)]).open;
        assert_eq!(open, ["production release of the shipment: running", "rpm advisory: QE"]);
    }
}
