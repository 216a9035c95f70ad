//! Issues that a check reports and takes back, one open issue per source.

use crate::domain::closed_gate::ClosedGate;
use crate::domain::dates::stamp;
use crate::domain::state::entries::Issue;
use crate::domain::state::operation::{AddIssue, IssueEdit, Operation};
use crate::domain::state::{self, issue_id};
use crate::domain::task::Task;
use crate::operators::run::Run;

/// Longest text of an issue that the state keeps.
const ISSUE_CHARS: usize = 1000;

/// Reports a finding with the end of the run; an open issue of the same source gets the new text.
pub fn report(run: &Run<'_>, source: &str, text: &str, blocker: bool, related: &[Task]) {
    let text: String = text.chars().take(ISSUE_CHARS).collect();
    run.with_the_end(match open(run, source) {
        Some(issue) => Operation::UpdateIssue {
            search: issue.id,
            edit: IssueEdit { text: Some(text), blocker: Some(blocker), ..IssueEdit::default() },
        },
        None => {
            let at = run.ctx.clock.now();
            if blocker && !run.ctx.options.dry_run {
                let id = issue_id::of(run.release, &state::text::issue(&text), &stamp(at));
                run.add_effect(format!("report blocker {id}"));
            }
            let related = related.to_vec();
            Operation::AddIssue(AddIssue { text, blocker, related, source: Some(source.to_owned()), at })
        }
    });
}

/// Takes the finding of `source` back, when there is one.
pub fn settle(run: &Run<'_>, source: &str, resolution: &str) {
    if open(run, source).is_some() {
        run.with_the_end(Operation::ResolveSource {
            source: source.to_owned(),
            resolution: resolution.to_owned(),
            at: run.ctx.clock.now(),
        });
    }
}

/// Keeps why somebody started a task although `gate` is closed; later runs log over the result.
pub fn forced(run: &Run<'_>, gate: &ClosedGate, reason: &str) {
    run.warn(format!("started although {gate}: {reason}"));
    run.with_the_start(Operation::AddIssue(AddIssue {
        text: format!("{} was started by force although {gate}; reason: {reason}", run.task),
        blocker: false,
        related: vec![run.task],
        source: Some(format!("{}:force", run.task)),
        at: run.ctx.clock.now(),
    }));
}

/// The open issue of a source, as it was when the run began.
pub fn open(run: &Run<'_>, source: &str) -> Option<Issue> {
    run.state.issues().into_iter().find(|issue| !issue.resolved && issue.source.as_deref() == Some(source))
}

/// Joins items with commas; what does not fit into `chars` becomes "and N more".
pub fn listed<T: std::fmt::Display>(items: impl ExactSizeIterator<Item = T>, chars: usize) -> String {
    let (total, mut count, mut text) = (items.len(), 0, String::new());
    for item in items {
        let item = item.to_string();
        if count > 0 && text.chars().count() + item.chars().count() + 2 > chars {
            break;
        }
        if count > 0 {
            text.push_str(", ");
        }
        text.push_str(&item);
        count += 1;
    }
    if count < total { format!("{text} and {} more", total - count) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_ends_with_the_number_of_those_left_out() {
        assert_eq!(listed(["OCPBUGS-1", "OCPBUGS-2"].iter(), 100), "OCPBUGS-1, OCPBUGS-2");
        assert_eq!(listed(["OCPBUGS-1", "OCPBUGS-2", "OCPBUGS-3"].iter(), 20), "OCPBUGS-1, OCPBUGS-2 and 1 more");
        assert_eq!(listed(["a-very-long-item"].iter(), 3), "a-very-long-item", "the first one is always reported");
        assert_eq!(listed(std::iter::empty::<&str>(), 3), "");
    }
}
