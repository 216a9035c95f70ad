//! What people outside `oar` can do: names and meanings. `people` does it.

use std::str::FromStr;

/// Something a person can do; each is an event of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// ART finishes advisories that are in NEW_FILES.
    FinishAdvisories,
    /// ART mends the stage release and starts it again.
    RepairStageRelease,
    /// ART starts a failed stage release again, unless it succeeded meanwhile.
    RetryStageRelease,
    /// Somebody closes the shipment merge request without merging it.
    CloseMergeRequest,
    /// ART opens a closed merge request again.
    ReopenMergeRequest,
    /// ART completes the assembly in build data.
    CompleteBuildData,
    /// ART takes dropped advisories up again.
    RestoreAdvisories,
    /// ART has the promoted payload accepted.
    AcceptPromotion,
    /// Product security reviews what the blocking alerts are about.
    ClearAlerts,
    /// An administrator renews expired tokens.
    RenewTokens,
    /// A Jira administrator lets the bot see restricted bugs.
    GrantAccess,
    /// ART attaches CVE trackers that were forgotten.
    AttachTrackers,
    /// ART publishes the release.
    Publish,
    /// The kernel's owners take the stop-ship tag off.
    ReleaseKernel,
    /// A colleague commits to the state file by hand.
    EditState,
    /// The same, and what is left is no YAML.
    BreakState,
    /// The colleague brings back what was there before.
    MendState,
    /// ART drops an advisory.
    DropAdvisory,
    /// ART drops an advisory and makes another one in its place.
    ReplaceAdvisory,
    /// ART closes the shipment merge request and opens another one.
    ReplaceShipment,
    /// ART moves the release date a week.
    MoveDateLater,
    /// ART moves the release date to the day before.
    MoveDateEarlier,
    /// ART releases to customers and lets the merge request merge by itself.
    PlayProdJob,
    /// ART rebuilds images that were graded too low.
    RebuildImages,
    /// Jenkins forgets old builds.
    ForgetBuilds,
    /// Prow forgets jobs.
    ForgetProwJobs,
    /// GitHub answers what it knew now, for ten minutes.
    AnswerOld,
    /// An administrator lets our accounts see what was hidden.
    GrantPermission,
    /// Somebody renews the Kerberos ticket.
    Kinit,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 29] = [
        Self::FinishAdvisories,
        Self::RepairStageRelease,
        Self::RetryStageRelease,
        Self::CloseMergeRequest,
        Self::ReopenMergeRequest,
        Self::CompleteBuildData,
        Self::RestoreAdvisories,
        Self::AcceptPromotion,
        Self::ClearAlerts,
        Self::RenewTokens,
        Self::GrantAccess,
        Self::AttachTrackers,
        Self::Publish,
        Self::ReleaseKernel,
        Self::EditState,
        Self::BreakState,
        Self::MendState,
        Self::DropAdvisory,
        Self::ReplaceAdvisory,
        Self::ReplaceShipment,
        Self::MoveDateLater,
        Self::MoveDateEarlier,
        Self::PlayProdJob,
        Self::RebuildImages,
        Self::ForgetBuilds,
        Self::ForgetProwJobs,
        Self::AnswerOld,
        Self::GrantPermission,
        Self::Kinit,
    ];

    /// The name of the event.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FinishAdvisories => "advisories-finished",
            Self::RepairStageRelease => "stage-release-repaired",
            Self::RetryStageRelease => "stage-release-retried",
            Self::CloseMergeRequest => "mr-closed",
            Self::ReopenMergeRequest => "mr-reopened",
            Self::CompleteBuildData => "build-data-completed",
            Self::RestoreAdvisories => "advisories-restored",
            Self::AcceptPromotion => "payload-accepted",
            Self::ClearAlerts => "alerts-cleared",
            Self::RenewTokens => "tokens-renewed",
            Self::GrantAccess => "bugs-made-visible",
            Self::AttachTrackers => "trackers-attached",
            Self::Publish => "published",
            Self::ReleaseKernel => "kernel-released",
            Self::EditState => "state-edited",
            Self::BreakState => "state-broken",
            Self::MendState => "state-mended",
            Self::DropAdvisory => "advisory-dropped",
            Self::ReplaceAdvisory => "advisory-replaced",
            Self::ReplaceShipment => "shipment-replaced",
            Self::MoveDateLater => "date-moved-later",
            Self::MoveDateEarlier => "date-moved-earlier",
            Self::PlayProdJob => "prod-job-played",
            Self::RebuildImages => "images-rebuilt",
            Self::ForgetBuilds => "builds-forgotten",
            Self::ForgetProwJobs => "prow-jobs-forgotten",
            Self::AnswerOld => "github-answers-old",
            Self::GrantPermission => "permission-granted",
            Self::Kinit => "kinit",
        }
    }

    /// What it is, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::FinishAdvisories => "ART moves advisories from NEW_FILES to QE",
            Self::RepairStageRelease => "ART mends the stage release and starts it again",
            Self::RetryStageRelease => "ART starts a failed stage release again",
            Self::CloseMergeRequest => "somebody closes the shipment merge request without merging it",
            Self::ReopenMergeRequest => "ART opens a closed merge request again",
            Self::CompleteBuildData => "ART completes the assembly in build data",
            Self::RestoreAdvisories => "ART takes dropped advisories up again",
            Self::AcceptPromotion => "ART has the promoted payload accepted",
            Self::ClearAlerts => "product security clears the blocking alerts",
            Self::RenewTokens => "an administrator renews expired tokens",
            Self::GrantAccess => "a Jira administrator lets the bot see restricted bugs",
            Self::AttachTrackers => "ART attaches CVE trackers that were forgotten",
            Self::Publish => "ART publishes the release",
            Self::ReleaseKernel => "the kernel team takes its stop-ship tag off",
            Self::EditState => "a colleague edits the state file by hand",
            Self::BreakState => "a colleague leaves a state file that is no YAML",
            Self::MendState => "the colleague brings the state file back",
            Self::DropAdvisory => "ART drops an advisory (kind: rpm, rhcos, microshift)",
            Self::ReplaceAdvisory => "ART drops an advisory and makes another one in its place",
            Self::ReplaceShipment => "ART closes the shipment merge request and opens another one",
            Self::MoveDateLater => "ART moves the release date, a week or so many days",
            Self::MoveDateEarlier => "ART moves the release date back, a day or so many days",
            Self::PlayProdJob => "ART plays the prod job; the merge request merges by itself",
            Self::RebuildImages => "ART rebuilds images that were graded too low",
            Self::ForgetBuilds => "Jenkins forgets its builds and queue items",
            Self::ForgetProwJobs => "Prow forgets its jobs",
            Self::AnswerOld => "GitHub answers what it knows now, for ten minutes",
            Self::GrantPermission => "an administrator lets our accounts see everything again",
            Self::Kinit => "somebody renews the Kerberos ticket",
        }
    }

    /// Who does it.
    pub const fn who(self) -> &'static str {
        match self {
            Self::FinishAdvisories
            | Self::RepairStageRelease
            | Self::RetryStageRelease
            | Self::CloseMergeRequest
            | Self::ReopenMergeRequest
            | Self::CompleteBuildData
            | Self::RestoreAdvisories
            | Self::AcceptPromotion
            | Self::AttachTrackers
            | Self::DropAdvisory
            | Self::ReplaceAdvisory
            | Self::ReplaceShipment
            | Self::MoveDateLater
            | Self::MoveDateEarlier
            | Self::PlayProdJob
            | Self::RebuildImages
            | Self::Publish => "ART",
            Self::ClearAlerts => "product security",
            Self::RenewTokens | Self::GrantPermission | Self::Kinit => "administrator",
            Self::ForgetBuilds => "Jenkins",
            Self::ForgetProwJobs => "Prow",
            Self::AnswerOld => "GitHub",
            Self::GrantAccess => "Jira administrator",
            Self::ReleaseKernel => "kernel team",
            Self::EditState | Self::BreakState | Self::MendState => "colleague",
        }
    }
}

impl FromStr for Act {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|act| act.name() == name).ok_or(())
    }
}
