//! After how long a wait is worth a person's look.

use jiff::SignedDuration;

/// After how long each kind of wait is worth a person's look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StallLimits {
    /// Promotion of the payload.
    pub promotion: SignedDuration,
    /// Test record of the promoted payload.
    pub test_file: SignedDuration,
    /// Results of its test jobs.
    pub aggregation: SignedDuration,
    /// Analysis of a rejected build.
    pub analysis: SignedDuration,
    /// Pushes to the staging CDN.
    pub push: SignedDuration,
    /// Stage release of the shipment.
    pub stage_release: SignedDuration,
    /// The image-consistency job.
    pub image_consistency: SignedDuration,
    /// The stage pipeline.
    pub stage_testing: SignedDuration,
}

impl Default for StallLimits {
    fn default() -> Self {
        let hours = SignedDuration::from_hours;
        Self {
            promotion: hours(36),
            test_file: hours(3),
            aggregation: hours(8),
            analysis: hours(1),
            push: hours(6),
            stage_release: hours(4),
            image_consistency: hours(4),
            stage_testing: hours(6),
        }
    }
}
