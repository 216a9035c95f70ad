//! Every task that can be run alone, and the request that it stands for.

use clap::{Args, Subcommand};

use crate::domain::ids::{BuildNumber, ProwJobId};
use crate::domain::task::Which;
use crate::operators::request::{BuildDecision, TaskRequest};

/// One task.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Create the state file of the release
    CreateTestReport,
    /// Make one engineer the owner of advisories, merge request and sub-tasks
    ///
    /// Without -e the owner named in the sealed settings is taken.
    TakeOwnership {
        /// Mail address of the owner
        #[arg(short, long, value_name = "ADDRESS")]
        email: Option<String>,
        /// Why; recorded in the state
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Look for CVE trackers that are attached to no advisory and no shipment
    CheckCveTrackerBug,
    /// Look for security alerts on the RHCOS advisory
    #[command(alias = "check-blocking-sec-alerts")]
    CheckRhcosSecurityAlerts,
    /// Push the advisories to the staging CDN, or look how the pushes go
    PushToCdnStaging {
        /// Only look, start no push
        #[arg(long)]
        check_only: bool,
        /// Push although a check before it is not done; needs --reason
        #[arg(long, requires = "reason", conflicts_with = "check_only")]
        force: bool,
        /// Why; recorded in the state
        #[arg(long, value_name = "TEXT", requires = "force")]
        reason: Option<String>,
    },
    /// Start the image-consistency job, or look how it goes
    ImageConsistencyCheck {
        /// A Prow job that was started by hand
        #[arg(short = 'i', long, value_name = "PROW_ID", conflicts_with = "local")]
        job_id: Option<ProwJobId>,
        /// Compare here, image by image, instead of starting a job
        #[arg(long)]
        local: bool,
        /// An architecture to compare (amd64, arm64, ppc64le, s390x); repeat for several
        #[arg(long, value_name = "ARCH", requires = "local", default_value = "amd64")]
        arch: Vec<String>,
    },
    /// Start the stage pipeline, or look how it goes
    StageTesting {
        /// A Jenkins build that was started by hand
        #[arg(short = 'n', long, alias = "build_number", value_name = "NUMBER")]
        build_number: Option<BuildNumber>,
        /// Start although a gate is closed; needs --reason
        #[arg(long, requires = "reason")]
        force: bool,
        /// Why; recorded in the state
        #[arg(long, value_name = "TEXT", requires = "force")]
        reason: Option<String>,
    },
    /// Check that the promoted payload is signed on the public mirror
    ///
    /// Exit 0: signed, or not due yet; 5: still unsigned on the release date.
    ImageSignedCheck,
    /// Judge the tests of the nightly chosen for the release
    AnalyzeCandidateBuild(Decide),
    /// Judge the tests of the promoted payload: the gate
    AnalyzePromotedBuild(Decide),
    /// Final approval: approve the merge request and move the advisories
    ///
    /// One pass: while the advisory page is not public yet, run it again (or let `drive --watch`).
    ChangeAdvisoryStatus {
        /// Start earlier than one day before the release date; needs --reason
        #[arg(long, requires = "reason")]
        ignore_release_date: bool,
        /// Why; recorded in the state
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Approve the shipment merge request, nothing else
    ///
    /// Asks first, and names what speaks against it: open blockers, tasks that have not passed, what was replaced, an
    /// early day. Nothing is merged and no advisory moves; change-advisory-status does this and more.
    AddQeApproval,
}

/// A person's decision about a rejected build.
#[derive(Debug, Args)]
pub struct Decide {
    /// Decide about a rejected build
    #[arg(long, value_name = "DECISION", requires = "reason")]
    pub decide: Option<AcceptOrReject>,
    /// Why; recorded in the state
    #[arg(long, value_name = "TEXT", requires = "decide")]
    pub reason: Option<String>,
}

/// Accept or reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AcceptOrReject {
    /// Ship it all the same
    Accept,
    /// Do not ship it
    Reject,
}

impl TaskCommand {
    /// The request that the arguments stand for.
    pub fn request(self) -> TaskRequest {
        match self {
            Self::CreateTestReport => TaskRequest::CreateTestReport,
            Self::TakeOwnership { email, reason } => TaskRequest::TakeOwnership { email, reason },
            Self::CheckCveTrackerBug => TaskRequest::CheckCveTrackerBug,
            Self::CheckRhcosSecurityAlerts => TaskRequest::CheckRhcosSecurityAlerts,
            Self::PushToCdnStaging { check_only, force, reason } => {
                TaskRequest::PushToCdnStaging { check_only, force: reason.filter(|_| force) }
            }
            Self::ImageConsistencyCheck { local: true, arch, .. } => TaskRequest::CompareImages { arches: arch },
            Self::ImageConsistencyCheck { job_id, .. } => TaskRequest::ImageConsistencyCheck { job: job_id },
            Self::StageTesting { build_number, force, reason } => {
                TaskRequest::StageTesting { build: build_number, force: reason.filter(|_| force) }
            }
            Self::ImageSignedCheck => TaskRequest::ImageSignedCheck,
            Self::AnalyzeCandidateBuild(decide) => decide.request(Which::Candidate),
            Self::AnalyzePromotedBuild(decide) => decide.request(Which::Promoted),
            Self::ChangeAdvisoryStatus { ignore_release_date, reason } => {
                TaskRequest::ChangeAdvisoryStatus { ignore_release_date, reason }
            }
            Self::AddQeApproval => TaskRequest::AddQeApproval { confirmed: false },
        }
    }
}

impl Decide {
    fn request(self, which: Which) -> TaskRequest {
        let reason = self.reason.unwrap_or_default();
        let decide = self.decide.map(|decision| BuildDecision { accept: decision == AcceptOrReject::Accept, reason });
        TaskRequest::AnalyzeBuild { which, decide }
    }
}
