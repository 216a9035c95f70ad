//! What keeps a task from starting or going on, who opens it, and what to do about it.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use super::dates::stamp;
use super::foreign::{Statement, quoted, term};
use super::ids::AdvisoryId;
use super::release::ZStream;
use super::shipment::StageRelease;
use super::state::entries::Question;
use super::task::{JobRef, Task, TaskStatus, Which};

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
    /// The release is with the customers: nothing of it is changed any more.
    Shipped,
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
        /// Its id; nothing for one that is only about to be stored.
        id: Option<String>,
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
    /// An effect was tried and does not show yet: nothing is tried again until a look proves that it did not happen.
    Unproven {
        /// What was tried.
        what: String,
        /// From when on a look settles it.
        look_again: Timestamp,
    },
    /// Another run announced that it acts, and has not said how that ended.
    RunElsewhere {
        /// The task.
        task: Task,
        /// Who, and on which machine.
        by: String,
        /// Since when.
        since: Timestamp,
        /// Until when nothing is started beside it.
        until: Timestamp,
    },
    /// Only a person can find out whether an effect happened.
    Asked {
        /// What is asked.
        question: Question,
    },
    /// The job of a running task is gone from its service, or runs where this program cannot look.
    JobGone {
        /// The task.
        task: Task,
        /// The job.
        job: JobRef,
        /// What the service says of it.
        why: String,
    },
    /// The job of a running task ended with a result that is not documented.
    ResultUnknown {
        /// The task.
        task: Task,
        /// The job.
        job: JobRef,
        /// The result, as the service spells it.
        result: String,
        /// When to look again: services correct themselves, and this program learns.
        look_again: Timestamp,
    },
    /// Something was replaced for which checks had passed, and nobody has settled that.
    Replaced {
        /// What was replaced by what.
        what: Vec<String>,
        /// The checks whose Pass is about what is gone.
        tasks: Vec<Task>,
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
            Self::StageRelease { .. }
            | Self::Queue { .. }
            | Self::TooEarly { .. }
            | Self::TestRecord { .. }
            | Self::Unproven { .. }
            | Self::RunElsewhere { .. } => OpenedBy::Time,
            Self::AdvisoryState { .. }
            | Self::AdvisoryDropped { .. }
            | Self::Shipped
            | Self::NoReleaseDate
            | Self::NotReady { .. }
            | Self::Decision { .. }
            | Self::Blocker { .. }
            | Self::Missing { .. }
            | Self::MergeRequestClosed { .. }
            | Self::UnknownOutcome { .. }
            | Self::Asked { .. }
            | Self::JobGone { .. }
            | Self::ResultUnknown { .. }
            | Self::Replaced { .. }
            | Self::KernelUnknown { .. }
            | Self::BadRecord { .. } => OpenedBy::Person,
        }
    }

    /// When it makes sense to look again, where that is known to the minute.
    pub const fn look_again(&self) -> Option<Timestamp> {
        match self {
            Self::Unproven { look_again: at, .. }
            | Self::RunElsewhere { until: at, .. }
            | Self::ResultUnknown { look_again: at, .. } => Some(*at),
            Self::Promotion { .. }
            | Self::StageRelease { .. }
            | Self::Prerequisite { .. }
            | Self::Queue { .. }
            | Self::AdvisoryState { .. }
            | Self::AdvisoryDropped { .. }
            | Self::Shipped
            | Self::TooEarly { .. }
            | Self::NoReleaseDate
            | Self::NotReady { .. }
            | Self::Decision { .. }
            | Self::Blocker { .. }
            | Self::Missing { .. }
            | Self::MergeRequestClosed { .. }
            | Self::UnknownOutcome { .. }
            | Self::Asked { .. }
            | Self::JobGone { .. }
            | Self::Replaced { .. }
            | Self::TestRecord { .. }
            | Self::KernelUnknown { .. }
            | Self::BadRecord { .. } => None,
        }
    }

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
            Self::Shipped => {
                format!("nothing is to be done; if the task is still open: oar -r {release} plan says how it ends")
            }
            Self::TooEarly { from } => format!("wait until {from}"),
            Self::NoReleaseDate => "ask ART to put the release date into build data".to_owned(),
            Self::NotReady { .. } => "ask ART to complete the build data".to_owned(),
            Self::Decision { which, .. } => {
                let task = which.task();
                format!("look at the failed jobs and decide: oar -r {release} {task} --decide accept --reason TEXT")
            }
            Self::Blocker { id: Some(id), .. } => {
                format!("resolve the blocker: oar -r {release} issue resolve {id} --resolution TEXT")
            }
            Self::Blocker { id: None, .. } => format!(
                "resolve the blocker, whose ID is said by oar -r {release} issue list: oar -r {release} issue resolve ID \
                 --resolution TEXT"
            ),
            Self::Missing { .. } => "provide it".to_owned(),
            Self::MergeRequestClosed { .. } => "ask ART for the right merge request".to_owned(),
            Self::UnknownOutcome { .. } => "look at the service whether it happened".to_owned(),
            Self::Unproven { look_again, .. } => {
                format!("wait until {}: a look then settles it, and nothing is tried twice", stamp(*look_again))
            }
            Self::RunElsewhere { task, until, .. } => format!(
                "let it go on, and look again at {}; if that machine is certainly gone and nothing was started: oar -r \
                 {release} update-task-status {task} 'Not Started' --reason TEXT",
                stamp(*until)
            ),
            Self::Asked { question } => {
                let answers: Vec<_> = question.commands(&release.to_string());
                format!("look at the service, then answer: {}", answers.join(" or "))
            }
            Self::JobGone { task, job, .. } | Self::ResultUnknown { task, job, .. } => {
                gone_steps(&release.to_string(), *task, job).join("\n")
            }
            Self::Replaced { .. } => {
                format!("run these again, or leave it as it is; how, is said by: oar -r {release} plan")
            }
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

/// What ends the wait for a job that is gone: the verdict of whoever saw it, another start, or its right number.
pub fn gone_steps(release: &str, task: Task, job: &JobRef) -> Vec<String> {
    let set = format!("oar -r {release} update-task-status {task}");
    let page = job.url.as_deref().map(|url| format!(" ({url})")).unwrap_or_default();
    let mut steps = vec![
        format!("find out how the job ended{page}, then store it: {set} Pass --reason TEXT"),
        format!("or: {set} Fail --reason TEXT"),
        format!("to have another one started: {set} 'Not Started' --reason TEXT"),
    ];
    steps.extend(naming(task).map(|named| format!("if another job is the right one: oar -r {release} {task} {named}")));
    steps
}

/// The option that names the job of `task` on the command line, if it has one.
const fn naming(task: Task) -> Option<&'static str> {
    match task {
        Task::ImageConsistencyCheck => Some("-i ID"),
        Task::StageTesting => Some("-n NUMBER"),
        Task::CreateTestReport
        | Task::TakeOwnership
        | Task::UpdateBugList
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::CheckGreenwaveCvpTests
        | Task::PushToCdnStaging
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::ChangeAdvisoryStatus
        | Task::AddQeApproval => None,
    }
}

impl ClosedGate {
    /// What is closed, and what others say about it.
    pub fn statement(&self) -> Statement {
        let list = |ours: &str, each: &[String], joint: &str| Statement::with(ours, format!(": {}", each.join(joint)));
        match self {
            Self::Promotion { phase } => {
                Statement::with("the payload is not promoted", format!(" (phase {})", term(phase)))
            }
            Self::StageRelease { state: StageRelease::Success, mr } => {
                Statement::ours(format!("the stage release of {mr}"))
            }
            Self::StageRelease { state, mr } => {
                Statement::with(format!("the stage release of {mr} has not succeeded"), format!(" ({state})"))
            }
            Self::Prerequisite { task, status } => {
                Statement::with(format!("{task} has to pass first"), format!(" (it is {status})"))
            }
            Self::Queue { why } => Statement::with("the job queue is busy", format!(": {why}")),
            Self::AdvisoryState { advisories } => {
                let each: Vec<_> = advisories.iter().map(|(id, state)| format!("{id} {state}")).collect();
                list("advisories in a state that cannot be worked on", &each, ", ")
            }
            Self::AdvisoryDropped { advisories } => {
                let each: Vec<_> = advisories.iter().map(ToString::to_string).collect();
                list("advisories dropped although they hold builds", &each, ", ")
            }
            Self::Shipped => Statement::ours("the release is with the customers, so nothing of it is changed any more"),
            Self::TooEarly { from } => Statement::ours(format!("final approval starts on {from}")),
            Self::NoReleaseDate => Statement::ours("build data names no usable release date"),
            Self::NotReady { missing } => list("build data is not ready", missing, "; "),
            Self::Decision { which, summary } => Statement::with(
                format!("the {which} build was rejected"),
                format!(" ({summary}); a decision is needed"),
            ),
            Self::Blocker { issue, .. } => Statement::with("open blocker", format!(": {}", quoted(issue))),
            Self::Missing { what } => Statement::with("", what),
            Self::MergeRequestClosed { mr } => Statement::ours(format!("{mr} was closed without being merged")),
            Self::UnknownOutcome { what } => Statement::with("nobody knows whether this happened", format!(": {what}")),
            Self::Unproven { what, look_again } => Statement::with(
                "nobody knows yet whether this happened",
                format!(": {what}; it is not tried again before {}", stamp(*look_again)),
            ),
            Self::RunElsewhere { task, by, since, until } => Statement::ours(format!(
                "{by} announced at {} that it works on {task}, and has not said how that ended; nothing is started \
                 beside it until {}",
                stamp(*since),
                stamp(*until)
            )),
            Self::Asked { question } => Statement::with(
                format!("a person has to answer question {}", question.id),
                format!(": {}", question.text),
            ),
            Self::JobGone { job, why, .. } => {
                Statement::with(format!("the job {job} cannot be looked at any more"), format!(": {why}"))
            }
            Self::ResultUnknown { job, result, look_again, .. } => Statement::with(
                format!("the job {job} ended with a result that this program does not know"),
                format!(": {}; it is looked at again at {}", quoted(result), stamp(*look_again)),
            ),
            Self::Replaced { what, tasks } => {
                let tasks: Vec<_> = tasks.iter().map(|task| task.name()).collect();
                Statement::with(
                    format!("{} passed for what was replaced since", tasks.join(", ")),
                    format!(": {}", what.join("; ")),
                )
            }
            Self::TestRecord { which, state } => {
                Statement::with(format!("the {which} build is not tested yet"), format!(": {state}"))
            }
            Self::KernelUnknown { advisory, why } => Statement::with(
                format!("nobody can tell whether the kernel of advisory {advisory} may ship"),
                format!(": {why}"),
            ),
            Self::BadRecord { why } => Statement::with("", why),
        }
    }
}

impl fmt::Display for ClosedGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statement().fmt(f)
    }
}
