//! What a plan says to people: one typed message for every row that does not act.

use jiff::Timestamp;

use crate::domain::foreign::sentence;
use crate::domain::task::Task;

/// A group names who usually acts on its kinds, a kind that somebody else acts on names them itself.
macro_rules! kinds {
    (@actor $usual:ident) => { Actor::$usual };
    (@actor $usual:ident $actor:ident) => { Actor::$actor };
    ($($severity:ident by $usual:ident { $(#[doc = $doc:literal] $kind:ident $(by $actor:ident)?),+ $(,)? })+) => {
        /// What a message is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub enum Kind {
            $($(#[doc = $doc] $kind),+),+
        }

        impl Kind {
            /// Every kind, most harmless first.
            pub const ALL: &'static [Self] = &[$($(Self::$kind),+),+];

            /// The name in JSON and in notification keys.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$kind => stringify!($kind)),+),+ }
            }

            /// What it says, for the reference.
            pub fn meaning(self) -> &'static str {
                match self { $($(Self::$kind => $doc.trim_ascii()),+),+ }
            }

            /// Who has to care.
            pub const fn severity(self) -> Severity {
                match self { $($(Self::$kind)|+ => Severity::$severity),+ }
            }

            /// Who makes it go on.
            pub const fn actor(self) -> Actor {
                match self { $($(Self::$kind => kinds!(@actor $usual $($actor)?)),+),+ }
            }
        }
    };
}

kinds! {
    Info by Nobody {
        /// The state file is being created.
        Initialised,
        /// A task is started.
        TaskStarted,
        /// A task that works elsewhere is started or looked at.
        AsyncStarted,
        /// A started task has no result yet.
        AsyncRunning,
        /// The promoted build is good.
        GatePassed,
        /// The promoted build was bad and is good now.
        GateReopened,
        /// A rejected build is being analysed.
        AnalysisStarted,
        /// The final approval starts.
        ApprovalStarted,
        /// The final approval waits for the advisory page.
        ApprovalScheduled,
        /// The final approval timed out and is tried again.
        ApprovalRetried,
        /// The merge request was merged before our approval.
        MrAlreadyMerged,
        /// The release has no candidate build.
        CandidateMissing,
        /// A blocker will hold back the approval once everything else is done.
        ApprovalHeldLater,
        /// The release date has passed.
        DatePassed,
        /// A stored value is not what build data says now.
        BuildDataChanged,
        /// The release was approved although a tracked task never passed.
        ApprovedWithout,
        /// A step of a task that has passed is left to a person.
        StepLeft,
        /// The release is approved and its images are out.
        Completed,
    }
    Wait by Time {
        /// The state file cannot be read.
        StateUnavailable,
        /// Build data cannot be read.
        BuildDataUnavailable,
        /// The test record of the candidate is not finished.
        CandidateWaiting,
        /// A test record cannot be read.
        RecordUnknown,
        /// The release controller does not answer.
        PromotionUnknown,
        /// The payload is not promoted.
        WaitPromotion,
        /// The stage release is not finished.
        StageReleaseWaiting,
        /// The stage release cannot be read.
        StageReleaseUnknown,
        /// The merge request cannot be read.
        MrUnknown,
        /// The advisories cannot be read.
        AdvisoriesUnknown,
        /// The test record of the promoted payload does not exist yet.
        WaitTestFile,
        /// Test jobs of the promoted payload still run.
        WaitAggregation,
        /// Stage testing needs the pushed content.
        StageWaitsForPush by Tasks,
        /// Stage testing needs the verdict on the promoted build.
        StageWaitsForGate by Tasks,
        /// Image signature and approval need tasks that are not done.
        SyncWaiting by Tasks,
        /// The payload is not signed yet.
        SignatureWaiting,
        /// The approval starts one day before the release date.
        TooEarly,
        /// Approved, but not with the customers yet.
        ApprovedNotShipped by Tasks,
        /// A task is tried again after a pause.
        RetryScheduled,
        /// A task was not allowed to start and is tried again.
        TaskWaiting,
        /// A step of a task that has passed is still to be done, and tried again.
        StepOwed,
        /// Another machine drives the release and does what there is to do.
        DrivenElsewhere,
    }
    Action by Lead {
        /// A status in the state file is a text that nobody knows.
        StatusUnknown,
        /// People gave the release up.
        GivenUp,
        /// Nobody is named as owner.
        OwnerNeeded,
        /// There is no Kerberos ticket.
        KerberosNeeded by Host,
        /// A task lacks a credential.
        CredentialMissing by Host,
        /// Build data is incomplete, or names what belongs to another release.
        BuildDataNotReady by Art,
        /// Build data has nothing of the release's own.
        BuildDataInherited,
        /// A shipment or advisory was replaced for which tasks had passed.
        Replaced,
        /// A rejected build waits for a person's decision.
        DecisionNeeded,
        /// The candidate build was rejected.
        CandidateRejected,
        /// The approval needs a waiver for the candidate build.
        CandidateWaiverNeeded,
        /// The approval needs tasks that a person has to mend.
        PrereqMissing,
        /// A test record or its analysis is unusable.
        AnalysisError by RecordOwner,
        /// The job of a running task is gone, or runs where nobody can look.
        JobRefLost,
        /// Only a person can say whether an effect happened.
        QuestionOpen,
        /// The lease of another driver ends so late that no right clock can have written it.
        LeaseOfWrongClock,
        /// A task has an unresolved blocker.
        TaskBlocked,
        /// The release has an unresolved blocker.
        GeneralBlocked,
        /// Somebody else approved and shipped the release.
        ShippedElsewhere,
        /// The merge request was closed.
        MrClosed by Art,
        /// An advisory with builds was dropped.
        AdvisoryDropped by Art,
        /// The payload was rejected.
        PromotionRejected by Art,
        /// The stage release ended badly.
        StageReleaseFailed by Art,
        /// The approval has an unresolved blocker.
        ApprovalBlocked,
        /// Build data names no release date.
        ReleaseDateMissing by Art,
        /// The approval starts after the release date.
        LateApproval,
        /// Something takes much longer than usual.
        Stalled,
        /// The Errata flow is not supported.
        ErrataFlow,
    }
    Failure by Lead {
        /// A task failed.
        TaskFailed,
        /// The promoted build is bad.
        GateFailed,
        /// Tasks that the approval needs failed.
        SyncFailed,
        /// The advisory page did not become public in time.
        ApprovalTimeout,
    }
}

impl Kind {
    /// Does it only say that a service could not be asked?
    pub const fn is_about_an_outage(self) -> bool {
        matches!(
            self,
            Self::RecordUnknown
                | Self::PromotionUnknown
                | Self::StageReleaseUnknown
                | Self::MrUnknown
                | Self::AdvisoriesUnknown
        )
    }

    /// Does it only say what follows from another message, which says why?
    pub const fn is_consequence(self) -> bool {
        matches!(self, Self::SyncFailed | Self::PrereqMissing)
    }
}

/// Who makes it go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Nobody: it is said, not awaited.
    Nobody,
    /// It comes by itself.
    Time,
    /// The tasks of the release, whose list shows it.
    Tasks,
    /// Whoever runs this program: its machine lacks something.
    Host,
    /// ART, asked by the release lead.
    Art,
    /// The owner of the test record.
    RecordOwner,
    /// The release lead.
    Lead,
}

/// Who has to care about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody; good to know.
    Info,
    /// Nobody; it comes by itself.
    Wait,
    /// A person.
    Action,
    /// A person: something went wrong.
    Failure,
}

/// One thing to tell people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Message {
    /// What it is about.
    pub kind: Kind,
    /// The task it concerns.
    pub task: Option<Task>,
    /// One line.
    pub text: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When to look again.
    pub recheck: Option<Timestamp>,
    /// Pages to look at.
    pub links: Vec<String>,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// What makes two messages of one kind and task different occasions.
    #[serde(skip)]
    pub occasion: String,
}

impl Message {
    /// A message without details.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            task: None,
            text: sentence(&text.into()),
            since: None,
            recheck: None,
            links: Vec::new(),
            steps: Vec::new(),
            occasion: String::new(),
        }
    }

    /// Names the task.
    pub fn task(mut self, task: Task) -> Self {
        self.task = Some(task);
        self
    }

    /// Says since when.
    pub fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }

    /// Says when to look again.
    pub fn recheck(mut self, at: Timestamp) -> Self {
        self.recheck = Some(at);
        self
    }

    /// Adds a page to look at, when there is one.
    pub fn link(mut self, url: Option<&str>) -> Self {
        self.links.extend(url.map(str::to_owned));
        self
    }

    /// Adds something to do.
    pub fn step(mut self, text: impl Into<String>) -> Self {
        self.steps.push(text.into());
        self
    }

    /// Says what makes this occasion different from another of the same kind and task.
    pub fn occasion(mut self, text: impl Into<String>) -> Self {
        self.occasion = text.into();
        self
    }

    /// Who has to care.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// Does the thing it waits for come without a person?
    pub fn comes_by_itself(&self) -> bool {
        self.severity() <= Severity::Wait
    }

    /// What makes two notifications the same.
    pub fn key(&self) -> String {
        let task = self.task.map_or("release", Task::name);
        format!("{}/{task}/{}", self.kind.name(), self.occasion)
    }

    /// Do people get it beyond the plan itself? Only what needs them, what failed, and the happy end.
    pub fn is_notified(&self) -> bool {
        // The run that timed out has sent a message itself; a drive that such a lease keeps away posts nothing.
        let reported = matches!(self.kind, Kind::ApprovalTimeout | Kind::LeaseOfWrongClock);
        (self.severity() >= Severity::Action && !reported) || self.kind == Kind::Completed
    }
}
