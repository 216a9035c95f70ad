//! What build data says otherwise than the copy in the state file, which is there for people alone.

use std::fmt;

use super::Assembly;
use crate::domain::state::entries::Metadata;
use crate::domain::task::Task;

/// Begins the source of the note that something was replaced for which tasks had passed; the entry follows.
pub const REPLACED_SOURCE: &str = "replaced/";

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

impl MetadataChange {
    /// The tasks whose Pass is about what was replaced; none when nothing was, or nothing depends on it.
    pub fn outdates(&self) -> Vec<Task> {
        if self.stored.is_none() || self.fresh.is_none() {
            return Vec::new();
        }
        let Some(replaced) = NamedByArt::of(&self.entry) else { return Vec::new() };
        Task::ALL.into_iter().filter(|task| replaced.outdates(*task)).collect()
    }
}

/// What ART replaces by naming another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamedByArt {
    Shipment,
    RhcosAdvisory,
    Advisory,
}

impl NamedByArt {
    /// What the entry names; nothing for entries that no task is about.
    fn of(entry: &str) -> Option<Self> {
        match entry {
            "shipment_mr" => Some(Self::Shipment),
            "advisory_ids.rhcos" => Some(Self::RhcosAdvisory),
            advisory if advisory.starts_with("advisory_ids.") => Some(Self::Advisory),
            _ => None,
        }
    }

    /// Is a Pass of the task about it?
    const fn outdates(self, task: Task) -> bool {
        match task {
            Task::TakeOwnership | Task::CheckCveTrackerBug => true,
            Task::ImageConsistencyCheck => matches!(self, Self::Shipment),
            Task::PushToCdnStaging => matches!(self, Self::RhcosAdvisory | Self::Advisory),
            Task::CheckRhcosSecurityAlerts => matches!(self, Self::RhcosAdvisory),
            Task::CreateTestReport
            | Task::UpdateBugList
            | Task::CheckGreenwaveCvpTests
            | Task::AnalyzeCandidateBuild
            | Task::AnalyzePromotedBuild
            | Task::StageTesting
            | Task::ImageSignedCheck
            | Task::DropBugs
            | Task::ChangeAdvisoryStatus
            | Task::AddQeApproval => false,
        }
    }
}

impl fmt::Display for MetadataChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.stored, &self.fresh) {
            (Some(stored), Some(fresh)) => write!(f, "{} is stored as {stored} and is {fresh} now", self.entry),
            (Some(stored), None) => {
                write!(f, "{} is stored as {stored}; build data does not name it any more", self.entry)
            }
            (None, fresh) => write!(f, "{} is new: {}", self.entry, fresh.as_deref().unwrap_or_default()),
        }
    }
}

impl Assembly {
    /// Entries in which the copy `stored` differs, advisories that others ship aside.
    pub fn changes_since(&self, stored: &Metadata) -> Vec<MetadataChange> {
        let single = [
            ("jira_ticket", &stored.jira_ticket, &self.jira_ticket),
            ("release_date", &stored.release_date, &self.release_date),
            ("shipment_mr", &stored.shipment_mr, &self.shipment_mr),
        ];
        // What build data does not say (any more) stays stored.
        let single = single.into_iter().filter(|(_, _, fresh)| fresh.is_some());
        let single = single.map(|(entry, old, new)| (entry.to_owned(), old.clone(), new.clone()));
        let numbers = self.advisories.iter().map(|(impetus, id)| {
            let old = stored.advisory_ids.get(impetus).map(ToString::to_string);
            (format!("advisory_ids.{impetus}"), old, Some(id.to_string()))
        });
        let builds = self.candidate_builds.iter().map(|(arch, build)| {
            (format!("candidate_builds.{arch}"), stored.candidate_builds.get(arch).cloned(), Some(build.clone()))
        });
        let gone = stored.advisory_ids.iter().filter(|(impetus, _)| !self.advisories.contains_key(*impetus));
        let gone = gone.map(|(impetus, id)| (format!("advisory_ids.{impetus}"), Some(id.to_string()), None));
        let dropped = stored.candidate_builds.iter().filter(|(arch, _)| !self.candidate_builds.contains_key(*arch));
        let dropped = dropped.map(|(arch, build)| (format!("candidate_builds.{arch}"), Some(build.clone()), None));
        let all = single.chain(numbers).chain(builds).chain(gone).chain(dropped);
        all.filter(|(_, old, new)| old != new)
            .map(|(entry, stored, fresh)| MetadataChange { entry, stored, fresh })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AdvisoryId;

    fn stored() -> Metadata {
        Metadata {
            jira_ticket: Some("ART-1".to_owned()),
            release_date: Some("2026-Jun-10".to_owned()),
            advisory_ids: [("rpm".to_owned(), 1), ("image".to_owned(), 3)].into_iter().collect(),
            candidate_builds: [("x86_64".to_owned(), "a nightly".to_owned())].into_iter().collect(),
            ..Metadata::default()
        }
    }

    #[test]
    fn only_entries_that_changed_are_reported() {
        let fresh = Assembly {
            jira_ticket: Some("ART-1".to_owned()),
            release_date: Some("2026-Jun-11".to_owned()),
            advisories: [("rpm".to_owned(), AdvisoryId::new(1)), ("rhcos".to_owned(), AdvisoryId::new(2))]
                .into_iter()
                .collect(),
            ..Assembly::default()
        };
        let found: Vec<_> = fresh.changes_since(&stored()).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "release_date is stored as 2026-Jun-10 and is 2026-Jun-11 now",
                "advisory_ids.rhcos is new: 2",
                "advisory_ids.image is stored as 3; build data does not name it any more",
                "candidate_builds.x86_64 is stored as a nightly; build data does not name it any more",
            ]
        );
    }

    #[test]
    fn what_was_done_for_a_replaced_advisory_or_shipment_is_about_the_old_one() {
        let change = |entry: &str, stored: Option<&str>| MetadataChange {
            entry: entry.to_owned(),
            stored: stored.map(str::to_owned),
            fresh: Some("2".to_owned()),
        };
        assert!(change("shipment_mr", Some("1")).outdates().contains(&Task::TakeOwnership));
        assert!(change("advisory_ids.rpm", Some("1")).outdates().contains(&Task::PushToCdnStaging));
        assert!(change("advisory_ids.rhcos", Some("1")).outdates().contains(&Task::CheckRhcosSecurityAlerts));
        assert_eq!(change("shipment_mr", None).outdates(), [], "it is the first one");
        assert_eq!(change("release_date", Some("1")).outdates(), []);
    }
}
