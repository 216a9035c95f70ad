//! The front end for AI agents: tool calls to one request, reports and errors to structured answers.
//!
//! `server` is what all connections share, `connection` speaks the protocol with one client over the transports
//! `http`, `legacy_sse` and `stdio`. `catalog` knows every tool, `tools/` holds the rows by subject, `runs` keeps
//! what changes something alive until it is recorded, `confirm` asks people. Refuses: rules about releases, calls
//! to services, and answers that a program has to guess from.

pub mod arguments;
pub mod audit_line;
pub mod call;
pub mod catalog;
pub mod confirm;
pub mod connection;
pub mod explain;
#[cfg(feature = "conformance")]
pub mod fixtures;
pub mod health_fields;
pub mod http;
pub mod legacy_sse;
pub mod progress;
pub mod prompts;
pub mod rechecks;
pub mod reply;
pub mod request_ids;
pub mod resources;
pub mod runners;
pub mod session_count;
pub mod shared;
pub mod stdio;
pub mod stored;
pub mod tool;
pub mod tools;
