//! Whether a release is out of our hands, for people.

use crate::operators::views::is_shipped::ShippedView;
use crate::render::styled::{Styled, Tone};

/// A few lines.
pub fn text(view: &ShippedView) -> Styled {
    let release = &view.release;
    let verdict = match view.shipped {
        Some(true) => "is shipped",
        Some(false) => "is not shipped yet",
        None => "may be shipped: not everything could be asked",
    };
    let mut text = Styled::from(format!("{release} {verdict} ({} flow)", view.flow));
    text.lines(view.details.iter().map(|(name, fact)| format!("  {:<22} {fact}", name.replace('_', " "))));
    text.lines(view.open.iter().map(|open| format!("  open: {open}")));
    let next = match view.shipped {
        Some(true) => "nothing is left to do".to_owned(),
        Some(false) => format!("oar -r {release} plan tells what is next and why"),
        None => format!("wait a few minutes, then: oar -r {release} is-shipped"),
    };
    text.line(Styled::toned(Tone::Pending, "  next: ") + next);
    text
}
