//! What build data says about a release, for people.

use crate::operators::views::metadata::MetadataView;

/// A screen.
pub fn text(view: &MetadataView) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
    let (release, data) = (&view.release, &view.assembly);
    let mut lines = vec![
        format!("{release}  {} flow, assembly {}", data.flow(), data.key),
        format!("release date  {}", shown(&data.release_date)),
        format!("jira ticket   {}", shown(&data.jira_ticket)),
        format!("shipment      {}", shown(&data.shipment_mr)),
    ];
    lines.extend(data.advisories.iter().map(|(impetus, id)| format!("advisory      {impetus:<12} {id}")));
    lines.extend(data.candidate_builds.iter().map(|(arch, build)| format!("candidate     {arch:<12} {build}")));
    lines.extend(data.not_ready.iter().map(|gap| format!("not ready: {} {}", gap.entry, gap.why)));
    lines.extend(data.warnings.iter().map(|warning| format!("note: {warning}")));
    match &view.changes {
        None => lines.push(format!("next: no state file yet: oar -r {release} create-test-report")),
        Some(changes) if changes.is_empty() => lines.push("the stored copy is the same".to_owned()),
        Some(changes) => {
            for change in changes {
                let (old, new) = (shown(&change.stored), shown(&change.fresh));
                lines.push(format!("changed: {}  stored {old}, now {new}", change.entry));
            }
            lines.push("next: nothing; changes are stored with the next write of a task".to_owned());
        }
    }
    lines.join("\n")
}
