//! One file per task; `run.rs` is the one way in, `dispatch.rs` the list of them. Beside them are views of a release
//! (`status`, `metadata`, `is_shipped`, …) and changes by hand (`issues`, `update_task_status`).
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
mod dispatch;
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
