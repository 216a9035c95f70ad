//! What somebody wants done, typed, without knowing who asked.

use crate::domain::credential::Credential;
use crate::domain::ids::{BuildNumber, ProwJobId};
use crate::domain::task::{Task, TaskStatus, Which};

/// One request to run a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskRequest {
    /// Create the state file.
    CreateTestReport,
    /// Make `email` the owner of the release; the settings know one when it is not given.
    TakeOwnership {
        /// The new owner.
        email: Option<String>,
        /// Why; recorded.
        reason: Option<String>,
    },
    /// Look for CVE trackers that are attached nowhere.
    CheckCveTrackerBug,
    /// Look for security alerts on the RHCOS advisory.
    CheckRhcosSecurityAlerts,
    /// Push the advisories to the staging CDN, and look how the pushes go.
    PushToCdnStaging {
        /// Only look.
        check_only: bool,
        /// Push although a gate is closed; the reason is recorded.
        force: Option<String>,
    },
    /// Start the consistency job, or look how it goes.
    ImageConsistencyCheck {
        /// A job that somebody started by hand.
        job: Option<ProwJobId>,
    },
    /// Compare payload and shipment here, without a job.
    CompareImages {
        /// Architectures as images spell them; `amd64` when empty.
        arches: Vec<String>,
    },
    /// Start the stage pipeline, or look how it goes.
    StageTesting {
        /// A build that somebody started by hand.
        build: Option<BuildNumber>,
        /// Start although a gate is closed; the reason is recorded.
        force: Option<String>,
    },
    /// Look for the signature.
    ImageSignedCheck,
    /// Judge the test record of a build.
    AnalyzeBuild {
        /// Which build.
        which: Which,
        /// A person's decision about a rejected build.
        decide: Option<BuildDecision>,
    },
    /// Final approval: one pass.
    ChangeAdvisoryStatus {
        /// Start earlier than one day before the release date.
        ignore_release_date: bool,
        /// Why; recorded.
        reason: Option<String>,
    },
    /// Approve the shipment merge request, nothing else.
    AddQeApproval {
        /// A person knows what speaks against it.
        confirmed: bool,
    },
}

/// A person's decision about a rejected build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildDecision {
    /// Ship it all the same?
    pub accept: bool,
    /// Why; recorded.
    pub reason: String,
}

/// A status that a person sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusByHand {
    /// The task.
    pub task: Task,
    /// Its new status.
    pub status: TaskStatus,
    /// Why; stored.
    pub reason: Option<String>,
    /// May a Pass change?
    pub may_change_pass: bool,
    /// Has a run that we know of ended with a Pass of the task?
    pub proven: bool,
}

/// A person's answer to a question about an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerByHand {
    /// Id of the question.
    pub id: String,
    /// One of its choices.
    pub choice: String,
    /// How the person knows; stored.
    pub reason: String,
}

/// Anything that changes a release and that a person may have to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeRequest {
    /// A run of a task.
    Task(TaskRequest),
    /// A status set by hand.
    SetStatus(StatusByHand),
    /// The final approval earlier than one day before the release date, whenever a drive comes to it.
    EarlyApproval {
        /// Why.
        reason: String,
    },
    /// An answer that decides whether something is started again.
    Answer(AnswerByHand),
    /// An issue that is resolved.
    ResolveIssue {
        /// Id or text of the issue.
        search: String,
        /// Its resolution.
        resolution: String,
    },
}

impl ChangeRequest {
    /// The task that it runs or sets, if it is about one.
    pub fn task(&self) -> Option<Task> {
        match self {
            Self::Task(request) => Some(request.task()),
            Self::SetStatus(by_hand) => Some(by_hand.task),
            Self::EarlyApproval { .. } => Some(Task::ChangeAdvisoryStatus),
            Self::Answer(_) | Self::ResolveIssue { .. } => None,
        }
    }
}

impl TaskRequest {
    /// Each request once, without details; to ask all of them what they need.
    pub fn all() -> Vec<Self> {
        Task::ALL.into_iter().flat_map(Self::of_task).collect()
    }

    /// The requests that run `task`, without details, the one that runs all of it last; none for a task of the flow
    /// that is not here yet.
    pub fn of_task(task: Task) -> Vec<Self> {
        match task {
            Task::CreateTestReport => vec![Self::CreateTestReport],
            Task::TakeOwnership => vec![Self::TakeOwnership { email: None, reason: None }],
            Task::CheckCveTrackerBug => vec![Self::CheckCveTrackerBug],
            Task::CheckRhcosSecurityAlerts => vec![Self::CheckRhcosSecurityAlerts],
            Task::PushToCdnStaging => vec![Self::PushToCdnStaging { check_only: false, force: None }],
            Task::ImageConsistencyCheck => {
                vec![Self::CompareImages { arches: Vec::new() }, Self::ImageConsistencyCheck { job: None }]
            }
            Task::StageTesting => vec![Self::StageTesting { build: None, force: None }],
            Task::ImageSignedCheck => vec![Self::ImageSignedCheck],
            Task::AnalyzeCandidateBuild => vec![Self::AnalyzeBuild { which: Which::Candidate, decide: None }],
            Task::AnalyzePromotedBuild => vec![Self::AnalyzeBuild { which: Which::Promoted, decide: None }],
            Task::ChangeAdvisoryStatus => vec![Self::ChangeAdvisoryStatus { ignore_release_date: false, reason: None }],
            Task::AddQeApproval => vec![Self::AddQeApproval { confirmed: false }],
            Task::UpdateBugList | Task::CheckGreenwaveCvpTests | Task::DropBugs => Vec::new(),
        }
    }

    /// The same, wanted by a person who was shown what speaks against it.
    #[must_use]
    pub fn confirmed(self) -> Self {
        if let Self::AddQeApproval { .. } = self { Self::AddQeApproval { confirmed: true } } else { self }
    }

    /// Why somebody wants this, where it is no answer to a closed gate.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::TakeOwnership { reason, .. } | Self::ChangeAdvisoryStatus { reason, .. } => reason.as_deref(),
            Self::CreateTestReport
            | Self::CheckCveTrackerBug
            | Self::CheckRhcosSecurityAlerts
            | Self::PushToCdnStaging { .. }
            | Self::CompareImages { .. }
            | Self::ImageConsistencyCheck { .. }
            | Self::StageTesting { .. }
            | Self::ImageSignedCheck
            | Self::AnalyzeBuild { .. }
            | Self::AddQeApproval { .. } => None,
        }
    }

    /// Has it to say why, and does not? An approval earlier than one day before the release date has to.
    pub const fn lacks_reason(&self) -> bool {
        matches!(self, Self::ChangeAdvisoryStatus { ignore_release_date: true, reason: None })
    }

    /// May a run of it after the Pass do no more than what the task owes? Whoever names an owner wants all of it.
    pub fn may_finish(&self) -> bool {
        match self {
            Self::TakeOwnership { email, .. } => email.is_none(),
            Self::ChangeAdvisoryStatus { .. } => true,
            Self::CreateTestReport
            | Self::CheckCveTrackerBug
            | Self::CheckRhcosSecurityAlerts
            | Self::PushToCdnStaging { .. }
            | Self::CompareImages { .. }
            | Self::ImageConsistencyCheck { .. }
            | Self::StageTesting { .. }
            | Self::ImageSignedCheck
            | Self::AnalyzeBuild { .. }
            | Self::AddQeApproval { .. } => false,
        }
    }

    /// The task that this request runs.
    pub fn task(&self) -> Task {
        match self {
            Self::CreateTestReport => Task::CreateTestReport,
            Self::TakeOwnership { .. } => Task::TakeOwnership,
            Self::CheckCveTrackerBug => Task::CheckCveTrackerBug,
            Self::CheckRhcosSecurityAlerts => Task::CheckRhcosSecurityAlerts,
            Self::PushToCdnStaging { .. } => Task::PushToCdnStaging,
            Self::ImageConsistencyCheck { .. } | Self::CompareImages { .. } => Task::ImageConsistencyCheck,
            Self::StageTesting { .. } => Task::StageTesting,
            Self::ImageSignedCheck => Task::ImageSignedCheck,
            Self::AnalyzeBuild { which, .. } => which.task(),
            Self::ChangeAdvisoryStatus { .. } => Task::ChangeAdvisoryStatus,
            Self::AddQeApproval { .. } => Task::AddQeApproval,
        }
    }

    /// Credentials without which the request cannot be carried out, beside those of the state store.
    ///
    /// `ERRATA_TOKEN` counts only where the Errata Tool takes a bearer token instead of a ticket.
    pub fn needs(&self) -> &'static [Credential] {
        use Credential::{ApiToken, ErrataToken, GitlabToken, JenkinsToken, JenkinsUser, JiraToken, JiraUsername};
        match self {
            Self::CreateTestReport | Self::ImageSignedCheck | Self::AnalyzeBuild { .. } => &[],
            Self::TakeOwnership { .. } => &[ErrataToken, GitlabToken],
            Self::CheckCveTrackerBug => &[ErrataToken, JiraUsername, JiraToken, GitlabToken],
            Self::CheckRhcosSecurityAlerts | Self::PushToCdnStaging { .. } => &[ErrataToken],
            Self::ImageConsistencyCheck { .. } => &[ApiToken, GitlabToken],
            Self::CompareImages { .. } | Self::AddQeApproval { .. } => &[GitlabToken],
            Self::StageTesting { .. } => &[JenkinsUser, JenkinsToken, GitlabToken],
            Self::ChangeAdvisoryStatus { .. } => &[ErrataToken, GitlabToken],
        }
    }
}
