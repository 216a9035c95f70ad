//! What build data says about a release, and where the stored copy differs.

use serde_json::{Value, json};

use crate::core::context::Context;
use crate::domain::assembly::{Assembly, BuildData};
use crate::domain::release::ZStream;
use crate::domain::state::entries::Metadata;
use crate::operators::error::TaskError;

/// Build data of one release beside what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataView {
    release: ZStream,
    assembly: Assembly,
    /// Entry, stored, fresh; nothing without a state file.
    differences: Option<Vec<Difference>>,
}

/// An entry that changed since it was stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
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
    let differences = stored.map(|stored| differences(&stored, &assembly));
    Ok(MetadataView { release: release.clone(), assembly, differences })
}

/// Entries that a write would change. What build data does not say (any more) stays stored.
fn differences(stored: &Metadata, assembly: &Assembly) -> Vec<Difference> {
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
    all.filter(|(_, old, new)| old != new).map(|(entry, stored, fresh)| Difference { entry, stored, fresh }).collect()
}

impl MetadataView {
    /// A screen for people.
    pub fn text(&self) -> String {
        let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
        let data = &self.assembly;
        let mut lines = vec![
            format!("{}  {} flow, assembly {}", self.release, data.flow(), data.key),
            format!("release date  {}", said(&data.release_date)),
            format!("jira ticket   {}", said(&data.jira_ticket)),
            format!("shipment      {}", said(&data.shipment_mr)),
        ];
        lines.extend(data.advisories.iter().map(|(impetus, id)| format!("advisory      {impetus:<12} {id}")));
        lines.extend(data.candidate_builds.iter().map(|(arch, build)| format!("candidate     {arch:<12} {build}")));
        lines.extend(data.not_ready.iter().map(|gap| format!("not ready: {} {}", gap.entry, gap.why)));
        lines.extend(data.warnings.iter().map(|warning| format!("note: {warning}")));
        match &self.differences {
            None => lines.push(format!("next: no state file yet: oar -r {} create-test-report", self.release)),
            Some(differences) if differences.is_empty() => lines.push("the stored copy is the same".to_owned()),
            Some(differences) => {
                for one in differences {
                    let (old, new) = (said(&one.stored), said(&one.fresh));
                    lines.push(format!("changed: {}  stored {old}, now {new}", one.entry));
                }
                lines.push("next: nothing; changes are stored with the next write of a task".to_owned());
            }
        }
        lines.join("\n")
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let data = &self.assembly;
        let not_ready = data.not_ready.iter().map(|gap| json!({ "entry": gap.entry, "why": gap.why }));
        json!({
            "ok": true,
            "release": self.release.to_string(),
            "flow_type": data.flow(),
            "assembly": data.key,
            "release_date": data.release_date,
            "jira_ticket": data.jira_ticket,
            "shipment_mr": data.shipment_mr,
            "advisories": data.advisories.iter().map(|(impetus, id)| (impetus.clone(), json!(id))).collect::<serde_json::Map<_, _>>(),
            "candidate_builds": data.candidate_builds,
            "not_ready": not_ready.collect::<Vec<_>>(),
            "warnings": data.warnings,
            "origins": data.origins,
            "differences": self.differences,
        })
    }
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
            differences(&stored, &fresh).into_iter().map(|one| (one.entry, one.stored, one.fresh)).collect();
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
