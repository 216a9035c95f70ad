//! The command line: arguments to one request, report or error to text or JSON.
//!
//! `program` is the way in, `args` has the words, `oar` makes one request of them; a command with more to it has a file
//! of its name. Refuses: rules about releases, calls to services, records of its own.

pub mod access;
pub mod args;
pub mod complete;
pub mod config;
mod confirm;
pub mod drive;
pub mod examples;
pub mod exit;
pub mod logging;
pub mod man;
pub mod mcp_install;
pub mod oar;
pub mod outside;
pub mod program;
pub mod progress;
pub mod rehearse;
pub mod render;
pub mod serve;
pub mod serve_args;
pub mod shapes;
pub mod sim;
pub mod state;
mod status;
pub mod terminal;
