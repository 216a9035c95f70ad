//! Advisory pages that are public.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::sim::scenario::ReleasePlan;

/// What the portal knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CustomerPortal {
    /// Names of published advisories.
    pub published: BTreeSet<String>,
    /// Answer a login page with 200 for what is not published.
    pub soft_404: bool,
}

impl CustomerPortal {
    /// Nothing of the release is public yet.
    pub fn new(_plan: &ReleasePlan, _base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        Self::default()
    }

    /// Publishes an advisory by its name, for example `RHBA-2026:1234`.
    pub fn publish(&mut self, name: &str) {
        self.published.insert(name.to_owned());
    }
}
