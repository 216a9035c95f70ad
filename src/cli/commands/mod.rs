//! One file per group of commands: arguments to one request, its answer to the streams.
//!
//! Refuses: rules about releases, calls to services. Only `sim` and `rehearse` name the simulator.

pub mod access;
pub mod config;
pub mod drive;
pub mod man;
pub mod mcp_install;
pub mod oar;
pub mod rehearse;
pub mod sim;
pub mod state;
pub(crate) mod status;
