//! Pieces that several operators need. Refuses: recording an outcome, knowing which task asks.

pub mod advisories;
pub mod advisory_page;
pub mod approval;
pub mod belonging;
pub mod build_record;
pub mod consistency;
pub mod effect_label;
pub mod findings;
#[cfg(test)]
pub(in crate::operators) mod fixtures;
pub mod image_health;
pub mod job_of_run;
pub mod kernel;
pub mod last_look;
pub mod objections;
pub mod owed;
pub mod promotion;
pub mod replaced;
pub mod security_alerts;
pub mod shipment;
pub mod stage_testing_facts;
pub mod state_file;
