//! The one answer to "what would this do", for every question to a person: no front end works it out again.

use super::error::TaskError;
use super::jobs::manual::{self, PreviewedRecord, RecordRequest};
use super::jobs::run_job::{self, JobToRun, PreviewedJob};
use super::manual::{answer, issues, update_task_status};
use super::previewed::{Depth, Preview, PreviewedChange};
use super::request::{BuildDecision, ChangeRequest, TaskRequest};
use super::tasks::{add_qe_approval, analyze_build, change_advisory_status, stage_testing, take_ownership};
use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::domain::result_file::name::ResultName;
use crate::domain::task::Which;

/// What `request` would do to `release` now. Changes nothing, and asks no service to look again.
///
/// # Errors
///
/// What has to be read for `depth` cannot be read.
pub async fn preview(
    ctx: &Context,
    release: &ZStream,
    request: &ChangeRequest,
    depth: Depth,
) -> Result<Preview, TaskError> {
    let previewed = match request {
        ChangeRequest::Task(request) => of_task(ctx, release, request, depth).await,
        ChangeRequest::SetStatus(by_hand) => update_task_status::preview(ctx, release, by_hand, depth).await,
        ChangeRequest::EarlyApproval { .. } => change_advisory_status::preview::early(ctx, release).await,
        ChangeRequest::Answer(by_hand) => answer::preview(ctx, release, by_hand).await,
        ChangeRequest::ResolveIssue { search, resolution } => {
            let blocker = issues::blocker_closed_by(ctx, release, search, depth).await?;
            Ok(blocker.map_or(Preview::Nothing, |issue| {
                Preview::Changes(PreviewedChange::ResolvedBlocker { issue, resolution: resolution.clone() })
            }))
        }
    };
    match previewed {
        Err(TaskError::Closed { by, .. }) => Ok(Preview::Closed(*by)),
        previewed => previewed,
    }
}

/// What the start of jobs by hand would do. Somebody who sits at a terminal is asked before each; an agent needs a scope
/// for what no registry knows, and is not asked. Asks no service.
///
/// # Errors
///
/// The notes of this machine cannot be read.
pub fn of_jobs(ctx: &Context, starts: &[JobToRun]) -> Result<Vec<PreviewedJob>, TaskError> {
    starts.iter().map(|start| run_job::preview(ctx, start)).collect()
}

/// What a change of a test record would do.
///
/// # Errors
///
/// There is no such record, or it cannot be read.
pub async fn of_record(ctx: &Context, of: &ResultName, request: &RecordRequest) -> Result<PreviewedRecord, TaskError> {
    manual::preview(ctx, of, request).await
}

/// May a person have to confirm `request`? Whoever finds out what it would do gets nothing for every other.
pub fn may_ask(request: &ChangeRequest, depth: Depth) -> bool {
    match request {
        ChangeRequest::Task(request) => Confirmable::of(request, depth).is_some(),
        ChangeRequest::SetStatus(_)
        | ChangeRequest::EarlyApproval { .. }
        | ChangeRequest::Answer(_)
        | ChangeRequest::ResolveIssue { .. } => true,
    }
}

/// What a person may have to know of before a task runs.
enum Confirmable<'a> {
    /// Somebody else may own the release.
    Owner { email: Option<&'a str> },
    /// The final approval.
    Approval { ignores_release_date: bool },
    /// The approval of the shipment alone.
    ShipmentApproval,
    /// The stage pipeline starts although a gate may be closed.
    ForcedStart { reason: &'a str },
    /// A person's decision about a build.
    Decision { which: Which, decision: &'a BuildDecision },
}

impl<'a> Confirmable<'a> {
    /// What it is for `request`; nothing when the task may always run.
    fn of(request: &'a TaskRequest, depth: Depth) -> Option<Self> {
        match (request, depth) {
            // An agent got the owner from its user; who does it by hand may not know that there is another one.
            (TaskRequest::TakeOwnership { email, .. }, Depth::Stored) => Some(Self::Owner { email: email.as_deref() }),
            (TaskRequest::ChangeAdvisoryStatus { ignore_release_date, .. }, Depth::Stored | Depth::Looked) => {
                Some(Self::Approval { ignores_release_date: *ignore_release_date })
            }
            (TaskRequest::AddQeApproval { .. }, Depth::Stored | Depth::Looked) => Some(Self::ShipmentApproval),
            // Whoever forces or decides by hand has said why, and nothing else is to be known. Whoever names a build only
            // looks how it goes.
            (TaskRequest::StageTesting { build: None, force: Some(reason) }, Depth::Looked) => {
                Some(Self::ForcedStart { reason })
            }
            (TaskRequest::AnalyzeBuild { which, decide: Some(decision) }, Depth::Looked) => {
                Some(Self::Decision { which: *which, decision })
            }
            (
                TaskRequest::CreateTestReport
                | TaskRequest::TakeOwnership { .. }
                | TaskRequest::CheckCveTrackerBug
                | TaskRequest::CheckRhcosSecurityAlerts
                | TaskRequest::PushToCdnStaging { .. }
                | TaskRequest::ImageConsistencyCheck { .. }
                | TaskRequest::CompareImages { .. }
                | TaskRequest::StageTesting { .. }
                | TaskRequest::ImageSignedCheck
                | TaskRequest::AnalyzeBuild { .. },
                Depth::Stored | Depth::Looked,
            ) => None,
        }
    }
}

async fn of_task(ctx: &Context, release: &ZStream, request: &TaskRequest, depth: Depth) -> Result<Preview, TaskError> {
    match Confirmable::of(request, depth) {
        None => Ok(Preview::Nothing),
        // Without credentials the task itself says what is missing.
        Some(Confirmable::Owner { .. } | Confirmable::ShipmentApproval) if ctx.require(request.needs()).is_err() => {
            Ok(Preview::Nothing)
        }
        Some(Confirmable::Owner { email }) => take_ownership::preview(ctx, release, email).await,
        Some(Confirmable::Approval { ignores_release_date }) => match depth {
            Depth::Stored => change_advisory_status::preview::stored(ctx, release, ignores_release_date).await,
            Depth::Looked => {
                ctx.clock.refresh(&ctx.cancel).await;
                ctx.require(request.needs())?;
                change_advisory_status::preview::looked(ctx, release, ignores_release_date).await
            }
        },
        Some(Confirmable::ShipmentApproval) => add_qe_approval::preview(ctx, release).await,
        Some(Confirmable::ForcedStart { reason }) => stage_testing::preview(ctx, release, reason).await,
        Some(Confirmable::Decision { which, decision }) => analyze_build::preview(ctx, release, which, decision).await,
    }
}
