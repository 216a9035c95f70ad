//! Arguments to typed requests: the clap definitions with their help texts, and the command lines that agents may run.
//!
//! Refuses: what a request does, what an answer looks like, services, files, streams.

pub mod allow_list;
pub mod args;
pub mod command;
pub mod config;
pub mod debug;
pub mod examples;
pub mod job;
pub mod jobctl;
pub mod mcp;
pub mod rehearse;
pub mod serve;
pub mod sim;
pub mod state;
pub mod task;
