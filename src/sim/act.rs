//! What people outside `oar` can do: names and meanings. `people` does it.

use std::str::FromStr;

use crate::domain::spelled::spelled;

spelled! {
    /// Something a person can do; each is an event of its name.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    Act,
    /// The name of the event.
    name: &'static str {
        /// ART finishes advisories that are in NEW_FILES.
        FinishAdvisories = "advisories-finished",
        /// ART mends the stage release and starts it again.
        RepairStageRelease = "stage-release-repaired",
        /// ART starts a failed stage release again, unless it succeeded meanwhile.
        RetryStageRelease = "stage-release-retried",
        /// Somebody closes the shipment merge request without merging it.
        CloseMergeRequest = "mr-closed",
        /// ART opens a closed merge request again.
        ReopenMergeRequest = "mr-reopened",
        /// ART completes the assembly in build data.
        CompleteBuildData = "build-data-completed",
        /// ART takes dropped advisories up again.
        RestoreAdvisories = "advisories-restored",
        /// ART has the promoted payload accepted.
        AcceptPromotion = "payload-accepted",
        /// ART rejects the payload that was accepted before.
        RejectPromotion = "payload-rejected",
        /// Product security reviews what the blocking alerts are about.
        ClearAlerts = "alerts-cleared",
        /// An administrator renews expired tokens.
        RenewTokens = "tokens-renewed",
        /// A Jira administrator lets the bot see restricted bugs.
        GrantAccess = "bugs-made-visible",
        /// ART attaches CVE trackers that were forgotten.
        AttachTrackers = "trackers-attached",
        /// ART publishes the release.
        Publish = "published",
        /// The kernel's owners take the stop-ship tag off.
        ReleaseKernel = "kernel-released",
        /// A colleague commits to the state file by hand.
        EditState = "state-edited",
        /// The same, and what is left is no YAML.
        BreakState = "state-broken",
        /// The colleague brings back what was there before.
        MendState = "state-mended",
        /// ART drops an advisory.
        DropAdvisory = "advisory-dropped",
        /// ART drops an advisory and makes another one in its place.
        ReplaceAdvisory = "advisory-replaced",
        /// ART closes the shipment merge request and opens another one.
        ReplaceShipment = "shipment-replaced",
        /// ART moves the release date a week.
        MoveDateLater = "date-moved-later",
        /// ART moves the release date to the day before.
        MoveDateEarlier = "date-moved-earlier",
        /// ART releases to customers and lets the merge request merge by itself.
        PlayProdJob = "prod-job-played",
        /// ART rebuilds images that were graded too low.
        RebuildImages = "images-rebuilt",
        /// Jenkins forgets old builds.
        ForgetBuilds = "builds-forgotten",
        /// Prow forgets jobs.
        ForgetProwJobs = "prow-jobs-forgotten",
        /// GitHub answers what it knew now, for ten minutes.
        AnswerOld = "github-answers-old",
        /// An administrator lets our accounts see what was hidden.
        GrantPermission = "permission-granted",
        /// Somebody renews the Kerberos ticket.
        Kinit = "kinit",
    }
}

impl Act {
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
            Self::RejectPromotion => "ART rejects the payload that was accepted before",
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
            | Self::RejectPromotion
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

/// What an act may help against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A blocker.
    Blocker,
    /// A failed task.
    FailedTask,
    /// Both.
    Both,
    /// Neither: it does harm, or another message asks for it by name.
    Neither,
}

impl Act {
    /// What people who do not know what is wrong may hope for from it.
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::FinishAdvisories
            | Self::ClearAlerts
            | Self::GrantAccess
            | Self::AttachTrackers
            | Self::ReleaseKernel
            | Self::RebuildImages
            | Self::GrantPermission => Remedy::Both,
            Self::ReopenMergeRequest | Self::RestoreAdvisories => Remedy::Blocker,
            Self::RenewTokens | Self::Kinit => Remedy::FailedTask,
            Self::RepairStageRelease
            | Self::RetryStageRelease
            | Self::CloseMergeRequest
            | Self::CompleteBuildData
            | Self::AcceptPromotion
            | Self::RejectPromotion
            | Self::Publish
            | Self::EditState
            | Self::BreakState
            | Self::MendState
            | Self::DropAdvisory
            | Self::ReplaceAdvisory
            | Self::ReplaceShipment
            | Self::MoveDateLater
            | Self::MoveDateEarlier
            | Self::PlayProdJob
            | Self::ForgetBuilds
            | Self::ForgetProwJobs
            | Self::AnswerOld => Remedy::Neither,
        }
    }
}

impl FromStr for Act {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|act| act.name() == name).ok_or(())
    }
}
