//! One file per group of commands: arguments to one request, its answer to the streams.
//!
//! Refuses: rules about releases, calls to services, other groups. Only `sim` and `rehearse` name the simulator.

pub mod access;
pub mod config;
pub(crate) mod ctl;
pub mod drive;
pub(crate) mod job;
pub(crate) mod jobctl;
pub mod man;
pub(crate) mod manual;
pub mod mcp_install;
pub mod rehearse;
pub mod sim;
pub mod state;
pub(crate) mod status;
pub(crate) mod tasks;
pub(crate) mod views;
