//! Simulated `build_data`: ART's `releases.yml` of the release's minor, as text.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::SignedDuration;
use serde::Serialize;

use crate::domain::dates;
use crate::sim::auth::Credentials;
use crate::sim::events::Event;
use crate::sim::scenario::ReleasePlan;
use crate::sim::world::{Facts, World};

/// One branch with one file.
#[derive(Debug, Serialize)]
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

/// Routes below `/build_data`: the path on the raw host, and the short form without the repository.
pub fn router() -> Router<World> {
    Router::new()
        .route("/openshift-eng/ocp-build-data/{branch}/releases.yml", get(file))
        .route("/{branch}/releases.yml", get(file))
}

/// Public: refuses nobody.
pub fn refuse(_path: &str, _headers: &HeaderMap, _credentials: &Credentials) -> Option<Response> {
    None
}

/// Nothing changes build data.
pub fn hear(_facts: &mut Facts, _event: &Event) {}

async fn file(State(world): State<World>, Path(branch): Path<String>) -> Response {
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    let facts = world.facts();
    if branch != facts.build_data.branch {
        return (StatusCode::NOT_FOUND, plain, "404: Not Found").into_response();
    }
    (plain, facts.build_data.releases_yml.clone()).into_response()
}

/// The release inherits from its predecessor and replaces what is its own with `!` keys, as ART does.
pub(in crate::sim) fn releases_yml(plan: &ReleasePlan, base_url: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::from("releases:\n");
    let kind = if plan.release.candidate().is_some() { "candidate" } else { "standard" };
    let built = plan.start.saturating_sub(SignedDuration::from_hours(30)).unwrap_or(plan.start);
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
        let id = if plan.misfortunes.build_data_incomplete { "-1".to_owned() } else { id.to_string() };
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
fn predecessor(text: &mut String, plan: &ReleasePlan, previous: &str, base_url: &str) -> std::fmt::Result {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::Scenario;

    #[test]
    fn the_file_is_yaml_that_names_release_and_predecessor() {
        let plan = Scenario::named("smooth", None, None).expect("a scenario").plan;
        let text = releases_yml(&plan, "http://127.0.0.1:1").expect("text");
        let file: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        let group = &file["releases"]["4.20.17"]["assembly"]["group"];
        assert_eq!(group["release_date"].as_str(), Some("2026-Jun-10"));
        assert_eq!(group["advisories!"].as_mapping().map(|map| map.len()), Some(3));
        assert!(group["shipment!"]["url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:1/gitlab/")));
        assert!(file["releases"]["4.20.16"]["assembly"]["group"]["advisories"]["rpm"].as_u64().is_some());
    }
}
