//! What runs in the background, one file per agent: a pass (`pass`) looks at the world anew and takes no hint of
//! what changed.
//!
//! Refuses: rules (the planner's and the domain's), what one release or issue needs (the operators'), output.

pub mod aggregator;
pub mod approval_checker;
pub mod job_controller;
pub mod pass;
