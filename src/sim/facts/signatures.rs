//! Releases whose payload is signed.

use serde::Serialize;

use crate::sim::scenario::ReleasePlan;

/// Which payloads are signed.
#[derive(Debug, Clone, Serialize)]
pub struct Signatures {
    /// Versions whose payloads have signatures, all architectures.
    pub signed: Vec<String>,
}

impl Signatures {
    /// The public release is signed.
    pub fn new(plan: &ReleasePlan, _base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        Self { signed: plan.previous.iter().map(ToString::to_string).collect() }
    }
}
