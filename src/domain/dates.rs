//! Time stamps and release dates as the state files spell them.

use jiff::Timestamp;
use jiff::civil::Date;

/// Time as state files and log lines show it: UTC, whole seconds, `Z`.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads a release date: `2026-Mar-25` (any case, one or two digits for the day) or `2026-03-25`.
///
/// The text itself stays as it is wherever it is stored.
pub fn release_date(text: &str) -> Option<Date> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let mut parts = text.trim().split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits =
        |text: &str, most: usize| !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || !digits(year, 4) || !digits(day, 2) {
        return None;
    }
    let month = if digits(month, 2) {
        month.parse().ok()?
    } else {
        let position = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
        i8::try_from(position + 1).ok()?
    };
    Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()
}

/// The spelling build data uses for new releases: `2026-Mar-25`.
pub fn release_date_text(date: Date) -> String {
    date.strftime("%Y-%b-%d").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn release_dates_are_read_in_every_form_seen() {
        assert_eq!(release_date("2026-Mar-25"), Some(date(2026, 3, 25)));
        assert_eq!(release_date("2026-MAY-14"), Some(date(2026, 5, 14)));
        assert_eq!(release_date("2026-Feb-3"), Some(date(2026, 2, 3)));
        assert_eq!(release_date("2026-03-25"), Some(date(2026, 3, 25)));
    }

    #[test]
    fn anything_else_is_not_a_date() {
        for text in ["", "2026-Foo-25", "26-Mar-25", "2026-Mar-32", "2026-Feb-30", "soon", "2026-Mar-25-1"] {
            assert_eq!(release_date(text), None, "{text:?}");
        }
    }

    #[test]
    fn stamps_carry_whole_seconds_and_a_z() {
        assert_eq!(stamp(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00Z");
    }
}
