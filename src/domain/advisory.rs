//! States of an advisory and what each of them allows.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Marks the blocker that reports advisories which are not in QE, so that it can be resolved by itself.
pub const ABNORMAL_SOURCE: &str = "abnormal-advisories";

/// What stood there in files of old.
pub const ABNORMAL_SOURCE_OF_OLD: &str = "take-ownership";

/// Marks the blocker that reports advisories which were dropped with builds; planner and push report it alike.
pub const DROPPED_SOURCE: &str = "advisory-dropped";

/// State of an advisory as the Errata Tool spells it; strangers are kept as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdvisoryState {
    /// Builds and text are still being collected; nothing can be pushed.
    NewFiles,
    /// With quality engineering: may be pushed to staging and moved to REL_PREP.
    Qe,
    /// Approved by quality engineering.
    RelPrep,
    /// Ready to be pushed to customers.
    PushReady,
    /// Being pushed to customers.
    InPush,
    /// With the customers.
    ShippedLive,
    /// Given up; it will never ship.
    DroppedNoShip,
    /// A state we do not know.
    Other(String),
}

impl AdvisoryState {
    /// The spelling of the Errata Tool.
    pub fn as_str(&self) -> &str {
        match self {
            Self::NewFiles => "NEW_FILES",
            Self::Qe => "QE",
            Self::RelPrep => "REL_PREP",
            Self::PushReady => "PUSH_READY",
            Self::InPush => "IN_PUSH",
            Self::ShippedLive => "SHIPPED_LIVE",
            Self::DroppedNoShip => "DROPPED_NO_SHIP",
            Self::Other(text) => text,
        }
    }

    /// Is our part done: REL_PREP or later?
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::RelPrep | Self::PushReady | Self::InPush | Self::ShippedLive)
    }

    /// Was the advisory given up?
    pub fn is_dropped(&self) -> bool {
        matches!(self, Self::DroppedNoShip)
    }

    /// May content be pushed to staging? NEW_FILES and unknown states refuse it.
    pub fn allows_push(&self) -> bool {
        matches!(self, Self::Qe) || self.is_ready()
    }
}

impl FromStr for AdvisoryState {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "NEW_FILES" => Self::NewFiles,
            "QE" => Self::Qe,
            "REL_PREP" => Self::RelPrep,
            "PUSH_READY" => Self::PushReady,
            "IN_PUSH" => Self::InPush,
            "SHIPPED_LIVE" => Self::ShippedLive,
            "DROPPED_NO_SHIP" => Self::DroppedNoShip,
            other => Self::Other(other.to_owned()),
        })
    }
}

impl fmt::Display for AdvisoryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The one advisory of a release that others ship.
pub const NOT_OURS: &str = "microshift";

/// Do we work on this advisory? [`NOT_OURS`] is shipped by others, a dropped one by nobody.
pub fn is_managed(impetus: &str, state: &AdvisoryState) -> bool {
    impetus != NOT_OURS && !state.is_dropped()
}

/// Does an advisory of this impetus hold images? Only the Errata flow has one: Konflux ships images by the shipment.
pub fn holds_images(impetus: &str) -> bool {
    matches!(impetus, "image" | "extras" | "metadata")
}

/// Does dropping this advisory need a person?
///
/// ART drops empty advisories as a matter of course; only one that holds builds would be missed.
/// `has_builds` is nothing while that is not known.
pub fn drop_needs_a_person(impetus: &str, state: &AdvisoryState, has_builds: Option<bool>) -> Option<bool> {
    if impetus == NOT_OURS || !state.is_dropped() { Some(false) } else { has_builds }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 7] = ["NEW_FILES", "QE", "REL_PREP", "PUSH_READY", "IN_PUSH", "SHIPPED_LIVE", "DROPPED_NO_SHIP"];

    fn state(text: &str) -> AdvisoryState {
        text.parse().unwrap_or_else(|never: Infallible| match never {})
    }

    #[test]
    fn every_state_is_written_as_it_was_read() {
        for text in ALL.into_iter().chain(["UNHEARD_OF"]) {
            assert_eq!(state(text).to_string(), text);
        }
    }

    #[test]
    fn our_part_is_done_from_rel_prep_on() {
        let ready: Vec<_> = ALL.into_iter().filter(|text| state(text).is_ready()).collect();
        assert_eq!(ready, ["REL_PREP", "PUSH_READY", "IN_PUSH", "SHIPPED_LIVE"]);
    }

    #[test]
    fn nothing_is_pushed_before_qe_or_in_an_unknown_state() {
        let refused: Vec<_> = ALL.into_iter().chain(["UNHEARD_OF"]).filter(|text| !state(text).allows_push()).collect();
        assert_eq!(refused, ["NEW_FILES", "DROPPED_NO_SHIP", "UNHEARD_OF"]);
    }

    #[test]
    fn microshift_and_dropped_advisories_are_not_ours() {
        assert!(is_managed("rpm", &AdvisoryState::Qe));
        assert!(!is_managed("microshift", &AdvisoryState::Qe));
        assert!(!is_managed("rpm", &AdvisoryState::DroppedNoShip));
    }

    #[test]
    fn only_a_dropped_advisory_with_builds_needs_a_person() {
        let dropped = AdvisoryState::DroppedNoShip;
        assert_eq!(drop_needs_a_person("rpm", &dropped, Some(false)), Some(false));
        assert_eq!(drop_needs_a_person("rpm", &dropped, Some(true)), Some(true));
        assert_eq!(drop_needs_a_person("rpm", &dropped, None), None, "unknown is not an answer");
        assert_eq!(drop_needs_a_person("rpm", &AdvisoryState::Qe, None), Some(false));
        assert_eq!(drop_needs_a_person("microshift", &dropped, Some(true)), Some(false));
    }
}
