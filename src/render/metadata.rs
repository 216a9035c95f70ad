//! What build data says about a release, for people.

use crate::operators::views::metadata::MetadataView;
use crate::render::styled::{Styled, Tone};

/// A screen.
pub fn text(view: &MetadataView) -> Styled {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
    let (release, data) = (&view.release, &view.assembly);
    let mut text = Styled::from(format!("{release}  {} flow, assembly {}", data.flow(), data.key));
    text.line(format!("release date  {}", shown(&data.release_date)));
    text.line(format!("jira ticket   {}", shown(&data.jira_ticket)));
    text.line(format!("shipment      {}", shown(&data.shipment_mr)));
    text.lines(data.advisories.iter().map(|(impetus, id)| format!("advisory      {impetus:<12} {id}")));
    text.lines(data.candidate_builds.iter().map(|(arch, build)| format!("candidate     {arch:<12} {build}")));
    text.lines(data.not_ready.iter().map(|gap| format!("not ready: {} {}", gap.entry, gap.why)));
    text.lines(data.warnings.iter().map(|warning| format!("note: {warning}")));
    let next = |step: String| Styled::toned(Tone::Pending, "next: ") + step;
    match &view.changes {
        None => text.line(next(format!("no state file yet: oar -r {release} create-test-report"))),
        Some(changes) if changes.is_empty() => text.line("the stored copy is the same"),
        Some(changes) => {
            for change in changes {
                let (old, new) = (shown(&change.stored), shown(&change.fresh));
                text.line(format!("changed: {}  stored {old}, now {new}", change.entry));
            }
            text.line(next("nothing; changes are stored with the next write of a task".to_owned()));
        }
    }
    text
}
