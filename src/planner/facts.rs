//! What the services say, as far as the next step depends on it: each fact may be unknown, with the reason.

use jiff::Timestamp;

use crate::domain::advisory::AdvisoryState;
use crate::domain::ids::AdvisoryId;
use crate::domain::shipment::StageRelease;

/// A test record in the record repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordState {
    /// There is no file.
    Missing,
    /// Test jobs run; nothing is aggregated.
    NotStarted,
    /// Some jobs have no result yet.
    Aggregating {
        /// Those jobs.
        missing: Vec<String>,
    },
    /// The build is good.
    Accepted,
    /// The build is bad.
    Rejected {
        /// Why, with numbers.
        summary: String,
    },
    /// The file contradicts itself or the registry.
    Invalid {
        /// What is wrong.
        why: String,
    },
    /// It could not be read.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// What was decided about a rejected build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildVerdict {
    /// Nothing yet.
    None,
    /// An analysis proposes something; a person has to confirm.
    Pending,
    /// The failures do not matter.
    Accept {
        /// Why.
        reason: String,
        /// Since when.
        at: Option<Timestamp>,
    },
    /// The build must not ship.
    Reject {
        /// Why.
        reason: String,
        /// Since when.
        at: Option<Timestamp>,
    },
    /// The analysis could not be carried out.
    Error {
        /// Why not.
        why: String,
    },
}

/// Phase of the payload in the stable stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromotionFact {
    /// Promoted.
    Accepted,
    /// On its way; the text is the phase.
    Pending(String),
    /// Rejected or failed; the text is the phase.
    RejectedPhase(String),
    /// The stream does not list it.
    NotFound,
    /// Could not be found out; the text says why.
    Unknown(String),
}

impl PromotionFact {
    /// Reads the phase of the release controller; nothing means that the stream does not list the payload.
    pub fn from_phase(phase: Option<&str>) -> Self {
        match phase {
            None => Self::NotFound,
            Some("Accepted") => Self::Accepted,
            Some(bad @ ("Rejected" | "Failed")) => Self::RejectedPhase(bad.to_owned()),
            Some(other) => Self::Pending(other.to_owned()),
        }
    }
}

/// Stage or production release of the shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseFact {
    /// Read from the merge request.
    Known(StageRelease),
    /// Could not be found out; the text says why.
    Unknown(String),
}

impl ReleaseFact {
    /// Is it known to have succeeded?
    pub fn succeeded(&self) -> bool {
        *self == Self::Known(StageRelease::Success)
    }
}

/// State of the shipment merge request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MrFact {
    /// There is none.
    None,
    /// Open.
    Open,
    /// Merged.
    Merged,
    /// Closed without being merged.
    Closed,
    /// Could not be found out.
    Unknown,
}

/// One advisory of the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvisoryFact {
    /// Its number.
    pub id: AdvisoryId,
    /// Its state.
    pub state: AdvisoryState,
    /// Does it hold builds? Nothing while unknown; asked only for dropped ones.
    pub has_builds: Option<bool>,
}

/// Is the advisory page for customers public?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    /// Yes.
    Accessible,
    /// Not yet.
    NotAccessible,
    /// Could not be found out or was not asked.
    Unknown,
}
