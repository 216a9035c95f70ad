//! What the original read from build data: needed to explain where we differ, nowhere else.
//!
//! Its rule looks at the assembly itself and its direct parent, knows `!` only on the last part of
//! a path and only in the assembly itself, and neither merges nor knows `?` and `-`.

use serde_json::Value as Json;

use super::yaml::Value;
use super::{Assembly, BuildData};

/// What the original made of one assembly.
#[derive(Debug, Clone, PartialEq)]
pub struct Original {
    /// `group.advisories`.
    pub advisories: Reading,
    /// `basis.reference_releases`.
    pub candidate_builds: Reading,
    /// `group.release_jira`.
    pub jira_ticket: Reading,
    /// `group.release_date`.
    pub release_date: Reading,
    /// `group.shipment.url`; an empty text without shipment.
    pub shipment_mr: Reading,
}

/// One value as the original read it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// What it found, null included.
    Found(Json),
    /// How it crashed.
    Crash(&'static str),
}

/// A value that the original would have read differently.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The dotted entry.
    pub entry: &'static str,
    /// What we read.
    pub effective: Json,
    /// What the original read.
    pub original: Reading,
}

impl BuildData {
    /// What the original would have read; nothing for an unknown key.
    pub fn original(&self, key: &str) -> Option<Original> {
        let own = self.assembly(key).ok()?;
        let look = |first: &str, last: &str| self.as_originally_read(own, first, last);
        Some(Original {
            advisories: look("group", "advisories"),
            candidate_builds: look("basis", "reference_releases"),
            jira_ticket: look("group", "release_jira"),
            release_date: match look("group", "release_date") {
                Reading::Found(value) if is_empty(&value) => Reading::Crash("release_date not found"),
                reading @ (Reading::Found(_) | Reading::Crash(_)) => reading,
            },
            shipment_mr: match look("group", "shipment") {
                Reading::Found(shipment) if is_empty(&shipment) => Reading::Found("".into()),
                Reading::Found(shipment) => {
                    shipment.get("url").map_or(Reading::Crash("no url"), |url| Reading::Found(url.clone()))
                }
                Reading::Crash(how) => Reading::Crash(how),
            },
        })
    }

    /// The values of `assembly` that the original would have read differently.
    pub fn differences(&self, assembly: &Assembly) -> Vec<Difference> {
        let Some(original) = self.original(&assembly.key) else { return Vec::new() };
        let advisories = assembly.advisories.iter().map(|(impetus, id)| (impetus.clone(), id.get().into())).collect();
        let builds =
            assembly.candidate_builds.iter().map(|(arch, build)| (arch.clone(), build.as_str().into())).collect();
        let text = |value: &Option<String>| value.as_ref().map_or(Json::Null, |text| text.as_str().into());
        [
            ("group.advisories", Json::Object(advisories), original.advisories),
            ("basis.reference_releases", Json::Object(builds), original.candidate_builds),
            ("group.release_jira", text(&assembly.jira_ticket), original.jira_ticket),
            ("group.release_date", text(&assembly.release_date), original.release_date),
            ("group.shipment.url", text(&assembly.shipment_mr), original.shipment_mr),
        ]
        .into_iter()
        .filter(|(_, effective, original)| !same(effective, original))
        .map(|(entry, effective, original)| Difference { entry, effective, original })
        .collect()
    }

    fn as_originally_read(&self, own: &Value, first: &str, last: &str) -> Reading {
        let at = |assembly: &Value, last: &str| assembly.get(first).and_then(|part| part.get(last)).cloned();
        let found = at(own, &format!("{last}!")).filter(|value| *value != Value::Null);
        let found = found.or_else(|| at(own, last)).filter(|value| *value != Value::Null);
        if let Some(value) = found {
            return Reading::Found(value.to_json());
        }
        let Some(basis) = own.get("basis") else { return Reading::Crash("no basis") };
        let parent = basis.get("assembly").and_then(Value::text).and_then(|parent| self.assembly(&parent).ok());
        Reading::Found(parent.and_then(|parent| at(parent, last)).map_or(Json::Null, |value| value.to_json()))
    }
}

/// Null, empty text and empty collection: nothing to go by.
fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

fn same(effective: &Json, original: &Reading) -> bool {
    match original {
        Reading::Found(value) => value == effective || (is_empty(value) && is_empty(effective)),
        Reading::Crash(_) => false,
    }
}
