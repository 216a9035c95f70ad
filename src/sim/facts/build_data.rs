//! Build data: the assembly of the release.

use std::fmt::Write as _;

use jiff::SignedDuration;
use serde::Serialize;

use crate::domain::dates;
use crate::sim::scenario::ReleasePlan;

/// One branch with one file.
#[derive(Debug, Clone, Serialize)]
pub struct BuildData {
    /// `openshift-X.Y`.
    pub branch: String,
    /// The whole file.
    pub releases_yml: String,
}

impl BuildData {
    /// The file lists the plan's release over its predecessor.
    pub fn new(plan: &ReleasePlan, base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        Self {
            branch: plan.release.minor().build_data_branch(),
            releases_yml: releases_yml(plan, base_url).unwrap_or_default(),
        }
    }
}

/// The release inherits from its predecessor and replaces what is its own with `!` keys, as ART does.
pub(in crate::sim) fn releases_yml(plan: &ReleasePlan, base_url: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::from("releases:\n");
    if plan.is_candidate_open {
        if let Some(previous) = &plan.previous {
            predecessor(&mut text, plan, &previous.to_string(), base_url)?;
        }
        return Ok(text);
    }
    let kind = if plan.release.candidate().is_some() { "candidate" } else { "standard" };
    let before = if plan.begins_with_candidate { SignedDuration::ZERO } else { SignedDuration::from_hours(30) };
    let built = plan.start.saturating_sub(before).unwrap_or(plan.start);
    writeln!(text, "  {}:\n    assembly:\n      type: {kind}\n      basis:", plan.release.assembly_key())?;
    if let Some(previous) = &plan.previous {
        writeln!(text, "        assembly: {previous}")?;
    }
    writeln!(text, "        time: \"{}\"", dates::stamp(built))?;
    writeln!(text, "        reference_releases!:{}", if plan.nightlies.is_empty() { " {}" } else { "" })?;
    for (arch, nightly) in &plan.nightlies {
        writeln!(text, "          {arch}: {nightly}")?;
    }
    writeln!(text, "      group:\n        advisories!:{}", if plan.advisories.is_empty() { " {}" } else { "" })?;
    for (kind, id) in &plan.advisories {
        // ART's placeholder until the advisory exists.
        let id = if plan.problems.build_data_incomplete { "-1".to_owned() } else { id.to_string() };
        writeln!(text, "          {kind}: {id}")?;
    }
    writeln!(text, "        release_jira: {}", plan.art_ticket)?;
    writeln!(text, "        release_date: {}", plan.release_date_text)?;
    if plan.shipment_iid != 0 {
        writeln!(text, "        shipment!:\n          advisories:")?;
        for (kind, live) in [("image", 1), ("extras", 2), ("metadata", 3)] {
            writeln!(text, "            - kind: {kind}\n              live_id: {}", plan.shipment_iid * 10 + live)?;
        }
        writeln!(text, "            - kind: fbc\n          url: {}", plan.shipment_url(base_url))?;
    }
    if let Some(previous) = &plan.previous {
        writeln!(text, "        upgrades: {previous}")?;
        predecessor(&mut text, plan, &previous.to_string(), base_url)?;
    }
    Ok(text)
}

/// What shipped the week before: everything a careless reader might inherit by mistake.
pub(in crate::sim) fn predecessor(
    text: &mut String,
    plan: &ReleasePlan,
    previous: &str,
    base_url: &str,
) -> std::fmt::Result {
    let minor = plan.release.minor();
    let day = plan.release_date.saturating_sub(jiff::Span::new().days(7));
    writeln!(text, "  {previous}:\n    assembly:\n      type: standard\n      basis:")?;
    writeln!(text, "        time: \"{day}T00:00:00Z\"\n        reference_releases:")?;
    writeln!(text, "          x86_64: {minor}.0-0.nightly-{day}-010203")?;
    writeln!(text, "      group:\n        advisories:\n          rpm: 149001\n          rhcos: 149002")?;
    writeln!(text, "        release_jira: ART-19999\n        release_date: {}", dates::release_date_text(day))?;
    if plan.shipment_iid != 0 {
        writeln!(
            text,
            "        shipment:\n          advisories:\n            - kind: image\n              live_id: 7"
        )?;
        writeln!(text, "          url: {base_url}/gitlab/{}/-/merge_requests/7", plan.shipment_project)?;
    }
    writeln!(text, "      members:\n        rpms: []\n        images: []")
}
