//! Where the stage or production release of a shipment stands.

use jiff::SignedDuration;

use super::shipment::StageRelease;

/// A stage release takes 10 to 30 minutes.
pub const RECHECK: SignedDuration = SignedDuration::from_mins(15);

/// The two releases that a shipment's pipeline makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseStage {
    /// Images become available to our own tests.
    Stage,
    /// Images become available to customers.
    Prod,
}

impl ReleaseStage {
    /// Name of the stage in the pipeline.
    pub const fn stage_name(self) -> &'static str {
        match self {
            Self::Stage => "stage-release-triggers",
            Self::Prod => "prod-release-triggers",
        }
    }

    /// Label that the shipment carries once the stage succeeded.
    pub const fn success_label(self) -> &'static str {
        match self {
            Self::Stage => "stage-release-success",
            Self::Prod => "prod-release-success",
        }
    }
}

/// Judges a release stage from the labels of the merge request and its newest pipeline.
///
/// `job_status` is the status of the stage's first job or bridge there, nothing when the pipeline has no
/// such stage. The label wins: a later pipeline hides an earlier success. Statuses we do not know count as
/// running, because only a person may call a release failed on a word that nobody has seen before.
pub fn standing<'a>(
    stage: ReleaseStage,
    labels: impl IntoIterator<Item = &'a str>,
    job_status: Option<&str>,
) -> StageRelease {
    if labels.into_iter().any(|label| label == stage.success_label()) {
        return StageRelease::Success;
    }
    match job_status {
        None => StageRelease::NotFound,
        Some("success") => StageRelease::Success,
        Some(bad @ ("failed" | "canceled" | "skipped")) => StageRelease::Failed(bad.to_owned()),
        Some(other) => StageRelease::Running(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_wins_over_a_newer_pipeline() {
        let labels = ["lgtm", "stage-release-success"];
        assert_eq!(standing(ReleaseStage::Stage, labels, Some("failed")), StageRelease::Success);
        let other = standing(ReleaseStage::Prod, labels, Some("failed"));
        assert_eq!(other, StageRelease::Failed("failed".into()), "each stage has its own label");
    }

    #[test]
    fn only_three_statuses_are_failures() {
        for bad in ["failed", "canceled", "skipped"] {
            assert_eq!(standing(ReleaseStage::Stage, [], Some(bad)), StageRelease::Failed(bad.into()));
        }
        for open in ["created", "waiting_for_resource", "pending", "running", "manual", "scheduled", "canceling", "new"]
        {
            assert_eq!(standing(ReleaseStage::Stage, [], Some(open)), StageRelease::Running(open.into()));
        }
        assert_eq!(standing(ReleaseStage::Stage, [], Some("success")), StageRelease::Success);
    }

    #[test]
    fn a_pipeline_without_the_stage_says_not_found() {
        assert_eq!(standing(ReleaseStage::Stage, [], None), StageRelease::NotFound);
    }
}
