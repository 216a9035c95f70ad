//! What customers find in the public catalog.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sim::facts::images::{self, ARCHES, Component};
use crate::sim::scenario::ReleasePlan;

/// What the catalog knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Catalog {
    /// Digest → component and architecture. An index is known under the first architecture.
    pub images: BTreeMap<String, (String, String)>,
}

impl Catalog {
    /// The catalog as the plan's release finds it: a few components shipped with the release before.
    pub fn new(plan: &ReleasePlan) -> Self {
        let mut catalog = Self::default();
        catalog.take_in(images::released(plan));
        catalog
    }

    pub(in crate::sim) fn take_in(&mut self, components: Vec<Component>) {
        for component in components {
            for arch in ARCHES {
                self.images.insert(component.digest(arch), (component.label_name(), arch.to_owned()));
            }
            self.images.insert(component.index_digest(), (component.label_name(), ARCHES[0].to_owned()));
        }
    }
}
