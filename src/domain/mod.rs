//! Words and rules of shipping a release: values in, values out.
//!
//! Refuses: I/O, async, clocks, logging. What is decided here can be replayed from its input.

#![warn(missing_docs)]

pub mod absence;
pub mod acceptance;
pub mod advisory;
pub mod age;
pub mod agent_lease;
pub mod approval;
pub mod assembly;
pub mod belongs;
pub mod build;
pub mod build_stream;
pub mod closed_gate;
pub mod consistency;
pub mod credential;
pub mod cve_trackers;
pub mod dates;
pub mod discovery;
pub mod evaluation;
pub mod evidence;
pub mod foreign;
pub mod gone_builds;
pub mod ids;
pub mod image_health;
pub mod job_images;
pub mod job_order;
pub mod job_registry;
pub mod job_starts;
pub mod job_trace;
pub mod kernel;
pub mod mask;
pub mod nearest;
pub mod outcome;
pub mod owed;
pub mod pasted;
pub mod pipeline;
pub mod pull_spec;
pub mod push;
pub mod qe_sub_tasks;
pub mod release;
pub mod repeated_key;
pub mod result_file;
pub mod service;
pub mod shipment;
pub mod signature;
pub(crate) mod spelled;
pub mod stage_testing;
pub mod state;
pub mod stopped;
pub mod subject;
pub mod task;
pub mod verdict;
pub mod withdrawal;
pub mod wrong_clock;
pub mod yaml;
