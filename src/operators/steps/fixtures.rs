//! Values that the tests of several tasks begin with.

use std::collections::BTreeSet;

use crate::core::clients::errata::{Erratum, ErratumKind};
use crate::domain::ids::AdvisoryId;

/// An advisory in this state, and what has to be pushed before it.
pub(in crate::operators) fn erratum(id: u64, state: &str, blocking: &[u64]) -> Erratum {
    Erratum {
        id: AdvisoryId::new(id),
        kind: ErratumKind::Rhba,
        name: format!("RHBA-2026:{id}"),
        synopsis: String::new(),
        state: state.parse().unwrap_or_else(|never: std::convert::Infallible| match never {}),
        blocking: blocking.iter().copied().map(AdvisoryId::new).collect(),
        issues: BTreeSet::new(),
        staged: None,
    }
}
