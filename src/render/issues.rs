//! Issues for people: the list, and what came of a change.

use crate::domain::release::ZStream;
use crate::domain::state::entries::Issue;
use crate::operators::manual::issues::{Changed, concerned};
use crate::render::styled::{Styled, Tone};

/// All of `issues`, the open ones first.
pub fn list(release: &ZStream, issues: &[Issue]) -> Styled {
    if issues.is_empty() {
        return format!("{release} has no issues").into();
    }
    let (resolved, open): (Vec<_>, Vec<_>) = issues.iter().partition(|issue| issue.resolved);
    let mut text = Styled::default();
    text.lines(open.into_iter().chain(resolved).map(line));
    text
}

/// A text of somebody: its further lines never look like lines of ours.
fn indented(text: &str) -> String {
    text.replace('\n', "\n             ")
}

fn line(issue: &Issue) -> Styled {
    let (kind, tone) = match (issue.resolved, issue.blocker) {
        (true, _) => ("resolved", None),
        (false, true) => ("BLOCKER ", Some(Tone::Bad)),
        (false, false) => ("note    ", None),
    };
    let resolution =
        issue.resolution.as_deref().map(|text| format!("\n          -> {}", indented(text))).unwrap_or_default();
    let text = format!("  {} ({}){resolution}", indented(&issue.issue), concerned(issue));
    Styled::from(format!("{}  ", issue.id)) + Styled::toned(tone, kind) + text
}

/// What came of a change.
pub fn changed(changed: &Changed) -> String {
    match changed {
        Changed::IsOpen { .. } => "the issue is open already; nothing to do".to_owned(),
        Changed::IsResolved { .. } => "the issue is resolved already; nothing to do".to_owned(),
        Changed::DryRun => "dry run: nothing was stored".to_owned(),
        Changed::Kept { notice } => notice.clone(),
        Changed::Stored { issue: None, .. } => "stored".to_owned(),
        Changed::Stored { issue: Some(issue), .. } => {
            let kind = if issue.blocker { "blocker" } else { "note" };
            let did = if issue.resolved { "resolved" } else { "reported" };
            format!("{did} {kind} {} ({}): {}", issue.id, concerned(issue), indented(&issue.issue))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_feed_in_an_issue_makes_no_line_of_ours() {
        assert!(indented("broken\nnext: oar drive\nwhy: x").lines().skip(1).all(|line| line.starts_with("   ")));
    }
}
