//! The one answer to "what would this do", for every question to a person: no front end works it out again.

use super::error::TaskError;
use super::foreseen::{Depth, Foreseen, Preview};
use super::manual::{answer, issues, update_task_status};
use super::request::{ChangeRequest, TaskRequest};
use super::tasks::{analyze_build, change_advisory_status, stage_testing, take_ownership};
use crate::core::context::Context;
use crate::domain::release::ZStream;

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
    let foreseen = match request {
        ChangeRequest::Task(request) => of_task(ctx, release, request, depth).await,
        ChangeRequest::SetStatus(by_hand) => update_task_status::preview(ctx, release, by_hand, depth).await,
        ChangeRequest::EarlyApproval { .. } => change_advisory_status::preview::early(ctx, release).await,
        ChangeRequest::Answer(by_hand) => answer::preview(ctx, release, by_hand).await,
        ChangeRequest::ResolveIssue { search, resolution } => {
            let blocker = issues::blocker_closed_by(ctx, release, search, depth).await?;
            Ok(blocker.map_or(Preview::Nothing, |issue| {
                Preview::Changes(Foreseen::ResolvedBlocker { issue, resolution: resolution.clone() })
            }))
        }
    };
    match foreseen {
        Err(TaskError::Closed { by, .. }) => Ok(Preview::Closed(*by)),
        foreseen => foreseen,
    }
}

async fn of_task(ctx: &Context, release: &ZStream, request: &TaskRequest, depth: Depth) -> Result<Preview, TaskError> {
    match request {
        TaskRequest::TakeOwnership { email, .. } => {
            // Without credentials the task itself says what is missing.
            if ctx.require(request.needs()).is_err() {
                return Ok(Preview::Nothing);
            }
            take_ownership::preview(ctx, release, email.as_deref()).await
        }
        TaskRequest::ChangeAdvisoryStatus { ignore_release_date, .. } => match depth {
            Depth::Stored => change_advisory_status::preview::stored(ctx, release, *ignore_release_date).await,
            Depth::Looked => {
                ctx.clock.refresh(&ctx.cancel).await;
                ctx.require(request.needs())?;
                change_advisory_status::preview::looked(ctx, release, *ignore_release_date).await
            }
        },
        // Whoever forces or decides by hand has said why, and nothing else is to be known.
        TaskRequest::StageTesting { .. } | TaskRequest::AnalyzeBuild { .. } if depth == Depth::Stored => {
            Ok(Preview::Nothing)
        }
        // Whoever names a build only looks how it goes.
        TaskRequest::StageTesting { build: None, force: Some(reason) } => {
            stage_testing::preview(ctx, release, reason).await
        }
        TaskRequest::AnalyzeBuild { which, decide: Some(decision) } => {
            analyze_build::preview(ctx, release, *which, decision).await
        }
        TaskRequest::CreateTestReport
        | TaskRequest::CheckCveTrackerBug
        | TaskRequest::CheckRhcosSecurityAlerts
        | TaskRequest::PushToCdnStaging { .. }
        | TaskRequest::ImageConsistencyCheck { .. }
        | TaskRequest::CompareImages { .. }
        | TaskRequest::StageTesting { .. }
        | TaskRequest::ImageSignedCheck
        | TaskRequest::AnalyzeBuild { .. }
        | TaskRequest::AddQeApproval => Ok(Preview::Nothing),
    }
}
