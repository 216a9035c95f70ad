//! A world that begins when the candidate nightly is made: nothing of its tests is there beforehand.

use jiff::SignedDuration;

use super::ReleasePlan;

/// How much earlier such a world begins.
const EARLIER: SignedDuration = SignedDuration::from_hours(31);
/// From the nightly to ART's choice of it.
pub(in crate::sim) const CHOICE: SignedDuration = SignedDuration::from_hours(30);
/// From the nightly to the end of the release controller's own jobs.
pub(in crate::sim) const VERIFIED: SignedDuration = SignedDuration::from_mins(75);

/// Parts of the names of the first job for a nightly, and for a stable build.
const FIRST: [&str; 2] = ["-automated-release-aws-ipi-f", "-automated-release-stable-upgrade-aws-ipi-f"];

impl ReleasePlan {
    /// Lets the world begin with the candidate nightly. Its test records, and those of the promoted build, come from
    /// runs of jobs: the original starts and judges them, unless `streams.original` is taken away again.
    pub fn begin_with_candidate(&mut self) {
        self.begins_with_candidate = true;
        self.is_candidate_open = true;
        self.start = self.start.saturating_sub(EARLIER).unwrap_or(self.start);
        self.timing.promotion += EARLIER;
        self.timing.stage_release += EARLIER;
        for (after, _) in &mut self.problems.acts {
            *after += EARLIER;
        }
        let rejected = [self.problems.candidate_rejected, self.problems.promoted_rejected];
        for (part, _) in FIRST.into_iter().zip(rejected).filter(|(_, rejected)| *rejected) {
            self.job_endings.ends.push((part, &["failure"]));
        }
        self.streams.original = Some(vec![self.release.minor()]);
    }
}
