//! When stage testing may start, and its neighbour image consistency.

use std::str::FromStr;

use super::closed_gate::ClosedGate;
use super::shipment::StageRelease;
use super::task::{Task, TaskStatus};

/// How strictly stage testing waits for the verdict on the promoted build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StageTestingPolicy {
    /// The promoted build has to be accepted first.
    #[default]
    Strict,
    /// It is enough that the promoted build is not rejected; saves up to 6 h, may test a build in vain.
    Overlap,
}

impl FromStr for StageTestingPolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "strict" => Ok(Self::Strict),
            "overlap" => Ok(Self::Overlap),
            _ => Err(()),
        }
    }
}

/// What both stage tasks look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageTestingFacts<'a> {
    /// Phase of the payload in the stable stream; nothing when the stream does not list it.
    pub promotion: Option<&'a str>,
    /// Stage release of the shipment; nothing in the Errata flow, which has none.
    pub stage_release: Option<&'a StageRelease>,
    /// The merge request, for the message.
    pub mr: &'a str,
    /// Status of push-to-cdn-staging.
    pub push: TaskStatus,
    /// Status of analyze-promoted-build.
    pub gate: TaskStatus,
    /// How strict the gate is.
    pub policy: StageTestingPolicy,
}

/// What keeps stage testing from starting; nothing when it may start.
///
/// The stage environment installs rpms from the staging CDN and images from the stage release. Tested
/// earlier, old content is tested: seen in 29 of 139 releases. So the policy relaxes only the gate.
pub fn closed(facts: &StageTestingFacts<'_>) -> Option<ClosedGate> {
    let gate = match (facts.policy, facts.gate) {
        (_, TaskStatus::Pass) | (StageTestingPolicy::Overlap, TaskStatus::NotStarted | TaskStatus::InProgress) => None,
        (_, TaskStatus::Fail) | (StageTestingPolicy::Strict, TaskStatus::NotStarted | TaskStatus::InProgress) => {
            Some(ClosedGate::Prerequisite { task: Task::AnalyzePromotedBuild, status: facts.gate })
        }
    };
    let push = (facts.push != TaskStatus::Pass)
        .then_some(ClosedGate::Prerequisite { task: Task::PushToCdnStaging, status: facts.push });
    artifacts_missing(facts).or(push).or(gate)
}

/// What keeps image-consistency-check from starting: it compares digests, so it needs neither push nor gate.
pub fn consistency_closed(facts: &StageTestingFacts<'_>) -> Option<ClosedGate> {
    artifacts_missing(facts)
}

fn artifacts_missing(facts: &StageTestingFacts<'_>) -> Option<ClosedGate> {
    if facts.promotion != Some("Accepted") {
        return Some(ClosedGate::Promotion { phase: facts.promotion.unwrap_or("not found").to_owned() });
    }
    facts
        .stage_release
        .filter(|state| **state != StageRelease::Success)
        .map(|state| ClosedGate::StageRelease { state: state.clone(), mr: facts.mr.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: StageTestingFacts<'static> = StageTestingFacts {
        promotion: Some("Accepted"),
        stage_release: Some(&StageRelease::Success),
        mr: "!1",
        push: TaskStatus::Pass,
        gate: TaskStatus::Pass,
        policy: StageTestingPolicy::Strict,
    };

    #[test]
    fn stage_testing_starts_once_everything_it_tests_is_in_place() {
        assert_eq!(closed(&READY), None);
        assert_eq!(
            closed(&StageTestingFacts { stage_release: None, ..READY }),
            None,
            "the Errata flow has no stage release"
        );
    }

    #[test]
    fn stage_testing_waits_until_the_push_has_passed_under_any_policy() {
        for policy in [StageTestingPolicy::Strict, StageTestingPolicy::Overlap] {
            for push in [TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Fail] {
                let gate = Some(ClosedGate::Prerequisite { task: Task::PushToCdnStaging, status: push });
                assert_eq!(closed(&StageTestingFacts { push, policy, ..READY }), gate);
            }
        }
    }

    #[test]
    fn overlap_relaxes_an_open_gate_but_never_a_rejected_build() {
        let open = StageTestingFacts { gate: TaskStatus::NotStarted, ..READY };
        assert!(closed(&open).is_some());
        assert_eq!(closed(&StageTestingFacts { policy: StageTestingPolicy::Overlap, ..open }), None);
        let rejected = StageTestingFacts { gate: TaskStatus::Fail, policy: StageTestingPolicy::Overlap, ..READY };
        assert!(closed(&rejected).is_some());
    }

    #[test]
    fn nothing_is_tested_before_promotion_and_stage_release() {
        let running = StageRelease::Running("running".into());
        for facts in [
            StageTestingFacts { promotion: None, ..READY },
            StageTestingFacts { promotion: Some("Ready"), ..READY },
            StageTestingFacts { stage_release: Some(&running), ..READY },
        ] {
            assert!(closed(&facts).is_some(), "{facts:?}");
            assert!(consistency_closed(&facts).is_some(), "{facts:?}");
        }
    }

    #[test]
    fn image_consistency_needs_neither_push_nor_verdict() {
        let facts = StageTestingFacts { push: TaskStatus::NotStarted, gate: TaskStatus::NotStarted, ..READY };
        assert_eq!(consistency_closed(&facts), None);
    }
}
