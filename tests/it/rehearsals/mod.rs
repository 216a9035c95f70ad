//! The stories: each is reported by one world, in the words of [`crate::rehearsal`]. One file per task or agent.

mod add_qe_approval;
mod analyze_build;
mod change_advisory_status;
mod check_cve_tracker_bug;
mod check_rhcos_security_alerts;
mod compare_images;
mod confirmation;
mod create_test_report;
mod discovery;
mod drive;
mod faults;
mod image_consistency_check;
mod image_signed_check;
mod issues;
mod kernel;
mod notifications;
mod people;
mod plan;
mod push_to_cdn_staging;
mod rehearse;
mod stage_testing;
mod status;
mod take_ownership;
mod update_task_status;
