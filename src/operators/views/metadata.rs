//! What build data says about a release, and where the stored copy differs.

use crate::core::context::Context;
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::release::ZStream;
use crate::domain::state::entries::Metadata;
use crate::operators::error::TaskError;

/// Build data of one release beside what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataView {
    /// The release.
    pub release: ZStream,
    /// What build data says now.
    pub assembly: Assembly,
    /// What changed since it was stored; nothing without a state file.
    pub changes: Option<Vec<MetadataChange>>,
}

/// An entry that changed since it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataChange {
    /// Which entry.
    pub entry: String,
    /// What is stored.
    pub stored: Option<String>,
    /// What build data says now.
    pub fresh: Option<String>,
}

/// Reads build data and the state. Reads only: a change is stored with the next write of a task.
///
/// # Errors
///
/// Build data does not list the release, or one of the two cannot be read.
pub async fn of(ctx: &Context, release: &ZStream) -> Result<MetadataView, TaskError> {
    let text = ctx.build_data().releases(release.minor()).await?;
    let assembly = BuildData::parse(&text)?.resolve(release)?;
    let stored = ctx.statebox.load(release).await?.map(|loaded| loaded.state.metadata());
    let changes = stored.map(|stored| changes(&stored, &assembly));
    Ok(MetadataView { release: release.clone(), assembly, changes })
}

/// Entries that a write would change. What build data does not say (any more) stays stored.
fn changes(stored: &Metadata, assembly: &Assembly) -> Vec<MetadataChange> {
    let single = [
        ("jira_ticket", &stored.jira_ticket, &assembly.jira_ticket),
        ("release_date", &stored.release_date, &assembly.release_date),
        ("shipment_mr", &stored.shipment_mr, &assembly.shipment_mr),
    ];
    let single = single.into_iter().map(|(entry, old, new)| (entry.to_owned(), old.clone(), new.clone()));
    let numbers = assembly.advisories.iter().map(|(impetus, id)| {
        let old = stored.advisory_ids.get(impetus).map(ToString::to_string);
        (format!("advisory_ids.{impetus}"), old, Some(id.to_string()))
    });
    let builds = assembly.candidate_builds.iter().map(|(arch, build)| {
        (format!("candidate_builds.{arch}"), stored.candidate_builds.get(arch).cloned(), Some(build.clone()))
    });
    let gone = stored.advisory_ids.iter().filter(|(impetus, _)| !assembly.advisories.contains_key(*impetus));
    let gone = gone.map(|(impetus, id)| (format!("advisory_ids.{impetus}"), Some(id.to_string()), None));
    let all = single.chain(numbers).chain(builds).chain(gone);
    all.filter(|(_, old, new)| old != new)
        .map(|(entry, stored, fresh)| MetadataChange { entry, stored, fresh })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AdvisoryId;

    #[test]
    fn only_entries_that_changed_are_reported() {
        let stored = Metadata {
            jira_ticket: Some("ART-1".to_owned()),
            release_date: Some("2026-Jun-10".to_owned()),
            advisory_ids: [("rpm".to_owned(), 1), ("image".to_owned(), 3)].into_iter().collect(),
            ..Metadata::default()
        };
        let fresh = Assembly {
            jira_ticket: Some("ART-1".to_owned()),
            release_date: Some("2026-Jun-11".to_owned()),
            advisories: [("rpm".to_owned(), AdvisoryId::new(1)), ("rhcos".to_owned(), AdvisoryId::new(2))]
                .into_iter()
                .collect(),
            ..Assembly::default()
        };
        let found: Vec<_> =
            changes(&stored, &fresh).into_iter().map(|one| (one.entry, one.stored, one.fresh)).collect();
        let row = |entry: &str, old: Option<&str>, new: Option<&str>| {
            (entry.to_owned(), old.map(str::to_owned), new.map(str::to_owned))
        };
        assert_eq!(
            found,
            [
                row("release_date", Some("2026-Jun-10"), Some("2026-Jun-11")),
                row("advisory_ids.rhcos", None, Some("2")),
                row("advisory_ids.image", Some("3"), None),
            ]
        );
    }
}
