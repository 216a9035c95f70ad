//! What the stage catalog lists.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::sim::facts::images::{self, ARCHES};
use crate::sim::scenario::ReleasePlan;

/// What the catalog knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CatalogStage {
    /// Digest → component and architecture, once released to stage.
    pub images: BTreeMap<String, (String, String)>,
    /// Components with a bad grade (`D`) and vulnerabilities.
    pub unhealthy: BTreeSet<String>,
    /// Components without any valid grade.
    pub ungraded: BTreeSet<String>,
}

impl CatalogStage {
    /// An empty catalog, before the stage release.
    pub fn new(_plan: &ReleasePlan, _base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        Self::default()
    }

    /// Takes in all images of the release.
    pub fn index(&mut self, plan: &ReleasePlan) {
        for component in images::shipped(plan).iter().chain(&images::outside_payload(plan)) {
            for arch in ARCHES {
                self.images.insert(component.digest(arch), (component.name.clone(), arch.to_owned()));
            }
        }
    }

    pub(in crate::sim) fn grades(&self, digest: &str, component: &str, now: Timestamp) -> Vec<Value> {
        let day = SignedDuration::from_hours(24);
        let at = |days: i32| stamp(now.saturating_add(day * days).unwrap_or(now));
        if self.ungraded.contains(component) {
            return vec![json!({ "grade": "A", "creation_date": at(-1), "start_date": at(30) })];
        }
        let good = if digest.ends_with(['0', '1', '2', '3']) { "B" } else { "A" };
        let present = if self.unhealthy.contains(component) { "D" } else { good };
        vec![
            json!({ "grade": "A", "creation_date": at(-40), "start_date": at(-40), "end_date": at(-10) }),
            json!({ "grade": present, "creation_date": at(-40), "start_date": at(-10), "end_date": at(60) }),
            json!({ "grade": "F", "creation_date": at(-40), "start_date": at(60) }),
        ]
    }
}

/// Both ways in which the catalog writes a time occur; this is the one with an offset.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}
