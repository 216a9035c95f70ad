//! Releases that need attention, for people.

use crate::domain::discovery::{Entry, Why};
use crate::operators::views::discovery::Listing;
use crate::render::styled::{Styled, Tone};

/// A table, the most urgent release first.
pub fn text(listing: &Listing) -> Styled {
    let mut text = Styled::default();
    text.lines(listing.releases.iter().map(rows));
    if listing.releases.is_empty() {
        let among = if listing.is_incomplete { " among the files that can be read" } else { "" };
        text.line(format!("no active release{among}; --all lists the finished ones"));
    }
    text.lines(listing.errors.iter().map(|(path, why)| format!("not readable: {path}: {why}")));
    if listing.is_incomplete {
        text.line(
            Styled::toned(Tone::Pending, "  next: ")
                + "correct what is not readable on the branch; its releases are not listed",
        );
    }
    text
}

fn rows(entry: &Entry) -> Styled {
    let date = entry.date.map_or_else(|| "no date".to_owned(), |date| date.to_string());
    let left = match entry.days_left {
        Some(0) => "today".to_owned(),
        Some(days) if days < 0 => format!("{} d late", -days),
        Some(days) => format!("{days} d"),
        None => String::new(),
    };
    let failed: Vec<_> = entry.failed.iter().map(|task| task.name()).collect();
    let failed = if failed.is_empty() { String::new() } else { format!(", failed: {}", failed.join(", ")) };
    let (release, (done, all), standing) = (entry.release.to_string(), entry.done, standing(entry));
    let mut text = Styled::from(format!("{release:<14} {date:<11} {left:<8} {done}/{all} done{failed}  ({standing})"));
    text.lines(entry.blockers.iter().map(|blocker| format!("  blocker: {blocker}")));
    if entry.why == Why::NeedsInitialisation {
        text.line(Styled::toned(Tone::Pending, "  next: ") + format!("oar -r {release} create-test-report"));
    }
    text
}

/// Why it is listed, and how much is left.
fn standing(entry: &Entry) -> String {
    let open = entry.done.1.saturating_sub(entry.done.0);
    let late = if entry.days_left.is_some_and(|days| days < 0) { "overdue: " } else { "" };
    match entry.why {
        Why::ApprovalOpen if open > 1 => format!("{late}{open} tasks are open, the final approval among them"),
        Why::ApprovalOpen => format!("{late}{}", entry.why.text()),
        Why::WithinDate | Why::NeedsInitialisation | Why::NoDate | Why::Inactive => entry.why.text().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overdue_release_says_how_late_it_is_and_what_is_left() {
        let entry = Entry {
            release: "4.12.80".parse().unwrap(),
            why: Why::ApprovalOpen,
            date: Some(jiff::civil::date(2026, 6, 3)),
            days_left: Some(-2),
            done: (0, 10),
            failed: Vec::new(),
            blockers: Vec::new(),
        };
        assert_eq!(
            text(&Listing { releases: vec![entry], errors: Vec::new(), is_incomplete: false }).to_string(),
            "4.12.80        2026-06-03  2 d late 0/10 done  (overdue: 10 tasks are open, the final approval among them)"
        );
    }
}
