//! The command line: arguments to one request, report or error to text or JSON.
//!
//! `program` is the way in, `dispatch` knows the commands, `invocation` is what they share. Refuses: rules about
//! releases, calls to services, records of its own.

pub mod commands;
pub mod complete;
mod confirm;
mod dispatch;
pub mod invocation;
pub mod output;
pub mod outside;
pub mod program;
pub mod serve;
mod signals;
