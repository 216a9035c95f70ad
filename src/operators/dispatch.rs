//! From request to task: one match for all of them.

use super::error::TaskError;
use super::request::TaskRequest;
use super::run::Run;
use super::steps::approval;
use super::tasks::{
    add_qe_approval, analyze_build, change_advisory_status, check_cve_tracker_bug, check_rhcos_security_alerts,
    image_consistency_check, image_signed_check, push_to_cdn_staging, stage_testing, take_ownership,
};
use crate::domain::outcome::Outcome;
use crate::domain::task::Task;

/// Does what a task owes after its Pass, and nothing else.
pub(super) async fn finish(run: &Run<'_>) -> Result<(), TaskError> {
    match run.task {
        Task::TakeOwnership => take_ownership::finish(run).await,
        Task::ChangeAdvisoryStatus => approval::close_sub_tasks(run).await,
        Task::CreateTestReport
        | Task::UpdateBugList
        | Task::CheckCveTrackerBug
        | Task::CheckRhcosSecurityAlerts
        | Task::CheckGreenwaveCvpTests
        | Task::PushToCdnStaging
        | Task::AnalyzeCandidateBuild
        | Task::AnalyzePromotedBuild
        | Task::ImageConsistencyCheck
        | Task::StageTesting
        | Task::ImageSignedCheck
        | Task::DropBugs
        | Task::AddQeApproval => Ok(()),
    }
}

/// Carries `request` out.
pub(super) async fn dispatch(run: &Run<'_>, request: &TaskRequest) -> Result<Outcome, TaskError> {
    match request {
        TaskRequest::CreateTestReport => {
            Ok(Outcome::Unchanged { why: "the state file is made before a run begins".to_owned() })
        }
        TaskRequest::TakeOwnership { email, .. } => take_ownership::run(run, email.as_deref()).await,
        TaskRequest::CheckCveTrackerBug => check_cve_tracker_bug::run(run).await,
        TaskRequest::CheckRhcosSecurityAlerts => check_rhcos_security_alerts::run(run).await,
        TaskRequest::PushToCdnStaging { check_only, force } => {
            push_to_cdn_staging::run(run, *check_only, force.as_deref()).await
        }
        TaskRequest::ImageConsistencyCheck { job } => image_consistency_check::run(run, job.as_ref()).await,
        TaskRequest::CompareImages { arches } => image_consistency_check::local::run_here(run, arches).await,
        TaskRequest::StageTesting { build, force } => stage_testing::run(run, *build, force.as_deref()).await,
        TaskRequest::ImageSignedCheck => image_signed_check::run(run).await,
        TaskRequest::AnalyzeBuild { which, decide } => analyze_build::run(run, *which, decide.as_ref()).await,
        TaskRequest::ChangeAdvisoryStatus { .. } if request.lacks_reason() => Err(TaskError::Refused {
            why: "an approval earlier than one day before the release date needs a reason".to_owned(),
            next: format!("oar -r {} change-advisory-status --ignore-release-date --reason TEXT", run.release),
        }),
        TaskRequest::ChangeAdvisoryStatus { ignore_release_date, .. } => {
            change_advisory_status::run(run, *ignore_release_date).await
        }
        TaskRequest::AddQeApproval { confirmed } => add_qe_approval::run(run, *confirmed).await,
    }
}
