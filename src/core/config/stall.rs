//! After how long a wait is stalled.

use std::time::Duration;

use super::error::ConfigError;
use super::sources::Sources;

/// After how long a wait is stalled.
#[derive(Debug, Clone)]
pub struct StallSettings {
    /// Promotion, counted from ownership.
    pub promotion: Duration,
    /// Test file, counted from promotion.
    pub test_file: Duration,
    /// Aggregation of test results.
    pub aggregation: Duration,
    /// Verdict on a build.
    pub analysis: Duration,
    /// Push to CDN stage.
    pub push: Duration,
    /// Stage-release pipeline.
    pub stage_release: Duration,
    /// Image consistency job.
    pub image_consistency: Duration,
    /// Stage testing job.
    pub stage_testing: Duration,
}

impl StallSettings {
    pub(super) fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        let mut hours = |name: &str| {
            let variable = format!("OAR_STALL_{}_H", name.to_ascii_uppercase());
            let hours: u64 = sources.number(&format!("stall.{name}_h"), &variable, 1, 720)?;
            Ok::<_, ConfigError>(Duration::from_secs(hours * 3600))
        };
        Ok(Self {
            promotion: hours("promotion")?,
            test_file: hours("test_file")?,
            aggregation: hours("aggregation")?,
            analysis: hours("analysis")?,
            push: hours("push")?,
            stage_release: hours("stage_release")?,
            image_consistency: hours("image_consistency")?,
            stage_testing: hours("stage_testing")?,
        })
    }
}
