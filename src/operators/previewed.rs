//! What a change would do, as facts: for the question to a person, and for whoever only wants to know.

use jiff::Timestamp;

use crate::domain::advisory::AdvisoryState;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::ids::AdvisoryId;
use crate::domain::shipment::MrState;
use crate::domain::state::entries::{Issue, Question};
use crate::domain::task::{Task, TaskStatus, Which};

/// How far a preview looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The stored facts: a service that is down is for the change itself to tell and to record, and the person who
    /// started it by hand knows the rest.
    Stored,
    /// What the services say now: for whoever confirms for somebody else.
    Looked,
}

/// What a change would do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// Nothing that a person has to know of first.
    Nothing,
    /// Nothing, because of this gate.
    Closed(ClosedGate),
    /// Nothing, because there is nothing that could be changed.
    Pointless {
        /// Why not.
        why: String,
        /// What to do instead.
        next: &'static str,
    },
    /// This.
    Changes(PreviewedChange),
}

/// The facts of a change that a person may have to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreviewedChange {
    /// The first pass of the final approval, as the state says.
    StoredApproval(StoredApproval),
    /// A pass of the final approval, as the services say.
    Approval(ApprovalPass),
    /// The shipment is approved by hand, and nothing else.
    ShipmentApproval {
        /// The merge request.
        mr: String,
        /// What speaks against it, one line each.
        against: Vec<String>,
    },
    /// A release goes from one owner to another.
    Takeover {
        /// Account of the release lead until now.
        from: String,
        /// Account of the new one.
        to: String,
        /// Page of the merge request that names them.
        mr: String,
    },
    /// A status is set by hand.
    StatusByHand {
        /// The task.
        task: Task,
        /// Its status now.
        before: TaskStatus,
        /// The status that it gets.
        after: TaskStatus,
        /// What is stored about the one it has.
        stored_reason: Option<String>,
        /// What it passes over, one line each.
        overrides: Vec<String>,
        /// Why somebody wants this.
        reason: Option<String>,
    },
    /// A task starts although a gate may be closed.
    ForcedStart {
        /// The task.
        task: Task,
        /// Its status now.
        before: TaskStatus,
        /// Why somebody wants this.
        reason: String,
    },
    /// Somebody says whether an effect happened, which decides whether it is done again.
    Answered {
        /// The task that was asked about.
        task: Task,
        /// The question.
        question: Question,
        /// The answer.
        choice: String,
        /// How somebody knows.
        reason: String,
    },
    /// An open blocker is resolved.
    ResolvedBlocker {
        /// The blocker.
        issue: Issue,
        /// Its resolution.
        resolution: String,
    },
    /// A person's decision settles what becomes of a build.
    DecidedBuild {
        /// Which of the two.
        which: Which,
        /// The build.
        build: String,
        /// What its test record says.
        record: String,
        /// May it ship?
        accept: bool,
        /// Why.
        reason: String,
    },
}

/// What the first pass of an approval is going to do that nobody takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApproval {
    /// The merge request to approve.
    pub mr: String,
    /// The advisories to move, with their impetus.
    pub advisories: Vec<(String, AdvisoryId)>,
    /// The ticket whose sub-tasks are closed.
    pub ticket: Option<String>,
    /// Is the calendar left aside?
    pub ignores_release_date: bool,
    /// The last wait failed, and a new one begins that ends then.
    pub new_wait_until: Option<Timestamp>,
}

/// What a pass of an approval does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalPass {
    /// Page of the merge request.
    pub mr: String,
    /// Its state.
    pub mr_state: MrState,
    /// Has this account approved it?
    pub is_approved: bool,
    /// The builds that ship, by architecture.
    pub builds: Vec<String>,
    /// The advisories that ship.
    pub advisories: Vec<PreviewedAdvisory>,
    /// Is the calendar left aside?
    pub ignores_release_date: bool,
    /// Is it a later pass of one that began?
    pub goes_on: bool,
    /// The last wait failed, and a new one begins that ends then.
    pub new_wait_until: Option<Timestamp>,
}

/// One advisory of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewedAdvisory {
    /// Its number.
    pub id: AdvisoryId,
    /// Its impetus.
    pub impetus: String,
    /// Its state now.
    pub state: AdvisoryState,
}

impl PreviewedChange {
    /// What stays the same while a confirmed change goes on in further runs; nothing when each is confirmed anew.
    pub fn covers(&self) -> Option<String> {
        match self {
            Self::Approval(pass) => {
                let ids: Vec<_> = pass.advisories.iter().map(|advisory| advisory.id.to_string()).collect();
                // Not the head of the merge request: others move it after the approval.
                Some(format!("{} {} {}", pass.mr, ids.join(" "), pass.builds.join(" ")))
            }
            Self::StoredApproval(_)
            | Self::ShipmentApproval { .. }
            | Self::Takeover { .. }
            | Self::StatusByHand { .. }
            | Self::ForcedStart { .. }
            | Self::Answered { .. }
            | Self::ResolvedBlocker { .. }
            | Self::DecidedBuild { .. } => None,
        }
    }

    /// Is this a further run of a change that began?
    pub fn goes_on(&self) -> bool {
        match self {
            Self::Approval(pass) => pass.goes_on,
            Self::StoredApproval(_)
            | Self::ShipmentApproval { .. }
            | Self::Takeover { .. }
            | Self::StatusByHand { .. }
            | Self::ForcedStart { .. }
            | Self::Answered { .. }
            | Self::ResolvedBlocker { .. }
            | Self::DecidedBuild { .. } => false,
        }
    }

    /// Does whoever confirms it for somebody else have to say why? It overrides what a gate or a record says.
    pub fn needs_reason(&self) -> bool {
        match self {
            Self::StatusByHand { .. }
            | Self::ForcedStart { .. }
            | Self::DecidedBuild { .. }
            | Self::Answered { .. } => true,
            Self::StoredApproval(_)
            | Self::Approval(_)
            | Self::ShipmentApproval { .. }
            | Self::Takeover { .. }
            | Self::ResolvedBlocker { .. } => false,
        }
    }
}
