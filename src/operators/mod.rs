//! One file per task; `run.rs` is the one way in.
//!
//! An operator reads like the procedure an engineer would explain. Refuses: naming another operator
//! (shared pieces live in `steps/`, shared rules in `domain`), retries, exit codes, rendering.

pub mod add_qe_approval;
pub mod analyze_build;
pub mod build_promotion;
pub mod change_advisory_status;
pub mod check_cve_tracker_bug;
pub mod check_rhcos_security_alerts;
pub mod compare_images;
pub mod create_test_report;
pub mod discovery;
pub mod error;
pub mod image_consistency_check;
pub mod image_signed_check;
pub mod is_shipped;
pub mod issues;
pub mod metadata;
pub mod push_to_cdn_staging;
pub mod record;
pub mod report;
pub mod request;
pub mod run;
pub mod stage_testing;
pub mod status;
pub mod steps;
pub mod take_ownership;
pub mod update_task_status;

use error::TaskError;
use request::TaskRequest;
use run::Run;

use crate::domain::task::Outcome;

/// One match for all tasks.
async fn dispatch(run: &Run<'_>, request: &TaskRequest) -> Result<Outcome, TaskError> {
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
        TaskRequest::CompareImages { arches } => image_consistency_check::run_here(run, arches).await,
        TaskRequest::StageTesting { build, force } => stage_testing::run(run, *build, force.as_deref()).await,
        TaskRequest::ImageSignedCheck => image_signed_check::run(run).await,
        TaskRequest::AnalyzeBuild { which, decide } => analyze_build::run(run, *which, decide.as_ref()).await,
        TaskRequest::ChangeAdvisoryStatus { ignore_release_date, .. } => {
            change_advisory_status::run(run, *ignore_release_date).await
        }
        TaskRequest::AddQeApproval => add_qe_approval::run(run).await,
    }
}
