//! The command line: arguments to one request, report or error to text or JSON.
//!
//! `program` is the way in, `grammar` has the arguments, `commands::oar` makes one request of them; a command with more to it has a file
//! of its name. Refuses: rules about releases, calls to services, records of its own.

pub mod commands;
pub mod complete;
mod confirm;
pub mod output;
pub mod outside;
pub mod program;
pub mod serve;
pub mod shapes;
