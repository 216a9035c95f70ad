//! What people change about the jobs of a build: trigger what is missing, promote the build, replace a run.

use std::collections::BTreeSet;

use crate::core::context::Context;
use crate::domain::foreign::quoted;
use crate::domain::ids::ProwJobId;
use crate::domain::job_images::Images;
use crate::domain::job_starts::{first_runs, plan, policy};
use crate::domain::result_file::additions::{Event, EventKind, PlanState};
use crate::domain::result_file::change::ResultChange;
use crate::domain::result_file::name::ResultName;
use crate::domain::result_file::starts::{JobStart, RunSlot};
use crate::domain::result_file::{JobItem, ResultFile};
use crate::operators::error::TaskError;
use crate::operators::jobs::job_files::{self, JobFiles, stream_of};
use crate::operators::jobs::job_writer::{JobWriter, Powers, message};
use crate::operators::jobs::payload_label;
use crate::operators::jobs::report::BuildReport;
use crate::operators::jobs::trigger::{BuildToTest, trigger, whole};
use crate::operators::jobs::watch::{begin, resumed, stable_of};

/// What a person wants of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Also trigger the jobs that ran already; what counted until then stays in the history. Needs a reason.
    pub again: Option<String>,
    /// Jobs of which it is certain that they were not triggered, although nobody can see that any more.
    pub never_started: Vec<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What came of a change of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedRecord {
    /// Which build.
    pub of: ResultName,
    /// Is anything different from before?
    pub changed: bool,
    /// What was done, in one sentence.
    pub what: String,
    /// What somebody should know.
    pub notes: Vec<String>,
}

/// Plans what is missing for a build, and triggers it.
///
/// # Errors
///
/// There is no such build, its registry cannot be used, or a service does not answer.
pub async fn trigger_for_build(
    writer: &JobWriter<'_>,
    job_files: &JobFiles,
    of: &ResultName,
    wanted: &Wanted,
) -> Result<BuildReport, TaskError> {
    if wanted.again.is_some() || !wanted.never_started.is_empty() {
        needs_reason(wanted.reason.as_deref().unwrap_or_default())?;
    }
    let stream = stream_of(of)?;
    let (digest, section) = job_files.section(&stream)?;
    let builds = writer.ctx.release_controller_of(of.arch).builds(&stream).await?;
    let build = builds.unwrap_or_default().into_iter().find(|build| build.name == of.build);
    let build = build.ok_or_else(|| TaskError::Refused {
        why: format!("the release controller has no build {} for {}", of.build, of.arch.name()),
        next: "look at its page for the name and the architecture; nightlies are gone after some days".to_owned(),
    })?;
    let Some(record) = job_files.open(writer, of).await? else {
        return begin(writer, of, &build, digest, section, &stream).await;
    };
    if writer.powers.shadow {
        return Ok(resumed(writer, of, record.file, section).await);
    }
    let stable = stable_of(writer, section, &stream).await?;
    let missing = ResultChange::AddPlan {
        policy: policy(&record.file, digest, section),
        entries: plan(section, stream.minor, stream.stream, stable.as_deref()),
    };
    let mut changes = vec![missing];
    for job in &wanted.never_started {
        changes.extend(never_started(writer, &record.file, job, wanted.reason.as_deref().unwrap_or_default())?);
    }
    // To plan is no start: whoever holds the lease triggers it.
    let file = change(writer, of, message::PLAN_MISSING, &changes).await?.0;
    let again = wanted.again.as_deref().map(|why| all_again(&file, why)).unwrap_or_default();
    let mut report = resumed(writer, of, file, section).await;
    if !again.is_empty() && report.triggered.stopped.is_none() {
        let file = writer.files.newest(&of.path()).await?.unwrap_or_default();
        let file = job_files::read(of, &file)?;
        let jobs = file.policy().map_or_else(|| section.to_vec(), |policy| policy.jobs);
        let pull_spec = file.pull_spec().unwrap_or_default();
        let build =
            BuildToTest { of, pull_spec: &pull_spec, jobs: &jobs, file, announced: Vec::new(), looks_first: false };
        let mut more = trigger(writer, build, &again).await;
        report.triggered.runs.append(&mut more.runs);
        report.triggered.open.append(&mut more.open);
        report.triggered.stopped = more.stopped;
    }
    if matches!(report.triggered.stopped.as_deref(), Some(TaskError::HeldElsewhere(_)))
        && let Some(held) = report.triggered.stopped.take()
    {
        report.notes.push(format!("{held}: what is planned is triggered there"));
    }
    Ok(report)
}

/// Takes every announcement of a start of `job` away, of the first run and of further ones.
fn never_started(
    writer: &JobWriter<'_>,
    file: &ResultFile,
    job: &str,
    reason: &str,
) -> Result<Vec<ResultChange>, TaskError> {
    let denied = |start: JobStart| {
        let detail = format!("{}: {reason}", start.key());
        let (at, actor) = (whole(writer.ctx.clock.now()), writer.actor());
        ResultChange::NeverStarted { start, event: Event { at, actor, kind: EventKind::NeverStarted, detail } }
    };
    let announced = file.announced();
    let all: Vec<_> = announced.iter().filter_map(|start| JobStart::announced_as(&start.key)).collect();
    let of_job: Vec<_> = all.iter().filter(|start| start.job == job).cloned().collect();
    let is_uncertain = file.plan().iter().any(|entry| entry.job == job && entry.state == PlanState::Uncertain);
    if of_job.is_empty() && is_uncertain {
        let start = JobStart { job: job.to_owned(), slot: RunSlot::First, upgrade_from: None };
        return Ok(vec![denied(start)]);
    }
    if of_job.is_empty() {
        let open: BTreeSet<&str> = all.iter().map(|start| start.job.as_str()).collect();
        let open = open.into_iter().collect::<Vec<_>>().join(", ");
        return Err(TaskError::Refused {
            why: format!("no start of {} is announced and unanswered", quoted(job)),
            next: match open.is_empty() {
                true => "leave --never-started out: every start is accounted for".to_owned(),
                false => format!("give one of these: {open}"),
            },
        });
    }
    Ok(of_job.into_iter().map(denied).collect())
}

/// A run in the place of each first one.
fn all_again(file: &ResultFile, why: &str) -> Vec<JobStart> {
    let plan = file.plan();
    let jobs = file.jobs();
    let of_item = |item: &JobItem<'_>| {
        let slot = RunSlot::Instead {
            of: item.first.id?.to_owned(),
            replaced: item.history.len(),
            why: format!("triggered again: {why}"),
        };
        let planned = plan.iter().find(|entry| entry.job == item.name);
        let upgrade_from = planned.and_then(|entry| entry.upgrade_from.clone());
        Some(JobStart { job: item.name.to_owned(), slot, upgrade_from })
    };
    let missing = first_runs(file);
    let is_there = |start: &JobStart| !missing.iter().any(|first| first.job == start.job);
    jobs.iter().filter_map(of_item).filter(is_there).collect()
}

/// Accepts a build whatever its jobs say; the next pass of the aggregator carries that out.
///
/// # Errors
///
/// There is no record of it, or the store does not answer.
async fn promote(writer: &JobWriter<'_>, of: &ResultName, reason: &str) -> Result<ChangedRecord, TaskError> {
    let event = Event {
        at: whole(writer.ctx.clock.now()),
        actor: writer.actor(),
        kind: EventKind::Promoted,
        detail: reason.to_owned(),
    };
    let mut notes = Vec::new();
    let before = open(writer, of).await?;
    if before.accepted() == Some(true) {
        notes.push("it is accepted anyway".to_owned());
    }
    if before.promoted() == Some(true) {
        notes.push("it was promoted before".to_owned());
    }
    let (_, changed) = change(writer, of, message::PROMOTE, &[ResultChange::Promote { event }]).await?;
    Ok(ChangedRecord { of: of.clone(), changed, what: format!("{} is promoted", of.build), notes })
}

/// Labels the payload of a build as rejected, or takes that back: then it carries the label that it had before. Who, when
/// and why stands in the record before the label is set.
///
/// # Errors
///
/// There is no record of it, the store or the cluster does not answer. What stands in the record is done by the same call
/// again.
async fn reject_payload(
    writer: &JobWriter<'_>,
    of: &ResultName,
    reason: &str,
    takes_back: bool,
) -> Result<ChangedRecord, TaskError> {
    let mut notes = Vec::new();
    let before = open(writer, of).await?;
    let stands = payload_label::is_rejected(&before);
    if takes_back && !stands {
        return Err(TaskError::Refused {
            why: format!("nobody rejected the payload of {}", of.build),
            next: "leave --take-back out to reject it".to_owned(),
        });
    }
    if !takes_back && (before.accepted() == Some(true) || before.promoted() == Some(true)) {
        notes.push("its tests accept it; the record keeps saying so".to_owned());
    }
    let kind = if takes_back { EventKind::RejectionTakenBack } else { EventKind::PayloadRejected };
    let event = Event { at: whole(writer.ctx.clock.now()), actor: writer.actor(), kind, detail: reason.to_owned() };
    let (file, changed) = if stands == takes_back {
        change(writer, of, message::REJECTION, &[ResultChange::Note(event)]).await?
    } else {
        (before, false)
    };
    payload_label::set_by_hand(writer.ctx, of, &file).await?;
    let what = match takes_back {
        true => format!("the payload of {} is not rejected any more", of.build),
        false => format!("the payload of {} is labelled as rejected", of.build),
    };
    Ok(ChangedRecord { of: of.clone(), changed, what, notes })
}

/// A change of a record that a person makes, or confirms before an agent may make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordRequest {
    /// Accept the build whatever its jobs say.
    Promote {
        /// Why.
        reason: String,
    },
    /// Label the payload as rejected.
    RejectPayload {
        /// Or take such a label back.
        takes_back: bool,
        /// Why.
        reason: String,
    },
    /// Let another run count.
    ReplaceRun {
        /// Of this job.
        job: String,
        /// In the place of this one.
        current: ProwJobId,
        /// This one.
        new: ProwJobId,
        /// Why.
        reason: String,
    },
}

/// Who reads a record later has to see why a person stepped in.
fn needs_reason(reason: &str) -> Result<(), TaskError> {
    if reason.trim().is_empty() {
        let why = "a change by hand needs its reason, which stands in the record".to_owned();
        return Err(TaskError::Refused { why, next: "say it: --reason TEXT".to_owned() });
    }
    Ok(())
}

impl RecordRequest {
    fn reason(&self) -> &str {
        match self {
            Self::Promote { reason } | Self::RejectPayload { reason, .. } | Self::ReplaceRun { reason, .. } => reason,
        }
    }

    /// What is to be said when it failed.
    pub const fn refusal(&self) -> &'static str {
        match self {
            Self::Promote { .. } => "the build could not be promoted",
            Self::RejectPayload { .. } => "the payload could not be labelled",
            Self::ReplaceRun { .. } => "the run could not be replaced",
        }
    }
}

/// What such a change would do, and what the record says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewedRecord {
    /// Which record.
    pub of: ResultName,
    /// What is wanted.
    pub request: RecordRequest,
    /// The verdict, if there is one yet.
    pub verdict: Option<String>,
    /// Is the build accepted?
    pub accepted: Option<bool>,
    /// Was it promoted by hand?
    pub promoted: Option<bool>,
    /// Its jobs.
    pub jobs: usize,
    /// Those with a run that passed.
    pub passed: usize,
}

/// What the change would do.
///
/// # Errors
///
/// There is no record of it, or the store does not answer.
pub async fn preview(ctx: &Context, of: &ResultName, request: &RecordRequest) -> Result<PreviewedRecord, TaskError> {
    let writer = JobWriter::new(ctx, Powers { shadow: true, take_over: false })?;
    let file = open(&writer, of).await?;
    let jobs = file.jobs();
    Ok(PreviewedRecord {
        of: of.clone(),
        request: request.clone(),
        verdict: file.verdict().map(|verdict| verdict.decision),
        accepted: file.accepted(),
        promoted: file.promoted(),
        jobs: jobs.len(),
        passed: jobs.iter().filter(|item| item.runs().any(|run| run.passed())).count(),
    })
}

/// Makes the change.
///
/// # Errors
///
/// There is no record, job or run of that name, the reason is blank, or the store or the cluster does not answer.
pub async fn carry_out(
    writer: &JobWriter<'_>,
    of: &ResultName,
    request: &RecordRequest,
) -> Result<ChangedRecord, TaskError> {
    needs_reason(request.reason())?;
    match request {
        RecordRequest::Promote { reason } => promote(writer, of, reason).await,
        RecordRequest::RejectPayload { takes_back, reason } => reject_payload(writer, of, reason, *takes_back).await,
        RecordRequest::ReplaceRun { job, current, new, reason } => {
            replace_run(writer, of, job, current, new, reason).await
        }
    }
}

fn is_by_digest(image: &str) -> bool {
    image.contains("@sha256:")
}

/// Lets another run count in the place of one; the build is judged anew.
///
/// # Errors
///
/// There is no record, job or run of that name, or the new run is one of another job.
async fn replace_run(
    writer: &JobWriter<'_>,
    of: &ResultName,
    job: &str,
    current: &ProwJobId,
    new: &ProwJobId,
    reason: &str,
) -> Result<ChangedRecord, TaskError> {
    let mut notes = Vec::new();
    let tested = open(writer, of).await?.pull_spec();
    match writer.ctx.prow().job(new).await? {
        Some(run) if run.job != job => {
            return Err(TaskError::Refused {
                why: format!("{new} is a run of {}, not of {job}", quoted(&run.job)),
                next: "take the id from the page of the run that is to count".to_owned(),
            });
        }
        Some(run) => {
            let images = Images::of_variables(&run.envs);
            let other = images.as_ref().and_then(Images::tested).zip(tested.as_deref());
            if let Some((image, tested)) = other.filter(|(image, tested)| image != tested) {
                let differs = format!("{new} tests {}, and the build is {tested}", quoted(image));
                if is_by_digest(image) == is_by_digest(tested) {
                    let next = format!("take a run of {job} that was started for {}", of.build);
                    return Err(TaskError::Refused { why: differs, next });
                }
                notes.push(format!("{differs}: nobody can tell here whether that is the same"));
            }
        }
        None => notes.push(format!("Prow does not show {new}: it is taken as it was given")),
    }
    let event = Event {
        at: whole(writer.ctx.clock.now()),
        actor: writer.actor(),
        kind: EventKind::RunReplaced,
        detail: reason.to_owned(),
    };
    let (current, new) = (current.to_string(), new.to_string());
    let what = format!("{new} counts in the place of {current}");
    let replace = ResultChange::Replace { job: job.to_owned(), old: current, new, event };
    let changed = change(writer, of, message::REPLACE, &[replace]).await.map_err(|error| {
        if let TaskError::Taken { why } = error {
            return TaskError::Refused { why, next: "give one of the names or ids that the record has".to_owned() };
        }
        error
    });
    Ok(ChangedRecord { of: of.clone(), changed: changed?.1, what, notes })
}

async fn open(writer: &JobWriter<'_>, of: &ResultName) -> Result<ResultFile, TaskError> {
    match writer.files.newest(&of.path()).await? {
        Some(text) => job_files::read(of, &text),
        None => Err(no_record(of)),
    }
}

fn no_record(of: &ResultName) -> TaskError {
    TaskError::Refused {
        why: format!("there is no test record of {} for {}", of.build, of.arch.name()),
        next: format!("jobctl trigger-jobs-for-build --build {} --arch {}", of.build, of.arch.name()),
    }
}

/// A change that needs no lease: it triggers nothing. The file after it, and whether it is another one.
async fn change(
    writer: &JobWriter<'_>,
    of: &ResultName,
    message: &str,
    changes: &[ResultChange],
) -> Result<(ResultFile, bool), TaskError> {
    if writer.powers.shadow {
        return Err(TaskError::DryRun { would: format!("change {}", of.path()) });
    }
    let (path, message) = (of.path(), format!("{message} of {}", of.build));
    let changed = writer.files.change(&path, &message, |text| {
        let mut file = job_files::read(of, text.ok_or_else(|| no_record(of))?)?;
        let mut is_new = false;
        for change in changes {
            is_new |= file.apply(change).map_err(|refused| TaskError::Taken { why: refused.to_string() })?;
        }
        Ok::<_, TaskError>(is_new.then(|| file.to_text()))
    });
    let changed = changed.await?;
    Ok((job_files::read(of, &changed.text)?, changed.changed))
}
