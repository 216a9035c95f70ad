//! One file per task, named like the task on the command line.
//!
//! A task reads like the procedure an engineer would explain: what it looks at, when it may start, what it does.
//! Refuses: naming another task (shared pieces live in `steps/`, shared rules in `domain`), recording its own end
//! (`execute` does that), repeats of requests, exit codes, rendering.

pub mod add_qe_approval;
pub mod analyze_build;
pub mod change_advisory_status;
pub mod check_cve_tracker_bug;
pub mod check_rhcos_security_alerts;
pub mod create_test_report;
pub mod image_consistency_check;
pub mod image_signed_check;
pub mod push_to_cdn_staging;
pub mod stage_testing;
pub mod take_ownership;
