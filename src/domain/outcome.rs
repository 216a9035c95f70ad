//! How a run of a task ends: passed, waiting, held back by a gate, failed for a reason.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::ids::{AdvisoryId, JiraKey};
use super::release::ZStream;
use super::task::{JobRef, Task, TaskStatus, Which};

/// What a run of a task found out. Every ending has a name; nobody reads text to learn one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done and good.
    Passed {
        /// One sentence for people.
        summary: String,
    },
    /// Started; the world is not ready. Stored as In Progress, never as a failure.
    Waiting {
        /// What the task waits for.
        on: WaitingOn,
        /// The job to ask, when one is running.
        job: Option<JobRef>,
        /// When looking again makes sense.
        recheck: SignedDuration,
    },
    /// Not allowed to go on yet; the stored status stays (or returns to Not Started).
    Blocked {
        /// The gate that is closed.
        by: ClosedGate,
    },
    /// A verdict against the release, not an error of ours.
    Failed {
        /// The verdict.
        reason: FailReason,
    },
    /// Nothing was to be done: stored status and result stay untouched.
    Unchanged {
        /// Why nothing was to be done.
        why: String,
    },
}

/// What a started task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingOn {
    /// Push jobs of the Errata Tool; each with advisory, target and state.
    PushJobs {
        /// `169293 cdn_stage RUNNING` and the like.
        states: Vec<String>,
    },
    /// The Prow job that compares payload and shipment.
    ConsistencyJob {
        /// Its state as Prow spells it.
        state: String,
    },
    /// The consistency job is good; image health could not be told yet.
    ImageHealth {
        /// Why not.
        why: String,
    },
    /// Payload and shipment could not be compared to the end.
    ImageFacts {
        /// Why not.
        why: String,
    },
    /// The stage pipeline.
    StagePipeline {
        /// `queued`, `building`.
        state: String,
    },
    /// The release controller does not tell the payload's digest yet.
    PayloadDigest,
    /// The mirror has no signature yet.
    Signature,
    /// The Errata Tool has not fetched the alerts yet.
    SecurityAlerts,
    /// The advisory page for customers is not public yet.
    AdvisoryPage {
        /// The page.
        url: Option<String>,
        /// Until when we wait before a person has to look.
        deadline: Timestamp,
    },
    /// The page is public, but the advisories cannot be moved yet.
    AdvisoryMove {
        /// What the Errata Tool says.
        why: String,
        /// Until when we retry.
        deadline: Timestamp,
    },
    /// Test jobs that still run, or a record that does not exist yet.
    TestRecord {
        /// Which record.
        which: Which,
        /// Its state.
        state: String,
    },
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PushJobs { states } => write!(f, "push jobs ({})", states.join(", ")),
            Self::ConsistencyJob { state } => write!(f, "the image-consistency job ({state})"),
            Self::ImageHealth { why } => write!(f, "image health: {why}"),
            Self::ImageFacts { why } => write!(f, "facts about images: {why}"),
            Self::StagePipeline { state } => write!(f, "the stage pipeline ({state})"),
            Self::PayloadDigest => f.write_str("the payload digest"),
            Self::Signature => f.write_str("the signature"),
            Self::SecurityAlerts => f.write_str("the Errata Tool to fetch the security alerts"),
            Self::AdvisoryPage { url: Some(url), deadline } => write!(f, "the advisory page {url} (until {deadline})"),
            Self::AdvisoryPage { url: None, deadline } => write!(f, "the advisory page (until {deadline})"),
            Self::AdvisoryMove { why, deadline } => write!(f, "the advisories to be movable: {why} (until {deadline})"),
            Self::TestRecord { which, state } => write!(f, "the test record of the {which} build ({state})"),
        }
    }
}

/// State of the stage or production release stage of a shipment merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageRelease {
    /// Label or stage says success.
    Success,
    /// Still going on; the text is GitLab's status.
    Running(String),
    /// Ended badly; the text is GitLab's status.
    Failed(String),
    /// The stage does not exist in the newest pipeline.
    NotFound,
}

impl fmt::Display for StageRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Running(status) | Self::Failed(status) => f.write_str(status),
            Self::NotFound => f.write_str("not found"),
        }
    }
}

/// Why a task may not start or go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClosedGate {
    /// The payload is not Accepted in the stable stream; the text is its phase or `not found`.
    Promotion {
        /// Phase as the release controller spells it.
        phase: String,
    },
    /// The stage release of the shipment has not succeeded.
    StageRelease {
        /// Where it stands.
        state: StageRelease,
        /// The merge request to look at.
        mr: String,
    },
    /// A task that has to pass first.
    Prerequisite {
        /// That task.
        task: Task,
        /// Where it stands.
        status: TaskStatus,
    },
    /// Someone else's job occupies the queue.
    Queue {
        /// What the queue says.
        why: String,
    },
    /// Advisories that cannot be worked on in their state.
    AdvisoryState {
        /// Each advisory with its state.
        advisories: Vec<(AdvisoryId, String)>,
    },
    /// ART dropped an advisory that still has builds.
    AdvisoryDropped {
        /// Those advisories.
        advisories: Vec<AdvisoryId>,
    },
    /// Final approval starts one day before the release date.
    TooEarly {
        /// The first day on which it may start (UTC).
        from: Date,
    },
    /// Build data gives no usable release date.
    NoReleaseDate,
    /// Build data is incomplete; each text names one entry.
    NotReady {
        /// What is missing.
        missing: Vec<String>,
    },
    /// A build was rejected and nobody decided yet.
    Decision {
        /// Which build.
        which: Which,
        /// What speaks against it.
        summary: String,
    },
    /// An unresolved blocker.
    Blocker {
        /// Text of the issue.
        issue: String,
    },
    /// A program or credential that this machine lacks.
    Missing {
        /// What is missing and how to get it.
        what: String,
    },
    /// The shipment merge request was closed without being merged.
    MergeRequestClosed {
        /// The merge request.
        mr: String,
    },
    /// An outside effect may or may not have happened; a person has to look before it is repeated.
    UnknownOutcome {
        /// What was tried.
        what: String,
    },
    /// The test record of a build does not exist yet, or its tests still run.
    TestRecord {
        /// Which build.
        which: Which,
        /// How far it is.
        state: String,
    },
    /// Nobody can tell which kernel an advisory ships, or what its tags are.
    KernelUnknown {
        /// The advisory.
        advisory: AdvisoryId,
        /// Why nobody can tell.
        why: String,
    },
    /// A record or registry that contradicts itself.
    BadRecord {
        /// Which file and why.
        why: String,
    },
}

/// Who opens a closed gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedBy {
    /// Nobody: it comes by itself, look again later.
    Time,
    /// A person has to do or decide something.
    Person,
}

impl ClosedGate {
    /// Does this wait end by itself, or is a person needed?
    pub fn opened_by(&self) -> OpenedBy {
        match self {
            Self::StageRelease { state: StageRelease::Failed(_), .. } => OpenedBy::Person,
            Self::Prerequisite { status, .. } => match status {
                TaskStatus::Fail => OpenedBy::Person,
                TaskStatus::NotStarted | TaskStatus::InProgress | TaskStatus::Pass => OpenedBy::Time,
            },
            Self::Promotion { phase } => match phase.as_str() {
                "Rejected" | "Failed" => OpenedBy::Person,
                _ => OpenedBy::Time,
            },
            Self::StageRelease { .. } | Self::Queue { .. } | Self::TooEarly { .. } | Self::TestRecord { .. } => {
                OpenedBy::Time
            }
            Self::AdvisoryState { .. }
            | Self::AdvisoryDropped { .. }
            | Self::NoReleaseDate
            | Self::NotReady { .. }
            | Self::Decision { .. }
            | Self::Blocker { .. }
            | Self::Missing { .. }
            | Self::MergeRequestClosed { .. }
            | Self::UnknownOutcome { .. }
            | Self::KernelUnknown { .. }
            | Self::BadRecord { .. } => OpenedBy::Person,
        }
    }
}

impl ClosedGate {
    /// The same for a run of one task alone: nobody but a person or a drive starts the task that it needs.
    pub fn opened_without_a_drive(&self) -> OpenedBy {
        if let Self::Prerequisite { status: TaskStatus::NotStarted, .. } = self {
            return OpenedBy::Person;
        }
        self.opened_by()
    }

    /// What a person does about it for `release`, as the beginning of a sentence.
    pub fn step(&self, release: &ZStream) -> String {
        match self {
            Self::Promotion { phase } if matches!(phase.as_str(), "Rejected" | "Failed") => {
                "ask ART why the payload was not accepted".to_owned()
            }
            Self::Promotion { .. } => "wait for ART to promote the payload (look again in 30 min)".to_owned(),
            Self::StageRelease { state: StageRelease::Failed(_), mr } => {
                format!("look at stage stage-release-triggers in the pipeline of {mr} and work with ART")
            }
            Self::StageRelease { mr, .. } => format!("wait for the stage release of {mr} (look again in 15 min)"),
            Self::Prerequisite { task, .. } => format!("finish it first: oar -r {release} {task}"),
            Self::Queue { .. } => "wait for the queue (look again in 10 min)".to_owned(),
            Self::AdvisoryState { .. } => "ask ART to move the advisories to QE".to_owned(),
            Self::AdvisoryDropped { .. } => "ask ART why an advisory with builds was dropped".to_owned(),
            Self::TooEarly { from } => format!("wait until {from}"),
            Self::NoReleaseDate => "ask ART to put the release date into build data".to_owned(),
            Self::NotReady { .. } => "ask ART to complete the build data".to_owned(),
            Self::Decision { which, .. } => {
                let task = which.task();
                format!("look at the failed jobs and decide: oar -r {release} {task} --decide accept --reason TEXT")
            }
            Self::Blocker { .. } => {
                format!("resolve the blocker: oar -r {release} issue resolve ID --resolution TEXT")
            }
            Self::Missing { .. } => "provide it".to_owned(),
            Self::MergeRequestClosed { .. } => "ask ART for the right merge request".to_owned(),
            Self::UnknownOutcome { .. } => "look at the service whether it happened".to_owned(),
            Self::TestRecord { .. } => "wait for the test jobs (look again in 10 min)".to_owned(),
            Self::KernelUnknown { .. } => {
                format!(
                    "look by hand whether the kernel carries the stop-ship tag; if not, resolve the blocker with what \
                     you saw: oar -r {release} issue resolve ID --resolution TEXT"
                )
            }
            Self::BadRecord { .. } => "ask the owner of the record to correct it".to_owned(),
        }
    }
}

impl fmt::Display for ClosedGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promotion { phase } => write!(f, "the payload is not promoted (phase {phase})"),
            Self::StageRelease { state: StageRelease::Success, mr } => write!(f, "the stage release of {mr}"),
            Self::StageRelease { state, mr } => write!(f, "the stage release of {mr} has not succeeded ({state})"),
            Self::Prerequisite { task, status } => write!(f, "{task} has to pass first (it is {status})"),
            Self::Queue { why } => write!(f, "the job queue is busy: {why}"),
            Self::AdvisoryState { advisories } => {
                let each: Vec<_> = advisories.iter().map(|(id, state)| format!("{id} {state}")).collect();
                write!(f, "advisories in a state that cannot be worked on: {}", each.join(", "))
            }
            Self::AdvisoryDropped { advisories } => {
                let each: Vec<_> = advisories.iter().map(ToString::to_string).collect();
                write!(f, "advisories dropped although they hold builds: {}", each.join(", "))
            }
            Self::TooEarly { from } => write!(f, "final approval starts on {from}"),
            Self::NoReleaseDate => f.write_str("build data names no usable release date"),
            Self::NotReady { missing } => write!(f, "build data is not ready: {}", missing.join("; ")),
            Self::Decision { which, summary } => {
                write!(f, "the {which} build was rejected ({summary}); a decision is needed")
            }
            Self::Blocker { issue } => write!(f, "open blocker: {issue}"),
            Self::Missing { what } => f.write_str(what),
            Self::MergeRequestClosed { mr } => write!(f, "{mr} was closed without being merged"),
            Self::UnknownOutcome { what } => write!(f, "nobody knows whether this happened: {what}"),
            Self::TestRecord { which, state } => write!(f, "the {which} build is not tested yet: {state}"),
            Self::KernelUnknown { advisory, why } => {
                write!(f, "nobody can tell whether the kernel of advisory {advisory} may ship: {why}")
            }
            Self::BadRecord { why } => f.write_str(why),
        }
    }
}

/// A verdict against the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailReason {
    /// A job of ours ended badly.
    Job {
        /// The job.
        job: JobRef,
        /// Its result as the system spells it.
        result: String,
    },
    /// Images with a bad health grade.
    UnhealthyImages {
        /// How many of how many.
        unhealthy: usize,
        /// How many were looked at.
        scanned: usize,
    },
    /// Payload images that are neither in the shipment nor released earlier.
    InconsistentImages {
        /// Their names in the payload.
        missing: Vec<String>,
        /// How many were compared.
        checked: usize,
    },
    /// Nobody signed the payload by its release date.
    UnsignedOnReleaseDate,
    /// The tests reject the build.
    BuildRejected {
        /// Which build.
        which: Which,
        /// Why, with numbers.
        summary: String,
    },
    /// Push jobs that failed more often than we retry.
    Push {
        /// Each advisory with target and state.
        states: Vec<String>,
    },
    /// CVE trackers that are attached nowhere, while the check is configured to block.
    MissedCveTrackers {
        /// The trackers.
        keys: Vec<JiraKey>,
    },
    /// The kernel of an advisory carries the stop-ship tag.
    KernelStopShip {
        /// The kernel build.
        kernel: String,
    },
    /// Security alerts that block shipping.
    BlockingAlerts {
        /// The advisory.
        advisory: AdvisoryId,
        /// Names of the alerts.
        alerts: Vec<String>,
    },
    /// Advisories that did not reach the wanted state.
    AdvisoriesNotMoved {
        /// Each advisory with its state.
        advisories: Vec<(AdvisoryId, String)>,
    },
    /// The advisory page did not become public in time.
    PageDeadline {
        /// When we stopped waiting.
        deadline: Timestamp,
    },
}

impl FailReason {
    /// The kind of verdict, as kept with the attempt: whoever reads it later must not read the text.
    pub const fn class(&self) -> VerdictClass {
        match self {
            Self::Job { .. } => VerdictClass::Job,
            Self::PageDeadline { .. } => VerdictClass::Deadline,
            Self::UnhealthyImages { .. }
            | Self::InconsistentImages { .. }
            | Self::UnsignedOnReleaseDate
            | Self::BuildRejected { .. }
            | Self::Push { .. }
            | Self::MissedCveTrackers { .. }
            | Self::KernelStopShip { .. }
            | Self::BlockingAlerts { .. }
            | Self::AdvisoriesNotMoved { .. } => VerdictClass::Verdict,
        }
    }
}

/// The kind of a stored verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictClass {
    /// Something was looked at and is bad.
    Verdict,
    /// A job of ours ended badly.
    Job,
    /// Something did not come in time; it may come later.
    Deadline,
}

impl VerdictClass {
    /// The spelling in the state file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Job => "verdict-job",
            Self::Deadline => "verdict-deadline",
        }
    }
}

impl FromStr for VerdictClass {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Verdict, Self::Job, Self::Deadline].into_iter().find(|class| class.as_str() == text).ok_or(())
    }
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job { job, result } => write!(f, "{job} ended with {result}"),
            Self::UnhealthyImages { unhealthy, scanned } => write!(f, "{unhealthy} of {scanned} images are unhealthy"),
            Self::InconsistentImages { missing, checked } => write!(
                f,
                "{} of {checked} payload images are neither in the shipment nor released earlier: {}",
                missing.len(),
                missing.join(", ")
            ),
            Self::UnsignedOnReleaseDate => f.write_str("the payload is still unsigned on the release date"),
            Self::BuildRejected { which, summary } => write!(f, "the {which} build is rejected: {summary}"),
            Self::Push { states } => write!(f, "push jobs failed: {}", states.join(", ")),
            Self::MissedCveTrackers { keys } => {
                let each: Vec<_> = keys.iter().map(JiraKey::as_str).collect();
                write!(f, "{} CVE trackers are attached nowhere: {}", keys.len(), each.join(", "))
            }
            Self::KernelStopShip { kernel } => write!(f, "{kernel} carries the stop-ship tag"),
            Self::BlockingAlerts { advisory, alerts } => {
                write!(f, "advisory {advisory} has blocking security alerts: {}", alerts.join(", "))
            }
            Self::AdvisoriesNotMoved { advisories } => {
                let each: Vec<_> = advisories.iter().map(|(id, state)| format!("{id} {state}")).collect();
                write!(f, "advisories were not moved: {}", each.join(", "))
            }
            Self::PageDeadline { deadline } => write!(f, "the advisory page was not public by {deadline}"),
        }
    }
}
