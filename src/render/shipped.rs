//! Whether a release is out of our hands, for people.

use crate::operators::views::is_shipped::ShippedView;

/// A few lines.
pub fn text(view: &ShippedView) -> String {
    let release = &view.release;
    let verdict = match view.shipped {
        Some(true) => "is shipped",
        Some(false) => "is not shipped yet",
        None => "may be shipped: not everything could be asked",
    };
    let mut lines = vec![format!("{release} {verdict} ({} flow)", view.flow)];
    lines.extend(view.details.iter().map(|(name, fact)| format!("  {:<22} {fact}", name.replace('_', " "))));
    lines.extend(view.open.iter().map(|open| format!("  open: {open}")));
    lines.push(match view.shipped {
        Some(true) => "  next: nothing is left to do".to_owned(),
        Some(false) => format!("  next: oar -r {release} plan tells what is next and why"),
        None => format!("  next: wait a few minutes, then: oar -r {release} is-shipped"),
    });
    lines.join("\n")
}
